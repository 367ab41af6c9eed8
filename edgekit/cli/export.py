"""`edgekit export`: a report or a run, in the format of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.complete import exporter_names
from edgekit.cli.folders import from_here
from edgekit.cli.output import current


def export(
    kind: Annotated[str, typer.Argument(help="csv, parquet, sci or boamps.", autocompletion=exporter_names, show_default=False)],
    subject: Annotated[
        str, typer.Argument(metavar="REPORT.json|RUN", help="A finished report, or a run: its folder, id or tag.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write.", show_default="named after what is exported, in this folder")
    ] = None,
    runs_dir: Annotated[Path | None, typer.Option("--runs", help="Folder of run records.", show_default="./runs, or edgekit.toml")] = None,
) -> None:
    """Write a report or a run as a tidy table (csv, parquet), an SCI report (sci) or a BoAmps report (boamps).

    Every figure keeps its unit, interval, boundary, origins and what it rests on. `sci` needs a report that names both regions.
    """
    from edgekit.config import load
    from edgekit.flows.export import ExportRequest
    from edgekit.flows.export import export as write

    ui = current()
    request = ExportRequest(kind=kind, subject=subject, runs_dir=from_here(runs_dir or load().runs), out=out)
    path = write(request)
    ui.result(schema="edgekit.export/1", data={"kind": kind, "file": str(path)}, text=f"{path}\n")
