"""Regions through the ordinary code on emulated instruments in real time, judged by the exact energy of the plant behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.instruments import plants
from tests.instruments.emulated import run_python

SCRIPT = """
import json
from edgekit.api import measure

def work():
    return sum(i * i for i in range(5_000))

def told(m):
    span, found = m._span, m.channels
    return {
        "span": [span.start_ns, span.end_ns], "units": m.units, "line": str(m), "quality": m.energy_j.quality,
        "channels": {place: [q.value, q.low, q.high, q.reason if q.value is None else ""] for place, q in found.items()},
    }

rows = {}
for align in (None, "tick"):
    with measure(str(align), meter=METER, align=align) as m:
        for _ in range(ROUNDS):
            work()
    rows[str(align)] = m
with measure("repeat", meter=METER) as m:
    for _ in m.repeat(SECONDS):
        work()
rows["repeat"] = m
print(json.dumps({name: told(m) for name, m in rows.items()}))
"""

# A region read at once takes the power at its edges to be its mean power at most; peaks of half as much again stay within the tolerance.
BURSTS = {"kind": "square", "low_w": 30.0, "high_w": 60.0, "period_s": 0.007, "duty": 0.4}


def regions(spec: dict[str, Any], folder: Path, meter: str, *, rounds: int, seconds: float) -> tuple[Any, Any]:
    script = f"METER, ROUNDS, SECONDS = {meter!r}, {rounds}, {seconds}\n{SCRIPT}"
    ended = run_python(spec, script, folder)
    return ended.json(), ended.plant


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "meter", "rails", "rounds", "seconds", "widths"),
    [
        ("laptop", "rapl", {"cpu_package": "package", "dram": "dram", "cpu_core": "core"}, 500, 0.05, (0.3, 0.3)),
        ("gpu", "nvml", {"gpu_board": "gpu"}, 2000, 0.5, (None, 0.3)),
        ("pi5", "pmic", {}, 2000, 0.5, (None, None)),
    ],
)
def test_the_interval_holds_the_truth(
    tmp_path: Path, machine: str, meter: str, rails: dict[str, str], rounds: int, seconds: float, widths: tuple[float | None, float | None]
) -> None:
    spec = plants.named(machine)
    for rail in spec["rails"].values():  # what the plant draws depends on time alone: nothing here waits for a scheduler to notice work
        rail.pop("active_w", None)
    if rails:
        outermost = spec["rails"][next(iter(rails.values()))]
        outermost["loads"] = [*outermost.get("loads", ()), BURSTS]
    found, plant = regions(spec, tmp_path, meter, rounds=rounds, seconds=seconds)
    for name, row in found.items():
        assert "(emulated" in row["line"], row["line"]
        for place, rail in rails.items():
            value, low, high, reason = row["channels"][place]
            truth = plant.energy_j(rail, *row["span"])
            assert value is not None, (name, place, reason)
            # Half again the 95 % interval: about three standard uncertainties, so that a right interval does not fail one run in twenty.
            assert abs(value - truth) <= 0.75 * (high - low), (name, place, low, truth, high)
    for name, width in zip(("None", "repeat"), widths, strict=True):
        value, low, high, _ = next(iter(found[name]["channels"].values()))
        if width is not None:
            assert (high - low) / 2 < width * value, (name, low, value, high)
