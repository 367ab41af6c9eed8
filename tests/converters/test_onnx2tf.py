"""ONNX to TFLite by onnx2tf: with a stand-in for what can go wrong, with the real one where its environment is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import EdgekitError, ModelError, SetupError
from tests.conftest import Completed
from tests.processes import python_program
from tests.tools import TOOLS, tool

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")
pytest.importorskip("ai_edge_litert", reason="the tflite extra is not installed")

from edgekit.converters.onnx2tf import to_tflite  # noqa: E402
from tests.converters.onnx_models import dense, model, node, numbers, saved  # noqa: E402
from tests.converters.tflite_models import relu  # noqa: E402


@dataclass(frozen=True)
class Stand:
    """Stand in for an environment: its onnx2tf is a script."""

    bin: Path

    @property
    def python(self) -> Path:
        return self.bin / "python"


def stand_in(folder: Path, script: str) -> Stand:
    """Return an environment whose onnx2tf runs `script`, with `given` holding its arguments."""
    folder.mkdir()
    python_program(folder / "onnx2tf", f"import os, sys, time\nfrom pathlib import Path\ngiven = sys.argv[1:]\n{script}\n")
    return Stand(folder)


def wrote(model_file: Path) -> str:
    """Return a script that leaves `model_file` as the result, and droppings beside it as the real one does."""
    return (
        "made = Path(given[given.index('-o') + 1]); made.mkdir()\n"
        f"(made / 'model_float32.tflite').write_bytes(Path({str(model_file)!r}).read_bytes())\n"
        "(made / 'schema.fbs').write_text('dropping'); Path('schema_generated.py').write_text('dropping')"
    )


def convert(folder: Path, script: str, *, time_s: float | None = None) -> Path:
    given = folder / "given.onnx"
    given.write_bytes(b"an onnx model")
    to_tflite(given, folder / "hub.tflite", {"x": [4]}, place=stand_in(folder / "bin", script), time_s=time_s)
    return folder / "hub.tflite"


def refusal(folder: Path, script: str, **more: Any) -> EdgekitError:
    with pytest.raises(EdgekitError) as caught:
        convert(folder, script, **more)
    assert caught.value.do
    assert not (folder / "hub.tflite").exists()
    return caught.value


def test_its_result_is_taken_and_its_droppings_are_not(tmp_path: Path) -> None:
    made = relu(tmp_path / "made.tflite")
    assert convert(tmp_path, wrote(made)).read_bytes() == made.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "given.onnx", "hub.tflite", "made.tflite"]


def test_it_is_told_to_keep_every_input_as_it_is_and_finds_its_own_tools_first(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"Path({str(told)!r}).write_text(' '.join(given) + ' ' + os.environ['PATH'])\n"
    convert(tmp_path, script + wrote(relu(tmp_path / "made.tflite")))
    said = told.read_text()
    assert "-kat x" in said
    assert said.split()[-1].startswith(f"{tmp_path / 'bin'}:")
    assert "-oiqt" not in said


def test_an_input_whose_axes_were_moved_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, wrote(relu(tmp_path / "made.tflite", shape=(4, 1))))
    assert (error.code, error.why) == ("convert.onnx2tf", "input x [1, 4] became [4, 1]")


def test_an_input_that_was_lost_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, wrote(relu(tmp_path / "made.tflite", name="other"))).why == "it lost the input x"


def test_a_crash_is_told_with_its_last_error(tmp_path: Path) -> None:
    error = refusal(tmp_path, "print('10%|#  |\\r20%'); print('ValueError: no such layer', file=sys.stderr); print('bye'); sys.exit(3)")
    assert error.why == "it ended with status 3: ValueError: no such layer"
    assert isinstance(error, ModelError)


def test_a_signal_is_named(tmp_path: Path) -> None:
    assert "signal 11" in refusal(tmp_path, "os.kill(os.getpid(), 11)").why


def test_an_end_without_a_result_is_no_success(tmp_path: Path) -> None:
    assert "wrote no model_float32.tflite" in refusal(tmp_path, "pass").why


def test_a_result_that_is_no_tflite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made.tflite").write_bytes(b"\0\0\0\0TFL3 and then nothing")
    assert "LiteRT cannot open what it wrote" in refusal(tmp_path, wrote(tmp_path / "made.tflite")).why


def test_it_is_ended_at_the_limit(tmp_path: Path) -> None:
    error = refusal(tmp_path, "time.sleep(60)", time_s=0.5)
    assert (error.code, error.why) == ("convert.limit", "it was ended after 0.5 s")


def test_a_version_that_asks_the_network_is_told_apart(tmp_path: Path) -> None:
    words = "requests.exceptions.ConnectionError: ... calibration_image_sample_data_20x128x128x3_float32.npy"
    error = refusal(tmp_path, f"print({words!r}, file=sys.stderr); sys.exit(1)")
    assert isinstance(error, SetupError)
    assert "without a network" in error.why


def test_an_environment_without_its_command_is_to_be_made_anew(tmp_path: Path) -> None:
    given = saved(dense(), tmp_path / "given.onnx")
    with pytest.raises(SetupError) as caught:
        to_tflite(given, tmp_path / "hub.tflite", {"x": [8]}, place=Stand(tmp_path / "gone"))
    assert caught.value.do[0][1] == "edgekit env create onnx2tf"


def test_without_the_environment_the_command_that_makes_it_is_told_at_once(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    saved(dense(), tmp_path / "m.onnx")
    done = run_edgekit("convert", "m.onnx", "--to", "tflite", env={"EDGEKIT_DATA": str(tmp_path / "none")})
    assert done.returncode == 6
    assert "edgekit env create onnx2tf" in done.stderr
    assert "edgekit convert m.onnx --to onnx" in done.stderr
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the Python that edgekit runs on would do")
def test_without_a_python_that_fits_this_is_said(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    saved(dense(), tmp_path / "m.onnx")
    done = run_edgekit("convert", "m.onnx", "--to", "tflite", env={"EDGEKIT_DATA": str(tmp_path / "none"), "PATH": str(tmp_path)})
    assert done.returncode == 6
    assert "no Python 3.12 to 3.13 was found on this machine" in done.stderr


def images() -> Any:
    """Return a model with an NHWC image, one whose axes cannot be told apart, rows, and outputs against the alphabet.

    Of its outputs one comes right out of a convolution: onnx2tf would put its channels last.
    """
    inputs: dict[str, Any] = {"image": ["N", 12, 10, 3], "cube": ["N", 8, 8, 8], "rows": ["N", 6, 8]}
    nodes = [
        node("Transpose", "image", "nchw", perm=[0, 3, 1, 2]),
        node("Conv", "nchw k", "c"),
        node("ReduceMean", "c", "pooled", axes=[2, 3], keepdims=0),
        node("MatMul", "pooled w", "z"),
        node("MatMul", "rows v", "y"),
        node("Conv", "cube k2", "x"),
    ]
    weights = {"k": numbers(4, 3, 3, 3), "w": numbers(4, 5, seed=1), "v": numbers(8, 4, seed=2), "k2": numbers(2, 8, 3, 3, seed=3)}
    return model(nodes, inputs, {"z": ["N", 5], "y": ["N", 6, 4], "x": ["N", 2, 6, 6]}, weights)


@pytest.mark.slow
def test_the_real_one_keeps_layouts_and_outputs_and_its_result_can_be_quantized(
    tmp_path: Path, run_edgekit: Callable[..., Completed]
) -> None:
    tool("onnx2tf")
    saved(images(), tmp_path / "m.onnx")
    shapes = {"image": (12, 10, 3), "cube": (8, 8, 8), "rows": (6, 8)}
    np.savez(tmp_path / "calib.npz", **{name: numbers(50, *shape, seed=4) for name, shape in shapes.items()})
    options = ("--to", "tflite", "--calib", "calib.npz", "-r", "fp32", "-r", "int8")
    done = run_edgekit("--json", "convert", "m.onnx", *options, env={"EDGEKIT_DATA": str(TOOLS.absolute())})
    assert done.returncode == 0, done.stderr
    full, small = (row["artifact"] for row in done.json()["data"]["rows"])
    assert {port["name"]: tuple(port["shape"][1:]) for port in full["inputs"]} == shapes
    assert full["tools"]["onnx2tf"].startswith("2.")
    assert full["verification"]["sqnr_db"] > 100
    assert small["verification"]["sqnr_db"] > 20  # a product that stayed BATCH_MATMUL would be all zeros
    kinds = {item["name"] for item in small["operators"]}
    assert "FULLY_CONNECTED" in kinds
    assert "BATCH_MATMUL" not in kinds
