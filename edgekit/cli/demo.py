"""`edgekit demo`: the whole way on a small model."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.output import current
from edgekit.cli.width import page_width

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgekit.campaigns.demo import DemoResult


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    device: Annotated[str, typer.Option(help="Where to benchmark: local, sim, or a name from edgekit.toml.")] = "local",
    meter: Annotated[str | None, typer.Option(help="What to read.", show_default="the best one usable on the device")] = None,
) -> None:
    """Train a small network on real handwritten digits, convert, verify, benchmark, compare and decide: a few minutes.

    The benchmark follows a quick plan of few, short windows, and the report says so.
    """
    from edgekit.campaigns.demo import demo as run_demo
    from edgekit.config import load
    from edgekit.registry import meter_class, resolve_device, resolve_meter

    ui = current()
    settings = load()
    resolve_device(device, settings)  # a misspelt name is said now, not after the training
    if meter is not None:
        meter_class(resolve_meter(meter, settings))
    result = run_demo(out, device=device, meter=meter, announce=ui.heading)
    text = "\n".join(
        [f"verdict: {result.headline}", "", *wrap(result.verdict, 96), "", *(f"  {kind:<5} {path}" for kind, path in result.report.items())]
    )
    where, runs = shlex.quote(str(out)), shlex.quote(str(out / "runs"))
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    commands = [
        ("open the report:", f"{opener} {shlex.quote(result.report['html'])}"),
        (
            "change how the product is used, and decide again:",
            f"edit {where}/scenario.toml, then: edgekit report {runs}/* --scenario {where}/scenario.toml --out {where}/report",
        ),
        ("measure with the full method:", f"edgekit bench {where}/artifacts/*.tflite {where}/artifacts/*.onnx --runs {runs}"),
        ("convert a model of your own:", "edgekit convert MODEL.keras --calib DATA.npz --eval TEST.npz"),
        ("see what else can be measured here:", "edgekit doctor"),
    ]
    ui.result(
        schema="edgekit.demo/1", data=result, text="" if ui.json else _with_tables(text, result, out / "runs"), next_commands=commands
    )


def _with_tables(text: str, result: DemoResult, runs: Path) -> RenderableType:
    """Return the verdict below what the benchmark and the comparison would have printed."""
    from rich.console import Group
    from rich.text import Text

    from edgekit.cli.compare import blocks
    from edgekit.flows.compare import analyse
    from edgekit.reports.runs import runs_table
    from edgekit.store.runs import load_runs

    records = [record for run in result.runs for record in load_runs(run, runs_dir=runs).values()]
    compared = blocks(analyse(records), width=page_width())
    return Group(runs_table(records), "", Text(compared), Text(text))
