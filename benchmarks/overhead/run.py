"""Compare the runner's mean time per inference with a bare `for` loop over the same calls, and with litert-benchmark.

    python benchmarks/overhead/run.py [--artifacts FOLDER] [--check]

FOLDER holds digits_cnn.int8.tflite, mobilenet_v2.fp32.tflite and their samples (`edgekit models build`, `edgekit convert`); without it
they are built first. Every round starts fresh processes, which then take turns in short slices: the layout of one process, the drift of the
machine and other programs on it must not decide. A round's ratio is the median over its pairs of slices.
With --check the exit status is 1 when the median of the rounds' ratios is above 1.03. On a machine that does other work meanwhile, give
all programs alike a core of their own: `sudo chrt --fifo 10 taskset --cpu-list 1 python benchmarks/overhead/run.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from edgekit.core.hardware import DeviceSpec
from edgekit.core.run import RunPlan
from edgekit.core.window import Phase
from edgekit.devices.base import RunnerModel
from edgekit.devices.local import LocalDevice

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine

ROUNDS = 7
LIMIT = 1.03
HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
PLAN = RunPlan(windows=1, window_s=1.0, min_inferences=1, idle_s=0.0, warmup_s=0.0, cooldown_s=0.0)
CASES = {"digits_cnn.int8": (20, 0.1), "mobilenet_v2.fp32": (10, 0.4)}  # slices in a round, seconds in a slice
RUNNER, BARE, LITERT = "the runner", "a bare for loop", "litert-benchmark"


def build(folder: Path) -> None:
    """Build and convert both models with edgekit itself."""
    for name, recipe in (case.split(".") for case in CASES):
        edgekit = [sys.executable, "-m", "edgekit"]
        subprocess.run([*edgekit, "models", "build", name, "--out", str(folder / name)], check=True, stdout=subprocess.DEVNULL)
        model, data = folder / name / f"{name}.keras", folder / name / f"{name}.calib.npz"
        options = ["-r", recipe, "--to", "tflite", "--calib", str(data), "--out", str(folder)]
        subprocess.run([*edgekit, "convert", str(model), *options], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def runner(model: Path, samples: Path) -> Iterator[RunnerModel]:
    with LocalDevice(DeviceSpec(name="local", kind="local")).connect() as session:
        yield session.load(model, samples=samples, plan=PLAN)


@contextlib.contextmanager
def bare(model: Path, samples: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / "bare.py"), str(model), str(samples)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield process


def of_runner(model: RunnerModel, seconds: float) -> float:
    """Return the mean nanoseconds per inference of one slice."""
    window = model.run(Phase.MEASURE, 0, seconds=seconds, min_inferences=1)
    assert window.inferences
    return (window.end_ns - window.start_ns) / window.inferences


def of_bare(process: subprocess.Popen[str], seconds: float) -> float:
    """Return the mean nanoseconds per inference of one slice."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    spent, count = process.stdout.readline().split()
    return int(spent) / int(count)


def of_litert_benchmark(model: Path, runs: int) -> float:
    """Return the mean nanoseconds per inference that the wheel's own program reports."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [Path(sys.executable).parent / "litert-benchmark", "--model", model, "--num_threads", "1", "--warmup_runs", "20"]
        subprocess.run([*command, "--num_runs", str(runs), "--result_json", file.name], check=True, capture_output=True)
        return float(json.loads(Path(file.name).read_text())["latency"]["avg_ms"]) * 1e6


def one_round(case: str, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the nanoseconds per inference of each program, and the runner's ratio to each other one, over slices taken in turns."""
    slices, seconds = CASES[case]
    model, samples = folder / f"{case}.tflite", folder / f"{case.partition('.')[0]}.samples.npz"
    ours, theirs = [], []
    with runner(model, samples) as loaded, bare(model, samples) as process:
        of_runner(loaded, seconds), of_bare(process, seconds)  # warm up
        for turn in range(slices):
            if turn % 2:
                ours.append(of_runner(loaded, seconds))
            theirs.append(of_bare(process, seconds))
            if not turn % 2:
                ours.append(of_runner(loaded, seconds))
    means = {RUNNER: statistics.median(ours), BARE: statistics.median(theirs)}
    ratios = {BARE: statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))}
    if case.startswith("mobilenet"):
        means[LITERT] = of_litert_benchmark(model, max(10, round(slices * seconds * 1e9 / means[BARE] / 2)))
        ratios[LITERT] = means[RUNNER] / means[LITERT]
    return means, ratios


def compared(case: str, folder: Path) -> dict[str, object]:
    """Return medians and ratios of one model over all rounds."""
    rounds = []
    for number in range(ROUNDS):
        rounds.append(one_round(case, folder))
        told = ", ".join(f"{ratio:.3f} of {name}" for name, ratio in rounds[-1][1].items())
        print(f"{case} round {number + 1}: {rounds[-1][0][RUNNER] / 1e3:.2f} us, {told}", file=sys.stderr)
    ratios = {name: [found[name] for _, found in rounds] for name in rounds[0][1]}
    return {
        "median_ns": {name: statistics.median(means[name] for means, _ in rounds) for name in rounds[0][0]},
        "median_ratio": {name: statistics.median(found) for name, found in ratios.items()},
        "ratios": ratios,
    }


def page(result: dict[str, object], cases: dict[str, dict[str, object]]) -> str:
    rows = []
    for case, found in cases.items():
        medians: dict[str, float] = found["median_ns"]  # type: ignore[assignment]
        ratios: dict[str, list[float]] = found["ratios"]  # type: ignore[assignment]
        rows.append(f"| {case} | {RUNNER} | {medians[RUNNER] / 1e3:.4g} µs | | |")
        for peer, values in ratios.items():
            spread = f"{min(values):.3f} to {max(values):.3f}"
            rows.append(f"| {case} | {peer} | {medians[peer] / 1e3:.4g} µs | **{statistics.median(values):.3f}** | {spread} |")
    return (
        "# Overhead of the runner\n\n"
        f"Mean time per inference, one thread, median of {ROUNDS} interleaved rounds, {result['date']}.\n"
        f"Python {result['python']}, ai-edge-litert {result['ai-edge-litert']}, {result['machine']}.\n"
        "One inference is set_tensor + invoke + get_tensor. A ratio above 1 means that the runner is slower; the limit against the\n"
        f"bare loop is {LIMIT} (`python benchmarks/overhead/run.py --check`). litert-benchmark drives the same library through another\n"
        "interface (CompiledModel) on inputs of its own: it is a cross-check, not a limit.\n\n"
        "| model | program | time per inference | runner / program | range of the rounds |\n|---|---|---:|---:|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def main() -> int:
    """Measure, write the results, and compare with the limit when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--artifacts", type=Path, help="folder with the converted models")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a ratio is above the limit")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.artifacts or Path(temporary)
        if asked.artifacts is None:
            build(folder)
        cases = {case: compared(case, folder) for case in CASES}
    result = {
        "schema": "edgekit.benchmark.overhead/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": ROUNDS,
        "limit": LIMIT,
        "python": platform.python_version(),
        "ai-edge-litert": version("ai-edge-litert"),
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.json").write_text(json.dumps({**result, "models": cases}, indent=1) + "\n")
    (RESULTS / "overhead.md").write_text(page(result, cases))
    print((RESULTS / "overhead.md").read_text())
    worst = max(found["median_ratio"][BARE] for found in cases.values())  # type: ignore[index]
    return int(asked.check and worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
