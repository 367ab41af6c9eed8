"""Describe one input or output of a source model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from edgekit.core.errors import ModelError

_DTYPES: Final = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Describe one input or output of a source model: name, shape (batch first, None where free) and dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def known_dtype(name: str, dtype: Any) -> str:
    """Return the dtype of input `name`; raise ModelError when it holds no numbers."""
    if dtype not in _DTYPES:
        raise ModelError(
            f"input {name} cannot be fed",
            code="model.dtype",
            why=f"its data type is {dtype}; edgekit feeds {', '.join(_DTYPES)}",
            do=[("save a model whose inputs are numbers:", "model.save('model.keras')")],
        )
    return str(dtype)
