"""The TC66: golden bytes, both directions, boot mode, what happens to cables, and agreement with the true joules."""

from __future__ import annotations

import json
import random
import struct
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.config import MeterChoice
from edgekit.core.aes import decrypted, encrypted
from edgekit.core.channel import Measurand
from edgekit.core.errors import HardwareError
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP
from edgekit.flows.capture import capture
from edgekit.links.captured import CapturedPort, read_capture
from edgekit.links.pty import served
from edgekit.meters.tc66 import FRAME_BYTES, KEY, Tc66Meter, crc16, parse
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.faulty import Fault, FaultKind, Faulty
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.tc66 import Tc66
from edgekit.sim.load import constant
from tests.fakes import QuietProgress
from tests.meters.agreement import Run, require_agreement, run
from tests.meters.scripted import Heard, Line, pass_time

GOLDEN_HEAD = bytes.fromhex("ea899d8fff18110823f77944f2d108b72aca6ec4a4554d5542e8674b097e259c")
SECOND = 1_000_000_000


def plain(**changed: int) -> bytearray:
    """The golden frame in clear: firmware 1.18, serial 9, 7 starts, 5.1234 V, 1.23456 A, 6.3252 W."""
    first = b"pac1TC661.18" + struct.pack("<I28xI3I", 9, 7, 51_234, 123_456, 63_252)
    second = b"pac2" + struct.pack("<9I", 41, 10, 50, 20, 70, changed.get("below", 0), 25, 60, 61)
    blocks = [block.ljust(60, b"\0") for block in (first, second, b"pac3")]
    return bytearray(b"".join(block + crc16(block).to_bytes(4, "little") for block in blocks))


def test_the_golden_frame_is_read_from_its_cipher() -> None:
    data = encrypted(KEY, bytes(plain()))
    assert data[:32] == GOLDEN_HEAD
    assert int.from_bytes(plain()[60:64], "little") == 0x061A
    frame = parse(data)
    assert frame is not None
    assert (frame.model, frame.firmware, frame.serial, frame.runs) == ("TC66", "1.18", 9, 7)
    assert (frame.voltage_v, frame.current_a, frame.power_w) == (5.1234, 1.23456, 6.3252)
    assert (frame.group_mwh, frame.temperature_c) == ((50, 70), 25)


def test_cold_is_below_zero() -> None:
    frame = parse(encrypted(KEY, bytes(plain(below=1))))
    assert frame is not None
    assert frame.temperature_c == -25


def test_the_emulator_makes_the_golden_bytes() -> None:
    circuit = Circuit(power=constant(6.3252), voltage_v=5.1234)
    said = Tc66(circuit, firmware=b"1.18").frame(2 * SECOND)
    clear = decrypted(KEY, said)
    assert clear[:48] == plain()[:48]
    assert struct.unpack_from("<3I", clear, 48) == (51_234, 123_457, 63_252)
    assert (frame := parse(said)) is not None
    assert frame.power_w == 6.3252


@pytest.mark.parametrize("at", [0, 63, 70, 127, 128, 150, 188])
def test_a_flipped_bit_anywhere_drops_the_frame(at: int) -> None:
    clear = plain()
    clear[at] ^= 4
    assert parse(encrypted(KEY, bytes(clear))) is None


@pytest.mark.parametrize("data", [b"", bytes(191), bytes(192), bytes(193), b"firm"])
def test_what_is_no_frame_is_not_read(data: bytes) -> None:
    assert parse(data) is None


