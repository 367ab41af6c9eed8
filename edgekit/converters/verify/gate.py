"""Prove a conversion: compare what the artifact says in its runtime with what the source says, and count what was achieved.

A converter's "success" is not success: each check has caught a tool that reported success for a broken file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from edgekit.converters.base import Recipe
from edgekit.converters.contents.found import Contents
from edgekit.converters.verify import checks
from edgekit.converters.verify.accuracy import accuracy, decisions, has_scores
from edgekit.converters.verify.evidence import CALIBRATION, HELD_OUT, Demands, Evidence
from edgekit.converters.verify.labelled import judge_labels
from edgekit.converters.verify.metrics import Closeness, finite, max_abs_error, sqnr_db
from edgekit.converters.verify.ports import changes, input_check, output_check, same_shapes, source_order
from edgekit.core.artifact import Check, TensorSpec, Verification
from edgekit.core.quantity import Estimate, Note

_SIGMOID = 0.5  # the threshold of an output between 0 and 1
_GAP_DB = 6.0  # between calibration and held-out inputs: noise of twice the amplitude


class RunnableModel(Protocol):
    """Run an artifact in its runtime. Values go in and come out as the source has them, whatever number format the artifact has."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def runtime(self) -> str:
        """Return the runtime and its version."""

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""


def verify(recipe: Recipe, model: RunnableModel, found: Contents, evidence: Evidence, demands: Demands | None = None) -> Verification:
    """Return the verification of a loaded artifact."""
    demands = demands or Demands()
    shares = checks.share_checks(recipe, found, demands)
    inputs = [input_check(recipe, evidence, model.inputs)] if evidence.inputs else []
    before = [Check(name="loads", passed=True, seen=model.runtime), *inputs]
    if not all(check.passed for check in before):
        return _unproved(recipe, model, found, (*before, *shares))
    try:
        said = _run(model, evidence)
    except MemoryError:
        raise
    except Exception as error:  # a runtime may refuse in a class of its own
        return _unproved(recipe, model, found, (_refused(error, "opens it, and fails to run it"), *inputs, *shares))
    proof = _compare(said.proof, evidence.reference, evidence)
    seen = _compare(said.calibration, evidence.calibration_reference, evidence) if said.calibration else None
    labelled = judge_labels(said.proof, evidence)
    allowed = demands.max_accuracy_drop
    verdicts = (
        *before,
        output_check(recipe, evidence, said.specs, said.proof),
        checks.finite_check(said.proof, evidence.reference),
        checks.varies_check(said.proof, evidence.reference),
        *shares,
        *([checks.calibration_check(evidence.calibration_count)] if recipe.needs_calibration else []),
        checks.sqnr_check(proof and proof.sqnr_db, recipe, demands, labelled.change),
        *([checks.accuracy_check(labelled.change, allowed)] if allowed is not None else []),
    )
    return Verification(
        passed=all(check.passed for check in verdicts),
        checks=verdicts,
        data=evidence.data,
        sqnr_db=proof and proof.finite_sqnr_db,
        max_abs_error=proof and proof.max_abs_error,
        top1_agreement=proof and proof.top1_agreement,
        samples=evidence.count,
        calibration_sqnr_db=seen and seen.finite_sqnr_db,
        calibration_max_abs_error=seen and seen.max_abs_error,
        calibration_top1_agreement=seen and seen.top1_agreement,
        calibration_samples=len(said.calibration[0]) if said.calibration else 0,
        accuracy=labelled.accuracy,
        source_accuracy=labelled.source,
        accuracy_change=labelled.change,
        mcnemar_p=labelled.p,
        quantized_share=_achieved(found.weights, recipe.weights),
        computed_share=_achieved(found.compute or found.activations, recipe.activations),
        runtime=model.runtime,
        notes=(
            *checks.still_note(evidence.reference),
            *changes(recipe, evidence, model.inputs),
            *_narrow(recipe, proof, seen),
            *_excused(verdicts),
        ),
    )


class _Said(NamedTuple):
    """Hold an artifact's outputs in the order of the source's: for the proof, for what ranges were read from, and what they are."""

    proof: Sequence[Any]
    calibration: Sequence[Any]
    specs: Sequence[TensorSpec]


def _run(model: RunnableModel, evidence: Evidence) -> _Said:
    order = source_order(evidence, model.outputs)
    proof = _ordered(model.run(evidence.proof), order)
    known = model.run(evidence.calibration) if evidence.calibration and evidence.data == HELD_OUT else []
    return _Said(proof, _ordered(known, order), [model.outputs[place] for place in order])


def _ordered(outputs: Sequence[Any], order: Sequence[int]) -> list[Any]:
    return [outputs[place] for place in order] if len(outputs) == len(order) else list(outputs)


def not_loaded(error: Exception, runtime: str) -> Verification:
    """Return the verification of an artifact that its own runtime refuses."""
    return Verification(passed=False, checks=(_refused(error, f"{runtime} refuses it"),), runtime=runtime)


def _unproved(recipe: Recipe, model: RunnableModel, found: Contents, verdicts: Sequence[Check]) -> Verification:
    return Verification(
        passed=False, checks=tuple(verdicts), quantized_share=_achieved(found.weights, recipe.weights), runtime=model.runtime
    )


def _refused(error: Exception, what: str) -> Check:
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    said = said.partition(" failed:")[2] or said  # ONNX Runtime names its class, a number and a temporary file first
    return Check(name="loads", passed=False, seen=f"{what}: {said[:200]}", advice="convert to the other format, or to another precision")


def _compare(outputs: Sequence[Any], reference: Sequence[Any], evidence: Evidence) -> Closeness | None:
    if not same_shapes(outputs, reference) or not all(finite(output) for output in (*outputs, *reference)):
        return None
    return Closeness(sqnr_db(outputs, reference), max_abs_error(outputs, reference), _top1(outputs, reference, evidence))


def _top1(outputs: Sequence[Any], reference: Sequence[Any], evidence: Evidence) -> float | None:
    """Return how often both decide alike; None where the output may be no score of a class."""
    if not has_scores(outputs):
        return None
    labelled = evidence.labels is not None and isinstance(accuracy(evidence.reference, evidence.labels, evidence.threshold), Estimate)
    if outputs[0].shape[1] == 1 and evidence.threshold != _SIGMOID and not labelled:
        return None
    return float((decisions(outputs, evidence.threshold) == decisions(reference, evidence.threshold)).mean())


def _narrow(recipe: Recipe, proof: Closeness | None, seen: Closeness | None) -> tuple[Note, ...]:
    if not recipe.needs_calibration or proof is None or seen is None or not seen.sqnr_db > proof.sqnr_db + _GAP_DB:
        return ()
    text = f"{seen.sqnr_db:.1f} dB on {CALIBRATION} inputs and only {proof.sqnr_db:.1f} dB on others: they go beyond its ranges"
    return (Note(code="calibration.narrow", text=text, advice="calibrate on more, and more varied, inputs"),)


def _excused(verdicts: Sequence[Check]) -> tuple[Note, ...]:
    return tuple(
        Note(code="sqnr.excused", text=f"below its floor of {check.floor} and passed all the same: {check.seen}")
        for check in verdicts
        if check.name == "sqnr" and check.passed and "allowed" in check.seen
    )


def _achieved(counts: Mapping[str, int], wanted: str) -> float | None:
    return None if wanted == "float32" else checks.share(counts, wanted)
