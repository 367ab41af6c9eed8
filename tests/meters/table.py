"""Print what 200 runs of each emulated meter state (three minutes); with `--write` it goes into docs/meters/proofs.md."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.meters.proven import PROVEN, Measured, measured
from tests.meters.scripted import most_misses

PAGE = Path(__file__).resolve().parents[2] / "docs" / "meters" / "proofs.md"
HEAD, END = "<!-- proofs: written by tests/meters/table.py -->\n", "<!-- end -->"
RUNS = 200


def row(name: str, runs: Sequence[Measured]) -> str:
    """Return one line of the table."""
    kind, (bare, comma, which) = PROVEN[name], name.partition(",")
    wide = median((run.stated.high - run.stated.low) / 2 / run.true_j for run in runs)
    cells = [
        f"`{bare}`{comma}{which}",
        f"{kind.windows} of {kind.window_s:g} s",
        f"{sum(run.holds for run in runs)}",
        f"{sum(run.keeps for run in runs)}",
        f"±{100 * wide:.2g} %",
        f"{median(run.ratio for run in runs):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(*, write: bool) -> None:
    """Print the table, or put it into the page."""
    lines = [
        f"{datetime.now(UTC).date()}, edgekit {version('edgekit')}, numpy {version('numpy')}, Python {platform.python_version()}.",
        f"The test passes with {RUNS - most_misses(RUNS)} of {RUNS} or more, and 1.5 times or less.",
        "",
        f"| meter | windows | hold the truth, of {RUNS} | but for gain and zero | usual interval | times exact knowledge |",
        "|---|---|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in PROVEN.items():
            lines.append(row(name, [measured(kind, seed, Path(folder)) for seed in range(RUNS)]))
            if write:
                sys.stderr.write(f"{lines[-1]}\n")
    body = "\n".join([*lines, ""])
    if not write:
        sys.stdout.write(body)
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD)
    PAGE.write_text(f"{before}{HEAD}{body}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main(write="--write" in sys.argv)
