"""UM24C and UM34C beside the UM25C: their steps, the UM34C's check byte, and agreement with the true joules."""

from __future__ import annotations

import random

import pytest

from edgekit.core.channel import Measurand
from edgekit.meters.um24c import Um24cMeter
from edgekit.meters.um25c import CHECKED, FRAME_BYTES, Um25cMeter, checksum, parse
from edgekit.meters.um34c import Um34cMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.um25c import Um24c, Um25c, Um34c
from edgekit.sim.load import constant
from tests.meters.agreement import Run, require_agreement, run
from tests.meters.scripted import Heard, Line, pass_time

FAMILY = [(Um24c, Um24cMeter), (Um25c, Um25cMeter), (Um34c, Um34cMeter)]
SECOND = 1_000_000_000


@pytest.mark.parametrize(("emulator", "voltage_v", "current_a"), [(Um24c, 5.12, 1.235), (Um25c, 5.123, 1.2345), (Um34c, 5.12, 1.235)])
def test_each_model_has_its_own_steps(emulator: type[Um25c], voltage_v: float, current_a: float) -> None:
    frame = parse(emulator(Circuit(power=constant(1.2345 * 5.123), voltage_v=5.123)).frame(2 * SECOND))
    assert frame is not None
    assert (frame.model.upper(), frame.voltage_v, frame.current_a, frame.power_w) == (
        emulator.__name__.upper(),
        voltage_v,
        current_a,
        6.324,
    )


def test_the_check_byte_covers_the_bytes_it_is_said_to_cover() -> None:
    data = bytearray(Um34c(Circuit(power=constant(6.0))).frame(2 * SECOND))
    assert data[129] == checksum(bytes(data))
    for place in range(16, FRAME_BYTES):  # what lies before tells the model, or is more than a sum
        spoilt = bytearray(data)
        spoilt[place] ^= 0x10
        assert (parse(bytes(spoilt)) is None) == (place in CHECKED or place == 129), place


@pytest.mark.parametrize("inputs", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_bytes_upset_the_parser(inputs: int) -> None:
    draw = random.Random(inputs)
    wholes = [emulator(Circuit(power=constant(6.0))).frame(SECOND) for emulator, _ in FAMILY]
    for _ in range(inputs):
        data = bytearray(draw.choice(wholes))
        for _ in range(draw.randrange(4)):
            data[draw.randrange(FRAME_BYTES)] = draw.randrange(256)
        frame = parse(bytes(data[: draw.choice((FRAME_BYTES, FRAME_BYTES, draw.randrange(200)))]))
        assert frame is None or 0 <= frame.group < 10


@pytest.mark.parametrize(("emulator", "meter"), FAMILY)
def test_each_kind_reads_its_model(emulator: type[Um25c], meter: type[Um25cMeter]) -> None:
    clock = ScriptedClock()
    line, heard = Line(emulator(Circuit(power=constant(6.0))), clock), Heard()
    reader = meter("scripted", {"emulated": "yes"}, clock=clock, open_port=line.open)
    assert reader.spec().identity.lower().startswith(meter.kind)
    reader.start(heard.sink, heard)
    pass_time(clock, seconds=4.0, step_s=0.05)
    reader.stop()
    assert set(heard.trace(f"{meter.kind}.power").value[1:].tolist()) == {6.0}


def measured(seed: int, family: int | None = None) -> Run:
    emulator, meter = FAMILY[seed % 3 if family is None else family]
    gain = random.Random(seed).gauss(1.0, 0.002)
    return run(
        lambda circuit, clock, seed: emulator(circuit, clock=clock, gain=gain, seed=seed),
        lambda line, clock: meter("scripted", {"emulated": "yes"}, clock=clock, open_port=line.open),
        seed=seed,
        window_s=30.0,
        step_s=0.1,
    )


@pytest.mark.parametrize("seeds", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_what_the_counter_states_holds_the_true_joules(seeds: int) -> None:
    require_agreement(measured, (Measurand.ENERGY_COUNTER,), seeds=seeds, usual_rel=0.03)
