"""Make the verdicts of the gate, one function each. Every one has caught a tool that reported success for a broken file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.converters.base import Recipe
from edgekit.converters.contents.found import Contents, words
from edgekit.converters.verify.evidence import Demands
from edgekit.converters.verify.metrics import finite
from edgekit.core.artifact import Check
from edgekit.core.quantity import Estimate, Note, Quantity

_BY_ACCURACY = "--max-accuracy-drop 1% lets accuracy decide"


def finite_check(outputs: Sequence[Any], reference: Sequence[Any]) -> Check:
    """Return whether every value is a number."""
    whole, source_whole = (all(finite(output) for output in said) for said in (outputs, reference))
    seen = "outputs hold NaN or infinity" if source_whole else "the source's own outputs hold NaN or infinity"
    advice = "use a higher precision" if source_whole else "give inputs that the model was made for"
    return Check(
        name="finite",
        passed=whole and source_whole,
        seen="every output is finite" if whole and source_whole else seen,
        advice=None if whole and source_whole else advice,
    )


def varies_check(outputs: Sequence[Any], reference: Sequence[Any]) -> Check:
    """Return whether every output that varies in the source varies here."""
    stuck = [
        index
        for index, (output, expected) in enumerate(zip(outputs, reference, strict=False))
        if _constant(output) and not _constant(expected)
    ]
    still = all(_constant(expected) for expected in reference)
    follows = "as little as the source's" if still else "outputs follow the inputs"
    seen = f"output {stuck[0]} is the same for every input" if stuck else follows
    return Check(name="varies", passed=not stuck, seen=seen, advice="use another format or a higher precision" if stuck else None)


def still_note(reference: Sequence[Any]) -> tuple[Note, ...]:
    """Return a remark where agreement proves little: the source says the same to everything that it was asked."""
    if not reference or not all(_constant(expected) for expected in reference):
        return ()
    text = "the source says the same to every input of the proof, so that agreement with it proves little"
    return (Note(code="proof.still", text=text, advice="give varied, typical inputs, and look whether the model is a trained one"),)


def share_checks(recipe: Recipe, found: Contents, demands: Demands) -> tuple[Check, Check]:
    """Return whether weights are stored, and layers computed, in the number formats of the recipe; those kept in float are no failure."""
    compute = found.compute or found.activations
    kept = bool(demands.kept)  # of the layers that stay in float the weights are known, their share of the work is not
    return (
        _share_check("weights", found.weights, recipe.weights, recipe.min_share * (1 - demands.kept_share), recipe),
        _share_check("compute", compute, recipe.activations, 0.0 if kept else recipe.min_computed, recipe),
    )


def share(counts: Mapping[str, int], wanted: str) -> float:
    """Return the part of `counts` that is in the wanted number format."""
    return counts.get(wanted, 0) / max(1, sum(counts.values()))


def calibration_check(samples: int) -> Check:
    """Return whether ranges were read from anything at all."""
    return Check(
        name="calibration", passed=samples > 0, seen=f"{samples} samples", floor="1 sample", advice=None if samples else "give --calib"
    )


def sqnr_check(sqnr: float | None, recipe: Recipe, demands: Demands, change: Quantity | None) -> Check:
    """Return whether the artifact agrees with its source, `sqnr` None where they cannot be compared.

    Labelled data is stronger than decibels: below the floor it passes all the same where the interval of the loss of accuracy lies
    within what the user allows.
    """
    floor = recipe.min_sqnr_db if demands.min_sqnr_db is None else demands.min_sqnr_db
    reached = sqnr is not None and sqnr >= floor
    allowed = demands.max_accuracy_drop
    excused = sqnr is not None and not reached and allowed is not None and isinstance(change, Estimate) and -change.low <= allowed
    if sqnr is None:
        seen = "outputs cannot be compared"
    elif math.isinf(sqnr):
        seen = "identical" if sqnr > 0 else "the source says 0, the artifact does not"
    else:
        seen = f"{sqnr:.1f} dB" + (f", allowed: the loss of accuracy is within {allowed:.2%}" if excused else "")
    return Check(
        name="sqnr",
        passed=reached or excused,
        seen=seen,
        floor=f"{floor:g} dB",
        advice=None if reached or excused else _to_try(recipe, labelled=change is not None),
    )


def accuracy_check(change: Quantity | None, allowed: float) -> Check:
    """Return whether accuracy fell by no more than `allowed`, a share."""
    loss = -change.value if isinstance(change, Estimate) else None
    passed = loss is not None and loss <= allowed
    return Check(
        name="accuracy",
        passed=passed,
        seen="accuracy is not known" if change is None or loss is None else f"changed by {_points(change)}",
        floor=f"a loss of {allowed:.2%}",
        advice=None if passed else "give more typical calibration data, use a higher precision or --mixed auto",
    )


def _share_check(name: str, counts: Mapping[str, int], wanted: str, floor: float, recipe: Recipe) -> Check:
    found = share(counts, wanted)
    passed = not counts or (found >= floor and found > 0)
    return Check(
        name=name,
        passed=passed,
        seen=f"{found:.1%} {wanted}" if counts else "the model has none",
        floor=f"{floor:.0%} {wanted}",
        advice=None if passed else f"found {words(counts)}: the quantizer left part as it was; {_without(recipe)}",
    )


def _without(recipe: Recipe) -> str:
    others = {"w4": "-r w8", "w8": "-r fp16", "int8": "-r dynamic or -r fp16", "int8-full": "-r dynamic or -r fp16"}
    return f"try {others.get(recipe.name, '-r fp32')}"


def _to_try(recipe: Recipe, *, labelled: bool) -> str:
    if recipe.weights == "float32":
        return "convert to the other format; --min-sqnr moves the floor"
    by_accuracy = _BY_ACCURACY if labelled else f"--eval test.npz {_BY_ACCURACY}"
    data = "give more typical calibration data, or try --percentile 99.99, " if recipe.needs_calibration else "try "
    return f"{data}--mixed auto or a higher precision; --min-sqnr moves the floor, {by_accuracy}"


def _points(change: Quantity) -> str:
    assert isinstance(change, Estimate)
    return f"{change.value:+.2%} ({change.low:+.2%} to {change.high:+.2%})"


def _constant(output: Any) -> bool:
    return len(output) > 1 and bool((output == output[:1]).all())
