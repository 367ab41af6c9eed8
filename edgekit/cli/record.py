"""`edgekit models record`: keep the cloud side of the reference models."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.complete import device_names
from edgekit.cli.output import current
from edgekit.core.errors import EdgekitError, UsageError
from edgekit.core.quantity import Note

if TYPE_CHECKING:
    from edgekit.flows.reference import ReferenceResult


def record(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Models of `edgekit models list`, or one of your own with --artifact.", show_default=False
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Record every reference model, one after another.")] = False,
    device: Annotated[str, typer.Option(help="Where to record.", autocompletion=device_names)] = "cuda",
    batch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|N,N,...|sweep[:N]", help="Inputs per invocation, as in `edgekit bench`; repeatable.", show_default="1 and 64"
        ),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="fp32|tf32|fp16", help="How the GPU computes 32-bit floats.", show_default="fp32")
    ] = None,
    windows: Annotated[int, typer.Option(help="Measured windows per batch.")] = 5,
    window: Annotated[float, typer.Option(help="Least seconds of a window.")] = 60.0,
    idle: Annotated[float, typer.Option(help="Seconds of idle before and after.")] = 60.0,
    artifact: Annotated[Path | None, typer.Option(help="Use this float .onnx instead of building the model.", show_default=False)] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Folder of references; with several models, of their folders.", show_default="models/NAME/references"),
    ] = None,
    modeled: Annotated[bool, typer.Option("--modeled", help="Measure nothing; write a modeled record, labelled so.")] = False,
) -> None:
    """Benchmark reference models on a GPU and keep the runs, so that machines without one can compare with them.

    Builds each model, exports it to float ONNX, and runs it on the device at each batch. `--all` goes on where a model cannot be recorded.
    """
    from edgekit.campaigns.record import each
    from edgekit.config import load
    from edgekit.flows.bench.sweep import batches as read_batches
    from edgekit.flows.reference import reference_models, require_device, require_match, require_own_folder
    from edgekit.registry import open_device, resolve_device

    chosen = _chosen(names or [], every=every, known=reference_models(), artifact=artifact)
    for name in chosen:
        require_match(name, artifact, into)
    sizes = sorted({size for text in batch or ("1,64",) for size in read_batches(text)})
    if not modeled:
        spec = resolve_device(device, load())
        require_own_folder(spec, into)
        require_device(open_device(spec))
    timing = ["--windows", str(windows), "--window", str(window), "--idle", str(idle)]
    timing += ["--precision", precision] if precision is not None else []

    def one(name: str) -> ReferenceResult:
        target = None if into is None else into / name if len(chosen) > 1 else into
        return _one(name, device=device, sizes=tuple(sizes), timing=timing, artifact=artifact, into=target, modeled=modeled)

    kept, refused = each(chosen, one)
    _show(kept, refused, own=into is not None)


def _chosen(names: list[str], *, every: bool, known: tuple[str, ...], artifact: Path | None) -> tuple[str, ...]:
    """Return the models that are meant; raise UsageError where none is, or several where there can be one."""
    if every and (names or artifact is not None):
        raise UsageError("--all takes no names and no artifact", code="usage.value", why="it records every reference model")
    if artifact is not None and len(names) != 1:
        raise UsageError("--artifact goes with one name", code="usage.missing", why="the name under which its runs are kept")
    if not names and not every:
        raise UsageError(
            "no model was named",
            code="usage.missing",
            why="record keeps the runs of one model or more",
            do=[("see them:", "edgekit models list"), ("or record every one:", "edgekit models record --all")],
        )
    return known if every else tuple(dict.fromkeys(names))


def _one(
    name: str, *, device: str, sizes: tuple[int, ...], timing: list[str], artifact: Path | None, into: Path | None, modeled: bool
) -> ReferenceResult:
    from edgekit.campaigns.record import prepare
    from edgekit.campaigns.record import record as record_runs
    from edgekit.flows.reference import adopt, model
    from edgekit.links.clock import SystemClock
    from edgekit.links.files import bundled

    target, announce = into or bundled("models") / name / "references", current().heading
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        work = Path(folder)
        chosen = artifact or prepare(name, work=work, announce=announce)
        if modeled:
            return model(chosen, batches=sizes, created=SystemClock().now_utc(), into=target)
        ids = record_runs(chosen, device=device, batches=sizes, timing=timing, runs=work / "runs", announce=announce)
        return adopt(ids, runs_dir=work / "runs", into=target)


def _show(kept: list[ReferenceResult], refused: list[EdgekitError], *, own: bool) -> None:
    from edgekit.reports.runs import runs_table

    folders = [folder for result in kept for folder in result.folders]
    runs = [run for result in kept for run in result.runs]
    current().result(
        schema="edgekit.models.record/1",
        data={
            "folders": folders,
            "runs": runs,
            "refused": [{"code": error.code, "what": error.what, "why": error.why} for error in refused],
        },
        text=runs_table(runs),
        next_commands=[
            ("decide with it:", f"edgekit report RUN --cloud {shlex.quote(folders[0])}" if own else "edgekit report RUN"),
            ("see what is stored:", "edgekit models list"),
        ],
        notes=[
            *(note for run in runs[:1] for note in run.notes),
            *(Note(code=error.code, text=error.what, advice=error.why) for error in refused),
        ],
    )
