"""The UM25C: golden frame, emulator and driver both ways, and the whole path through a pseudo-terminal."""

from __future__ import annotations

import time

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.trace import FLAG_INVALID, Reading, single
from edgekit.links.clock import HostClock
from edgekit.links.pty import served
from edgekit.meters.um25c import LAYOUT, Um25cMeter, parse
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, Instrument
from edgekit.sim.emulators.um25c import Um25c
from edgekit.sim.load import constant

GOLDEN = bytes.fromhex("09c914033039000018b40019004d0003") + bytes(80) + bytes(30) + bytes.fromhex("0000000000000001fff1")[2:]


def test_the_golden_frame_is_read() -> None:
    data = GOLDEN[:128].ljust(128, b"\0")[:128] + b"\xff\xf1"
    frame = parse(data)
    assert frame is not None
    assert (frame.model, frame.voltage_v, frame.current_a, frame.power_w, frame.group) == ("UM25C", 5.123, 1.2345, 6.324, 3)
    assert LAYOUT.size == 130


@pytest.mark.parametrize("data", [b"", bytes(130), b"\x09\xc9" + bytes(128), b"\xff" * 130])
def test_what_is_no_frame_is_not_read(data: bytes) -> None:
    assert parse(data) is None


def test_the_emulator_answers_what_the_driver_reads() -> None:
    emulated = Um25c(Circuit(power=constant(6.0)), delay_s=(0.1, 0.1))
    assert emulated.hear(b"\xf0", 2_000_000_000) == b""
    assert emulated.next_ns() == 2_100_000_000
    frame = parse(emulated.say(2_100_000_000))
    assert frame is not None
    assert (frame.power_w, frame.voltage_v, frame.group_mwh) == (6.0, 5.0, 3)


@pytest.mark.slow
def test_readings_arrive_through_a_serial_line() -> None:
    clock = HostClock()
    readings: list[Reading] = []
    with served(Um25c(Circuit(power=constant(6.0), start_ns=clock.now_ns() - 10**9), delay_s=(0.01, 0.02))) as path:
        meter = Um25cMeter(path, {"emulated": "yes"})
        assert meter.spec().identity == "UM25C"
        meter.start(readings.extend)
        until = time.monotonic() + 20
        while len(readings) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        meter.stop()
    watts = [reading.value for reading in readings if reading.channel == "um25c.power"]
    counts = [reading.value for reading in readings if reading.channel == "um25c.energy"]
    assert set(watts) == {6.0}
    assert counts == sorted(counts)
    assert len(counts) == len(watts)


def test_another_group_says_nothing_of_this_one() -> None:
    emulated, clock = Um25c(Circuit(power=constant(6.0)), delay_s=(0.0, 0.0)), ScriptedClock()
    readings: list[Reading] = []
    meter = Um25cMeter("here", clock=clock, open_port=lambda address, baud: Scripted(emulated, clock))
    meter.start(lambda block: readings.extend(single(block)))
    for command in (b"", b"\xa4", b"\xa0"):
        emulated.hear(command, clock.now_ns())
        clock.sleep(0.5)
    meter.stop()
    counted = [reading for reading in readings if reading.channel == "um25c.energy"]
    assert [reading.flags for reading in counted] == [0, FLAG_INVALID, FLAG_INVALID], "and it stood still meanwhile"


class Scripted:
    """Carry bytes between a driver and an emulated instrument at the time of one scripted clock."""

    name = "here"

    def __init__(self, instrument: Instrument, clock: ScriptedClock) -> None:
        self._instrument, self._clock, self._waiting = instrument, clock, b""

    def read(self, most: int, timeout_s: float) -> bytes:
        self._waiting += self._instrument.say(self._clock.now_ns())
        data, self._waiting = self._waiting[:most], self._waiting[most:]
        return data

    def write(self, data: bytes) -> None:
        self._waiting += self._instrument.hear(data, self._clock.now_ns())

    def close(self) -> None:
        pass


def test_a_port_that_is_not_there_is_said() -> None:
    with pytest.raises(HardwareError) as refused:
        Um25cMeter("/dev/no-such-port").spec()
    assert refused.value.code == "port.absent"
