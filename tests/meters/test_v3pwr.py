"""The STLINK-V3PWR: its handshake, its frames, and joules, on the parser that the LPM01A's tests hold to its layout."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.trace import FLAG_OVER
from edgekit.energy.windows.integrate import Rule, integrate
from edgekit.meters.shield_stream import Told, WordStream
from edgekit.meters.v3pwr import V3PwrMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.v3pwr import V3Pwr
from edgekit.sim.load import constant, square, steps
from tests.meters.probes import through_a_line
from tests.meters.scripted import Heard, Line, pass_time

V = 3.3


def _meter(emulated: V3Pwr, clock: ScriptedClock, **options: str) -> V3PwrMeter:
    return V3PwrMeter("scripted", {"voltage": f"{V} V", **options}, clock=clock, open_port=Line(emulated, clock).open)


def test_its_over_current_frame_is_longer() -> None:
    piece = WordStream().feed(bytes.fromhex("5234f0f500000000ffff5234f0f90affff5234"))
    assert len(piece) == 3
    assert [mark.told for mark in piece.marks] == [Told.OVER]


class NamesOutput(V3Pwr):
    names_output = True


@pytest.mark.parametrize(
    ("emulator", "told"),
    [
        (V3Pwr, ["power_monitor", "volt 3300m", "format bin_hex", "acqtime inf", "freq 100000", "pwr on", "start", "stop", "pwr off"]),
        (
            NamesOutput,
            [
                "power_monitor",
                "volt vout 3300m",
                "format bin_hexa",
                "acqtime inf",
                "freq 100000",
                "pwr vout on",
                "start",
                "stop",
                "pwr vout off",
            ],
        ),
    ],
)
def test_it_is_greeted_before_it_is_set_up_in_either_form(emulator: type[V3Pwr], told: list[str]) -> None:
    emulated = emulator(Circuit(power=constant(0.1), voltage_v=V))
    meter = _meter(emulated, ScriptedClock(), power="during")
    spec = meter.spec()
    meter.stop()
    assert (spec.nominal_hz, spec.edge_inputs, spec.identity) == (100_000.0, 0, "STLINK-V3PWR EMULATED")
    assert [command for command in dict.fromkeys(emulated.heard[1:]) if command in told] == told
    quiet = emulator(Circuit(power=constant(0.1), voltage_v=V))
    _meter(quiet, ScriptedClock()).spec()
    assert not any(command.startswith("pwr") for command in quiet.heard)


def test_what_it_refuses_in_every_form_is_said() -> None:
    class Deaf(V3Pwr):
        def _obey(self, command: str, t_ns: int) -> bytes:
            return b"error volt\r\n\r\n" if command.startswith("volt") else super()._obey(command, t_ns)

    with pytest.raises(HardwareError) as refused:
        _meter(Deaf(Circuit(power=constant(0.1))), ScriptedClock()).spec()
    assert refused.value.code == "meter.command"


def test_it_takes_no_energy_and_no_other_voltage() -> None:
    for options in ({"output": "energy"}, {"voltage": "5 V"}):
        with pytest.raises(UsageError):
            _meter(V3Pwr(Circuit(power=constant(0.1))), ScriptedClock(), **options).spec()


@pytest.mark.parametrize("seed", range(3))
def test_its_energy_is_the_true_one(seed: int) -> None:
    clock, heard = ScriptedClock(), Heard()
    circuit = Circuit(power=square(0.02, 0.4, 0.013, 0.4), voltage_v=V, start_ns=clock.now_ns())
    meter = _meter(V3Pwr(circuit, seed=seed, clock=OwnClock(offset_ns=seed * 10**12, drift=(seed - 1) * 1e-4)), clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=2.0, step_s=0.1)
    meter.stop()
    assert heard.codes == []
    trace = heard.trace("v3pwr.power")
    assert (np.diff(trace.t_ns) > 0).all()
    start_ns, end_ns = circuit.start_ns + 300_000_000, circuit.start_ns + 1_900_000_000
    (whole,) = integrate(trace, [(start_ns, end_ns)], rule=Rule.TRAPEZOID, max_gap_ns=1_000_000)
    assert whole.area * V / 1e9 == pytest.approx(circuit.energy_j(start_ns, end_ns), rel=0.005)


def test_over_current_ends_it() -> None:
    clock, heard = ScriptedClock(), Heard()
    meter = _meter(V3Pwr(Circuit(power=steps([(0.0, 0.1), (0.55, 3.0)]), voltage_v=V, start_ns=clock.now_ns())), clock)
    meter.start(heard.sink, heard)
    with pytest.raises(EdgekitError) as ended:
        pass_time(clock, seconds=1.0, step_s=0.1)
    meter.stop()
    assert ended.value.code == "meter.ended"
    assert "meter.over_range" in heard.codes
    assert heard.trace("v3pwr.power").flags[-1] & FLAG_OVER


@pytest.mark.slow
def test_it_is_read_through_a_serial_line() -> None:
    _, found_j, true_j = through_a_line(
        lambda circuit, own: V3Pwr(circuit, clock=own), lambda path: V3PwrMeter(path, {"voltage": f"{V} V"}), voltage_v=V
    )
    assert found_j == pytest.approx(true_j, rel=0.03)
