"""Write small ONNX models from lists of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Ports = Mapping[str, Sequence[int | str]]


def model(
    nodes: Sequence[Any],
    inputs: Ports,
    outputs: Ports,
    weights: Mapping[str, Any] | None = None,
    *,
    dtypes: Mapping[str, int] | None = None,
    opset: int = 17,
    ir: int = 8,
    domains: Sequence[str] = (),
) -> Any:
    kinds = dtypes or {}
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), list(shape)) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()],
    )
    sets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=sets, ir_version=ir)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def node(kind: str, inputs: str, outputs: str, **settings: Any) -> Any:
    """Return a node; its inputs and outputs are words."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **settings)


def dense(*, batch: int | str = "N", width: int = 4, second: str = "Tanh", order: str = "zy", **settings: Any) -> Any:
    """Return z = relu(x w), y = tanh(x w): two outputs in an order that is not that of the alphabet."""
    nodes = [node("MatMul", "x w", "m"), node("Relu", "m", "z"), node(second, "m", "y")]
    return model(nodes, {"x": [batch, 8]}, {name: [batch, width] for name in order}, {"w": numbers(8, width)}, **settings)


def saved(proto: Any, path: Path) -> Path:
    onnx.save(proto, path)
    return path


def split(folder: Path, location: str = "m.onnx.data", *, write: bool = True) -> Path:
    """Write a model whose weight is in a second file; `location` is what the model says of it."""
    proto = dense()
    tensor = proto.graph.initializer[0]
    content = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(content)))):
        tensor.external_data.add(key=key, value=value)
    if write:
        (folder / "m.onnx.data").write_bytes(content)
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    return folder / "m.onnx"
