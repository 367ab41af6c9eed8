"""MLPerf Tiny energy runs: both generations give the median, and every broken file is named."""

from __future__ import annotations

import json
import math
import os
from statistics import fmean

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.core.window import Phase
from edgekit.importers.base import MOST_BYTES
from tests.importers.made import (
    COUNT,
    LEVELS,
    MEDIAN_J,
    RATE_HZ,
    SECONDS,
    session,
    tiny_edges,
    tiny_results,
    tiny_samples,
    trace_bytes,
    write_session,
    write_tiny,
)

KIND = "mlperf-tiny"


@pytest.fixture
def made(tmp_path):
    return write_tiny(tmp_path / "v1.2" / "closed" / "Maker" / "results" / "Board" / "kws" / "energy")


def only(result):
    (run,) = result.runs
    return run


@pytest.mark.parametrize("write", [write_tiny, write_session])
def test_the_headline_is_the_median_of_the_windows_as_the_official_runner_takes_it(imported, tmp_path, write):
    result = imported(KIND, write(tmp_path / "kws"), system="Board")
    run = only(result)
    energy = run.analysis.energy_j_per_inference
    assert isinstance(energy, Estimate)
    assert energy.value == pytest.approx(MEDIAN_J, rel=1e-6)
    assert fmean(LEVELS) / 40.5 > 1.05, "or the mean would pass for the median"
    assert energy.low < energy.value < energy.high
    assert (energy.boundary, energy.origins, energy.n) == (Boundary.MCU_SUPPLY, (Origin.MEASURED,), 5)
    published = next(item for item in result.agreements if item.figure == "energy_j_per_inference")
    assert published.published == pytest.approx(MEDIAN_J, rel=1e-5)
    assert abs(published.relative_difference) < 1e-5


def test_windows_counts_and_time_come_from_the_files(imported, made):
    run = only(imported(KIND, made))
    assert [(window.phase, window.inferences, round(window.duration_s, 6)) for window in run.windows] == [
        (Phase.MEASURE, COUNT, SECONDS)
    ] * 5
    assert run.analysis.time_s_per_inference.value == pytest.approx(SECONDS / COUNT)
    assert run.analysis.energy_j_per_inference.budget[0].u > 0
    joules = [level * 1e-6 * SECONDS * RATE_HZ for level in LEVELS]
    assert run.analysis.channels[0].window_j == pytest.approx(joules, rel=1e-4)


def test_folders_of_a_submission_say_who_measured_what(imported, made):
    run = only(imported(KIND, made))
    assert (run.device.name, run.device.kind, run.artifact.family) == ("Board", "imported", "mlperf-tiny-kws")
    (note,) = [note for note in run.notes if note.code == "import.source"]
    assert "measured by Maker on Board for MLPerf Tiny v1.2 closed division" in note.text
    assert "not verified by MLCommons" in note.text


def test_in_the_open_division_any_network_may_have_run(imported, tmp_path):
    folders = [write_tiny(tmp_path / "v1.2" / "open" / who / "results" / "Board" / "kws") for who in ("One", "Two")]
    families = {only(imported(KIND, folder)).artifact.family for folder in folders}
    assert len(families) == 1, "the same files are the same network"
    other = write_tiny(tmp_path / "v1.2" / "open" / "Three" / "results" / "Board" / "kws", levels=(1.0, 2.0, 3.0))
    assert only(imported(KIND, other)).artifact.family not in {*families, "mlperf-tiny-kws"}


def test_nothing_is_claimed_of_a_model_that_nobody_here_has_seen(imported, made):
    artifact = only(imported(KIND, made)).artifact
    assert artifact.size_bytes is None
    assert (artifact.format, artifact.status) == ("unknown", "unseen")
    assert artifact.source.weights_sha256.startswith("unknown-")


@pytest.mark.parametrize("typed", ["", "trace1-energy.bin", "results.txt", "timestamps.json"])
def test_a_prefix_or_any_of_the_files_means_the_one_recording(imported, tmp_path, typed):
    write_tiny(tmp_path, "v12_Maker_Board_2_ic.")
    write_tiny(tmp_path, "v12_Maker_Board_2_kws.")
    run = only(imported(KIND, tmp_path / f"v12_Maker_Board_2_kws{'.' if typed else ''}{typed}"))
    assert (run.artifact.path, run.artifact.family) == ("kws-Board_2-v1.2", "mlperf-tiny-kws")


def test_a_folder_with_several_recordings_makes_one_run_of_each_in_one_session(imported, tmp_path):
    write_tiny(tmp_path, "v12_Maker_Board_kws.")
    write_session(tmp_path, "v13_Maker_Board_ad.")
    for mode in ("performance", "accuracy"):
        (tmp_path / mode).mkdir()
        (tmp_path / mode / "results.json").write_text(json.dumps([{"mode": mode[0]}]))
    runs = imported(KIND, tmp_path).runs
    assert sorted(run.artifact.family for run in runs) == ["mlperf-tiny-ad", "mlperf-tiny-kws"]
    assert len({run.session for run in runs}) == 1
    assert len({run.id for run in runs}) == 2


