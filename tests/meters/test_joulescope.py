"""The Joulescope: what its library publishes, told by a stand-in with the library's own names, and agreement with the true joules."""

from __future__ import annotations

import inspect
import json
import random
import threading
from typing import Any

import pytest

from edgekit.core.channel import Measurand
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID
from edgekit.energy.clocks.sync import edge_windows
from edgekit.links.joulescope import JoulescopePort
from edgekit.meters.joulescope import JoulescopeMeter
from edgekit.meters.joulescope_lines import parse, parse_levels, told
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.joulescope import JoulescopeLibrary
from edgekit.sim.load import constant, square
from tests.meters.agreement import Run, require_agreement, run
from tests.meters.probes import window
from tests.meters.scripted import Heard, pass_time

SECOND = 1_000_000_000
STEADY = Circuit(power=constant(0.5), voltage_v=5.0)


def connect(library: JoulescopeLibrary, clock: ScriptedClock, **options: str) -> JoulescopeMeter:
    """Put the driver on a library whose callbacks come as scripted time passes."""
    clock.subscribe(lambda _before, now_ns: library.pass_until(now_ns))
    library.pass_until(clock.now_ns())

    def wait(seconds: float) -> None:
        due_ns = library.next_ns()
        until_ns = clock.now_ns() + round(seconds * 1e9)
        clock.advance(max(1, min(until_ns, due_ns or until_ns) - clock.now_ns()))

    def opened(address: str, baud: int = 0) -> JoulescopePort:
        return JoulescopePort(address, library=lambda: library, wait=wait)

    return JoulescopeMeter("", options, clock=clock, open_port=opened)


def listening(library: JoulescopeLibrary, clock: ScriptedClock, **options: str) -> tuple[JoulescopeMeter, Heard]:
    heard = Heard()
    meter = connect(library, clock, **options)
    meter.start(heard.sink, heard)
    return meter, heard


@pytest.mark.parametrize("model", ["js110", "js220", "js320"])
def test_blocks_are_watts_and_joules_dated_by_its_own_counter(model: str) -> None:
    clock = ScriptedClock()
    library = JoulescopeLibrary(STEADY, model=model, clock=OwnClock(offset_ns=10**12, drift=5e-5))
    meter, heard = listening(library, clock)
    pass_time(clock, seconds=5.0, step_s=0.02)
    spec = meter.spec()
    meter.stop()
    assert {channel.origin for channel in spec.channels} == {Origin.EMULATED}
    assert (spec.identity, spec.accuracy.verified) == (f"{model.upper()} EMUL0001", False)
    watts, joules = heard.trace("joulescope.power"), heard.trace("joulescope.energy")
    assert watts.value == pytest.approx(0.5)
    assert len(watts) == pytest.approx(500, abs=3)
    assert joules.value[-1] - joules.value[0] == pytest.approx(0.5 * (int(joules.t_ns[-1]) - int(joules.t_ns[0])) / 1e9, rel=1e-3)
    assert (watts.t_ns[1:] > watts.t_ns[:-1]).all()
    assert heard.codes == []


def test_nothing_is_switched_unless_told() -> None:
    for options, told_last in (({}, None), ({"power": "on"}, None), ({"power": "during"}, ("s/i/range/mode", "off"))):
        clock, library = ScriptedClock(), JoulescopeLibrary(STEADY)
        meter, _ = listening(library, clock, **options)
        meter.stop()
        switched = [item for item in library.published if item[0].startswith("s/i/range")]
        assert switched == [("s/i/range/mode", "auto")] * bool(options) + [told_last] * bool(told_last)


def test_an_instrument_that_lets_nothing_through_says_so() -> None:
    for model in ("js110", "js220"):
        with pytest.raises(HardwareError) as refused:
            connect(JoulescopeLibrary(STEADY, model=model, powered=False), ScriptedClock()).spec()
        assert refused.value.code == "meter.off"
    assert connect(JoulescopeLibrary(STEADY, powered=False), ScriptedClock(), power="on").spec().kind == "joulescope"


