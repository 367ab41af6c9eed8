"""Time `edgekit --help` beside the --help of a two-command typer program: interleaved, median of 11 ratios, written to benchmarks/results/.

    python benchmarks/startup/run.py [--check]

With --check the exit status is 1 when the ratio is above 1.5.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine

ROUNDS = 11
LIMIT = 1.5
RESULTS = Path(__file__).resolve().parents[1] / "results"
TWO_COMMANDS = """
import typer
app = typer.Typer()
@app.command()
def one(name: str) -> None:
    "Do one thing."
@app.command()
def two(count: int = 1) -> None:
    "Do another thing."
app()
"""


def seconds(command: list[str]) -> float:
    """Return how long one process takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(peer: Path) -> dict[str, list[float]]:
    """Return the times of each program, taken in turns so that drift hits all of them alike."""
    commands = {
        "edgekit --help": [sys.executable, "-m", "edgekit", "--help"],
        "edgekit --help, as on a terminal": [sys.executable, "-m", "edgekit", "--help", "--style", "rich"],
        "two typer commands --help": [sys.executable, str(peer), "--help"],
    }
    for command in commands.values():
        seconds(command)  # once for the byte code
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return times


def main() -> int:
    """Measure, write the results, and compare with the limit when asked to."""
    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "two.py"
        peer.write_text(TWO_COMMANDS)
        times = measure(peer)
    names = list(times)
    base = times[names[-1]]
    ratios = {name: statistics.median(ours / theirs for ours, theirs in zip(times[name], base, strict=True)) for name in names}
    result = {
        "schema": "edgekit.benchmark.startup/1",
        "rounds": ROUNDS,
        "limit": LIMIT,
        "median_s": {name: statistics.median(found) for name, found in times.items()},
        "median_ratio": ratios,
        "python": platform.python_version(),
        "typer": version("typer"),
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "startup.json").write_text(json.dumps(result, indent=1) + "\n")
    rows = "\n".join(f"| `{name}` | {result['median_s'][name] * 1e3:.0f} ms | {ratios[name]:.2f} |" for name in names)
    (RESULTS / "startup.md").write_text(
        f"# Start-up\n\nMedian of {ROUNDS} interleaved runs, Python {result['python']}, typer {result['typer']}, {result['machine']}.\n"
        f"The limit for `edgekit --help` is {LIMIT} times a typer program of two commands (`python benchmarks/startup/run.py --check`).\n\n"
        f"| program | time | ratio |\n|---|---:|---:|\n{rows}\n"
    )
    print((RESULTS / "startup.md").read_text())
    return int("--check" in sys.argv and ratios[names[0]] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
