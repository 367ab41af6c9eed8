"""`edgekit env`: environments for tools that cannot live beside edgekit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.complete import environment_names
from edgekit.cli.listing import Row, listing
from edgekit.cli.output import current
from edgekit.core.quantity import Note
from edgekit.core.units import format_scaled
from edgekit.links.folders import data_folder

if TYPE_CHECKING:
    from edgekit.flows.environments import Listed

app = typer.Typer(no_args_is_help=True, help="Make, list and remove the environments of tools that need their own Python or packages.")

_Name = Annotated[str, typer.Argument(help="A name of `edgekit env list`.", autocompletion=environment_names)]


@app.command(short_help="Make an environment: one command, some minutes, removed by `env remove`.")
def create(
    name: _Name,
    python: Annotated[Path | None, typer.Option(help="Interpreter to make it from.", show_default="the first that fits on PATH")] = None,
    force: Annotated[bool, typer.Option("--force", help="Make it anew when it is there already.")] = False,
) -> None:
    """Make an environment in your data folder, for all projects: a Python of its own with tested versions of the packages.

    Nothing is used before all of it works; what is interrupted is removed. pip's own settings (PIP_INDEX_URL, ...) apply.
    """
    from edgekit.flows.environments import create as make

    ui = current()
    created = make(name, data=data_folder(), python=python and _as_named(python), progress=ui.progress, again=force)
    found = created.environment
    notes = (
        []
        if created.made
        else [Note(code="environment.ready", text=f"it is there already, made {found.created}", advice="--force makes it anew")]
    )
    ui.result(
        schema="edgekit.env.create/1",
        data=created,
        text=f"{name} is ready: {_text(found)}",
        next_commands=[("see what there is:", "edgekit env list"), ("remove it:", f"edgekit env remove {name}")],
        notes=notes,
    )


@app.command("list", short_help="List the environments and their state.")
def list_() -> None:
    """List the environments that edgekit can make, and those that are there."""
    from edgekit.environments import State
    from edgekit.flows.environments import listed

    found = listed(data=data_folder())
    rows = [Row(mark="yes" if item.state is State.READY else "no", name=item.name, text=_text(item)) for item in found]
    missing = [item.name for item in found if item.state is not State.READY]
    current().result(
        schema="edgekit.env.list/1",
        data={"environments": found},
        text="environments\n" + listing(rows),
        next_commands=[(f"make {name}:", f"edgekit env create {name}") for name in missing],
    )


@app.command(short_help="Remove an environment.")
def remove(name: _Name) -> None:
    """Remove an environment from your data folder; it can be made again at any time."""
    from edgekit.flows.environments import remove as clear

    folder = clear(name, data=data_folder())
    current().result(
        schema="edgekit.env.remove/1",
        data={"name": name, "folder": folder},
        text=f"removed {folder}",
        next_commands=[("make it again:", f"edgekit env create {name}")],
    )


def _as_named(python: Path) -> Path:
    """Return a path to an interpreter; a bare name is looked for on PATH, as a shell does."""
    import shutil

    found = shutil.which(str(python))
    return Path(found).absolute() if found else python


def _text(item: Listed) -> str:
    from edgekit.environments import State

    if item.state is not State.READY:
        why = {
            State.ABSENT: "not made",
            State.UNFINISHED: "unfinished: making it was interrupted",
            State.OUTDATED: "outdated: this edgekit wants other packages",
            State.BROKEN: "broken: it was moved, or the Python it was made from is gone",
        }
        return f"{why[item.state]}; to {item.purpose}; needs {item.needs}"
    size = f", {format_scaled(item.size_bytes, 'B')}" if item.size_bytes else ""
    return f"Python {item.python_version} at {item.python}{size}; to {item.purpose}"
