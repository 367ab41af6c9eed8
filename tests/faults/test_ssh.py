"""What happens to a machine behind ssh in the middle of a benchmark: what was measured is kept, and nothing is left running there."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.flows.emulate import EmulationRequest, emulated
from edgekit.store.runs import read_record, read_traces
from tests.clocks import moved_clocks
from tests.conftest import clean_environment
from tests.faults.scene import measured, sound, unused, used
from tests.loopback import Loopback, loopback
from tests.powercap import drawing
from tests.processes import wait_until
from tests.relay import relay
from tests.stillness import GOVERNOR, Machine

pytestmark = pytest.mark.slow
SHORT = {
    "--windows": "60",
    "--window": "0.3",
    "--idle": "0.2",
    "--warmup": "0.1",
    "--cooldown": "0",
    "--idle-between": "0",
    "--cold-starts": "0",
}


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


class Bench:
    """Hold a benchmark under way on the machine that edgekit.toml calls "bench"."""

    def __init__(self, folder: Path, model: Path, toml: str, *more: str, plan: dict[str, str] | None = None) -> None:
        (folder / "edgekit.toml").write_text(toml)
        self.folder = folder
        self.said = folder / "stderr"
        times = [word for pair in {**SHORT, **(plan or {})}.items() for word in pair]
        command = [sys.executable, "-m", "edgekit", "--json", "--style", "plain", "bench", str(model), "--device", "bench", *times, *more]
        with self.said.open("w") as sink:
            self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=sink, text=True, env=clean_environment())

    def windows(self) -> int:
        """Return how many measured windows are in the journal."""
        return sum(path.read_text().count('"phase": "measure"') for path in self.folder.glob("runs/.open/*/journal.jsonl"))

    def reaches(self, windows: int) -> None:
        """Wait for that many windows."""
        wait_until(lambda: self.windows() >= windows or self.process.poll() is not None, f"{windows} windows")
        assert self.process.poll() is None, self.said.read_text()

    def ends(self) -> tuple[int, dict[str, object]]:
        """Wait for the end; return the exit status and the data of the one document."""
        out, _ = self.process.communicate(timeout=60)
        assert "Traceback" not in self.said.read_text()
        return self.process.returncode, json.loads(out)["data"]

    def kept(self) -> int:
        """Return how many measured windows the one record holds."""
        (path,) = self.folder.glob("runs/*/run.json")
        record = read_record(path)
        assert record.analysis is not None
        return len(measured(record))


@contextlib.contextmanager
def bench(folder: Path, model: Path, toml: str, *more: str, plan: dict[str, str] | None = None) -> Iterator[Bench]:
    under_way = Bench(folder, model, toml, *more, plan=plan)
    try:
        yield under_way
    finally:
        if under_way.process.poll() is None:
            under_way.process.kill()
        under_way.process.communicate()


def is_empty(server: Loopback) -> None:
    wait_until(lambda: not server.sessions(), "the end of every process there", seconds=10)


def test_a_connection_that_drops_in_a_window_keeps_the_windows_before_and_works_again_when_restored(there, tiny, tmp_path):
    with relay(there.port) as between:
        toml = there.toml(address="ssh://localhost", ssh_config=str(there.through(between.port)))
        with bench(tmp_path, tiny, toml, "--meter", "cputime") as running:
            running.reaches(2)
            between.cut()
            status, data = running.ends()
        assert (status, data["code"]) == (4, "ssh.lost")
        assert data["details"]["runs"]
        assert any("--reanalyse" in step["command"] for step in data["do"])
        assert "has been running all the time" in data["why"]
        assert running.kept() >= 2
        is_empty(there)
        (tmp_path / "again").mkdir()
        with bench(tmp_path / "again", tiny, toml, "--meter", "cputime", plan={"--windows": "2"}) as second:
            assert second.ends()[0] == 0


def test_a_machine_that_starts_anew_in_a_window_is_told_from_a_lost_link_and_costs_nothing_that_was_measured(there, tiny, tmp_path):
    start = tmp_path / "proc" / "sys" / "kernel" / "random" / "boot_id"
    start.parent.mkdir(parents=True)
    start.write_text("one\n")
    toml = there.toml(proc_root=str(tmp_path / "proc"), powercap_root=str(tmp_path / "powercap"))
    with drawing(tmp_path / "powercap", 5.0), bench(tmp_path, tiny, toml, "--meter", "rapl") as running:
        running.reaches(2)
        start.write_text("two\n")
        there.reset()
        status, data = running.ends()
    assert (status, data["code"]) == (4, "ssh.lost")
    assert "has started anew meanwhile" in data["why"]
    assert running.kept() >= 2
    is_empty(there)


def test_a_second_benchmark_learns_who_has_the_machine_and_does_not_disturb_the_first_which_may_even_be_killed(there, tiny, tmp_path):
    (tmp_path / "second").mkdir()
    with bench(tmp_path, tiny, there.toml(), "--meter", "cputime", plan={"--windows": "1000"}) as first:
        first.reaches(1)
        with bench(tmp_path / "second", tiny, there.toml(), "--meter", "cputime") as second:
            status, data = second.ends()
        assert (status, data["code"]) == (4, "device.busy")
        assert f"(process {first.process.pid} there)" in data["why"]
        assert not list((tmp_path / "second").glob("runs/*"))
        first.reaches(first.windows() + 1)
        first.process.kill()
        first.process.wait()
    is_empty(there)
    with bench(tmp_path, tiny, there.toml(), "--meter", "cputime", plan={"--windows": "1"}) as after:
        assert after.ends()[0] == 0, "the machine is free again"
    statuses = sorted(read_record(path).status for path in tmp_path.glob("runs/*/run.json"))
    assert statuses == ["complete", "interrupted"], "and what the killed one had measured is kept"


def test_a_runner_killed_there_ends_the_run_with_its_windows(there, tiny, tmp_path):
    with bench(tmp_path, tiny, there.toml(), "--meter", "cputime") as running:
        running.reaches(2)
        # The last one started but one: the idle runner comes first, then the model's, then the sampler.
        runners = sorted(pid for pid, line in there.sessions().items() if line.endswith(".pyz infer") and line.startswith("python"))
        os.kill(runners[-1], signal.SIGKILL)
        status, data = running.ends()
    assert (status, data["code"]) == (4, "runner.died")
    assert "signal 9" in data["why"]
    assert running.kept() >= 2
    is_empty(there)


def test_a_wall_clock_that_steps_there_changes_no_figure_and_marks_the_run(there, tiny, tmp_path):
    flag = tmp_path / "stepped"
    shift = f"static long shift_s(clockid_t id) {{ return id == CLOCK_REALTIME && !access({json.dumps(str(flag))}, F_OK) ? 3600 : 0; }}"
    library = moved_clocks(tmp_path, shift)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nLD_PRELOAD={shlex.quote(str(library))} exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    with bench(tmp_path, tiny, there.toml(python=str(python)), "--meter", "cputime", plan={"--windows": "6", "--window": "0.5"}) as running:
        running.reaches(2)
        flag.touch()
        status, data = running.ends()
    assert status == 0, running.said.read_text()
    (run,) = data["runs"]
    assert "run.clock_stepped" in json.dumps(run["analysis"]), run["facts_after"]
    lengths = [(window["end_ns"] - window["start_ns"]) / 1e9 for window in run["windows"] if window["phase"] == "measure"]
    assert [length for length in lengths if not 0.5 <= length < 0.8] == []
    offsets = [item["offset_ns"] for item in run["clock_maps"]]
    assert max(map(abs, offsets)) < 5_000_000, "monotonic clocks do not step"
    assert run["analysis"]["energy_j_per_inference"]["value"] > 0


def test_a_meter_here_that_is_lost_costs_its_windows_while_the_target_goes_on(there, tiny, tmp_path):
    link = tmp_path / "meter"
    served, over = threading.Event(), threading.Event()

    def serve() -> None:
        with emulated(EmulationRequest(kind="um25c", load="idle 5 W", link=link)):
            served.set()
            over.wait(60)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert served.wait(10)
    plan = {"--windows": "4", "--window": "3"}
    with bench(tmp_path, tiny, there.toml(), "--meter", f"um25c:{link}", "--meter", "cputime", plan=plan) as running:
        running.reaches(2)
        over.set()
        thread.join()
        status, _ = running.ends()
    is_empty(there)
    assert (status, running.kept()) == (0, 4), "what is measured there needs no meter here"
    (path,) = tmp_path.glob("runs/*/run.json")
    record = read_record(path)
    assert "meter.unplugged" in [note.code for note in record.notes]
    assert used(record, "cputime.process") == sound(record)
    read_ns = read_traces(path.parent, record)["um25c.power"].t_ns  # both clocks are one
    windows = measured(record)
    assert windows[0].start_ns < read_ns[-1] < windows[-1].end_ns, "what it said until then is kept"
    assert unused(record, "um25c.energy")


def test_artifacts_that_do_not_fit_there_do_not_cost_the_one_that_does(there, tiny, tmp_path, tiny_disk):
    """One is too large for the disk, a small tmpfs of which the runner leaves a little, one for the memory, and one is no model."""
    subprocess.run(["mount", "-o", "remount,size=3m", str(tiny_disk)], check=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 8000 kB\n")
    for name, size in (("wide.onnx", 5_000_000), ("huge.onnx", 9_000_000), ("odd.onnx", 1000)):
        (tmp_path / name).write_bytes(os.urandom(size))
    roots = {"proc_root": str(tmp_path / "proc"), "powercap_root": str(tmp_path / "powercap")}
    toml = there.toml(cache=str(tiny_disk / "cache"), **roots)
    more = ("--windows", "2", *(str(tmp_path / name) for name in ("huge.onnx", "odd.onnx")), str(tiny))
    with drawing(tmp_path / "powercap", 5.0), bench(tmp_path, tmp_path / "wide.onnx", toml, "--meter", "rapl", *more) as running:
        out, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 4, running.said.read_text()
    document = json.loads(out)
    assert document["status"] == "partial"
    codes = {Path(item["artifact"]).name: item["code"] for item in document["data"]["dropped"]}
    assert codes == {"wide.onnx": "device.disk_full", "huge.onnx": "device.memory", "odd.onnx": "model.refused"}
    (run,) = document["data"]["runs"]
    assert (run["status"], run["artifact"]["path"]) == ("complete", tiny.name)
    assert [note["code"] for note in document["notes"] if note["code"] in codes.values()] == list(codes.values())
    assert not list(tiny_disk.rglob("wide.onnx*")), "what has no room is not sent"
    is_empty(there)


def test_an_ordinary_user_there_is_enough_to_measure_and_not_to_hold_the_machine_still(tiny, tmp_path):
    """What root may do beyond file modes is given up where the session begins, as the fixture `as_ordinary_user` does it here."""
    rights = "-dac_override,-dac_read_search,-fowner,-chown,-setuid"
    wrap = f"setpriv --bounding-set={rights} --inh-caps={rights}" if os.geteuid() == 0 else ""
    machine = Machine(tmp_path / "machine")
    for number in (0, 4):
        (machine.folder / GOVERNOR.format(number)).chmod(0o444)
    roots = {f"{name}_root": path for name, path in machine.roots.items()} | {"powercap_root": str(tmp_path / "powercap")}
    plan = {"--windows": "2"}
    with drawing(tmp_path / "powercap", 5.0), loopback(wrap=wrap) as server:
        with bench(tmp_path, tiny, server.toml(**roots), "--meter", "rapl", plan=plan) as measured_:
            status, data = measured_.ends()
        assert status == 0, measured_.said.read_text()
        (run,) = data["runs"]
        assert (run["status"], run["facts_after"]["governor"]) == ("complete", "ondemand,schedutil")
        (kept,) = server.home.rglob(tiny.name)
        assert kept.is_relative_to(server.home / ".cache/edgekit")
        assert {path.relative_to(server.home).parts[0] for path in server.home.rglob("*")} == {".cache", "tmp"}
        (tmp_path / "again").mkdir()
        with bench(tmp_path / "again", tiny, server.toml(**roots), "--meter", "rapl", "--prepare", plan=plan) as prepared:
            status, data = prepared.ends()
        assert (status, data["code"]) == (4, "prepare.refused")
        assert "Permission denied" in data["why"]
        assert any(step["command"].startswith("ssh -t ") and "scaling_governor" in step["command"] for step in data["do"])
        assert not list((tmp_path / "again").glob("runs/*")), "nothing is measured on a machine that is not as it was asked to be"
        assert machine.as_it_was
        is_empty(server)
