"""Count how often a model is right, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgekit.converters.verify.metrics import finite
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown

_Z95 = 1.959963984540054


def accuracy(outputs: Sequence[Any], labels: Any, threshold: float | None = None) -> Quantity:
    """Return the share of samples whose largest output is their label, with its Wilson interval; Unknown when there are no classes.

    A single column means class 1 above `threshold`, class 0 below.
    """
    if not has_scores(outputs):
        return Unknown(reason="the model does not have one output with a score per class", unit="1")
    if not finite(outputs[0]):
        return Unknown(reason="the outputs are not finite", unit="1")
    columns = outputs[0].shape[1]
    if (problem := _not_classes(labels, columns)) is not None:
        return Unknown(reason=f"this is not a classification: {problem}", unit="1")
    if columns == 1 and threshold is None:
        return Unknown(reason="the model has a single output of unknown activation, so nothing tells where class 1 begins", unit="1")
    return wilson(int((decisions(outputs, threshold) == labels).sum()), len(labels))


def has_scores(outputs: Sequence[Any]) -> bool:
    """Return True when there is one output with a score per class."""
    return len(outputs) == 1 and outputs[0].ndim == 2 and outputs[0].shape[1] > 0


def decisions(outputs: Sequence[Any], threshold: float | None) -> Any:
    """Return the class of each sample."""
    scores = outputs[0]
    return scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > (threshold or 0.0)).astype("int64")


def _not_classes(labels: Any, columns: int) -> str | None:
    """Return why `labels` are no class numbers of a model with so many output columns, None when they are."""
    classes = max(2, columns)
    if labels.ndim != 1:
        return f"y has the shape {labels.shape}, not one class number per sample"
    if labels.dtype.kind == "f" and (columns == 1 or not (labels == labels.round()).all()):
        return "y holds fractions or other measured numbers"
    if labels.min() < 0 or labels.max() >= classes:
        return f"y goes from {labels.min()} to {labels.max()}, and the model has {classes} classes"
    return None


def wilson(hits: int, count: int) -> Estimate:
    """Return hits / count with the 95 % score interval of E. B. Wilson (J. Am. Stat. Assoc. 22 (1927) 209)."""
    share = hits / count
    z2 = _Z95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    # at 0 and 1 the interval ends at the value itself, up to rounding
    low, high = min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))
    return Estimate(value=share, low=low, high=high, unit="1", origins=(Origin.MEASURED,), n=count)
