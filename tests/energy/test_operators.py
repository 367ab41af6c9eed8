"""The energy of an inference is shared among its operators, and each interval holds what the operator truly drew."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Measurand
from edgekit.core.quantity import BudgetTerm, Estimate, Origin, Quality, Unknown
from edgekit.core.run import OperatorTiming, Profile, RunRecord
from edgekit.core.window import Phase, Window
from edgekit.energy.operators.share import BOUND, OUTSIDE, Attribution, attribute
from edgekit.sim.plant import Plant
from tests.energy.traces import trace
from tests.reports import records

IDLE_W = 2.0
INFERENCES = 100


@dataclass(frozen=True)
class Truth:
    """Hold what operators really do in one inference: seconds and watts of each, the last one is what is outside of them."""

    seconds: tuple[float, ...]
    watts: tuple[float, ...]

    @property
    def time_s(self) -> float:
        return math.fsum(self.seconds)

    @property
    def joules(self) -> list[float]:
        return [seconds * watts for seconds, watts in zip(self.seconds, self.watts, strict=True)]


def profiled(truth: Truth, *, inside_s: float = 0.0, between_s: float = 0.0, origin: Origin = Origin.MEASURED, **changes) -> RunRecord:
    """Return a run of the truth whose profiler adds `inside_s` to the time of each call and `between_s` after each."""
    total_j = math.fsum(truth.joules)
    calls = len(truth.seconds) - 1
    window_s = INFERENCES * (truth.time_s + calls * (inside_s + between_s))
    operators = tuple(
        OperatorTiming(name=f"op{place}", kind="Conv", calls=INFERENCES, time_s=INFERENCES * (seconds + inside_s))
        for place, seconds in enumerate(truth.seconds[:-1])
    )
    run = records.run("r", joules=total_j, seconds=truth.time_s, spread=0.01, idle_w=IDLE_W, origin=origin)
    return replace(
        run,
        windows=(Window(phase=Phase.PROFILE, index=0, clock="host", start_ns=0, end_ns=round(window_s * 1e9), inferences=INFERENCES),),
        profile=Profile(
            window=0,
            invocations=INFERENCES,
            operators=operators,
            outside_s=window_s - sum(operator.time_s for operator in operators),
            method="a test's own clock",
            **changes,
        ),
    )


def attributed(run: RunRecord, traces=None) -> Attribution:
    analysis = run.analysis
    assert analysis is not None
    return attribute(
        run, energy=analysis.energy_j_per_inference, channel=analysis.channels[0], time_s=analysis.time_s_per_inference, traces=traces or {}
    )


def quantities(found: Attribution) -> list[Estimate]:
    for operator in found.operators:
        assert isinstance(operator.energy_j_per_inference, Estimate)
    return [operator.energy_j_per_inference for operator in found.operators]  # type: ignore[misc]


seconds = st.floats(1e-6, 1e-2)
watts = st.floats(IDLE_W, 50.0)
truths = st.lists(st.tuples(seconds, watts), min_size=2, max_size=8).map(lambda rows: Truth(*map(tuple, zip(*rows, strict=True))))


@given(truths, st.floats(0, 1e-4), st.floats(0, 1e-4))
def test_every_interval_holds_what_the_operator_drew_whatever_its_power_and_wherever_the_profiler_spent_its_time(
    truth, inside_s, between_s
):
    found = attributed(profiled(truth, inside_s=inside_s, between_s=between_s))
    for joules, quantity in zip(truth.joules, quantities(found), strict=True):
        assert quantity.low <= joules * (1 + 1e-9)
        assert quantity.high >= joules * (1 - 1e-9)


@given(truths, st.floats(0.3, 3.0))
def test_every_interval_holds_what_the_operator_drew_when_the_machine_was_busier_before_or_while_it_was_profiled(truth, slower):
    run = profiled(Truth(seconds=tuple(slower * seconds for seconds in truth.seconds), watts=truth.watts))
    usual = profiled(truth)
    found = attributed(replace(run, analysis=usual.analysis))
    for joules, quantity in zip(truth.joules, quantities(found), strict=True):
        assert quantity.low <= joules * (1 + 1e-9)
        assert quantity.high >= joules * (1 - 1e-9)


@given(truths, st.floats(0, 1e-4), st.floats(0, 1e-4))
def test_shares_and_joules_add_up_to_the_whole(truth, inside_s, between_s):
    found = attributed(profiled(truth, inside_s=inside_s, between_s=between_s))
    total = math.fsum(truth.joules)
    assert math.fsum(operator.share for operator in found.operators) == pytest.approx(1, abs=1e-12)
    assert math.fsum(quantity.value for quantity in quantities(found)) == pytest.approx(total, rel=1e-12)
    assert [operator.name for operator in found.operators] == [f"op{n}" for n in range(len(truth.seconds) - 1)] + [OUTSIDE]


@given(truths)
def test_every_interval_holds_the_share_of_time_times_the_energy(truth):
    found = attributed(profiled(truth))
    for operator, quantity in zip(found.operators, quantities(found), strict=True):
        assert quantity.low <= operator.share * math.fsum(truth.joules) * (1 + 1e-9)
        assert quantity.high >= operator.share * math.fsum(truth.joules) * (1 - 1e-9)


@given(truths)
def test_figures_carry_boundary_and_origins_and_say_that_they_are_estimated(truth):
    for quantity in quantities(attributed(profiled(truth))):
        assert quantity.boundary is Boundary.CPU_PACKAGE
        assert quantity.origins == (Origin.MEASURED, Origin.ESTIMATED)
        assert {"power within an inference", "operator time", "gain"} <= {term.name for term in quantity.budget}


def test_a_coarse_clock_widens_the_interval_by_what_it_cuts_off():
    truth = Truth(seconds=(10.9e-6, 89.1e-6), watts=(5.0, 5.0))
    cut = profiled(truth, resolution_s=1e-6)
    assert cut.profile is not None
    short = replace(cut.profile, operators=(replace(cut.profile.operators[0], time_s=INFERENCES * 10e-6),))
    first = attributed(replace(cut, profile=short)).operators[0]
    exact = attributed(replace(cut, profile=replace(short, resolution_s=0.0))).operators[0]
    assert first.share == pytest.approx(0.1)
    assert first.energy_j_per_inference.high > exact.energy_j_per_inference.high


def test_operators_that_alone_take_longer_than_an_inference_leave_nothing_outside():
    truth = Truth(seconds=(4e-6, 4e-6, 2e-6), watts=(5.0, 5.0, 5.0))
    found = attributed(profiled(truth, inside_s=3e-6))
    assert [operator.share for operator in found.operators] == pytest.approx([0.5, 0.5, 0.0])
    assert any(note.code == "profile.slowdown" for note in found.notes)


def test_an_estimate_from_cpu_time_trusts_its_own_factor_between_loads():
    run = profiled(Truth(seconds=(5e-3, 5e-3), watts=(4.0, 4.0)), origin=Origin.ESTIMATED)
    meter = replace(run.meters[0], accuracy=Accuracy(source="assumed", gain_factor=3.0, load_factor=1.3))
    analysis = run.analysis
    unknown = Unknown(reason="a CPU-time estimate sees busy time only", unit="W")
    channel = replace(analysis.channels[0], idle_w=unknown)
    bare = replace(analysis.energy_j_per_inference, budget=(BudgetTerm(name="repeatability", kind="A", u=0.0),))
    found = attribute(replace(run, meters=(meter,)), energy=bare, channel=channel, time_s=analysis.time_s_per_inference, traces={})
    first = quantities(found)[0]
    assert (first.low, first.high) == pytest.approx((first.value / 1.3, first.value * (2 - 1 / 1.3)))
    assert "factor of 1.3" in found.sentence


def test_without_idle_power_an_operator_may_have_drawn_nothing_or_all():
    run = profiled(Truth(seconds=(5e-3, 5e-3), watts=(4.0, 4.0)))
    channel = replace(run.analysis.channels[0], idle_w=Unknown(reason="no idle window", unit="W"))
    found = attribute(run, energy=run.analysis.energy_j_per_inference, channel=channel, time_s=run.analysis.time_s_per_inference, traces={})
    assert quantities(found)[0].low == 0.0
    assert quantities(found)[0].high >= 0.04
    assert "idle power is unknown" in found.sentence


def test_energy_that_is_unknown_stays_unknown_for_each_operator_with_its_share_of_time():
    run = profiled(Truth(seconds=(3e-3, 1e-3), watts=(4.0, 4.0)))
    found = attribute(
        run, energy=Unknown(reason="no meter was read", unit="J"), channel=None, time_s=run.analysis.time_s_per_inference, traces={}
    )
    assert [operator.share for operator in found.operators] == pytest.approx([0.75, 0.25])
    assert all(operator.energy_j_per_inference == Unknown(reason="no meter was read", unit="J") for operator in found.operators)


def test_a_run_without_a_profile_has_no_operators():
    assert attributed(replace(profiled(Truth(seconds=(1e-3, 1e-3), watts=(3.0, 3.0))), profile=None)) == Attribution()


def watched(truth: Truth, *, step_ns: int, seed: int = 1, jitter_ns: int = 0, noise_w: float = 0.0, **changes):
    """Return a run and its traces: a plant whose power follows the operators, a counter that is read every `step_ns`, and the timeline."""
    random = np.random.default_rng(seed)
    plant, at, marks = Plant(IDLE_W), 1_000_000_000, []
    start = at
    for _ in range(INFERENCES):
        for place, (seconds, power) in enumerate(zip(truth.seconds, truth.watts, strict=True)):
            marks.append((at, place if place < len(truth.seconds) - 1 else -1))
            plant.set_power(power, at)
            at += round(seconds * 1e9)
    plant.set_power(IDLE_W, at)
    marks.append((at, -1))
    t = np.arange(start - 5 * step_ns, at + 5 * step_ns, step_ns) + random.integers(
        0, jitter_ns + 1, len(range(start - 5 * step_ns, at + 5 * step_ns, step_ns))
    )
    value = np.array([plant.energy_j(0, int(when)) for when in t])
    value = np.floor((value + np.cumsum(random.normal(0, noise_w * step_ns / 1e9, len(t)))) * 1e6)
    run = profiled(truth, timeline="operators.0", **changes)
    run = replace(run, windows=(replace(run.windows[0], start_ns=start, end_ns=at),))
    channel = replace(run.meters[0].channels[0], scale=1e-6)
    run = replace(run, meters=(replace(run.meters[0], channels=(channel,)),))
    timeline = trace([when for when, _ in marks], [float(place) for _, place in marks], channel="operators.0")
    return run, {channel.id: trace(t, np.maximum.accumulate(value), channel=channel.id), "operators.0": timeline}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0.02, 0.05), st.floats(3.0, 30.0)), min_size=3, max_size=5), st.integers(0, 1000))
def test_operators_longer_than_the_readings_get_their_own_power(rows, seed):
    truth = Truth(*map(tuple, zip(*rows, strict=True)))
    run, traces = watched(truth, step_ns=5_000_000, seed=seed, jitter_ns=500_000)
    found = attributed(run, traces)
    assert "least squares" in found.sentence
    for joules, quantity in zip(truth.joules[:-1], quantities(found), strict=False):
        assert quantity.low <= joules <= quantity.high
        assert quantity.value == pytest.approx(joules, rel=0.05)
    assert math.fsum(quantity.value for quantity in quantities(found)) == pytest.approx(math.fsum(truth.joules), rel=1e-9)


def test_power_that_was_seen_is_surer_than_power_that_was_not():
    truth = Truth(seconds=(0.03, 0.03, 0.002), watts=(30.0, 4.0, 4.0))
    run, traces = watched(truth, step_ns=5_000_000)
    seen, unseen = attributed(run, traces), attributed(run)
    width = [quantity.high - quantity.low for quantity in quantities(seen)]
    wider = [quantity.high - quantity.low for quantity in quantities(unseen)]
    assert width[0] < wider[0] / 5
    assert width[1] < wider[1] / 5
    assert quantities(seen)[0].value == pytest.approx(0.9, rel=0.02)
    assert quantities(unseen)[0].value == pytest.approx(truth.joules[0] * 0.5 * 62 / 60, rel=0.1)  # the same power in all: off by far


def test_short_operators_beside_a_long_one_share_what_it_leaves():
    truth = Truth(seconds=(0.05, 0.001, 0.002, 0.001), watts=(20.0, 6.0, 10.0, 3.0))
    run, traces = watched(truth, step_ns=5_000_000)
    found = attributed(run, traces)
    for joules, quantity in zip(truth.joules, quantities(found), strict=True):
        assert quantity.low <= joules <= quantity.high
    assert "1 operator(s)" in found.sentence


def test_readings_that_come_slower_than_operators_tell_nothing_apart():
    run, traces = watched(Truth(seconds=(0.03, 0.03, 0.002), watts=(30.0, 4.0, 4.0)), step_ns=40_000_000)
    assert "no reading tells operators apart" in attributed(run, traces).sentence


def test_power_samples_work_like_a_counter():
    truth = Truth(seconds=(0.04, 0.04, 0.001), watts=(30.0, 6.0, 6.0))
    run, traces = watched(truth, step_ns=2_000_000)
    counter = run.meters[0].channels[0]
    counted = traces[counter.id]
    means = np.diff(counted.value) * counter.scale / (np.diff(counted.t_ns) / 1e9)
    channel = replace(counter, measurand=Measurand.POWER, unit="W", scale=1.0, averaging_s=0.002)
    run = replace(run, meters=(replace(run.meters[0], channels=(channel,)),))
    found = attributed(run, {**traces, counter.id: trace(counted.t_ns[1:], means, channel=counter.id)})
    for joules, quantity in zip(truth.joules, quantities(found), strict=True):
        assert quantity.low <= joules <= quantity.high
    assert quantities(found)[0].value == pytest.approx(1.2, rel=0.02)


def test_operators_of_an_unmeasurable_figure_are_no_better_known_than_it_is():
    run = profiled(Truth(seconds=(0.01, 0.02), watts=(5.0, 5.0)))
    energy = run.analysis.energy_j_per_inference
    locked = replace(energy, low=0.2 * energy.value, high=4 * energy.value, quality=Quality.UNMEASURABLE)
    for quantity in quantities(attributed(replace(run, analysis=replace(run.analysis, energy_j_per_inference=locked)))):
        assert quantity.quality is Quality.UNMEASURABLE
        assert quantity.low <= 0.2 * quantity.value
        assert quantity.high >= 4 * quantity.value


def test_operators_below_the_clocks_step_have_an_upper_bound_and_no_figure():
    truth = Truth(seconds=(0.4e-6, 99.6e-6), watts=(5.0, 5.0))
    cut = profiled(truth, resolution_s=1e-6)
    assert cut.profile is not None
    lost = replace(cut.profile, operators=(replace(cut.profile.operators[0], time_s=0.0),))
    first, outside = attributed(replace(cut, profile=lost)).operators
    told = [note.text for note in first.energy_j_per_inference.notes if note.code == BOUND]
    assert told == ["below the clock's step"]
    assert first.energy_j_per_inference.quality is Quality.UNMEASURABLE
    assert first.energy_j_per_inference.high >= truth.joules[0]
    assert BOUND not in [note.code for note in outside.energy_j_per_inference.notes]


def test_a_profiler_that_takes_longer_than_the_inference_leaves_bounds_only():
    truth = Truth(seconds=(2e-6, 3e-6, 1e-6), watts=(5.0, 5.0, 5.0))
    found = attributed(profiled(truth, between_s=50e-6))
    assert all(BOUND in [note.code for note in item.energy_j_per_inference.notes] for item in found.operators)
    assert "operators have bounds only" in found.notes[0].text
    fine = attributed(profiled(truth, between_s=1e-6))
    assert not any(BOUND in [note.code for note in item.energy_j_per_inference.notes] for item in fine.operators)
