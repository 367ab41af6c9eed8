"""Show what goes on, on stderr. Nothing is drawn between calls: a redraw during a measured window would cost energy in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from edgekit.cli.output import note_lines

if TYPE_CHECKING:
    from rich.progress import TaskID

    from edgekit.core.protocols import Progress
    from edgekit.core.quantity import Note

_HEARTBEAT_S = 5.0


def open_progress(stream: TextIO, *, rich: bool) -> Progress:
    """Return a progress bar for a terminal, or one line per step for everything else."""
    return RichProgress(stream) if rich else PlainProgress(stream)


class PlainProgress:
    """Print one line per step, completed with its duration when it ends, and a sign of life every few seconds in a long one."""

    def __init__(self, stream: TextIO, *, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._title = ""
        self._total: float | None = None
        self._text = ""
        self._line_is_open = False
        self._began = self._spoke = now()

    def step(self, title: str, total: float | None = None) -> None:
        """Begin a step and complete the line of the one before."""
        self._finish()
        self._title, self._total, self._text = title, total, ""
        self._began = self._spoke = self._now()
        self._write(f"{title} ...")
        self._line_is_open = True

    def advance(self, done: float, text: str = "") -> None:
        """Remember the state of the step; print it when nothing was printed for five seconds."""
        self._text = text or self._text
        if self._now() - self._spoke >= _HEARTBEAT_S:
            share = f"{min(100, 100 * done / self._total):.0f} %" if self._total else ""
            self._line(", ".join(part for part in (f"  {self._elapsed()}", share, self._text) if part))

    def note(self, note: Note) -> None:
        """Print one remark."""
        self._line(note_lines(note).rstrip())

    def close(self) -> None:
        """Complete the line of the last step."""
        self._finish()

    def _finish(self) -> None:
        if not self._title:
            return
        ending = f"{self._elapsed()}, {self._text}" if self._text else self._elapsed()
        self._write(f" {ending}\n" if self._line_is_open else f"{self._title} took {ending}\n")
        self._line_is_open = False
        self._title = ""

    def _elapsed(self) -> str:
        return f"{self._now() - self._began:.1f} s"

    def _line(self, line: str) -> None:
        self._write(f"\n{line}\n" if self._line_is_open else f"{line}\n")
        self._line_is_open = False
        self._spoke = self._now()

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class RichProgress:
    """Draw one bar for the current step and leave a line for each finished one."""

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", style="dim"),
            console=Console(file=stream, force_terminal=True, width=width, highlight=False, emoji=False),
            auto_refresh=False,
        )
        self._task: TaskID | None = None
        self._bar.start()

    def step(self, title: str, total: float | None = None) -> None:
        """Begin a step and tick off the one before."""
        self._finish()
        self._task = self._bar.add_task(title.replace("[", r"\["), total=total, text="")
        self._bar.refresh()

    def advance(self, done: float, text: str = "") -> None:
        """Redraw the bar."""
        if self._task is None:
            return
        if text:
            self._bar.update(self._task, completed=done, text=text)
        else:
            self._bar.update(self._task, completed=done)
        self._bar.refresh()

    def note(self, note: Note) -> None:
        """Print one remark above the bar."""
        self._bar.console.print(note_lines(note).rstrip(), markup=False, style="yellow")

    def close(self) -> None:
        """Tick off the last step and give the terminal back."""
        self._finish()
        self._bar.stop()

    def _finish(self) -> None:
        if self._task is None:
            return
        total = self._bar.tasks[-1].total or 1
        self._bar.update(self._task, total=total, completed=total)
        self._bar.stop_task(self._task)
        self._bar.refresh()
        self._task = None
