"""Each build script runs by itself, from any folder, and wherever the models lie."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.converters.base import RECIPES
from edgekit.flows.models import ReferenceModel, list_models
from edgekit.links.files import bundled
from tests.conftest import REPOSITORY, clean_environment

MODELS = list_models()


def python(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the models where no edgekit is, as inside a wheel."""
    folder = tmp_path_factory.mktemp("site packages") / "models"
    shutil.copytree(bundled("models"), folder, ignore=shutil.ignore_patterns("__pycache__", "references"))
    return folder


@pytest.mark.parametrize("name", [model.name for model in MODELS])
def test_each_script_explains_itself(elsewhere: Path, tmp_path: Path, name: str) -> None:
    done = python("-P", elsewhere / name / "build.py", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"folder for {name}.keras" in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_a_script_can_be_run_in_its_own_folder(elsewhere: Path) -> None:
    assert python("build.py", "--help", cwd=elsewhere / "kws_dscnn").returncode == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_what_is_stated_holds_together(model: ReferenceModel) -> None:
    assert set(model.recipes) <= {recipe.name for recipe in RECIPES}
    assert set(model.files) >= {f"{model.name}.keras", f"{model.name}.calib.npz"}
    assert (f"{model.name}.test.npz" in model.files) == model.training == ("sklearn" in model.needs)
    assert any(year in model.architecture for year in map(str, range(1990, 2030))), "a source has a year"
    assert [port.dtype for port in (*model.inputs, *model.outputs)] == ["float32", "float32"]


ARITHMETIC = """
import itertools, json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from workbench.plan import Refused
from workbench.samples import _split, digits, smooth
from workbench.training import area_under_curve

random = np.random.default_rng(1)
normal, anomalous = random.integers(0, 9, 40), random.integers(3, 12, 30)
pairs = [0.5 * (a == n) + (a > n) for n, a in itertools.product(normal, anomalous)]
field = smooth(3, 49, 10, 2)
parts = [_split(np.arange(count), np.arange(count) * 2, None, ()) for count in (5, 9, 100)]
given = _split(np.arange(7), None, (np.arange(3), None), ())
print(json.dumps({
    "auc": [area_under_curve(normal, anomalous), float(np.mean(pairs))],
    "field": [field.shape, str(field.dtype), float(abs(field).max()), bool((field == smooth(3, 49, 10, 2)).all())],
    "grain": [float(abs(np.diff(field, axis=axis)).mean()) for axis in (1, 2)] + [float(field.std())],
    "split": [sorted([*map(int, part.x), *map(int, part.test_x)]) == list(range(len(part.x) + len(part.test_x)))
              and bool((part.y == part.x * 2).all() and (part.test_y == part.test_x * 2).all()) for part in parts],
    "held": [len(part.test_x) for part in parts], "given": [sorted(map(int, given.x)), given.y, list(map(int, given.test_x))],
    "heavy": sorted({"tensorflow", "keras"} & set(sys.modules)),
}))
"""


def test_the_arithmetic_of_the_workbench(tmp_path: Path) -> None:
    done = python("-c", ARITHMETIC, bundled("models"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["auc"][0] == pytest.approx(said["auc"][1])
    assert said["field"][:2] == [[3, 49, 10, 2], "float32"]
    assert said["field"][2] <= 1
    assert said["field"][3], "the inputs of one seed are the same"
    assert said["grain"][0] < said["grain"][2], "neighbours along the longer axis are alike"
    assert said["split"] == [True, True, True]
    assert said["held"] == [1, 1, 20]
    assert said["given"] == [list(range(7)), None, [0, 1, 2]]
    assert said["heavy"] == []


def test_the_page_of_the_models_says_what_is_stated() -> None:
    listed = runpy.run_path(str(REPOSITORY / "docs" / "listed.py"))
    assert listed["tables"]() in listed["PAGE"].read_text(), "renew it: python docs/listed.py"
