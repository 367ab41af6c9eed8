"""Numbers that cannot be meant are refused by name or count as not stated; they never end in an overflow."""

from __future__ import annotations

import json
import struct

import pytest

from edgekit.core.quantity import Estimate, Unknown
from tests.importers.made import (
    detail_lines,
    session,
    spl_lines,
    summary_text,
    tiny_edges,
    tiny_results,
    write_ptdaemon,
    write_session,
    write_tiny,
)

HUGE = "9" * 400  # no float holds it
ENDLESS = "9" * 5000  # Python converts no text of that length


def only(result):
    (run,) = result.runs
    return run


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Inferences :          250", f"# Inferences : {ENDLESS}"),
        ("# Inferences :          250", f"# Inferences : {HUGE}"),
        ("results for window 2:", f"results for window {ENDLESS}:"),
    ],
)
def test_a_count_that_nobody_can_mean_falls_back_to_what_the_energies_say(imported, tmp_path, old, new):
    folder = write_tiny(tmp_path / "kws")
    (folder / "results.txt").write_text(tiny_results((40.0, 41.0, 39.0, 40.5, 60.0)).replace(old, new))
    run = only(imported("mlperf-tiny", folder))
    assert run.windows[0].inferences in (None, 250)


@pytest.mark.parametrize("each", ["0", "-1", "nan", "1e-300"])
def test_an_energy_of_nothing_counts_nothing(imported, tmp_path, each):
    folder = write_tiny(tmp_path / "kws")
    text = f"Energy data for window 2 at\n Energy : 1e300 uJ\n Energy/Inf. : {each} uJ/inf.\nMedian energy cost is {each} uJ/inf.\n"
    (folder / "results.txt").write_text(text)
    run = only(imported("mlperf-tiny", folder))
    assert isinstance(run.analysis.energy_j_per_inference, Unknown)
    assert run.published == (), "what costs nothing or less was not published"


@pytest.mark.parametrize("edge", [HUGE, "1e300", "Infinity", "1e10"])
def test_an_edge_that_no_trace_reaches_is_refused(refused, tmp_path, edge):
    folder = write_tiny(tmp_path / "kws")
    (folder / "timestamps.json").write_text(json.dumps(tiny_edges(5)[:-1])[:-1] + f", {edge}]")
    assert refused("mlperf-tiny", folder).code == "import.garbled"


@pytest.mark.parametrize(("key", "value"), [("samples", [10**400] * 20), ("timestamps", [["01", 0], ["02", 10**400]])])
def test_integers_without_bounds_are_refused(refused, tmp_path, key, value):
    folder = write_session(tmp_path / "kws")
    trials = session()
    trials[0]["power"][key] = value
    (folder / "results.json").write_text(json.dumps(trials))
    assert refused("mlperf-tiny", folder).code == "import.garbled"


@pytest.mark.parametrize("iterations", [10**400, True, 0, -3])
def test_iterations_that_cannot_be_meant_are_not_known(imported, tmp_path, iterations):
    folder = write_session(tmp_path / "kws")
    trials = session()
    trials[0]["infer"]["iterations"] = iterations
    (folder / "results.json").write_text(json.dumps(trials))
    run = only(imported("mlperf-tiny", folder))
    assert run.windows[0].inferences is None
    assert "does not say how many inferences" in run.windows[0].invalid


def test_a_long_name_is_shortened_where_it_becomes_a_folder(imported, tmp_path):
    run = only(imported("mlperf-tiny", write_tiny(tmp_path / "kws"), system="Board" * 100))
    assert len(run.id) < 150
    assert run.device.name == "Board" * 100


def test_one_broken_recording_among_several_does_not_cost_the_others(imported, tmp_path):
    write_tiny(tmp_path / "made" / "kws")
    bad = write_tiny(tmp_path / "made" / "ad")
    (bad / "trace1-energy.bin").write_bytes(struct.pack("<Bf", 0xF1, 1000.0))
    (bad / "timestamps.json").write_text(f"[0, 1, {HUGE}]")
    result = imported("mlperf-tiny", tmp_path / "made")
    assert (len(result.runs), len(result.failures)) == (1, 1)


@pytest.mark.parametrize("watts", ["inf", "1e308", "-1e30", "2e6"])
def test_watts_that_no_analyser_takes_are_refused_with_their_line(refused, tmp_path, watts):
    lines = spl_lines()
    lines[50] = lines[50].replace("Watts,200.000000", f"Watts,{watts}")
    error = refused("ptdaemon", write_ptdaemon(tmp_path / "board_resnet50", spl=lines))
    assert (error.code, "line 51" in error.why) == ("import.garbled", True)


@pytest.mark.parametrize("moment", ["NaN", "1e308", HUGE, "true"])
def test_clocks_that_tell_no_time_tell_nothing(imported, tmp_path, moment):
    folder = write_ptdaemon(tmp_path / "board_resnet50")
    for name in ("client.json", "server.json"):
        (folder / name).write_text(f'{{"timezone": {moment}, "phases": {{"testing": [[{moment}], [1]]}}}}')
    energy = only(imported("ptdaemon", folder)).analysis.energy_j_per_inference
    assert isinstance(energy, Estimate)
    assert energy.low > 0


def test_an_uncertainty_beyond_all_bounds_makes_a_wide_interval(imported, tmp_path):
    folder = write_ptdaemon(tmp_path / "board_resnet50")
    (folder / "ptd_logs.txt").write_text(f"Uncertainty {HUGE}%, which is above 1.00% limit for the last sample!\n")
    energy = only(imported("ptdaemon", folder)).analysis.energy_j_per_inference
    assert energy.high > 100 * energy.value


@pytest.mark.parametrize("counted", [10**400, True, -1, "many"])
def test_queries_that_cannot_be_meant_are_counted_elsewhere_or_refused(refused, tmp_path, counted):
    folder = write_ptdaemon(tmp_path / "board_resnet50", detail=detail_lines(result_query_count=counted))
    assert refused("ptdaemon", folder).code == "import.count"


def test_a_key_that_is_no_text_is_passed_over(imported, tmp_path):
    folder = write_ptdaemon(tmp_path / "board_resnet50", detail=[':::MLLOG {"key": ["a"], "value": 1}', *detail_lines()])
    assert isinstance(only(imported("ptdaemon", folder)).analysis.energy_j_per_inference, Estimate)


@pytest.mark.parametrize("rate", ["1e300", "1e-300"])
def test_a_rate_that_no_machine_has_is_none(refused, tmp_path, rate):
    summary = summary_text("Offline", rate=f"Samples per second : {rate}")
    detail = detail_lines(scenario="Offline", result_query_count=None)
    folder = write_ptdaemon(tmp_path / "board_resnet50", detail=detail, summary=summary)
    assert refused("ptdaemon", folder).code == "import.count"
