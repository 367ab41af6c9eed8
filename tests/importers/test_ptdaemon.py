"""MLPerf power logs: the official mean, edgekit's own integral, clocks that differ, and logs that cannot be meant."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Origin
from edgekit.importers.ptdaemon.dates import Order, order_of, parse_ns, written
from tests.importers.made import (
    BEGIN,
    QUERIES,
    REST_W,
    WINDOW_S,
    detail_lines,
    spl_lines,
    stamp,
    steady,
    summary_text,
    wave,
    write_ptdaemon,
)

KIND = "ptdaemon"
HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "board_resnet50"


def only(result):
    (run,) = result.runs
    return run


def note(run, code):
    return next(item.text for item in run.notes if item.code == code)


def published(run, name):
    return next(item.value for item in run.published if item.name == name)


def own_w(run):
    return run.analysis.channels[0].mean_w


def test_the_official_mean_and_edgekits_own_integral_stand_side_by_side(imported, folder):
    result = imported(KIND, write_ptdaemon(folder, spl=spl_lines(wave)))
    run = only(result)
    assert published(run, "mean_w") == pytest.approx(200.0, abs=1e-4)
    assert own_w(run).value == pytest.approx(200.0, rel=5e-3), "the power step at each edge is all that may differ"
    assert own_w(run).low < 200.0 < own_w(run).high
    energy = run.analysis.energy_j_per_inference
    assert (energy.boundary, energy.origins) == (Boundary.WALL, (Origin.MEASURED,))
    assert energy.value == pytest.approx(own_w(run).value * WINDOW_S / QUERIES)
    assert published(run, "energy_j_per_inference") == pytest.approx(200.0 * WINDOW_S / QUERIES, rel=1e-6)
    assert {item.figure for item in result.agreements} >= {"mean_w", "energy_j_per_inference", "throughput_hz", "latency_p99_s"}
    assert "strictly inside the window" in note(run, "import.rule")


def test_samples_at_or_below_zero_are_left_out_as_the_checker_does(imported, folder):
    lines = spl_lines()
    lines[60] = lines[60].replace("Watts,200.000000", "Watts,-1.000000")
    lines[61] = lines[61].replace("Watts,200.000000", "Watts,nan")
    run = only(imported(KIND, write_ptdaemon(folder, spl=lines)))
    assert published(run, "mean_w") == pytest.approx(200.0)
    assert own_w(run).value == pytest.approx(200.0, rel=5e-3)
    assert note(run, "import.samples").startswith("2 samples")


def test_channels_are_kept_but_never_added_to_their_total(imported, folder):
    run = only(imported(KIND, write_ptdaemon(folder, spl=spl_lines(channels=3))))
    assert [channel.id for channel in run.meters[0].channels] == ["ptdaemon.total", *(f"ptdaemon.ch{n}" for n in (1, 2, 3))]
    assert len(run.traces) == 4
    assert run.analysis.channel == "ptdaemon.total"
    assert own_w(run).value == pytest.approx(200.0, rel=5e-3)


@pytest.mark.parametrize(
    ("scenario", "values", "rate", "samples"),
    [
        ("SingleStream", {}, f"QPS w/ loadgen overhead : {QUERIES / WINDOW_S}", QUERIES),
        ("MultiStream", {"effective_samples_per_query": 8}, f"QPS w/ loadgen overhead : {QUERIES / WINDOW_S}", 8 * QUERIES),
        ("Offline", {"result_query_count": 1, "effective_samples_per_query": 50_000}, f"Samples per second: {50_000 / WINDOW_S}", 50_000),
        ("Offline", {"result_query_count": None}, "Samples per second: 400", 48_000),
        ("Server", {}, f"Completed samples per second    : {QUERIES / WINDOW_S}", QUERIES),
        ("SingleStream", {"result_query_count": None}, " * Processed at least 64 queries (5000).", 5000),
    ],
)
def test_every_scenario_counts_its_samples(imported, folder, scenario, values, rate, samples):
    made = write_ptdaemon(folder, detail=detail_lines(scenario=scenario, **values), summary=summary_text(scenario, rate=rate))
    run = only(imported(KIND, made))
    assert run.windows[0].inferences == samples
    assert published(run, "energy_j_per_inference") == pytest.approx(200.0 * WINDOW_S / samples, rel=1e-4)
    assert scenario in run.unit_of_work


# Clocks.


@pytest.mark.parametrize("hours", [0, -7, 1, 13, 5.5, 5.75])
def test_a_difference_of_zones_is_found_and_shown_with_its_evidence(imported, folder, hours):
    run = only(imported(KIND, write_ptdaemon(folder, spl=spl_lines(wave, shift=hours * HOUR))))
    assert run.clock_maps[0].offset_ns == hours * 3600 * 10**9
    assert published(run, "mean_w") == pytest.approx(200.0, abs=1e-4)
    assert own_w(run).value == pytest.approx(200.0, rel=5e-3)
    shown = note(run, "import.clocks")
    assert f"{hours:+g} h" in shown
    assert "the only difference" in shown
    assert "0.8 s" in shown


def test_stored_times_are_never_rewritten(imported, folder, tmp_path):
    from edgekit.store.runs import read_traces

    run = only(imported(KIND, write_ptdaemon(folder, spl=spl_lines(shift=-7 * HOUR))))
    trace = read_traces(tmp_path / "runs" / run.id, run)["ptdaemon.total"]
    assert written(int(trace.t_ns[0])) == (BEGIN - timedelta(seconds=19.5) - 7 * HOUR).isoformat(sep=" ", timespec="milliseconds")
    assert written(run.windows[0].start_ns) == BEGIN.isoformat(sep=" ", timespec="milliseconds")


def test_a_log_that_fits_in_several_ways_is_a_question_and_clock_offset_the_answer(refused, imported, folder):
    made = write_ptdaemon(folder, spl=spl_lines(before_s=3700, after_s=20))
    error = refused(KIND, made)
    assert error.code == "import.clock_ambiguous"
    assert "-1 h, +0 h" in error.why
    assert "--clock-offset" in error.do[0][1]
    run = only(imported(KIND, made, clock_offset_s=0.0))
    assert "stated with --clock-offset" in note(run, "import.clocks")
    assert published(run, "mean_w") == pytest.approx(200.0)
    wrong = only(imported(KIND, made, clock_offset_s=-3600.0))
    assert published(wrong, "mean_w") == pytest.approx(REST_W)


def test_zones_in_the_directors_files_answer_the_question(imported, folder):
    made = write_ptdaemon(folder / "run_1", spl=spl_lines(before_s=3700, shift=-HOUR))
    for name, zone in (("client", 0), ("server", 3600)):
        (folder / "power").mkdir(exist_ok=True)
        phases = {"testing": [[1000.0 + (0.1 if name == "server" else 0.0), 1.0], [2000.0, 2.0]]}
        (folder / "power" / f"{name}.json").write_text(json.dumps({"timezone": zone, "phases": phases}))
    run = only(imported(KIND, made))
    assert run.clock_maps[0].offset_ns == -3600 * 10**9
    assert run.clock_maps[0].bracket_ns == pytest.approx(1e8)
    assert "agree within 0.100 s" in note(run, "import.clocks")


def test_zones_that_contradict_the_logs_are_said(imported, folder):
    made = write_ptdaemon(folder)
    for name, zone in (("client", 25200), ("server", 0)):
        (made / f"{name}.json").write_text(json.dumps({"timezone": zone}))
    run = only(imported(KIND, made))
    assert run.clock_maps[0].offset_ns == 0
    assert "client.json and server.json would say +7 h" in note(run, "import.clocks")


def test_logs_that_never_meet_are_refused_with_both_spans(refused, folder):
    made = write_ptdaemon(folder, spl=spl_lines(shift=timedelta(days=40)))
    error = refused(KIND, made)
    assert error.code == "import.no_overlap"
    assert "2024-03-05 14:02:00.250" in error.why
    assert "2024-04-14" in error.why
    assert refused(KIND, made, clock_offset_s=7.0).code == "import.no_overlap"


@pytest.mark.parametrize("place", [10, 70, 150])
@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_by_an_hour_is_daylight_saving(refused, folder, place, hours):
    lines = [*spl_lines()[:place], *spl_lines(shift=hours * HOUR)[place:]]
    error = refused(KIND, write_ptdaemon(folder, spl=lines))
    assert error.code == "import.clock_jump"
    assert "daylight saving" in error.why


def test_a_window_that_does_not_last_as_long_as_its_work_is_said(imported, folder):
    run = only(imported(KIND, write_ptdaemon(folder, summary=summary_text(rate="QPS w/ loadgen overhead : 10"))))
    assert "take 600.0 s" in note(run, "import.duration")


def test_days_come_first_only_where_nothing_else_can_be_meant(imported, folder):
    assert order_of(["03-05-2024 1", "12-31-2024 1"]) is Order.MONTH_FIRST
    assert order_of(["05-03-2024 1", "31-12-2024 1"]) is Order.DAY_FIRST
    assert parse_ns("01-02-1970 00:00:01.5", Order.MONTH_FIRST) == (86_400 + 1) * 10**9 + 500_000_000
    shift = timedelta(days=15)
    day_first = "%d-%m-%Y"
    detail = [line for line in detail_lines() if "power_" not in line]
    detail += [
        f':::MLLOG {{"key": "{key}", "value": "{stamp(BEGIN + shift + timedelta(seconds=s), day_first)}"}}'
        for key, s in (("power_begin", 0), ("power_end", WINDOW_S))
    ]
    run = only(imported(KIND, write_ptdaemon(folder, spl=spl_lines(shift=shift, order=day_first), detail=detail)))
    assert published(run, "mean_w") == pytest.approx(200.0)


# Ranging and testing.


def test_the_ranging_pass_never_counts(imported, refused, folder):
    ranging = spl_lines(lambda _: 400.0, mark="2024-03-05_14-00-00_ranging", shift=-HOUR / 4)
    run = only(imported(KIND, write_ptdaemon(folder / "mixed", spl=[*ranging, *spl_lines()])))
    assert published(run, "mean_w") == pytest.approx(200.0)
    assert f"{len(ranging)} samples of the ranging pass" in note(run, "import.ranging")


def test_a_folder_of_the_ranging_pass_is_refused_and_passed_over_where_the_testing_pass_is(refused, imported, tmp_path):
    alone = tmp_path / "alone"
    write_ptdaemon(alone / "marked", spl=spl_lines(mark="x_ranging"))
    assert refused(KIND, alone / "marked").code == "import.ranging"
    write_ptdaemon(alone / "called" / "ranging")
    assert refused(KIND, alone / "called").code == "import.ranging"
    both = tmp_path / "closed" / "Maker" / "results" / "Server" / "resnet50" / "Offline" / "performance"
    write_ptdaemon(both / "ranging", spl=spl_lines(lambda _: 400.0, mark="x_ranging"))
    write_ptdaemon(both / "run_1")
    run = only(imported(KIND, tmp_path / "closed"))
    assert (run.device.name, run.artifact.family) == ("Server", "mlperf-inference-resnet50")
    assert "measured by Maker on Server" in note(run, "import.source")
    assert published(run, "mean_w") == pytest.approx(200.0)


def test_several_tests_in_one_log_are_refused(refused, folder):
    made = write_ptdaemon(folder, spl=[*spl_lines(mark="a_testing"), *spl_lines(mark="b_testing", shift=HOUR / 4)])
    assert refused(KIND, made).code == "import.marks"


def test_a_mark_that_says_nothing_is_said(imported, folder):
    assert "notset" in note(only(imported(KIND, write_ptdaemon(folder, spl=spl_lines(mark="notset")))), "import.mark")


# The analyser.


def test_the_analysers_own_word_on_its_uncertainty_is_taken(imported, folder):
    made = write_ptdaemon(folder / "run_1")
    run = only(imported(KIND, made))
    assert run.meters[0].accuracy.gain_rel == pytest.approx(0.01 / 3**0.5)
    assert "MLPerf rules" in run.meters[0].accuracy.source
    (folder / "power").mkdir()
    (folder / "power" / "ptd_logs.txt").write_text(
        "03-05-2024 14:00:00.000: Uncertainty checking for MakerX1 is activated\n"
        "03-05-2024 14:00:01.000: WARNING: Uncertainty 1.53%, which is above 1.00% limit for the last sample!\n"
    )
    run = only(imported(KIND, made))
    assert run.meters[0].detail == "MakerX1"
    assert run.meters[0].accuracy.gain_rel == pytest.approx(0.0153 / 3**0.5)


# Files that cannot be meant.


def swapped(lines):
    return [*lines[:50], lines[51], lines[50], *lines[52:]]


@pytest.mark.parametrize(
    ("name", "change", "code", "word"),
    [
        ("spl.txt", swapped, "import.order", "follows line"),
        ("spl.txt", lambda lines: [*lines[:50], lines[49], *lines[50:]], "import.order", "line 51"),
        ("spl.txt", lambda lines: [*lines[:50], lines[50][:60], *lines[51:]], "import.garbled", "line 51"),
        ("spl.txt", lambda lines: [*lines[:50], "Time,99-99-2024 00:00:00.000,Watts,1"], "import.garbled", "line 51"),
        ("spl.txt", lambda lines: [*lines[:50], lines[50].replace("Watts,", "Watts,x")], "import.garbled", "line 51"),
        ("spl.txt", lambda lines: ["nothing of this kind"], "import.garbled", "no line begins with Time"),
        ("spl.txt", lambda lines: [], "import.garbled", "no line begins with Time"),
        ("mlperf_log_detail.txt", lambda lines: lines[:-1], "import.window", "power_end"),
        ("mlperf_log_detail.txt", lambda lines: [], "import.window", "power_begin and power_end"),
        ("mlperf_log_detail.txt", lambda lines: [*lines, lines[-1].replace(":00.250", ":01.250")], "import.window", "another power_end"),
        ("mlperf_log_detail.txt", lambda lines: [*lines[:-1], lines[-1][:-4]], "import.garbled", "line 5"),
        ("mlperf_log_detail.txt", lambda lines: [*lines[:-1], lines[-1].replace("2024", "soon")], "import.garbled", "power_end"),
        ("mlperf_log_detail.txt", lambda lines: [*lines[:-2], *(line.replace("begin", "x").replace("end", "begin").replace("x", "end") for line in lines[-2:])], "import.window", "power_begin is"),  # noqa: E501
        ("mlperf_log_detail.txt", lambda lines: [line for line in lines if "count" not in line], "import.count", "result_query_count"),
        ("mlperf_log_summary.txt", lambda lines: ["nothing"], "import.garbled", "neither a scenario"),
    ],
)  # fmt: skip
def test_a_broken_log_is_named_with_its_fault(refused, folder, name, change, code, word):
    path = write_ptdaemon(folder) / name
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    error = refused(KIND, folder)
    assert error.code == code
    assert name in error.what
    assert word in error.why


@pytest.mark.parametrize("name", ["spl.txt", "mlperf_log_detail.txt", "mlperf_log_summary.txt"])
def test_a_missing_or_binary_log_is_named(refused, folder, name):
    path = write_ptdaemon(folder) / name
    path.write_bytes(b"\xff\x00\xfe")
    error = refused(KIND, folder)
    assert (error.code, name in error.what) == ("file.binary", True)
    path.unlink()
    error = refused(KIND, folder)
    assert error.code == ("import.nothing" if name == "spl.txt" else "import.missing")
    assert name in error.why


def test_a_path_to_nothing(refused, tmp_path):
    assert refused(KIND, tmp_path / "nowhere").code == "file.missing"


def test_what_loadgen_calls_invalid_stays_so(imported, folder):
    run = only(imported(KIND, write_ptdaemon(folder, summary=summary_text(valid="INVALID"))))
    assert "INVALID" in note(run, "import.invalid_result")


def test_a_gap_in_the_log_widens_nothing_in_silence(imported, folder):
    lines = spl_lines(steady)
    run = only(imported(KIND, write_ptdaemon(folder, spl=[*lines[:60], *lines[90:]])))
    assert run.analysis.energy_j_per_inference.value is None
    assert "cover" in run.analysis.energy_j_per_inference.reason
