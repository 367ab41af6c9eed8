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
        next_commands=[
            ("build one, in seconds:", "edgekit models build digits_cnn"),
            ("train one on your own data:", "edgekit models build kws_dscnn --data FOLDER"),
        ],
    )


@app.command(short_help="Build a model with its data.")
def build(
    name: Annotated[str, typer.Argument(help="A model of `edgekit models list`.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the model and its data.", show_default="./NAME")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Train it on this folder: train.npz (x, y) and perhaps test.npz, or images by class.", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training data.", show_default="the model's")] = None,
    device: Annotated[
        str | None, typer.Option(help="Also measure the training: whose meters.", autocompletion=device_names, show_default=False)
    ] = None,
    meter: Annotated[
        list[str] | None,
        typer.Option(help="Also measure the training: what to read; repeatable.", autocompletion=meter_names, show_default=False),
    ] = None,
) -> None:
    """Build a model with calibration and test data beside it, trained where data is at hand or given.

    --data FOLDER holds train.npz with inputs x and class numbers y, in the range that `edgekit models list --json` states;
    test.npz likewise, or every fifth sample is held out. A model for images also takes one folder of PNG or JPEG files per
    class. Without data, a model that is not trained has seeded random weights.

    With --device or --meter or --meter the energy of the training is measured and kept as NAME.training.json.
    """
    from edgekit.flows.models import BuildRequest, build_model

    ui = current()
    request = BuildRequest(name=name, out=out or Path(name), data=data, epochs=epochs)
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
    made = f"trained on {built.train_samples} samples" if built.data else "built"
    return f"{built.source}: {made} in {built.duration_s:.0f} s{_judged(built)}; family {built.family}"


def _judged(built: BuildResult) -> str:
    if built.test_accuracy is not None:
        return f"; {built.test_accuracy:.1%} of {built.test_samples} held-out samples right"
    if built.test_auc is not None:
        return f"; area under the ROC curve {built.test_auc:.3f} on {built.test_samples} held-out samples"
    return f"; mean squared error {built.test_mse:.4g} on {built.test_samples} held-out samples" if built.test_mse is not None else ""


def _notes(built: BuildResult) -> list[Note]:
    notes = []
    if built.data is None:
        text = f"the weights of {built.model.name} are random: nothing can be said of its accuracy"
        notes.append(Note(code="models.untrained", text=text))
    if built.classes:
        text = f"its outputs are, in order: {', '.join(built.classes)}; also in {built.model.name}.classes.txt"
        notes.append(Note(code="models.classes", text=text))
    if built.stale:
        text = f"{', '.join(built.stale)} in the same folder are of an earlier build, and do not belong to this model"
        notes.append(Note(code="models.stale", text=text))
    return notes


def _next(built: BuildResult) -> list[tuple[str, str]]:
    from edgekit.converters.base import RECIPES

    command = ["edgekit", "convert", built.source]
    if set(built.model.recipes) != {recipe.name for recipe in RECIPES if recipe.usual}:
        command += [word for recipe in built.model.recipes for word in ("-r", recipe)]
    if built.data is None and (floor := built.model.int8_floor_db) is not None:
        command += [word for recipe in built.model.recipes if recipe.startswith("int8") for word in ("--min-sqnr", f"{recipe}={floor:g}")]
    command += ["--calib", built.calibration] if built.calibration else []
    command += ["--eval", built.evaluation] if built.evaluation else []
    return [("convert it:", shlex.join(command))]


app.command(short_help="Record the cloud side of a model on a GPU.")(record)
