"""Keep run records in a folder: `runs/ID/run.json` with `runs/ID/traces/*.parquet`; each run folder can be copied alone."""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO, TypeVar

from edgekit.core import jsonio
from edgekit.core.errors import SetupError, UsageError
from edgekit.core.quantity import Estimate
from edgekit.core.run import RunRecord
from edgekit.core.trace import ChunkedTrace, Trace
from edgekit.core.window import Phase
from edgekit.links.files import bundled, read_bytes, reading, sha256_of, write_atomic, writing
from edgekit.links.lock import lock
from edgekit.store.journal import JOURNAL, fold, read_events
from edgekit.store.traces import compact, open_trace, read_trace

RECORD = "run.json"
OWNER = "owner"
T = TypeVar("T")

_MOST = 1e20  # joules or seconds of one inference: more than the world takes in months, or than its age
SWEEP = "sweep-"  # tags that begin so are given by a sweep, to all of its sessions


class RunStore:
    """Open, close, list and find runs under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._held: dict[str, BinaryIO] = {}

    def open_session(self, stamp: str) -> str:
        """Claim a session that no other process has, named `stamp` and a serial number; it is this process's until it is closed.

        The folder is made under another name, locked, and only then moved to its own: nobody ever sees it without its owner.
        """
        parent = self.root / ".open"
        with writing(parent):
            folder = _new_folder(parent)
            owner = lock(folder / OWNER)
            if owner is None:
                raise SetupError(f"cannot lock {folder / OWNER}", code="output.lock", why="the file system refuses to lock files")
            for serial in itertools.count():
                session = f"{stamp}-{serial:02d}"
                try:
                    folder = folder.rename(parent / session)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                    continue
                if not any(self.root.glob(f"{session}-*")):
                    break
        self._held[session] = owner
        return session

    def session_folder(self, session: str) -> Path:
        """Return the folder of a session that is still open."""
        return self.root / ".open" / session

    def close_session(self, session: str) -> list[RunRecord]:
        """Fold an open session into one run folder per artifact and remove it; return the records, without analysis.

        A session that ended before anything was known about it leaves no record.
        """
        folder = self.session_folder(session)
        events = read_events(folder)
        traces = compact(folder / "traces")
        records = fold(events, traces, where=str(folder)) if events else []
        for record in records:
            target = self.root / record.id
            with writing(target):
                (target / "traces").mkdir(parents=True, exist_ok=True)
                for trace in traces:
                    _link(folder / trace.path, target / trace.path)
            self.save(record)
        (folder / JOURNAL).unlink(missing_ok=True)  # a kill from here on must not fold what is left a second time
        shutil.rmtree(folder)
        if owner := self._held.pop(session, None):
            owner.close()
        with contextlib.suppress(OSError):  # other sessions are open
            (self.root / ".open").rmdir()
        return records

    def abandoned(self) -> list[str]:
        """Take over the sessions whose process was killed, and return their names; those of running processes are left alone."""
        found = []
        for folder in sorted((self.root / ".open").glob("[!.]*/")):
            if folder.name not in self._held and (owner := lock(folder / OWNER)):
                self._held[folder.name] = owner
                found.append(folder.name)
        return found

    def save(self, record: RunRecord) -> Path:
        """Write a record into its folder, atomically; return the folder."""
        return write_record(self.root / record.id, record)

    def discard(self, record: RunRecord) -> None:
        """Remove the folder of a run that holds nothing anybody could use."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.root / record.id)

    def find(self, name: str) -> Path:
        """Return the one run folder that `name` means; raise UsageError when it means none, or several."""
        found = self.find_all(name)
        if len(found) > 1:
            raise UsageError(
                f"run {name!r} is ambiguous",
                code="run.ambiguous",
                why=f"it means {', '.join(folder.name for folder in found)}",
                do=[("name one of them:", found[0].name)],
            )
        return found[0]

    def find_all(self, name: str) -> list[Path]:
        """Return the run folders that `name` means: sessions by id, the runs of one in the order in which they were measured.

        A folder, a run.json or an id means one run; the start of ids, all runs of the one session they share; a tag, all runs of the newest
        session that carries it; the tag of a sweep, those of all its sessions. Raises UsageError when nothing has this name, or it starts
        ids of several sessions.
        """
        direct = Path(name)
        with reading(direct, "run"):
            if direct.name == RECORD and direct.is_file():
                return [direct.parent]
            if (direct / RECORD).is_file():
                return [direct]
        ids = sorted(path.parent.name for path in self.root.glob(f"*/{RECORD}"))
        if name in ids:
            return [self.root / name]
        started = self._readable([run_id for run_id in ids if run_id.startswith(name)]) if name else []
        if len({record.session for _, record in started}) > 1:
            why = f"it starts {', '.join(folder.name for folder, _ in started)}"
            raise UsageError(f"run {name!r} is ambiguous", code="run.ambiguous", why=why)
        tagged = [(folder, record) for folder, record in self._readable(ids) if name in record.tags] if not started else []
        newest = [item for item in tagged if name.startswith(SWEEP) or item[1].session == tagged[-1][1].session]
        if not started and not newest:
            raise UsageError(
                f"no run is called {name!r}",
                code="run.unknown",
                why=f"looked for a folder, an id, the start of an id or a tag in {self.root}",
                do=[("list the runs:", f"ls {shlex.quote(str(self.root))}"), ("record one:", "edgekit bench ARTIFACT")],
            )
        return [folder for folder, _ in sorted(started or newest, key=lambda item: _place(item[1]))]

    def _readable(self, ids: Sequence[str]) -> list[tuple[Path, RunRecord]]:
        """Return the folders of `ids` whose record can be read: a damaged one must not stand in the way of finding another."""
        found = []
        for folder in (self.root / run_id for run_id in ids):
            with contextlib.suppress(UsageError):
                found.append((folder, read_record(folder / RECORD)))
        return found


