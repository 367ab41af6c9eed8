"""Keep run records in a folder: `runs/ID/run.json` with `runs/ID/traces/*.parquet`; each run folder can be copied alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from edgekit.core import jsonio
from edgekit.core.errors import UsageError
from edgekit.core.run import Analysis, RunRecord
from edgekit.core.trace import Trace
from edgekit.links.files import bundled, write_atomic, writing
from edgekit.store.journal import fold, read_events
from edgekit.store.traces import compact, read_trace

RECORD = "run.json"


class RunStore:
    """Open, close, list and find runs under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
        shutil.rmtree(folder)
        if not any((self.root / ".open").iterdir()):
            (self.root / ".open").rmdir()
        return records

    def recover(self) -> list[RunRecord]:
        """Close every session that a killed process left open; return the records, without analysis."""
        left = [folder for folder in sorted((self.root / ".open").glob("*/")) if not _owner_alive(folder)]
        return [record for folder in left for record in self.close_session(folder.name)]

    def save(self, record: RunRecord) -> Path:
        """Write a record into its folder, atomically; return the folder."""
        folder = self.root / record.id
        write_atomic(folder / RECORD, jsonio.dump_record(record))
        return folder

    def list(self) -> Iterator[RunRecord]:
        """Yield every readable record under the root, by id."""
        for path in sorted(self.root.glob(f"*/{RECORD}")):
            yield read_record(path)

    def find(self, name: str) -> Path:
        """Return the run folder that `name` means: a folder, a run.json, an id, the only id that starts with it, or a tag (newest)."""
        direct = Path(name)
        if direct.name == RECORD and direct.is_file():
            return direct.parent
        if (direct / RECORD).is_file():
            return direct
        ids = sorted(path.parent.name for path in self.root.glob(f"*/{RECORD}"))
        if name in ids:
            return self.root / name
        matches = [run_id for run_id in ids if run_id.startswith(name)]
        if len(matches) == 1:
            return self.root / matches[0]
        if len(matches) > 1:
            raise UsageError(f"run {name!r} is ambiguous", code="run.ambiguous", why=f"it starts {', '.join(matches)}")
        tagged = [run_id for run_id in ids if name in read_record(self.root / run_id / RECORD).tags]
        if tagged:
            return self.root / tagged[-1]
        raise UsageError(
            f"no run is called {name!r}",
            code="run.unknown",
            why=f"looked for a folder, an id, the start of an id or a tag in {self.root}",
            do=[("list the runs:", f"ls '{self.root}'"), ("record one:", "edgekit bench ARTIFACT")],
        )


def load_run(name: str | Path, runs_dir: Path) -> RunRecord:
    """Return the run that `name` means in `runs_dir`; raise UsageError when there is none, or more than one."""
    return read_record(RunStore(runs_dir).find(str(name)) / RECORD)


def read_record(path: Path) -> RunRecord:
    """Return the record stored in a run.json."""
    return jsonio.load_record(RunRecord, path.read_bytes(), where=str(path))


def read_traces(folder: Path, record: RunRecord) -> Mapping[str, Trace]:
    """Return the raw traces of a run by channel id."""
    return {item.channel: read_trace(folder / item.path) for item in record.traces}


def with_analysis(record: RunRecord, analysis: Analysis) -> RunRecord:
    """Return the record with its analysis filled in."""
    return replace(record, analysis=analysis)


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


def _owner_alive(folder: Path) -> bool:
    """Return True while the process that opened the session still runs."""
    try:
        pid = int((folder / "owner").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return False
    return True
