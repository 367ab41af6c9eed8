"""A meter that takes single looks at bursts: readings that repeat, or are too few, are remarked; looks that meet every phase are not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin, Quality
from edgekit.core.run import ChannelAnalysis
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.sensors.in_step import repeats_after
from tests.energy.traces import trace

S = 1_000_000_000
IDLE_W, BURST_W, DUTY = 2.7, 5.4, 0.3


@given(
    st.lists(st.floats(0.5, 10.0), min_size=2, max_size=6).filter(lambda item: max(item) > 1.5 * min(item)),
    st.integers(20, 400),
    st.integers(0, 2**32 - 1),
)
def test_readings_that_repeat_are_found_within_their_period(pattern: list[float], count: int, seed: int) -> None:
    values = np.resize(np.array(pattern), count) + np.random.default_rng(seed).normal(0, 0.01, count)
    found = repeats_after(values)
    assert found in (0, *range(2, len(pattern) + 1)), "no longer than what repeats"
    if len(set(pattern)) == 2 and len(pattern) == 2:
        assert found == 2


def test_noise_and_single_bursts_do_not_repeat() -> None:
    found = [repeats_after(3 + np.random.default_rng(seed).exponential(1.0, 20 + seed)) for seed in range(300)]
    assert sum(map(bool, found)) <= 3
    assert repeats_after(np.full(50, 3.0)) == 0
    assert repeats_after(3 + 0.05 * np.resize([0.0, 1.0], 50)) == 0, "what alternates by its last digit are no bursts"
    assert repeats_after(np.resize([1.0, 5.0], 12)) == 0, "too few to tell"
    assert repeats_after(np.linspace(2, 5, 100)) == 0, "a slope is not a repetition"


def joules(t_s: float, period_s: float, phase: float) -> float:
    whole, rest = divmod(t_s / period_s + phase, 1.0)
    return period_s * (IDLE_W * (whole + rest) + (BURST_W - IDLE_W) * (DUTY * whole + min(rest, DUTY)))


def looked(seed: int, *, period_s: float, windows: int = 10, window_s: float = 10.0) -> tuple[ChannelAnalysis, float]:
    """Return what a tester of two looks a second says of bursts, and the true joules per inference."""
    draw, noise = random.Random(seed), np.random.default_rng(seed)
    phase, at_s, places = draw.random(), 1.0, []
    for _ in range(windows + 2):
        at_s += draw.random() / 2
        places.append((at_s, at_s + window_s))
        at_s += window_s + 1
    ticks = np.arange(0, at_s + 2, 0.5)
    t = (ticks + draw.random() / 2 + noise.uniform(0, 0.05, len(ticks))) * S
    watts = np.where((t / S / period_s + phase) % 1 < DUTY, BURST_W, IDLE_W)
    channel = Channel(
        id="m.power",
        meter="m",
        boundary=Boundary.USB_INPUT,
        measurand=Measurand.POWER,
        unit="W",
        origin=Origin.MEASURED,
        update_period_s=0.5,
    )
    spec = MeterSpec(
        kind="m", channels=(channel,), accuracy=Accuracy(source="exact", gain_rel=0.0), nominal_hz=2.0, integrating=False, max_power_w=20.0
    )
    made = [
        Window(phase=Phase.MEASURE, index=place, clock="host", start_ns=round(a * S), end_ns=round(b * S), inferences=100)
        for place, (a, b) in enumerate(places)
    ]
    found = analyse_group(
        [channel],
        spec,
        windows=made[1:-1],
        idles=[made[0], made[-1]],
        maps=[],
        traces={"m.power": trace(t.astype(np.int64), watts, channel="m.power")},
        machine="x",
    )
    return found, sum(joules(b, period_s, phase) - joules(a, period_s, phase) for a, b in places[1:-1]) / windows / 100


def codes(found: ChannelAnalysis) -> list[str]:
    return [note.code for note in found.energy_j_per_inference.notes]


def test_bursts_that_keep_step_with_the_meter_are_remarked() -> None:
    found, _ = looked(0, period_s=1.25)
    (note,) = [note for note in found.energy_j_per_inference.notes if note.code == "readings.in_step"]
    assert "repeat every 5 (2.50 s)" in note.text
    assert found.energy_j_per_inference.quality is not Quality.GOOD
    assert not {"readings.in_step", "readings.few"} & set(codes(looked(0, period_s=1.37)[0]))


def test_few_readings_of_bursts_are_remarked_for_idle_and_for_windows() -> None:
    found, _ = looked(1, period_s=1.37, windows=3, window_s=4.0)
    texts = [note.text for note in found.energy_j_per_inference.notes if note.code == "readings.few"]
    assert len(texts) == 2
    assert texts[0].startswith("the energy rests on ")
    assert texts[1].startswith("idle power rests on ")


@pytest.mark.slow
@pytest.mark.parametrize(("period_s", "in_step"), [(1.25, True), (1.37, False)])
def test_of_200_runs_those_that_miss_the_truth_say_that_they_may(period_s: float, in_step: bool) -> None:
    runs = [looked(seed, period_s=period_s) for seed in range(200)]
    held = [found.energy_j_per_inference.low <= truth <= found.energy_j_per_inference.high for found, truth in runs]  # type: ignore[operator]
    said = ["readings.in_step" in codes(found) for found, _ in runs]
    assert all(ok or remarked for ok, remarked in zip(held, said, strict=True))
    assert all(said) if in_step else sum(said) <= 4
    assert in_step or sum(held) >= 183, "as many as a one-sided binomial test at 0.1 % asks of 95 %"
