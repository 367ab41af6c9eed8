"""Check the user's data against the inputs of the model, and write what the children read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.converters.data import Samples, read_samples, synthetic_samples
from edgekit.converters.source import Port
from edgekit.core.quantity import Note
from edgekit.flows.convert.plan import ConvertPlan
from edgekit.flows.convert.request import ConvertRequest

SAMPLES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofData:
    """Hold the inputs of the proof, the samples that a benchmark will feed with their origin, and remarks on both."""

    proof: Samples
    samples: Path | None
    origin: str | None
    calibration_notes: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()


def prepare_data(request: ConvertRequest, planned: ConvertPlan, ports: Sequence[Port], work: Path) -> ProofData:
    """Check the user's data against the inputs of the model and write what the children read."""
    import numpy as np

    calibration = read_samples(request.calibration, ports, option="--calib", labelled=False) if request.calibration else None
    evaluation = read_samples(request.evaluation, ports, option="--eval", labelled=True) if request.evaluation else None
    proof = evaluation or calibration or synthetic_samples(ports)
    np.savez(work / "proof.npz", allow_pickle=False, **proof.inputs)
    calibrated: tuple[Note, ...] = ()
    notes = [*(evaluation.notes if evaluation else ())]
    if calibration:
        np.savez(work / "calib.npz", allow_pickle=False, **calibration.inputs)
        text = f"calibrated on {calibration.count} samples of the --calib file, sha256 {calibration.sha256}"
        calibrated = (*calibration.notes, Note(code="calibration.data", text=text))
    if evaluation and evaluation.labels is not None:
        np.save(work / "labels.npy", evaluation.labels, allow_pickle=False)
        origin = f"{min(SAMPLES, proof.count)} held-out test inputs of the --eval file"
    elif calibration:
        origin = f"{min(SAMPLES, proof.count)} calibration inputs"
        text = "agreement with the source was tested on the calibration inputs"
        notes.append(Note(code="proof.calibration", text=text, advice="give held-out data with --eval"))
    else:
        text = "no data was given: agreement was tested on standard-normal inputs, and no sample inputs are kept for benchmarks"
        notes.append(Note(code="proof.synthetic", text=text, advice="give --calib or --eval"))
        return ProofData(proof=proof, samples=None, origin=None, notes=tuple(notes))
    file = work / f"{planned.name}.samples.npz"
    np.savez(file, allow_pickle=False, **{name: array[:SAMPLES] for name, array in proof.inputs.items()})
    return ProofData(proof=proof, samples=file, origin=origin, calibration_notes=calibrated, notes=tuple(notes))
