"""Import what MLCommons published, and write how edgekit's figures agree into docs/import.md: `python docs/imported.py DATA`.

DATA is a folder with `mlperf_tiny/traces` and `mlperf_inference`, as EDGEKIT_SHARED_DATA names it for the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("import.md")
FIGURES = {"energy_j_per_inference": "energy per inference", "mean_w": "mean power"}
PREFIXES = ((1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def main(data: Path) -> None:
    """Write both tables."""
    text = PAGE.read_text(encoding="utf-8")
    for kind, folder, names in (
        ("mlperf-tiny", data / "mlperf_tiny" / "traces", ("energy_j_per_inference",)),
        ("ptdaemon", data / "mlperf_inference", ("mean_w", "energy_j_per_inference")),
    ):
        head = f"<!-- {kind}: written by docs/imported.py -->\n"
        before, _, rest = text.partition(head)
        _, end, after = rest.partition("<!-- end -->")
        text = f"{before}{head}{table(kind, folder, names)}{end}{after}"
    PAGE.write_text(text, encoding="utf-8")


def table(kind: str, folder: Path, names: tuple[str, ...]) -> str:
    """Return one row for each published figure of each recording."""
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "edgekit", "import", kind, str(folder), "--runs", runs, "--json"]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["data"]
    version = found["runs"][0]["tool"]["edgekit"]
    lines = [f"edgekit {version}, {date.today().isoformat()}; intervals at 95 %.", ""]
    lines += ["| run | figure | published | edgekit | interval | difference |", "|---|---|---|---|---|---|"]
    for run in found["runs"]:
        for item in (item for item in found["agreements"] if item["run"] == run["id"] and item["figure"] in names):
            lines.append(row(run, item))
    return "\n".join([*lines, ""])


def row(run: dict[str, Any], item: dict[str, Any]) -> str:
    """Return one published figure beside edgekit's."""
    analysis = run["analysis"]
    channel = next(part for part in analysis["channels"] if part["channel"] == analysis["channel"])
    own = analysis[item["figure"]] if item["figure"] in analysis else channel[item["figure"]]
    scale, unit = next((factor, prefix + item["unit"]) for factor, prefix in PREFIXES if item["published"] >= factor)
    cells = (
        run["artifact"]["path"],
        FIGURES[item["figure"]],
        f"{item['published'] / scale:.7g} {unit}",
        f"{own['value'] / scale:.7g} {unit}",
        f"{own['low'] / scale:.5g} to {own['high'] / scale:.5g}",
        f"{100 * item['relative_difference']:+.4f} %",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
