"""List devices and add new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.amounts import setting
from edgekit.cli.listing import Row, listing
from edgekit.cli.output import current
from edgekit.core.hardware import DeviceFacts
from edgekit.core.units import format_scaled

app = typer.Typer(invoke_without_command=True)


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
    option: Annotated[list[str], typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of that kind of device.")] = [],  # noqa: B006 -- typer copies it
    force: Annotated[bool, typer.Option("--force", help="Replace a device of the same name.")] = False,
) -> None:
    """Add a device to edgekit.toml, or create the file."""
    from edgekit.flows.devices import add as write

    options = dict(setting(text, of="a device", example="-o threads=2") for text in option)
    added = write(name, address, options=options, start=Path.cwd(), force=force)
    current().result(
        schema="edgekit.devices.add/1",
        data=added,
        text=f"added {name} ({added.device.kind}, {address}) to {added.file}",
        next_commands=[
            ("see whether it can be used:", "edgekit devices"),
            ("benchmark on it:", f"edgekit bench ARTIFACT --device {name}"),
        ],
    )


def _facts(facts: DeviceFacts) -> str:
    known = (
        facts.model,
        facts.gpu or facts.cpu,
        f"{facts.cores} cores" if facts.cores else None,
        format_scaled(facts.ram_bytes, "B") if facts.ram_bytes else None,
        facts.os,
    )
    return ", ".join(part for part in known if part)
