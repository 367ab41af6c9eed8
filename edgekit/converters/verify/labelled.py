"""Judge an artifact by labels: how often it and its source are right, and on which samples they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.converters.verify.accuracy import accuracy, decisions
from edgekit.converters.verify.evidence import Evidence
from edgekit.converters.verify.paired import accuracy_change, mcnemar_p
from edgekit.core.quantity import Estimate, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Hold the accuracy of an artifact and of its source, the paired change, and its exact p; None without labels."""

    accuracy: Quantity | None = None
    source: Quantity | None = None
    change: Quantity | None = None
    p: float | None = None


def judge_labels(outputs: Sequence[Any], evidence: Evidence) -> Labelled:
    """Return what the labels of `evidence` say of `outputs`; Unknown where they are no classes."""
    if evidence.labels is None:
        return Labelled()
    told, source = (accuracy(said, evidence.labels, evidence.threshold) for said in (outputs, evidence.reference))
    if not (isinstance(told, Estimate) and isinstance(source, Estimate)):
        return Labelled(accuracy=told, source=source, change=source if isinstance(told, Estimate) else told)
    right, before = (decisions(said, evidence.threshold) == evidence.labels for said in (outputs, evidence.reference))
    return Labelled(accuracy=told, source=source, change=accuracy_change(right, before), p=mcnemar_p(right, before))
