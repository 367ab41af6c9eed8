"""Name the commands that would measure what a decision lacks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from edgekit.core.quantity import Origin
from edgekit.core.run import RunRecord
from edgekit.decision.choose import energy_of


def model_name(runs: Sequence[RunRecord]) -> str:
    """Return the name of the model, from its source or else from the artifact's file."""
    artifact = runs[0].artifact
    return artifact.source.name or artifact.path.rpartition("/")[2].partition(".")[0] or "model"


def record_cloud(runs: Sequence[RunRecord]) -> tuple[str, str]:
    """Return (advice, command) that records a cloud run of this model: an ONNX artifact where there is one, for it runs on a GPU."""
    paths = [
        run.artifact.path for run in sorted(runs, key=lambda run: (run.artifact.format != "onnx", run.artifact.recipe != "fp32", run.id))
    ]
    return "record a cloud run on a machine with an NVIDIA GPU:", f"edgekit bench {shlex.quote(paths[0])} --device cuda --meter nvml"


def record_device(runs: Sequence[RunRecord]) -> tuple[str, str]:
    """Return (advice, command) that records a device run of this model."""
    return "record a run on the device:", f"edgekit bench {shlex.quote(runs[0].artifact.path)}"


def better_device(device: RunRecord) -> tuple[str, str] | None:
    """Return (advice, command) that replaces an estimate or emulation on the device by a measurement; None when it was measured."""
    if set(energy_of(device).origins) == {Origin.MEASURED}:
        return None
    return "see which meters this machine offers, then measure the device:", "edgekit meters --all"
