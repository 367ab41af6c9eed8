"""`edgekit convert`: from a float model to artifacts that are proved against it."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.output import current
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Estimate, Note, Quantity
from edgekit.core.units import format_number, format_scaled

if TYPE_CHECKING:
    from rich.table import Table

    from edgekit.flows.convert import ConvertResult, ConvertRow


def convert(
    model: Annotated[Path, typer.Argument(help="A trained float model: .keras or .h5; .tflite and .onnx for lower precisions.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option("--recipe", "-r", help="fp32, fp16 or int8; repeatable. Default: all that can be made.", show_default=False),
    ] = None,
    to: Annotated[list[str] | None, typer.Option("--to", help="tflite or onnx; repeatable. Default: both.", show_default=False)] = None,
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
) -> None:
    """Convert a trained model, run every result in its runtime, and compare it with the source.

    Each artifact is written as NAME.RECIPE.FORMAT with a .json beside it that holds the proof. Exit status 3: an artifact
    fails its gate; 5: a recipe gave none.
    """
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
        min_sqnr_db=dict(_floor(text) for text in min_sqnr or ()),
    )
    result = make(request, progress=ui.progress)
    ui.result(
        schema="edgekit.convert/1",
        data=result,
        text=_table(result),
        next_commands=_next(result),
        notes=(*result.notes, *_remarks(result)),
        status=_status(result),
        exit_code=result.exit_code,
    )


def _status(result: ConvertResult) -> str:
    if result.exit_code == 0:
        return "ok"
    made = any(row.artifact for row in result.rows)
    return "partial" if made and any(row.failure for row in result.rows) else "failed"


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


def _table(result: ConvertResult) -> Table:
    from rich.table import Table

    columns = ("artifact", "size", "SQNR", "same top-1", "accuracy", "quantized", "status")
    table = Table(title=f"{result.source.path}, family {result.source.family}", title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in ("artifact", "status") else "right", no_wrap=column == "artifact")
    source = next((row.artifact.verification.source_accuracy for row in result.rows if row.artifact and row.artifact.verification), None)
    if source is not None:
        table.add_row("(source)", "", "", "", _accuracy(source), "", "")
    for row in result.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: ConvertRow) -> tuple[str, ...]:
    if row.artifact is None or row.artifact.verification is None:
        return f"{row.recipe}.{row.format}", "", "", "", "", "", "not made"
    proof = row.artifact.verification
    sqnr = next((check.seen for check in proof.checks if check.name == "sqnr"), "-")
    return (
        row.artifact.path,
        format_scaled(row.artifact.size_bytes, "B"),
        sqnr if proof.sqnr_db is not None or sqnr == "identical" else "-",
        "-" if proof.top1_agreement is None else f"{proof.top1_agreement:.1%}",
        _accuracy(proof.accuracy),
        "-" if proof.quantized_share is None else f"{proof.quantized_share:.0%}",
        row.artifact.status,
    )


def _accuracy(value: Quantity | None) -> str:
    if not isinstance(value, Estimate):
        return "-"
    return f"{format_number(value.value)} ({format_number(value.low)} to {format_number(value.high)})"


def _remarks(result: ConvertResult) -> list[Note]:
    """Return one note per failed check and per recipe that gave nothing."""
    notes = []
    for row in result.rows:
        if row.failure is not None:
            advice = "; ".join(f"{text} {command}".rstrip() for text, command in row.failure.do) or None
            if row.failure.log and current().verbose:
                notes.append(Note(code="convert.log", text=row.failure.log))
            notes.append(
                Note(code=row.failure.code, text=f"{row.recipe}.{row.format}: {row.failure.what}: {row.failure.why}", advice=advice)
            )
        elif row.artifact is not None and row.artifact.verification is not None:
            for check in row.artifact.verification.checks:
                if not check.passed:
                    floor = f", the floor is {check.floor}" if check.floor else ""
                    notes.append(
                        Note(code=f"gate.{check.name}", text=f"{row.artifact.path}: {check.name}: {check.seen}{floor}", advice=check.advice)
                    )
    return notes


def _next(result: ConvertResult) -> list[tuple[str, str]]:
    made = [row.path for row in result.rows if row.path is not None]
    return [("measure what one inference costs:", f"edgekit bench {shlex.join(made)}")] if made else []
