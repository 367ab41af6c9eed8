"""Own the terminal: the result goes to stdout, progress and notes to stderr, and under --json exactly one document is printed."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from enum import StrEnum
from io import StringIO
from pathlib import PurePath
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

import typer

from edgekit.cli.width import line_width
from edgekit.core.jsonio import as_data

if TYPE_CHECKING:  # forty dataclasses take longer to define than the help page to print
    from rich.console import RenderableType

    from edgekit.cli.progress import PlainProgress, RichProgress
    from edgekit.core.protocols import Progress
    from edgekit.core.quantity import Note

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_BUT_COLOUR = re.compile(r"(?!\x1b\[[0-9;]*m)[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NARROWEST = 40  # below, a figure and its label share no line; lines that the terminal wraps keep both
_PIPE_WIDTH = 160  # wide enough that a table piped into grep keeps one row on one line


class Style(StrEnum):
    """Say how to draw: rich on a terminal and plain elsewhere (auto), or always one of the two."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"


class Heedless:
    """Pass text on to a stream, and go on when nobody takes it: a terminal that went away must not end a measurement."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text` where that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush where that is possible."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Ui:
    """Print what a command has to say, as the global options ask for it."""

    def __init__(self) -> None:
        self.json = False
        self.verbose = False
        self.style = Style.AUTO
        self.printed = False
        self._progress: PlainProgress | RichProgress | None = None

    def is_rich(self, stream: TextIO) -> bool:
        """Return True when colours and boxes may be drawn on `stream`."""
        if self.style is not Style.AUTO:
            return self.style is Style.RICH
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def progress(self) -> Progress:
        """Return the progress display on stderr."""
        if self._progress is None:
            from edgekit.cli.progress import open_progress

            self._progress = open_progress(sys.stderr, rich=self.is_rich(sys.stderr) and not self.json)
        return self._progress

    def heading(self, text: str) -> None:
        """Announce a part of the work whose own progress another process draws."""
        self.close_progress()
        sys.stderr.write(f"\n{text}\n")
        sys.stderr.flush()

    def close_progress(self, *, finished: bool = True) -> None:
        """End the progress display, so that nothing is drawn over what follows."""
        if self._progress is not None:
            self._progress.close(finished=finished)
            self._progress = None

    def result(
        self,
        *,
        schema: str,
        data: Any,
        text: str | RenderableType = "",
        next_commands: Iterable[tuple[str, str]] = (),
        notes: Sequence[Note] = (),
        status: str = "ok",
        exit_code: int = 0,
    ) -> None:
        """Print the result of a command; a nonzero `exit_code` then ends the process with it (raises typer.Exit)."""
        self.close_progress()
        if self.json:
            self.document(schema=schema, status=status, data=data, notes=notes)
        else:
            self._print_notes(notes)
            self._print_text(text)
            self._print_next(tuple(next_commands))
        sys.stdout.flush()
        if exit_code:
            raise typer.Exit(exit_code)

    def document(self, *, schema: str, status: str, data: Any, notes: Sequence[Note] = ()) -> None:
        """Print the one JSON document of this process on stdout."""
        document = {"schema": schema, "status": status, "data": as_data(data), "notes": as_data(list(notes))}
        sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False, default=_plain) + "\n")
        self.printed = True

    def _print_notes(self, notes: Sequence[Note]) -> None:
        width = line_width(sys.stderr)
        for note in notes:
            sys.stderr.write(note_lines(note, width=width))
        sys.stderr.flush()

    def _print_text(self, text: str | RenderableType) -> None:
        if isinstance(text, str):
            text = printable(text, styled=self.is_rich(sys.stdout))
            sys.stdout.write(text if not text or text.endswith("\n") else text + "\n")
        else:
            self._print_renderable(text)

    def _print_renderable(self, renderable: RenderableType) -> None:
        from rich.console import Console, Group
        from rich.table import Table

        from edgekit.cli.stacked import fitted

        rich = self.is_rich(sys.stdout)
        parts = list(renderable.renderables) if isinstance(renderable, Group) else [renderable]
        for part in parts:
            if isinstance(part, Table) and not rich:
                part.box = None
                part.pad_edge = False
        width = get_terminal_size((_PIPE_WIDTH, 24)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
        width = max(width, _NARROWEST)
        console = Console(
            file=StringIO(),
            width=width,
            force_terminal=rich,
            no_color=not rich,
            markup=False,  # [/x] may be part of a name
            highlight=False,
            emoji=False,
        )
        with console.capture() as drawn:
            console.print(Group(*(fitted(part, width) if isinstance(part, Table) else part for part in parts)))
        sys.stdout.write(printable(drawn.get(), styled=rich))

    def _print_next(self, commands: Sequence[tuple[str, str]]) -> None:
        if not commands:
            return
        columns = line_width(sys.stdout)
        lines = [f"  {line}".rstrip() for line in paired(commands, width=columns and columns - 2)]
        sys.stdout.write("\nnext\n" + "\n".join(map(printable, lines)) + "\n")


def paired(do: Sequence[tuple[str, str]], *, width: int | None = None) -> list[str]:
    """Return each advice with its command beside it; where one is wider than `width`, all commands stand below, so that none is broken."""
    longest = max((len(advice) for advice, command in do if command), default=0)
    beside = [f"{advice:<{longest}}   {command}" if command else advice for advice, command in do]
    if width is None or max(map(len, beside), default=0) <= width:
        return beside
    return [line for advice, command in do for line in (*between_words(advice, width, ""), *([f"  {command}"] if command else []))]


def note_lines(note: Note, *, width: int | None = None) -> str:
    """Return one remark as lines for stderr, broken between words where they are wider than `width`."""
    found = [f"note: {note.text}", *([f"  do   {note.advice}"] if note.advice else [])]
    if width is not None:
        found = [line for text, rest in zip(found, ("      ", "       "), strict=False) for line in between_words(text, width, rest)]
    return printable("\n".join(found) + "\n")


def between_words(text: str, width: int, rest: str) -> list[str]:
    """Return `text` in lines of `width` columns, all but the first of each paragraph beginning with `rest`; no word is broken."""
    lines = (
        textwrap.wrap(line, max(1, width), subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )
    return [line for found in lines for line in found]


def printable(text: str, *, styled: bool = False) -> str:
    """Return `text` with its control characters written out, so that no name drives the terminal; `styled` keeps our colours."""
    return (_CONTROL_BUT_COLOUR if styled else _CONTROL).sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _plain(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be printed as JSON")


_current: ContextVar[Ui] = ContextVar("edgekit_ui")


def current() -> Ui:
    """Return the terminal of the running command."""
    ui = _current.get(None)
    return ui if ui is not None else install(Ui())


def install(ui: Ui) -> Ui:
    """Make `ui` the terminal of the running command and return it."""
    _current.set(ui)
    return ui
