"""List the commands, and load the module of one only when it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Literal, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from edgekit.cli.headings import EVERYWHERE, HEADINGS, Headed, arrange
from edgekit.cli.output import Style, current
from edgekit.core.errors import unknown_name


class Entry(NamedTuple):
    """Say where a command lives and what it does."""

    module: str
    attribute: str
    section: str
    help: str


_JOB, _HERE = "From a model to a verdict", "This machine"

COMMANDS: dict[str, Entry] = {
    "convert": Entry("edgekit.cli.convert", "convert", _JOB, "Convert a trained model to verified artifacts in several precisions."),
    "inspect": Entry("edgekit.cli.inspect", "inspect", _JOB, "Show what a .tflite, .onnx or .ort file holds, whoever made it."),
    "bench": Entry("edgekit.cli.bench", "bench", _JOB, "Measure joules and latency per inference of artifacts on a device."),
    "compare": Entry("edgekit.cli.compare", "compare", _JOB, "Compare runs, and say whether they can be compared."),
    "report": Entry("edgekit.cli.report", "report", _JOB, "Decide between edge and cloud for a scenario; write a report."),
    "diff": Entry("edgekit.cli.diff", "diff", _JOB, "Say what changed between two reports, and what is within uncertainty."),
    "when": Entry("edgekit.cli.when", "app", _JOB, "Find the hours in which work that can wait costs the least CO2e."),
    "import": Entry("edgekit.cli.imports", "import_", _JOB, "Make runs of published measurements: MLPerf Tiny traces, MLPerf power logs."),
    "export": Entry("edgekit.cli.export", "export", _JOB, "Write a report or a run as CSV, Parquet, SCI report or BoAmps."),
    "demo": Entry("edgekit.cli.demo", "demo", _JOB, "Do all of this on a small model, from training to verdict."),
    "models": Entry("edgekit.cli.models", "app", _HERE, "List and build the reference models."),
    "targets": Entry("edgekit.cli.targets", "app", _HERE, "List what a model can be converted for: runtimes, operators, memory."),
    "devices": Entry("edgekit.cli.devices", "app", _HERE, "List the devices models can run on, and add new ones."),
    "meters": Entry("edgekit.cli.meters", "app", _HERE, "List the power meters, and say why one cannot be used."),
    "env": Entry("edgekit.cli.env", "app", _HERE, "Make, list and remove environments for tools that need their own."),
    "doctor": Entry("edgekit.cli.doctor", "doctor", _HERE, "Check this machine and say how to fix what is wrong."),
}

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

Command = TyperCommand | TyperGroup


def set_json(value: bool) -> None:
    """Ask for one JSON document."""
    current().json = value or current().json


def set_verbose(value: bool) -> None:
    """Ask for causes and tracebacks."""
    current().verbose = value or current().verbose


def set_style(value: Style | None) -> None:
    """Ask for one way to draw."""
    current().style = value or current().style


def _global_option(*names: str, callback: Callable[[Any], None], help: str) -> Any:  # noqa: A002
    return typer.Option(
        *names, callback=callback, help=help, expose_value=False, is_eager=True, allow_from_autoenv=False, rich_help_panel=EVERYWHERE
    )


def _after(
    json: Annotated[bool, _global_option("--json", callback=set_json, help="Print one JSON document.")] = False,
    style: Annotated[Style | None, _global_option("--style", callback=set_style, help="How to draw.")] = None,
    verbose: Annotated[bool, _global_option("--verbose", "-v", callback=set_verbose, help="Show causes and tracebacks.")] = False,
) -> None:
    """Declare the global options as they are taken after a command; before it they also have EDGEKIT_* variables."""


class LazyGroup(TyperGroup):
    """Offer every command of COMMANDS without importing it: help and completion list stubs, only `resolve_command` loads."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a stub that carries the help of the table."""
        entry = COMMANDS.get(cmd_name)
        return entry and TyperCommand(cmd_name, help=entry.help, short_help=entry.help, rich_help_panel=entry.section)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return (name, loaded command, rest of the arguments); raise UsageError that names the nearest commands."""
        name, *rest = args
        if name in COMMANDS:
            return name, load(name, markup=self.rich_markup_mode), rest
        if ctx.resilient_parsing:
            return None, None, rest
        raise unknown_name("command", name, COMMANDS, list_command="edgekit --help")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands first: they are what a new user looks for."""
        self.format_commands(ctx, formatter)
        TyperCommand.format_options(self, ctx, formatter)  # type: ignore[arg-type]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table under its section titles."""
        width = max(map(len, COMMANDS))
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl([(f"{name:<{width}}", entry.help) for name, entry in COMMANDS.items() if entry.section == section])


def load(name: str, *, markup: Literal["markdown", "rich"] | None) -> Command:
    """Import the module of one command and return the command, with the global options added to it and to its subcommands."""
    entry = COMMANDS[name]
    what = getattr(import_module(entry.module), entry.attribute)
    outer = typer.Typer(add_completion=False, rich_markup_mode=markup, context_settings=CONTEXT)
    outer.callback()(lambda: None)
    if isinstance(what, typer.Typer):
        outer.add_typer(what, name=name)
    else:
        outer.command(name, cls=Headed if name in HEADINGS else None)(what)
    group = typer.main.get_command(outer)
    assert isinstance(group, TyperGroup)
    command = group.commands[name]
    assert isinstance(command, Command)
    if name in HEADINGS:
        arrange(command, HEADINGS[name])
    _name_variables(command, f"EDGEKIT_{_as_variable(name)}")
    _accept_globals(command)
    return command


def _name_variables(command: Command, prefix: str) -> None:
    """Give every option the variable that its name implies, and say so once below the help instead of beside each option."""
    options = [item for item in command.params if isinstance(item, TyperOption) and item.allow_from_autoenv and not item.hidden]
    for option in options:
        option.envvar = option.envvar or f"{prefix}_{_as_variable(_long(option))}"
        option.show_envvar = False
    if options:
        shown = max(options, key=lambda option: _long(option).count("-"))  # an example that shows what becomes of dashes
        command.epilog = f"Every option also has a variable: --{_long(shown)} is {shown.envvar}, --json is EDGEKIT_JSON."
    for name, inner in command.commands.items() if isinstance(command, TyperGroup) else ():
        assert isinstance(inner, Command)
        _name_variables(inner, f"{prefix}_{_as_variable(name)}")


def _long(option: TyperOption) -> str:
    return max(option.opts, key=len).removeprefix("--")


def _as_variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _accept_globals(command: Command) -> None:
    command.params.extend(_after_options())
    for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
        assert isinstance(inner, Command)
        _accept_globals(inner)


def _after_options() -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_after)
    return list(typer.main.get_command(app).params)
