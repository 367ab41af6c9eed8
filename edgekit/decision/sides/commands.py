"""Name the commands that would measure what a decision lacks. Records know the names of files, not their folders: PATH/TO stands there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgekit.core.quantity import Origin
from edgekit.core.run import RunRecord
from edgekit.decision.sides.choose import energy_of

Commands = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Hold what commands need and records do not say.

    `reference` is the shipped model of this family, if any; `report` repeats the report at hand without its cloud side; `folders` are
    the folders of the runs by id, as seen from where the user is.
    """

    reference: str | None = None
    report: str = "edgekit report RUN..."
    folders: Mapping[str, str] = field(default_factory=dict)


def model_name(runs: Sequence[RunRecord]) -> str:
    """Return the name of the model, from its source or else from the artifact's file."""
    artifact = runs[0].artifact
    return artifact.source.name or _base(artifact.path).partition(".")[0] or "model"


def record_cloud(runs: Sequence[RunRecord], around: Surroundings) -> Commands:
    """Return the (advice, command) pairs that record a cloud run of this model; only ONNX artifacts run on a GPU."""
    advice = "record a cloud run on a machine with an NVIDIA GPU:"
    if around.reference is not None:
        return ((advice, shlex.join(["edgekit", "models", "record", around.reference])),)
    onnx = _onnx(runs)
    if onnx is None:
        source = runs[0].artifact.source.path
        convert = ("convert it to ONNX first:", f"{shlex.join(['edgekit', 'convert', somewhere(source)])} -r fp32 --to onnx")
        return convert, (f"then {advice}", _bench(somewhere(f"{_base(source).partition('.')[0] or 'model'}.fp32.onnx")))
    return ((advice, _bench(onnx)),)


def model_cloud(runs: Sequence[RunRecord], around: Surroundings) -> Commands:
    """Return the (advice, command) pairs that model the cloud side where no GPU is at hand; none where a reference ships."""
    if around.reference is not None:
        return ()
    name = model_name(runs)
    onnx = _onnx(runs) or somewhere(f"{name}.fp32.onnx")
    words = ["edgekit", "models", "record", name, "--modeled", "--artifact", onnx, "--into", "refs"]
    return (
        ("or model it, without a GPU:", shlex.join(words)),
        ("and report against the model:", f"{around.report} --cloud refs/modeled-gpu-b1"),
    )


def record_device(runs: Sequence[RunRecord]) -> Commands:
    """Return the (advice, command) pair that records a device run of this model."""
    return (("record a run on the device:", shlex.join(["edgekit", "bench", somewhere(runs[0].artifact.path)])),)


def measure_idle(device: RunRecord) -> Commands:
    """Return the (advice, command) pairs that measure the idle power of the device."""
    bench = shlex.join(["edgekit", "bench", somewhere(device.artifact.path)])
    return (
        ("find a meter that sees idle power (any but cputime):", "edgekit meters --all"),
        ("then measure with it:", f"{bench} --meter METER"),
    )


def better_device(device: RunRecord) -> Commands:
    """Return the (advice, command) pair that replaces an estimate or emulation on the device by a measurement, if it is one."""
    if set(energy_of(device).origins) == {Origin.MEASURED}:
        return ()
    return (("see which meters this machine offers, then measure the device:", "edgekit meters --all"),)


def somewhere(path: str) -> str:
    """Return a path as the user may complete it: a bare file name, as records hold it, gets a folder to fill in."""
    return path if "/" in path else f"PATH/TO/{path}"


def _bench(path: str) -> str:
    return f"{shlex.join(['edgekit', 'bench', path])} --device cuda --meter nvml"


def _onnx(runs: Sequence[RunRecord]) -> str | None:
    """Return the ONNX artifact that is best suited for a GPU: float32 before others."""
    found = [run for run in runs if run.artifact.format == "onnx" and energy_of(run).origins != (Origin.MODELED,)]
    best = min(found, key=lambda run: (run.artifact.recipe != "fp32", run.id), default=None)
    return somewhere(best.artifact.path) if best is not None else None


def _base(path: str) -> str:
    return path.rpartition("/")[2]
