"""Find the files of MLPerf Tiny energy runs, and read from their paths what was submitted.

As submitted:    [tiny_results_v1.2/]closed/SUBMITTER/results/SYSTEM/TASK[/energy]/results.txt, timestamps.json, trace1-energy.bin
As a prefix:     v12_SUBMITTER_SYSTEM_TASK.results.txt, v12_SUBMITTER_SYSTEM_TASK.timestamps.json, ...
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError, missing_file
from edgekit.importers.base import Hints, Source, nothing
from edgekit.importers.mlperf_tiny.tasks import TASKS

KIND = "mlperf-tiny"
_ROLES = (  # longest first: one ending may be the end of another
    ("trace1-timestamps.json", "timestamps"),
    ("trace1-energy.bin", "trace"),
    ("timestamps.json", "timestamps"),
    ("results.json", "session"),
    ("results.txt", "results"),
)
_WANTED = "results.txt, timestamps.json and trace1-energy.bin, or the results.json of the newer runner"
_OTHER_MODES = frozenset({"performance", "accuracy"})  # submissions keep runs without a meter beside those with one


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Hold what the path tells of a submission; "" where it does not."""

    task: str
    system: str
    round: str = ""
    submitter: str = ""
    division: str = ""


def find(path: Path) -> tuple[Source, ...]:
    """Return the recordings at `path`: a folder (with all below it), one of the files, or the prefix they share."""
    if path.is_dir():
        below = (item for item in sorted(path.rglob("*")) if not _OTHER_MODES & set(item.relative_to(path).parts[:-1]))
        groups = _groups(below)
    elif path.is_file():
        groups = [group for group in _groups(sorted(path.parent.iterdir())) if path in group.files.values()]
    elif path.parent.is_dir():
        groups = _groups(item for item in sorted(path.parent.iterdir()) if item.name.startswith(path.name))
        if not groups:
            raise missing_file(path, "recording")
    else:
        raise missing_file(path, "recording")
    found = tuple(group for group in groups if {"trace", "timestamps", "session"} & set(group.files))
    if not found:
        raise nothing(path, KIND, _WANTED)
    return found


def _groups(items: Iterable[Path]) -> list[Source]:
    files: dict[tuple[Path, str], dict[str, Path]] = defaultdict(dict)
    for item in items:
        for ending, role in _ROLES:
            if item.name.endswith(ending) and not item.is_dir():
                files[item.parent, item.name.removesuffix(ending)].setdefault(role, item)
                break
    return [
        Source(name=prefix.strip("._- ") or str(folder), files=dict(sorted(found.items()))) for (folder, prefix), found in files.items()
    ]


def submission(source: Source, hints: Hints) -> Submission:
    """Return what was submitted; raise UsageError when neither the path nor the user says which task it is."""
    path = next(iter(source.files.values())).absolute()
    parts = list(path.parent.parts)
    prefix = source.name if "/" not in source.name else ""
    task = _task(hints.task, source) if hints.task else next(filter(None, map(_named_task, [prefix, *reversed(parts)])), "")
    if not task:
        raise UsageError(
            f"which task is {source.name}?",
            code="import.task",
            why=f"neither its name nor its folders say one of {', '.join(TASKS)}",
            do=[("say it:", f"edgekit import {KIND} PATH --task kws")],
        )
    _refuse_streaming(task, source)
    known = _from_prefix(prefix, task) if prefix else _from_folders(parts, task)
    return Submission(
        task=task,
        system=hints.system or known.get("system") or "system unknown",
        round=next(
            (f"v{found[1]}.{found[2]}" for part in [prefix, *reversed(parts)] if (found := re.search(r"v(\d)[._]?(\d)(?!\d)", part))), ""
        ),
        submitter=known.get("submitter", ""),
        division=known.get("division", ""),
    )


def _task(name: str, source: Source) -> str:
    found = _named_task(name)
    if not found:
        raise UsageError(
            f"no MLPerf Tiny task is called {name!r}",
            code="import.task",
            why=f"known: {', '.join(TASKS)}",
            do=[("for instance:", f"edgekit import {KIND} PATH --task kws")],
            data={"source": source.name},
        )
    return found


def _named_task(text: str) -> str:
    """Return the task that a folder or a prefix names, at its end or as a whole."""
    lowered = text.lower()
    for task, about in TASKS.items():
        if any(lowered == name or lowered.endswith(("_" + name, "-" + name)) for name in (task, f"{task}01", *about.names)):
            return task
    return ""


def _refuse_streaming(task: str, source: Source) -> None:
    if task == "sww":
        raise UsageError(
            f"{source.name} is a streaming run",
            code="import.streaming",
            why="the streaming wake word task states joules for a 20-minute test, not for one inference",
        )


def _from_prefix(prefix: str, task: str) -> dict[str, str]:
    head = re.sub(r"^v\d[._]?\d_", "", prefix)
    names = sorted((task, f"{task}01", *TASKS[task].names), key=len, reverse=True)
    head = re.sub(rf"[_-]({'|'.join(map(re.escape, names))})$", "", head, flags=re.IGNORECASE)
    submitter, _, system = head.partition("_")
    return {"submitter": submitter, "system": system} if system and head != prefix else {"system": head}


def _from_folders(parts: list[str], task: str) -> dict[str, str]:
    """Return what folders of a submission say: the division names the place of all others."""
    for index, part in enumerate(parts):
        if part in ("closed", "open") and len(parts) > index + 3 and parts[index + 2] == "results":
            return {"division": part, "submitter": parts[index + 1], "system": parts[index + 3]}
    place = next((index for index, part in enumerate(parts) if _named_task(part) == task), 0)
    return {"system": parts[place - 1]} if place > 1 else {}
