"""Progress: one line a step, a sign of life in long ones, and nothing between calls."""

from __future__ import annotations

import io
import re
import threading
import time

import pytest

from edgekit.cli.output import note_lines
from edgekit.cli.progress import PlainProgress, RichProgress
from edgekit.core.quantity import Note


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_progress_is_one_line_for_each_step() -> None:
    clock, out = Seconds(), io.StringIO()
    progress = PlainProgress(out, now=clock)
    progress.step("convert int8")
    clock.now = 1.25
    progress.advance(1, "2.1 µJ")
    progress.step("verify")
    clock.now = 2.0
    progress.close()
    assert out.getvalue() == "convert int8 ... 1.2 s, 2.1 µJ\nverify ... 0.8 s\n"


def test_plain_progress_shows_life_at_most_every_five_seconds() -> None:
    clock, out = Seconds(), io.StringIO()
    progress = PlainProgress(out, now=clock)
    progress.step("measure", total=60)
    for second in range(1, 61):
        clock.now = second
        progress.advance(second, f"{second} windows")
    progress.close()
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["measure ...", "  5.0 s, 8 %, 5 windows"]
    assert len(lines) == 14
    assert lines[-1] == "measure took 60.0 s, 60 windows"


def test_a_note_gets_lines_of_its_own() -> None:
    out = io.StringIO()
    progress = PlainProgress(out, now=Seconds())
    progress.step("measure")
    progress.note(Note(code="x.y", text="the clock changed", advice="hold it"))
    progress.close()
    assert out.getvalue() == "measure ...\nnote: the clock changed\n  do   hold it\nmeasure took 0.0 s\n"


def test_the_bar_shows_title_share_and_estimate_and_draws_only_when_told() -> None:
    out = io.StringIO()
    progress = RichProgress(out, width=100)
    progress.step("measure [int8]", total=4)
    progress.advance(2, "2.1 µJ")
    drawn = out.getvalue()
    assert "measure [int8]" in drawn
    assert "50%" in drawn
    assert "2.1 µJ" in drawn
    assert out.getvalue() == drawn
    progress.note(Note(code="x.y", text="mind [this]"))
    progress.step("next")
    progress.close()
    left = [line.split("  ")[0] for line in on_screen(out.getvalue()) if line]
    assert left == ["note: mind [this]", "✓ measure [int8]", "✓ next"]


def on_screen(text: str) -> list[str]:
    """Return the lines that stay when a terminal has drawn `text`: a bar that is drawn again replaces itself."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            continue
        elif part == "\x1b[2K":
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", part):
            row -= int(part[2:-1] or 1)
        elif not part.startswith("\x1b"):
            lines[row] += part
    return [line.rstrip() for line in lines]


def test_a_step_that_was_stopped_short_is_not_ticked_off() -> None:
    plain, drawn = io.StringIO(), io.StringIO()
    for progress in (PlainProgress(plain, now=Seconds()), RichProgress(drawn, width=80)):
        progress.step("convert")
        progress.close(finished=False)
    assert plain.getvalue() == "convert ... 0.0 s, not finished\n"
    assert "✗ convert" in "".join(on_screen(drawn.getvalue()))


def test_a_step_that_failed_is_not_ticked_off_though_others_follow() -> None:
    out, plain = io.StringIO(), io.StringIO()
    for progress in (RichProgress(out), PlainProgress(plain)):
        for title in ("export a", "export b"):
            progress.step(title)
            if title == "export a":
                progress.fail()
        progress.close()
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "✗ export a" in lines
    assert "✓ export a" not in lines
    assert "✓ export b" in lines
    first, second = plain.getvalue().splitlines()
    assert first.endswith("failed")
    assert not second.endswith("failed")


def test_closing_without_a_step_is_harmless() -> None:
    for progress in (PlainProgress(io.StringIO()), RichProgress(io.StringIO(), width=80)):
        progress.close()
        progress.close()


def test_a_step_is_redrawn_by_a_timer_and_a_still_one_is_not() -> None:
    out = io.StringIO()
    progress = RichProgress(out, width=100)
    progress.step("convert")
    drawn = out.getvalue()
    end = time.monotonic() + 5
    while out.getvalue() == drawn and time.monotonic() < end:
        time.sleep(0.01)
    assert out.getvalue() != drawn
    progress.step("idle for 10 s", total=10, still=True)
    drawn = out.getvalue()
    assert not [thread for thread in threading.enumerate() if "_animate" in thread.name]
    assert "not redrawn while it is measured" in drawn
    assert "0:00:00" not in drawn.split("idle for 10 s")[1], "a clock that stands looks like a program that hangs"
    progress.advance(5, "half")
    assert "half" in out.getvalue()
    progress.close()


@pytest.mark.parametrize("width", [80, 60])
def test_words_give_way_to_bar_and_clock_on_a_narrow_terminal(width: int) -> None:
    out = io.StringIO()
    progress = RichProgress(out, width=width)
    progress.step("measure on 2 artifacts with names of some length", total=10, still=True)
    progress.advance(5, "measure 3 of 10, 10 s, digits_cnn.fp32.tflite · 1.213 mJ ± 0.5 %")
    (line,) = [line for line in on_screen(out.getvalue()) if line]
    assert len(line) <= width
    assert "50%" in line
    assert "0:00:00" in line
    progress.close()


def test_a_note_is_broken_between_words() -> None:
    note = Note(code="x.y", text="a reading of the sensor took unusually long, and " * 4, advice="look what else the machine does " * 4)
    for line in note_lines(note, width=80).splitlines():
        assert len(line) <= 80
    assert note_lines(note, width=80).split() == note_lines(note).split()
    out = io.StringIO()
    progress = RichProgress(out, width=80)
    progress.note(note)
    progress.close()
    words = set(note_lines(note).split())
    assert all(set(line.split()) <= words for line in on_screen(out.getvalue()))
    long = Note(code="x.y", text="see /a/very/long/path" + "/folder" * 20)
    assert "/folder" * 20 in note_lines(long, width=80), "a path is not cut: it stays one word"
