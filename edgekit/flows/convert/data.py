"""Check the user's data against the inputs of the model, keep some of it apart for the proof, and write what the children read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edgekit.converters.data import Samples, read_samples, synthetic_samples
from edgekit.converters.port import Port
from edgekit.converters.settings import MINMAX
from edgekit.converters.verify.evidence import CALIBRATION, HELD_OUT, SYNTHETIC
from edgekit.core.artifact import CalibrationSet
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.jsonio import as_data
from edgekit.core.quantity import Note
from edgekit.flows.convert.plan import ConvertPlan
from edgekit.flows.convert.request import ConvertRequest

SAMPLES: Final = 64
_FEWEST: Final = 40  # calibration samples from which some are kept apart: below, ranges need them all
_EVERY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofData:
    """Hold the inputs of the proof, those of the calibration, the samples that a benchmark will feed with their origin, and remarks."""

    proof: Samples
    samples: Path | None
    origin: str | None
    calibration: Samples | None = None
    calibration_notes: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()

    def calibration_set(self, method: str) -> CalibrationSet | None:
        """Return what ranges were read from; `method` is "minmax" or a percentile."""
        if self.calibration is None or self.calibration.sha256 is None:
            return None
        words = "absolute minimum and maximum" if method == MINMAX else f"percentile {method}"
        return CalibrationSet(sha256=self.calibration.sha256, samples=self.calibration.count, method=words)


def prepare_data(request: ConvertRequest, planned: ConvertPlan, ports: Sequence[Port], work: Path) -> ProofData:
    """Check the user's data against the inputs of the model and write what the children read; raise UsageError where it does not fit.

    Held-out inputs are those of --eval; else, of 40 calibration samples or more, every fifth is not used to calibrate.
    """
    import numpy as np

    if request.max_accuracy_drop is not None and request.evaluation is None:
        raise UsageError(
            "--max-accuracy-drop needs labelled data",
            code="labels.missing",
            why="without --eval nobody knows the accuracy",
            do=[("give held-out inputs x with class numbers y:", request.command("--eval test.npz"))],
        )
    _require_inputs(ports)
    given = read_samples(request.calibration, ports, option="--calib", labelled=False) if request.calibration else None
    evaluation = read_samples(request.evaluation, ports, option="--eval", labelled=True) if request.evaluation else None
    calibration, apart = _split(given) if given and not evaluation else (given, None)
    proof = evaluation or apart or calibration or synthetic_samples(ports)
    data = HELD_OUT if evaluation or apart else CALIBRATION if calibration else SYNTHETIC
    np.savez(work / "proof.npz", allow_pickle=False, **proof.inputs)
    if calibration:
        np.savez(work / "calib.npz", allow_pickle=False, **calibration.inputs)
    if evaluation and evaluation.labels is not None:
        np.save(work / "labels.npy", evaluation.labels, allow_pickle=False)
    (work / "evidence.json").write_text(json.dumps({"data": data, "inputs": as_data(list(ports))}), encoding="utf-8")
    file = None if data == SYNTHETIC else work / f"{planned.name}.samples.npz"
    if file:
        np.savez(file, allow_pickle=False, **{name: array[:SAMPLES] for name, array in proof.inputs.items()})
    return ProofData(
        proof=proof,
        samples=file,
        origin=_origin(evaluation, apart, calibration),
        calibration=calibration,
        calibration_notes=_calibrated(given, calibration),
        notes=(*(evaluation.notes if evaluation else ()), *_remarks(evaluation, apart, calibration)),
    )


def _require_inputs(ports: Sequence[Port]) -> None:
    """Raise ModelError for a model that nothing can be fed to."""
    empty = next((port for port in ports if 0 in port.shape), None)
    if ports and empty is None:
        return
    raise ModelError(
        "this model takes no inputs" if empty is None else f"input {empty.name} has an axis of size 0: {list(empty.shape)}",
        code="model.inputs",
        why="an artifact is proved by what it answers to inputs",
        do=[("export the model again, with inputs that hold values:", "model.save('model.keras')")],
    )


def _split(given: Samples) -> tuple[Samples, Samples | None]:
    """Return (samples to calibrate on, samples kept apart): every fifth, because files are often sorted by class."""
    import numpy as np

    if given.count < _FEWEST:
        return given, None
    apart = np.arange(given.count) % _EVERY == _EVERY - 1
    kept, held = ({name: array[chosen] for name, array in given.inputs.items()} for chosen in (~apart, apart))
    return replace(given, inputs=kept), replace(given, inputs=held, notes=())


def _origin(evaluation: Samples | None, apart: Samples | None, calibration: Samples | None) -> str | None:
    if evaluation:
        return f"{min(SAMPLES, evaluation.count)} held-out test inputs of the --eval file"
    if apart:
        return f"{min(SAMPLES, apart.count)} inputs of the --calib file that were not used to calibrate"
    return f"{min(SAMPLES, calibration.count)} calibration inputs" if calibration else None


def _calibrated(given: Samples | None, used: Samples | None) -> tuple[Note, ...]:
    if given is None or used is None:
        return ()
    count = (
        f"{used.count} sample{'s' if used.count != 1 else ''}"
        if used.count == given.count
        else f"{used.count} of the {given.count} samples"
    )
    text = f"calibrated on {count} of the --calib file, sha256 {given.sha256}"
    return (*given.notes, Note(code="calibration.data", text=text))


def _remarks(evaluation: Samples | None, apart: Samples | None, calibration: Samples | None) -> tuple[Note, ...]:
    if evaluation:
        return ()
    if apart:
        text = f"agreement with the source was tested on {apart.count} inputs of the --calib file that were kept apart"
        return (Note(code="proof.split", text=text, advice="give labelled held-out data with --eval to learn the accuracy"),)
    if calibration:
        text = "agreement with the source was tested on the calibration inputs"
        advice = f"give held-out data with --eval, or {_FEWEST} calibration inputs or more"
        return (Note(code="proof.calibration", text=text, advice=advice),)
    text = "no data was given: agreement was tested on standard-normal inputs, and no sample inputs are kept for benchmarks"
    return (Note(code="proof.synthetic", text=text, advice="give --calib or --eval"),)
