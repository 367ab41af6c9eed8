"""Compare `edgekit convert` with a script that calls the same libraries: five recipes of MobileNetV2, in turns, ratio of wall times.

    python benchmarks/convert/run.py [--rounds 3] [--check]

edgekit also verifies every artifact and writes its record; the script does not. The memory of edgekit's own process, apart from the
converters it starts, is read while it runs. Results go to benchmarks/results/. With --check the exit status is 1 when edgekit takes
more than 0.8 times as long, or more than 150 MB.
"""

from __future__ import annotations

import argparse
import json
import os
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

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
LIMIT, LIMIT_MB = 0.8, 150.0
PACKAGES = ("tensorflow", "keras", "tf2onnx", "ai-edge-quantizer", "onnxruntime")


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Return (seconds, megabytes that the process itself had at most, without its children)."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak_kb = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak_kb = max(peak_kb, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
        except OSError:
            pass
        time.sleep(0.02)
    assert process.stderr is not None
    if process.returncode not in (0, 3):  # random weights may miss the floor of int8; the work is the same
        raise SystemExit(f"{command} ended with {process.returncode}: {process.stderr.read()[-2000:]}")
    return time.perf_counter() - began, peak_kb / 1e3


def main() -> int:
    """Measure, write the results, and compare with the limits when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit with status 1 when edgekit takes more than 0.8 times as long")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        edgekit = [sys.executable, "-m", "edgekit"]
        subprocess.run([*edgekit, "models", "build", "mobilenet_v2", "--out", "model"], cwd=folder, check=True, capture_output=True)
        model, calibration = "model/mobilenet_v2.keras", "model/mobilenet_v2.calib.npz"
        ours = [*edgekit, "convert", model, "--calib", calibration, "--out", "ours"]
        plain = [sys.executable, str(HERE / "plain.py"), model, calibration, "plain"]
        timed(ours, folder), timed(plain, folder)  # once for the caches
        rounds = [(timed(ours, folder), timed(plain, folder)) for _ in range(asked.rounds)]
        made = sorted(path.name for path in (folder / "ours").iterdir() if path.suffix in (".tflite", ".onnx"))
    ratio = statistics.median(own[0] / other[0] for own, other in rounds)
    peak_mb = max(own[1] for own, _ in rounds)
    result = {
        "schema": "edgekit.benchmark.convert/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": asked.rounds,
        "recipes": made,
        "edgekit_s": statistics.median(own[0] for own, _ in rounds),
        "script_s": statistics.median(other[0] for _, other in rounds),
        "ratio": ratio,
        "ratios": [own[0] / other[0] for own, other in rounds],
        "limit": LIMIT,
        "parent_peak_mb": peak_mb,
        "limit_mb": LIMIT_MB,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "convert.json").write_text(json.dumps(result, indent=1) + "\n")
    packages = ", ".join(f"{name} {found}" for name, found in result["packages"].items())
    (RESULTS / "convert.md").write_text(
        f"# Conversion speed\n\nFive recipes of MobileNetV2 ({', '.join(made)}) by `edgekit convert`, which also verifies each, and by\n"
        f"`benchmarks/convert/plain.py`, which calls the same libraries one after another and verifies nothing. Median of\n"
        f"{asked.rounds} rounds in turns, {result['date']}, Python {result['python']}, {packages}, {result['machine']}.\n\n"
        "| | wall time | own memory, without converters |\n|---|---:|---:|\n"
        f"| edgekit convert | {result['edgekit_s']:.1f} s | {peak_mb:.0f} MB |\n"
        f"| script | {result['script_s']:.1f} s | |\n"
        f"| ratio | {ratio:.2f} (limit {LIMIT:g}) | (limit {LIMIT_MB:g} MB) |\n"
    )
    print((RESULTS / "convert.md").read_text())
    return int(asked.check and (ratio > LIMIT or peak_mb > LIMIT_MB))


if __name__ == "__main__":
    sys.exit(main())
