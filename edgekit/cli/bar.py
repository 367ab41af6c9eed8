"""Lay out the progress bar of a terminal: bar, share and clock keep their places, words give way."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskProgressColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

_STILL = "not redrawn while it is measured"
_ROOMY = 100


def open_bar(stream: TextIO, width: int | None = None) -> Progress:
    """Return a bar that draws on `stream` when it is told to, never on its own."""
    console = Console(file=stream, force_terminal=True, width=width, highlight=False, emoji=False)
    return Progress(
        SpinnerColumn(table_column=Column(no_wrap=True)),
        _Title(),
        BarColumn(bar_width=24 if console.width >= _ROOMY else 8, table_column=Column(no_wrap=True)),
        TaskProgressColumn(table_column=Column(no_wrap=True)),
        _Clock(table_column=Column(no_wrap=True)),
        _Words(),
        console=console,
        auto_refresh=False,
    )


class _Title(ProgressColumn):
    """Show what the step is."""

    def render(self, task: Task) -> Text:
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class _Words(ProgressColumn):
    """Show the latest words; without any, why a step stands still."""

    def render(self, task: Task) -> Text:
        words = str(task.fields["text"]) or (_STILL if task.fields["still"] else "")
        return Text(words, no_wrap=True, overflow="ellipsis", style="dim")


class _Clock(TimeElapsedColumn):
    """Show how long the step takes by now; a clock that cannot move is not shown."""

    def render(self, task: Task) -> Text:
        return Text("") if task.fields["still"] and not task.completed else super().render(task)
