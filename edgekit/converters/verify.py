"""Prove a conversion: compare what the artifact says in its runtime with what the source says, and count what was achieved.

A converter's "success" is not success: each check here has caught a tool that reported success for a broken file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgekit.converters.base import Recipe, scheme
from edgekit.core.artifact import Check, TensorSpec, Verification
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown

_Z95 = 1.959963984540054
_SIGMOID = 0.5  # the threshold of an output between 0 and 1


class RunnableModel(Protocol):
    """Run an artifact in its runtime."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def runtime(self) -> str:
        """Return the runtime and its version."""

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Count weight elements, and layers that have weights, by number format."""

    weights: Mapping[str, int]
    activations: Mapping[str, int]

    @property
    def scheme(self) -> str:
        """Return what was achieved, in the words of a recipe's scheme."""
        return scheme(_words(self.weights), _words(self.activations))


def verify(
    recipe: Recipe,
    model: RunnableModel,
    found: Coverage,
    *,
    proof: Mapping[str, Any],
    reference: Sequence[Any],
    calibration_samples: int,
    labels: Any | None = None,
    threshold: float | None = None,
    min_sqnr_db: float | None = None,
) -> Verification:
    """Return the verification of a loaded artifact.

    `proof` holds inputs by name, `reference` the source's outputs for them in the source's order, `labels` class numbers or other
    targets; `threshold` divides the two classes of a model with a single output.
    """
    outputs = model.run(proof)
    compared = _shapes_agree(outputs, reference)
    finite = all(_finite(output) for output in outputs)
    comparable = compared and finite
    sqnr = sqnr_db(outputs, reference) if comparable else None
    floor = recipe.min_sqnr_db if min_sqnr_db is None else min_sqnr_db
    checks = (
        _finite_check(finite),
        _varies_check(outputs, reference),
        _shape_check(outputs, reference, agree=compared),
        _share_check("weights", found.weights, recipe.weights, recipe.min_share),
        _share_check("activations", found.activations, recipe.activations, recipe.min_share),
        *([_calibration_check(calibration_samples)] if recipe.needs_calibration else []),
        _sqnr_check(sqnr, floor, comparable=comparable),
    )
    known = None if labels is None else accuracy(reference, labels, threshold)
    classes = comparable and _scores(outputs) and (outputs[0].shape[1] > 1 or threshold == _SIGMOID or isinstance(known, Estimate))
    return Verification(
        passed=all(check.passed for check in checks),
        checks=checks,
        sqnr_db=sqnr if sqnr is None or math.isfinite(sqnr) else None,
        max_abs_error=max(float(abs(a - b).max()) for a, b in zip(outputs, reference, strict=True)) if comparable else None,
        top1_agreement=float((_decisions(outputs, threshold) == _decisions(reference, threshold)).mean()) if classes else None,
        samples=len(next(iter(proof.values()))),
        accuracy=None if labels is None else accuracy(outputs, labels, threshold),
        source_accuracy=known,
        quantized_share=None if recipe.weights == "float32" else _share(found.weights, recipe.weights),
        runtime=model.runtime,
    )


def sqnr_db(outputs: Sequence[Any], reference: Sequence[Any]) -> float:
    """Return the signal-to-noise ratio of the worst output in dB: 10 log10(sum(reference^2) / sum((output - reference)^2)).

    Infinite when every output is identical, minus infinite when an all-zero reference is missed.
    """
    ratios = []
    for output, expected in zip(outputs, reference, strict=True):
        signal = float((expected.astype("float64") ** 2).sum())
        noise = float(((output.astype("float64") - expected.astype("float64")) ** 2).sum())
        ratios.append(math.inf if noise == 0 else -math.inf if signal == 0 else 10 * math.log10(signal / noise))
    return min(ratios)


