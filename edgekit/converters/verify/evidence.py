"""Hold what an artifact is judged by, and read it from the folder in which a conversion is worked on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgekit.converters.port import Port
from edgekit.core.artifact import TensorSpec
from edgekit.core.jsonio import validate

COMPARED: Final = 32  # calibration samples on which source and artifact are compared: some runtimes take seconds for each
HELD_OUT, CALIBRATION, SYNTHETIC = "held-out", "calibration", "synthetic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Hold inputs by the source's names, and what the source says to them in its own order of outputs.

    `data` says what `proof` is: "held-out", "calibration" or "synthetic". `calibration` holds some of the inputs that ranges were read
    from, `calibration_count` tells how many there were. `labels` are class numbers or other targets, `threshold` divides the two classes
    of a model with a single output. `inputs` and `outputs` are the source's own, `renamed` what an exporter said it calls them.
    """

    proof: Mapping[str, Any]
    reference: Sequence[Any]
    data: str = HELD_OUT
    calibration: Mapping[str, Any] = field(default_factory=dict)
    calibration_reference: Sequence[Any] = ()
    calibration_count: int = 0
    labels: Any | None = None
    threshold: float | None = None
    inputs: tuple[Port, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return the number of inputs in the proof."""
        return len(next(iter(self.proof.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Hold what the user asks of the result: another floor in dB, a largest loss of accuracy (a share), layers kept in float.

    `kept_share` is the part of the weights in those layers.
    """

    min_sqnr_db: float | None = None
    max_accuracy_drop: float | None = None
    kept: tuple[str, ...] = ()
    kept_share: float = 0.0


def read_evidence(work: Path, hub: str) -> Evidence:
    """Return the evidence in the folder `work` for artifacts made of the float hub `hub` ("tflite" or "onnx").

    evidence.json (data, inputs), proof.npz, calib.npz and labels.npy come from the flow; reference.npz, calib_reference.npz and
    facts.json from the source.
    """
    import numpy as np

    said, facts = (json.loads((work / name).read_text(encoding="utf-8")) for name in ("evidence.json", "facts.json"))
    calibration, expected = read_arrays(work / "calib.npz"), in_order(read_arrays(work / "calib_reference.npz"))
    labels = work / "labels.npy"
    where = "the facts of the source"
    return Evidence(
        proof=read_arrays(work / "proof.npz"),
        reference=in_order(read_arrays(work / "reference.npz")),
        data=said["data"],
        calibration={name: array[: len(expected[0])] for name, array in calibration.items()} if expected else {},
        calibration_reference=expected,
        calibration_count=len(next(iter(calibration.values()), ())),
        labels=np.load(labels) if labels.exists() else None,
        threshold=facts.get("threshold"),
        inputs=tuple(validate(Port, port, where=where) for port in said["inputs"]),
        outputs=tuple(validate(TensorSpec, spec, where=where) for spec in facts.get("outputs", ())),
        renamed=facts.get("renamed", {}).get(hub, {}),
    )


def read_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a .npz by name; none where there is no such file."""
    import numpy as np

    if not path.exists():
        return {}
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def in_order(arrays: Mapping[str, Any]) -> list[Any]:
    """Return arrays that are named by their number, in order."""
    return [arrays[str(index)] for index in range(len(arrays))]
