"""Know how wide what is printed may be."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TextIO

_PAGE = 100


def page_width() -> int:
    """Return the columns for text that is laid out: those of the terminal, at most 100, and 100 where there is none."""
    return min(_PAGE, get_terminal_size((_PAGE, 24)).columns)


def line_width(stream: TextIO) -> int | None:
    """Return the columns of the terminal behind `stream`; None where it is none: a log keeps one line for each sentence."""
    return get_terminal_size().columns if stream.isatty() else None
