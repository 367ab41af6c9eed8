"""Make every recipe of four reference models, and write what each one keeps, holds and takes into docs/schemes.md.

    python benchmarks/schemes/run.py [--models digits_cnn ...] [--rounds 15]

Sizes, agreement, accuracy and shares come from the records that `edgekit convert` writes. Times are those of this machine, one thread,
the artifacts of one format in turns; they are told as ratios to the float artifact of the same format, with the load of the machine.
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
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine
from edgekit.converters.base import RECIPES
from edgekit.runner import engines
from edgekit.runner.engines.inputs import prepare

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "schemes.json"
PAGE = ROOT / "docs" / "schemes.md"
HEAD, END = "<!-- written by benchmarks/schemes/run.py -->\n", "<!-- end -->"
MODELS = ("digits_cnn", "transformer_small", "lstm_small", "mobilenet_v2")
PACKAGES = ("tensorflow", "ai-edge-quantizer", "ai-edge-litert", "onnxruntime")
ROUND_S = 0.05


def main() -> None:
    """Convert, time, and write the results and the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--page", action="store_true", help="write the page from the stored results only")
    asked = parser.parse_args()
    if not asked.page:
        with tempfile.TemporaryDirectory() as work:
            found = {name: measured(name, Path(work), asked.rounds) for name in asked.models}
        told = {
            "schema": "edgekit.benchmark.schemes/1",
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "models": found,
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "machine": machine(),
        }
        RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD)
    PAGE.write_text(before + HEAD + page(result) + END + rest.partition(END)[2], encoding="utf-8")


def measured(name: str, work: Path, rounds: int) -> dict[str, Any]:
    """Build a model, make every recipe of it, and time what was made."""
    edgekit = [sys.executable, "-m", "edgekit", "--json"]
    built = json.loads(run([*edgekit, "models", "build", name, "--out", "model"], work))["data"]["model"]
    data = {option: work / "model" / f"{name}.{kind}.npz" for option, kind in (("--calib", "calib"), ("--eval", "test"))}
    given = [str(word) for option, file in data.items() if file.exists() for word in (option, file)]
    recipes = [word for recipe in dict.fromkeys(recipe.name for recipe in RECIPES) for word in ("-r", recipe)]
    formats = ["--to", "tflite", "--to", "onnx", "--to", "ort"]
    said = json.loads(run([*edgekit, "convert", f"model/{name}.keras", *recipes, *formats, *given, "--out", "artifacts"], work))
    rows = [row(item, said["data"]["source"]) for item in said["data"]["rows"]]
    load = os.getloadavg()[0]
    times = timed([work / "artifacts" / item["file"] for item in rows if item["file"]], work / "artifacts" / f"{name}.samples.npz", rounds)
    for item in rows:
        item["time_ratio"], item["time_s"] = times.get(item["file"], (None, None))
    return {"title": built["title"], "trained": built["training"], "parameters": built["parameters"], "rows": rows, "load": load}


def run(command: Sequence[str], folder: Path) -> str:
    """Return what a command prints; artifacts that fail their gate, or cannot be made, are results too."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3, 5):
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def row(item: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the table tells of one recipe."""
    artifact = item["artifact"] or {}
    proof = artifact.get("verification") or {}
    return {
        "recipe": item["recipe"],
        "format": item["format"],
        "file": artifact.get("path"),
        "status": artifact.get("status", "not made"),
        "why": (item["failure"] or {}).get("why"),
        "failed": [f"{check['name']}: {check['seen']}, floor {check['floor']}" for check in proof.get("checks", ()) if not check["passed"]],
        "size_bytes": artifact.get("size_bytes"),
        "sqnr_db": proof.get("sqnr_db"),
        "identical": any(check["seen"] == "identical" for check in proof.get("checks", ())),
        "accuracy": (proof.get("accuracy") or {}).get("value"),
        "accuracy_change": proof.get("accuracy_change"),
        "source_accuracy": proof.get("source_accuracy"),
        "quantized_share": proof.get("quantized_share"),
        "computed_share": proof.get("computed_share"),
        "runtime": proof.get("runtime"),
        "parameters": source["parameters"],
    }


