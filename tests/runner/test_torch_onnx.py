"""The torch engine computes what ONNX Runtime computes, operator by operator, or says which operator it does not know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

from onnx import TensorProto, helper, numpy_helper, save, shape_inference

from edgekit.runner import engines
from edgekit.runner.engines.inputs import prepare
from edgekit.runner.engines.torch_ops import OPERATORS
from edgekit.runner.wire import Refusal
from tests.runner import tiny

RANDOM = np.random.default_rng(7)
IMAGE = (1, 4, 7, 6)
ROW = (1, 6)


def weights(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def written(
    path: Path, nodes: list[Any], shape: tuple[int, ...], constants: dict[str, Any], batch: int | str = "n", opset: int = 17
) -> str:
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    output = model.graph.output[0].type.tensor_type
    output.shape.CopyFrom(shape_inference.infer_shapes(model, data_prop=True).graph.output[0].type.tensor_type.shape)
    save(model, path)
    return str(path)


def both(path: str, samples: str, batch: int = 1) -> tuple[Any, Any]:
    """Return what torch and ONNX Runtime compute for the first input."""
    results = []
    for name in ("torch_onnx", "onnxruntime"):
        engine = engines.load(path, name, 1, batch)
        inputs, _ = prepare(engine, samples, batch)
        results.append(engine.infer(inputs[0])[0])
    return results[0], results[1]


CASES: dict[str, tuple[tuple[int, ...], dict[str, Any], list[tuple[str, dict[str, Any], list[str]]]]] = {
    "Conv": (IMAGE, {"w": weights(3, 4, 3, 3), "b": weights(3)}, [("Conv", {"pads": [1, 1, 1, 1]}, ["x", "w", "b"])]),
    "Conv strided, uneven": (IMAGE, {"w": weights(3, 4, 3, 3)}, [("Conv", {"pads": [0, 1, 1, 2], "strides": [2, 2]}, ["x", "w"])]),
    "Conv depthwise, dilated": (IMAGE, {"w": weights(4, 1, 2, 2)}, [("Conv", {"group": 4, "dilations": [2, 1]}, ["x", "w"])]),
    "Conv same upper": (IMAGE, {"w": weights(3, 4, 3, 3)}, [("Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, ["x", "w"])]),
    "Conv same lower": (IMAGE, {"w": weights(3, 4, 2, 2)}, [("Conv", {"auto_pad": "SAME_LOWER"}, ["x", "w"])]),
    "Conv 1d": ((1, 4, 9), {"w": weights(3, 4, 3)}, [("Conv", {"pads": [1, 1]}, ["x", "w"])]),
    "MaxPool": (IMAGE, {}, [("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}, ["x"])]),
    "AveragePool": (IMAGE, {}, [("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 1, 1, 1]}, ["x"])]),
    "AveragePool counting": (
        IMAGE,
        {},
        [("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 0, 0, 1], "count_include_pad": 1}, ["x"])],
    ),
    "GlobalAveragePool": (IMAGE, {}, [("GlobalAveragePool", {}, ["x"])]),
    "ReduceMean": (IMAGE, {}, [("ReduceMean", {"axes": [2, 3], "keepdims": 0}, ["x"])]),
    "ReduceMean all": (IMAGE, {}, [("ReduceMean", {}, ["x"])]),
    "Relu, Sigmoid": (ROW, {}, [("Relu", {}, ["x"]), ("Sigmoid", {}, ["0"])]),
    "HardSigmoid": (ROW, {}, [("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}, ["x"])]),
    "HardSwish": (ROW, {}, [("HardSwish", {}, ["x"])]),
    "Clip": (ROW, {"l": np.float32(-0.5), "h": np.float32(0.5)}, [("Clip", {}, ["x", "l", "h"])]),
    "Clip one side": (ROW, {"h": np.float32(0.5)}, [("Clip", {}, ["x", "", "h"])]),
    "arithmetic": (
        IMAGE,
        {"a": weights(4, 1, 1), "s": np.array([2.5], np.float32), "t": np.float32(0.3)},
        [("Add", {}, ["x", "a"]), ("Mul", {}, ["0", "s"]), ("Sub", {}, ["t", "1"]), ("Div", {}, ["2", "s"])],
    ),
    "MatMul": (ROW, {"w": weights(6, 5)}, [("MatMul", {}, ["x", "w"])]),
    "Gemm": (ROW, {"w": weights(5, 6), "b": weights(5)}, [("Gemm", {"transB": 1, "alpha": 0.5, "beta": 2.0}, ["x", "w", "b"])]),
    "Reshape, Transpose": (
        IMAGE,
        {"s": ints(0, -1, 6)},
        [("Transpose", {"perm": [0, 2, 3, 1]}, ["x"]), ("Transpose", {"perm": [0, 3, 1, 2]}, ["0"]), ("Reshape", {}, ["1", "s"])],
    ),
    "Pad": (IMAGE, {"p": ints(0, 0, 1, 2, 0, 0, 0, 3), "v": np.float32(9)}, [("Pad", {}, ["x", "p", "v"])]),
    "Squeeze, Unsqueeze": (IMAGE, {"a": ints(0, -1)}, [("Unsqueeze", {}, ["x", "a"]), ("Squeeze", {}, ["0", "a"])]),
    "Flatten": (IMAGE, {}, [("Flatten", {"axis": 2}, ["x"])]),
    "Flatten, Softmax": (IMAGE, {}, [("Flatten", {}, ["x"]), ("Softmax", {}, ["0"])]),
    "Concat, Identity": (ROW, {"w": weights(1, 2)}, [("Identity", {}, ["x"]), ("Concat", {"axis": -1}, ["0", "x", "w"])]),
    "BatchNormalization": (
        IMAGE,
        {"s": weights(4), "b": weights(4), "m": weights(4), "v": abs(weights(4))},
        [("BatchNormalization", {"epsilon": 1e-3}, ["x", "s", "b", "m", "v"])],
    ),
    "Constant": (
        ROW,
        {},
        [
            ("Constant", {"value": numpy_helper.from_array(weights(1, 6))}, []),
            ("Constant", {"value_float": 1.5}, []),
            ("Add", {}, ["x", "0"]),
            ("Mul", {}, ["2", "1"]),
        ],
    ),
    "shape arithmetic": (
        IMAGE,
        {"one": ints(1), "zero": np.int64(0), "minus": ints(-1), "axes": ints(0), "two": ints(2), "three": ints(3)},
        [
            ("Shape", {}, ["x"]),
            ("Gather", {}, ["0", "zero"]),
            ("Unsqueeze", {}, ["1", "axes"]),
            ("Slice", {}, ["0", "two", "three", "axes", "one"]),
            ("Cast", {"to": TensorProto.INT64}, ["3"]),
            ("Concat", {"axis": 0}, ["2", "4", "minus"]),
            ("Reshape", {}, ["x", "5"]),
        ],
    ),
    "Gather one, Slice": (
        IMAGE,
        {"i": np.int64(2), "s": ints(1, 0), "e": ints(2**31, -1), "a": ints(1, -1), "st": ints(2, 1)},
        [("Gather", {"axis": 1}, ["x", "i"]), ("Slice", {}, ["0", "s", "e", "a", "st"])],
    ),
    "Cast": (ROW, {}, [("Cast", {"to": TensorProto.DOUBLE}, ["x"]), ("Cast", {"to": TensorProto.FLOAT}, ["0"])]),
}


def nodes_of(steps: list[tuple[str, dict[str, Any], list[str]]]) -> list[Any]:
    last = len(steps) - 1
    return [
        helper.make_node(kind, sources, ["y" if place == last else str(place)], **attributes)
        for place, (kind, attributes, sources) in enumerate(steps)
    ]


@pytest.mark.parametrize("case", CASES)
def test_an_operator_means_what_onnxruntime_makes_of_it(tmp_path: Path, case: str) -> None:
    shape, constants, steps = CASES[case]
    opset = 14 if case == "ReduceMean all" else 17
    path = written(tmp_path / "case.onnx", nodes_of(steps), shape, constants, batch=1, opset=opset)
    ours, theirs = both(path, str(tiny.samples(tmp_path / "x.npz", 2 * weights(*shape))))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_every_operator_is_compared() -> None:
    compared = {kind for _, _, steps in CASES.values() for kind, _, _ in steps}
    assert compared == set(OPERATORS)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_small_network_agrees_for_any_batch(tmp_path: Path, batch: int) -> None:
    steps: list[tuple[str, dict[str, Any], list[str]]] = [
        ("Transpose", {"perm": [0, 3, 1, 2]}, ["x"]),
        ("Conv", {"pads": [1, 1, 1, 1]}, ["0", "w1", "b1"]),
        ("Relu", {}, ["1"]),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, ["2"]),
        ("Conv", {"group": 8, "pads": [0, 0, 1, 1]}, ["3", "w2"]),
        ("Clip", {}, ["4", "low", "high"]),
        ("GlobalAveragePool", {}, ["5"]),
        ("Reshape", {}, ["6", "flat"]),
        ("Gemm", {}, ["7", "w3", "b3"]),
        ("Softmax", {}, ["8"]),
    ]
    constants = {"w1": weights(8, 1, 3, 3), "b1": weights(8), "w2": weights(8, 1, 2, 2), "low": np.float32(0), "high": np.float32(6)}
    constants |= {"flat": ints(-1, 8), "w3": 3 * weights(8, 10), "b3": weights(10)}
    path = written(tmp_path / "net.onnx", nodes_of(steps), (1, 8, 8, 1), constants)
    ours, theirs = both(path, str(tiny.samples(tmp_path / "x.npz", weights(5, 8, 8, 1))), batch)
    assert ours.shape == (batch, 10)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_loop_computes_each_input_anew(tmp_path: Path) -> None:
    engine = engines.load(str(tiny.onnx(tmp_path / "m.onnx")), "torch_onnx", 1, 1)
    inputs, _ = prepare(engine, str(tiny.samples(tmp_path / "x.npz", [[1, 2, 3, 4], [0, 0, 0, 0]])), 1)
    assert [engine.infer(x)[0].tolist() for x in [*inputs, inputs[0]]] == [[[3, 5, 7, 9]], [[1, 1, 1, 1]], [[3, 5, 7, 9]]]
    assert engine.describe()["delegate"] == "eager"


@pytest.mark.parametrize(
    ("steps", "opset", "code", "named"),
    [
        ([("Erf", {}, ["x"]), ("Tanh", {}, ["0"])], 17, "model.unsupported", "Erf, Tanh"),
        ([("Pad", {"mode": "reflect"}, ["x", "p"])], 17, "model.unsupported", "reflect"),
        ([("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": 1}, ["x"])], 17, "model.unsupported", "ceil_mode"),
        ([("Relu", {}, ["x"])], 11, "model.unsupported", "opset 11"),
        ([("MatMul", {}, ["x", "p"])], 17, "model.refused", "torch cannot run"),
    ],
)
def test_what_it_cannot_do_it_names(tmp_path: Path, steps: Any, opset: int, code: str, named: str) -> None:
    path = written(tmp_path / "case.onnx", nodes_of(steps), IMAGE, {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)}, opset=opset)
    with pytest.raises(Refusal) as caught:
        engines.load(path, "torch_onnx", 1, 1)
    assert caught.value.error["code"] == code
    assert named in caught.value.error["what"] + caught.value.error["why"]


def test_a_quantized_graph_is_refused_by_the_name_of_its_operators(tmp_path: Path) -> None:
    constants = {"s": np.float32(0.1), "z": np.int8(0)}
    nodes = nodes_of([("QuantizeLinear", {}, ["x", "s", "z"]), ("DequantizeLinear", {}, ["0", "s", "z"])])
    with pytest.raises(Refusal) as caught:
        engines.load(written(tmp_path / "case.onnx", nodes, ROW, constants), "torch_onnx", 1, 1)
    assert caught.value.error["operators"] == ["DequantizeLinear", "QuantizeLinear"]


def test_without_a_gpu_cuda_is_refused(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(Refusal) as caught:
        engines.load(str(tiny.onnx(tmp_path / "m.onnx")), "torch_onnx-cuda", 1, 1)
    assert caught.value.error["code"] == "engine.no_cuda"
    assert re.search(r"torch \d", caught.value.error["why"])


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(Refusal) as caught:
        engines.load(str(path), "torch_onnx", 1, 1)
    assert caught.value.error["code"] == "model.refused"
