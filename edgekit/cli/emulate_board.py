"""`edgekit devices emulate board`: a microcontroller board that is not there, for rehearsals."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.output import current
from edgekit.core.errors import unknown_name


def _kinds(incomplete: str) -> list[str]:
    from edgekit.sim.emulators.kinds import EMULATED

    return [name for name in EMULATED if name.startswith(incomplete)]


def emulate(
    kind: Annotated[str, typer.Argument(help="Which kind of device: board.", autocompletion=lambda: ["board"])],
    model: Annotated[Path, typer.Option(help="The .tflite (or .onnx) that is flashed; it is really run.", show_default=False)],
    meter: Annotated[
        str | None, typer.Option(help="Also serve this kind of meter, which supplies the board.", autocompletion=_kinds, show_default=False)
    ] = None,
    energy: Annotated[
        bool, typer.Option("--energy", help="The energy build: a pin is pulsed instead of times printed, at 9600 baud.")
    ] = False,
    model_id: Annotated[
        str | None, typer.Option("--model-id", help="What the firmware calls the model.", show_default="by the size of its input")
    ] = None,
    inference_ms: Annotated[float, typer.Option("--inference-ms", help="How long one inference takes.")] = 43.0,
    active_mw: Annotated[float, typer.Option("--active-mw", help="What it draws while it infers.")] = 42.0,
    idle_mw: Annotated[float, typer.Option("--idle-mw", help="What it draws otherwise.")] = 12.0,
    volts: Annotated[float | None, typer.Option(help="At which voltage.", show_default="what is usual for the meter")] = None,
    baud: Annotated[int | None, typer.Option(help="Speed of its line.", show_default="115200, energy build 9600")] = None,
    drift: Annotated[float, typer.Option("--drift-ppm", help="How fast its clock runs away.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong when: reset@5s, silent@5s, garbage@5s+2s; repeatable.", show_default=False),
    ] = None,
    socket: Annotated[bool, typer.Option("--socket", help="Reach it through TCP instead of a pseudo-terminal.")] = False,
    seconds: Annotated[float | None, typer.Option(help="End after so long.", show_default="with Ctrl-C")] = None,
) -> None:
    """Serve a board that speaks MLPerf Tiny's protocol and runs a model, and print the command that measures it.

    Its results are the model's own; its times and watts are those you say. What is measured is marked as emulated everywhere.
    """
    from edgekit.flows.emulate_board import BoardRequest, emulated_board

    if kind != "board":
        raise unknown_name("emulator", kind, ["board"], list_command="edgekit devices emulate --help")
    request = BoardRequest(
        model=model,
        meter=meter,
        energy=energy,
        model_id=model_id,
        inference_s=inference_ms / 1000,
        active_w=active_mw / 1000,
        idle_w=idle_mw / 1000,
        voltage_v=volts,
        baud=baud,
        drift_ppm=drift,
        faults=tuple(fault or ()),
        at_socket=socket,
    )
    ui = current()
    with emulated_board(request) as served:
        firmware = served.board.firmware
        build = f"{'energy' if firmware.energy else 'performance'} build of {firmware.model} at {firmware.baud} baud"
        beside = f"\nsupplied through {served.meter}" if served.meter else ""
        until = "until Ctrl-C" if seconds is None else f"for {seconds:g} s"
        ui.result(
            schema="edgekit.devices.emulate/1",
            data={"kind": kind, "device": served.device, "meter": served.meter, "firmware": firmware, "command": served.command},
            text=f"emulated board: {build}, as {served.device}, {until}{beside}",
            next_commands=[("in another terminal, measure it:", served.command)],
        )
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while end is None or time.monotonic() < end:
                time.sleep(0.2)
        except KeyboardInterrupt:  # the usual end
            return
