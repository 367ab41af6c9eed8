"""A Ctrl-C in the first moment, while edgekit is still being imported."""

from __future__ import annotations

import json
import subprocess
import sys

from edgekit.cli.start import main
from tests.conftest import clean_environment


def stopped():
    raise KeyboardInterrupt


def test_a_ctrl_c_during_imports_is_a_line_and_no_traceback(capsys):
    assert main(["bench"], load=stopped) == 130
    assert capsys.readouterr().err == "error: interrupted\n  why  nothing had begun\n"


def test_with_json_it_is_one_document(capsys):
    assert main(["--json", "bench"], load=stopped) == 130
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["data"]["code"], document["data"]["exit_code"]) == ("edgekit.error/1", "run.interrupted", 130)


def test_entering_imports_nothing_that_takes_time():
    script = (
        "import sys, edgekit.cli.start; print(sorted(name for name in sys.modules if name.split('.')[0] in ('typer', 'rich', 'edgekit')))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['edgekit', 'edgekit.cli', 'edgekit.cli.start']"