def timed(paths: Sequence[Path], samples: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Return per file (ratio to the time of the float artifact of its format, seconds per inference), medians of rounds in turns."""
    loaded = {}
    for path in paths:
        engine = engines.load(str(path), None, 1, 1)
        inputs = prepare(engine, str(samples) if samples.exists() else None, 1)[0]
        engine.loop(inputs[:1])
        loaded[path] = (engine, inputs, calls(engine, inputs))
    seen: dict[Path, list[float]] = {path: [] for path in paths}
    for _ in range(rounds):
        for path, (engine, inputs, count) in loaded.items():
            group = [inputs[at % len(inputs)] for at in range(count)]
            began = time.perf_counter()
            engine.loop(group)
            seen[path].append((time.perf_counter() - began) / count)
    floats = {path.suffix: seen[path] for path in paths if ".fp32." in path.name}
    ratios = {path: [mine / base for mine, base in zip(seen[path], floats[path.suffix], strict=True)] for path in paths}
    return {path.name: (statistics.median(ratios[path]), statistics.median(seen[path])) for path in paths}


def calls(engine: Any, inputs: Sequence[Any]) -> int:
    """Return how many inferences take a round's time, at least one."""
    began = time.perf_counter()
    engine.loop(inputs[:1])
    return max(1, int(ROUND_S / max(1e-7, time.perf_counter() - began)))


def page(result: Mapping[str, Any]) -> str:
    """Return a table per model."""
    packages = ", ".join(f"{name} {number}" for name, number in result["packages"].items())
    lines = [f"Made on {result['date']} with Python {result['python']}, {packages}. Times: {result['machine']}.", ""]
    for name, model in result["models"].items():
        known = next((item["source_accuracy"] for item in model["rows"] if (item["source_accuracy"] or {}).get("value") is not None), None)
        accuracy = f"; the source is right on {known['value']:.1%} of {known['n']} held-out inputs" if known else ""
        state = "trained" if model["trained"] else "random weights: no accuracy, and its decibels say little of a trained one"
        lines += [f"### {name}: {model['title']}", ""]
        lines += [f"{model['parameters']:,} parameters, {state}{accuracy}. Load while timed: {model['load']:.1f}.", ""]
        lines += ["| artifact | size | SQNR | change of accuracy, 95 % | weights | compute | time on x86 | |"]
        lines += ["|---|---:|---:|---:|---:|---:|---:|---|"]
        floats = {item["format"]: item["size_bytes"] for item in model["rows"] if item["recipe"] == "fp32"}
        lines += [cells(item, floats) for item in model["rows"]]
        lines += ["", *remarks(model["rows"])]
    return "\n".join([*lines, ""])


def cells(item: Mapping[str, Any], floats: Mapping[str, int | None]) -> str:
    """Return one line of a table."""
    key = f"`{item['recipe']}.{item['format']}`"
    if not item["file"]:
        return f"| {key} | | | | | | | not made |"
    size, base = item["size_bytes"], floats.get(item["format"])
    sqnr = "identical" if item["identical"] else "-" if item["sqnr_db"] is None else f"{item['sqnr_db']:.1f} dB"
    change = item["accuracy_change"] or {}
    accuracy = "-" if change.get("value") is None else f"{change['value']:+.1%} ({change['low']:+.1%} to {change['high']:+.1%})"
    shares = ["-" if item[share] is None else f"{item[share]:.0%}" for share in ("quantized_share", "computed_share")]
    ratio = "-" if item["time_ratio"] is None else f"{item['time_ratio']:.2g} x"
    told = f"{size / 1e3:,.1f} kB" + (f" ({size / base:.0%})" if base else "")
    status = "" if item["status"] == "verified" else item["status"]
    return f"| {key} | {told} | {sqnr} | {accuracy} | {shares[0]} | {shares[1]} | {ratio} | {status} |"


def remarks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return why artifacts failed or were not made, each reason once."""
    reasons: dict[str, list[str]] = {}
    for item in rows:
        for why in [item["why"]] if item["why"] else item["failed"]:
            reasons.setdefault(why, []).append(f"`{item['recipe']}.{item['format']}`")
    lines = [f"- {', '.join(keys)}: {why}." for why, keys in reasons.items()]
    return [*lines, ""] if lines else []


if __name__ == "__main__":
    main()
