from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Note, Origin, Quality, Unknown
from edgekit.core.run import RunStatus
from edgekit.decision.comparison.ratio import compare
from edgekit.decision.remarks import remarks
from edgekit.decision.scenario.read import default_scenario
from tests.reports.records import artifact, edge_emulated, edge_rapl, edge_wall, run


def budget(joules, gain, repeat, instrument="rapl:1"):
    return (
        BudgetTerm(name="repeatability", kind="A", u=joules * repeat),
        BudgetTerm(name="gain", kind="B", u=joules * gain, instrument=instrument),
    )


def test_a_shared_instruments_gain_cancels_in_the_ratio():
    base = edge_rapl("base", joules=6e-5, budget=budget(6e-5, 0.2, 0.01))
    same = compare(edge_rapl("same", joules=3e-5, budget=budget(3e-5, 0.2, 0.01)), base)
    other = compare(edge_rapl("other", joules=3e-5, budget=budget(3e-5, 0.2, 0.01, "rapl:2")), base)
    assert same.energy.value == pytest.approx(2)
    assert same.cancelled == ("rapl:1",)
    assert other.cancelled == ()
    width = {row.run: row.energy.high - row.energy.low for row in (same, other)}
    assert width["same"] < 0.15 < width["other"]
    assert same.energy_words == "2.00x (1.94 to 2.06) less energy"


def test_factor_terms_of_a_shared_estimate_cancel_too():
    def guess(name, joules):
        terms = (
            BudgetTerm(name="gain", kind="B", u=None, factor=3.0, instrument="cputime"),
            BudgetTerm(name="repeatability", kind="A", u=joules * 0.01),
        )
        return run(name, joules=joules, origin=Origin.ESTIMATED, budget=terms)

    row = compare(guess("a", 2e-5), guess("b", 6e-5))
    assert row.energy.low > 2.8
    assert row.energy.high < 3.2


def test_more_energy_is_said_the_other_way_round():
    row = compare(edge_rapl("big", joules=6e-5), edge_rapl("base", joules=3e-5))
    assert row.energy_words.startswith("2.00x (")
    assert row.energy_words.endswith("more energy")


def test_a_difference_inside_the_interval_is_noise():
    assert compare(edge_rapl("a", joules=3.0e-5), edge_rapl("b", joules=3.02e-5)).energy_words.startswith("within noise")


def test_within_noise_the_interval_is_that_of_the_run_over_the_baseline():
    row = compare(edge_rapl("a", joules=3.0e-5), edge_rapl("b", joules=3.06e-5))
    assert 1 / row.energy.high < 30 / 30.6 < 1 / row.energy.low
    assert row.energy_words == f"within noise: {1 / row.energy.high:.2f}x to {1 / row.energy.low:.2f}x of the baseline's energy"


def test_what_lessens_a_runs_worth_is_said():
    whole = compare(edge_rapl("a"), edge_rapl("b"))
    assert whole.flaws == ()
    poor = replace(edge_rapl("a", model=artifact(status="failed"), quick=True), status=RunStatus.INTERRUPTED)
    row = compare(poor, edge_rapl("b"))
    assert row.flaws == ("artifact failed its gate", "interrupted", "quick")
    assert [note.code for note in row.notes] == ["run.flaws"]
    assert compare(edge_rapl("a", model=artifact(status="unverified")), edge_rapl("b")).flaws == ("artifact not verified",)


def test_two_boundaries_do_not_compare():
    row = compare(edge_wall("wall"), edge_rapl("package"))
    assert isinstance(row.energy, Unknown)
    assert row.energy_words == "not comparable: wall vs cpu_package"
    assert row.speed_words.endswith("slower")


def test_two_units_of_work_do_not_compare():
    row = compare(replace(edge_rapl("a"), unit_of_work="token"), edge_rapl("b"))
    assert "not comparable" in row.energy_words
    assert "not comparable: one inference is 'token' vs" in row.speed_words, "neither does the time of different work"