def test_its_serial_number_tells_one_of_several() -> None:
    class Two(JoulescopeLibrary):
        def device_paths(self, timeout: float | None = None) -> list[str]:
            return ["u/js220/000001", self.path]

    for address in ("emul0001", "u/js220/EMUL0001", "usb://16d0:10ba/EMUL0001"):
        assert JoulescopePort(address, library=lambda: Two(STEADY)).read(99, 0.0) == b'{"topic": "@/device", "value": "u/js220/EMUL0001"}\n'
    for address in ("", "usb://16d0:10ba"):
        with pytest.raises(UsageError) as several:
            JoulescopePort(address, library=lambda: Two(STEADY))
        assert several.value.code == "meter.several"


def test_a_capture_names_no_instrument() -> None:
    line = JoulescopePort("", library=lambda: JoulescopeLibrary(STEADY, serial="004711")).read(999, 0.0)
    clean = JoulescopeMeter.redact(line)
    assert (b"004711" in line, b"004711" in clean, len(clean)) == (True, False, len(line))
    assert told(clean) == ("@/device", "u/js220/000000")


def test_what_cannot_be_opened_is_said() -> None:
    unplugged, busy = JoulescopeLibrary(STEADY), JoulescopeLibrary(STEADY)
    unplugged.remove()
    busy.busy = True
    for library, code in ((unplugged, "port.absent"), (busy, "port.busy")):
        with pytest.raises(HardwareError) as refused:
            JoulescopePort("", library=lambda library=library: library)
        assert refused.value.code == code


