"""`edgekit meters emulate`: an instrument that is not there, for rehearsals."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.output import current


def _kinds(incomplete: str) -> list[str]:
    from edgekit.sim.emulators.kinds import EMULATED

    return [name for name in EMULATED if name.startswith(incomplete)]


def emulate(
    kind: Annotated[str, typer.Argument(help="Which kind of meter.", autocompletion=_kinds)],
    load: Annotated[
        str | None,
        typer.Option(help="What its circuit draws, in words.", show_default="idle 2 W; burst 6 W 200 ms every 1 s"),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="What it draws, as rows of t_s,power_w.", show_default=False)] = None,
    volts: Annotated[float | None, typer.Option(help="At which voltage.", show_default="what is usual for the kind")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong when: silent@5s, garbage@5s+2s, short@5s; repeatable.", show_default=False),
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option(help="Also make this link to it, which stays the same: end and begin it to unplug and replug.", show_default=False),
    ] = None,
    drift: Annotated[float, typer.Option("--drift-ppm", help="How fast its own clock runs away.")] = 0.0,
    seconds: Annotated[float | None, typer.Option(help="End after so long.", show_default="with Ctrl-C")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Serve an emulated meter that speaks the real protocol, and print the command that measures with it.

    What is measured with it is marked as emulated everywhere.
    """
    from edgekit.flows.emulate import EmulationRequest, emulated

    request = EmulationRequest(
        kind=kind, load=load, table=csv, voltage_v=volts, faults=tuple(fault or ()), link=link, drift_ppm=drift, seed=seed
    )
    ui = current()
    with emulated(request) as emulation:
        ui.result(
            schema="edgekit.meters.emulate/1",
            data={"kind": kind, "address": emulation.address, "meter": emulation.meter, "command": emulation.command},
            text=f"emulated {kind} at {emulation.address}, until Ctrl-C"
            if seconds is None
            else f"emulated {kind} at {emulation.address}, for {seconds:g} s",
            next_commands=[
                ("in another terminal, look at it:", emulation.look),
                ("or measure with it:", emulation.command),
            ],
        )
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while until is None or time.monotonic() < until:
                time.sleep(0.2)
        except KeyboardInterrupt:  # the usual end
            return
