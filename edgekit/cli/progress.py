"""Show what goes on, on stderr. A step in which energy is measured is still: a redraw between calls would cost energy in the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from edgekit.cli.output import note_lines, printable
from edgekit.cli.width import line_width

if TYPE_CHECKING:
    from rich.progress import TaskID

    from edgekit.core.quantity import Note

_HEARTBEAT_S = 5.0
_FRAME_S = 0.25


def open_progress(stream: TextIO, *, rich: bool) -> PlainProgress | RichProgress:
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

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None:
        """Begin a step and complete the line of the one before."""
        self._finish()
        self._title, self._total, self._text = printable(title), total, ""
        self._began = self._spoke = self._now()
        self._write(f"{title} ...")
        self._line_is_open = True

    def advance(self, done: float, text: str = "") -> None:
        """Remember the state of the step; print it when nothing was printed for five seconds."""
        self._text = printable(text) or self._text
        if self._now() - self._spoke >= _HEARTBEAT_S:
            share = f"{min(100, 100 * done / self._total):.0f} %" if self._total else ""
            self._line(", ".join(part for part in (f"  {self._elapsed()}", share, self._text) if part))

    def fail(self) -> None:
        """Complete the line of a step that came to nothing."""
        self._text = "failed"
        self._finish()

    def note(self, note: Note) -> None:
        """Print one remark."""
        width = line_width(self._stream)
        self._line(note_lines(note, width=width).rstrip())

    def close(self, *, finished: bool = True) -> None:
        """Complete the line of the last step, which was stopped short unless `finished`."""
        self._finish(finished)

    def _finish(self, finished: bool = True) -> None:
        if not self._title:
            return
        if not finished:
            self._text = "not finished"
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
    """Draw one bar for the current step, redrawn by a timer unless it is `still`, and leave a line for each finished one."""

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        from edgekit.cli.bar import open_bar

        self._bar = open_bar(stream, width)
        self._task: TaskID | None = None
        self._ended = threading.Event()
        self._timer: threading.Thread | None = None
        self._bar.start()

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None:
        """Begin a step and tick off the one before."""
        self._finish()
        self._task = self._bar.add_task(printable(title), total=total, text="", still=still)
        self._bar.refresh()
        if not still:
            self._ended.clear()
            self._timer = threading.Thread(target=self._animate, daemon=True)
            self._timer.start()

    def _animate(self) -> None:
        while not self._ended.wait(_FRAME_S):
            self._bar.refresh()

    def advance(self, done: float, text: str = "") -> None:
        """Redraw the bar."""
        if self._task is None:
            return
        if text:
            self._bar.update(self._task, completed=done, text=printable(text))
        else:
            self._bar.update(self._task, completed=done)
        self._bar.refresh()

    def fail(self) -> None:
        """Cross out a step that came to nothing."""
        self._finish(finished=False)

    def note(self, note: Note) -> None:
        """Print one remark above the bar."""
        lines = note_lines(note, width=self._bar.console.width).rstrip()
        self._bar.console.print(lines, markup=False, style="yellow", soft_wrap=True)

    def close(self, *, finished: bool = True) -> None:
        """Tick off the last step, or cross it out unless `finished`, and give the terminal back."""
        self._finish(finished)
        self._bar.stop()

    def _finish(self, finished: bool = True) -> None:
        if self._timer is not None:
            self._ended.set()
            self._timer.join()
            self._timer = None
        if self._task is None:
            return
        from rich.text import Text

        task = self._bar.tasks[-1]
        self._bar.remove_task(self._task)
        self._task = None
        line = Text.assemble(
            ("✓ ", "green") if finished else ("✗ ", "red"),
            task.description,
            (f"  {task.elapsed or 0:.1f} s", "dim"),
            ("  " + task.fields["text"], "dim"),
        )
        line.rstrip()
        self._bar.console.print(line)