def test_an_unknown_energy_gives_no_ratio():
    lost = edge_rapl("lost")
    gone = Unknown(reason="meter lost", unit="J", boundary=Boundary.CPU_PACKAGE)
    row = compare(replace(lost, analysis=replace(lost.analysis, energy_j_per_inference=gone)), edge_rapl("b"))
    assert "meter lost" in row.energy_words


def test_accuracy_compares_only_between_equal_weights():
    model = artifact(accuracy=0.95)
    same = compare(edge_rapl("a", model=model), edge_rapl("b"))
    assert same.accuracy.value == pytest.approx(-0.03)
    other = compare(edge_rapl("a", model=replace(model, source=replace(model.source, weights_sha256="1" * 64))), edge_rapl("b"))
    assert isinstance(other.accuracy, Unknown)
    assert [note.code for note in other.notes] == ["weights.differ"]


def test_an_accuracy_that_is_unknown_says_why_and_on_which_side():
    known, bare = edge_rapl("a", model=artifact(accuracy=0.95)), edge_rapl("b", model=artifact(accuracy=None))
    assert compare(bare, known).accuracy.reason == "no labelled data was given"
    assert compare(known, bare).accuracy.reason == "baseline: no labelled data was given"


def test_a_board_that_ran_another_model_than_the_artifact_lends_it_no_accuracy(constants):
    note = Note(code="board.disagrees", text="the results of 5 inputs differ", advice="flash it")
    other = replace(edge_rapl("b"), notes=(note,))
    row = compare(other, edge_rapl("a"))
    assert "another model may be flashed" in row.accuracy.reason
    assert "other results than the artifact" in row.flaws
    assert "board.disagrees" in [found.code for found in remarks((edge_rapl("a"), other), default_scenario(constants), None, None, None)]


def test_mixed_origins_are_named_and_kept():
    row = compare(edge_emulated("dream"), edge_rapl("real"))
    assert row.energy.origins == (Origin.MEASURED, Origin.EMULATED)
    assert [note.code for note in row.notes] == ["origin.mixed"]


def test_a_ratio_says_that_it_is_emulated_wherever_it_is_put_into_words():
    assert compare(edge_emulated("dream", joules=1e-5), edge_rapl("real")).energy_words.endswith("less energy (emulated)")
    assert compare(edge_emulated("a"), edge_emulated("b")).energy_words.endswith("of the baseline's energy (emulated)")
    assert "emulated" not in compare(edge_rapl("a"), edge_rapl("b")).energy_words


def unmeasurable(name, joules, low, high):
    """Return a run whose sensor may have kept step with the load: its interval is wider than its budget."""
    made = edge_rapl(name, joules=joules)
    energy = replace(made.analysis.energy_j_per_inference, low=low, high=high, quality=Quality.UNMEASURABLE)
    return replace(made, analysis=replace(made.analysis, energy_j_per_inference=energy))


def test_a_ratio_with_an_unmeasurable_side_holds_all_that_its_interval_allows():
    row = compare(unmeasurable("locked", 3e-5, 1e-5, 12e-5), edge_rapl("base", joules=6e-5))
    base = edge_rapl("base", joules=6e-5).analysis.energy_j_per_inference
    assert row.energy.quality is Quality.UNMEASURABLE
    assert row.energy.low <= base.low / 12e-5
    assert row.energy.high >= base.high / 1e-5
    assert "within noise" in row.energy_words
    assert isinstance(compare(unmeasurable("locked", 3e-5, 0.0, 12e-5), edge_rapl("base")).energy, Unknown)


def test_runs_that_a_gpu_computed_in_other_precisions_are_never_compared_in_silence():
    def computed(name, precision):
        record = edge_rapl(name, joules=6e-5)
        return replace(record, facts_before=replace(record.facts_before, precision=precision))

    exact, rounded = computed("exact", "fp32"), computed("rounded", "tf32")
    told = [note for note in compare(rounded, exact).notes if note.code == "precision.differ"]
    assert [note.text for note in told] == ["rounded against exact: a GPU computed in tf32 against fp32"]
    assert compare(rounded, exact).accuracy.value is None, "the artifact was verified in fp32"
    assert not [note for note in compare(computed("again", "fp32"), exact).notes if note.code == "precision.differ"]