def test_lost_blocks_leave_a_gap_and_no_joules_are_lost() -> None:
    clock, library = ScriptedClock(), JoulescopeLibrary(STEADY)
    meter, heard = listening(library, clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    library.lose(20)
    pass_time(clock, seconds=1.0, step_s=0.02)
    meter.stop()
    assert heard.codes == ["meter.lost_samples"]
    assert heard.trace("joulescope.power").flags[1:].tolist().count(FLAG_GAP) == 1


def test_a_counter_that_jumps_is_dated_anew() -> None:
    clock, library = ScriptedClock(), JoulescopeLibrary(STEADY)
    meter, heard = listening(library, clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    library.jump(3600.0)
    pass_time(clock, seconds=1.0, step_s=0.02)
    meter.stop()
    assert heard.codes == ["meter.clock_jump"]
    times = heard.trace("joulescope.power").t_ns
    assert times[-1] - times[0] < 3 * SECOND
    assert (times[1:] > times[:-1]).all()


def test_joules_that_contradict_the_watts_are_not_used() -> None:
    clock, library = ScriptedClock(), JoulescopeLibrary(STEADY)
    library.wrong_joules = 16.0
    meter, heard = listening(library, clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    meter.stop()
    assert heard.codes == ["meter.accumulator"]
    assert (heard.trace("joulescope.energy").flags[2:] & FLAG_INVALID > 0).all()
    assert not heard.trace("joulescope.power").flags[1:].any()


def test_silence_and_a_pulled_cable() -> None:
    clock, library = ScriptedClock(), JoulescopeLibrary(STEADY)
    meter, heard = listening(library, clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    library.remove()
    threading.Timer(0.2, library.plug).start()  # the reader tries again after a second of true time
    pass_time(clock, seconds=1.0, step_s=0.02)
    assert heard.codes[:2] == ["meter.unplugged", "meter.replugged"]
    assert FLAG_GAP in heard.trace("joulescope.power").flags[1:].tolist()
    library.lose(10**9)
    with pytest.raises(HardwareError) as silent:
        pass_time(clock, seconds=5.0, step_s=0.02)
    meter.stop()
    assert silent.value.code == "meter.silent"


def test_windows_are_dated_by_its_input() -> None:
    clock = ScriptedClock()
    start = clock.now_ns()
    marks = square(0.0, 1.0, 0.4, duty=0.5, phase=0.25)
    library = JoulescopeLibrary(Circuit(power=constant(0.5), voltage_v=5.0, start_ns=start), marks=marks, clock=OwnClock(drift=5e-5))
    meter, heard = listening(library, clock, inputs="gpi0")
    pass_time(clock, seconds=2.1, step_s=0.0037)
    meter.stop()
    edges = heard.trace("joulescope.gpi0")
    windows = [window(start + 100_000_000 + k * 400_000_000, start + 300_000_000 + k * 400_000_000, k) for k in range(1, 5)]
    for new, old in zip(edge_windows(edges, windows, tolerance_ns=50_000_000, bracket_ns=5_000).windows, windows, strict=True):
        assert new is not None
        assert new.duration_s == pytest.approx(0.2, abs=1e-4)
        assert abs(new.start_ns - old.start_ns) < 5_000_000


@pytest.mark.parametrize("options", [{"rate_hz": "5000"}, {"rate_hz": "0"}, {"inputs": "d0"}, {"power": "yes"}])
def test_options_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        JoulescopeMeter("", options)


def statistics() -> dict[str, Any]:
    library, found = JoulescopeLibrary(STEADY), []
    library.subscribe(f"{library.path}/s/stats/value", "pub", lambda _topic, value: found.append(value))
    library.publish(f"{library.path}/s/stats/ctrl", 1)
    library.pass_until(SECOND)
    return found[0]


@pytest.mark.parametrize("inputs", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_nothing_that_is_published_upsets_the_parsers(inputs: int) -> None:
    draw, whole = random.Random(inputs), json.dumps({"topic": "s/stats/value", "value": statistics()}).encode()
    levels = json.dumps({"topic": "x", "value": {"sample_id": 4, "sample_rate": 2e6, "decimate_factor": 2, "data": "01ff"}}).encode()
    for _ in range(inputs):
        data = bytearray(draw.choice((whole, levels)))
        for _ in range(draw.randrange(4)):
            data[draw.randrange(len(data))] = draw.choice(b'0123456789.e-"{}[],:nulNaIf\xff')
        found = told(bytes(data[: draw.choice((len(data), draw.randrange(len(data))))]))
        if found is not None:
            parse(found[1])
            parse_levels("gpi0", found[1])


@pytest.mark.parametrize("value", [None, [], {}, {"time": 3}, float("nan"), "x"])
def test_what_is_no_block_is_none(value: object) -> None:
    assert parse(value) is None
    assert parse_levels("gpi0", value) is None


@pytest.mark.parametrize("place", [("signals", "power", "avg"), ("accumulators", "energy"), ("signals", "voltage", "avg")])
def test_a_block_without_a_number_is_none(place: tuple[str, ...]) -> None:
    value = inner = statistics()
    for name in place:
        inner = inner[name]
    inner["value"] = float("nan")
    assert parse(value) is None


def test_the_stand_in_has_the_names_of_the_library() -> None:
    library = pytest.importorskip("pyjoulescope_driver", reason="pyjoulescope_driver is not installed")
    for name in ("device_paths", "open", "close", "query", "publish", "subscribe", "unsubscribe", "finalize"):
        wanted = list(inspect.signature(getattr(JoulescopeLibrary, name)).parameters)
        given = list(inspect.signature(getattr(library.Driver, name)).parameters)
        assert given == wanted


def measured(seed: int) -> Run:
    gain = random.Random(seed).gauss(1.0, 0.0025)
    return run(
        lambda circuit, clock, seed: JoulescopeLibrary(circuit, clock=clock, gain=gain, seed=seed),
        lambda line, clock: connect(line.instrument, clock, rate_hz="25"),
        seed=seed,
        window_s=2.0,
        lead_s=2.0,
    )


@pytest.mark.parametrize("seeds", [2, pytest.param(200, marks=pytest.mark.slow)])
def test_stated_joules_hold_the_true_ones(seeds: int) -> None:
    require_agreement(measured, (Measurand.ENERGY_COUNTER, Measurand.POWER), seeds=seeds, usual_rel=0.05)
