"""Every option can be given by a variable, and the help says so once."""

from __future__ import annotations

import pytest

from edgekit.cli.commands import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_free_of_variables_but_for_one_line(run_edgekit, name):
    shown = run_edgekit(name, "--help").stdout
    assert "env var" not in shown
    assert shown.count("EDGEKIT_") <= 2


@pytest.mark.parametrize(
    ("words", "variable", "option"),
    [
        (("bench", "m.onnx"), "EDGEKIT_BENCH_SAMPLE_HZ", "--sample-hz"),
        (("devices", "add", "pi", "ssh://pi"), "EDGEKIT_DEVICES_ADD_FORCE", "--force"),
    ],
)
def test_a_variable_reaches_its_option(run_edgekit, words, variable, option):
    done = run_edgekit(*words, env={variable: "no such value"})
    assert done.returncode == 2, done.stderr
    assert option in done.stderr


def test_the_variable_is_named_after_the_option(run_edgekit):
    done = run_edgekit("report", "r", env={"EDGEKIT_REPORT_RUNS": "elsewhere"})
    assert "elsewhere" in done.stderr
    assert "--cool-at-most is EDGEKIT_BENCH_COOL_AT_MOST, --json is EDGEKIT_JSON" in " ".join(run_edgekit("bench", "--help").stdout.split())
