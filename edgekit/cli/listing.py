"""Draw a list of things with a mark each, the reason beside it and the remedy below."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size

from edgekit.cli.output import current

_COLOURS = {"yes": "\033[32m", "ok": "\033[32m", "no": "\033[31m", "fail": "\033[31;1m", "warn": "\033[33m", "not yet": "\033[33m"}
_WIDEST = 120
_JOINT = re.compile(r"""(?:'[^']*'|"[^"]*"|[^'"])*?(?:&&|\|)(?= )""")  # up to an operator after which a shell reads on in the next line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold one thing: its mark ("ok", "warn", "fail", "yes", "no"), name, one sentence, and pairs of (advice, command)."""

    mark: str
    name: str
    text: str
    do: Sequence[tuple[str, str]] = ()


def listing(rows: Sequence[Row]) -> str:
    """Return the rows as aligned lines; sentences are wrapped, commands only where they can still be pasted."""
    colour = current().is_rich(sys.stdout)
    marks, names = max(len(row.mark) for row in rows), max(len(row.name) for row in rows)
    indent = " " * (marks + names + 6)
    width = max(30, min(get_terminal_size((_WIDEST, 24)).columns, _WIDEST) - len(indent))
    lines: list[str] = []
    for row in rows:
        mark = f"{_COLOURS.get(row.mark, '')}{row.mark:<{marks}}\033[0m" if colour else f"{row.mark:<{marks}}"
        wrapped = textwrap.wrap(row.text, width, break_long_words=False, break_on_hyphens=False) or [""]
        lines.append(f"  {mark}  {row.name:<{names}}  {wrapped[0]}".rstrip())
        lines += [f"{indent}{line}" for line in wrapped[1:]]
        lines += [f"{indent}{line}".rstrip() for advice, command in row.do for line in _remedy(advice, command, width)]
    return "\n".join(lines)


def _remedy(advice: str, command: str, width: int) -> list[str]:
    """Return advice and command on one line where they fit, else the command below, broken after its && and pipes."""
    whole = f"{advice} {command}"
    if len(whole) <= width:
        return [whole]
    pieces, begin = [], 0
    while found := _JOINT.match(command, begin):  # from where the one before ended: a quote may hold operators of another shell
        pieces.append(found.group().strip())
        begin = found.end()
    pieces.append(command[begin:].strip())
    return [advice, *(f"  {piece}" for piece in _joined(pieces, width - 2))]


def _joined(pieces: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines
