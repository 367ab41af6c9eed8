"""Make what all recipes share: the facts and outputs of the source, and its float hubs. Runs in a child process.

A job names its `stages`: "reference" (facts.json, reference.npz and calib_reference.npz), then "tflite" and "onnx" (hub.tflite, hub.onnx,
each with a hub.FORMAT.json that says what made it). A job with a `route` takes that detour (edgekit.converters.routes).
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from edgekit.converters.explain import explain
from edgekit.converters.process import describe
from edgekit.converters.settings import Settings
from edgekit.converters.source import Port
from edgekit.converters.verify.evidence import COMPARED, HELD_OUT, read_arrays
from edgekit.core.errors import EdgekitError, SetupError, UsageError
from edgekit.core.jsonio import as_data, validate
from edgekit.core.quantity import Note

Stage = Callable[[str], None]

NAMES: Final = {"tflite": "TFLite", "onnx": "ONNX"}
FAILED: Final = "failed"  # told as a stage after the one that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Say how a float hub was made: the versions of the tools beside the source's own framework, and remarks for its artifacts."""

    tools: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


class LoadedSource(Protocol):
    """Run a source in its own framework and export it."""

    ports: tuple[Port, ...]

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters, outputs (TensorSpec data) and tools."""

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> Export | None:  # noqa: A002
        """Write the float hub; `shapes` gives each input's shape without its batch. None: there is nothing to say of it."""


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Do the stages of `job`; the results are files in its work folder. Return what kept hubs from being made, by format."""
    stage("loading")
    source = _load(job)
    failures = {}
    for name in job["stages"]:
        stage(name)
        if name == "reference":
            _run_source(source, Path(job["work"]))
            continue
        try:
            _export(source, name, job)
        except (SetupError, UsageError, MemoryError):
            raise
        except Exception as error:  # the other hub may still be made, and the source need not be loaded again for it
            explained = error if isinstance(error, EdgekitError) else explain(error, job)
            if isinstance(explained, SetupError):  # such as a full disk
                raise explained from error
            traceback.print_exc()
            failures[name] = describe(explained)
            stage(FAILED)
    return {"failures": failures}


def inspect(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return the input ports of the source of `job`."""
    stage("loading")
    return {"ports": as_data(_load(job).ports)}


def load(format: str, path: Path, settings: Settings, route: str = "") -> LoadedSource:  # noqa: A002
    """Return the loaded source; raise ModelError when it cannot be used."""
    if format in ("keras", "h5"):
        os.environ["KERAS_BACKEND"] = route or "tensorflow"  # read once, when Keras is imported
        from edgekit.converters.sources.keras import KerasSource

        return KerasSource(path, settings)
    if format == "saved_model":
        from edgekit.converters.sources.saved_model import SavedModelSource

        return SavedModelSource(path, settings)
    if format in ("pt2", "torch"):
        from edgekit.converters.sources.torch import TorchSource

        return TorchSource(format, path)
    if format == "onnx":
        from edgekit.converters.sources.onnx import OnnxSource

        return OnnxSource(path, settings)
    from edgekit.converters.sources.tflite import TfliteSource

    return TfliteSource(path)


def _load(job: Mapping[str, Any]) -> LoadedSource:
    settings = validate(Settings, job["settings"], where="the job")
    return load(job["format"], Path(job["source"]), settings, job.get("route", ""))


def _export(source: LoadedSource, format: str, job: Mapping[str, Any]) -> None:  # noqa: A002
    work = Path(job["work"])
    made = source.export(format, work / f"hub.{format}", job["shapes"]) or Export()
    made = replace(made, notes=(*_detour(job, format), *made.notes))
    (work / f"hub.{format}.json").write_text(json.dumps(as_data(made)), encoding="utf-8")


def _detour(job: Mapping[str, Any], format: str) -> tuple[Note, ...]:  # noqa: A002
    """Return a remark that says which way was taken, and why not the usual one."""
    if "because" not in job:
        return ()
    return (Note(code="convert.detour", text=f"float {NAMES[format]} was exported by {job['through']}: {job['because'][format]}"),)


def _run_source(source: LoadedSource, work: Path) -> None:
    import numpy as np

    wanted: list[tuple[str, str, int | None]] = [("proof", "reference", None)]
    if json.loads((work / "evidence.json").read_text(encoding="utf-8"))["data"] == HELD_OUT:  # else the proof is calibration data itself
        wanted.append(("calib", "calib_reference", COMPARED))
    for asked, answered, most in wanted:
        inputs = {key: array[:most] for key, array in read_arrays(work / f"{asked}.npz").items()}
        outputs = source.run(inputs) if inputs else []
        np.savez(work / f"{answered}.npz", allow_pickle=False, **{str(index): output for index, output in enumerate(outputs)})
    (work / "facts.json").write_text(json.dumps(source.facts()))
