"""Write into a .tflite which version of each operator it needs: the quantizer leaves the 1 of the float file.

A runtime older than the scheme would take the file and compute something else: tflite-runtime 2.14 made 4 dB of 38 dB of a dense layer
with dynamic int8 weights per channel, which it refuses when its version is said. The numbers are those of TensorFlow Lite's
tools/versioning/op_version.cc, for the operators whose weights or codes a quantizer changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple


class Kind(NamedTuple):
    """Hold the number formats of an operator's data and weights, and whether the weights have a scale for each channel."""

    data: str
    weights: str
    per_channel: bool


def stamp(model: Any, schema: Any) -> bool:
    """Raise the version of each operator to what its number formats need; tell whether one was too low."""
    formats = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    old = model.operatorCodes
    wanted: dict[tuple[Any, ...], int] = {}
    codes: list[Any] = []
    changed = False
    for graph in model.subgraphs:
        for op in graph.operators:
            code = old[op.opcodeIndex]
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            needed = _needed(names.get(builtin, ""), graph, op, formats)
            version = max(code.version, needed)
            changed |= version > code.version
            key = (builtin, version, code.customCode)
            if key not in wanted:
                wanted[key] = len(codes)
                codes.append(
                    schema.OperatorCodeT(
                        builtinCode=builtin, deprecatedBuiltinCode=min(builtin, 127), version=version, customCode=code.customCode
                    )
                )
            op.opcodeIndex = wanted[key]
    model.operatorCodes = codes
    return changed


def _needed(name: str, graph: Any, op: Any, formats: Mapping[int, str]) -> int:
    rule = _RULES.get(name)
    if rule is None:
        return 1
    data, weights = (graph.tensors[op.inputs[place]] for place in _PLACES.get(name, (0, 1)))
    scales = weights.quantization.scale if weights.quantization is not None else None
    return rule(Kind(formats[data.type], formats[weights.type], scales is not None and len(scales) > 1), op)


def _conv(kind: Kind, _: Any) -> int:
    return _layer(kind, hybrid=5 if kind.per_channel else 2, int8=3, int16=4)


def _depthwise(kind: Kind, _: Any) -> int:
    return _layer(kind, hybrid=6 if kind.per_channel else 4, int8=3, int16=5)


def _dense(kind: Kind, op: Any) -> int:
    asymmetric = 9 if getattr(op.builtinOptions, "asymmetricQuantizeInputs", False) else 3
    return _layer(kind, hybrid=12 if kind.per_channel else asymmetric, int8=4, int16=7, int4=10)


def _layer(kind: Kind, *, hybrid: int, int8: int, int16: int, int4: int = 7) -> int:
    if kind.weights not in ("INT8", "INT4"):
        return 1
    found = {"FLOAT32": hybrid, "INT8": int8, "INT16": int16}.get(kind.data, 1)
    return max(found, int4) if kind.weights == "INT4" else found


def _dequantize(kind: Kind, _: Any) -> int:
    return {"INT4": 6, "INT16": 3, "FLOAT16": 3, "INT8": 5 if kind.per_channel else 2}.get(kind.data, 1)


_RULES: Final[Mapping[str, Callable[[Kind, Any], int]]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "DEQUANTIZE": _dequantize,
}
_PLACES: Final = {"DEQUANTIZE": (0, 0)}
