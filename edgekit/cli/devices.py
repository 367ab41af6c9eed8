"""List devices and add new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.amounts import setting
from edgekit.cli.complete import device_names, meter_names
from edgekit.cli.emulate_board import emulate
from edgekit.cli.listing import Row, listing
from edgekit.cli.output import current
from edgekit.core.hardware import DeviceFacts
from edgekit.core.units import format_scaled

app = typer.Typer(invoke_without_command=True)
app.command(short_help="Rehearse with a board that is not there.")(emulate)


@app.callback()
def devices(
    context: typer.Context,
    show_all: Annotated[bool, typer.Option("--all", help="Also list what this machine does not have, with the reason.")] = False,
) -> None:
    """List the devices models can run on, and say why one cannot be used."""
    if context.invoked_subcommand is not None:
        return
    from edgekit.config import load
    from edgekit.flows.devices import devices as ask

    ui = current()
    found = ask(load(), progress=ui.progress)
    shown = [item for item in found.devices if show_all or item.usable or item.source != "built in"]
    rows = [
        Row(
            mark="yes" if item.usable else "no",
            name=item.name,
            text=_facts(item.facts) if item.facts else item.why,
            do=item.do if show_all else (),
        )
        for item in shown
    ]
    hidden = len(found.devices) - len(shown)
    next_commands = [("benchmark on one:", "edgekit bench ARTIFACT --device local"), ("add one:", "edgekit devices add pi ssh://USER@HOST")]
    if hidden or any(not item.usable for item in shown):
        next_commands.append((f"see all {len(found.devices)}, with reasons and remedies:", "edgekit devices --all"))
    ui.result(
        schema="edgekit.devices/1",
        data={"devices": found.devices},
        text="devices\n" + listing(rows),
        next_commands=next_commands if not show_all else next_commands[:2],
        notes=found.notes,
    )


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What you will call it: pi, lab-orin, ...")],
    address: Annotated[str, typer.Argument(help="Where it is: ssh://USER@HOST, cuda:1, sim:")],
    kind: Annotated[
        str | None, typer.Option(help="What it is: pi, jetson, cuda, ssh (any Linux).", show_default="by name and address")
    ] = None,
    meter: Annotated[
        str | None,
        typer.Option(help="What `bench` reads there when no --meter is given.", autocompletion=meter_names, show_default=False),
    ] = None,
    option: Annotated[list[str], typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of that kind of device.")] = [],  # noqa: B006 -- typer copies it
    force: Annotated[bool, typer.Option("--force", help="Change a device of that name; what is not named stays.")] = False,
) -> None:
    """Add a device to edgekit.toml, or create the file. Nothing is asked of the device itself."""
    from edgekit.flows.devices import add as write

    options = dict(setting(text, of="a device", example="-o threads=2") for text in option)
    added = write(name, address, options=options, start=Path.cwd(), force=force, kind=kind, meter=meter)
    far = address.startswith("ssh:")
    set_it_up = [("look at it, and install an engine there:", f"edgekit devices setup {name}")] if far else []
    read = f", read by {added.device.meter}" if added.device.meter is not None else ""
    current().result(
        schema="edgekit.devices.add/1",
        data=added,
        text=f"added {name} ({added.device.kind}, {address}{read}) to {added.file}"
        + (f"\nkept: {'; '.join(added.kept)}" if added.kept else "")
        + (f"\ndropped, as it is reached in another way now: {'; '.join(added.gone)}" if added.gone else ""),
        next_commands=[
            *set_it_up,
            ("see what is not right there:", f"edgekit doctor --device {name}"),
            ("benchmark on it:", f"edgekit bench ARTIFACT --device {name}"),
        ],
    )


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A name of edgekit.toml.", autocompletion=device_names)]) -> None:
    """Take a device out of edgekit.toml. Its runs stay, and nothing is changed on the device."""
    from edgekit.flows.devices import remove as take_out

    file = take_out(name, start=Path.cwd())
    current().result(
        schema="edgekit.devices.remove/1",
        data={"name": name, "file": file},
        text=f"removed {name} from {file}",
        next_commands=[("see what is left:", "edgekit devices")],
    )


@app.command()
def setup(
    name: Annotated[str, typer.Argument(help="A name of edgekit.toml, or ssh://USER@HOST.", autocompletion=device_names)],
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="litert, tflite-runtime, onnxruntime, onnxruntime-cuda or torch-cuda; repeatable.",
            show_default="those that exist for the machine",
        ),
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Wheels to bring along: the machine needs no network.", show_default=False)
    ] = None,
    venv: Annotated[
        str | None, typer.Option(metavar="PATH", help="The environment's folder there.", show_default="~/.cache/edgekit/venv")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make the environment anew.")] = False,
    plan: Annotated[bool, typer.Option("--plan", "--dry-run", help="Show every command, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Give a machine an environment of its own with an engine that runs models.

    Shows every command first, then asks. What is there already is left alone, and what was interrupted goes on where it stopped.
    """
    from edgekit.cli.device_setup import set_up_device

    set_up_device(name, engines=tuple(engine or ()), wheels=wheels, venv=venv, fresh=fresh, plan_only=plan, yes=yes)


def _facts(facts: DeviceFacts) -> str:
    known = (
        facts.model,
        facts.gpu or facts.cpu,
        f"{facts.cores} cores" if facts.cores else None,
        format_scaled(facts.ram_bytes, "B") if facts.ram_bytes else None,
        facts.os,
    )
    return ", ".join(part for part in known if part)
