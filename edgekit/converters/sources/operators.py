"""Say which operator of which layer an exporter could not translate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from edgekit.core.errors import ModelError

# (operator, place in the graph) in the words of TensorFlow's TFLite converter, of ONNX's checker and of ONNX Runtime
_TFLITE: Final = re.compile(
    r"loc\((?:callsite\()?(?:fused\[)?\"(?:\w+:\", \")?([^\"@]+)[^\n]*'tf\.(\w+)' op is neither a custom op nor a flex op"
)
_CHECKER: Final = re.compile(r"No Op registered for (\w+)[^\n]*(?:\n[^\n]*)*?Name: (\S+) OpType")
_RUNTIME: Final = re.compile(r"Node ?\(([^)]*)\) Op ?\((\w+)\)|(?:Fatal error: )?(?:\S+:)?(\w+)\(-?\d+\) is not a registered function/op")
_CALLS: Final = ("StatefulPartitionedCall", "PartitionedCall")  # what calls of functions are named when nobody names them
_BEGUN: Final = re.compile(r"(?:_\d+)?$")


@contextmanager
def explained(format: str, layers: Sequence[str], *more: tuple[str, str]) -> Iterator[None]:  # noqa: A002
    """Translate what exporters say about operators that `format` does not have into an error that names them and their layers.

    `more` is advice beside the usual.
    """
    try:
        yield
    except Exception as error:  # each library has classes of its own
        missing = missing_operators(str(error))
        if not missing:
            raise
        named = ", ".join(f"{operator}{_in_layer(place, layers)}" for operator, place in missing)
        raise ModelError(
            f"{format} has no counterpart for {named}",
            code="model.operator",
            why=f"the converter knows no {format} operator that does the same",
            do=[*_advice(format, [operator for operator, _ in missing]), *more],
            data={"log": str(error)[:2000]},
        ) from error


def missing_operators(text: str) -> list[tuple[str, str]]:
    """Return (operator, place in the graph) for each operator that a converter or runtime complains of, each once."""
    found = [(operator, place) for place, operator in _TFLITE.findall(text)]
    found += _CHECKER.findall(text)
    for place, operator, alone in _RUNTIME.findall(text):
        found.append((operator or alone, place))
    return list(dict.fromkeys(found))


def _in_layer(place: str, layers: Sequence[str]) -> str:
    """Return " in layer NAME" for the innermost layer on a path such as "model_1/dense_1/MatMul"; TensorFlow numbers repeated names."""
    shown = [part for part in place.split("/") if part and part not in _CALLS]
    for part in reversed(shown):
        for name in (part, _BEGUN.sub("", part)):
            if name in layers:
                return f" in layer {name}"
    return f" ({'/'.join(shown)})" if shown else ""


def _advice(format: str, operators: Sequence[str]) -> list[tuple[str, str]]:  # noqa: A002
    replace = ("replace that layer by built-in ones, then save again:", "model.save('model.keras')")
    if format == "ONNX":
        return [replace, ("or try TFLite:", "edgekit convert ... --to tflite")]
    known = _known_to_onnx()
    return [replace, ("or convert to ONNX, which has it:", "edgekit convert ... --to onnx")] if known.issuperset(operators) else [replace]


def _known_to_onnx() -> set[str]:
    """Return the TensorFlow operators that tf2onnx translates; none without tf2onnx."""
    try:
        from tf2onnx.handler import tf_op
    except ImportError:
        return set()
    import tf2onnx.tfonnx  # noqa: F401 -- the handlers register themselves as they are imported

    return {name for table in tf_op.get_opsets()[""] for name in table}  # "" is ONNX's own domain
