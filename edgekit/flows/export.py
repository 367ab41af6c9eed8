"""Export: one finished report, or one run, in the format of somebody else."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.run import RunRecord
from edgekit.decision.constants.pack import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario
from edgekit.links.files import read_text, write_atomic
from edgekit.registry import exporter_class
from edgekit.reports.model import Report, build
from edgekit.reports.stored import intact, load_report
from edgekit.store.runs import load_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Hold what was asked: the format, a report.json or a run as typed, and where to write (None: beside this folder's files)."""

    kind: str
    subject: str
    runs_dir: Path
    out: Path | None = None


def export(request: ExportRequest, *, load: Callable[[str], Mapping[str, RunRecord]] | None = None) -> Path:
    """Write the file and return its path.

    Raises:
        UsageError: the format is unknown, the subject cannot be read, or holds too little for the format.
        SetupError: the file cannot be written.
    """
    exporter = exporter_class(request.kind)()
    path = Path(request.subject)
    is_report = path.suffix == ".json" and path.name != "run.json" and path.is_file()
    if is_report:
        stored = load_report(read_text(path, "report"), where=str(path))
        with intact(str(path)):
            content = exporter.write(stored)
    elif not exporter.of_runs:
        raise UsageError(
            f"a run alone cannot be written as {request.kind}",
            code="export.run",
            why="it says nothing of how the product is used",
            do=[("decide first:", shlex.join(["edgekit", "report", request.subject, "--scenario", "FILE", "--format", request.kind]))],
        )
    else:
        found = (load or partial(load_runs, runs_dir=request.runs_dir))(request.subject)
        content = exporter.write(of_runs(list(found.values())), runs_only=True)
    target = request.out or Path(path.stem if is_report else path.name).with_suffix(exporter.suffix)
    write_atomic(target, content)
    return target


def of_runs(runs: list[RunRecord]) -> Report:
    """Return a report that holds runs and nothing of a decision that matters: what it decides is not exported. Pure."""
    constants = load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
    return build(decide(runs, default_scenario(constants), constants), runs)
