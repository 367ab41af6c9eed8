"""Enter edgekit with next to nothing imported: a Ctrl-C while the rest is being imported ends in a line, not in a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

_STOPPED = 130
_DOCUMENT = """{
 "schema": "edgekit.error/1",
 "status": "error",
 "data": {"code": "run.interrupted", "exit_code": 130, "what": "interrupted", "why": "nothing had begun", "do": []},
 "notes": []
}
"""


def main(argv: Sequence[str] | None = None, *, load: Callable[[], Callable[[Sequence[str] | None], int]] | None = None) -> int:
    """Run the command line `argv` (default: sys.argv) and return the exit code."""
    try:
        run = (load or _load)()
    except KeyboardInterrupt:
        if "--json" in (sys.argv if argv is None else argv):
            sys.stdout.write(_DOCUMENT)
        else:
            sys.stderr.write("error: interrupted\n  why  nothing had begun\n")
        return _STOPPED
    return run(argv)


def _load() -> Callable[[Sequence[str] | None], int]:
    from edgekit.cli.app import main as run

    return run
