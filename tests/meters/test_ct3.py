"""The CT-3: golden frames, faults of its stream, its own clock, and agreement with the true joules."""

from __future__ import annotations

import random
import struct

import pytest

from edgekit.core.trace import FLAG_GAP
from edgekit.meters.ct3 import STOP, Ct3Meter, frame, parse, request, split, start
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.ct3 import Ct3
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock
from edgekit.sim.load import constant
from tests.meters.scripted import Heard, Line, pass_time

SECOND = 1_000_000_000


def sample(t_us: int = 7, volts: float = 5.0, amperes: float = -1.5) -> bytes:
    return frame(b"\x04\0\1\0" + struct.pack("<6fQ", volts, amperes, 0, 0, 0, 0, t_us))


def test_commands_are_the_golden_bytes() -> None:
    assert request(STOP, 0).hex() == "a50400000001070000065a"
    assert request(start(1), 1).hex() == "a5080000000109010001000000085a"


def test_a_sample_is_read_with_its_time_and_sign() -> None:
    ((payload,), rest) = split(sample())
    found = parse(payload)
    assert found is not None
    assert (found.t_us, found.voltage_v, found.current_a, rest) == (7, 5.0, -1.5, b"")


def test_the_emulator_answers_and_sends_what_is_read() -> None:
    emulated = Ct3(Circuit(power=constant(6.0), voltage_v=5.0))
    ((answer,), _) = split(emulated.hear(request(start(1), 1), SECOND))
    assert (answer[2], answer[3]) == (1, 0x80)
    payloads, rest = split(emulated.say(SECOND + 10_000_000))
    found = [parse(payload) for payload in payloads]
    assert rest == b""
    assert [one.t_us for one in found if one] == [1_000_000 + 1000 * place for place in range(1, 11)]
    assert {(one.voltage_v, round(one.current_a, 6)) for one in found if one} == {(5.0, 1.2)}


@pytest.mark.parametrize("at", [0, 9, 20, 41, 42])
def test_a_spoilt_frame_is_dropped_and_the_next_one_found(at: int) -> None:
    spoilt = bytearray(sample())
    spoilt[at] ^= 1
    payloads, _ = split(bytes(spoilt) + sample(8))
    assert [found.t_us for payload in payloads if (found := parse(payload))] == [8]


def test_numbers_that_are_none_are_no_sample() -> None:
    for volts, amperes in ((float("nan"), 0.0), (5.0, float("inf")), (1e9, 0.0)):
        assert parse(split(sample(volts=volts, amperes=amperes))[0][0]) is None


@pytest.mark.parametrize("inputs", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_bytes_upset_the_parser(inputs: int) -> None:
    draw = random.Random(inputs)
    rest = b""
    for _ in range(inputs):
        piece = draw.choice((draw.randbytes(draw.randrange(40)), sample(draw.randrange(2**40)), b"\xa5" + struct.pack("<I", 900)))
        payloads, rest = split(rest + piece)
        assert len(rest) <= 1100
        for payload in payloads:
            parse(payload)


def listening(emulated: Instrument, clock: ScriptedClock, options: dict[str, str] | None = None) -> tuple[Ct3Meter, Line, Heard]:
    line, heard = Line(emulated, clock), Heard()
    reader = Ct3Meter("scripted", {"emulated": "yes", **(options or {})}, clock=clock, open_port=line.open)
    reader.start(heard.sink, heard)
    return reader, line, heard


def test_a_thousand_samples_a_second_come_dated_by_its_own_clock() -> None:
    clock = ScriptedClock()
    emulated = Ct3(Circuit(power=constant(6.0), voltage_v=5.0), clock=OwnClock(offset_ns=10**12, drift=5e-5))
    reader, _, heard = listening(emulated, clock)
    pass_time(clock, seconds=5.0, step_s=0.02)
    reader.stop()
    volts, amperes = heard.trace("ct3.voltage"), heard.trace("ct3.current")
    assert volts.t_ns.tolist() == amperes.t_ns.tolist()
    assert len(volts) == pytest.approx(5000, abs=30)
    assert amperes.value == pytest.approx(1.2)
    assert volts.t_ns[-1] - volts.t_ns[0] == pytest.approx(5 * SECOND, rel=0.01)
    assert (volts.t_ns[1:] > volts.t_ns[:-1]).all()
    assert heard.codes == []


def test_a_meter_plugged_in_the_other_way_is_told_so() -> None:
    clock = ScriptedClock()
    reader, _, heard = listening(Ct3(Circuit(power=constant(6.0), voltage_v=5.0), reversed_=True), clock, {"reversed": "yes"})
    pass_time(clock, seconds=1.0, step_s=0.02)
    reader.stop()
    assert heard.trace("ct3.current").value == pytest.approx(1.2)


def test_lost_samples_are_counted_and_long_holes_flagged() -> None:
    clock = ScriptedClock()
    emulated = Ct3(Circuit(power=constant(6.0)))
    reader, _, heard = listening(emulated, clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    emulated.lose(2)
    pass_time(clock, seconds=1.0, step_s=0.02)
    assert FLAG_GAP not in heard.trace("ct3.current").flags[1:].tolist()
    emulated.lose(200)
    pass_time(clock, seconds=1.0, step_s=0.02)
    reader.stop()
    assert heard.codes == ["meter.lost_samples"]
    assert heard.trace("ct3.current").flags[1:].tolist().count(FLAG_GAP) == 1


def test_a_clock_that_jumps_is_noticed() -> None:
    clock = ScriptedClock()
    emulated = Ct3(Circuit(power=constant(6.0)))
    reader, _, heard = listening(emulated, clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    emulated.jump(3600.0)
    pass_time(clock, seconds=1.0, step_s=0.02)
    reader.stop()
    assert heard.codes == ["meter.clock_jump"]
    times = heard.trace("ct3.current").t_ns
    assert times[-1] - times[0] < 3 * SECOND
    assert (times[1:] > times[:-1]).all()
