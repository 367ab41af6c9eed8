"""The KM003C's stream: authentication both ways, queues, ticks that wrap, faults, and agreement with the true joules."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from edgekit.core.aes import decrypted, encrypted
from edgekit.core.errors import HardwareError
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP
from edgekit.links.captured import CapturedPort, Passed, TappedPort
from edgekit.meters.km003c import (
    AUTH_KEY,
    HARDWARE_AT,
    MEMORY_KEY,
    Km003cMeter,
    auth_request,
    control,
    hardware_number,
    memory_request,
    parse,
)
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock
from edgekit.sim.emulators.km003c import Km003c
from edgekit.sim.load import constant
from tests.meters.scripted import Heard, Line, pass_time

SECOND = 1_000_000_000
HARDWARE = b"071KBP\r\xff\x11\n\xff\xff"


def queue(*ticks: int, number: int = 5, volts: int = 5_000_000, amperes: int = -1_200_000) -> bytes:
    body = b"".join(struct.pack("<HHiiHHHH", tick, 0x3C, volts, amperes, 1, 2, 3, 4) for tick in ticks)
    return struct.pack("<BBHI", 0x41, number, 0, 2 | len(ticks) << 16 | 20 << 22) + body


def test_commands_are_the_bytes_that_were_seen() -> None:
    assert control(0x0C, 7, 2).hex() == "0c070400"
    assert control(0x0E, 7, 3).hex() == "0e070600"
    assert control(0x0F, 7).hex() == "0f070000"
    assert memory_request(9, HARDWARE_AT, 12)[:4].hex() == "44090101"
    assert auth_request(9, HARDWARE)[:4].hex() == "4c090002"


def test_the_hardware_number_is_read_from_one_block() -> None:
    reply = b"\xc4\x09\x01\x01" + struct.pack("<II8x", HARDWARE_AT, 12) + encrypted(MEMORY_KEY, HARDWARE + bytes(4))
    assert hardware_number(reply) == HARDWARE
    assert hardware_number(reply[:-1]) is None
    assert hardware_number(b"\x06" + reply[1:]) is None


def test_a_queue_is_read_with_ticks_and_signs() -> None:
    found = parse(queue(65_535, 0), 5)
    assert found is not None
    assert [(one.tick, one.voltage_v, one.current_a) for one in found] == [(65_535, 5.0, -1.2), (0, 5.0, -1.2)]
    assert parse(b"\x41\x05\0\0", 5) == ()
    assert parse(queue(1), 6) is None
    assert parse(queue(1)[:-1], 5) is None
    assert parse(queue(1, volts=2_000_000_000), 5) is None


@pytest.mark.parametrize("inputs", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_bytes_upset_the_parsers(inputs: int) -> None:
    draw = random.Random(inputs)
    for _ in range(inputs):
        data = bytearray(queue(*range(draw.randrange(4))) if draw.random() < 0.7 else draw.randbytes(draw.randrange(80)))
        for _ in range(draw.randrange(3)):
            if data:
                data[draw.randrange(len(data))] = draw.randrange(256)
        found = parse(bytes(data))
        assert found is None or len(found) <= 63
        if draw.random() < 0.05:
            hardware_number(draw.randbytes(36))


def listening(emulated: Instrument, clock: ScriptedClock) -> tuple[Km003cMeter, Line, Heard]:
    line, heard = Line(emulated, clock), Heard()
    reader = Km003cMeter("scripted", clock=clock, open_port=line.open)
    reader.start(heard.sink, heard)
    return reader, line, heard


def test_it_authenticates_streams_and_stops_and_sends_nothing_that_writes() -> None:
    clock = ScriptedClock()
    emulated = Km003c(Circuit(power=constant(6.0), voltage_v=5.0), clock=OwnClock(offset_ns=60 * SECOND, drift=3e-5))
    reader, _, heard = listening(emulated, clock)
    pass_time(clock, seconds=10.0, step_s=0.02)  # its ticks wrap meanwhile, after 65.5 s
    spec = reader.spec()
    reader.stop()
    assert {channel.origin for channel in spec.channels} == {Origin.EMULATED}
    volts, amperes = heard.trace("km003c.voltage"), heard.trace("km003c.current")
    assert volts.t_ns.tolist() == amperes.t_ns.tolist()
    assert len(volts) == pytest.approx(10_000, abs=100)
    assert amperes.value == pytest.approx(1.2)
    assert volts.t_ns[-1] - volts.t_ns[0] == pytest.approx(10 * SECOND, rel=0.01)
    assert heard.codes == []
    assert emulated.asked[:4] == [0x02, 0x44, 0x4C, 0x0E]
    assert emulated.asked[-1] == 0x0F
    assert set(emulated.asked) == {0x02, 0x44, 0x4C, 0x0E, 0x0C, 0x0F}


def test_a_meter_that_refuses_is_not_read() -> None:
    with pytest.raises(HardwareError) as refused:
        listening(Km003c(Circuit(power=constant(6.0)), refuses=True), ScriptedClock())
    assert refused.value.code == "meter.not_allowed"


def test_samples_that_it_leaves_out_are_counted_and_bridged() -> None:
    clock = ScriptedClock()
    reader, _, heard = listening(Km003c(Circuit(power=constant(6.0)), skip_every=23), clock)
    pass_time(clock, seconds=3.0, step_s=0.02)
    reader.stop()
    amperes = heard.trace("km003c.current")
    assert len(amperes) == pytest.approx(3000 * 22 / 23, abs=60)
    assert heard.codes == ["meter.lost_samples"]
    assert FLAG_GAP not in amperes.flags[1:].tolist()


def test_a_host_that_was_away_for_long_finds_its_place_in_the_ticks() -> None:
    clock = ScriptedClock()
    reader, _, heard = listening(Km003c(Circuit(power=constant(6.0))), clock)
    pass_time(clock, seconds=1.0, step_s=0.02)
    clock.advance(150 * SECOND)
    pass_time(clock, seconds=3.0, step_s=0.02)
    reader.stop()
    amperes = heard.trace("km003c.current")
    assert (amperes.t_ns[1:] > amperes.t_ns[:-1]).all()
    assert amperes.t_ns[-1] == pytest.approx(clock.now_ns(), abs=SECOND)
    assert FLAG_GAP in amperes.flags[1:].tolist()


def test_a_capture_holds_the_hardware_number_nowhere_and_repeats() -> None:
    emulated, clock = Km003c(Circuit(power=constant(6.0), voltage_v=5.0), hardware=HARDWARE), ScriptedClock()
    line, rows = Line(emulated, clock), list[dict[str, Any]]()

    def tapped(address: str, baud: int) -> TappedPort:
        return TappedPort(line.open(address, baud), clock, rows.append, began_ns=clock.now_ns(), redact=Km003cMeter.redact)

    meter = Km003cMeter("scripted", clock=clock, open_port=tapped)
    assert HARDWARE.hex() in meter.spec().identity
    meter.stop()
    passed = tuple(Passed(t_ns=row["t_ns"], data=bytes.fromhex(row.get("to") or row["from"]), sent="to" in row) for row in rows)
    clear = b"".join(
        decrypted(key, one.data[start:]) for one in passed if len(one.data) == 36 for key, start in ((MEMORY_KEY, 20), (AUTH_KEY, 4))
    )
    assert HARDWARE[:8] not in clear
    again = ScriptedClock()
    repeated = Km003cMeter("capture", clock=again, open_port=lambda address, baud: CapturedPort(passed, again))
    assert repeated.spec().identity == f"KM003C {bytes(12).hex()}"
