"""`edgekit report`: should it run on the device or in the cloud?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.folders import from_here
from edgekit.cli.output import current
from edgekit.cli.width import page_width


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...", help="Runs of one model: folders, ids, starts of ids, or tags; or one REPORT.json.", show_default=False
        ),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="How the product is used (TOML).", show_default="one inference per second, a shared cloud")
    ] = None,
    out: Annotated[Path, typer.Option(help="An existing folder, or the files' path without suffix.")] = Path("report"),
    training: Annotated[Path | None, typer.Option(help="What training cost: a *.training.json.", show_default=False)] = None,
    cloud: Annotated[str, typer.Option(metavar="RUN|auto|none", help="The cloud side; auto takes a shipped reference run.")] = "auto",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="html, md, json, csv, parquet, sci, boamps, pdf; repeatable, or several with commas.",
            show_default="html,md,json",
        ),
    ] = None,
    runs_dir: Annotated[Path | None, typer.Option("--runs", help="Folder of run records.", show_default="./runs, or edgekit.toml")] = None,
) -> None:
    """Decide between device and cloud for a scenario, and write the report: HTML, Markdown, JSON, tables, the SCI template, BoAmps.

    The verdict is one of: edge (robust), cloud (robust), depends on something that flips it, or inconclusive with what to measure next.
    A REPORT.json in place of runs is drawn again, from it alone: the same bytes for the same version.
    """
    from edgekit.config import load
    from edgekit.flows.report import FORMATS, ReportRequest
    from edgekit.flows.report import report as make_report
    from edgekit.reports.text import render

    ui = current()
    request = ReportRequest(
        runs=tuple(runs or ()),
        runs_dir=from_here(runs_dir or load().runs),
        out=out,
        scenario=scenario,
        training=training,
        cloud=cloud,
        formats=_formats(formats) or FORMATS,
    )
    result = make_report(request, progress=ui.progress)
    decision = result.report.decision
    first = shlex.quote(str(next(iter(result.files.values()))))
    written = "\n".join(f"  {kind:<7} {path}" for kind, path in result.files.items())
    ui.result(
        schema="edgekit.report/1",
        data={
            "verdict": decision.verdict.sentence,
            "kind": decision.verdict.kind,
            "headline": decision.verdict.headline,
            "condition": decision.verdict.condition,
            "files": {kind: str(path) for kind, path in result.files.items()},
            "decision": decision,
            "runs": result.report.runs,
        },
        text=f"{render(result.report, width=page_width())}\n{written}",
        next_commands=[("open the report:", f"xdg-open {first}"), *decision.verdict.commands],
        notes=(),
    )


def _formats(named: list[str] | None) -> tuple[str, ...]:
    """Return the formats, each once, in the order in which they were named; raise UsageError for one that nobody knows."""
    from edgekit.core.errors import unknown_name
    from edgekit.flows.report import RENDERED
    from edgekit.registry import exporter_names

    found = tuple(dict.fromkeys(word.strip() for text in named or () for word in text.split(",") if word.strip()))
    known = (*RENDERED, *exporter_names())
    for name in found:
        if name not in known:
            raise unknown_name("format", name, known, list_command="edgekit report --help")
    return found
