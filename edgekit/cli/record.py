"""`edgekit models record`: keep the cloud side of a reference model."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.complete import device_names
from edgekit.cli.output import current


def record(
    name: Annotated[str, typer.Argument(help="A model of `edgekit models list`, or your own with --artifact and --into.")],
    device: Annotated[str, typer.Option(help="Where to record.", autocompletion=device_names)] = "cuda",
    batch: Annotated[list[int] | None, typer.Option(help="Inputs per invocation; repeatable.", show_default="1 and 64")] = None,
    windows: Annotated[int, typer.Option(help="Measured windows per batch.")] = 5,
    window: Annotated[float, typer.Option(help="Least seconds of a window.")] = 60.0,
    idle: Annotated[float, typer.Option(help="Seconds of idle before and after.")] = 60.0,
    artifact: Annotated[Path | None, typer.Option(help="Use this float .onnx instead of building the model.", show_default=False)] = None,
    into: Annotated[Path | None, typer.Option(help="Folder of references.", show_default="models/NAME/references")] = None,
    modeled: Annotated[bool, typer.Option("--modeled", help="Measure nothing; write a modeled record, labelled so.")] = False,
) -> None:
    """Benchmark a reference model on a GPU and keep the runs, so that machines without one can compare with them.

    Builds the model, exports it to float ONNX, and runs it on the device at each batch.
    """
    from edgekit.campaigns.record import prepare
    from edgekit.campaigns.record import record as record_runs
    from edgekit.config import load
    from edgekit.flows.reference import adopt, model, require_device, require_match
    from edgekit.links.clock import SystemClock
    from edgekit.links.files import bundled
    from edgekit.registry import open_device, resolve_device

    ui = current()
    require_match(name, artifact, into)
    if not modeled:
        require_device(open_device(resolve_device(device, load())))
    target = into or bundled("models") / name / "references"
    batches = tuple(batch or (1, 64))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        work = Path(folder)
        chosen = artifact or prepare(name, work=work, announce=ui.heading)
        if modeled:
            kept = model(chosen, batches=batches, created=SystemClock().now_utc(), into=target)
        else:
            timing = ("--windows", str(windows), "--window", str(window), "--idle", str(idle))
            ids = record_runs(chosen, device=device, batches=batches, timing=timing, runs=work / "runs", announce=ui.heading)
            kept = adopt(ids, runs_dir=work / "runs", into=target)
    from edgekit.reports.runs import runs_table

    ui.result(
        schema="edgekit.models.record/1",
        data={"folders": kept.folders, "runs": kept.runs},
        text=runs_table(kept.runs),
        next_commands=[
            ("decide with it:", f"edgekit report RUN --cloud {shlex.quote(kept.folders[0])}" if into else "edgekit report RUN"),
            ("see what is stored:", "edgekit models list"),
        ],
        notes=[note for run in kept.runs[:1] for note in run.notes],
    )
