"""State what one reference model is: a graph, and what it is trained or calibrated on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SEED = 20


class Refused(Exception):
    """Say why data cannot be trained on."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Hold what a model is trained on and what it is judged on: arrays with samples first. `classes` names the labels, where known."""

    x: Any
    y: Any
    test_x: Any
    test_y: Any
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """State a model: its untrained `graph`, and its own `data` or, where none is at hand, `synthetic` inputs of the real ones' range.

    `pixels` (scale, offset) brings grey levels 0 to 255 into that range, for models whose input is an image. A `reconstructing` model
    is trained to give back its input. `rate` is the first learning rate; `calibration` the number of inputs kept for converters.
    """

    name: str
    graph: Callable[[], Any]
    data: Callable[[], Split] | None = None
    synthetic: Callable[[int], Any] | None = None
    pixels: tuple[float, float] | None = None
    reconstructing: bool = False
    epochs: int = 40
    batch: int = 32
    rate: float = 1e-3
    calibration: int = 128


def say(**event: object) -> None:
    """Print one progress event as a line of JSON."""
    print(json.dumps(event), flush=True)
