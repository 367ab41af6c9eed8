"""Ask a plant for the truth, joules of every rail: python -m tests.instruments.truth FOLDER [FROM_NS TO_NS]

A process on the plant notes moments with `mark`; other languages append a line {"label": ..., "t_ns": ...} to `marks.jsonl` in the folder
that EDGEKIT_PLANT names. When the command has ended, `truth.json` has each rail's joules between every two neighbouring marks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.instruments.plantfile import VARIABLE, Plant


def mark(label: str, t_ns: int | None = None) -> int:
    """Note a moment, now unless given; return it."""
    t = time.monotonic_ns() if t_ns is None else t_ns
    with (Path(os.environ[VARIABLE]) / "marks.jsonl").open("a") as file:
        file.write(json.dumps({"label": label, "t_ns": t}) + "\n")
    return t


def between(plant: Plant, start_ns: int, end_ns: int) -> dict[str, float]:
    """Return the joules of every rail between two monotonic times."""
    return {rail: plant.energy_j(rail, start_ns, end_ns) for rail in plant.rails.terms}


def write(plant: Plant) -> None:
    """Write truth.json: the marks, and the energies between them and from the epoch to now."""
    now = time.monotonic_ns()
    path = plant.folder / "marks.jsonl"
    marks: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    spans = [
        {"from": a["label"], "to": b["label"], "start_ns": a["t_ns"], "end_ns": b["t_ns"], "energy_j": between(plant, a["t_ns"], b["t_ns"])}
        for a, b in pairwise(marks)
    ]
    whole = {"epoch_ns": plant.epoch_ns, "end_ns": now, "energy_j": between(plant, plant.epoch_ns, now)}
    (plant.folder / "truth.json").write_text(json.dumps({"whole": whole, "marks": marks, "spans": spans}, indent=1))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the joules of every rail between two times, or over the whole run."""
    parser = argparse.ArgumentParser(prog="python -m tests.instruments.truth", description=(__doc__ or "").split(":")[0])
    parser.add_argument("folder", type=Path, help="what `--out` kept")
    parser.add_argument("times", type=int, nargs="*", metavar="NS", help="from and to, on the monotonic clock; the whole run without them")
    options = parser.parse_args(argv)
    times = options.times
    if len(times) not in (0, 2):
        parser.error("give two times, or none")
    try:
        plant = Plant(options.folder)
    except (OSError, ValueError) as error:
        parser.error(f"there is no plant in {options.folder}: {error}")
    start, end = times if times else (plant.epoch_ns, time.monotonic_ns())
    sys.stdout.write(json.dumps(between(plant, start, end), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
