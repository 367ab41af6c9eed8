"""Turn every failure into what happened, why and what to do: in words on stderr, or as the one JSON document."""

from __future__ import annotations

import errno
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from edgekit.cli.commands import COMMANDS, load
from edgekit.cli.output import Ui, between_words, paired, printable
from edgekit.cli.width import line_width
from edgekit.core.errors import EdgekitError, InterruptedRun, SetupError, UsageError, unknown_name

_RED, _BOLD, _DIM, _OFF = "\033[31;1m", "\033[1m", "\033[2m", "\033[0m"
_MOST_LETTERS = 2400
_NO_COMMAND = re.compile(r"No such command '(.*?)'\.")
_NEW_ISSUE = "https://github.com/edgekit/edgekit/issues/new"


def report(error: EdgekitError, ui: Ui) -> int:
    """Print `error` in the form the user asked for and return the exit code."""
    ui.close_progress(finished=False)
    if not (ui.json and not ui.printed and _print_document(error, ui)):
        width = line_width(sys.stderr)
        sys.stderr.write(as_text(error, colour=ui.is_rich(sys.stderr), width=width))
    if ui.verbose:
        sys.stderr.write(str(error.data.get("log", "")))  # the last words of a child process
        traceback.print_exception(error.__cause__ or error, file=sys.stderr)
    return error.exit_code


def _print_document(error: EdgekitError, ui: Ui) -> bool:
    """Print `error` as the one JSON document; return False when stdout cannot take it."""
    try:
        ui.document(schema="edgekit.error/1", status="error", data=as_document(error))
        sys.stdout.flush()
    except OSError:
        return False
    return True


def as_document(error: EdgekitError) -> dict[str, object]:
    """Return the error as the `data` of an "edgekit.error/1" document."""
    document: dict[str, object] = {
        "code": error.code,
        "exit_code": error.exit_code,
        "what": error.what,
        "why": error.why,
        "do": [{"advice": advice, "command": command} for advice, command in error.do],
    }
    if error.data:
        document["details"] = error.data
    return document


def as_text(error: EdgekitError, *, colour: bool = False, width: int | None = None) -> str:
    """Return the error as lines: error, why, do, more; reasons and advice are broken between words where they are wider than `width`."""
    red, bold, dim, off = (_RED, _BOLD, _DIM, _OFF) if colour else ("", "", "", "")
    beside = None if width is None else width - 7
    lines = [f"{red}error:{off} {bold}{printable(_shortened(error.what))}{off}"]
    why = [
        part for line in printable(_shortened(error.why)).splitlines() for part in (between_words(line, beside, "") if beside else [line])
    ]
    lines += [f"  {dim}{'why' if not n else '   '}{off}  {line}" for n, line in enumerate(why)]
    do = map(printable, paired(error.do, width=beside))
    lines += [f"  {dim}{'do' if not n else '  '}{off}   {line}" for n, line in enumerate(do)]
    lines.append(f"  {dim}more docs/troubleshooting.md#{error.code.replace('.', '-')}   [{error.code}]{off}")
    return "\n".join(lines) + "\n"


def _shortened(text: str) -> str:
    """Return a text without the middle of what nobody reads: somebody's value may be a megabyte. The JSON document has all of it."""
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS // 2]} ... {text[-_MOST_LETTERS // 4 :]}"


def is_help(error: typer.TyperException) -> bool:
    """Return True when typer raised a help page, because a command was given nothing to do."""
    return type(error).__name__ == "NoArgsIsHelpError"


def from_typer(error: typer.TyperException) -> UsageError:
    """Return what typer found wrong with the command line as one of our errors."""
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "edgekit"
    usage = " ".join(context.get_usage().split()) if context is not None else ""
    see_help = (f"see what {path} takes:", f"{path} --help")
    if is_help(error):
        return UsageError(f"{path} was given nothing to do", code="usage.missing", why=usage, do=[see_help])
    if hasattr(error, "possibilities"):
        near = [(f"did you mean {name}?", "") for name in error.possibilities or ()]
        name = getattr(error, "option_name", "that")
        return UsageError(f"no option is called {name}", code="usage.option", why=f"{path} does not take it", do=[*near, see_help])
    commands = getattr(getattr(context, "command", None), "commands", {})
    below = [name for name, command in commands.items() if not command.hidden]
    if below and (unknown := _NO_COMMAND.match(error.format_message())):
        near_by = unknown_name("command", unknown[1], below, list_command=f"{path} --help")
        return UsageError(f"{path} has no command {unknown[1]!r}", code=near_by.code, why=near_by.why, do=near_by.do)
    message, _, suggestion = error.format_message().replace("Value error, ", "").strip().rstrip(".").partition(". Did you mean ")
    near = [(f"did you mean {suggestion.rstrip('?')}?", "")] if suggestion else []
    what, found, why = message.partition("': ") if isinstance(error, typer.BadParameter) else (message, "", "")
    what, why = (f"{what}'", why.replace("Input should", "it should", 1)) if found else (message, usage)
    return UsageError(what[:1].lower() + what[1:], code=_usage_code(error), why=why, do=[*near, see_help])


def _usage_code(error: typer.TyperException) -> str:
    if not isinstance(error, typer.BadParameter):
        return "usage.arguments"
    return "usage.missing" if error.format_message().startswith("Missing") else "usage.value"


def interrupted() -> InterruptedRun:
    """Return the error for Ctrl-C where no partial result had to be kept."""
    return InterruptedRun("interrupted", code="run.interrupted", why="stopped by the user; files already written are whole")


def with_advice(error: EdgekitError, args: Sequence[str]) -> EdgekitError:
    """Return `error`; where it does not say what to do, with the place to look next."""
    if not error.do and isinstance(error, InterruptedRun):
        error.do = (("start again:", shlex.join(["edgekit", *args])),)
    elif not error.do:
        path = " ".join(("edgekit", *_command(args)))
        takes = (f"see what {path} takes:", f"{path} --help")
        error.do = (takes if isinstance(error, UsageError) else ("check this machine:", "edgekit doctor"),)
    return error


def _command(args: Sequence[str]) -> list[str]:
    """Return the command that `args` name, and the one below it where it has some: "meters read"."""
    place = next((place for place, word in enumerate(args) if word in COMMANDS), None)
    if place is None:
        return []
    below = getattr(load(args[place], markup=None), "commands", {})
    return [args[place], *[word for word in args[place + 1 :] if word in below][:1]]


def from_system(error: OSError | MemoryError) -> SetupError:
    """Return the error for something that the operating system refused and nobody closer to it explained."""
    check = ("check this machine:", "edgekit doctor")
    if isinstance(error, MemoryError):
        why = str(error) or "this step needs more memory than is free"
        problem = SetupError("memory ran out", code="system.memory", why=why, do=[("see what is free:", "free -h"), check])
    else:
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        problem = SetupError(
            "the disk is full" if full else "the operating system refused",
            code="output.disk_full" if full else "system.refused",
            why=f"{where}{error.strerror or error}",
            do=[("see what is free:", "df -h"), check] if full else [check],
        )
    problem.__cause__ = error
    return problem


def bug(error: BaseException, args: Sequence[str]) -> EdgekitError:
    """Return the error for an exception that edgekit did not expect."""
    problem = EdgekitError(
        "this is a bug in edgekit",
        code="bug",
        why=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        do=[("see where it happened:", f"edgekit -v {shlex.join(args)}"), ("report it:", _NEW_ISSUE)],
    )
    problem.__cause__ = error
    return problem
