"""Bench instruments in SCPI: presets, own queries, emulators over a socket, and energy against the truth."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.quantity import Origin
from edgekit.links.tcp import served_at_port
from edgekit.meters.scpi import ScpiMeter
from edgekit.meters.scpi_presets import parse, preset_of, presets
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.scpi import Keithley2450, RigolDp800, SiglentSpd
from edgekit.sim.load import constant
from tests.meters.scripted import Heard, Line, pass_time

STEADY = Circuit(power=constant(6.0), voltage_v=5.0)
KINDS = (("siglent-spd", SiglentSpd), ("rigol-dp800", RigolDp800), ("keithley-2450", Keithley2450))


@pytest.mark.parametrize(
    ("answer", "gives", "found"),
    [
        ("5.000", ("volts",), {"volts": 5.0}),
        ("5.0,1.2,6.0\r", ("volts", "amps", "watts"), {"volts": 5.0, "amps": 1.2, "watts": 6.0}),
        ("+1.23E-06", ("amps",), {"amps": 1.23e-6}),
        ("5.0V,7", ("volts", ""), {"volts": 5.0}),
        ("9.9E37", ("volts",), None),
        ("5.0", ("volts", "amps"), None),
        ("nan", ("volts",), None),
        ("", ("volts",), None),
    ],
)
def test_answers_are_numbers_or_nothing(answer: str, gives: tuple[str, ...], found: dict[str, float] | None) -> None:
    assert parse(answer, gives) == found


@given(st.text(max_size=40))
def test_any_text_is_survived(answer: str) -> None:
    parse(answer, ("volts", "amps"))
    preset_of(answer)


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_damaged_answers_are_survived(count: int) -> None:
    draw = random.Random(3)
    for _ in range(count):
        data = bytearray(b"5.0000,1.2000,6.000")
        data[draw.randrange(len(data))] = draw.randrange(256)
        parse(data.decode("ascii", "replace"), ("volts", "amps", "watts"))


@pytest.mark.parametrize(("name", "emulator"), KINDS)
def test_an_instrument_is_known_by_its_identity_and_only_asked(name: str, emulator: type[SiglentSpd]) -> None:
    clock, heard = ScriptedClock(), Heard()
    instrument = emulator(STEADY)
    meter = ScpiMeter("bench", {"voltage": "5 V"}, clock=clock, open_port=Line(instrument, clock).open)
    spec = meter.spec()
    assert (spec.detail, spec.accuracy.verified) == (presets()[name].title, False)
    assert {channel.origin for channel in spec.channels} == {Origin.EMULATED}
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=3, step_s=0.02)
    meter.stop()
    values = {
        channel.id: {round(channel.scale * r.value, 3) for r in heard.readings if r.channel == channel.id} for channel in spec.channels
    }
    assert values in ({"scpi.voltage": {5.0}, "scpi.current": {1.2}}, {"scpi.power": {6.0}})
    assert all("?" in query for query in instrument.asked), "nothing is set and nothing is switched"


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "hp"},
        {"volts": "MEAS:VOLT?"},
        {"amps": "OUTP ON"},
        {"amps": "MEAS:CURR?;OUTP OFF"},
        {"amps": "MEAS:CURR?\nOUTP OFF"},
        {"channel": "0"},
        {"ampere": "MEAS:CURR?"},
        {"boundary": "grid"},
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        ScpiMeter("bench", options)
    assert refused.value.code == "meter.option"


@pytest.mark.parametrize(
    ("address", "options", "opened"),
    [
        ("bench", {}, "socket://bench:5025"),
        ("10.0.0.7", {"preset": "rigol-dp800"}, "socket://10.0.0.7:5555"),
        ("10.0.0.7:99", {}, "socket://10.0.0.7:99"),
        ("/dev/ttyUSB0", {}, "/dev/ttyUSB0"),
        ("socket://h:1", {}, "socket://h:1"),
    ],
)
def test_a_host_is_a_raw_socket(address: str, options: dict[str, str], opened: str) -> None:
    assert ScpiMeter(address, options).address == opened


def test_own_queries_make_an_unknown_instrument_readable_through_a_socket() -> None:
    instrument, heard = Unknown(STEADY), Heard()
    with served_at_port(instrument) as (host, port):
        with pytest.raises(UsageError, match="preset"):
            ScpiMeter(f"{host}:{port}").spec()
        meter = ScpiMeter(f"{host}:{port}", {"volts": "MEAS:VOLT? CH{channel}", "amps": "MEAS:CURR? CH{channel}"})
        meter.start(heard.sink, heard)
        until = time.monotonic() + 10
        while len(heard.readings) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        meter.stop()
    assert not heard.errors
    volts, amperes = (heard.trace(f"scpi.{name}", clock="host") for name in ("voltage", "current"))
    assert len(volts)
    assert set(volts.value) == {5.0}
    assert set(amperes.value) == {1.2}
    assert list(volts.t_ns) == list(amperes.t_ns), "so that they can be multiplied"


class Unknown(SiglentSpd):
    identity = "ACME,BENCH-1,EMULATED,1"


def test_a_channel_that_does_not_exist_is_said() -> None:
    clock = ScriptedClock()
    meter: Any = ScpiMeter("bench", {"channel": "2"}, clock=clock, open_port=Line(SiglentSpd(STEADY), clock).open)
    with pytest.raises(HardwareError) as silent:
        meter.spec()
    assert silent.value.code == "scpi.answer"
    assert silent.value.why == "0  No Error"
