"""List the reference models that ship with edgekit, and build one from code in a child process."""

from __future__ import annotations

import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from edgekit.converters.family import family_of, keras_graph
from edgekit.converters.process import Children, OnProcess, unwatched
from edgekit.converters.publish import publish, writable_folder
from edgekit.converters.source import keras_config
from edgekit.core.channel import MeterSpec
from edgekit.core.errors import ModelError, missing_extra, unknown_name
from edgekit.core.hardware import DeviceFacts
from edgekit.core.jsonio import dump_record, validate
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note, Quantity
from edgekit.core.run import TrainingRecord
from edgekit.links.files import bundled, sha256_of, write_atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelData:
    """Say what data a model is trained or calibrated on, where it comes from and under which licence."""

    name: str
    source: str
    licence: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceModel:
    """Describe one model that ships as code: models/NAME/model.toml. `references` counts its stored run records."""

    name: str
    title: str
    task: str
    input: str
    output: str
    parameters: int
    family: str
    training: bool
    seconds: float
    accuracy: str
    needs: tuple[str, ...]
    files: tuple[str, ...]
    data: ModelData
    references: int = 0


class Measured(Protocol):
    """Hold what a meter said of the building process."""

    @property
    def energy_j(self) -> Quantity:
        """Return the joules at a boundary."""

    @property
    def duration_s(self) -> float:
        """Return the seconds."""

    @property
    def meter(self) -> MeterSpec | None:
        """Return what was read."""

    @property
    def facts(self) -> DeviceFacts:
        """Return what is known of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """Hold which model to build, and into which folder."""

    name: str
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """Hold what was built: the model file, its data files (None where there are none), and what the build said of it."""

    model: ReferenceModel
    source: str
    source_sha256: str
    family: str
    calibration: str | None
    evaluation: str | None
    duration_s: float
    test_accuracy: float | None


def list_models(root: Path | None = None) -> tuple[ReferenceModel, ...]:
    """Return every model under `root` (default: the folder that ships with edgekit), by name."""
    folder = root or bundled("models")
    return tuple(_read(path.parent) for path in sorted(folder.glob("*/model.toml")))


def build_model(request: BuildRequest, *, progress: Progress, on_process: OnProcess = unwatched, root: Path | None = None) -> BuildResult:
    """Build one model and write its files; raise UsageError, SetupError or ModelError, leaving nothing half-written.

    `on_process(pid)` gives a context that is open around the life of the building process, which waits until it is entered.
    """
    folder = root or bundled("models")
    known = {model.name: model for model in list_models(folder)}
    if request.name not in known:
        raise unknown_name("model", request.name, known, list_command="edgekit models list")
    model = known[request.name]
    for package in model.needs:
        if find_spec(package) is None:
            raise missing_extra("scikit-learn" if package == "sklearn" else package, "convert", f"building {model.name}")
    with writable_folder(request.out), tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        began = time.monotonic()
        facts = _run_build(model, folder / model.name / "build.py", Path(work), progress, on_process)
        duration_s = time.monotonic() - began
        built = Path(work) / f"{model.name}.keras"
        result = BuildResult(
            model=model,
            source=str(request.out / built.name),
            source_sha256=sha256_of(built),
            family=family_of(keras_graph(keras_config(built))),
            calibration=_found(model, "calib", request.out),
            evaluation=_found(model, "test", request.out),
            duration_s=duration_s,
            test_accuracy=facts.get("test_accuracy"),
        )
        publish({name: Path(work) / name for name in model.files}, request.out)
    return result


def record_training(built: BuildResult, measured: Measured, *, created: str) -> Path:
    """Write the cost of a build beside the model as NAME.training.json and return its path; `created` is ISO 8601 in UTC."""
    record = TrainingRecord(
        model=built.model.name,
        created=created,
        source=Path(built.source).name,
        source_sha256=built.source_sha256,
        family=built.family,
        energy_j=measured.energy_j,
        duration_s=measured.duration_s,
        meter=measured.meter,
        facts=measured.facts,
        notes=(Note(code="training.scope", text="the whole building process: loading its framework, training, testing and writing"),),
    )
    path = Path(built.source).with_name(f"{built.model.name}.training.json")
    write_atomic(path, dump_record(record))
    return path


def _run_build(model: ReferenceModel, script: Path, work: Path, progress: Progress, on_process: OnProcess) -> dict[str, Any]:
    facts: dict[str, Any] = {}

    def hear(event: dict[str, Any]) -> None:
        if "step" in event:
            progress.step(str(event["step"]), event.get("total"), still=True)
        elif "advance" in event:
            progress.advance(float(event["advance"]), str(event.get("text", "")))
        facts.update(event.get("facts", {}))

    progress.step(f"starting the build of {model.name}", still=True)  # its energy is measured from the first instruction
    with Children() as children:
        ended = children.run(
            [sys.executable, "-P", str(script), "--wait", "--out", str(work)], job={}, on_event=hear, on_process=on_process
        )
    missing = [name for name in model.files if not (work / name).is_file()]
    if ended.crashed or missing:
        raise ModelError(
            f"building {model.name} failed",
            code="models.build_failed",
            why=ended.cause() if ended.crashed else f"it did not write {', '.join(missing)}",
            do=[("see all its words:", f"python {script} --out /tmp/{model.name}")],
            data={"log": ended.tail},
        )
    return facts


def _read(folder: Path) -> ReferenceModel:
    path = folder / "model.toml"
    stated = tomllib.loads(path.read_text(encoding="utf-8"))
    references = len(list(folder.glob("references/*/run.json")))
    return validate(ReferenceModel, {**stated, "references": references}, where=str(path))


def _found(model: ReferenceModel, kind: str, out: Path) -> str | None:
    name = f"{model.name}.{kind}.npz"
    return str(out / name) if name in model.files else None
