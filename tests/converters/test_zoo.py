"""Convert one small network of each kind for real: each is proved against its source, or refused with the reason and a way out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edgekit.converters.settings import Settings
from edgekit.flows.convert import ConvertRequest, ConvertResult, ConvertRow
from tests.conftest import Completed
from tests.converters.one_process import convert_each

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("zoo")]

Run = Callable[..., Completed]
TORCH = find_spec("litert_torch") is not None
FLOAT = {"fp32.tflite": "verified", "fp32.onnx": "verified"}
ALL = FLOAT | dict.fromkeys(("dynamic.tflite", "int8.tflite", "dynamic.onnx", "int8.onnx"), "verified")
LOOPS = ALL | dict.fromkeys(("int8.tflite", "int8.onnx"), "recipe.recurrent")
NOTHING = dict.fromkeys(ALL, "model.operator")
WITHOUT_TORCH = {} if TORCH else dict.fromkeys((key for key in ALL if key.endswith("onnx")), "model.operator")

EXPECTED: Mapping[str, Mapping[str, str]] = {
    "lstm_free": LOOPS,
    "gru_free": LOOPS,
    "lstm": LOOPS,
    "gru": LOOPS,
    "bilstm": LOOPS,
    "lstm_time": LOOPS,
    "lstm_unrolled": ALL,
    "attention": ALL,
    "causal_gelu": ALL | WITHOUT_TORCH,
    "resizing": ALL,
    "transposed": ALL | {"dynamic.onnx": "failed"},  # ONNX Runtime leaves transposed convolutions in float
    "embedding": ALL,
    "grouped": ALL | WITHOUT_TORCH,
    "named": ALL,
    "erfinv": NOTHING,
    "named_saved": ALL,
    "lstm_saved": LOOPS,
    "mlp": ALL,
    "conv1d": ALL,
    "two": ALL,
    "sigmoid": ALL,
    "regression": ALL,
}
LABELLED = ("mlp", "conv1d", "two", "sigmoid", "regression")
DATA = {"named_saved": "named", "named_again": "named", "lstm_saved": "lstm_free"}


@pytest.fixture(scope="session")
def converted(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ConvertResult]:
    """Return what became of each network of the zoo."""
    out = tmp_path_factory.mktemp("converted")
    return convert_each({name: request(name, zoo, out) for name in (*EXPECTED, "named_again")})


def request(name: str, zoo: Path, out: Path) -> ConvertRequest:
    folder = zoo / name
    data = zoo / f"{DATA.get(name, name)}.npz"
    return ConvertRequest(
        model=folder if folder.is_dir() else zoo / f"{name}.keras",
        out=out / name,
        recipes=("fp32",) if name == "named_again" else ("fp32", "dynamic", "int8"),
        formats=("tflite",) if name == "named_again" else ("tflite", "onnx"),
        calibration=data,
        evaluation=data if name in LABELLED else None,
        settings=Settings(allow_unsafe=name == "erfinv"),
    )


def by_key(result: ConvertResult) -> dict[str, ConvertRow]:
    return {f"{row.recipe}.{row.format}": row for row in result.rows}


def became(row: ConvertRow) -> str:
    return row.artifact.status if row.artifact else row.failure.code if row.failure else ""


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_converts_or_is_refused(name: str, converted: dict[str, ConvertResult]) -> None:
    found = by_key(converted[name])
    assert {key: became(row) for key, row in found.items()} == EXPECTED[name]
    for key, row in found.items():
        if row.failure:
            assert row.failure.do, key
        if row.artifact and row.artifact.verification and row.artifact.verification.sqnr_db is not None:
            assert row.artifact.verification.sqnr_db > {"fp32": 100, "dynamic": 30, "int8": 20}[row.recipe], key


@pytest.mark.parametrize("name", [name for name, keys in EXPECTED.items() if keys == LOOPS])
def test_a_loop_has_no_static_int8_and_dynamic_is_offered(name: str, converted: dict[str, ConvertResult]) -> None:
    for key in ("int8.tflite", "int8.onnx"):
        failure = by_key(converted[name])[key].failure
        assert failure is not None
        assert "static int8 unavailable for this graph" in failure.what
        advised = shlex.split(failure.do[0][1])
        assert advised[:2] == ["edgekit", "convert"]
        assert advised[-4:] == ["--to", key.partition(".")[2], "-r", "dynamic"]


@pytest.mark.parametrize("name", ["lstm_free", "gru_free", "lstm_saved"])
def test_a_free_batch_is_one_in_tflite_and_stays_free_in_onnx(name: str, converted: dict[str, ConvertResult]) -> None:
    shapes = {key: row.artifact.inputs[0].shape for key, row in by_key(converted[name]).items() if row.artifact}
    assert shapes["fp32.tflite"] == (1, 10, 4)
    assert shapes["fp32.onnx"] == (-1, 10, 4)


def test_a_free_length_is_that_of_the_data_in_tflite_and_said(converted: dict[str, ConvertResult]) -> None:
    found = by_key(converted["lstm_time"])
    shapes = {key: row.artifact.inputs[0].shape for key, row in found.items() if row.artifact}
    assert shapes["fp32.tflite"] == (1, 10, 4)
    assert shapes["fp32.onnx"] == (-1, -1, 4)
    told = {key: [note.code for note in row.artifact.notes] for key, row in found.items() if row.artifact}
    assert "shape.fixed" in told["fp32.tflite"]
    assert "shape.fixed" not in told["fp32.onnx"]
    assert "shape.fixed" in [note.code for note in converted["lstm_time"].notes]


@pytest.mark.parametrize("name", ["named", "named_saved"])
def test_several_inputs_and_outputs_keep_their_names(name: str, converted: dict[str, ConvertResult]) -> None:
    for row in converted[name].rows:
        assert row.artifact is not None
        assert sorted((port.name, port.shape[1:]) for port in row.artifact.inputs) == [("left", (8,)), ("right", (4,))]
        assert [(port.name, port.shape[1:]) for port in row.artifact.outputs] == [("level", (1,)), ("scores", (3,))]


def test_whole_numbers_go_in_as_they_are(converted: dict[str, ConvertResult]) -> None:
    for row in converted["embedding"].rows:
        assert row.artifact is not None
        assert [port.dtype for port in row.artifact.inputs] == ["int32"]


@pytest.mark.skipif(not TORCH, reason="the torch extra is not installed")
@pytest.mark.parametrize(
    ("name", "operator", "layer"), [("causal_gelu", "Erfc", "conv1d"), ("grouped", "StatefulPartitionedCall", "conv2d")]
)
def test_what_tf2onnx_breaks_is_exported_by_keras_on_pytorch_and_said(
    name: str, operator: str, layer: str, converted: dict[str, ConvertResult]
) -> None:
    note = next(note for note in converted[name].notes if note.code == "convert.detour")
    assert note.text.startswith("float ONNX was exported by Keras on PyTorch: ")
    assert f"{operator} in layer {layer}" in note.text
    artifacts = {key: row.artifact for key, row in by_key(converted[name]).items() if row.artifact}
    assert "torch" in artifacts["int8.onnx"].tools
    assert "tf2onnx" not in artifacts["int8.onnx"].tools
    assert note in artifacts["fp32.onnx"].notes
    assert "torch" not in artifacts["fp32.tflite"].tools
    assert note not in artifacts["fp32.tflite"].notes
    assert "tf2onnx" in next(row.artifact.tools for row in converted["mlp"].rows if row.artifact and row.format == "onnx")


def test_an_operator_that_no_format_has_is_named_with_its_layer(converted: dict[str, ConvertResult]) -> None:
    for row in converted["erfinv"].rows:
        assert row.failure is not None
        assert row.failure.what.endswith("has no counterpart for Erfinv in layer inverse")
        assert not any("--to" in command for _, command in row.failure.do), "the other format has it no more than this one"
    if TORCH:
        assert "Keras on PyTorch failed as well" in converted["erfinv"].rows[0].failure.why  # type: ignore[union-attr]


def test_an_exported_folder_has_one_family_however_often_it_is_exported(converted: dict[str, ConvertResult]) -> None:
    assert converted["named_saved"].source.format == "saved_model"
    assert converted["named_saved"].source.family == converted["named_again"].source.family
    assert converted["named_saved"].source.weights_sha256 == converted["named_again"].source.weights_sha256
    assert converted["named_saved"].source.parameters == converted["named"].source.parameters
    assert converted["lstm_saved"].source.family != converted["named_saved"].source.family


@pytest.mark.parametrize("name", ["mlp", "conv1d", "sigmoid"])
def test_a_classifier_agrees_with_its_source_as_often_as_it_is_right(name: str, converted: dict[str, ConvertResult]) -> None:
    for row in converted[name].rows:
        assert row.artifact is not None
        proof: Any = row.artifact.verification
        assert proof.source_accuracy.value == 1.0
        assert proof.accuracy.value == pytest.approx(1.0, abs=0.15)
        assert proof.top1_agreement == proof.accuracy.value


def test_a_regression_is_proved_and_has_no_accuracy(converted: dict[str, ConvertResult]) -> None:
    for row in converted["regression"].rows:
        assert row.artifact is not None
        proof: Any = row.artifact.verification
        assert "not a classification" in proof.accuracy.reason
        assert proof.top1_agreement is None


def test_a_network_of_two_inputs_through_the_front_door(zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    done = run_edgekit("--json", "convert", zoo / "two.keras", "--calib", zoo / "two.npz", "--out", tmp_path, "-r", "fp32", timeout=300)
    assert done.returncode == 0, done.stderr
    assert [row["artifact"]["status"] for row in done.json()["data"]["rows"]] == ["verified", "verified"]


def test_code_in_a_model_is_refused_until_it_is_allowed(zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", zoo / "erfinv.keras", "--out", tmp_path / "out")
    assert done.returncode == 5
    assert "Lambda layer (inverse)" in done.stderr
    assert f"edgekit convert {zoo / 'erfinv.keras'} --out {tmp_path / 'out'} --allow-unsafe-model" in done.stderr


def test_without_pytorch_the_line_that_installs_it_is_told(zoo: Path, tmp_path: Path, run_edgekit: Run) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['litert_torch'] = None\n")  # as if it were not installed
    words = ("--json", "convert", zoo / "grouped.keras", "--to", "onnx", "-r", "fp32", "--out", tmp_path / "out")
    done = run_edgekit(*words, env={"PYTHONPATH": str(tmp_path)}, timeout=300)
    assert done.returncode == 5, done.stderr
    failure = done.json()["data"]["rows"][0]["failure"]
    assert failure["code"] == "model.operator"
    assert ["or let Keras on PyTorch try, which needs litert-torch:", 'pip install "edgekit[torch]" -c constraints.txt'] in failure["do"]


def test_files_that_keras_2_wrote_reach_onnx(shared_data: Path, tmp_path: Path) -> None:
    """Their way to TFLite is that of test_official.py."""
    folder = shared_data / "mlperf_tiny" / "models"
    if not folder.is_dir():
        pytest.skip("the shared data holds no published models")
    requests = {
        name: ConvertRequest(model=folder / name, out=tmp_path, recipes=("fp32",), formats=("onnx",))
        for name in ("ad01.h5", "pretrainedResnet.h5", "vww_96.h5")
    }
    found = {name: (became(result.rows[0]), result.source.parameters) for name, result in convert_each(requests).items()}
    assert found == {name: ("verified", count) for name, count in zip(requests, (269_992, 78_666, 221_794), strict=True)}
