"""Compare what it costs to open and close a window with edgekit, zeus and codecarbon on the same emulated RAPL counters.

    python benchmarks/windows/run.py --peers VENV/bin/python [--check]

VENV holds zeus and codecarbon; edgekit runs where this script does. It starts itself again on an emulated laptop (tests/instruments), where
all tools find the same /sys/class/powercap, and lets processes that are already warm take turns in short slices. With --check the exit
status is 1 when edgekit's median window costs as much as a peer's. `edgekit-tick` waits for the counter to tick, which the others cannot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE.parent / "results"
ROUNDS, SLICE = 15, 20
OURS, TOOLS = "edgekit", ("edgekit", "edgekit-tick", "zeus", "codecarbon")
SHOWN = {
    "edgekit": "edgekit, `with measure(...)`",
    "edgekit-tick": 'edgekit, `align="tick"`: waits for the counter',
    "zeus": "zeus, begin_window and end_window",
    "codecarbon": "codecarbon, start_task and stop_task",
}


class Tool:
    """Hold one process that opens and closes windows when asked."""

    def __init__(self, name: str, python: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)} if name.startswith(OURS) else dict(os.environ)
        self.process = subprocess.Popen(
            [python, str(HERE / "one.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.about = self._answer()
        self.windows: list[list[list[float]]] = []

    def slice(self) -> None:
        """Let it open and close some windows."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{SLICE}\n")
        self.process.stdin.flush()
        self.windows.append(self._answer())

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()

    def _answer(self):  # noqa: ANN202 -- what one.py prints
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a tool ended: {self.process.args}")
        return json.loads(line)


def turns(peers: str) -> dict[str, object]:
    """Return the medians of all tools and, round by round, how many times edgekit's window theirs takes."""
    tools = {name: Tool(name, sys.executable if name.startswith(OURS) else peers) for name in TOOLS}
    for _ in range(ROUNDS):
        for tool in tools.values():
            tool.slice()
    for tool in tools.values():
        tool.close()

    def medians(name: str, place: int | None) -> list[float]:
        slices = tools[name].windows
        return [statistics.median(sum(window) if place is None else window[place] for window in windows) for windows in slices]

    found: dict[str, object] = {}
    for name, tool in tools.items():
        ratios = [theirs / ours for theirs, ours in zip(medians(name, None), medians(OURS, None), strict=True)]
        found[name] = {
            "version": tool.about["version"],
            "first_open_s": tool.about["first_s"],
            "open_s": statistics.median(medians(name, 0)),
            "close_s": statistics.median(medians(name, 1)),
            "window_s": statistics.median(medians(name, None)),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
        }
    return found


def page(result: dict) -> str:  # type: ignore[type-arg]
    rows = []
    for name, found in result["tools"].items():
        each = (f"{found[part] * 1e6:,.0f} µs" for part in ("first_open_s", "open_s", "close_s", "window_s"))
        spread = f"{min(found['ratios']):.2f} to {max(found['ratios']):.2f}"
        rows.append(f"| {SHOWN[name]} | {found['version']} | {' | '.join(each)} | **{found['ratio']:.2f}** | {spread} |")
    return (
        "# Opening and closing a window\n\n"
        f"Empty windows on the same emulated RAPL counters (FUSE; five zones of a laptop), {result['date']}: {result['rounds']} rounds of\n"
        f"{result['slice']} windows each, in turns, after a first window that opens files and starts helpers. Python {result['python']},\n"
        f"{result['machine']}. edgekit reads package, core, uncore, dram and psys; zeus reads package, psys and dram. A read of an\n"
        "emulated counter costs more than one of a real one, for all tools alike. edgekit does its arithmetic when a figure is asked for,\n"
        'outside the window. `align="tick"` waits for one tick at the start and for six at the end; docs/measure.md says what for.\n\n'
        "| tool | version | first opening | open | close | window | window / edgekit's | range of the rounds |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|\n" + "\n".join(rows) + "\n"
    )


def main() -> int:
    """Start again on the emulated laptop, then measure, write the results, and compare when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", required=True, help="Python of an environment with zeus and codecarbon")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a peer's window costs less than edgekit's")
    asked = parser.parse_args()
    if not os.environ.get("EDGEKIT_EMULATED"):
        launcher = [sys.executable, "-m", "tests.instruments.run", "--plant", "laptop", "--"]
        return subprocess.run([*launcher, sys.executable, *map(str, sys.argv)], cwd=ROOT, check=False).returncode
    result = {
        "schema": "edgekit.benchmark.windows/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": ROUNDS,
        "slice": SLICE,
        "python": platform.python_version(),
        "machine": machine(),
        "tools": turns(asked.peers),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "windows.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "windows.md").write_text(page(result))
    print((RESULTS / "windows.md").read_text())
    peers = [found["ratio"] for name, found in result["tools"].items() if not name.startswith(OURS)]  # type: ignore[attr-defined]
    return int(asked.check and min(peers) <= 1)


if __name__ == "__main__":
    sys.exit(main())
