from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.cli.compare import blocks
from edgekit.core.errors import UsageError
from edgekit.flows.compare import CompareRequest, compare
from tests.flows.test_report_flow import Silent, shelf
from tests.reports.records import artifact, cloud_gpu, edge_rapl


def make(tmp_path, runs, **changes):
    request = CompareRequest(**{"runs": tuple(run.id for run in runs), "runs_dir": tmp_path, **changes})
    return compare(request, progress=Silent(), load=shelf(*runs))


def test_every_run_stands_against_the_first(tmp_path):
    result = make(tmp_path, [edge_rapl("a", joules=6e-5), edge_rapl("b", joules=3e-5), cloud_gpu("c")])
    assert result.baseline.id == "a"
    assert [row.run for row in result.rows] == ["b", "c"]
    assert result.rows[0].energy_words.endswith("less energy")
    assert result.rows[1].energy_words == "not comparable: gpu_board vs cpu_package"


def test_another_baseline_can_be_named(tmp_path):
    result = make(tmp_path, [edge_rapl("a", joules=6e-5), edge_rapl("b", joules=3e-5)], baseline="b")
    assert result.baseline.id == "b"
    assert [row.run for row in result.rows] == ["a"]
    assert result.rows[0].energy_words.endswith("more energy")


def test_runs_of_one_artifact_are_told_apart(tmp_path):
    runs = [
        edge_rapl("a"),
        edge_rapl("b", device="pi"),
        edge_rapl("c", device="pi", meter="plug"),
        replace(edge_rapl("d"), session="later"),
    ]
    shown = blocks(make(tmp_path, runs), 100).splitlines()
    titles = [line for line in shown[2:] if line and not line.startswith(" ")]
    name = runs[0].artifact.path
    found = [f"{name} on local", f"{name} on pi read by rapl", f"{name} on pi read by plug", f"{name} on local"]
    assert [title.partition(":")[0].partition(",")[0] for title in titles] == found
    assert titles[3].endswith(", session later")
    assert blocks(make(tmp_path, runs[:2]), 100).count(f"{name} on") == 2


def test_one_run_is_no_comparison(tmp_path):
    with pytest.raises(UsageError) as caught:
        make(tmp_path, [edge_rapl("a")])
    assert caught.value.code == "compare.runs"


def test_different_models_are_refused(tmp_path):
    other = artifact()
    other = edge_rapl("other", model=replace(other, source=replace(other.source, family="0" * 64)))
    with pytest.raises(UsageError) as caught:
        make(tmp_path, [edge_rapl("a"), other])
    assert caught.value.code == "runs.family"
    assert caught.value.exit_code == 2
