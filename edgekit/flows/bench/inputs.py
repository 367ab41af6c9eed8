"""Find out what is to be benchmarked: an artifact with its own JSON beside it, or a bare model file."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import jsonio
from edgekit.core.artifact import ModelArtifact, SourceModel
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.quantity import Note
from edgekit.flows.bench.program import plain_copy
from edgekit.links.files import read_bytes, require_file, sha256_of
from edgekit.links.onnx_parts import onnx_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Hold one artifact to benchmark, where its file is, and its sample inputs; `plain` is the copy that a device is given instead."""

    path: Path
    artifact: ModelArtifact
    samples: Path | None
    notes: tuple[Note, ...] = ()
    plain: Path | None = None

    @property
    def file(self) -> Path:
        """Return the file that a device loads."""
        return self.plain or self.path


def open_subject(path: Path) -> Subject:
    """Return what is at `path`; raise UsageError or ModelError when it is not a model, or not the one that was verified."""
    if path.is_dir():
        raise UsageError(
            f"artifact {path} is a folder",
            code="artifact.folder",
            why="one .tflite, .onnx, .ort or .pt2 file is expected",
            do=[("look inside:", f"ls {shlex.quote(str(path))}")],
        )
    require_file(path, "artifact")
    if path.suffix not in (".tflite", ".onnx", ".ort", ".pt2"):
        raise UsageError(
            f"artifact {path} cannot be benchmarked",
            code="artifact.format",
            why=f"{path.suffix or 'a file without suffix'} is not .tflite, .onnx, .ort or .pt2",
            do=[("convert it first:", f"edgekit convert {shlex.quote(str(path))}")],
        )
    _check_magic(path)
    sidecar = path.with_name(path.name + ".json")
    sha256 = sha256_of(path)
    plain = plain_copy(path, sha256) if path.suffix == ".pt2" else None
    parts = onnx_parts(path)
    if not sidecar.is_file():
        return Subject(path=path, artifact=_bare(path, sha256, parts), samples=None, notes=(_unverified(path),), plain=plain)
    artifact = jsonio.load_record(ModelArtifact, read_bytes(sidecar, "the description of the artifact"), where=str(sidecar))
    if artifact.sha256 != sha256:
        raise ModelError(
            f"artifact {path} is not the file that was verified",
            code="artifact.changed",
            why=f"{sidecar.name} describes {artifact.sha256[:12]}, the file is {sha256[:12]}",
            do=[
                ("convert again:", shlex.join(["edgekit", "convert", artifact.source.path, "-r", artifact.recipe])),
                ("or benchmark it as it is:", f"rm {shlex.quote(str(sidecar))}"),
            ],
        )
    samples = _samples(path, artifact)
    notes = (*_status_notes(artifact), *_samples_notes(artifact, samples))
    return Subject(path=path, artifact=artifact, samples=samples, notes=notes, plain=plain)


def _samples(path: Path, artifact: ModelArtifact) -> Path | None:
    """Return the sample inputs beside the artifact, where they still are."""
    if not artifact.samples:
        return None
    if Path(artifact.samples).name != artifact.samples:
        raise UsageError(
            f"{path}.json does not hold a valid ModelArtifact",
            code="json.invalid",
            why=f"samples: {artifact.samples!r} is not the name of a file beside the artifact",
            do=[("convert again:", shlex.join(["edgekit", "convert", artifact.source.path, "-r", artifact.recipe]))],
        )
    samples = path.parent / artifact.samples
    return samples if samples.is_file() else None


def _samples_notes(artifact: ModelArtifact, samples: Path | None) -> tuple[Note, ...]:
    if not artifact.samples:
        return ()
    if samples is None:
        text = f"{artifact.samples} is not beside {artifact.path}: its inputs will be random numbers"
        return (Note(code="samples.absent", text=text, advice="copy the samples together with the artifact"),)
    if artifact.samples_sha256 not in (None, sha256_of(samples)):
        text = f"{artifact.samples} was written again after {artifact.path}: its inputs are others than at its conversion"
        return (Note(code="samples.changed", text=text, advice="convert all recipes in one command"),)
    return ()


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(8)
    if path.suffix == ".tflite" and head[4:8] != b"TFL3":
        raise ModelError(
            f"artifact {path} is not a TFLite model",
            code="artifact.not_tflite",
            why="its bytes 4 to 8 are not TFL3: the file is damaged or something else",
            do=[("convert the source again:", "edgekit convert MODEL --to tflite")],
        )
    if not head:
        raise ModelError(
            f"artifact {path} is empty",
            code="artifact.empty",
            why="it has no bytes",
            do=[("convert the source again:", "edgekit convert MODEL")],
        )


def _bare(path: Path, sha256: str, parts: Sequence[str]) -> ModelArtifact:
    """Return what is known of a file without a description; weights in files beside it count as its own."""
    names = "".join(f"{name} {sha256_of(path.parent / name)}\n" for name in parts)
    weights = hashlib.sha256(f"{sha256}\n{names}".encode()).hexdigest() if parts else sha256
    return ModelArtifact(
        path=path.name,
        sha256=sha256,
        size_bytes=sum((path.parent / name).stat().st_size for name in (path.name, *parts)),
        format=path.suffix.removeprefix("."),
        recipe="as-is",
        scheme_requested="unknown",
        scheme_achieved="unknown",
        source=SourceModel(
            path=path.name, sha256=sha256, format=path.suffix.removeprefix("."), family=f"file-{sha256}", weights_sha256=weights
        ),
        inputs=(),
        outputs=(),
        status="unverified",
    )


def _unverified(path: Path) -> Note:
    return Note(
        code="artifact.unverified",
        text=f"{path.name} has no {path.name}.json beside it: nothing is known about its accuracy, and it brings no sample inputs",
        advice="convert the source with `edgekit convert` to have it verified",
    )


def _status_notes(artifact: ModelArtifact) -> tuple[Note, ...]:
    if artifact.status == "verified":
        return ()
    return (
        Note(
            code=f"artifact.{artifact.status}",
            text=f"{artifact.path} is {artifact.status}: its numbers hold for a model that did not pass its gate",
        ),
    )
