"""List power meters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.complete import device_names
from edgekit.cli.listing import Row, listing
from edgekit.cli.output import current
from edgekit.core.boundary import sees

if TYPE_CHECKING:
    from edgekit.flows.meters import ListedMeter

app = typer.Typer(invoke_without_command=True)


@app.callback()
def meters(
    context: typer.Context,
    show_all: Annotated[bool, typer.Option("--all", help="Also list what the device does not have, with the reason.")] = False,
    device: Annotated[str, typer.Option("--device", help="Whose meters.", autocompletion=device_names)] = "local",
) -> None:
    """List the meters of a device: what each one counts, and what to do where one refuses."""
    if context.invoked_subcommand is not None:
        return
    from edgekit.config import load
    from edgekit.flows.meters import State
    from edgekit.flows.meters import meters as ask
    from edgekit.registry import resolve_device

    ui = current()
    settings = load()
    found = ask(settings, resolve_device(device, settings), progress=ui.progress)
    shown = [item for item in found.meters if show_all or item.state is not State.ABSENT]
    rows = [Row(mark="yes" if item.state is State.USABLE else "no", name=item.name, text=_sentence(item), do=item.do) for item in shown]
    absent = len(found.meters) - len(shown)
    next_commands = [("benchmark with one:", "edgekit bench ARTIFACT --meter NAME")]
    if absent:
        next_commands.append((f"see the {absent} this device does not have:", "edgekit meters --all"))
    ui.result(
        schema="edgekit.meters/1",
        data={"device": found.device, "meters": found.meters},
        text=f"meters of {found.device}\n" + listing(rows),
        next_commands=next_commands,
        notes=found.notes,
    )


def _sentence(item: ListedMeter) -> str:
    if item.why:
        return item.why
    what = ", ".join(item.origins)
    where = ", ".join(f"{place}: {sees(place)}" if len(item.boundaries) == 1 else str(place) for place in item.boundaries)
    return "; ".join(part for part in (f"{what} at {where}" if where else what, item.detail) if part)
