"""Run edgekit commands as jobs: the one door through which a campaign acts.

A job is a command line and what it prints under --json. Because a job is a process with files around it, a crash, a resumed campaign and
a job on another machine all look alike.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.errors import EdgekitError, exit_class
from edgekit.links.process import run_foreground


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hold one edgekit command: a title for people and the arguments after `edgekit`."""

    title: str
    arguments: tuple[str, ...]

    def command(self) -> str:
        """Return the command line as a user would type it."""
        import shlex

        return shlex.join(["edgekit", *self.arguments])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what a job printed, and its exit status."""

    exit_code: int
    data: Any
    status: str


def run_job(job: Job, *, global_options: Sequence[str] = ()) -> Outcome:
    """Run a job in a child process whose progress goes to this stderr; raise the error that it reports, with its own exit status.

    A job that ends with a nonzero status but a result (a failed gate, one recipe refused) is returned, not raised.
    """
    finished = run_foreground([sys.executable, "-m", "edgekit", *global_options, "--json", *job.arguments])
    try:
        document = json.loads(finished.stdout)
    except ValueError as error:
        raise EdgekitError(
            f"`{job.command()}` ended without a result",
            code="job.no_result",
            why=f"exit status {finished.exit_code}, and stdout is not JSON: {error}",
            do=[("run it alone to see what happens:", f"{job.command()} -v")],
        ) from error
    if document["status"] == "error":
        failed = document["data"]
        raise exit_class(finished.exit_code)(
            failed["what"],
            code=failed["code"],
            why=failed["why"],
            do=[(item["advice"], item["command"]) for item in failed["do"]],
            data={"job": job.command()},
        )
    return Outcome(exit_code=finished.exit_code, data=document["data"], status=document["status"])
