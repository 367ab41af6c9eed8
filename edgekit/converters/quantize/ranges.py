"""Say how the range of an activation is read from calibration inputs: its extremes, or all but a share of its values.

The quantizer's own default is a moving average, which forgets extremes: it cost 18 dB on a trained network. It is never used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgekit.converters.quantize.histogram import Histogram
from edgekit.converters.settings import MINMAX
from edgekit.core.errors import UsageError
from edgekit.core.jsonio import as_data, validate

_LARGEST: Final = 3e38  # beyond it stand infinities that mask or pad, which are no activations
_LEAST_PERCENTILE: Final = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Hold the range (lowest, highest) of each float activation of a hub by tensor name, and from how many samples it was read, and how.

    `method` is "minmax" or a percentile such as "99.99", the share of values in percent that a range holds.
    """

    method: str
    samples: int
    bounds: Mapping[str, tuple[float, float]]

    def save(self, path: Path) -> None:
        """Write them as JSON, in which every float32 keeps its value."""
        path.write_text(json.dumps(as_data(self)))

    @classmethod
    def load(cls, path: Path) -> Ranges:
        """Return what `save` wrote."""
        return validate(cls, json.loads(path.read_text()), where=str(path))


class Observer:
    """Watch the activations of a model and tell their ranges; one pass, in any order of the samples."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._percentile = percentile(method)
        self._extremes: dict[str, tuple[float, float]] = {}
        self._histograms: dict[str, Histogram] = {}
        self._samples = 0

    def sample(self, activations: Mapping[str, Any]) -> None:
        """Take the float activations of one sample, by tensor name."""
        import numpy as np

        self._samples += 1
        for name, array in activations.items():
            values = array[np.abs(array) < _LARGEST]
            if not values.size:
                continue
            low, high = float(values.min()), float(values.max())
            before = self._extremes.get(name, (low, high))
            self._extremes[name] = (min(before[0], low), max(before[1], high))
            if self._percentile is not None:
                self._histograms.setdefault(name, Histogram()).add(values)

    def ranges(self) -> Ranges:
        """Return the ranges of what was seen."""
        bounds = self._extremes
        if self._percentile is not None:
            bounds = {name: self._histograms[name].inner(self._percentile / 100, *extremes) for name, extremes in bounds.items()}
        return Ranges(method=self._method, samples=self._samples, bounds=bounds)


def percentile(method: str) -> float | None:
    """Return the percentile that a method names, None for the extremes; raise UsageError for anything else."""
    if method == MINMAX:
        return None
    try:
        value = float(method)
    except ValueError:
        value = 0.0
    if not _LEAST_PERCENTILE < value <= 100:
        raise UsageError(
            f"--percentile {method} cannot be meant",
            code="usage.value",
            why="it is the share of activations in percent that a range holds: more than 50, at most 100",
            do=[("cut off one value in ten thousand:", "edgekit convert ... --percentile 99.99")],
        )
    return value
