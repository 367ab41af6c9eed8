"""The wheel works where the repository is not: built, installed into another environment, used from another folder."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY]
    subprocess.run(command, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a new environment: edgekit from the wheel, everything else from the environment of the tests."""
    home = tmp_path_factory.mktemp("elsewhere") / "an environment"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    [site] = (home / "lib").glob("python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--quiet", wheel], check=True, capture_output=True)
    (site / "dependencies.pth").write_text(f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n")
    return python


def run(python: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [python.with_name("edgekit"), *args]
    return subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False, timeout=900)


def test_the_wheel_carries_what_it_needs_and_nothing_of_the_repository(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "edgekit/cli/app.py",
        "edgekit/py.typed",
        "edgekit/decision/timing/profiles/GB.toml",
        "edgekit/environments/known.toml",
        "edgekit/environments/packages/onnx2tf.txt",
        "edgekit/_bundled/firmware_tools/README.md",
        "edgekit/runner/main.py",
    ):
        assert wanted in names
    assert any(name.startswith("edgekit/_bundled/models/digits_cnn/") for name in names)
    assert not [
        name for name in names if name.startswith(("tests/", "docs/", "benchmarks/")) or name.endswith((".keras", ".tflite", ".onnx"))
    ]
    metadata = next(name for name in names if name.endswith("entry_points.txt"))
    assert "edgekit = edgekit.cli.app:main" in zipfile.ZipFile(wheel).read(metadata).decode()


def test_edgekit_comes_from_the_wheel(python: Path, tmp_path: Path) -> None:
    program = "import edgekit; print(edgekit.__file__)"
    done = subprocess.run([python, "-c", program], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(python.parents[1])


def test_models_are_listed_from_another_folder(python: Path, tmp_path: Path) -> None:
    done = run(python, "models", "list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "digits_cnn" in [model["name"] for model in json.loads(done.stdout)["data"]["models"]]


def test_the_runner_starts_from_the_wheel(python: Path, tmp_path: Path) -> None:
    done = run(python, "devices", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {device["name"]: device["usable"] for device in json.loads(done.stdout)["data"]["devices"]}["local"]


def test_the_demo_runs_from_the_wheel(python: Path, tmp_path: Path) -> None:
    done = run(python, "demo", "--out", "demo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / "demo" / name).stat().st_size > 0
