from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from edgekit.core.errors import SetupError, UsageError
from edgekit.core.trace import Reading
from edgekit.links.files import sha256_of
from edgekit.store.journal import Journal, read_events
from edgekit.store.runs import RunStore, load_run, read_record
from edgekit.store.traces import TraceWriter, compact, read_trace
from tests.conftest import clean_environment


def _readings(count, start=0):
    return [Reading(channel="rapl.package-0", t_ns=start + i, bracket_ns=1, value=float(i)) for i in range(count)]


def test_readings_survive_a_writer_that_never_closed(tmp_path):
    writer = TraceWriter(tmp_path, {"rapl.package-0": "host"})
    writer.append(_readings(10))
    writer.append(_readings(5, start=100))
    found = read_trace(next(tmp_path.glob("*.arrows")))  # the writer is still open: this is what a kill leaves
    assert len(found) == 15
    assert (found.channel, found.clock) == ("rapl.package-0", "host")


def test_a_torn_last_batch_costs_only_itself(tmp_path):
    writer = TraceWriter(tmp_path, {})
    writer.append(_readings(10))
    writer.append(_readings(10, start=100))
    writer.close()
    stream = next(tmp_path.glob("*.arrows"))
    stream.write_bytes(stream.read_bytes()[:-150])
    assert len(read_trace(stream)) == 10


def test_compacting_keeps_every_row_and_names_the_hash(tmp_path):
    writer = TraceWriter(tmp_path / "traces", {})
    writer.append(_readings(1000))
    writer.close()
    (described,) = compact(tmp_path / "traces")
    assert described.rows == 1000
    assert described.path == "traces/rapl.package-0.parquet"
    assert list(read_trace(tmp_path / described.path).value) == [float(i) for i in range(1000)]
    assert not list(tmp_path.rglob("*.arrows"))


def test_full_disk_is_said_with_what_to_do(tiny_disk):
    writer = TraceWriter(tiny_disk, {})

    def fill():
        for start in range(0, 10_000_000, 1000):
            writer.append(_readings(1000, start=start))

    with pytest.raises(SetupError) as caught:
        fill()
    assert caught.value.code == "output.disk_full"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a folder with two runs, recorded once for all tests that read or spoil a copy."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "model.tflite").write_bytes(b"\0\0\0\0TFL3" + bytes(2992))
    words = ["bench", "model.tflite", "--device", "sim", "--runs", "runs", "--tag", "base"]
    for _ in range(2):
        subprocess.run([sys.executable, "-m", "edgekit", *words], cwd=folder, env=clean_environment(), capture_output=True, check=True)
    return folder / "runs"


@pytest.fixture
def two_runs(tmp_path, recorded):
    shutil.copytree(recorded, tmp_path / "runs")
    return RunStore(tmp_path / "runs")


def test_a_run_is_found_by_folder_id_prefix_and_tag(two_runs):
    ids = sorted(path.name for path in two_runs.root.iterdir())
    assert two_runs.find(str(two_runs.root / ids[0])).name == ids[0]
    assert two_runs.find(ids[0]).name == ids[0]
    assert two_runs.find(ids[1][:18]).name == ids[1]
    assert two_runs.find("base").name == ids[1]
    with pytest.raises(UsageError, match="ambiguous"):
        two_runs.find(ids[0][:4])
    assert [folder.name for folder in two_runs.find_all("base")] == [ids[1]], "a tag means the newest session that carries it"
    with pytest.raises(UsageError, match="no run"):
        two_runs.find("nothing")


def test_a_run_folder_can_be_copied_alone(two_runs, tmp_path, run_edgekit):
    folder = next(two_runs.root.iterdir())
    alone = tmp_path / "elsewhere" / "copy"
    alone.parent.mkdir()
    folder.rename(alone)
    before = (alone / "run.json").read_bytes()
    assert load_run(alone, tmp_path).id == folder.name
    (alone / "run.json").write_text(json.dumps({**json.loads(before), "analysis": None}))
    assert run_edgekit("bench", "--reanalyse", alone).returncode == 0
    assert (alone / "run.json").read_bytes() == before
    assert list(alone.parent.iterdir()) == [alone]


