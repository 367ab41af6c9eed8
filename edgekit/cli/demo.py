"""`edgekit demo`: the whole way on a small model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.output import current


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    device: Annotated[str, typer.Option(help="Where to benchmark: local, sim, or a name from edgekit.toml.")] = "local",
    meter: Annotated[str | None, typer.Option(help="What to read.", show_default="the best one usable on the device")] = None,
) -> None:
    """Train a small network on real handwritten digits, convert, verify, benchmark, compare and decide: a few minutes.

    The benchmark follows a quick plan of few, short windows, and the report says so.
    """
    from edgekit.campaigns.demo import demo as run_demo

    ui = current()
    result = run_demo(out, device=device, meter=meter, announce=ui.heading)
    html = result.report.get("html", "")
    text = "\n".join([result.verdict, "", *(f"  {kind:<5} {path}" for kind, path in result.report.items())])
    commands = [
        ("open the report:", f"open {html}   (Linux: xdg-open {html})"),
        ("measure properly:", f"edgekit bench {out}/artifacts/*.tflite {out}/artifacts/*.onnx --runs {out}/runs"),
        ("use your own model:", "edgekit convert MODEL.keras --calib DATA.npz --eval TEST.npz"),
        ("see what else can be measured here:", "edgekit doctor"),
    ]
    ui.result(schema="edgekit.demo/1", data=result, text=text, next_commands=commands)
