"""tflite-runtime 2.14, the fallback for old 32-bit systems, truly run: it computes what LiteRT does, and what it cannot do is explained."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.devices.pack import deploy
from edgekit.environments import Environment
from edgekit.runner import engines
from tests.conftest import Completed
from tests.converters.digits import Digits
from tests.runner import delegates, tiny
from tests.runner.talk import runner
from tests.tools import tool

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from runner.engines import load
from runner.engines.delegate import Wanted
from runner.engines.inputs import prepare
engine = load(sys.argv[2], None, 1, 1, Wanted(sys.argv[4], {"mode": "all"}) if sys.argv[4:] else None)
inputs, origin = prepare(engine, sys.argv[3] or None, 1)
print(json.dumps([engine.describe(), [engine.infer(one)[0].tolist() for one in inputs]]))
"""
BENCH = ("--windows", "1", "--window", "0.2", "--idle", "0.2", "--warmup", "0", "--cooldown", "0", "--meter", "cputime", "--json")

Edgekit = Callable[..., Completed]


@pytest.fixture(scope="module")
def legacy() -> Environment:
    return tool("tflite-legacy")


@pytest.fixture
def old(legacy: Environment, tmp_path: Path) -> str:
    """The name of a configured device: this machine with the interpreter of the old environment."""
    (tmp_path / "edgekit.toml").write_text(
        f'[devices.old]\nkind = "local"\naddress = "local:"\noptions = {{ python = {json.dumps(str(legacy.python))} }}\n'
    )
    return "old"


def computed(python: Path | str, model: Path, samples: Path | str, cache: Path, *more: Path) -> tuple[dict[str, Any], Any]:
    """Return what the runner, packed as it is deployed, loaded and computed in an interpreter."""
    command = [python, "-I", "-c", SCRIPT, deploy(cache), model, samples, *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    described, outputs = json.loads(done.stdout)
    return described, np.array(outputs)


def test_the_environment_holds_what_is_pinned(legacy: Environment) -> None:
    assert legacy.versions["tflite-runtime"] == "2.14.0"
    assert int(legacy.versions["numpy"].partition(".")[0]) < 2


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fp32", "int8"])
def test_it_computes_what_litert_does(legacy: Environment, digits: Digits, tmp_path: Path, recipe: str) -> None:
    [model] = digits.artifacts.glob(f"*.{recipe}.tflite")
    samples = digits.folder / "digits_cnn.calib.npz"
    new, expected = computed(sys.executable, model, samples, tmp_path)
    described, found = computed(legacy.python, model, samples, tmp_path)
    assert (new["engine"], described["engine"], described["engine_version"]) == ("litert", "tflite_runtime", "2.14.0")
    assert found.shape == expected.shape
    values = np.unique(expected)
    assert len(values) > 50
    one_step = np.diff(values).min() if recipe == "int8" else 1e-6 * np.abs(values).max()  # of the quantized output, or of float32
    assert np.abs(found - expected).max() <= 2.01 * one_step
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fp32", "int8"])
def test_bench_measures_with_it_and_the_record_says_so(run_edgekit: Edgekit, digits: Digits, old: str, recipe: str) -> None:
    [model] = digits.artifacts.glob(f"*.{recipe}.tflite")
    done = run_edgekit("bench", model, "--device", old, *BENCH)
    assert done.returncode == 0, done.stderr
    [run] = done.json()["data"]["runs"]
    assert (run["facts_before"]["engine"], run["facts_before"]["engine_version"]) == ("tflite_runtime", "2.14.0")
    assert run["analysis"]["inferences"] >= 10


def test_a_model_that_is_too_new_for_it_is_refused_with_the_remedy(run_edgekit: Edgekit, tmp_path: Path, old: str) -> None:
    model = tiny.chain_tflite(tmp_path / "m.tflite", (4, 8, 4), version=12)
    assert engines.load(str(model), "litert", 1, 1).describe()["engine"] == "litert"
    done = run_edgekit("bench", model, "--device", old, *BENCH)
    assert done.returncode == 6
    error = done.json()["data"]
    assert error["code"] == "engine.too_old"
    assert error["what"] == "device runtime 2.14.0 too old: the model uses FULLY_CONNECTED version 12"
    assert {"advice": "install the current runtime on the device:", "command": "pip install ai-edge-litert"} in error["do"]


def test_numpy_2_is_named_as_what_breaks_it(legacy: Environment, tmp_path: Path) -> None:
    if not legacy.python_version.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}."):
        pytest.skip("tflite-runtime has no build for this Python")
    [site] = legacy.folder.glob("lib/python*/site-packages")
    beside = tmp_path / "beside numpy 2"
    beside.mkdir()
    for part in site.glob("tflite_runtime*"):
        (beside / part.name).symlink_to(part)
    with runner("infer", tmp_path, options=(), env={"PYTHONPATH": str(beside)}) as talk:
        reply = talk.ask("load", artifact=str(tiny.tflite(tmp_path / "m.tflite")), engine="tflite_runtime")
    assert reply["error"]["code"] == "engine.numpy"
    assert "numpy 2" in reply["error"]["what"]
    assert ["give it the numpy it was built for:", 'pip install "numpy<2"'] in reply["error"]["do"]


def test_it_takes_delegates_too(legacy: Environment, tmp_path: Path) -> None:
    model, library = tiny.chain_tflite(tmp_path / "m.tflite", (4, 8, 4)), delegates.build(tmp_path)
    described, outputs = computed(legacy.python, model, "", tmp_path, library)
    assert described["delegate"] == "answering.so (2 of 2 operators)"
    assert np.unique(outputs).tolist() == [42.0]
