"""The PPK2: golden words, its metadata, lost and torn streams, what it refuses, and the whole path against an emulator of exact joules."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from edgekit.core.channel import Measurand
from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.core.trace import FLAG_GAP, FLAG_OVER
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.clocks.sync import edge_windows
from edgekit.energy.windows.integrate import Rule, integrate
from edgekit.meters.ppk2 import Ppk2Meter
from edgekit.meters.ppk2_words import UNCALIBRATED, Framer, Spikes, Words, amperes_by_code, parse_metadata, smoothed
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.ppk2 import FACTORS, Ppk2
from edgekit.sim.load import constant, square, steps
from tests.meters.probes import measured, through_a_line, window
from tests.meters.scripted import Heard, Line, pass_time

V = 3.3
GOLDEN = bytes.fromhex("e8834401")  # ADC 1000, range 2, counter 17, D0


def _words(number: int, *, first: int = 0, code: int = 2 << 14 | 1000) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return ((np.arange(first, first + number, dtype=np.uint32) & 63) << 18 | code).astype("<u4")


def _fed(data: bytes, *, piece: int = 977) -> Words:
    framer = Framer()
    parts = [framer.feed(data[i : i + piece]) for i in range(0, len(data), piece)]
    return Words(
        words=np.concatenate([p.words for p in parts]),
        lost=np.concatenate([p.lost for p in parts]),
        skipped=sum(p.skipped for p in parts),
    )


def _meter(emulated: Ppk2, clock: ScriptedClock, **options: str) -> tuple[Ppk2Meter, Line]:
    line = Line(emulated, clock)
    return Ppk2Meter("scripted", {"voltage": f"{V} V", **options}, clock=clock, open_port=line.open), line


def test_the_golden_word_is_read() -> None:
    (word,) = np.frombuffer(GOLDEN, "<u4")
    assert word == 0x014483E8
    assert amperes_by_code(UNCALIBRATED, V)[word & 0x1FFFF] == pytest.approx(4.3483e-3, abs=5e-8)
    without = {**UNCALIBRATED, **{f"GS{r}": 0.0 for r in range(5)}}
    assert amperes_by_code(without, V)[word & 0x1FFFF] == pytest.approx(4.3296e-3, abs=5e-8)
    assert np.isnan(amperes_by_code(UNCALIBRATED, V)[5 << 14])


def test_the_emulator_says_the_golden_word() -> None:
    amperes = amperes_by_code(UNCALIBRATED, V)[2 << 14 | 1000]
    factors = {name: tuple(UNCALIBRATED[f"{name}{r}"] for r in range(5)) for name in FACTORS}
    circuit = Circuit(power=constant(float(amperes) * V), voltage_v=V)
    emulated = Ppk2(circuit, noise_counts=0, factors=factors, inputs={0: constant(1.0)})
    emulated.hear(b"\x06", 0)
    assert emulated.say(10_000_000)[4 * 17 : 4 * 18] == GOLDEN


def test_metadata_is_complete_at_its_end_only() -> None:
    text = Ppk2(Circuit(power=constant(0.01))).metadata()
    assert parse_metadata(text[:-6]) is None
    found = parse_metadata(text)
    assert found is not None
    assert found.missing == ()
    assert found.factors["R4"] == FACTORS["R"][4]


@pytest.mark.parametrize("spoilt", [b"R2: 0", b"R2: nan", b"R2: x", b"UG2: -1", b"nothing: 1"])
def test_a_factor_that_cannot_be_is_missing(spoilt: bytes) -> None:
    name = b"UG2" if spoilt.startswith(b"UG") else b"R2"
    lines = [spoilt if line.startswith(name + b":") else line for line in Ppk2(Circuit(power=constant(0.01))).metadata().split(b"\n")]
    found = parse_metadata(b"\n".join(lines))
    assert found is not None
    assert found.missing == (name.decode(),)


def test_lost_words_are_counted() -> None:
    data = np.concatenate([_words(100), _words(100, first=107)]).tobytes()
    found = _fed(data)
    assert len(found) == 200
    assert found.lost[100] == 7
    assert found.lost.sum() == 7
    assert found.skipped == 0


@pytest.mark.parametrize("torn", [1, 2, 3, 5, 6, 7])
def test_a_torn_stream_is_found_again(torn: int) -> None:
    data = _words(2000).tobytes()
    found = _fed(data[:4001] + data[4001 + torn :])
    assert len(found) + found.lost.sum() == 2000
    assert len(found) >= 1997
    assert (np.diff(found.words.astype(np.int64) >> 18) % 64 == 1 + found.lost[1:]).all()


def test_words_begin_anywhere_in_the_first_bytes() -> None:
    assert len(_fed(b"garbage" + _words(100).tobytes())) == 100


def test_only_the_samples_after_a_change_of_range_are_smoothed() -> None:
    values = np.array([1.0] * 10 + [9.0] * 10)
    ranges = np.array([0] * 10 + [1] * 10, np.uint32)
    out = smoothed(values, ranges, Spikes())
    assert (out[:10] == 1).all()
    assert (out[13:] == 9).all()
    assert out[10] == pytest.approx(0.18 * 9 + 0.82)


def _fuzz(number: int) -> None:
    draw, framer = random.Random(5), Framer()
    clean = _words(40).tobytes()
    for turn in range(number):
        data = draw.randbytes(draw.randrange(40)) + clean[draw.randrange(len(clean)) :] + draw.randbytes(draw.randrange(40))
        framer = framer if turn % 8 else Framer()
        found = framer.feed(data)
        assert len(found.words) == len(found.lost)
        parse_metadata(data + b"\nEND\n")


def test_no_bytes_upset_the_parsers() -> None:
    _fuzz(1_000)


@pytest.mark.slow
def test_no_bytes_upset_the_parsers_at_length() -> None:
    _fuzz(100_000)


def test_metadata_in_pieces_is_put_together() -> None:
    clock = ScriptedClock()
    meter, _ = _meter(Ppk2(Circuit(power=constant(0.01), voltage_v=V), metadata_pieces=9), clock)
    spec = meter.spec()
    assert spec.channels[0].scale == V
    assert spec.channels[0].origin is Origin.EMULATED
    assert [c.measurand for c in spec.channels] == [Measurand.POWER, Measurand.EDGE]


def test_a_unit_without_calibration_is_refused_and_marked_when_accepted() -> None:
    factors = {name: values for name, values in FACTORS.items() if name != "GI"}
    with pytest.raises(HardwareError) as refused:
        _meter(Ppk2(Circuit(power=constant(0.01)), factors=factors), ScriptedClock())[0].spec()
    assert refused.value.code == "meter.uncalibrated"
    assert "GI0" in refused.value.why
    spec = _meter(Ppk2(Circuit(power=constant(0.01)), factors=factors), ScriptedClock(), uncalibrated="accept")[0].spec()
    assert spec.accuracy.gain_rel is None
    assert "without calibration" in spec.detail


@pytest.mark.parametrize(
    "options", [{"mode": "ampere"}, {"mode": "ampere", "voltage": "3.3"}, {"voltage": "9 V"}, {"mode": "both", "voltage": "3 V"}]
)
def test_a_voltage_is_told_or_set(options: Mapping[str, str]) -> None:
    clock = ScriptedClock()
    line = Line(Ppk2(Circuit(power=constant(0.01))), clock)
    with pytest.raises(UsageError):
        Ppk2Meter("scripted", options, clock=clock, open_port=line.open).spec()


def test_nothing_is_switched_unless_told() -> None:
    quiet = Ppk2(Circuit(power=constant(0.01)))
    clock = ScriptedClock()
    meter = Ppk2Meter("scripted", {}, clock=clock, open_port=Line(quiet, clock).open)
    meter.start(Heard().sink)
    meter.stop()
    assert not set(quiet.heard) & {0x0C, 0x0D, 0x11}
    told = Ppk2(Circuit(power=constant(0.01)))
    meter, _ = _meter(told, ScriptedClock(), power="during", mode="source")
    meter.start(Heard().sink)
    meter.stop()
    assert b"\x11\x02\x0d\x0c\xe4\x0c\x01" in told.heard
    assert told.heard.endswith(b"\x07\x0c\x00")


def test_losses_tears_and_over_current_are_told() -> None:
    clock, heard = ScriptedClock(), Heard()
    load = steps([(0.0, 0.1), (2.0, 6.0), (2.01, 0.1)])
    emulated = Ppk2(Circuit(power=load, voltage_v=V, start_ns=clock.now_ns()))
    meter, _ = _meter(emulated, clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=0.3, step_s=0.1)
    emulated.lose(63)
    pass_time(clock, seconds=0.7, step_s=0.1)
    emulated.lose_bytes(5)
    pass_time(clock, seconds=2.5, step_s=0.1)
    meter.stop()
    trace = heard.trace("ppk2.power")
    assert heard.codes == ["meter.lost_samples", "meter.misaligned", "meter.over_range"]
    assert (trace.flags & FLAG_GAP).sum() == 2
    assert 900 < (trace.flags & FLAG_OVER > 0).sum() <= 1000
    assert (np.diff(trace.t_ns) > 0).all()
    start = emulated.circuit.start_ns
    windows = [window(start + 1_200_000_000, start + 1_900_000_000), window(start + 1_900_000_000, start + 2_500_000_000)]
    analysed = [
        analyse_group(
            meter_channels(meter), _spec(emulated), windows=[w], idles=[], maps=(), traces={"ppk2.power": trace}, machine="bench"
        ).energy_j_per_inference
        for w in windows
    ]
    assert isinstance(analysed[0], Estimate)
    assert isinstance(analysed[1], Unknown)
    assert "range" in analysed[1].reason


def meter_channels(_: Ppk2Meter) -> list[Any]:
    return [_spec(Ppk2(Circuit(power=constant(0.01)))).channels[0]]


def _spec(emulated: Ppk2) -> Any:
    return _meter(Ppk2(emulated.circuit), ScriptedClock())[0].spec()


def test_unseen_turns_of_the_counter_are_found_by_the_clock() -> None:
    clock, heard = ScriptedClock(), Heard()
    emulated = Ppk2(Circuit(power=constant(0.1), voltage_v=V))
    meter, _ = _meter(emulated, clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=3.0, step_s=0.1)
    emulated.lose(64 * 100)
    pass_time(clock, seconds=13.0, step_s=0.1)
    meter.stop()
    trace = heard.trace("ppk2.power")
    assert heard.codes == ["meter.lost_samples"]
    assert 1_600_000 - 6_400 - 20_000 <= len(trace) <= 1_600_000 - 6_400  # its first moments only set the clock
    assert abs(int(trace.t_ns[-1]) - clock.now_ns()) < 12_000_000


def test_a_cable_that_is_pulled_leaves_a_gap() -> None:
    clock, heard = ScriptedClock(), Heard()
    meter, line = _meter(Ppk2(Circuit(power=constant(0.1), voltage_v=V)), clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=0.5, step_s=0.1)
    line.unplug()
    threading.Timer(0.3, line.plug).start()
    pass_time(clock, seconds=2.0, step_s=0.5)
    meter.stop()
    assert heard.codes[:2] == ["meter.unplugged", "meter.replugged"]
    assert len(heard.gaps) == 1
    trace = heard.trace("ppk2.power")
    assert (trace.flags & FLAG_GAP).sum() == 1


def _run(seed: int, *, gain: float) -> tuple[Estimate, float]:
    return measured(
        lambda circuit, own: Ppk2(circuit, clock=own, seed=seed, gain=gain),
        lambda line, clock: Ppk2Meter("scripted", {"voltage": f"{V} V"}, clock=clock, open_port=line.open),
        seed=seed,
        most_w=1.0,
        voltage_v=V,
    )


@pytest.mark.parametrize("seed", range(5))
def test_without_a_gain_error_the_energy_is_the_true_one(seed: int) -> None:
    found, truth = _run(seed, gain=1.0)
    assert found.value == pytest.approx(truth, rel=0.01)
    assert (found.high - found.low) / 2 / truth < 1.5 * 0.13  # 1.96 * 10 % / sqrt(3), and repeatability


def test_windows_are_dated_by_an_input_of_the_meter() -> None:
    clock, heard = ScriptedClock(), Heard()
    pulses = square(0.0, 1.0, 0.4, duty=0.5, phase=0.25)
    load = square(0.05, 0.2, 0.4, duty=0.5, phase=0.25)
    start = clock.now_ns()
    emulated = Ppk2(Circuit(power=load, voltage_v=V, start_ns=start), inputs={0: pulses}, clock=OwnClock(drift=5e-5))
    meter, _ = _meter(emulated, clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=2.1, step_s=0.07)
    meter.stop()
    edges, power = heard.trace("ppk2.d0"), heard.trace("ppk2.power")
    assert len(edges) == 11  # the first level, and each change
    windows = [window(start + 100_000_000 + k * 400_000_000, start + 300_000_000 + k * 400_000_000, k) for k in range(1, 5)]
    dated = edge_windows(edges, windows, tolerance_ns=50_000_000, bracket_ns=5_000)
    for found in dated.windows:
        assert found is not None
        (whole,) = integrate(power, [(found.start_ns, found.end_ns)], rule=Rule.TRAPEZOID, max_gap_ns=50_000)
        assert whole.area * V / 1e9 == pytest.approx(0.04, rel=0.01)


@pytest.mark.slow
def test_it_is_read_through_a_serial_line() -> None:
    trace, found_j, true_j = through_a_line(
        lambda circuit, own: Ppk2(circuit, clock=own), lambda path: Ppk2Meter(path, {"voltage": f"{V} V"}), voltage_v=V
    )
    assert not trace.flags.any()
    assert found_j == pytest.approx(true_j, rel=0.03)


def test_an_instrument_that_says_nothing_is_told() -> None:
    class Mute(Ppk2):
        def metadata(self) -> bytes:
            return b""

    with pytest.raises(EdgekitError) as refused:
        _meter(Mute(Circuit(power=constant(0.01))), ScriptedClock())[0].spec()
    assert refused.value.code == "meter.silent"
