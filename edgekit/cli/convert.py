"""`edgekit convert`: from a float model to artifacts that are proved against it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.amounts import seconds, size
from edgekit.cli.output import current
from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    pass


def convert(
    model: Annotated[
        Path, typer.Argument(help="A trained float model: .keras, .h5, SavedModel folder, .pt2, module:function, .onnx, .tflite.")
    ],
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            "-r",
            help="fp32, fp16, int8, int8-full, dynamic, w8, w4, int16x8; repeatable. Default: the usual ones.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="tflite, onnx or ort; repeatable. Default: tflite and onnx.", show_default=False)
    ] = None,
    calib: Annotated[
        Path | None,
        typer.Option(help="Typical inputs for int8, about 100: .npz with x or one array per input, or .npy.", show_default=False),
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--eval", help="Held-out inputs x with class numbers y (.npz): gives accuracy.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the artifacts.")] = Path("artifacts"),
    name: Annotated[str | None, typer.Option(help="Name of the artifacts.", show_default="the model's")] = None,
    min_sqnr: Annotated[
        list[str] | None, typer.Option(metavar="RECIPE=DB", help="Move a floor of the gate, such as int8=15.", show_default=False)
    ] = None,
    max_accuracy_drop: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Allow accuracy on --eval to fall by this much, such as 1%; where it surely does not, SQNR may miss its floor.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="What it is for: chooses recipes, checks operators and memory.", show_default=False)
    ] = None,
    mixed: Annotated[
        str | None,
        typer.Option(metavar="auto|LAYERS", help="Keep these layers, or the worst ones, in higher precision.", show_default=False),
    ] = None,
    sensitivity: Annotated[bool, typer.Option("--sensitivity", help="Tell how much each layer loses when it alone is quantized.")] = False,
    runtime_agreement: Annotated[
        bool, typer.Option("--runtime-agreement", help="Run each .tflite in several runtimes and tell how far they differ.")
    ] = False,
    percentile: Annotated[
        float | None,
        typer.Option(
            min=50, max=100, help="Clip calibration ranges to this percentile, such as 99.99.", show_default="minimum and maximum"
        ),
    ] = None,
    allow_unsafe_model: Annotated[
        bool, typer.Option("--allow-unsafe-model", help="Load a model that carries code (Lambda layers). Only for models you wrote.")
    ] = False,
    custom_objects: Annotated[
        list[str] | None, typer.Option(metavar="MODULE:CLASS", help="A class that a Keras model refers to; repeatable.", show_default=False)
    ] = None,
    memory: Annotated[str | None, typer.Option(help="End a converter that takes more, such as 4GiB.", show_default=False)] = None,
    timeout: Annotated[str | None, typer.Option(help="End a converter that takes longer, such as 10m.", show_default=False)] = None,
) -> None:
    """Convert a trained model, run every result in its runtime, and compare it with the source.

    Each artifact is written as NAME.RECIPE.FORMAT with a .json beside it that holds the proof. Exit status 3: an artifact
    fails its gate; 5: a recipe gave none.
    """
    from edgekit.cli.converted import next_commands, remarks, status, tables
    from edgekit.config import load
    from edgekit.converters.settings import MINMAX, Settings
    from edgekit.flows.convert import ConvertRequest
    from edgekit.flows.convert import convert as make

    ui = current()
    request = ConvertRequest(
        model=model,
        out=out,
        recipes=tuple(recipe or ()),
        formats=tuple(to or ()),
        calibration=calib,
        evaluation=evaluation,
        name=name,
        min_sqnr_db={**load().floors, **dict(_floor(text) for text in min_sqnr or ())},
        max_accuracy_drop=None if max_accuracy_drop is None else _share(max_accuracy_drop),
        settings=Settings(
            calibration=MINMAX if percentile is None else f"{percentile:g}",
            allow_unsafe=allow_unsafe_model,
            custom_objects=tuple(custom_objects or ()),
            runtime_agreement=runtime_agreement,
            target=target,
            memory_bytes=None if memory is None else size(memory, "--memory"),
            time_s=None if timeout is None else _limit_s(timeout),
        ),
        mixed=mixed,
        sensitivity=sensitivity,
    )
    result = make(request, progress=ui.progress)
    ui.result(
        schema="edgekit.convert/1",
        data=result,
        text=tables(result),
        next_commands=next_commands(result),
        notes=(*result.notes, *remarks(result)),
        status=status(result),
        exit_code=result.exit_code,
    )


def _floor(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        floor = float(value)
        if not math.isfinite(floor):
            raise ValueError
        return name, floor
    except ValueError:
        raise UsageError(
            f"--min-sqnr {text} cannot be read",
            code="usage.value",
            why="expected a recipe, an equals sign and decibels",
            do=[("for instance:", "--min-sqnr int8=15")],
        ) from None


def _limit_s(text: str) -> float:
    limit_s = seconds(text, "--timeout")
    if not limit_s > 0:
        raise UsageError(
            f"--timeout {text} leaves no time",
            code="usage.value",
            why="without the option a converter has half an hour",
            do=[("for instance:", "--timeout 2h")],
        )
    return limit_s


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if not 0 <= share <= 1:
            raise ValueError
        return share
    except ValueError:
        raise UsageError(
            f"--max-accuracy-drop {text} cannot be read",
            code="usage.value",
            why="expected a share of the samples",
            do=[("for instance:", "--max-accuracy-drop 1%")],
        ) from None
