"""FNIRSI's testers: golden reports, start sequences, streams that stop, a stand-in for hidraw, and agreement with the true joules."""

from __future__ import annotations

import os
import random
import struct
import threading

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.trace import FLAG_GAP
from edgekit.links.clock import HostClock
from edgekit.links.pty import served
from edgekit.meters.fnirsi import C1Meter, Fnb48Meter, Fnb48sMeter, FnirsiMeter, Sample, command, crc8, opened, parse, split
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.faulty import Fault, FaultKind, Faulty
from edgekit.sim.emulators.fnirsi import C1, Fnb48, Fnb48s, Fnb58
from edgekit.sim.emulators.instrument import Circuit, Instrument
from edgekit.sim.load import constant
from tests.meters.scripted import Heard, Line, pass_time

SECOND = 1_000_000_000
FAMILY = [(Fnb58, FnirsiMeter), (Fnb48s, Fnb48sMeter), (Fnb48, Fnb48Meter), (C1, C1Meter)]


def report() -> bytes:
    """The golden report: 5.12345 V, 1.23456 to 1.23459 A, 0.600 and 0.601 V, 25.3 degrees."""
    body = b"\x04" + b"".join(struct.pack("<IIHHBH", 512_345, 123_456 + i, 600, 601, 1, 253) for i in range(4)) + b"\0"
    return b"\xaa" + body + b"\xc8"


def test_the_golden_report_is_read() -> None:
    samples = parse(report())
    assert samples is not None
    assert samples[0] == Sample(voltage_v=5.12345, current_a=1.23456, dp_v=0.6, dn_v=0.601, temperature_c=25.3)
    assert [sample.current_a for sample in samples] == [1.23456, 1.23457, 1.23458, 1.23459]


@pytest.mark.parametrize(("code", "check"), [(0x81, 0x8E), (0x82, 0x96), (0x83, 0x9E)])
def test_commands_carry_their_check_byte(code: int, check: int) -> None:
    assert command(code) == bytes((0xAA, code)) + bytes(61) + bytes((check,))


def test_the_emulator_makes_reports_that_are_read() -> None:
    emulated = Fnb58(Circuit(power=constant(5.12345 * 1.23456), voltage_v=5.12345), junk=0)
    for code in (0x81, 0x82, 0x82):
        emulated.hear(b"\0" + command(code), SECOND)  # as hidraw is written to
    assert emulated.wrong == 0
    samples = parse(emulated.say(SECOND + 40_000_000))
    assert samples is not None
    assert [(sample.voltage_v, sample.current_a) for sample in samples] == [(5.12345, 1.23456)] * 4


def test_other_reports_hold_no_samples_and_wrong_ones_are_none() -> None:
    other = bytearray(report())
    other[1] = 3
    other[63] = crc8(bytes(other[1:63]))
    assert parse(bytes(other)) == ()
    other[63] ^= 1
    assert parse(bytes(other)) is None
    assert parse(report()[:63]) is None


