"""State how one conversion is to be done, beside what it makes: what every child process is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MINMAX: Final = "minmax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hold the choices of one conversion.

    `calibration` is "minmax" or a percentile such as "99.99"; `onnx_activations` is "uint8" or "int8", whichever the target computes
    faster; `keep` lists, per recipe key, the layers that stay float (a mixed precision). `allow_unsafe` loads models that carry code,
    `custom_objects` are modules ("package.module:Class") that a Keras model refers to. `memory_bytes` and `time_s` end a child that
    takes more; None: no limit.
    """

    calibration: str = MINMAX
    onnx_activations: str = "uint8"
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_unsafe: bool = False
    custom_objects: tuple[str, ...] = ()
    runtime_agreement: bool = False
    target: str | None = None
    memory_bytes: int | None = None
    time_s: float | None = None
