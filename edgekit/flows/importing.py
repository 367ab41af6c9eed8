"""Import: make run records of measurements that others published, and hold edgekit's figures against theirs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgekit.core.errors import EdgekitError
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.core.run import RunRecord
from edgekit.core.units import counted
from edgekit.decision.comparison.agreement import Agreement, agreements_of
from edgekit.energy.analyse import analyse
from edgekit.importers.base import Hints, Importer, Recording
from edgekit.store.runs import RunStore, read_traces, write_record
from edgekit.store.traces import write_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Hold what was asked: where the files are, where the records go, and what the user knows better than the files."""

    path: Path
    runs_dir: Path
    tags: tuple[str, ...] = ()
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """Hold the records made, how they agree with what was published, and what could not be imported."""

    runs: tuple[RunRecord, ...]
    agreements: tuple[Agreement, ...]
    failures: tuple[EdgekitError, ...] = ()


def import_runs(request: ImportRequest, *, importer: Importer, progress: Progress, now_utc: Callable[[], str]) -> ImportResult:
    """Make one analysed run record of every recording at a path, all in one session.

    Raises:
        UsageError: nothing was found, or the only recording (or every one of several) cannot be read.
    """
    sources = importer.find(request.path)
    progress.step(f"import {counted(len(sources), 'recording')}", len(sources))
    created = now_utc()
    store = RunStore(request.runs_dir)
    session = store.open_session(created.replace("-", "").replace(":", "").removesuffix("Z"))
    runs: list[RunRecord] = []
    failures: list[EdgekitError] = []
    try:
        for number, source in enumerate(sources):
            progress.advance(number, source.name)
            try:
                recording = importer.read(source, request.hints)
            except EdgekitError as error:
                failures.append(error)
                continue
            taken = {run.id for run in runs}
            runs.append(
                _keep(recording, _run_id(session, recording, taken), session=session, created=created, store=store, request=request)
            )
        progress.advance(len(sources))
    finally:
        store.close_session(session)
    if not runs:
        raise failures[0]
    agreements = tuple(agreement for run in runs for agreement in agreements_of(run))
    return ImportResult(runs=tuple(runs), agreements=agreements, failures=tuple(failures))


def _keep(recording: Recording, run_id: str, *, session: str, created: str, store: RunStore, request: ImportRequest) -> RunRecord:
    """Write one run folder, its record last: a folder without a record is no run."""
    from importlib.metadata import version

    folder = store.root / run_id
    try:
        record = recording.record(
            run_id,
            session=session,
            created=created,
            traces=[write_trace(folder / "traces", trace) for trace in recording.traces],
            tool={"edgekit": version("edgekit")},
            tags=request.tags,
        )
        analysed = replace(record, analysis=analyse(record, read_traces(folder, record)))
        write_record(folder, analysed)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return analysed


def _run_id(session: str, recording: Recording, taken: set[str]) -> str:
    plain = f"{session}-{recording.name}"
    names = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 2))]
    return next(name for name in names if name not in taken)


def failure_notes(failures: Sequence[EdgekitError]) -> tuple[Note, ...]:
    """Return what could not be imported as remarks, for a result that holds the rest."""
    return tuple(
        Note(code=error.code, text=f"not imported: {error}", advice=" ".join(error.do[0]).strip() if error.do else None)
        for error in failures
    )
