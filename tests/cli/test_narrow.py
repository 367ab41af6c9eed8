"""On a terminal of 80 columns nothing is lost and no word is broken: tables are stacked, plans and errors wrapped, commands left whole."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from edgekit.cli.errors import as_text
from edgekit.cli.output import Ui, paired
from edgekit.cli.stacked import fitted
from edgekit.core.errors import UsageError
from tests.conftest import clean_environment

LONG = "quite_a_long_name_of_a_model_for_doorbells_in_its_seventeenth_version.dynamic_int8.tflite"


def on_a_terminal(*args: str, cwd: Path) -> list[str]:
    """Return what edgekit prints on a terminal of 80 columns."""
    mother, daughter = pty.openpty()
    environment = clean_environment({"COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1"})
    process = subprocess.Popen([sys.executable, "-m", "edgekit", *args], cwd=cwd, env=environment, stdout=daughter, stderr=subprocess.PIPE)
    os.close(daughter)
    shown = b""
    try:
        while block := os.read(mother, 65_536):
            shown += block
    except OSError:  # how Linux says that the other side is closed
        pass
    assert process.wait(60) == 0, process.stderr.read() if process.stderr else ""
    os.close(mother)
    if process.stderr is not None:
        process.stderr.close()
    return shown.decode().replace("\r\n", "\n").splitlines()


def test_a_plan_fits_the_terminal_but_for_a_name_that_does_not(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / LONG).write_bytes(model_file.read_bytes())
    lines = on_a_terminal("bench", LONG, str(model_file), "--device", "sim", "--meter", "sim", "--quick", "--plan", cwd=tmp_path)
    assert [line for line in lines if len(line) > 80 and LONG not in line] == []
    assert any(line.strip() == "up to 5 s, until the time per inference has settled" for line in lines)
    short = on_a_terminal("bench", model_file.name, "--device", "sim", "--meter", "sim", "--quick", "--plan", cwd=tmp_path)
    assert "  4  measure     model.tflite  3 x 2 s         back to back" in short


@given(
    st.lists(st.text("abcdefg_ ", min_size=1, max_size=70).filter(str.strip), min_size=4, max_size=4),
    st.integers(40, 120),
    st.booleans(),
)
def test_a_table_loses_nothing_at_any_width(cells: list[str], width: int, folds: bool) -> None:
    table = Table(title="a title", caption="and what there is to say")
    table.add_column("artifact\nstatus", overflow="fold" if folds else "ellipsis")
    table.add_column("J/inference\n95 % interval", justify="right", no_wrap=True)
    table.add_row(f"{cells[0]}\n{cells[1]}", f"{cells[2]}\n{cells[3]}")
    console = Console(width=width, no_color=True)
    with console.capture() as drawn:
        console.print(fitted(table, width))
    shown = drawn.get()
    assert "…" not in shown
    for what in ("a title", "and what", "95 % interval"):
        assert what in shown
    kept = "".join(letter for letter in shown if letter in "abcdefg_")
    assert sum(kept.count(letter) for letter in "bf") >= sum(cell.count(letter) for cell in cells for letter in "bf")
    assert max(map(len, shown.splitlines())) <= width


def test_a_stacked_table_names_each_figure() -> None:
    table = Table()
    for title in ("batch", "artifact", "J/inference\n95 % interval"):
        table.add_column(title, no_wrap=True)
    table.add_row("2", LONG, "1.21 mJ\n1.20 to 1.22 mJ")
    console = Console(width=60, no_color=True)
    with console.capture() as drawn:
        console.print(fitted(table, 60))
    lines = drawn.get().splitlines()
    assert lines[0] == "batch 2"
    assert lines[-2:] == ["  J/inference    1.21 mJ", "  95 % interval  1.20 to 1.22 mJ"]


def test_a_name_in_brackets_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    table.add_column("artifact")
    table.add_row("m[/x][bold].tflite")
    Ui().result(schema="edgekit.bench/1", data={}, text=table)
    assert "m[/x][bold].tflite" in capsys.readouterr().out


def test_no_width_is_too_small_for_an_error() -> None:
    error = UsageError("nothing is left", code="usage.x", why="a reason of some words", do=[("try this", "edgekit doctor")])
    assert "reason" in as_text(error, width=5)


def test_a_command_is_never_broken_and_a_reason_between_words_alone() -> None:
    command = "edgekit compare sweep-20261123T030755 --runs runs --rate 100/s --latency-limit 50ms"
    error = UsageError("no", code="usage.value", why="one two three " * 12, do=[("choose the batch that serves a rate:", command)])
    lines = as_text(error, width=80).splitlines()
    assert f"         {command}" in lines
    assert max(len(line) for line in lines if command not in line) <= 80
    assert as_text(error).count("\n") == 4, "a log keeps one line for each"
    assert paired([("short:", "edgekit"), ("no command", "")], width=40) == ["short:   edgekit", "no command"]
