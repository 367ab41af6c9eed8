from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Completed

Run = Callable[..., Completed]


def test_every_model_is_listed_with_its_stored_runs(run_edgekit: Run) -> None:
    done = run_edgekit("models", "list", "--json")
    assert done.returncode == 0, done.stderr
    models = {model["name"]: model for model in done.json()["data"]["models"]}
    assert {"digits_cnn", "kws_dscnn", "mobilenet_v2"} < set(models)
    assert all(isinstance(model["references"], int) for model in models.values())
    assert models["mobilenet_v2"]["accuracy"] == "none: untrained weights"


def test_the_list_ends_with_the_commands_that_build(run_edgekit: Run) -> None:
    done = run_edgekit("models", "list")
    assert "edgekit models build digits_cnn" in done.stdout


def test_listing_imports_no_framework() -> None:
    heavy = ("numpy", "tensorflow", "keras", "sklearn")
    code = f"import sys; from edgekit.flows.models import list_models; list_models(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_model_is_answered_with_the_nearest(run_edgekit: Run, tmp_path: Path) -> None:
    done = run_edgekit("models", "build", "digit_cnn")
    assert done.returncode == 2
    assert "did you mean digits_cnn?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_a_folder_is_refused_before_the_work(run_edgekit: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = run_edgekit("models", "build", "digits_cnn", "--out", "taken")
    assert done.returncode == 6
    assert "[output.unwritable]" in done.stderr