def test_a_session_cut_off_by_a_kill_is_recovered_by_the_next_run(two_runs, tmp_path, run_edgekit, model_file):
    # Rebuild what a killed process leaves: a journal without an end, and an owner's file that nobody holds.
    finished = sorted(two_runs.root.iterdir())[0]
    record = json.loads((finished / "run.json").read_text())
    session = two_runs.root / ".open" / "killed-00"
    (session / "traces").mkdir(parents=True)
    for path in (finished / "traces").iterdir():
        os.link(path, session / "traces" / path.name)
    (session / "owner").touch()
    header = {
        "session": "killed-00",
        "created": record["created"],
        "run_ids": ["killed-00-model"],
        "artifacts": [record["artifact"]],
        "device": record["device"],
        "plan": record["plan"],
        "meters": record["meters"],
        "facts": record["facts_before"],
        "inputs": ["samples"],
        "tool": {},
    }
    events = [("header", header), *(("window", {"artifact": 0, "window": window}) for window in record["windows"][:-2])]
    lines = [json.dumps({"kind": kind, "value": value}) for kind, value in events]
    (session / "journal.jsonl").write_text("\n".join(lines) + '\n{"kind": "window", "val')
    done = run_edgekit("bench", model_file, "--device", "sim", "--runs", two_runs.root)
    assert done.returncode == 0
    recovered = load_run("killed-00-model", two_runs.root)
    assert recovered.status == "interrupted"
    assert len(recovered.windows) == len(record["windows"]) - 2
    assert recovered.analysis.energy_j_per_inference.value == pytest.approx(record["analysis"]["energy_j_per_inference"]["value"])
    assert "killed-00-model" in done.stderr


def _killed(root, lines, **streams):
    """Rebuild what a killed process leaves: a session that nobody holds."""
    session = root / ".open" / "killed-00"
    (session / "traces").mkdir(parents=True)
    (session / "journal.jsonl").write_bytes(b"\n".join(lines))
    for name, content in streams.items():
        (session / "traces" / f"{name}.arrows").write_bytes(content)
    return session


def test_a_kill_before_the_first_reading_leaves_nothing_that_stops_the_next_run(run_edgekit, model_file, tmp_path):
    _killed(tmp_path / "runs", [b'{"kind": "note", "value": "\xc3'], c=b"")
    done = run_edgekit("bench", model_file, "--device", "sim", "--quick")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "runs" / ".open").exists()


def test_a_session_that_cannot_be_read_is_said_and_kept_and_stops_nothing(run_edgekit, model_file, tmp_path):
    session = _killed(tmp_path / "runs", [b'{"kind": "header", "value": {}}', b""])
    done = run_edgekit("bench", model_file, "--device", "sim", "--quick")
    assert done.returncode == 0, done.stderr
    assert "cannot be recovered" in done.stderr
    assert (session / "journal.jsonl").is_file()


def test_a_line_separator_in_a_text_does_not_cut_the_journal(tmp_path):
    journal = Journal(tmp_path)
    journal.write("note", {"code": "odd", "text": "one\u2028line\x85only"})
    journal.write("end", "complete")
    journal.close()
    assert [kind for kind, _ in read_events(tmp_path)] == ["note", "end"]


def test_readings_that_come_too_late_do_not_empty_the_stream(tmp_path):
    writer = TraceWriter(tmp_path, {})
    writer.append(_readings(10))
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.append(_readings(1))
    assert len(read_trace(next(tmp_path.glob("*.arrows")))) == 10


def test_sessions_of_one_second_have_names_of_their_own_and_are_left_alone_while_they_are_held(tmp_path):
    mine, yours = RunStore(tmp_path), RunStore(tmp_path)
    names = [store.open_session("20260101T000000") for store in (mine, yours, mine)]
    assert names == [f"20260101T000000-{n:02d}" for n in range(3)]
    assert RunStore(tmp_path).abandoned() == []
    for name in (names[0], names[2]):
        mine.close_session(name)
    assert sorted(path.name for path in (tmp_path / ".open").iterdir()) == [names[1]]
    (tmp_path / f"{names[0]}-model-sim").mkdir()
    assert mine.open_session("20260101T000000") == names[2], "the name of a finished run is taken"


def test_a_session_whose_process_is_gone_is_taken_over_by_one_other_only(tmp_path):
    script = f"from pathlib import Path; from edgekit.store.runs import RunStore; RunStore(Path({str(tmp_path)!r})).open_session('s')"
    subprocess.run([sys.executable, "-c", script], check=True)
    first, second = RunStore(tmp_path), RunStore(tmp_path)
    assert first.abandoned() == ["s-00"]
    assert second.abandoned() == []


