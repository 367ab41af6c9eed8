"""Look into model files of anybody's making through the front door."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Completed
from tests.converters.network import classifier, load, pack
from tests.tiny import write_onnx

Run = Callable[..., Completed]
WITHOUT_FRAMEWORKS = "import sys\nfor name in ('tensorflow', 'keras', 'torch', 'ai_edge_quantizer'): sys.modules[name] = None"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with a foreign .tflite and a foreign .onnx, and Python without any framework."""
    classifier().write(tmp_path / "foreign.tflite", description="hand-made")
    write_onnx(tmp_path / "foreign.onnx")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_FRAMEWORKS)
    return tmp_path


def test_a_foreign_tflite_says_what_it_holds_without_any_framework(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("inspect", "foreign.tflite", "--json", env={"PYTHONPATH": str(desk / "site")})
    assert done.returncode == 0, done.stderr
    found = done.json()["data"]
    assert found["format"] == "tflite"
    assert found["size_bytes"] == (desk / "foreign.tflite").stat().st_size
    assert found["scheme"] == "float32 weights, float32 activations"
    assert (found["quantized_share"], found["computed_share"]) == (0, 0)
    convolutions = 64 * (9 * 8 + 72 * 16 + 144 * 16)
    assert found["macs"] == convolutions + 10240
    assert found["parameters"] == 9 * 8 + 72 * 16 + 144 * 16 + 10240
    assert found["contents"]["operators"] == [
        {"name": "CONV_2D", "version": 1, "count": 3},
        {"name": "FULLY_CONNECTED", "version": 1, "count": 1},
    ]
    (port,) = found["outside"]["inputs"]
    assert (port["name"], port["shape"], port["layout"]) == ("x", [1, 8, 8, 1], "NHWC")
    assert found["outside"]["metadata"] == {"description": "hand-made", "signatures": "serving_default"}
    assert len(found["graph_sha256"]) == 64
    assert (found["record"], found["fit"]) == (None, None)


def test_a_foreign_onnx_says_what_it_holds(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("inspect", "foreign.onnx", env={"PYTHONPATH": str(desk / "site"), "COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert "ONNX, " in done.stdout
    assert "x (N, 8) float32" in done.stdout
    assert "1  MatMul version 13" in done.stdout
    assert "IR 8, operator set ai.onnx 17" in done.stdout
    assert "none beside it" in done.stdout
    assert max(map(len, done.stdout.partition("\nnext")[0].splitlines())) <= 80


@pytest.fixture
def converted(desk: Path, run_edgekit: Run) -> Path:
    np.savez(desk / "calib.npz", x=np.random.default_rng(0).normal(size=(30, 8)))
    done = run_edgekit("convert", "foreign.onnx", "-r", "int8", "--calib", "calib.npz", cwd=desk)
    assert done.returncode == 0, done.stderr
    return desk / "artifacts" / "foreign.int8.onnx"


def test_the_record_of_an_artifact_is_shown_with_it(converted: Path, run_edgekit: Run) -> None:
    done = run_edgekit("inspect", converted)
    assert done.returncode == 0, done.stderr
    for said in ("of this file", "int8: int8 weights, uint8 activations; verified", "30 samples, absolute minimum", "onnxruntime"):
        assert said in done.stdout
    document = run_edgekit("inspect", converted, "--json").json()["data"]
    assert document["record"]["fits"]
    assert document["record"]["artifact"]["graph_sha256"] == document["graph_sha256"]
    assert document["record"]["artifact"]["operators"] == document["contents"]["operators"]
    assert document["quantized_share"] == 1


def test_a_record_of_another_file_proves_nothing(converted: Path, run_edgekit: Run) -> None:
    converted.write_bytes(converted.with_name("foreign.int8.onnx").read_bytes() + b"\x12\x00")
    done = run_edgekit("inspect", converted)
    assert done.returncode == 0, done.stderr
    assert "of ANOTHER file" in done.stdout
    assert "its sha256 is another one" in done.stderr


def test_a_record_that_cannot_be_read_is_a_remark(converted: Path, run_edgekit: Run) -> None:
    converted.with_name("foreign.int8.onnx.json").write_text("{")
    done = run_edgekit("inspect", converted, "--json")
    assert done.returncode == 0, done.stderr
    assert done.json()["data"]["record"] is None
    assert [note["code"] for note in done.json()["notes"]] == ["record.unreadable"]


def test_an_artifact_is_held_against_a_target(desk: Path, run_edgekit: Run) -> None:
    fits = run_edgekit("inspect", "foreign.tflite", "--target", "pi5", "--json", cwd=desk)
    assert fits.returncode == 0, fits.stderr
    assert all(check["passed"] for check in fits.json()["data"]["fit"]["checks"])
    model = load(desk / "foreign.tflite")
    next(code for code in model.operatorCodes if code.builtinCode == 9).version = 999
    pack(model, desk / "newer.tflite")
    newer = run_edgekit("inspect", "newer.tflite", "--target", "pi5", cwd=desk)
    assert newer.returncode == 3
    assert "FULLY_CONNECTED version 999" in newer.stderr
    assert "edgekit bench" not in newer.stdout


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("absent.tflite", 2, "file.missing"),
        ("text.onnx", 5, "model.damaged"),
        ("text.tflite", 5, "model.format"),
        ("half.tflite", 5, "model.damaged"),
        ("half.onnx", 5, "model.damaged"),
        ("empty.onnx", 5, "model.format"),
        ("marked.tflite", 5, "model.damaged"),
    ],
)
def test_a_file_that_is_none_is_one_clear_error(name: str, status: int, code: str, desk: Path, run_edgekit: Run) -> None:
    for text in ("text.onnx", "text.tflite"):
        (desk / text).write_text("this is no model")
    for half in ("tflite", "onnx"):
        (desk / f"half.{half}").write_bytes((desk / f"foreign.{half}").read_bytes()[:100])
    (desk / "empty.onnx").touch()
    (desk / "marked.tflite").write_bytes(b"\x08\0\0\0TFL3" + b"\xff" * 500)
    done = run_edgekit("inspect", name, cwd=desk)
    assert (done.returncode, f"[{code}]" in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_weights_in_a_second_file_are_named_and_its_absence_is_said(desk: Path, run_edgekit: Run) -> None:
    import onnx

    onnx.save(onnx.load(desk / "foreign.onnx"), desk / "split.onnx", save_as_external_data=True, location="split.data", size_threshold=0)
    found = run_edgekit("inspect", "split.onnx", "--json", cwd=desk).json()["data"]
    assert found["outside"]["metadata"]["weights in"] == "split.data"
    (desk / "split.data").unlink()
    done = run_edgekit("inspect", "split.onnx", cwd=desk)
    assert done.returncode == 5
    assert "[model.external_data]" in done.stderr


def test_names_in_a_file_cannot_drive_the_terminal(desk: Path, run_edgekit: Run) -> None:
    model = load(desk / "foreign.tflite")
    model.description = "\x1b[31mred\x1b]0;title\x07"
    pack(model, desk / "rude.tflite")
    done = run_edgekit("inspect", "rude.tflite", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mred" in done.stdout


@pytest.mark.slow
def test_an_ort_file_is_looked_into_as_well(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "foreign.onnx", "-r", "fp32", "--to", "ort", "--min-sqnr", "fp32=60", cwd=desk)
    assert done.returncode == 0, done.stderr
    shutil.copy(desk / "artifacts" / "foreign.fp32.ort", desk / "alone.ort")
    found = run_edgekit("inspect", "alone.ort", "--json", cwd=desk)
    assert found.returncode == 0, found.stderr
    data = json.loads(found.stdout)["data"]
    assert (data["format"], data["outside"]["inputs"][0]["name"]) == ("ort", "x")
    assert data["contents"]["operators"]


def test_a_source_model_is_answered_with_the_command_that_converts_it(desk: Path, run_edgekit: Run) -> None:
    (desk / "my model.keras").write_bytes(b"PK\x03\x04")
    (desk / "saved").mkdir()
    (desk / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    for name, command in (("my model.keras", "edgekit convert 'my model.keras'"), ("saved", "edgekit convert saved")):
        done = run_edgekit("inspect", name, cwd=desk)
        assert (done.returncode, f"{command}\n" in done.stderr) == (5, True), done.stderr
