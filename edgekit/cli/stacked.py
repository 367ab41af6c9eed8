"""Draw a table below one another where it does not fit side by side: no terminal is so narrow that a figure may be cut."""

from __future__ import annotations

import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Column, Table

_BREAKABLE = 24  # a longer word, in a column that folds, may be broken to this width before the table is stacked
_LEAST = 20  # columns of text beside a label


def fitted(table: Table, width: int) -> RenderableType:
    """Return `table` where every figure of it fits into `width` columns, and one block per row with a line per figure elsewhere."""
    return table if _needed(table) <= width else _Blocks(table, width).text()


def _needed(table: Table) -> int:
    """Return the least width at which nothing of a table is cut."""
    edges = 2 * bool(table.box and table.show_edge)
    between = (len(table.columns) - 1) * bool(table.box)
    padding = sum(table.padding[1::2]) * len(table.columns) - (0 if table.pad_edge else sum(table.padding[1::2]))
    return edges + between + padding + sum(map(_column, table.columns))


def _column(column: Column) -> int:
    texts = [str(column.header), *map(str, column.cells)]
    if column.no_wrap:
        return max(len(line) for text in texts for line in text.split("\n"))
    longest = max((len(word) for text in texts for word in text.split()), default=0)
    return min(longest, _BREAKABLE) if column.overflow == "fold" else longest


class _Blocks:
    def __init__(self, table: Table, width: int) -> None:
        self._table, self._width = table, width
        self._heads = [str(column.header).split("\n") for column in table.columns]
        longest = max((len(label) for heads in self._heads[1:] for label in heads), default=0)
        self._label = min(longest, max(0, width - _LEAST))

    def text(self) -> RenderableType:
        from rich.text import Text

        cells = [list(map(str, column.cells)) for column in self._table.columns]
        blocks = [self._block(row) for row in zip(*cells, strict=True)]
        around = [textwrap.fill(str(text or "").strip(), self._width) for text in (self._table.title, self._table.caption)]
        blocks = [text for text in (around[0], *blocks, around[1]) if text]
        return Text("\n\n".join(blocks), overflow="fold")

    def _block(self, row: Sequence[str]) -> str:
        name, *rest = row[0].split("\n")
        head = name if not name.isdecimal() else f"{self._heads[0][0]} {name}"
        lines = [head, *(f"  {line}" for line in rest)]
        for heads, cell in zip(self._heads[1:], row[1:], strict=True):
            values = cell.split("\n") if cell else []
            for label, value in zip_longest(heads[: len(values)], values, fillvalue=""):
                lines += self._line(label, value)
        return "\n".join(lines)

    def _line(self, label: str, value: str) -> list[str]:
        start = f"  {label:<{self._label}}  "
        return textwrap.wrap(value, self._width, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False) or [
            start.rstrip()
        ]
