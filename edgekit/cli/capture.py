"""`edgekit meters capture` and `edgekit meters udev`: what a driver is tested with, and what lets a user open an instrument."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.complete import meter_names
from edgekit.cli.output import current


def capture(
    meter: Annotated[
        str, typer.Argument(help="Which meter: a kind, KIND:SERIAL, KIND:ADDRESS, or a name from edgekit.toml.", autocompletion=meter_names)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, JSON lines.")],
    seconds: Annotated[float, typer.Option(help="For so long.")] = 10.0,
) -> None:
    """Store the bytes that an instrument sends, with their times, and what its driver makes of them.

    Serial numbers are replaced by zeros. A capture of a real instrument is the best contribution to a driver that nobody has tried on one.
    """
    from edgekit.config import load
    from edgekit.flows.capture import capture as store
    from edgekit.metering import meter_choice

    ui = current()
    result = store(meter_choice(meter, load()), seconds=seconds, out=out, progress=ui.progress)
    if result.failure is not None:
        raise result.failure
    ui.result(
        schema="edgekit.meters.capture/1",
        status="interrupted" if result.stopped else "ok",
        data=result,
        text=f"{result.path}: {result.received_bytes} bytes, {result.readings} readings of {result.kind} in {result.seconds:.1f} s",
        notes=result.notes,
        exit_code=130 if result.stopped else 0,
    )


def udev() -> None:
    """Print a script that lets ordinary users open the meters that edgekit knows.

    Install it with one command: edgekit meters udev | sudo sh
    """
    from edgekit.meters.udev import RULES_FILE, rules, script

    current().result(schema="edgekit.meters.udev/1", data={"file": RULES_FILE, "rules": rules()}, text=script())
