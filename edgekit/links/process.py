"""Run a child in the foreground: its stderr is this terminal's, its stdout is returned."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Hold how a child ended, what it printed on stdout, and on stderr where that was kept."""

    exit_code: int
    stdout: str
    stderr: str = ""


def run_foreground(argv: Sequence[str]) -> Finished:
    """Run `argv` to its end and return it; on Ctrl-C the child, which gets it too, is waited for before KeyboardInterrupt goes on."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            stdout, _ = child.communicate()
        except KeyboardInterrupt:
            child.communicate()
            raise
    return Finished(exit_code=child.returncode, stdout=stdout)
