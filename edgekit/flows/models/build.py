"""Build a reference model from code in a child process."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of, keras_graph
from edgekit.converters.process import Children, OnProcess, unwatched
from edgekit.converters.publish import publish, writable_folder
from edgekit.converters.source import keras_config
from edgekit.core.errors import ModelError, UsageError, missing_extra
from edgekit.core.protocols import Progress
from edgekit.flows.models.data import refused, require_data
from edgekit.flows.models.shelf import ReferenceModel, find_model
from edgekit.links.files import bundled, sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """Hold which model to build and into which folder; `data` is a folder to train it on, `epochs` how often (None: the model's own)."""

    name: str
    out: Path
    data: Path | None = None
    epochs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """Hold what was built: the model file, its data files (None where there are none), and what the build said of it.

    `calibration` goes with --calib, `evaluation` with --eval of the conversion. `data` is what it was trained on, None for random weights.
    Of an autoencoder `test_auc` is the area under the ROC curve of its squared error, where the test data has labels. `stale` names
    files of an earlier build that lie beside the new ones.
    """

    model: ReferenceModel
    source: str
    source_sha256: str
    family: str
    calibration: str | None
    evaluation: str | None
    duration_s: float
    data: str | None
    train_samples: int | None
    test_samples: int | None
    test_accuracy: float | None
    test_mse: float | None
    test_auc: float | None
    classes: tuple[str, ...]
    stale: tuple[str, ...]


def build_model(request: BuildRequest, *, progress: Progress, on_process: OnProcess = unwatched, root: Path | None = None) -> BuildResult:
    """Build one model and write its files; raise UsageError, SetupError or ModelError, leaving nothing half-written.

    `on_process(pid)` gives a context that is open around the life of the building process, which waits until it is entered.
    """
    folder = root or bundled("models")
    model = find_model(request.name, folder)
    _require_sense(request, model)
    if request.data is not None:
        require_data(request.data, model)
    with writable_folder(request.out), tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        began = time.monotonic()
        facts = _run_build(request, model, folder / model.name / "build.py", Path(work), progress, on_process)
        duration_s = time.monotonic() - began
        result = _result(request, model, facts, Path(work), duration_s)
        publish({path.name: path for path in sorted(Path(work).iterdir())}, request.out)
    return result


def _require_sense(request: BuildRequest, model: ReferenceModel) -> None:
    """Raise SetupError when a package is missing, UsageError when there is nothing to repeat."""
    for package in model.needs:
        if find_spec(package) is None and not (package == "sklearn" and request.data):
            raise missing_extra("scikit-learn" if package == "sklearn" else package, "convert", f"building {model.name}")
    if request.epochs is not None and not (request.data or model.training):
        raise UsageError(
            f"{model.name} is not trained, so it has no epochs",
            code="models.epochs",
            why="no data to train it on is at hand",
            do=[("train it on yours:", f"edgekit models build {model.name} --data FOLDER --epochs {request.epochs}")],
        )


def _result(request: BuildRequest, model: ReferenceModel, facts: dict[str, Any], work: Path, duration_s: float) -> BuildResult:
    built = work / f"{model.name}.keras"
    made = {path.name for path in work.iterdir()}
    beside = {f"{model.name}.{kind}" for kind in ("calib.npz", "test.npz", "classes.txt")}

    def at(name: str) -> str | None:
        return str(request.out / name) if name in made else None

    return BuildResult(
        model=model,
        source=str(request.out / built.name),
        source_sha256=sha256_of(built),
        family=family_of(keras_graph(keras_config(built))),
        calibration=at(f"{model.name}.calib.npz"),
        evaluation=at(f"{model.name}.test.npz") if model.kind == "classifier" else None,
        duration_s=duration_s,
        data=str(request.data) if request.data else model.data.name if model.training else None,
        train_samples=facts.get("train_samples"),
        test_samples=facts.get("test_samples"),
        test_accuracy=facts.get("test_accuracy"),
        test_mse=facts.get("test_mse"),
        test_auc=facts.get("test_auc"),
        classes=tuple(facts.get("classes", ())),
        stale=tuple(sorted(name for name in beside - made if (request.out / name).exists())),
    )


def _run_build(
    request: BuildRequest, model: ReferenceModel, script: Path, work: Path, progress: Progress, on_process: OnProcess
) -> dict[str, Any]:
    facts: dict[str, Any] = {}

    def hear(event: dict[str, Any]) -> None:
        if "step" in event:
            progress.step(str(event["step"]), event.get("total"), still=True)
        elif "advance" in event:
            progress.advance(float(event["advance"]), str(event.get("text", "")))
        facts.update(event.get("facts", {}))
        if "refused" in event:
            facts["refused"] = event["refused"]

    progress.step(f"starting the build of {model.name}", still=True)  # its energy is measured from the first instruction
    options = {"data": request.data, "epochs": request.epochs}
    wanted = [f"--{name}={value}" for name, value in options.items() if value is not None]
    with Children() as children:
        ended = children.run(
            [sys.executable, "-P", str(script), "--wait", "--out", str(work), *wanted], job={}, on_event=hear, on_process=on_process
        )
    if request.data and "refused" in facts:
        raise refused(request.data, str(facts["refused"]))
    missing = [name for name in model.files if not (work / name).is_file()]
    if ended.crashed or missing:
        raise ModelError(
            f"building {model.name} failed",
            code="models.build_failed",
            why=ended.cause() if ended.crashed else f"it did not write {', '.join(missing)}",
            do=[("see all its words:", shlex.join(["python", str(script), "--out", model.name, *wanted]))],
            data={"log": ended.tail},
        )
    return facts
