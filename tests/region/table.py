"""Print the table of docs/measure.md: `python -m tests.region.table`. Errors and intervals of regions on the scripted plant."""

from __future__ import annotations

import math
import sys
from statistics import fmean

from tests.region.test_accuracy import trial

SEEDS = 60
COUNTERS = {"rapl": ("RAPL, 1 ms", (0.005, 0.05, 0.25, 1.0), 0.00007), "nvml": ("NVML, 100 ms", (0.25, 1.0), 0.0035)}
MODES = {"plain": "plain", "tick": '`align="tick"`', "repeat": "`m.repeat()`"}


def rows() -> list[str]:
    """Return the table's rows, one for each counter, length and mode."""
    found = []
    for kind, (shown, windows_s, short_s) in COUNTERS.items():
        for window_s in windows_s:
            for mode, told in MODES.items():
                iteration_s = short_s if mode == "repeat" else window_s / 7
                trials = [trial(seed, kind, window_s, mode, iteration_s) for seed in range(SEEDS)]
                rms, most = math.sqrt(fmean(error**2 for error, _, _ in trials)), max(abs(error) for error, _, _ in trials)
                half, held = fmean(half for _, half, _ in trials), sum(held for _, _, held in trials)
                each = f" of {iteration_s * 1e3:g} ms" if mode == "repeat" else ""
                found.append(
                    f"| {shown} | {window_s * 1e3:g} ms | {told}{each} | {rms:.2%} | {most:.2%} | {half:.2%} | {held} of {SEEDS} |"
                )
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(rows()) + "\n")
