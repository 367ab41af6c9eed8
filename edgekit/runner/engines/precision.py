"""Say how 32-bit floats of a model are computed on a GPU, and see to it that nothing else happens.

    fp32   IEEE single precision: tf32 is switched off, in every library of NVIDIA's
    tf32   products may round their operands to 10 bits of mantissa (Ampere and later); everything else as fp32
    fp16   products in half precision, or all that the engine's builder finds faster so
    int8   what the model has quantized in 8-bit integers, the rest as fp32

A model that holds other types (a float16 graph, integers) is computed in those whatever is asked: this is about its 32-bit floats.
"""

from __future__ import annotations

import os
from typing import Optional, Sequence

from ..wire import Refusal

_OVERRIDE = "NVIDIA_TF32_OVERRIDE"  # 0: no library of NVIDIA's uses tf32, whatever a program or a default says
_MARKS = (b"QuantizeLinear", b"DequantizeLinear")
_CHUNK = 1 << 20


def choose(asked: Optional[str], able: Sequence[str], engine: str, why: str = "") -> str:
    """Return the precision to compute in, the first of `able` where none is asked for; raise Refusal for one that the engine has not."""
    if asked is None:
        return able[0]
    if asked not in able:
        raise Refusal("engine.precision", f"{engine} does not compute in {asked}", why or "it computes in " + ", ".join(able))
    return asked


def hold(precision: str) -> None:
    """Let the libraries of this process compute in `precision` only; call it before they are loaded."""
    if precision == "tf32":
        os.environ.pop(_OVERRIDE, None)
    else:
        os.environ[_OVERRIDE] = "0"


def words(precision: str) -> str:
    """Return what stands in a run's facts: "fp32: tf32 off"."""
    return {
        "fp32": "fp32: tf32 off",
        "tf32": "tf32 allowed",
        "fp16": "fp16, the rest fp32: tf32 off",
        "int8": "int8, the rest fp32: tf32 off",
    }[precision]


def quantized(path: str) -> bool:
    """Return whether an .onnx file names an operator that quantizes; its bytes are searched, so that no package is needed."""
    overlap = max(map(len, _MARKS)) - 1
    tail = b""
    with open(path, "rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            if not chunk:
                return False
            if any(mark in tail + chunk for mark in _MARKS):
                return True
            tail = chunk[-overlap:]
