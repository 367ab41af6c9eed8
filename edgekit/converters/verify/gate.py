"""Prove a conversion: compare what the artifact says in its runtime with what the source says, and count what was achieved.

A converter's "success" is not success: each check here has caught a tool that reported success for a broken file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from edgekit.converters.base import Recipe
from edgekit.converters.contents.found import Contents, words
from edgekit.converters.verify.accuracy import accuracy, decisions, has_scores
from edgekit.converters.verify.metrics import finite, sqnr_db
from edgekit.core.artifact import Check, TensorSpec, Verification
from edgekit.core.quantity import Estimate

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


def verify(
    recipe: Recipe,
    model: RunnableModel,
    found: Contents,
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
    whole = all(finite(output) for output in outputs)
    comparable = compared and whole
    sqnr = sqnr_db(outputs, reference) if comparable else None
    floor = recipe.min_sqnr_db if min_sqnr_db is None else min_sqnr_db
    checks = (
        _finite_check(whole),
        _varies_check(outputs, reference),
        _shape_check(outputs, reference, agree=compared),
        _share_check("weights", found.weights, recipe.weights, recipe.min_share),
        _share_check("activations", found.activations, recipe.activations, recipe.min_share),
        *([_calibration_check(calibration_samples)] if recipe.needs_calibration else []),
        _sqnr_check(sqnr, floor, comparable=comparable),
    )
    known = None if labels is None else accuracy(reference, labels, threshold)
    classes = comparable and has_scores(outputs) and (outputs[0].shape[1] > 1 or threshold == _SIGMOID or isinstance(known, Estimate))
    return Verification(
        passed=all(check.passed for check in checks),
        checks=checks,
        sqnr_db=sqnr if sqnr is None or math.isfinite(sqnr) else None,
        max_abs_error=max(float(abs(a - b).max()) for a, b in zip(outputs, reference, strict=True)) if comparable else None,
        top1_agreement=float((decisions(outputs, threshold) == decisions(reference, threshold)).mean()) if classes else None,
        samples=len(next(iter(proof.values()))),
        accuracy=None if labels is None else accuracy(outputs, labels, threshold),
        source_accuracy=known,
        quantized_share=None if recipe.weights == "float32" else _share(found.weights, recipe.weights),
        runtime=model.runtime,
    )


def _finite_check(whole: bool) -> Check:
    return Check(
        name="finite",
        passed=whole,
        seen="every output is finite" if whole else "outputs hold NaN or infinity",
        advice=None if whole else "use a higher precision",
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
        advice=None if passed else f"found {words(counts)}: part was left as it was, as recurrent layers are; use fp16 or fp32",
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


def _constant(output: Any) -> bool:
    return len(output) > 1 and bool((output == output[:1]).all())


def _share(counts: Mapping[str, int], wanted: str) -> float:
    return counts.get(wanted, 0) / max(1, sum(counts.values()))
