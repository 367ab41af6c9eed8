"""What `edgekit meters read` adds up: joules, charge and rates of readings in any pieces, and repeats told from quiet."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, Reading, Trace
from edgekit.energy.sensors.staleness import Repeats
from edgekit.energy.tally import Tally


def channel(name: str, measurand: Measurand, unit: str, **fields: object) -> Channel:
    given = {"meter": "t", "boundary": Boundary.USB_INPUT, "origin": Origin.EMULATED, **fields}
    return Channel(id=name, measurand=measurand, unit=unit, **given)  # type: ignore[arg-type]


WATTS = channel("t.power", Measurand.POWER, "W")
VOLTS = channel("t.voltage", Measurand.VOLTAGE, "V")
AMPERES = channel("t.current", Measurand.CURRENT, "A", times="t.voltage")
COUNT = channel("t.energy", Measurand.ENERGY_COUNTER, "J", scale=3.6, quantum=1, wrap=2**32)


def spec(*channels: Channel, gain_rel: float | None = 0.01) -> MeterSpec:
    return MeterSpec(kind="t", channels=channels, accuracy=Accuracy(source="x", gain_rel=gain_rel), max_power_w=100.0)


def reading(name: str, second: float, value: float, flags: int = 0) -> Reading:
    return Reading(channel=name, t_ns=round(second * 1e9), bracket_ns=0, value=value, flags=flags)


def block(name: str, seconds: np.ndarray, values: np.ndarray) -> Trace:
    t_ns = np.rint(seconds * 1e9).astype(np.int64)
    none = np.zeros(len(t_ns), np.int64)
    return Trace(channel=name, clock="host", t_ns=t_ns, bracket_ns=none, value=values, flags=none.astype(np.uint8))


@given(st.lists(st.integers(1, 40), max_size=6), st.booleans())
def test_pieces_add_up_to_the_whole(cuts: list[int], blocks: bool) -> None:
    seconds = np.arange(40) * 0.1
    watts = 2 + np.sin(seconds)
    tally, first = Tally(spec(WATTS)), 0
    for last in [*sorted(cuts), 40]:
        part = slice(first, last)
        rows = [reading("t.power", t, w) for t, w in zip(seconds[part], watts[part], strict=True)]
        tally.take(block("t.power", seconds[part], watts[part]) if blocks else rows)
        first = last
    found = tally.totals()
    assert found.energy_j.value == pytest.approx(float(np.trapezoid(watts, seconds)))
    assert (found.readings, found.gaps, found.seconds) == (40, 0, pytest.approx(3.9))
    assert (found.least_w, found.most_w) == (pytest.approx(watts.min()), pytest.approx(watts.max()))
    assert sum(count for *_, count in tally._bins) == 40


def test_volts_and_amperes_become_watts_and_charge() -> None:
    tally = Tally(spec(VOLTS, AMPERES))
    for second in range(11):
        tally.take([reading("t.voltage", second, 5.0)])
        tally.take([reading("t.current", second, 1.2)])
    found = tally.totals()
    assert found.energy_j.value == pytest.approx(60.0)
    assert found.charge_mah == pytest.approx(1.2 * 10 / 3.6)
    assert found.energy_j.origins == (Origin.EMULATED,)


def test_amperes_at_a_told_voltage_have_a_charge() -> None:
    tally = Tally(spec(WATTS), voltage_v=3.0)
    tally.take(block("t.power", np.arange(11.0), np.full(11, 3.6)))
    assert tally.totals().charge_mah == pytest.approx(1.2 * 10 / 3.6)


def test_a_counter_is_read_beside_its_power() -> None:
    tally = Tally(spec(WATTS, COUNT))
    for second in range(11):
        tally.take([reading("t.power", second, 3.6), reading("t.energy", second, (2**32 - 5 + second) % 2**32)])
    assert tally.totals().counter_j == pytest.approx(36.0)


def test_what_was_lost_is_not_bridged() -> None:
    tally = Tally(spec(WATTS))
    tally.take([reading("t.power", t / 10, 2.0) for t in range(11)])
    tally.take([reading("t.power", 9.0, 2.0, FLAG_GAP), reading("t.power", 9.1, float("nan")), reading("t.power", 9.2, 9.0, FLAG_INVALID)])
    found = tally.totals()
    assert (found.gaps, found.unusable, found.energy_j.value) == (1, 2, pytest.approx(2.0))


def test_nothing_is_unknown_and_not_zero() -> None:
    found = Tally(spec(WATTS)).totals()
    assert (found.energy_j.value, found.power_w.value, found.least_w, found.rate_hz, found.charge_mah) == (None,) * 5
    assert Tally(spec(COUNT)).totals().energy_j.value is None


def repeats(values: list[float], period_s: float = 0.1, *, quantum: float = 0.0) -> Repeats:
    found = Repeats(quantum=quantum)
    t_ns = np.arange(len(values), dtype=np.int64) * round(period_s * 1e9)
    for first in range(0, len(values), 7):
        found.add(t_ns[first : first + 7], np.array(values[first : first + 7]))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_value_renewed_every_fourth_reading_is_found_out(seed: int) -> None:
    draw = random.Random(seed)
    values = [round(draw.gauss(5.0, 0.003), 3) for _ in range(50)]
    found = repeats([value for value in values for _ in range(4)]).effective_hz((Origin.EMULATED,))
    assert found.value == pytest.approx(2.5, rel=0.1)
    assert found.notes[0].code == "readings.repeated"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise", [0.0003, 0.001, 0.01])
def test_a_quiet_value_that_is_renewed_at_every_reading_is_not_called_stale(seed: int, noise: float) -> None:
    draw = random.Random(seed)
    found = repeats([round(draw.gauss(5.0, noise), 3) for _ in range(200)]).effective_hz((Origin.EMULATED,))
    assert found.value is None or found.value == pytest.approx(10.0)
    assert found.notes == ()


def test_a_constant_value_tells_nothing_of_its_rate() -> None:
    assert repeats([5.0] * 100).effective_hz((Origin.EMULATED,)).value is None


def along_lines(draw: random.Random, between: int) -> list[float]:
    """Return new values at every so many readings, on straight lines in between, rounded to 0.1 mW."""
    ends = [draw.uniform(2.0, 6.0) for _ in range(60)]
    points = [a + (b - a) * place / between for a, b in pairwise(ends) for place in range(between)]
    return [round(point, 4) for point in points]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("between", [2, 4, 10])
def test_values_drawn_along_lines_are_new_at_their_ends_only(seed: int, between: int) -> None:
    found = repeats(along_lines(random.Random(seed), between), 0.01, quantum=1e-4).effective_hz((Origin.EMULATED,))
    assert found.value == pytest.approx(100 / between)
    assert found.notes[0].code == "readings.straight"


def test_too_few_changes_tell_no_rate() -> None:
    every_fourth = [value for value in (2.0, 3.0) * 5 for _ in range(4 + 2 * int(value))]
    assert repeats(every_fourth[:70]).effective_hz((Origin.EMULATED,)).value is None
    ramps = [round(abs(place % 200 - 100) / 50, 4) for place in range(1000)]
    assert "bend" in repeats(ramps, 0.01, quantum=1e-4).effective_hz((Origin.EMULATED,)).reason
