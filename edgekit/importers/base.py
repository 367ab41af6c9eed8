"""Say what an importer gives: the recordings it finds under a path, each read into everything a run record needs but its name."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from edgekit.core.artifact import ModelArtifact, SourceModel, TensorSpec
from edgekit.core.channel import MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note
from edgekit.core.run import Published, RunPlan, RunRecord, RunStatus
from edgekit.core.trace import ClockMap, TraceFile
from edgekit.core.window import Window
from edgekit.links.files import read_text, require_file, sha256_of

if TYPE_CHECKING:
    from edgekit.core.trace import Trace

_LONGEST_NAME = 100
MOST_BYTES = 512 * 2**20  # 37 hours of readings at 1 kHz; beyond it something else was meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Hold what the user knows better than the files: the task, the system, and what to add to the log's clock to get the meter's."""

    task: str | None = None
    system: str | None = None
    clock_offset_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Hold the files of one recording by their role; `name` tells it from the others for the user."""

    name: str
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Hold one recording as read: everything of a run record but its id, its date and what follows from it."""

    name: str
    artifact: ModelArtifact
    device: DeviceSpec
    facts: DeviceFacts
    plan: RunPlan
    meter: MeterSpec
    traces: tuple[Trace, ...]
    windows: tuple[Window, ...]
    unit_of_work: str
    published: tuple[Published, ...] = ()
    clock_maps: tuple[ClockMap, ...] = ()
    notes: tuple[Note, ...] = ()

    def record(
        self, run_id: str, *, session: str, created: str, traces: Sequence[TraceFile], tool: Mapping[str, str], tags: Sequence[str]
    ) -> RunRecord:
        """Return the record of this recording, not yet analysed."""
        return RunRecord(
            id=run_id,
            session=session,
            created=created,
            status=RunStatus.COMPLETE,
            artifact=self.artifact,
            device=self.device,
            plan=self.plan,
            meters=(self.meter,),
            traces=tuple(traces),
            windows=self.windows,
            facts_before=self.facts,
            clock_maps=self.clock_maps,
            unit_of_work=self.unit_of_work,
            tool=tool,
            notes=self.notes,
            tags=tuple(tags),
            published=self.published,
        )


class Importer(Protocol):
    """Read one kind of published measurement."""

    kind: ClassVar[str]

    def find(self, path: Path) -> tuple[Source, ...]:
        """Return the recordings at `path`, at least one, in a stable order; raise UsageError when there is none."""

    def read(self, source: Source, hints: Hints) -> Recording:
        """Return one recording; raise UsageError that names the file and the fault when it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Say what ran, as far as the files tell: `family` is the network, `digest` stands for the weights that nobody here has seen."""

    label: str
    family: str
    title: str
    digest: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


def unseen_artifact(subject: Subject) -> ModelArtifact:
    """Return an artifact whose file was never seen; no two of them count as having equal weights."""
    unknown = f"unknown-{subject.digest}"
    return ModelArtifact(
        path=subject.label,
        sha256=unknown,
        size_bytes=None,
        format="unknown",
        recipe="as published",
        scheme_requested="unknown",
        scheme_achieved="unknown",
        source=SourceModel(
            path=subject.label, sha256=unknown, format="unknown", family=subject.family, weights_sha256=unknown, name=subject.title
        ),
        inputs=subject.inputs,
        outputs=subject.outputs,
        status="unseen",
    )


def label(*parts: str) -> str:
    """Return parts joined into one word that may stand in a file name, whatever they are and however long."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(part for part in parts if part))[:_LONGEST_NAME].strip("-.") or "imported"


def digest(files: Mapping[str, Path]) -> str:
    """Return one sha256 over the content of several files, by role."""
    return hashlib.sha256("".join(f"{role} {sha256_of(path)}\n" for role, path in sorted(files.items())).encode()).hexdigest()


def require_readable(path: Path, what: str) -> None:
    """Raise UsageError unless `path` is an ordinary file of a size that can be meant."""
    require_file(path, what)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise UsageError(
            f"{what} {path} is too large",
            code="import.too_large",
            why=f"it has {size / 2**20:,.0f} MiB, and at most {MOST_BYTES / 2**20:,.0f} MiB can be meant",
            do=[("see what it is:", f"file {shlex.quote(str(path))}")],
        )


def text_of(path: Path, what: str) -> str:
    """Return the text of a file of the recording; raise UsageError when it cannot be meant."""
    require_readable(path, what)
    return read_text(path, what)


def garbled(path: Path, what: str, why: str) -> UsageError:
    """Return the error for a file whose content is not what it should be."""
    return UsageError(
        f"{what} {path} cannot be understood",
        code="import.garbled",
        why=why,
        do=[("look at it:", f"head -c 400 {shlex.quote(str(path))} | cat -v")],
    )


def nothing(path: Path, kind: str, wanted: str) -> UsageError:
    """Return the error for a path under which nothing of this kind was found."""
    return UsageError(
        f"there is nothing to import at {path}",
        code="import.nothing",
        why=f"an import of {kind} needs {wanted}",
        do=[("look at what is there:", f"find {shlex.quote(str(path if path.is_dir() else path.parent))} -type f")],
    )


def incomplete(source: Source, kind: str, missing: Sequence[str]) -> UsageError:
    """Return the error for a recording of which files are missing."""
    folder = next(iter(source.files.values())).parent
    return UsageError(
        f"{source.name} is not complete",
        code="import.missing",
        why=f"an import of {kind} also needs {' and '.join(missing)} beside {', '.join(path.name for path in source.files.values())}",
        do=[("look at what is there:", f"ls -l {shlex.quote(str(folder))}")],
    )
