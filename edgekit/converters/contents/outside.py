"""Read what a model file says of its outside, without running it: inputs, outputs, who wrote it and what else it carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgekit.core.artifact import TensorSpec

_LONGEST: Final = 200  # characters of one remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Hold the inputs and outputs of a model, and its metadata by name."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_outside(path: Path, format: str) -> Outside:  # noqa: A002
    """Return the outside of a .tflite, .onnx or .ort; the last is opened in ONNX Runtime, which alone knows its format."""
    return {"tflite": _tflite, "onnx": _onnx, "ort": _ort}[format](path)


def _tflite(path: Path) -> Outside:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    kinds = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    graph = model.subgraphs[0]
    signature = next(iter(model.signatureDefs or ()), None)
    names = {int(end.tensorIndex): _text(end.name) for ends in _sides(signature) for end in ends}

    def spec(index: int) -> TensorSpec:
        tensor = graph.tensors[index]
        sizes = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
        scales = tensor.quantization
        coded = scales is not None and scales.scale is not None and len(scales.scale) == 1
        return TensorSpec(
            name=names.get(index, _text(tensor.name)),
            shape=tuple(int(size) for size in (() if sizes is None else sizes)),
            dtype=kinds[tensor.type],
            scale=float(scales.scale[0]) if coded else None,
            zero_point=int(scales.zeroPoint[0]) if coded and scales.zeroPoint is not None else None,
        )

    inputs, outputs = (tuple(spec(int(index)) for index in side) for side in (graph.inputs, graph.outputs))
    return Outside(inputs=inputs, outputs=outputs, metadata=dict(_tflite_metadata(model)))


def _sides(signature: Any) -> tuple[Any, ...]:
    return () if signature is None else (signature.inputs or (), signature.outputs or ())


def _tflite_metadata(model: Any) -> Iterator[tuple[str, str]]:
    if model.description:
        yield "description", _text(model.description)
    if len(model.subgraphs) > 1:
        yield "graphs", str(len(model.subgraphs))
    if model.signatureDefs:
        yield "signatures", ", ".join(_text(item.signatureKey) for item in model.signatureDefs)
    for item in model.metadata or ():
        data = bytes(model.buffers[item.buffer].data) if model.buffers[item.buffer].data is not None else b""
        words = data.rstrip(b"\0")
        shown = words.decode("ascii") if words and all(32 <= byte < 127 for byte in words) else f"{len(data)} bytes"
        yield _text(item.name), shown[:_LONGEST]


def _onnx(path: Path) -> Outside:
    import onnx

    model = onnx.load(path, load_external_data=False)
    constants = {tensor.name for tensor in model.graph.initializer}
    metadata = {"producer": f"{model.producer_name} {model.producer_version}".strip(), "domain": model.domain, "about": model.doc_string}
    metadata |= {item.key: item.value for item in model.metadata_props}
    stored = {item.value for tensor in model.graph.initializer for item in tensor.external_data if item.key == "location"}
    metadata |= {"weights in": ", ".join(sorted(stored))}
    return Outside(
        inputs=tuple(_onnx_spec(port) for port in model.graph.input if port.name not in constants),
        outputs=tuple(_onnx_spec(port) for port in model.graph.output),
        metadata={name: value[:_LONGEST] for name, value in metadata.items() if value},
    )


def _onnx_spec(port: Any) -> TensorSpec:
    import onnx

    kind = port.type.tensor_type
    dtype = onnx.TensorProto.DataType.Name(kind.elem_type).lower() if port.type.HasField("tensor_type") else port.type.WhichOneof("value")
    sizes = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
    return TensorSpec(name=port.name, shape=sizes, dtype={"float": "float32", "double": "float64"}.get(dtype, dtype or "unknown"))


def _ort(path: Path) -> Outside:
    from edgekit.converters.runtimes.ort import OrtModel

    model = OrtModel(path)
    return Outside(inputs=model.inputs, outputs=model.outputs)


def _text(name: Any) -> str:
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return text[:_LONGEST]
