"""`edgekit models`: list and build the reference models."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgekit.cli.complete import device_names, meter_names
from edgekit.cli.output import current
from edgekit.cli.record import record
from edgekit.core.jsonio import as_data
from edgekit.core.quantity import Estimate, Note, Quantity
from edgekit.core.units import format_interval, format_scaled

if TYPE_CHECKING:
    from rich.table import Table

    from edgekit.flows.models import BuildRequest, BuildResult, ReferenceModel

app = typer.Typer(no_args_is_help=True, help="List, build and record the reference models.")


@app.command("list", short_help="List the reference models and what is stored of each.")
def list_() -> None:
    """List the models that edgekit can build from code, and the run records stored with each."""
    from edgekit.flows.models import list_models

    found = list_models()
    current().result(
        schema="edgekit.models/1",
        data={"models": found},
        text=_table(found),
        next_commands=[(f"build {model.name}, about {model.seconds:.0f} s:", f"edgekit models build {model.name}") for model in found],
    )


@app.command(short_help="Build a model with its data.")
def build(
    name: Annotated[str, typer.Argument(help="A model of `edgekit models list`.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the model and its data.", show_default="./NAME")] = None,
    device: Annotated[
        str | None, typer.Option(help="Also measure the training: whose meters.", autocompletion=device_names, show_default=False)
    ] = None,
    meter: Annotated[
        list[str] | None,
        typer.Option(help="Also measure the training: what to read; repeatable.", autocompletion=meter_names, show_default=False),
    ] = None,
) -> None:
    """Build a model, trained where its data allows it, with calibration and test data beside it.

    With --device or --meter the energy of the training is measured and kept as NAME.training.json.
    """
    from edgekit.flows.models import BuildRequest, build_model

    ui = current()
    request = BuildRequest(name=name, out=out or Path(name))
    if device is None and not meter:
        built, cost = build_model(request, progress=ui.progress), None
    else:
        built, cost = _build_measured(request, device or "local", meter or [])
    ui.result(
        schema="edgekit.models.build/1",
        data={**as_data(built), "training": cost},
        text="\n".join([_sentence(built), *([_cost(cost)] if cost else [])]),
        next_commands=_next(built),
        notes=_notes(built),
    )


def _build_measured(request: BuildRequest, device: str, meters: list[str]) -> tuple[BuildResult, dict[str, Any]]:
    """Build while a meter is read, and keep the cost beside the model."""
    from edgekit.config import load
    from edgekit.flows.measure import ProcessMeter
    from edgekit.flows.models import build_model, record_training
    from edgekit.links.clock import SystemClock
    from edgekit.registry import open_device, resolve_device

    ui = current()
    settings = load()
    meter = ProcessMeter(open_device(resolve_device(device, settings)), meters=meters, progress=ui.progress)
    built = build_model(request, progress=ui.progress, on_process=meter.around)
    assert meter.result is not None, "the building process ended, so it was measured"
    path = record_training(built, meter.result, created=SystemClock().now_utc())
    return built, {"path": str(path), "energy_j": meter.result.energy_j, "duration_s": meter.result.duration_s}


def _cost(cost: dict[str, Any]) -> str:
    energy: Quantity = cost["energy_j"]
    if not isinstance(energy, Estimate):
        return f"energy of the build: unknown, {energy.reason}"
    value = format_scaled(energy.value, "J", energy.low, energy.high)
    return (
        f"energy of the build: {value} ({format_interval(energy.low, energy.high, 'J')}) at {energy.boundary}, {' + '.join(energy.origins)}"
    )


def _table(models: tuple[ReferenceModel, ...]) -> Table:
    from rich.table import Table

    table = Table()
    for column in ("model", "what", "parameters", "accuracy", "stored runs", "family"):
        table.add_column(column, justify="right" if column in ("parameters", "stored runs") else "left")
    for model in models:
        table.add_row(model.name, model.title, f"{model.parameters:,}", model.accuracy, str(model.references), model.family)
    return table


def _sentence(built: BuildResult) -> str:
    made = "trained" if built.model.training else "built"
    accuracy = f"; {built.test_accuracy:.1%} of the test images right" if built.test_accuracy is not None else ""
    return f"{built.source}: {made} in {built.duration_s:.0f} s{accuracy}; family {built.family}"


def _notes(built: BuildResult) -> list[Note]:
    if built.model.training:
        return []
    return [Note(code="models.untrained", text=f"the weights of {built.model.name} are random: nothing can be said of its accuracy")]


def _next(built: BuildResult) -> list[tuple[str, str]]:
    command = ["edgekit", "convert", built.source]
    command += ["--calib", built.calibration] if built.calibration else []
    command += ["--eval", built.evaluation] if built.evaluation else []
    return [("convert it:", shlex.join(command))]


app.command(short_help="Record the cloud side of a model on a GPU.")(record)
