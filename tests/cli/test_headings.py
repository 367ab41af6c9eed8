"""The options of long commands stand under headings: each once, in plain text as in boxes."""

from __future__ import annotations

import re

import pytest

from edgekit.cli.headings import HEADINGS


@pytest.mark.parametrize("name", HEADINGS)
def test_every_option_stands_once_under_the_heading_it_is_given(run_edgekit, name):
    shown = run_edgekit(name, "--help").stdout
    parts = re.split(r"(?m)^(\S.*):$", shown)
    found = {title: re.findall(r"(?m)^  (?:-\w, )?--([\w-]+)", text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    stated = {title: [word.replace("_", "-") for word in names.split()] for title, names in HEADINGS[name].items()}
    assert found == {"Arguments": [], **stated, "Everywhere": ["json", "style", "verbose", "help"]}


def test_boxes_have_the_same_headings(run_edgekit):
    shown = run_edgekit("--style", "rich", "bench", "--help").stdout
    assert re.findall(r"╭─ ([\w ]+\w) ─", shown) == ["Arguments", *HEADINGS["bench"], "Everywhere"]
