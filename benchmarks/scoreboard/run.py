"""Run zeus, CodeCarbon, pyJoules, carbontracker and edgekit on the same emulated plant and compare what they report with the truth.

    python benchmarks/scoreboard/run.py --peers VENV/bin/python [--rows D1,D4] [--tools zeus,edgekit] [--check]

`make scoreboard` makes the peers' environment first. Every tool runs unmodified in a process of its own, used as its guide says; the plant
and its instruments come from tests/instruments. Writes benchmarks/results/scoreboard.json (every trial) and the tables of
docs/scoreboard.md. With --check the exit status is 1 when edgekit misses its bar in any row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.scoreboard import exact, table  # noqa: E402 -- the repository is found first
from benchmarks.scoreboard.scenarios import ALL, Row, rows  # noqa: E402
from tests.instruments.plantfile import Plant  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "scoreboard.json"
MODULES = {"zeus": "zeus_tool", "codecarbon": "codecarbon_tool", "pyjoules": "pyjoules_tool", "carbontracker": "carbontracker_tool"}
PACKAGES = {"zeus": "zeus", "codecarbon": "codecarbon", "pyjoules": "pyJoules", "carbontracker": "carbontracker"}
PATIENCE_S = 300
TRIES = 3


def measure(row: Row, tool: str, python: str, calibrations: Path) -> dict[str, Any]:
    """Return every trial of one tool in one row, with the truth; or why there is none."""
    if tool in row.not_run:
        return {"not_run": row.not_run[tool]}
    tested = selftest(row, calibrations) if tool in table.OURS and row.meter == "nvml" else None
    trials: list[dict[str, Any]] = []
    for process in range(row.trials if row.fresh else 1):
        for again in range(1, TRIES + 1):  # zeus gives its helpers 10 s to start, which a busy machine may not keep
            with tempfile.TemporaryDirectory() as scratch:
                found = play(row, tool, python, Path(scratch), seed=process, tested=tested)
            if not isinstance(found, str):
                break
            if again == TRIES:
                return {"failed": found}
        trials += found
    return {"trials": trials}


def selftest(row: Row, calibrations: Path) -> Path:
    """Return where edgekit keeps what its self-test found out about the row's GPU sensor; test it first where that was not done yet.

    The same sensor sits on a GPU that works when the processor does: `edgekit meters selftest` drives it.
    """
    sensor = row.plant["nvml"]["gpus"][0]
    kept = calibrations / hashlib.sha256(json.dumps(sensor, sort_keys=True).encode()).hexdigest()[:16]
    if not kept.exists():
        sys.stderr.write("self-test of the GPU's sensor, by edgekit ...\n")
        rails = {"gpu": {"loads": [{"power_w": 70.0}], "active_w": {"cpu": 150.0}}}
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "edgekit", "meters", "selftest", "nvml", "--load", "cpu"]
            launched({**row.plant, "rails": rails}, command, Path(scratch), {"EDGEKIT_DATA": str(kept)}).check_returncode()
    return kept


def launched(spec: dict[str, Any], command: list[str], folder: Path, more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command on a plant that stays in `folder`/plant, with none of this user's own settings."""
    (folder / "spec.json").write_text(json.dumps(spec))
    launcher = [sys.executable, "-m", "tests.instruments.run", "--plant", str(folder / "spec.json"), "--out", str(folder / "plant"), "--"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EDGEKIT_")}
    environment |= {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **more}
    return subprocess.run(
        [*launcher, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def play(row: Row, tool: str, python: str, folder: Path, *, seed: int, tested: Path | None = None) -> list[dict[str, Any]] | str:
    """Run one process and return its trials; what it said last when it failed."""
    task = {
        "tool": tool,
        "meter": row.meter,
        "counts": row.counts,
        "play": row.play,
        "trials": 1 if row.fresh else row.trials,
        "seed": seed,
    }
    module = f"benchmarks.scoreboard.tools.{MODULES.get(tool, 'edgekit_tool')}"
    command = [python, "-m", module, json.dumps({**task, **row.task}), str(folder / "out.json")]
    more = {"EDGEKIT_DATA": str(tested)} if tested else {}
    try:
        done = launched({**row.plant, "channels": ["load"]}, command, folder, more)
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE_S} s"
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    plant = Plant(folder / "plant")
    return [judged(row, plant, trial) for trial in json.loads((folder / "out.json").read_text())]


def judged(row: Row, plant: Plant, trial: dict[str, Any]) -> dict[str, Any]:
    """Return a trial with the truth, the error, and for an interval how it compares with the narrowest one."""
    truth_j = sum(plant.energy_j(rail, trial["start_ns"], trial["end_ns"]) for rail in row.rails)
    judged = {**trial, "true_j": truth_j}
    if trial["reported_j"] is None:
        return judged
    judged["error_rel"] = trial["reported_j"] / truth_j - 1
    if "low_j" in trial:
        half_j = (trial["high_j"] - trial["low_j"]) / 2
        region_j = sum(plant.energy_j(rail, *trial["region_ns"]) for rail in row.rails)  # the interval is that of the region's own edges
        judged |= {"region_true_j": region_j, "inside": trial["low_j"] <= region_j <= trial["high_j"]}
        judged["exact_half_j"] = exact_half_j(row, plant, trial, region_j)
        judged["width_ratio"] = half_j / judged["exact_half_j"]
        judged["exact_inside"] = abs(trial["reported_j"] - region_j) <= judged["exact_half_j"]
    return judged


def exact_half_j(row: Row, plant: Plant, trial: dict[str, Any], truth_j: float) -> float:
    """Return the half width that an observer with exact knowledge of the row's instrument would state."""
    start_ns, end_ns = trial["region_ns"]
    seconds = (end_ns - start_ns) / 1e9
    fraction, period_s, quantum_j = 1.0, 0.0013, 61.035e-6  # RAPL: a tick of 1 ms that jitters by 0.3 ms
    if row.meter == "nvml":
        sensor = row.plant["nvml"]["gpus"][0]
        fraction, period_s, quantum_j = sensor.get("sampled_fraction", 1.0), sensor["period_s"] * (1 + sensor["jitter"]), 1e-3
    elif row.meter == "jetson":
        period_s, quantum_j = row.plant["hwmon"][0]["period_s"] * 1.02, 0.0
    gains = [budget.get("gain") for budget in trial["budget"]]
    known = sum(u for u in gains if u) / trial["reported_j"] if trial["reported_j"] else 0.0
    if fraction < 1:
        return exact.unseen_half_width_j(seconds=seconds, sampled_fraction=fraction, limit_w=700.0)
    return exact.half_width_j(
        energy_j=truth_j,
        brackets=[bracket for each in trial["dated"] for bracket in brackets(row, plant, trial, each, period_s)],
        quantum_j=[quantum_j] * len(trial["dated"]),
        gain_rel=known,
        waited=waited(row, plant, trial),
        samples=row.meter == "jetson" or not row.plant.get("nvml", {"gpus": [{}]})["gpus"][0].get("has_energy", True),
    )


def brackets(row: Row, plant: Plant, trial: dict[str, Any], dated: dict[str, Any], period_s: float) -> list[exact.Bracket]:
    """Return the brackets of both edges of one counter: at a tick the power of waiting counts, elsewhere the mean power of the region."""
    start_ns, end_ns = trial["region_ns"]
    rail = rail_of(row, dated["channel"])
    reach_ns = round(period_s * 1e9)
    outside = {"first": (start_ns - reach_ns, start_ns), "last": (end_ns, end_ns + reach_ns)}
    found = []
    for edge in ("first", "last"):
        tick = dated[f"{edge}_tick"]
        since_ns, until_ns = outside[edge] if tick else (start_ns, end_ns)
        watts = plant.energy_j(rail, since_ns, until_ns) * 1e9 / (until_ns - since_ns)
        found.append(exact.Bracket(width_s=dated[f"{edge}_ns"] / 1e9 + (0.0 if tick else period_s), tick=tick, watts=watts))
    return found


def drawn_j(row: Row, plant: Plant, trial: dict[str, Any], dated: dict[str, Any]) -> float:
    """Return what was drawn from the end to the reading that closed a region: a tick may have come in between."""
    end_ns = trial["region_ns"][1]
    return plant.energy_j(rail_of(row, dated["channel"]), end_ns, max(end_ns, dated["read_ns"]))


def rail_of(row: Row, channel: str) -> str:
    """Return the plant's rail behind a channel: "rapl.package-1.dram" counts "dram-1"."""
    place, _, inner = channel.partition(".")[2].partition(".")
    name = f"{inner}-{place.rpartition('-')[2]}" if inner else place
    return name if name in row.rails else row.rails[0]


def waited(row: Row, plant: Plant, trial: dict[str, Any]) -> exact.Waited | None:
    """Return what was drawn while edgekit waited for ticks after a region, from the plant; None where it did not wait."""
    leading = [each for each in trial["dated"] if len(each["waited_ns"]) > 1]
    if not leading:
        return None
    ticks_ns = [round(tick_ns) for tick_ns in leading[0]["waited_ns"]]
    rails = [rail_of(row, each["channel"]) for each in leading]
    energies_j = [sum(plant.energy_j(rail, early, late) for rail in rails) for early, late in pairwise(ticks_ns)]
    return exact.Waited(
        watts=[energy_j * 1e9 / (late - early) for energy_j, (early, late) in zip(energies_j, pairwise(ticks_ns), strict=True)],
        seconds=(ticks_ns[-1] - ticks_ns[0]) / 1e9,
        tail_s=max(0.0, ticks_ns[0] - trial["region_ns"][1]) / 1e9,
        most_j=sum(each["since_end_j"] + drawn_j(row, plant, trial, each) for each in leading),
    )


def versions(peers: str) -> dict[str, str]:
    """Return the version of every tool."""
    script = f"import json, importlib.metadata as m; print(json.dumps({{n: m.version(p) for n, p in {PACKAGES!r}.items()}}))"
    found = json.loads(subprocess.run([peers, "-c", script], capture_output=True, text=True, check=True).stdout)
    return {**found, "edgekit": version("edgekit"), "nvidia-ml-py": version("nvidia-ml-py")}


def keep(results: dict[str, Any], used: dict[str, str]) -> dict[str, Any]:
    """Save what there is so far, in the order of the rows, and return it."""
    order = {row.name: place for place, row in enumerate(rows())}
    document = {
        "date": date.today().isoformat(),
        "versions": used,
        "machine": {"python": platform.python_version(), "platform": platform.machine(), "cpus": os.cpu_count()},
        "rows": dict(sorted(results.items(), key=lambda item: order.get(item[0], len(order)))),
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    return document


def main() -> int:
    """Measure, keep the results, write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--peers", default=str(ROOT / ".venv-peers" / "bin" / "python"), help="Python of the peers' environment")
    parser.add_argument("--rows", help="only these, separated by commas; their results replace those kept from before")
    parser.add_argument("--tools", help="only these, separated by commas")
    parser.add_argument("--check", action="store_true", help="fail when edgekit misses its bar")
    options = parser.parse_args()
    wanted = options.rows.split(",") if options.rows else None
    tools = options.tools.split(",") if options.tools else ALL
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() and (options.rows or options.tools) else {"rows": {}}
    chosen = [row for row in rows() if wanted is None or row.name in wanted or row.name.split()[0] in wanted]
    used = versions(options.peers)
    document = keep(kept["rows"], used)
    with tempfile.TemporaryDirectory() as calibrations:
        for row in chosen:
            cells = kept["rows"].setdefault(row.name, {"what": row.what, "seconds": row.seconds, "tools": {}})["tools"]
            for tool in tools:
                python = sys.executable if tool in table.OURS else options.peers
                cells[tool] = measure(row, tool, python, Path(calibrations))
                sys.stderr.write(f"{row.name:<12} {tool:<14} {table.cell(cells[tool])}\n")
            document = keep(kept["rows"], used)
    table.write(document)
    missed = table.missed(document)
    for line in missed:
        sys.stderr.write(f"edgekit misses its bar: {line}\n")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