@pytest.mark.parametrize("inputs", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_bytes_upset_the_parser(inputs: int) -> None:
    draw = random.Random(inputs)
    whole = encrypted(KEY, bytes(plain()))
    for _ in range(inputs):
        data = bytearray(whole)
        if draw.random() < 0.9:  # of other lengths, which costs no decryption
            data = bytearray(draw.randbytes(draw.choice((0, 1, 4, 64, 191, 193, 300))))
        else:
            data[draw.randrange(FRAME_BYTES)] ^= draw.randrange(1, 256)
        assert parse(bytes(data)) is None


def listening(emulated: Tc66 | Faulty, clock: ScriptedClock) -> tuple[Tc66Meter, Line, Heard]:
    line, heard = Line(emulated, clock), Heard()
    meter = Tc66Meter("scripted", clock=clock, open_port=line.open)
    meter.start(heard.sink, heard)
    return meter, line, heard


def test_readings_are_those_of_the_circuit_and_marked_as_emulated() -> None:
    clock = ScriptedClock()
    meter, _, heard = listening(Tc66(Circuit(power=constant(6.0)), group=1), clock)
    pass_time(clock, seconds=5.0, step_s=0.05)
    meter.stop()
    spec = meter.spec()
    assert {channel.origin for channel in spec.channels} == {Origin.EMULATED}
    assert spec.identity == "TC66 9"
    power, energy = heard.trace("tc66.power"), heard.trace("tc66.energy")
    assert set(power.value[1:].tolist()) == {6.0}
    assert 20 <= len(power) <= 60
    assert energy.value[-1] - energy.value[0] == pytest.approx(5.0 * 6.0 / 3.6, abs=2)


def test_boot_mode_is_explained() -> None:
    clock = ScriptedClock()
    line = Line(Tc66(Circuit(power=constant(6.0)), boot=True), clock)
    with pytest.raises(HardwareError) as refused:
        Tc66Meter("scripted", clock=clock, open_port=line.open).spec()
    assert refused.value.code == "meter.boot"
    assert "button" in (refused.value.why or "")


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_of_two_seconds_loses_readings_and_invents_none(kind: FaultKind) -> None:
    clock = ScriptedClock()
    fault = Fault(kind=kind, start_ns=clock.now_ns() + 3 * SECOND, end_ns=clock.now_ns() + 5 * SECOND)
    meter, _, heard = listening(Faulty(Tc66(Circuit(power=constant(6.0))), [fault]), clock)
    pass_time(clock, seconds=8.0, step_s=0.05)
    meter.stop()
    assert not heard.errors
    power = heard.trace("tc66.power")
    assert set(power.value[1:].tolist()) == {6.0}
    assert not [t for t in power.t_ns.tolist() if fault.start_ns + SECOND // 2 < t < fault.end_ns - SECOND // 10]
    assert power.t_ns[-1] > fault.end_ns + SECOND


def test_silence_for_good_ends_the_readings() -> None:
    clock = ScriptedClock()
    fault = Fault(kind=FaultKind.SILENT, start_ns=clock.now_ns() + 2 * SECOND)
    meter, _, _ = listening(Faulty(Tc66(Circuit(power=constant(6.0))), [fault]), clock)
    with pytest.raises(HardwareError) as ended:
        pass_time(clock, seconds=8.0, step_s=0.05)
    meter.stop()
    assert ended.value.code == "meter.silent"


def test_values_that_stick_are_passed_on_as_they_are() -> None:
    clock = ScriptedClock()
    emulated = Tc66(Circuit(power=constant(6.0)))
    meter, _, heard = listening(emulated, clock)
    emulated.stick(clock.now_ns() + 2 * SECOND)
    pass_time(clock, seconds=6.0, step_s=0.05)
    meter.stop()
    energy = heard.trace("tc66.energy")
    late = energy.value[energy.t_ns > 4 * SECOND]
    assert len(late) > 10
    assert len(set(late.tolist())) == 1


def test_a_cable_pulled_and_put_back_leaves_a_gap() -> None:
    clock = ScriptedClock()
    meter, line, heard = listening(Tc66(Circuit(power=constant(6.0))), clock)
    pass_time(clock, seconds=2.0, step_s=0.05)
    line.unplug()
    threading.Timer(0.2, line.plug).start()  # the reader tries again after a second of true time
    pass_time(clock, seconds=3.0, step_s=0.05)
    meter.stop()
    assert "meter.replugged" in heard.codes
    assert len(heard.gaps) == 1
    assert FLAG_GAP in heard.trace("tc66.power").flags.tolist()


def measured(seed: int) -> Run:
    gain = random.Random(seed).gauss(1.0, 0.002)
    return run(
        lambda circuit, clock, seed: Tc66(circuit, clock=clock, gain=gain, seed=seed),
        lambda line, clock: Tc66Meter("scripted", clock=clock, open_port=line.open),
        seed=seed,
        window_s=20.0,
        step_s=0.1,
    )


@pytest.mark.parametrize("seeds", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_what_the_counter_states_holds_the_true_joules(seeds: int) -> None:
    require_agreement(measured, (Measurand.ENERGY_COUNTER,), seeds=seeds, usual_rel=0.04)


SERIAL = 0x5EC0DE17


def blocks(data: bytes) -> list[bytes]:
    """Every 16 bytes of some data, from any offset, in clear."""
    return [decrypted(KEY, data[place : place + 16]) for place in range(len(data) - 15)]


@pytest.mark.parametrize(("start", "end"), [(0, 192), (0, 100), (0, 30), (0, 400), (5, 390)])
def test_no_serial_number_is_left_whatever_was_cut(start: int, end: int) -> None:
    frame = Tc66(Circuit(power=constant(6.0)), serial=SERIAL).frame(2 * SECOND)
    data = (b"firm" + frame + b"noise" + frame)[start:end] if end > 192 else frame[start:end]
    clean = Tc66Meter.redact(data)
    assert len(clean) == len(data)
    number = SERIAL.to_bytes(4, "little")
    assert any(number in block for block in blocks(data))
    assert not any(number in block for block in blocks(clean))
    assert parse(clean) == (replace(parse(frame), serial=0) if data == frame else None)


def test_a_capture_holds_the_serial_number_nowhere(tmp_path: Path) -> None:
    out = tmp_path / "tc66.jsonl"
    with served(Tc66(Circuit(power=constant(6.0)), serial=SERIAL)) as place:
        capture(MeterChoice(name="desk", kind="tc66", address=place), seconds=1.5, out=out, progress=QuietProgress())
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    came = b"".join(bytes.fromhex(row["from"]) for row in rows if "from" in row)
    assert str(SERIAL) not in out.read_text()
    assert len(came) > FRAME_BYTES
    assert not any(SERIAL.to_bytes(4, "little") in block for block in blocks(came))
    _, passed = read_capture(out)
    clock = ScriptedClock()
    repeated = Tc66Meter("capture", clock=clock, open_port=lambda address, baud: CapturedPort(passed, clock))
    assert repeated.spec().identity == "TC66 0"
