"""The user's own processing as part of one inference, on this machine: shipped, run, named in the record; refused with its reason."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.bench.functions import open_function
from tests.loopback import loopback
from tests.tiny import write_onnx

PLAN = ("--meter", "cputime", "--windows", "3", "--window", "0.2", "--idle", "0.2", "--warmup", "0.05", "--cooldown", "0.02")
PREP = '''import numpy as np


def scale(image):
    """Bytes to 0..1, after a while."""
    for _ in range(2000):
        pass
    return image.astype(np.float32) / 255


def best(y):
    return int(np.argmax(y))


def broken(image):
    raise ValueError("no such colour")
'''


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "prep.py").write_text(PREP)
    return write_onnx(folder / "tiny.onnx")


def _bench(run_edgekit, *args):
    return run_edgekit("--json", "bench", *args, "--runs", "runs", *PLAN)


@pytest.mark.slow
def test_one_inference_includes_the_functions_and_the_record_names_them(run_edgekit, tiny, tmp_path):
    np = pytest.importorskip("numpy")
    np.savez(tmp_path / "raw.npz", frames=np.full((6, 8), 255, np.uint8))
    prep = tiny.with_name("prep.py")
    options = ("--pre", f"{prep}:scale", "--post", f"{prep}:best", "--raw", tmp_path / "raw.npz", "--batch", "2")
    done = _bench(run_edgekit, tiny, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    run = done.json()["data"]["runs"][0]
    sha256 = hashlib.sha256(prep.read_bytes()).hexdigest()
    assert run["plan"]["pre"] == {"file": str(prep), "function": "scale", "sha256": sha256}
    assert run["plan"]["raw_sha256"] == hashlib.sha256((tmp_path / "raw.npz").read_bytes()).hexdigest()
    assert run["unit_of_work"] == (
        f"pre: scale of prep.py (sha256 {sha256[:12]}) + set_tensor + invoke + get_tensor + post: best of prep.py (sha256 {sha256[:12]})"
    )
    assert (run["plan"]["inputs"], run["analysis"]["inferences"] % 2) == ("raw", 0)
    assert "your code, with your rights there, unchecked" in json.dumps(run["notes"])

    path = tmp_path / "runs" / run["id"] / "run.json"
    before = path.read_bytes()
    path.write_text(json.dumps({**json.loads(before), "analysis": None}))
    assert run_edgekit("bench", "--reanalyse", run["id"], "--runs", "runs").returncode == 0
    assert path.read_bytes() == before

    bare = _bench(run_edgekit, tiny, "--batch", "2").json()["data"]["runs"][0]
    assert bare["analysis"]["time_s_per_inference"]["value"] < run["analysis"]["time_s_per_inference"]["value"]
    compared = run_edgekit("--json", "compare", bare["id"], run["id"]).json()["data"]["rows"][0]["energy"]
    assert compared["value"] is None
    assert "pre: scale of prep.py" in compared["reason"]


def test_an_error_of_the_users_function_is_told_with_its_line_and_leaves_no_run(run_edgekit, tiny, tmp_path):
    done = _bench(run_edgekit, tiny, "--pre", f"{tiny.with_name('prep.py')}:broken")
    error = done.json()["data"]
    assert (done.returncode, error["code"]) == (2, "processing.failed")
    assert error["why"] == 'no such colour (line 16: raise ValueError("no such colour"))'
    assert not list((tmp_path / "runs").glob("*/run.json"))


def test_the_emulated_device_runs_no_code(run_edgekit, tiny, model_file):
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--pre", f"{tiny.with_name('prep.py')}:scale")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "processing.unsupported")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--pre", "prep.py"), "bench.function"),
        (("--pre", "prep.py:not a name"), "bench.function"),
        (("--pre", "nowhere.py:scale"), "file.missing"),
        (("--pre", "no_such_module:scale"), "bench.function"),
        (("--pre", "text.py:scale"), "bench.function"),
        (("--raw", "prep.py"), "usage.missing"),
    ],
)
def test_functions_that_cannot_be_meant(run_edgekit, model_file, tmp_path, options, code):
    (tmp_path / "prep.py").write_text(PREP)
    (tmp_path / "text.py").write_text("this is no Python")
    done = run_edgekit("--json", "bench", model_file, "--plan", *options)
    assert (done.returncode, done.json()["data"]["code"]) == (2, code)


def test_a_module_is_found_by_its_name_and_not_run(tmp_path):
    (tmp_path / "lab").mkdir()
    path = tmp_path / "lab" / "prep.py"
    path.write_text("raise SystemExit('imported on the host')\n")
    found = open_function("lab.prep:scale", "--pre", search=[str(tmp_path)])
    assert (found.file, found.function) == (str(path), "scale")
    with pytest.raises(UsageError, match=r"no module lab\.post is found"):
        open_function("lab.post:scale", "--pre", search=[str(tmp_path)])


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the loopback server is Linux's")
def test_functions_travel_by_their_content_and_a_rate_is_kept_far_away(run_edgekit, tiny, tmp_path):
    prep = tiny.with_name("prep.py")
    prep.write_text(PREP.replace("return image", "return 255 * image"))
    sha256 = hashlib.sha256(prep.read_bytes()).hexdigest()
    with loopback() as far:
        (tmp_path / "edgekit.toml").write_text(far.toml("pi"))
        done = _bench(run_edgekit, tiny, "--device", "pi", "--pre", f"{prep}:scale", "--rate", "50/s")
        assert done.returncode == 0, done.stdout + done.stderr
        assert [path.read_bytes() for path in far.home.rglob("prep.py")] == [prep.read_bytes()]
        assert {path.parent.name for path in far.home.rglob("prep.py")} == {sha256[:16]}
        assert far.sessions() == {}
    run = done.json()["data"]["runs"][0]
    assert all(window["pacing"]["period_ns"] == 20_000_000 for window in run["windows"] if window["phase"] == "measure")
    cold = run["analysis"]["cold_start"]
    assert cold["starts"] == 3
    assert cold["load_s"]["value"] > 0