def accuracy(outputs: Sequence[Any], labels: Any, threshold: float | None = None) -> Quantity:
    """Return the share of samples whose largest output is their label, with its Wilson interval; Unknown when there are no classes.

    A single column means class 1 above `threshold`, class 0 below.
    """
    if not _scores(outputs):
        return Unknown(reason="the model does not have one output with a score per class", unit="1")
    if not _finite(outputs[0]):
        return Unknown(reason="the outputs are not finite", unit="1")
    columns = outputs[0].shape[1]
    if (problem := _not_classes(labels, columns)) is not None:
        return Unknown(reason=f"this is not a classification: {problem}", unit="1")
    if columns == 1 and threshold is None:
        return Unknown(reason="the model has a single output of unknown activation, so nothing tells where class 1 begins", unit="1")
    return wilson(int((_decisions(outputs, threshold) == labels).sum()), len(labels))


def _scores(outputs: Sequence[Any]) -> bool:
    return len(outputs) == 1 and outputs[0].ndim == 2 and outputs[0].shape[1] > 0


def _decisions(outputs: Sequence[Any], threshold: float | None) -> Any:
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


def _finite_check(finite: bool) -> Check:
    return Check(
        name="finite",
        passed=finite,
        seen="every output is finite" if finite else "outputs hold NaN or infinity",
        advice=None if finite else "use a higher precision",
    )


def _varies_check(outputs: Sequence[Any], reference: Sequence[Any]) -> Check:
    stuck = [
        index
        for index, (output, expected) in enumerate(zip(outputs, reference, strict=False))
        if _constant(output) and not _constant(expected)
    ]
    seen = f"output {stuck[0]} is the same for every input" if stuck else "outputs follow the inputs"
    return Check(name="varies", passed=not stuck, seen=seen, advice="use another format or a higher precision" if stuck else None)


def _shape_check(outputs: Sequence[Any], reference: Sequence[Any], *, agree: bool) -> Check:
    seen = ", ".join(str(tuple(output.shape[1:])) for output in outputs)
    wanted = ", ".join(str(tuple(output.shape[1:])) for output in reference)
    return Check(
        name="shapes",
        passed=agree,
        seen=seen,
        floor=wanted,
        advice=None if agree else "the converter changed the outputs; try another format",
    )


def _share_check(name: str, counts: Mapping[str, int], wanted: str, floor: float) -> Check:
    share = _share(counts, wanted)
    passed = not counts or share >= floor
    return Check(
        name=name,
        passed=passed,
        seen=f"{share:.1%} {wanted}" if counts else "the model has none",
        floor=f"{floor:.0%} {wanted}",
        advice=None if passed else f"found {_words(counts)}: part was left as it was, as recurrent layers are; use fp16 or fp32",
    )


def _calibration_check(samples: int) -> Check:
    return Check(
        name="calibration", passed=samples > 0, seen=f"{samples} samples", floor="1 sample", advice=None if samples else "give --calib"
    )


def _sqnr_check(sqnr: float | None, floor: float, *, comparable: bool) -> Check:
    passed = sqnr is not None and sqnr >= floor
    if sqnr is None:
        seen = "outputs cannot be compared"
    elif math.isinf(sqnr):
        seen = "identical" if sqnr > 0 else "the source says 0, the artifact does not"
    else:
        seen = f"{sqnr:.1f} dB"
    advice = (
        "give more typical calibration data, or use a higher precision; --min-sqnr moves the floor" if comparable and not passed else None
    )
    return Check(name="sqnr", passed=passed, seen=seen, floor=f"{floor:g} dB", advice=advice)


def _shapes_agree(outputs: Sequence[Any], reference: Sequence[Any]) -> bool:
    return len(outputs) == len(reference) and all(a.shape == b.shape for a, b in zip(outputs, reference, strict=True))


def _finite(output: Any) -> bool:
    import numpy as np

    return bool(np.isfinite(output).all())


def _constant(output: Any) -> bool:
    return len(output) > 1 and bool((output == output[:1]).all())


def _share(counts: Mapping[str, int], wanted: str) -> float:
    return counts.get(wanted, 0) / max(1, sum(counts.values()))


def _words(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return " + ".join(name if count == total else f"{count / total:.1%} {name}" for name, count in ranked) or "no"