def _place(record: RunRecord) -> tuple[str, float]:
    """Return where a run stands among others: artifacts of one session take turns, the one named first begins."""
    measured = (window.start_ns for window in record.windows if window.phase is Phase.MEASURE)
    return record.session, min(measured, default=math.inf)


def load_run(name: str | Path, runs_dir: Path) -> RunRecord:
    """Return the run that `name` means in `runs_dir`; raise UsageError when there is none, or more than one."""
    return _believed(RunStore(runs_dir).find(str(name)))


def load_runs(name: str, runs_dir: Path) -> dict[str, RunRecord]:
    """Return the runs that `name` means by their folders, as the user may type them; a tag or a session means all of its runs."""
    return {str(folder): _believed(folder) for folder in RunStore(runs_dir).find_all(name)}


def read_record(path: Path) -> RunRecord:
    """Return the record stored in a run.json."""
    return jsonio.load_record(RunRecord, read_bytes(path, "the run record"), where=str(path))


def _believed(folder: Path) -> RunRecord:
    """Return the record of a run folder; raise UsageError for figures that no run can have."""
    record = read_record(folder / RECORD)
    for why in impossible(record):
        raise UsageError(
            f"{folder / RECORD} holds what no run can have",
            code="run.impossible",
            why=why,
            do=[("repeat the analysis from its raw readings:", shlex.join(["edgekit", "bench", "--reanalyse", str(folder)]))],
        )
    return record


def impossible(record: RunRecord) -> Iterator[str]:
    """Yield what of a record cannot be: somebody edited it, or another program wrote it."""
    if record.created and not _is_date(record.created):
        yield f"created: {record.created[:40]!r} does not begin with a date"
    if record.analysis is not None:
        for name, unit in (("energy_j_per_inference", "J"), ("time_s_per_inference", "s")):
            figure = getattr(record.analysis, name)
            if isinstance(figure, Estimate) and not (figure.unit == unit and 0 < figure.value <= figure.high <= _MOST):
                yield f"analysis.{name}: {figure.value:g} {figure.unit}; more than 0 {unit} is expected"
    accuracy = record.artifact.verification.accuracy if record.artifact.verification is not None else None
    if isinstance(accuracy, Estimate) and not 0 <= accuracy.value <= 1:
        yield f"artifact.verification.accuracy: {accuracy.value:g}; a share between 0 and 1 is expected"


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text[:10]))
    except ValueError:
        return False


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write a record into `folder`, atomically; return the folder."""
    write_atomic(folder / RECORD, jsonio.dump_record(record))
    return folder


def read_traces(folder: Path, record: RunRecord) -> Mapping[str, Trace]:
    """Return the raw traces of a run by channel id; raise UsageError when one is missing or not the one that was recorded."""
    _require_traces(folder, record)
    return {item.channel: _whole(read_trace, folder / item.path, record) for item in record.traces}


def open_traces(folder: Path, record: RunRecord) -> Mapping[str, Trace | ChunkedTrace]:
    """Return the same, but traces too large for the memory piece by piece: for the analysis, which needs each reading once."""
    _require_traces(folder, record)
    return {item.channel: _whole(open_trace, folder / item.path, record) for item in record.traces}


def _whole(read: Callable[[Path], T], path: Path, record: RunRecord) -> T:
    """Return a trace; raise UsageError for a file that is none, whatever its library says of it."""
    try:
        return read(path)
    except (ValueError, KeyError, TypeError, OSError) as error:  # pyarrow's own errors are among them
        raise UsageError(
            f"run {record.id} has lost raw readings",
            code="run.raw_data",
            why=f"{path} is no trace: {error}",
            do=[("copy the run folder again, its traces included:", f"ls -l {shlex.quote(str(path.parent))}")],
        ) from error


def _require_traces(folder: Path, record: RunRecord) -> None:
    for item in record.traces:
        path = folder / item.path
        if not path.is_file() or sha256_of(path) != item.sha256:
            raise UsageError(
                f"run {record.id} has lost raw readings",
                code="run.raw_data",
                why=f"{path} {'is not the file that was recorded' if path.is_file() else 'does not exist'}",
                do=[("copy the run folder again, its traces included:", f"ls -l {shlex.quote(str(folder / 'traces'))}")],
            )


def find_references(family: str, root: Path | None = None) -> list[RunRecord]:
    """Return the stored reference runs of a model family that ship with edgekit, by id."""
    folder = root if root is not None else bundled("models")
    records = (read_record(path) for path in sorted(folder.glob(f"*/references/*/{RECORD}")))
    return [record for record in records if record.artifact.family == family]


def _link(source: Path, target: Path) -> None:
    """Share the bytes between runs of one session where the file system can; copy them elsewhere."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _new_folder(parent: Path) -> Path:
    while True:
        parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process closed the last session and took the empty folder away
            return Path(tempfile.mkdtemp(dir=parent, prefix=".new-"))
