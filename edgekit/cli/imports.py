"""`edgekit import`: make run records of measurements that others published."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.complete import importer_names
from edgekit.cli.folders import from_here
from edgekit.cli.output import current
from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from edgekit.core.quantity import Note
    from edgekit.decision.comparison.agreement import Agreement
    from edgekit.flows.importing import ImportResult


def import_(
    kind: Annotated[str, typer.Argument(help="mlperf-tiny or ptdaemon.", autocompletion=importer_names, show_default=False)],
    path: Annotated[Path, typer.Argument(help="A folder (with all below it), one file, or the prefix of its files.", show_default=False)],
    task: Annotated[str | None, typer.Option(help="The task or network, where the path does not say it.", show_default=False)] = None,
    system: Annotated[str | None, typer.Option(help="The board or server, where the path does not say it.", show_default=False)] = None,
    clock_offset: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="ptdaemon: meter's clock less the benchmark's.", show_default="estimated, and shown"),
    ] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder of run records.", show_default="./runs, or edgekit.toml")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Name to find the runs by; repeatable.", show_default=False)] = None,
) -> None:
    """Make run records of published measurements: MLPerf Tiny energy traces, MLPerf Inference power logs.

    The samples are kept as captured and analysed by edgekit; what was published stays beside it, with the difference.
    Exit status 2: a recording could not be read (the others are imported).
    """
    from edgekit.config import load
    from edgekit.flows.importing import ImportRequest, failure_notes, import_runs
    from edgekit.importers.base import Hints
    from edgekit.links.clock import SystemClock
    from edgekit.registry import importer_class
    from edgekit.reports.runs import left_out, run_notes

    ui = current()
    importer = importer_class(kind)()
    runs_dir = from_here(runs or load().runs)
    _require_offset(clock_offset)
    request = ImportRequest(
        path=path, runs_dir=runs_dir, tags=tuple(tag or ()), hints=Hints(task=task, system=system, clock_offset_s=clock_offset)
    )
    result = import_runs(request, importer=importer, progress=ui.progress, now_utc=SystemClock().now_utc)
    remarks = [*failure_notes(result.failures), *_recorded(result), *left_out(result.runs), *run_notes(result.runs)]
    ui.result(
        schema="edgekit.import/1",
        data={"runs": result.runs, "agreements": result.agreements, "runs_dir": str(runs_dir)},
        text=_table(result),
        next_commands=_next(result, runs_dir),
        notes=remarks if ui.json else _condensed(remarks, result),
        status="partial" if result.failures else "ok",
        exit_code=result.failures[0].exit_code if result.failures else 0,
    )


def _require_offset(seconds: float | None) -> None:
    if seconds is not None and not (math.isfinite(seconds) and abs(seconds) <= 366 * 86_400):
        raise UsageError(f"--clock-offset {seconds} cannot be meant", code="usage.value", why="it is a number of seconds, at most a year")


def _recorded(result: ImportResult) -> list[Note]:
    """Return what the records say of their own origin, each remark once."""
    return list(dict.fromkeys(note for run in result.runs for note in run.notes))


def _condensed(notes: Sequence[Note], result: ImportResult) -> list[Note]:
    """Return the notes for a reader: those of one kind in one, and whose recordings these are in few words."""
    from edgekit.core.quantity import Note
    from edgekit.reports.remarks import merged_text

    runs = {note: [run.artifact.path for run in result.runs if note in run.notes] for note in notes}
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(note.code, []).append(note)
    found = []
    for code, alike in kinds.items():
        if code == "import.source" and len(alike) > 1:
            text = "who measured, on what and in which files is in each record and in `edgekit report`; the analysis is edgekit's own. "
            found.append(Note(code=code, text=f"{text}MLPerf name: not verified by MLCommons"))
        elif merged := merged_text({note.text: ", ".join(runs[note]) for note in alike}) if all(map(runs.get, alike)) else "":
            found.append(Note(code=code, text=merged, advice=alike[0].advice))
        else:
            told = len(result.runs) > 1
            found += [
                replace(note, text=f"{', '.join(of)}: {note.text}") if told and 0 < len(of := runs[note]) < len(result.runs) else note
                for note in alike
            ]
    return found


def _table(result: ImportResult) -> Table:
    from rich.table import Table

    from edgekit.core.quantity import Estimate
    from edgekit.core.units import format_interval
    from edgekit.decision.comparison.agreement import FIGURES
    from edgekit.decision.sides.choose import energy_of
    from edgekit.reports.runs import place, short

    table = Table(padding=(0, 1))
    table.add_column("run", overflow="fold")
    table.add_column("J/inference\n95 % interval", justify="right", no_wrap=True)
    table.add_column("boundary\norigin", no_wrap=True)
    table.add_column("published", justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True)
    for run in result.runs:
        energy = energy_of(run)
        interval = f"\n{format_interval(energy.low, energy.high, energy.unit)}" if isinstance(energy, Estimate) else ""
        found = [item for item in result.agreements if item.run == run.id and item.own is not None]
        found.sort(key=lambda item: list(FIGURES).index(item.figure))
        shown = [_figure(item) for item in found] or ["nothing"]
        apart = [_apart(item) for item in found]
        table.add_row(
            run.artifact.path, f"{short(energy)}{interval}", place(energy).replace(", ", "\n"), "\n".join(shown), "\n".join(apart)
        )
    return table


def _figure(item: Agreement) -> str:
    from edgekit.core.units import scale_for

    divisor, unit = scale_for(item.published, item.unit)
    unit = unit if item.figure != "throughput_hz" else unit.replace("Hz", "/s")
    what = {"energy_j_per_inference": "energy", "mean_w": "power", "throughput_hz": "rate"}.get(item.figure, "")
    return f"{what} {item.published / divisor:.7g} {unit}".lstrip()


def _apart(item: Agreement) -> str:
    return "" if item.relative_difference is None else f"{100 * item.relative_difference:+.4f} %"


def _next(result: ImportResult, runs_dir: Path) -> list[tuple[str, str]]:
    from edgekit.flows.bench import reanalyse_command

    commands = [("repeat the analysis from raw data:", reanalyse_command(result.runs, runs_dir))]
    families = [run.artifact.family for run in result.runs]
    family = next((name for name in families if families.count(name) > 1), None)
    if family is not None:
        alike = [run for run in result.runs if run.artifact.family == family][:4]
        folders = " ".join(shlex.quote(str(runs_dir / run.id)) for run in alike)
        commands.insert(0, ("compare runs of one network:", f"edgekit compare {folders}"))
    return commands
