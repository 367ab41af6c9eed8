"""Read a finished report back from its JSON, and say so where the file is no longer what edgekit wrote."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edgekit.core.errors import UsageError
from edgekit.core.jsonio import load_record
from edgekit.reports.model import Report

_STUMBLES = (ArithmeticError, AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


def load_report(text: str, *, where: str) -> Report:
    """Return the report stored in `text`; raise UsageError naming `where` when it is none, or holds no run."""
    found = load_record(Report, text, where=where)
    if not found.runs:
        raise _not_whole((where,), "it holds no run")
    return found


@contextmanager
def intact(*where: str) -> Iterator[None]:
    """Raise UsageError for what drawing, comparing or exporting the reports of the files `where` stumbles over.

    The fields of a stored report are checked one by one when it is read. Whether they belong together only edgekit can have seen to, and
    what it wrote can be drawn: a region without its factor, or a count of zero, was put there by somebody else.
    """
    try:
        yield
    except _STUMBLES as error:
        raise _not_whole(where, f"its fields do not belong together: {type(error).__name__}: {error}") from error


def _not_whole(where: Sequence[str], why: str) -> UsageError:
    return UsageError(
        f"{' or '.join(where)} is not as edgekit wrote it",
        code="report.edited",
        why=why,
        do=[("make it again from its runs, as its own last lines say:", f"grep -A3 '\"commands\"' {shlex.join(where)}")],
    )
