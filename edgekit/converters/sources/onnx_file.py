"""Read a .onnx with the weights that it keeps in other files, which have to lie in its own folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.core.errors import ModelError
from edgekit.links.onnx_parts import weights_file


def read_onnx(path: Path) -> tuple[Any, bool]:
    """Return (the model with all its weights in it, whether some came from other files).

    Raises ModelError for what is no ONNX, for a file of weights that is missing or too short, and for one outside the model's folder.
    """
    import onnx

    try:
        proto = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf has an error class of its own in each of its implementations
        raise _damaged(path, "it is not a whole .onnx file") from error
    if not proto.graph.node and not proto.graph.output:
        raise _damaged(path, "it holds no graph")
    outside = [tensor for tensor in tensors(proto) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    folder = path.resolve().parent
    for tensor in outside:
        _take_in(tensor, folder, path)
    return proto, bool(outside)


def tensors(proto: Any) -> Iterator[Any]:
    """Yield every stored tensor: weights, constants in nodes, those in the bodies of loops and in functions."""
    graphs = [proto.graph, *(part for info in proto.training_info for part in (info.initialization, info.algorithm))]
    for graph in graphs:
        yield from _of_graph(graph)
    for function in proto.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        yield from ([attribute.t] if attribute.HasField("t") else [])
        yield from attribute.tensors
        for sparse in (*([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []), *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _of_graph(graph)


def _take_in(tensor: Any, folder: Path, path: Path) -> None:
    """Read a tensor's bytes out of the file it names."""
    stated = {entry.key: entry.value for entry in tensor.external_data}
    file = weights_file(stated.get("location", ""), folder, path)
    try:
        offset, length = int(stated.get("offset", 0)), int(stated["length"]) if "length" in stated else None
        size = file.stat().st_size
        if offset < 0 or offset > size or (length is not None and not 0 <= length <= size - offset):
            raise _damaged(path, f"{file.name} is {size} bytes long, and {tensor.name} would lie beyond its end")
        with file.open("rb") as opened:
            opened.seek(offset)
            tensor.raw_data = opened.read(size - offset if length is None else length)
    except (OSError, ValueError) as error:
        raise _damaged(path, f"{file.name} cannot be read: {error}") from error
    del tensor.external_data[:]
    tensor.ClearField("data_location")


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} is not a whole ONNX model",
        code="model.damaged",
        why=why,
        do=[("copy it again and compare the sizes:", f"ls -l {shlex.quote(str(path))}")],
    )
