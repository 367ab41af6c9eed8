"""Read results.txt, as both generations of the MLPerf Tiny runner print it: inferences of each window, and the published medians.

    Energy data for window 2 at time 2.77 for 12.95 sec.:      (newer: Energy data for trial 0)
      Energy       :   546509.700 uJ                           (newer: Total Energy  : 352870.670 uJ)
      Energy/Inf.  :     1821.699 uJ/inf.
    Median energy cost is 1820.454 uJ/inf.
    Performance results for window 2:
      # Inferences :          300                              (newer: Inferences    : 2200, below its trial)
    Median throughput is 23.175 inf./sec.

Window n of the older runner lies between its timestamps n - 1 and n, counted from 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.importers.figures import MOST, count, positive

_HEAD = re.compile(r"(?:Energy data|Performance results) for (?:window|trial) (\d+)")
_COUNT = re.compile(r"Inferences\s*:\s*(\d+)\s*$")
_ENERGY = re.compile(r"Energy\s*:\s*(\S+)\s*uJ\s*$")
_EACH = re.compile(r"Energy/Inf\.?\s*:\s*(\S+)\s*uJ/inf")
_MEDIAN = re.compile(r"Median energy cost is\s+(\S+)\s*uJ/inf")
_RATE = re.compile(r"Median throughput is\s+(\S+)\s*inf")
_REFUSED = re.compile(r"e-\[(.*)\]\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Hold what results.txt says: inferences by window number, medians in joules and inferences per second, and the runner's complaints."""

    counts: Mapping[int, int]
    median_j: float | None
    throughput_hz: float | None
    complaints: tuple[str, ...]


def parse(text: str) -> Results:
    """Return what `text` says; lines of any other kind are passed over, because the runner logs everything else there too."""
    counts: dict[int, int] = {}
    energy: dict[int, float] = {}
    window = None
    median = rate = None
    complaints: dict[str, None] = {}
    for line in text.splitlines():
        if head := _HEAD.search(line):
            window = int(head[1]) if len(head[1]) < 10 else None
        elif found := _MEDIAN.search(line):
            median = positive(found[1])
        elif found := _RATE.search(line):
            rate = positive(found[1])
        elif found := _REFUSED.search(line):
            complaints[found[1]] = None
        elif window is not None and (found := _COUNT.search(line)):
            counts[window] = count(found[1]) or 0
        elif window is not None and (found := _ENERGY.search(line)) and (total := positive(found[1])) is not None:
            energy[window] = total
        elif window is not None and (found := _EACH.search(line)) and (each := positive(found[1])) and window in energy:
            counts.setdefault(window, round(min(energy[window] / each, MOST)))
    return Results(
        counts={number: made for number, made in counts.items() if made > 0},
        median_j=median * 1e-6 if median is not None else None,
        throughput_hz=rate,
        complaints=tuple(complaints),
    )