def test_two_recordings_of_one_name_are_both_kept(imported, tmp_path):
    for number in (1, 2):
        write_tiny(tmp_path / str(number) / "kws")
    runs = imported(KIND, tmp_path, system="Board").runs
    assert [run.id.rpartition("-00-")[2] for run in runs] == ["kws-Board", "kws-Board-2"]


def test_one_broken_recording_does_not_stop_the_others(imported, tmp_path):
    write_tiny(tmp_path / "kws")
    write_tiny(tmp_path / "ic")
    (tmp_path / "ic" / "timestamps.json").write_text("[0.1, 1.0, 2.0, 3.0]")
    result = imported(KIND, tmp_path)
    assert [run.artifact.family for run in result.runs] == ["mlperf-tiny-kws"]
    assert [failure.code for failure in result.failures] == ["import.edges"]


def test_samples_are_kept_as_captured(imported, made, tmp_path):
    from edgekit.store.runs import read_traces

    run = only(imported(KIND, made))
    (trace,) = read_traces(tmp_path / "runs" / run.id, run).values()
    assert trace.value.tolist() == pytest.approx(tiny_samples(tiny_edges(), LEVELS), rel=1e-6)
    assert run.meters[0].channels[0].scale == pytest.approx(RATE_HZ * 1e-6), "microjoules of a millisecond to watts"


def test_four_windows_are_as_good_as_five(imported, tmp_path):
    run = only(imported(KIND, write_tiny(tmp_path / "kws", levels=(40.0, 42.0, 41.0, 43.0))))
    assert run.analysis.energy_j_per_inference.value == pytest.approx(41.5e-6 * SECONDS * RATE_HZ / COUNT, rel=1e-5)


def test_short_windows_and_the_runners_own_complaint_are_said(imported, tmp_path):
    folder = write_tiny(tmp_path / "kws", seconds=1.5)
    with (folder / "results.txt").open("a") as file:
        file.write("00010.000 ulp-ml: e-[The run must take at least 10 seconds]\n")
    notes = {note.code: note.text for note in only(imported(KIND, folder)).notes}
    assert "5 of 5 windows are shorter" in notes["import.short_windows"]
    assert "at least 10 seconds" in notes["import.complaint"]


def test_without_results_of_the_newer_runner_there_is_a_figure_and_nothing_to_hold_it_against(imported, tmp_path):
    folder = write_session(tmp_path / "kws")
    (folder / "results.txt").unlink()
    result = imported(KIND, folder)
    assert only(result).analysis.energy_j_per_inference.value == pytest.approx(MEDIAN_J, rel=1e-6)
    assert result.agreements == ()
    assert "import.unpublished" in {note.code for note in only(result).notes}


# Windows that cannot be used keep their reason, and the rest is estimated.


def test_a_window_with_samples_that_are_no_numbers_is_left_out(imported, made):
    samples = tiny_samples(tiny_edges(), LEVELS)
    samples[round(tiny_edges()[3] * RATE_HZ) + 7] = math.nan
    (made / "trace1-energy.bin").write_bytes(trace_bytes(samples))
    run = only(imported(KIND, made))
    assert [window.invalid for window in run.windows] == [None, "1 of its 12000 samples are no numbers", None, None, None]
    assert run.analysis.energy_j_per_inference.value == pytest.approx((40.0 + 40.5) / 2 * 1e-6 * SECONDS * RATE_HZ / COUNT, rel=1e-5)


def test_a_window_beyond_the_end_of_the_trace_is_left_out(imported, made):
    samples = tiny_samples(tiny_edges(), LEVELS)
    (made / "trace1-energy.bin").write_bytes(trace_bytes(samples[: round(tiny_edges()[-1] * RATE_HZ) - 100]))
    run = only(imported(KIND, made))
    assert run.windows[-1].invalid.startswith("it ends at")
    assert run.analysis.energy_j_per_inference.n == 4


def test_bytes_that_are_no_energies_are_not_taken_for_any(imported, made):
    samples = tiny_samples(tiny_edges(), LEVELS)
    samples[round(tiny_edges()[1] * RATE_HZ) + 7] = 3e30
    (made / "trace1-energy.bin").write_bytes(trace_bytes(samples))
    assert "which no microcontroller draws" in only(imported(KIND, made)).windows[0].invalid


def test_a_run_without_one_usable_window_has_no_energy_and_says_why(imported, made):
    (made / "trace1-energy.bin").write_bytes(trace_bytes([1.0] * 20))
    run = only(imported(KIND, made))
    assert isinstance(run.analysis.energy_j_per_inference, Unknown)
    assert sum("it ends at" in note.text for note in run.analysis.notes) == 5


def test_windows_whose_inferences_nobody_counted_are_left_out(imported, made):
    text = tiny_results(LEVELS).splitlines()
    (made / "results.txt").write_text("\n".join(line for line in text if "Energy/Inf" not in line and "# Inf" not in line))
    assert "does not say how many inferences window 2 holds" in only(imported(KIND, made)).windows[0].invalid


