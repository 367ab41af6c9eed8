"""The LPM01A: golden samples, text and words both ways, its own times, edges, refusals, and the whole path against exact joules."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest

from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.quantity import Estimate, Origin
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, FLAG_OVER
from edgekit.energy.clocks.sync import edge_windows
from edgekit.meters.lpm01a import Lpm01aMeter
from edgekit.meters.shield_stream import TextStream, Told, WordStream, answer
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.lpm01a import Lpm01a
from edgekit.sim.load import constant, square, steps
from tests.meters.probes import measured, through_a_line, window
from tests.meters.scripted import Heard, Line, pass_time

V = 3.0


def _meter(emulated: Lpm01a, clock: ScriptedClock, **options: str) -> Lpm01aMeter:
    return Lpm01aMeter("scripted", {"voltage": f"{V} V", **options}, clock=clock, open_port=Line(emulated, clock).open)


def test_a_golden_line_is_read() -> None:
    piece = TextStream().feed(
        b"6409-07 6409-07\r\nTimeStamp: 001s 250ms, buff 01%\r\n0001+00\r\nevent 01 ris\r\nAcquisition completed\r\n64"
    )
    assert piece.values == pytest.approx([640.9e-6, 640.9e-6, 1.0])
    assert [(mark.at, mark.told, mark.value) for mark in piece.marks] == [(2, Told.TIME, 1250), (3, Told.EDGE, 0), (3, Told.END, 0)]


def test_a_golden_word_is_read() -> None:
    piece = WordStream().feed(bytes.fromhex("5234f0f3000003e801ffff5234f0f5fffff0f4ffff52"))
    assert piece.values == pytest.approx([537.87e-6, 537.87e-6], abs=1e-8)
    assert [(mark.at, mark.told, mark.value) for mark in piece.marks] == [(1, Told.TIME, 1000), (2, Told.OVER, 0), (2, Told.END, 0)]


@pytest.mark.parametrize("form", ["ascii_dec", "bin_hexa"])
def test_the_emulator_says_what_the_parsers_read(form: str) -> None:
    emulated = Lpm01a(Circuit(power=constant(640.9e-6 * V), voltage_v=V), noise_rel=0)
    emulated.hear(f"format {form}\nfreq 10k\nstart\n".encode(), 0)
    data = emulated.say(1_500_000_000)
    assert (b"6409-07\r\n" in data) == (form == "ascii_dec")
    stream = TextStream() if form == "ascii_dec" else WordStream()
    pieces = [stream.feed(data[i : i + 7]) for i in range(0, len(data), 7)]
    values = np.concatenate([piece.values for piece in pieces])
    assert len(values) == 15_000
    assert values == pytest.approx(640.9e-6, rel=2e-3)
    assert [mark.value for piece in pieces for mark in piece.marks] == [0, 1000]


def test_words_are_found_again_after_a_lost_byte() -> None:
    emulated = Lpm01a(Circuit(power=constant(0.03), voltage_v=V))
    emulated.hear(b"format bin_hexa\nfreq 100k\nstart\n", 0)
    data = emulated.say(100_000_000)
    piece = WordStream().feed(data[:5000] + data[5001:])
    good = piece.values[~piece.suspect]
    assert len(piece) >= 9_990
    assert good == pytest.approx(0.01, rel=0.05)
    assert Told.TORN in {mark.told for mark in piece.marks}


def test_an_answer_is_a_whole_line() -> None:
    assert answer(b"PowerShield > ack fre", "freq 1k") is None
    assert answer(b"noise\r\nPowerShield > ack freq 1k\r\n\r\nrest", "freq 1k") == (True, "ack freq 1k", b"rest")
    assert answer(b"PowerShield > error freq\r\n", "freq 1k") == (False, "error freq", b"")


def _fuzz(number: int) -> None:
    draw = random.Random(7)
    text = b"6409-07\r\nTimeStamp: 001s 000ms, buff 01%\r\nevent 01 ris\r\nack freq\r\nerror x\r\nend\r\n"
    words = bytes.fromhex("5234f0f3000003e801ffff5234f0f1616263fffff0f5fffff0f7000affff5234f0f4ffff")
    for _ in range(number):
        good = draw.choice((text, words))
        data = draw.randbytes(draw.randrange(20)) + good[draw.randrange(len(good)) :] + draw.randbytes(draw.randrange(20))
        cut = draw.randrange(len(data) + 1)
        for stream in (TextStream(), WordStream()):
            for part in (data[:cut], data[cut:]):
                piece = stream.feed(part)
                assert len(piece.values) == len(piece.suspect)
                assert all(0 <= mark.at <= len(piece) for mark in piece.marks)
        answer(data, "freq 1k")


def test_no_bytes_upset_the_parsers() -> None:
    _fuzz(1_000)


@pytest.mark.slow
def test_no_bytes_upset_the_parsers_at_length() -> None:
    _fuzz(100_000)


def test_it_is_set_up_and_left_as_it_was() -> None:
    clock, emulated = ScriptedClock(), Lpm01a(Circuit(power=constant(0.03), voltage_v=V))
    meter = _meter(emulated, clock)
    spec = meter.spec()
    assert [channel.id for channel in spec.channels] == ["lpm01a.power", "lpm01a.d7"]
    assert spec.channels[0].origin is Origin.EMULATED
    meter.stop()
    assert emulated.heard[:2] == ["stop", "htc"]
    assert emulated.heard[-2:] == ["stop", "hrc"]
    assert not any(command.startswith("pwr") for command in emulated.heard)
    told = Lpm01a(Circuit(power=constant(0.03), voltage_v=V))
    meter = _meter(told, clock, power="during")
    meter.spec()
    meter.stop()
    assert "pwr on nostatus" in told.heard
    assert told.heard[-2:] == ["pwr off", "hrc"]


def test_old_firmware_measures_without_edges() -> None:
    spec = _meter(Lpm01a(Circuit(power=constant(0.03), voltage_v=V), old=True), ScriptedClock()).spec()
    assert [channel.id for channel in spec.channels] == ["lpm01a.power"]


@pytest.mark.parametrize("options", [{"voltage": "5 V"}, {"rate_hz": "3"}, {"output": "charge"}, {"output": "energy", "rate_hz": "100000"}])
def test_what_it_does_not_offer_is_refused(options: Mapping[str, str]) -> None:
    with pytest.raises(UsageError):
        _meter(Lpm01a(Circuit(power=constant(0.03))), ScriptedClock(), **options).spec()
    with pytest.raises(UsageError) as refused:
        Lpm01aMeter(
            "scripted", {}, clock=(clock := ScriptedClock()), open_port=Line(Lpm01a(Circuit(power=constant(0.03))), clock).open
        ).spec()
    assert refused.value.code == "meter.voltage"


def test_a_refused_command_and_silence_are_errors() -> None:
    class Refusing(Lpm01a):
        def _obey(self, command: str, t_ns: int) -> bytes:
            return b"PowerShield > error freq\r\n" if command.startswith("freq") else super()._obey(command, t_ns)

    with pytest.raises(HardwareError) as refused:
        _meter(Refusing(Circuit(power=constant(0.03))), ScriptedClock()).spec()
    assert refused.value.code == "meter.command"

    class Mute(Lpm01a):
        def _obey(self, command: str, t_ns: int) -> bytes:
            return b""

    with pytest.raises(HardwareError) as silent:
        _meter(Mute(Circuit(power=constant(0.03))), ScriptedClock()).spec()
    assert silent.value.code == "meter.silent"


@pytest.mark.parametrize("rate_hz", ["10000", "100000"])
def test_lost_samples_are_counted_by_its_own_times(rate_hz: str) -> None:
    clock, heard = ScriptedClock(), Heard()
    emulated = Lpm01a(Circuit(power=constant(0.03), voltage_v=V))
    meter = _meter(emulated, clock, rate_hz=rate_hz)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=2.5, step_s=0.1)
    emulated.lose(int(rate_hz) // 10)
    pass_time(clock, seconds=2.0, step_s=0.1)
    meter.stop()
    trace = heard.trace("lpm01a.power")
    assert heard.codes == ["meter.lost_samples"]
    assert (trace.flags & FLAG_GAP).sum() == 1
    assert clock.now_ns() - int(trace.t_ns[-1]) < 3_000_000


def test_torn_words_are_not_used() -> None:
    clock, heard = ScriptedClock(), Heard()
    emulated = Lpm01a(Circuit(power=constant(0.03), voltage_v=V))
    meter = _meter(emulated, clock, rate_hz="100000")
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=0.5, step_s=0.1)
    emulated.lose_bytes(1)
    pass_time(clock, seconds=0.5, step_s=0.1)
    meter.stop()
    trace = heard.trace("lpm01a.power")
    assert "meter.misaligned" in heard.codes
    assert 0 < (trace.flags & FLAG_INVALID > 0).sum() < 200
    assert trace.value[trace.flags & FLAG_INVALID == 0] == pytest.approx(0.01, rel=0.05)


def test_over_current_is_told_and_ends_the_acquisition() -> None:
    clock, heard = ScriptedClock(), Heard()
    load = steps([(0.0, 0.03), (0.55, 0.4)])
    meter = _meter(Lpm01a(Circuit(power=load, voltage_v=V, start_ns=clock.now_ns())), clock)
    meter.start(heard.sink, heard)
    with pytest.raises(EdgekitError) as ended:
        pass_time(clock, seconds=1.0, step_s=0.1)
    meter.stop()
    assert ended.value.code == "meter.ended"
    assert heard.codes == ["meter.over_range"]
    assert heard.trace("lpm01a.power").flags[-1] & FLAG_OVER


def _run(seed: int, *, gain: float, **options: str) -> tuple[Estimate, float]:
    return measured(
        lambda circuit, own: Lpm01a(circuit, clock=own, seed=seed, gain=gain),
        lambda line, clock: Lpm01aMeter("scripted", {"voltage": f"{V} V", **options}, clock=clock, open_port=line.open),
        seed=seed,
        most_w=0.14,
        voltage_v=V,
    )


@pytest.mark.parametrize("options", [{}, {"output": "energy"}, {"rate_hz": "100000"}, {"output": "energy", "rate_hz": "1000"}])
def test_without_a_gain_error_the_energy_is_the_true_one(options: dict[str, str]) -> None:
    found, truth = _run(3, gain=1.0, **options)
    assert found.value == pytest.approx(truth, rel=0.01)
    assert found.low <= truth <= found.high


def test_windows_are_dated_by_the_edges_of_d7() -> None:
    clock, heard = ScriptedClock(), Heard()
    start = clock.now_ns()
    marks = square(1.0, 0.0, 0.25, duty=0.01, phase=0.2)  # falls at 50, 300, 550 ms ..., a fall at either end of a window
    emulated = Lpm01a(Circuit(power=constant(0.03), voltage_v=V, start_ns=start), marks=marks, clock=OwnClock(drift=5e-5))
    meter = _meter(emulated, clock)
    meter.start(heard.sink, heard)
    pass_time(clock, seconds=1.5, step_s=0.07)
    meter.stop()
    edges = heard.trace("lpm01a.d7")
    windows = [window(start + 300_000_000 + k * 500_000_000, start + 550_000_000 + k * 500_000_000, k) for k in range(2)]
    dated = edge_windows(edges, windows, tolerance_ns=50_000_000, bracket_ns=50_000)
    for new, old in zip(dated.windows, windows, strict=True):
        assert new is not None
        assert new.duration_s == pytest.approx(0.25, abs=2e-4)
        assert abs(new.start_ns - old.start_ns) < 5_000_000


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", ["10000", "100000"])
def test_it_is_read_through_a_serial_line(rate_hz: str) -> None:
    _, found_j, true_j = through_a_line(
        lambda circuit, own: Lpm01a(circuit, clock=own),
        lambda path: Lpm01aMeter(path, {"voltage": f"{V} V", "rate_hz": rate_hz}),
        voltage_v=V,
    )
    assert found_j == pytest.approx(true_j, rel=0.03)