@pytest.mark.parametrize("inputs", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_bytes_upset_the_parser(inputs: int) -> None:
    draw = random.Random(inputs)
    for _ in range(inputs):
        data = draw.randbytes(draw.randrange(64)) + report() + draw.randbytes(draw.randrange(64))
        reports, rest = split(data)
        assert len(rest) < 64
        assert all(parse(found) is not None for found in reports)
        spoilt = bytearray(report())
        spoilt[draw.randrange(64)] ^= draw.randrange(1, 256)
        assert parse(bytes(spoilt)) is None


def test_a_stream_that_begins_in_the_middle_is_found_again() -> None:
    reports, rest = split(report()[20:] + 3 * report() + report()[:10])
    assert reports == [report()] * 3
    assert rest == report()[:10]


def listening(emulated: Instrument, clock: ScriptedClock, meter: type[FnirsiMeter] = FnirsiMeter) -> tuple[FnirsiMeter, Line, Heard]:
    line, heard = Line(emulated, clock), Heard()
    reader = meter("scripted", {"emulated": "yes"}, clock=clock, open_port=line.open)
    reader.start(heard.sink, heard)
    return reader, line, heard


@pytest.mark.parametrize(("emulator", "meter"), FAMILY)
def test_each_model_is_started_and_kept_alive_in_its_own_way(emulator: type[Fnb58], meter: type[FnirsiMeter]) -> None:
    clock = ScriptedClock()
    reader, _, heard = listening(emulator(Circuit(power=constant(6.0), voltage_v=5.0)), clock, meter)
    begun_ns = clock.now_ns()
    pass_time(clock, seconds=4.0, step_s=0.02)
    reader.stop()
    spec = reader.spec()
    assert (spec.nominal_hz, spec.effective_hz) == (100.0, 25.0)
    volts, amperes = heard.trace(f"{meter.kind}.voltage"), heard.trace(f"{meter.kind}.current")
    assert volts.t_ns.tolist() == amperes.t_ns.tolist()
    assert set(volts.value.tolist()) == {5.0}
    assert set(amperes.value.tolist()) == {1.2}
    assert heard.codes == []
    assert len(volts) == pytest.approx(400, abs=8)
    assert set((volts.t_ns[1:] - volts.t_ns[:-1]).tolist()) == {10_000_000}
    assert volts.t_ns[0] >= begun_ns - 30_000_000


def test_the_first_second_is_left_out() -> None:
    clock = ScriptedClock()
    begun_ns = clock.now_ns()
    reader, _, heard = listening(Fnb58(Circuit(power=constant(6.0)), junk=10), clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    reader.stop()
    assert heard.trace("fnb58.voltage").t_ns[0] >= begun_ns + SECOND - 30_000_000


def test_a_stream_that_stops_is_started_again() -> None:
    clock = ScriptedClock()
    reader, _, heard = listening(Fnb58(Circuit(power=constant(6.0)), stalls_after=60), clock)
    pass_time(clock, seconds=12.0, step_s=0.02)
    reader.stop()
    assert not heard.errors
    assert heard.codes[:1] == ["meter.rearmed"]
    volts = heard.trace("fnb58.voltage")
    holes = [(a, b) for a, b in zip(volts.t_ns[:-1].tolist(), volts.t_ns[1:].tolist(), strict=True) if b - a > 100_000_000]
    assert len(holes) == len(heard.gaps) == sum(volts.flags == FLAG_GAP)
    assert max(b - a for a, b in holes) < 0.8 * SECOND


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_of_two_seconds_loses_samples_and_invents_none(kind: FaultKind) -> None:
    clock = ScriptedClock()
    fault = Fault(kind=kind, start_ns=clock.now_ns() + 3 * SECOND, end_ns=clock.now_ns() + 5 * SECOND)
    reader, _, heard = listening(Faulty(Fnb58(Circuit(power=constant(6.0), voltage_v=5.0)), [fault]), clock)
    pass_time(clock, seconds=8.0, step_s=0.02)
    reader.stop()
    amperes = heard.trace("fnb58.current")
    assert set(amperes.value.tolist()) == {1.2}
    assert not [t for t in amperes.t_ns.tolist() if fault.start_ns + SECOND // 10 < t < fault.end_ns - SECOND // 10]
    assert amperes.t_ns[-1] > fault.end_ns + SECOND
    assert len(heard.gaps) == 1


def test_silence_is_an_error_before_and_while_measuring() -> None:
    clock = ScriptedClock()
    dead = Faulty(Fnb58(Circuit(power=constant(6.0))), [Fault(kind=FaultKind.SILENT, start_ns=0)])
    with pytest.raises(HardwareError) as refused:
        listening(dead, clock)
    assert refused.value.code == "meter.silent"
    later = Faulty(Fnb58(Circuit(power=constant(6.0))), [Fault(kind=FaultKind.SILENT, start_ns=clock.now_ns() + 3 * SECOND)])
    reader, _, _ = listening(later, clock)
    with pytest.raises(HardwareError) as ended:
        pass_time(clock, seconds=9.0, step_s=0.02)
    reader.stop()
    assert ended.value.code == "meter.silent"


def test_a_cable_pulled_and_put_back_leaves_a_gap() -> None:
    clock = ScriptedClock()
    reader, line, heard = listening(Fnb58(Circuit(power=constant(6.0))), clock)
    pass_time(clock, seconds=2.0, step_s=0.02)
    line.unplug()
    threading.Timer(0.2, line.plug).start()  # the reader tries again after a second of true time
    pass_time(clock, seconds=3.0, step_s=0.02)
    reader.stop()
    assert heard.codes[:2] == ["meter.unplugged", "meter.replugged"]
    assert FLAG_GAP in heard.trace("fnb58.current").flags.tolist()


@pytest.mark.slow
def test_samples_arrive_through_a_stand_in_for_hidraw() -> None:
    """A pseudo-terminal takes what hidraw takes, the number of the report before it, and gives reports back."""
    emulated, heard, enough = Fnb58(Circuit(power=constant(6.0), voltage_v=5.0)), Heard(), threading.Event()

    def sink(readings: object) -> None:
        heard.sink(readings)  # type: ignore[arg-type]
        if len(heard.readings) > 200:
            enough.set()

    with served(emulated, clock=HostClock()) as path:
        reader = FnirsiMeter(path, {"emulated": "yes"})
        reader.start(sink, heard)
        assert enough.wait(30)
        reader.stop()
    assert emulated.wrong == 0
    assert {reading.value for reading in heard.readings} == {5.0, 1.2}


def test_hidraw_is_written_with_the_number_of_the_report() -> None:
    here, there = os.openpty()
    import tty

    tty.setraw(there)
    port = opened(os.ttyname(there))
    port.write(command(0x81))
    assert os.read(here, 200) == b"\0" + command(0x81)
    port.close()
    os.close(here)
    os.close(there)
