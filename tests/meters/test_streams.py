"""What befalls testers that stream a thousand samples a second, whichever it is: faults of two seconds, silence, a pulled cable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from edgekit.core.errors import HardwareError
from edgekit.meters.ct3 import Ct3Meter
from edgekit.meters.km003c import Km003cMeter
from edgekit.meters.reading.stream import StreamMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.ct3 import Ct3
from edgekit.sim.emulators.faulty import Fault, FaultKind, Faulty
from edgekit.sim.emulators.instrument import Circuit, Instrument
from edgekit.sim.emulators.km003c import Km003c
from edgekit.sim.load import constant
from tests.meters.scripted import Heard, Line, pass_time

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Streaming:
    """A driver and what it reads."""

    driver: type[StreamMeter]
    emulator: Callable[[Circuit], Instrument]

    def instrument(self) -> Instrument:
        return self.emulator(Circuit(power=constant(6.0), voltage_v=5.0))

    def listening(self, instrument: Instrument, clock: ScriptedClock) -> tuple[StreamMeter, Line, Heard]:
        line, heard = Line(instrument, clock), Heard()
        reader = self.driver("scripted", {"emulated": "yes"}, clock=clock, open_port=line.open)
        reader.start(heard.sink, heard)
        return reader, line, heard


@pytest.fixture(params=[Streaming(Ct3Meter, Ct3), Streaming(Km003cMeter, Km003c)], ids=lambda tester: tester.driver.kind)
def tester(request: pytest.FixtureRequest) -> Streaming:
    return request.param


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_of_two_seconds_loses_samples_and_invents_none(tester: Streaming, kind: FaultKind) -> None:
    clock = ScriptedClock()
    fault = Fault(kind=kind, start_ns=clock.now_ns() + 2 * SECOND, end_ns=clock.now_ns() + 4 * SECOND)
    reader, _, heard = tester.listening(Faulty(tester.instrument(), [fault]), clock)
    pass_time(clock, seconds=7.0, step_s=0.02)
    reader.stop()
    amperes = heard.trace(f"{reader.kind}.current")
    assert amperes.value == pytest.approx(1.2)
    assert amperes.t_ns[-1] > fault.end_ns + SECOND
    missing = 7000 - len(amperes)
    assert ("meter.lost_samples" in heard.codes) == (missing > 50), "what the instrument kept for a while is not lost"


def test_an_instrument_that_says_nothing_is_told(tester: Streaming) -> None:
    with pytest.raises(HardwareError) as refused:
        tester.listening(Faulty(tester.instrument(), [Fault(kind=FaultKind.SILENT, start_ns=0)]), ScriptedClock())
    assert refused.value.code == "meter.silent"


def test_a_cable_pulled_and_put_back_leaves_a_gap(tester: Streaming) -> None:
    clock = ScriptedClock()
    reader, line, heard = tester.listening(tester.instrument(), clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    line.unplug()
    threading.Timer(0.2, line.plug).start()  # the reader tries again after a second of true time
    pass_time(clock, seconds=1.0, step_s=0.02)
    reader.stop()
    assert heard.codes[:2] == ["meter.unplugged", "meter.replugged"]
    assert len(heard.gaps) == 1
