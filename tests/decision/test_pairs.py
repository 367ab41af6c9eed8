"""Windows that took turns: what drifts slowly is in both of a pair, and cancels in their ratio."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Origin
from edgekit.core.run import RunRecord
from edgekit.core.window import Phase, Window
from edgekit.decision.comparison.against import against_first
from edgekit.decision.comparison.paired import NAME, paired_term
from edgekit.decision.comparison.ratio import energy_ratio
from tests.reports.records import run as some_run

DRIFT = [1 + 0.02 * index for index in range(10)]  # everything takes 18 % more in the end than at the start


def _run(name: str, joules: list[float]) -> RunRecord:
    made = some_run(name, joules=joules[0])
    windows = tuple(
        Window(phase=Phase.MEASURE, index=index, clock="host", start_ns=index * 10**9, end_ns=(index + 1) * 10**9, inferences=100)
        for index in range(len(joules))
    )
    mean = sum(joules) / len(joules)
    spread = (sum((one - mean) ** 2 for one in joules) / (len(joules) - 1) / len(joules)) ** 0.5
    energy = Estimate(
        value=mean / 100,
        low=(mean - 2 * spread) / 100,
        high=(mean + 2 * spread) / 100,
        unit="J",
        boundary=Boundary.USB_INPUT,
        origins=(Origin.MEASURED,),
        n=len(joules),
        budget=(BudgetTerm(name="repeatability", kind="A", u=spread / 100, freedom=len(joules) - 1.0),),
    )
    assert made.analysis is not None
    channel = replace(made.analysis.channels[0], channel="m", energy_j_per_inference=energy, window_j=tuple(joules))
    analysis = replace(made.analysis, energy_j_per_inference=energy, channel="m", channels=(channel,))
    return replace(made, id=name, session="s", windows=windows, analysis=analysis)


def _ratio(run: RunRecord, baseline: RunRecord) -> Estimate:
    ratio, _ = energy_ratio(run, baseline)
    assert isinstance(ratio, Estimate)
    return ratio


def test_drift_that_both_share_leaves_the_ratio_as_sharp_as_its_pairs() -> None:
    noise = [0.002, -0.001, 0.0, 0.001, -0.002, 0.001, 0.0, -0.001, 0.002, -0.002]
    baseline = _run("a", [100 * drift for drift in DRIFT])
    run = _run("b", [50 * drift * (1 + wobble) for drift, wobble in zip(DRIFT, noise, strict=True)])
    paired, alone = _ratio(run, baseline), _ratio(replace(run, session="another"), baseline)
    assert paired.value == alone.value == pytest.approx(2.0, rel=2e-3)
    assert paired.low < 2.0 < paired.high
    assert (alone.high - alone.low) > 15 * (paired.high - paired.low)
    assert NAME in [term.name for term in paired.budget]
    assert [term for term in paired.budget if term.name.startswith("repeatability (") and term.name != NAME] == []


def test_what_does_not_go_together_stays_in_the_interval() -> None:
    wobble = [0.1, -0.1] * 5
    baseline = _run("a", [100 * (1 + one) for one in wobble])
    run = _run("b", [50 * (1 - one) for one in wobble])
    paired = _ratio(run, baseline)
    assert paired.high - paired.low > 0.2


@pytest.mark.parametrize(
    "changes",
    [{"session": "another"}, {"windows": ()}, {"id": "a"}],
)
def test_runs_that_were_not_interleaved_have_no_pairs(changes: dict[str, object]) -> None:
    baseline = _run("a", [100 * drift for drift in DRIFT])
    run = replace(_run("b", [50 * drift for drift in DRIFT]), **changes)  # type: ignore[arg-type]
    assert paired_term(run, baseline, 2.0) is None


def test_two_windows_say_nothing_of_their_spread() -> None:
    assert paired_term(_run("b", [50.0, 51.0]), _run("a", [100.0, 102.0]), 2.0) is None


def test_a_window_without_energy_costs_its_pair_alone() -> None:
    joules = [50 * drift for drift in DRIFT]
    run = _run("b", joules)
    assert run.analysis is not None
    (channel,) = run.analysis.channels
    run = replace(run, analysis=replace(run.analysis, channels=(replace(channel, window_j=(None, *joules[1:])),)))
    term = paired_term(run, _run("a", [100 * drift for drift in DRIFT]), 2.0)
    assert term is not None
    assert term.u == pytest.approx(0.0, abs=1e-12)


def test_every_run_is_set_against_the_first() -> None:
    runs = [_run("a", [100.0] * 4), _run("b", [50.0] * 4), _run("c", [200.0] * 4)]
    found = against_first(runs)
    assert found.baseline.id == "a"
    assert [row.energy.value for row in found.rows] == [2.0, 0.5]
