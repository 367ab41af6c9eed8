"""Compare what it costs to import edgekit and its peers: fresh processes in turns, median ratios, written to benchmarks/results/.

    python benchmarks/imports/run.py --peers VENV/bin/python [--check]

VENV holds codecarbon and zeus. All run under that Python with edgekit's folder on its path, so that interpreter and start-up are the same;
what starting Python alone takes is taken off. With --check the exit status is 1 when `import codecarbon` costs less than twice
`import edgekit`, or less than twice `edgekit.measure` ready to be called.
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

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
ROUNDS, LIMIT = 15, 2.0
NOTHING, OURS, READY = "pass", "import edgekit", "import edgekit; edgekit.measure"
PROGRAMS = (NOTHING, OURS, READY, "import codecarbon", "import zeus.monitor")
VERSIONS = "from importlib.metadata import version; print(version('codecarbon'), version('zeus'))"


def seconds(python: str, program: str) -> float:
    """Return how long one process takes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    subprocess.run([python, "-c", program], check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Measure, write the results, and compare with the limit when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", required=True, help="Python of an environment with codecarbon and zeus")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when edgekit costs more than half of codecarbon")
    asked = parser.parse_args()
    for program in PROGRAMS:
        seconds(asked.peers, program)  # once for the byte code
    rounds = [{program: seconds(asked.peers, program) for program in PROGRAMS} for _ in range(ROUNDS)]
    costs = {program: [found[program] - found[NOTHING] for found in rounds] for program in PROGRAMS if program != NOTHING}
    codecarbon = costs["import codecarbon"]
    # Importing edgekit itself costs less than two starts of Python differ: its median over the rounds stands below each ratio.
    ratios = {program: [peer / max(statistics.median(own), 1e-4) for peer in codecarbon] for program, own in costs.items()}
    told = subprocess.run([asked.peers, "-c", VERSIONS], check=True, capture_output=True, text=True).stdout.split()
    result = {
        "schema": "edgekit.benchmark.imports/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": ROUNDS,
        "limit": LIMIT,
        "median_s": {program: statistics.median(own) for program, own in costs.items()},
        "codecarbon_over_it": {program: statistics.median(found) for program, found in ratios.items()},
        "python": platform.python_version(),
        "codecarbon": told[0],
        "zeus": told[1],
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "imports.json").write_text(json.dumps(result, indent=1) + "\n")
    rows = "\n".join(
        f"| `{program}` | {result['median_s'][program] * 1e3:.1f} ms | {result['codecarbon_over_it'][program]:.1f} |" for program in costs
    )
    (RESULTS / "imports.md").write_text(
        f"# Import cost\n\nBeyond starting Python; median of {ROUNDS} interleaved rounds of fresh processes, {result['date']}. Python\n"
        f"{result['python']}, codecarbon {told[0]}, zeus {told[1]}, {result['machine']}. `import codecarbon` has to cost at least\n"
        f"{LIMIT:g} times `import edgekit` (`python benchmarks/imports/run.py --peers ... --check`).\n\n"
        f"| program | time | codecarbon / it |\n|---|---:|---:|\n{rows}\n"
    )
    print((RESULTS / "imports.md").read_text())
    found = result["codecarbon_over_it"]
    return int(asked.check and min(found[OURS], found[READY]) < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
