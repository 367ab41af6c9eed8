"""`edgekit targets`: list what a model can be converted for, and show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.output import current
from edgekit.core.units import format_scaled

if TYPE_CHECKING:
    from rich.table import Table

    from edgekit.converters.targets.profile import Profile
    from edgekit.flows.targets import ShownTarget

app = typer.Typer(invoke_without_command=True)


@app.callback()
def targets(context: typer.Context) -> None:
    """List the targets of `edgekit convert --target`, with their runtimes and memory."""
    if context.invoked_subcommand is not None:
        return
    from edgekit.flows.targets import list_targets

    found = list_targets()
    current().result(
        schema="edgekit.targets/1",
        data={"targets": found},
        text=_table(found),
        next_commands=[
            ("convert for one:", "edgekit convert MODEL --target pi5 --calib inputs.npz"),
            ("see one, or write your own from it:", "edgekit targets show pi5 --toml > mine.toml"),
        ],
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A target of `edgekit targets`, or your own file ending in .toml.")],
    toml: Annotated[bool, typer.Option("--toml", help="Print its file, to start your own from.")] = False,
) -> None:
    """Show what is known of one target, and where it comes from."""
    from edgekit.flows.targets import show_target

    shown = show_target(name)
    data = {"target": shown.profile, "runtimes": shown.runtimes}
    commands = [] if toml else [("convert for it:", f"edgekit convert MODEL --target {name} --calib inputs.npz")]
    current().result(schema="edgekit.target/1", data=data, text=shown.toml.rstrip() if toml else _words(shown), next_commands=commands)


def _table(found: tuple[Profile, ...]) -> Table:
    from rich.table import Table

    table = Table(padding=(0, 1))
    for column in ("target", "what", "recipes, the best first", "memory"):
        table.add_column(column, overflow="fold")
    for profile in found:
        table.add_row(profile.name, profile.title, "\n".join(profile.recipes), _memory(profile))
    return table


def _memory(profile: Profile) -> str:
    parts = [("flash", profile.flash_bytes), ("RAM", profile.ram_bytes)]
    return "\n".join(f"{format_scaled(value, 'B')} {name}" for name, value in parts if value is not None) or "-"


def _words(shown: ShownTarget) -> str:
    profile = shown.profile
    lines = [f"{profile.name}: {profile.title}", f"  recipes   {', '.join(profile.recipes)}"]
    for format, runtime in shown.runtimes.items():  # noqa: A001
        limit = f"{len(runtime.operators or runtime.max_versions)} operators"
        if runtime.max_opset is not None:
            limit = f"operator set {runtime.max_opset}, format version {runtime.max_ir}"
        lines.append(f"  .{format:<8} {runtime.title}: {limit}")
    if profile.accelerator:
        lines.append(f"  NPU       {profile.accelerator}, as vela compiles for it")
    if memory := _memory(profile).replace("\n", ", "):
        lines.append(f"  memory    {memory}" + (f" ({profile.memory_of})" if profile.memory_of else ""))
    lines += [f"  slow      {slow.recipe}: {slow.why}; use {slow.instead}" for slow in profile.slow]
    return "\n".join([*lines, *(f"  source    {source}" for source in profile.sources)])
