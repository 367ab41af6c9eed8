"""Benchmarks on a machine behind ssh: an ssh server on this machine stands for it. What runs there is the real thing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.loopback import Loopback, loopback
from tests.tiny import write_onnx

QUICK = ("--windows", "3", "--window", "0.3", "--idle", "0.3", "--warmup", "0.2", "--cooldown", "0.05", "--idle-between", "0")


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


def test_an_artifact_is_measured_over_ssh_and_nothing_is_left_behind(run_edgekit, tmp_path, there):
    model = write_onnx(tmp_path / "a model.onnx")
    done = run_edgekit("--json", "bench", model, "--device", there.address, "--meter", "cputime", *QUICK, env=there.env)
    assert done.returncode == 0, done.stderr
    (run,) = done.json()["data"]["runs"]
    assert run["status"] == "complete"
    assert run["device"]["kind"] == "ssh"
    assert run["analysis"]["energy_j_per_inference"]["value"] > 0
    clocks = {window["clock"] for window in run["windows"]}
    assert len(clocks) == 1
    assert clocks != {"host"}, "what happens there is on the clock of that machine"
    assert len(run["clock_maps"]) >= 4, "one before, one after, and one for each round"
    assert all(item["bracket_ns"] < 5_000_000 for item in run["clock_maps"])
    assert not there.sessions()
    kept = sorted(path.name for path in there.home.rglob("*") if path.is_file())
    assert [name for name in kept if name.endswith(".onnx")] == ["a model.onnx"]
    assert json.dumps(kept).count(".pyz") == 1


def test_what_is_there_already_is_not_sent_again(run_edgekit, tmp_path, there):
    model = write_onnx(tmp_path / "twice.onnx", width=16)
    bench = ("--json", "bench", model, "--device", there.address, "--meter", "cputime", *QUICK)
    assert run_edgekit(*bench, env=there.env).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in there.home.rglob("*") if path.is_file() and path.suffix in (".onnx", ".pyz")}
    assert run_edgekit(*bench, env=there.env).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