def test_counts_follow_from_the_energies_where_they_are_not_printed(imported, made):
    text = tiny_results(LEVELS).splitlines()
    (made / "results.txt").write_text("\n".join(line for line in text if "# Inf" not in line))
    assert [window.inferences for window in only(imported(KIND, made)).windows] == [COUNT] * 5


# Files that cannot be meant.

GOOD = trace_bytes(tiny_samples(tiny_edges(), LEVELS))


@pytest.mark.parametrize(
    ("name", "content", "code", "word"),
    [
        ("trace1-energy.bin", GOOD[:-3], "import.truncated", "left over"),
        ("trace1-energy.bin", b"", "import.truncated", "0 bytes"),
        ("trace1-energy.bin", GOOD[:5], "import.truncated", "5 bytes"),
        ("trace1-energy.bin", b"\x7f" + GOOD[1:], "import.garbled", "0x7F"),
        ("trace1-energy.bin", trace_bytes([1.0, 2.0], rate_hz=math.nan), "import.garbled", "nan Hz"),
        ("trace1-energy.bin", trace_bytes([1.0, 2.0], rate_hz=0.0), "import.garbled", "0 Hz"),
        ("timestamps.json", b"[0.1, 1.0, 2.0, 3.0]", "import.edges", "odd number"),
        ("timestamps.json", b"[0.1]", "import.edges", "1 edges"),
        ("timestamps.json", b"[0.1, 1.0, 1.0]", "import.edges", "does not come after"),
        ("timestamps.json", b"[0.1, 2.0, 1.0]", "import.edges", "does not come after"),
        ("timestamps.json", b"[0.1, 1.0, 1.0001]", "import.edges", "shorter than one sample"),
        ("timestamps.json", b"[0.1, NaN, 2.0]", "import.garbled", "no time"),
        ("timestamps.json", b"[-1, 1.0, 2.0]", "import.garbled", "no time"),
        ("timestamps.json", b'{"a": 1}', "import.garbled", "list of seconds"),
        ("timestamps.json", b"[0.1, 1.0", "import.garbled", "not JSON"),
        ("timestamps.json", b"\xff\xfe\x00", "file.binary", "utf-8"),
        ("results.txt", b"\x80\x81", "file.binary", "utf-8"),
    ],
)
def test_a_broken_file_is_named_with_its_fault(refused, made, name, content, code, word):
    (made / name).write_bytes(content)
    error = refused(KIND, made)
    assert error.code == code
    assert name in error.what
    assert word in error.why


@pytest.mark.parametrize("name", ["trace1-energy.bin", "timestamps.json", "results.txt"])
def test_a_missing_file_is_named(refused, made, name):
    (made / name).unlink()
    if name == "trace1-energy.bin":
        assert refused(KIND, made).code == "import.missing"
    error = refused(KIND, made)
    assert name in error.why


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (lambda trials: [], "import.garbled", "list of trials"),
        (lambda trials: [{**trials[0], "mode": "p"}], "import.not_energy", "trial 0"),
        (lambda trials: [{"infer": {}}], "import.not_energy", "power samples"),
        (lambda trials: [{**trials[0], "power": {**trials[0]["power"], "timestamps": [["01", 300]]}}], "import.edges", "1 edges"),
        (lambda trials: [{**trials[0], "power": {**trials[0]["power"], "timestamps": [["01", 9], ["02", 4]]}}], "import.edges", "9 to 4"),
        (lambda trials: [{**trials[0], "power": {**trials[0]["power"], "timestamps": [1, 2]}}], "import.garbled", "pairs"),
        (lambda trials: [{**trials[0], "power": {**trials[0]["power"], "samples": ["x"]}}], "import.garbled", "joules"),
    ],
)
def test_a_session_that_cannot_be_meant_says_which_trial(refused, tmp_path, change, code, word):
    folder = write_session(tmp_path / "kws", seconds=1.0)
    (folder / "results.json").write_text(json.dumps(change(session(seconds=1.0))))
    error = refused(KIND, folder)
    assert error.code == code
    assert word in error.why


def test_a_huge_file_is_refused_before_it_is_read(refused, made):
    with (made / "trace1-energy.bin").open("r+b") as file:
        os.ftruncate(file.fileno(), MOST_BYTES + 1)  # a hole: it takes no room on the disk
    assert refused(KIND, made).code == "import.too_large"


def test_an_empty_folder_and_a_path_to_nothing_say_what_is_needed(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert refused(KIND, tmp_path / "empty").code == "import.nothing"
    assert refused(KIND, tmp_path / "empty" / "v12_x").code == "file.missing"
    assert refused(KIND, tmp_path / "not" / "there").code == "file.missing"


def test_a_task_that_nothing_names_can_be_said(refused, imported, tmp_path):
    folder = write_tiny(tmp_path / "some")
    assert refused(KIND, folder).code == "import.task"
    assert refused(KIND, folder, task="dog").code == "import.task"
    assert only(imported(KIND, folder, task="vww")).artifact.family == "mlperf-tiny-vww"


def test_streaming_is_refused_because_its_joules_are_of_a_test_not_of_an_inference(refused, tmp_path):
    assert refused(KIND, write_tiny(tmp_path / "sww")).code == "import.streaming"
