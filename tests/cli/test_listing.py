"""A remedy longer than the terminal is broken where a shell reads on, so that it can still be pasted."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from edgekit.cli.listing import Row, listing
from edgekit.runner.counters.rapl_refused import forbidden

LONG = "printf 'a && b | c' | tr a-c d-f && printf ' %s' 'one && two' && printf ' %s' three four five six seven eight nine ten"


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def below(text: str, advice: str) -> list[str]:
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if advice in line)
    return lines[start + 1 :]


def test_a_long_command_is_broken_after_its_operators_and_does_the_same(narrow):
    drawn = listing([Row(mark="no", name="x", text="why", do=[("do this:", LONG)])])
    pasted = below(drawn, "do this:")
    assert len(pasted) > 1
    assert all(line.endswith(("&&", "|")) for line in pasted[:-1])
    results = [subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout for text in (LONG, "\n".join(pasted))]
    assert results[0] == results[1] == b"d && e | f one && two three four five six seven eight nine ten"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_a_quote_holds_for_another_shell_stays_whole(narrow, quote):
    command = f"ssh -l root raspberrypi.local {quote}ps -eo pcpu,comm --sort=-pcpu | head -n 5 && uptime{quote}"
    drawn = listing([Row(mark="no", name="x", text="why", do=[("see what runs there, and end what is not needed:", command)])])
    assert [line.strip() for line in below(drawn, "see what runs")] == [command]


def test_a_short_command_stays_beside_its_advice(narrow):
    assert "do this: true && true" in listing([Row(mark="no", name="x", text="why", do=[("do this:", "true && true")])])


def test_the_remedies_for_rapl_are_no_lines_of_hundreds_of_characters(narrow, tmp_path):
    path = tmp_path / "energy_uj"
    path.touch()
    remedies = forbidden(str(path))["do"]
    drawn = listing([Row(mark="no", name="rapl", text="why", do=remedies)])
    assert max(map(len, drawn.splitlines())) < 200, "a quoted rule cannot be broken"
    for _, command in remedies:
        assert " ".join(shlex.split(command, comments=True)) in " ".join(shlex.split(drawn))
