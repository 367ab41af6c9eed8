"""Feed artifacts whose inputs and outputs are integers with real numbers, and read real numbers from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgekit.converters.runtimes.codes import Code, Feed
from edgekit.converters.runtimes.litert import LiteRtModel
from edgekit.converters.runtimes.ort import OrtModel
from tests.converters import onnx_network
from tests.converters.network import load, pack
from tests.runner import tiny


@given(st.lists(st.floats(-50, 50, width=32, allow_subnormal=False), min_size=1), st.floats(0.01, 2), st.integers(-128, 127))
def test_a_code_is_off_by_half_a_step_unless_it_is_clipped(values: list[float], scale: float, zero: int) -> None:
    code = Code(dtype="int8", scales=[scale], zero_points=[zero])
    coded, clipped = code.encode(np.float32(values))
    assert coded.dtype == np.int8
    low, high = (-128 - zero) * scale, (127 - zero) * scale
    off = np.abs(code.decode(coded) - np.clip(values, low, high))
    assert off.max() <= scale / 2 + 1e-3
    assert clipped >= sum(value < low - scale / 2 or value > high + scale / 2 for value in values)


def test_a_scale_per_channel_belongs_to_its_axis() -> None:
    code = Code(dtype="int16", scales=[1.0, 10.0], zero_points=[0, 5], axis=1)
    coded, clipped = code.encode(np.float32([[3.0, 30.0], [-2.0, -20.0]]))
    assert coded.tolist() == [[3, 8], [-2, 3]]
    assert code.decode(coded).tolist() == [[3.0, 30.0], [-2.0, -20.0]]
    assert clipped == 0


def test_a_tflite_of_integers_takes_and_gives_real_numbers(tmp_path: Path) -> None:
    model = LiteRtModel(tiny.tflite(tmp_path / "relu.tflite", quantized=True))  # no signature: tensors go by their own names
    assert [(port.name, port.dtype, port.scale, port.zero_point) for port in model.inputs] == [("x", "int8", tiny.SCALE, tiny.ZERO_POINT)]
    assert model.run({"x": np.float32([[-1.0, 0.25, 0.5, 7.0]])})[0].tolist() == [[0.0, 0.0, 0.5, 7.0]]
    assert model.notes == ()
    assert model.run({"x": np.float32([[1000.0, 0.0, 0.0, 0.0]])})[0][0, 0] == (127 - tiny.ZERO_POINT) * tiny.SCALE
    (note,) = model.notes
    assert (note.code, note.text.split(" of ")[0]) == ("io.clipped", "1")


def test_codes_that_are_given_as_codes_go_in_as_they_are(tmp_path: Path) -> None:
    model = LiteRtModel(tiny.tflite(tmp_path / "relu.tflite", quantized=True))
    assert model.run({"x": np.int8([[-5, 3, 4, 17]])})[0].tolist() == [[0.0, 0.0, 0.5, 7.0]]
    assert Feed({"x": None}).encode("x", np.float32([1.5])).tolist() == [1.5]


def test_outputs_that_are_whole_numbers_and_no_codes_stay(tmp_path: Path) -> None:
    file = load(tiny.tflite(tmp_path / "relu.tflite", quantized=True))
    for tensor in file.subgraphs[0].tensors:
        tensor.quantization.scale = tensor.quantization.zeroPoint = None
    with pytest.raises(ValueError, match="FLOAT32"):
        LiteRtModel(pack(file, tmp_path / "plain.tflite")).run({"x": np.float32([[1, 2, 3, 4]])})


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_an_onnx_of_integers_takes_and_gives_real_numbers(kind: str, tmp_path: Path) -> None:
    number = getattr(TensorProto, kind.upper())
    zero = np.array(3, kind)
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["f"]),
        helper.make_node("Relu", ["f"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "scale", "zero"], ["y"]),
    ]
    constants = {"scale": np.array(0.5, np.float32), "zero": zero}
    path = onnx_network.save(tmp_path / "m.onnx", nodes, constants, x=("n", 4), y=("n", 4), x_type=number, y_type=number)
    model = OrtModel(path)
    assert [(port.dtype, port.scale, port.zero_point) for port in (*model.inputs, *model.outputs)] == [(kind, 0.5, 3)] * 2
    assert model.run({"x": np.float32([[-1.0, 0.25, 0.5, 7.0]])})[0].tolist() == [[0.0, 0.0, 0.5, 7.0]]
    model.run({"x": np.float32([[1000.0, 0.0, 0.0, 0.0]])})
    assert model.notes[0].code == "io.clipped"
