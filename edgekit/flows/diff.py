"""Diff: what changed between two reports of one model."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.links.files import read_text
from edgekit.reports.changes import Change, Standing, changes
from edgekit.reports.model import Report
from edgekit.reports.stored import intact, load_report


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffResult:
    """Hold both reports and every difference; `verdict_changed` says whether the kind of answer is another one."""

    before: Report
    after: Report
    changes: tuple[Change, ...]

    @property
    def verdict_changed(self) -> bool:
        """Return whether the two reports give different kinds of answer."""
        return self.before.decision.verdict.kind is not self.after.decision.verdict.kind

    def count(self, standing: Standing) -> int:
        """Return how many differences are of one standing."""
        return sum(item.standing is standing for item in self.changes)


def diff(before: Path, after: Path) -> DiffResult:
    """Return what changed from one report to the other.

    Raises:
        UsageError: a file is no report, or the two are of different model families: their joules do not answer one question.
    """
    ours, theirs = (load_report(read_text(path, "report"), where=str(path)) for path in (before, after))
    if ours.decision.family != theirs.decision.family:
        raise UsageError(
            f"{before} and {after} are of different models",
            code="diff.family",
            why=" against ".join(f"family {report.decision.family[:12]} ({report.decision.model})" for report in (ours, theirs)),
            do=[("see what each is of:", f"grep -m1 '\"family\"' {shlex.join([str(before), str(after)])}")],
        )
    with intact(str(before), str(after)):
        return DiffResult(before=ours, after=theirs, changes=changes(ours, theirs))
