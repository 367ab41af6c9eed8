"""Print the measured figures of docs/method.md: `python -m tests.energy.table align` (seconds) or `coverage` (two minutes).

With `--write` they go into the page, with the date and the versions that matter.
"""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from tests.energy.test_align import NVML, PART_TIME, RAPL, Sensor, errors, rms
from tests.energy.test_coverage import fewest, trials

PAGE = Path(__file__).resolve().parents[2] / "docs" / "method.md"
END = "<!-- end -->"
RUNS = 2000
ROWS: tuple[tuple[str, Sensor, str, float, float | None], ...] = (
    ("100 ms ticks, read every 0.2 ms", NVML, "bursts of 20 ms", 0.25, 0.02),
    ("the same", NVML, "the same", 1.0, 0.02),
    ("1 ms ticks, each off by up to 5 %, read every 20 µs", RAPL, "steady", 0.005, None),
    ("the same", RAPL, "the same", 0.05, None),
    ("100 ms ticks, looks 25 % of the time", PART_TIME, "bursts of 100 ms, stated as unmeasurable", 1.0, 0.1),
    ("the same", PART_TIME, "steady", 1.0, None),
)
KINDS = {
    "rapl": "RAPL",
    "gpu_counter": "GPU counter",
    "gpu_counter_uncalibrated": "GPU counter, nothing stated",
    "usb_meter": "USB meter",
    "point_sampler": "point sampler",
    "one_second_average": "one-second average",
    "part_time": "part-time counter",
}


def align() -> list[str]:
    """Return a row for each sensor, load and window: rms and largest error of 60 windows, cut at once and aligned."""
    found = ["| sensor | load | window | at once | aligned |", "|---|---|---:|---:|---:|"]
    for sensor_name, sensor, load, window_s, burst_s in ROWS:
        naive, inner, _ = errors(sensor, window_s, burst_s, trials=60)
        cells = (f"{rms(values):.2g} % / {abs(values).max():.2g} %" for values in (100 * naive, 100 * inner))
        found.append(f"| {sensor_name} | {load} | {1e3 * window_s:g} ms | {' | '.join(cells)} |")
    return found


def coverage() -> list[str]:
    """Return how many intervals hold the truth, and how wide they are beside the exact-knowledge interval."""
    done = trials(range(RUNS))
    exact = [trial for trial in done if not trial.run.record.meters[0].accuracy.gain_rel]
    parts = [("all", done), ("gain exact", exact)]
    parts += [(name, [trial for trial in done if trial.run.kind == kind]) for kind, name in KINDS.items()]
    found = [
        "| runs | number | hold the truth | limit of the test | mean width / exact | mean of width / exact |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, own in parts:
        held, limit = sum(trial.holds for trial in own) / len(own), fewest(len(own)) / len(own)
        wide = fmean(trial.half for trial in own) / fmean(trial.exact_half for trial in own)
        each = fmean(trial.half / trial.exact_half for trial in own)
        found.append(f"| {name} | {len(own)} | {held:.1%} | {limit:.1%} | {wide:.2f} | {each:.2f} |")
    return found


def main(name: str, *, write: bool) -> None:
    """Print one table, or put it into the page."""
    rows = {"align": align, "coverage": coverage}[name]()
    head = f"<!-- {name}: written by tests/energy/table.py -->\n"
    used = f"edgekit {version('edgekit')}, numpy {version('numpy')}, Python {platform.python_version()}"
    body = "\n".join([f"{datetime.now(UTC).date()}, {used}; emulated.", "", *rows, ""])
    if write:
        text = PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(head)
        PAGE.write_text(f"{before}{head}{body}{END}{rest.partition(END)[2]}", encoding="utf-8")
    else:
        sys.stdout.write(body)


if __name__ == "__main__":
    main(next(word for word in [*sys.argv[1:], "align"] if not word.startswith("-")), write="--write" in sys.argv)
