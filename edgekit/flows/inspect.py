"""Say what a model file holds: read it in a child process, and hold it against the record beside it and against a target."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from edgekit.converters.contents.found import Contents
from edgekit.converters.contents.outside import Outside
from edgekit.converters.limits import Limits
from edgekit.converters.process import Children, run_worker
from edgekit.converters.targets.check import Fit
from edgekit.converters.targets.profile import load_profile
from edgekit.core.artifact import ModelArtifact
from edgekit.core.errors import EdgekitError, ModelError
from edgekit.core.jsonio import load_record, validate
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.links.files import read_text, require_file, sha256_of

_MARKS: Final = {b"TFL3": "tflite", b"ORTM": "ort"}
_LIMITS: Final = Limits(memory_bytes=8 << 30, time_s=120.0)  # a model of 2 GB takes a minute; a hostile one must not take longer


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectRequest:
    """Name the model file, and a target whose limits it is held against."""

    path: Path
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBeside:
    """Hold the record that lies beside an artifact; `fits` is False where the file is not the one that it describes."""

    path: str
    fits: bool
    artifact: ModelArtifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Hold what is in a model file. `macs` counts multiply-accumulates of one inference, None where shapes do not tell."""

    path: str
    format: str
    size_bytes: int
    sha256: str
    scheme: str
    contents: Contents
    outside: Outside
    parameters: int
    macs: int | None
    quantized_share: float
    computed_share: float | None
    graph_sha256: str | None
    fit: Fit | None = None
    record: RecordBeside | None = None
    notes: tuple[Note, ...] = field(default_factory=tuple)

    @property
    def fits_target(self) -> bool:
        """Return False where a check against the target failed."""
        return self.fit is None or all(check.passed for check in self.fit.checks)


def inspect(request: InspectRequest, *, progress: Progress) -> Inspection:
    """Return what the file holds; raise UsageError where it is absent, ModelError where it is no whole .tflite, .onnx or .ort."""
    path = request.path
    if (path / "saved_model.pb").is_file():
        raise ModelError(
            f"{path} is a SavedModel",
            code="model.format",
            why="edgekit looks into single files",
            do=[("make artifacts of it:", f"edgekit convert {shlex.quote(str(path))}")],
        )
    require_file(path, "model")
    if request.target is not None:
        load_profile(request.target)
    format = _format_of(path)  # noqa: A001
    progress.step(f"reading {path.name}")
    job = {"task": "describe", "source": str(path), "format": format, "target": request.target, "what": f"reading {path}"}
    with Children(limits=_LIMITS) as children:
        answer = run_worker(children, job, on_stage=lambda _: None, what=f"reading {path}")
    return _inspection(path, format, answer)


def _inspection(path: Path, format: str, answer: Mapping[str, Any]) -> Inspection:  # noqa: A002
    where = "what was read"
    contents = validate(Contents, answer["contents"], where=where)
    sha256 = sha256_of(path)
    record, notes = _record(path, sha256)
    found = Inspection(
        path=str(path),
        format=format,
        size_bytes=path.stat().st_size,
        sha256=sha256,
        scheme=answer["scheme"],
        contents=contents,
        outside=validate(Outside, answer["outside"], where=where),
        parameters=sum(contents.weights.values()),
        macs=sum(contents.compute.values()) or None,
        quantized_share=_not_float(contents.weights) or 0.0,
        computed_share=_not_float(contents.compute or contents.activations),
        graph_sha256=answer["graph_sha256"],
        record=record,
        notes=notes,
    )
    fit = validate(Fit, answer["fit"], where=where) if answer["fit"] is not None else None
    return replace(found, fit=fit, notes=(*found.notes, *(fit.notes if fit else ())))


def _not_float(counts: Mapping[str, int]) -> float | None:
    total = sum(counts.values())
    return sum(count for name, count in counts.items() if "float" not in name) / total if total else None


def _format_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:8] in _MARKS:
        return _MARKS[head[4:8]]
    if path.suffix.lower() == ".onnx" and head:  # protobuf has no magic: its parser decides
        return "onnx"
    raise ModelError(
        f"{path} is not a model that edgekit can look into",
        code="model.format",
        why="it begins neither as a .tflite nor as a .ort, and is not called .onnx" if head else "the file is empty",
        do=[
            ("look at what the file is:", f"file {shlex.quote(str(path))}"),
            ("if it is a source model, make artifacts of it:", f"edgekit convert {shlex.quote(str(path))}"),
        ],
    )


def _record(path: Path, sha256: str) -> tuple[RecordBeside | None, tuple[Note, ...]]:
    """Return the record beside the file, and a remark where it is none or of another file."""
    beside = path.with_name(f"{path.name}.json")
    if not beside.is_file():
        return None, ()
    try:
        artifact = load_record(ModelArtifact, read_text(beside, "the record"), where=str(beside))
    except EdgekitError as error:
        return None, (Note(code="record.unreadable", text=f"{error.what}: {error.why}"),)
    fits = artifact.sha256 == sha256
    text = f"{path.name} is not the file that {beside.name} describes: its sha256 is another one"
    advice = "what the record proves does not hold for it; convert again"
    return RecordBeside(path=str(beside), fits=fits, artifact=artifact), () if fits else (
        Note(code="record.other", text=text, advice=advice),
    )