def test_analysing_again_refuses_damaged_readings_and_leaves_the_record(two_runs, run_edgekit):
    folder = next(two_runs.root.iterdir())
    before = (folder / "run.json").read_bytes()
    (trace,) = (folder / "traces").iterdir()
    for content in (b"PAR1", None):
        trace.write_bytes(content) if content else trace.unlink()
        done = run_edgekit("--json", "bench", "--reanalyse", folder)
        assert (done.returncode, done.json()["data"]["code"]) == (2, "run.raw_data")
    assert (folder / "run.json").read_bytes() == before


def test_a_trace_whose_checksum_fits_and_that_is_none_is_refused(two_runs, run_edgekit):
    folder = next(two_runs.root.iterdir())
    record = json.loads((folder / "run.json").read_text())
    (folder / record["traces"][0]["path"]).write_bytes(b"PAR1 and nothing else PAR1")
    record["traces"][0]["sha256"] = hashlib.sha256(b"PAR1 and nothing else PAR1").hexdigest()
    (folder / "run.json").write_text(json.dumps(record))
    done = run_edgekit("--json", "bench", "--reanalyse", folder)
    assert (done.returncode, done.json()["data"]["code"]) == (2, "run.raw_data")


def _count_below_nothing(record):
    next(window for window in record["windows"] if window["inferences"])["inferences"] = -5


def _profile_nothing(record):
    record["profile"] = {"window": 0, "invocations": 0, "operators": [], "outside_s": 0.0, "method": "by hand"}


def _far_clock(record):
    record["clock_maps"] = [{"source": "sim", "target": "host", "offset_ns": 10**25, "bracket_ns": 0, "at_ns": 0}]


def _far_window(record):
    record["windows"][0]["end_ns"] = 10**25


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_count_below_nothing, "-5 inferences"),
        (_profile_nothing, "0 invocations"),
        (_far_clock, "offset 1e+25 ns"),
        (_far_window, "lies beyond any clock"),
    ],
)
def test_a_record_that_cannot_be_meant_is_refused_by_what_is_wrong(two_runs, run_edgekit, change, named):
    folder = next(two_runs.root.iterdir())
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))
    done = run_edgekit("--json", "bench", "--reanalyse", folder)
    assert (done.returncode, done.json()["data"]["code"]) == (2, "json.invalid")
    assert named in done.json()["data"]["why"]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("created",), "<script>", "does not begin with a date"),
        (("analysis", "energy_j_per_inference"), {"value": -1, "low": -2, "high": -0.5}, "energy_j_per_inference: -1 J"),
        (("analysis", "energy_j_per_inference"), {"value": 0, "low": 0, "high": 0}, "more than 0 J"),
        (("analysis", "energy_j_per_inference"), {"value": 1e300, "low": 1, "high": 1e301}, "1e+300 J"),
        (("analysis", "energy_j_per_inference"), {"unit": "W"}, " W; more than 0 J"),
        (("analysis", "time_s_per_inference"), {"value": 0, "low": 0, "high": 0}, "more than 0 s"),
    ],
)
def test_a_run_that_was_edited_into_what_no_run_can_have_is_refused_but_can_be_analysed_again(two_runs, path, value, named):
    folder = next(two_runs.root.iterdir())
    record = place = json.loads((folder / "run.json").read_text())
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {**place[path[-1]], **value} if isinstance(value, dict) else value
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=re.escape(named)) as caught:
        load_run(folder, two_runs.root)
    assert (caught.value.code, caught.value.do[0][1]) == ("run.impossible", f"edgekit bench --reanalyse {folder}")
    assert read_record(folder / "run.json").id == record["id"]  # what analyses again reads it


def test_a_name_that_the_disk_refuses_is_a_mistake_of_whoever_typed_it(tmp_path):
    with pytest.raises(UsageError) as caught:
        RunStore(tmp_path).find("x" * 5000)
    assert caught.value.code == "file.unreadable"


def test_readings_that_were_shuffled_are_said_to_be_out_of_order(two_runs, run_edgekit):
    folder = next(two_runs.root.iterdir())
    record = json.loads((folder / "run.json").read_text())
    path = folder / record["traces"][0]["path"]
    rows = pq.read_table(path)
    pq.write_table(rows.take(np.random.default_rng(0).permutation(len(rows))), path)
    record["traces"][0]["sha256"] = sha256_of(path)
    (folder / "run.json").write_text(json.dumps(record))
    run_edgekit("bench", "--reanalyse", folder)
    energy = json.loads((folder / "run.json").read_text())["analysis"]["energy_j_per_inference"]
    assert energy["value"] is None
    assert "out of order: time goes backwards at" in energy["reason"]
