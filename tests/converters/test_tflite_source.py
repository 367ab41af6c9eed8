"""TFLite as a source: one graph with one signature and a batch of one is made of whatever the file has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.core.errors import ModelError
from tests.conftest import Completed

np = pytest.importorskip("numpy")
pytest.importorskip("ai_edge_litert", reason="the tflite extra is not installed")

from edgekit.converters.runtimes.litert import LiteRtModel  # noqa: E402
from edgekit.converters.sources.tflite import TfliteSource  # noqa: E402
from tests.converters.tflite_models import relu  # noqa: E402

X = {"x": np.array([[-1, 2, -3, 4]], np.float32)}


def exported(source: TfliteSource, folder: Path, shape: tuple[int, ...] = (4,)) -> tuple[LiteRtModel, list[str]]:
    made = source.export("tflite", folder / "hub.tflite", {"x": shape})
    return LiteRtModel(folder / "hub.tflite"), [note.text for note in made.notes]


def test_a_plain_file_is_its_own_hub_byte_by_byte(tmp_path: Path) -> None:
    path = relu(tmp_path / "m.tflite")
    source = TfliteSource(path)
    _, notes = exported(source, tmp_path)
    assert (tmp_path / "hub.tflite").read_bytes() == path.read_bytes()
    assert notes == []
    assert source.run(X)[0].tolist() == [[0, 2, 0, 4]]
    assert [output["name"] for output in source.facts()["outputs"]] == ["y"]


def test_a_file_without_a_signature_gets_the_names_of_its_tensors(tmp_path: Path) -> None:
    source = TfliteSource(relu(tmp_path / "m.tflite", signatures=()))
    assert [port.name for port in source.ports] == ["x"]
    model, notes = exported(source, tmp_path)
    assert model.run(X)[0].tolist() == [[0, 2, 0, 4]]
    assert "no signature" in notes[0]


@pytest.mark.parametrize(("signatures", "expected"), [(("train", "serving_default"), [[1, -2, 3, -4]]), (("one", "other"), [[0, 2, 0, 4]])])
def test_of_several_signatures_one_is_kept_with_its_graph_alone(
    tmp_path: Path, signatures: tuple[str, ...], expected: list[list[float]]
) -> None:
    source = TfliteSource(relu(tmp_path / "m.tflite", signatures=signatures))
    model, notes = exported(source, tmp_path)
    assert model.run(X)[0].tolist() == expected
    assert source.run(X)[0].tolist() == expected
    dropped = next(key for key in signatures if key not in ("serving_default", "one"))
    assert f"not {dropped}" in notes[0]
    again = TfliteSource(tmp_path / "hub.tflite")
    assert exported(again, tmp_path / "..")[1] == []


def test_a_free_batch_is_fixed_to_one(tmp_path: Path) -> None:
    source = TfliteSource(relu(tmp_path / "m.tflite", free=(0,)))
    assert source.ports[0].shape == (None, 4)
    model, notes = exported(source, tmp_path)
    assert model.inputs[0].shape == (1, 4)
    assert "[1, 4]" in notes[0]
    assert TfliteSource(tmp_path / "hub.tflite").ports[0].shape == (1, 4)


def test_other_free_sizes_become_those_of_the_data(tmp_path: Path) -> None:
    source = TfliteSource(relu(tmp_path / "m.tflite", shape=(1, 1), free=(0, 1)))
    assert source.ports[0].shape == (None, None)
    assert source.run({"x": np.ones((3, 7), np.float32)})[0].shape == (3, 7)
    assert exported(source, tmp_path, (7,))[0].outputs[0].shape == (1, 7)


def test_fixed_and_free_sizes_are_one_family(tmp_path: Path) -> None:
    families = []
    for free in ((), (0,)):
        source = TfliteSource(relu(tmp_path / "m.tflite", free=free))
        source.run(X)
        families.append(source.facts()["family"])
    assert families[0] == families[1]


def test_constants_that_lie_behind_the_graph_belong_to_it(tmp_path: Path) -> None:
    """Large files are written so; here by the quantizer, which is told to keep every layer in float."""
    pytest.importorskip("ai_edge_quantizer", reason="the convert extra is not installed")
    from edgekit.converters.base import recipe_of
    from edgekit.converters.quantize.tflite import quantize
    from edgekit.converters.sources.tflite_file import TfliteFile
    from tests.converters.network import Network, load

    net = Network(1, 1024).dense(256)
    net.write(tmp_path / "within.tflite")
    quantize(tmp_path / "within.tflite", tmp_path / "behind.tflite", recipe_of("dynamic.tflite"), None, [".*"])
    assert any(buffer.offset for buffer in load(tmp_path / "behind.tflite").buffers)
    facts = []
    for name in ("within", "behind"):
        source = TfliteSource(tmp_path / f"{name}.tflite")
        source.run({"x": net.inputs(1)})
        facts.append(source.facts())
    assert facts[0] == facts[1]
    assert facts[0]["parameters"] == 1024 * 256 + 256
    (tmp_path / "again.tflite").write_bytes(TfliteFile(tmp_path / "behind.tflite").content())
    assert LiteRtModel(tmp_path / "again.tflite").outputs[0].shape == (1, 256)


def test_an_already_quantized_file_is_refused(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    relu(tmp_path / "m.tflite", quantized=True)
    done = run_edgekit("convert", "m.tflite", "-r", "fp32")
    assert (done.returncode, "is already quantized" in done.stderr) == (5, True)


def test_a_batch_fixed_to_four_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        TfliteSource(relu(tmp_path / "m.tflite", shape=(4, 4)))
    assert caught.value.code == "model.batch"


@pytest.mark.parametrize("kept", [8, 60, 200])
def test_a_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    whole = relu(tmp_path / "m.tflite").read_bytes()
    (tmp_path / "m.tflite").write_bytes(whole[:kept])
    with pytest.raises(ModelError) as caught:
        TfliteSource(tmp_path / "m.tflite")
    assert caught.value.code == "model.damaged"


def test_tflite_does_not_become_onnx(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    relu(tmp_path / "m.tflite")
    done = run_edgekit("convert", "m.tflite", "--to", "onnx")
    assert (done.returncode, "convert.route" in done.stderr) == (5, True)
    assert "convert from the Keras model instead" in done.stderr
