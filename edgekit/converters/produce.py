"""Make one artifact from its float hub and prove it. Runs in a child process, one per recipe."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgekit.converters.base import RECIPES, Recipe
from edgekit.converters.canonical import graph_sha256
from edgekit.converters.contents.found import Contents
from edgekit.converters.contents.layout import with_layouts
from edgekit.converters.settings import Settings
from edgekit.converters.targets.check import Fit, fit
from edgekit.converters.targets.profile import load_profile
from edgekit.converters.verify.evidence import Demands, read_arrays, read_evidence
from edgekit.converters.verify.gate import RunnableModel, not_loaded, verify
from edgekit.core.errors import EdgekitError
from edgekit.core.jsonio import as_data, validate

Stage = Callable[[str], None]


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Make the artifact of `job` and verify it; return its tensors, contents, achieved scheme, verification and tool versions."""
    recipe = next(recipe for recipe in RECIPES if recipe.key == job["recipe"])
    work, out = Path(job["work"]), Path(job["out"])
    settings = validate(Settings, job["settings"], where="the job")
    stage("converting")
    calibration = read_arrays(work / "calib.npz") if recipe.needs_calibration else {}
    make(recipe, work / f"hub.{recipe.hub}", out, calibration, settings)
    stage("loading the result")
    answer = {"tools": _tools(recipe, job["format"]), "graph_sha256": graph_sha256(out, recipe.format)}
    try:
        model, found = open_artifact(recipe.format, out)
    except (MemoryError, EdgekitError):
        raise
    except Exception as error:  # each runtime refuses in a class of its own
        refused = as_data(not_loaded(error, "LiteRT" if recipe.format == "tflite" else "ONNX Runtime"))
        return {**answer, "inputs": [], "outputs": [], "scheme": "unknown", "operators": [], "opsets": {}, "verification": refused}
    stage("verifying")
    demands = validate(Demands, job["demands"], where="the job")
    verification = verify(recipe, model, found, read_evidence(work, recipe.hub), demands)
    fitted = Fit(checks=())
    if settings.target is not None:
        stage("checking against the target")
        fitted = fit(load_profile(settings.target), out, found, format=recipe.format, recipe=recipe.name)
        verification = replace(
            verification,
            passed=verification.passed and all(check.passed for check in fitted.checks),
            checks=(*verification.checks, *fitted.checks),
        )
    return {
        **answer,
        "inputs": as_data(with_layouts(model.inputs, out, recipe.format)),
        "outputs": as_data(model.outputs),
        "scheme": found.scheme,
        "operators": as_data(found.operators),
        "opsets": as_data(found.opsets),
        "verification": as_data(verification),
        "npu": as_data(fitted.npu),
        "notes": as_data(fitted.notes),
    }


def make(recipe: Recipe, hub: Path, out: Path, calibration: dict[str, Any], settings: Settings) -> None:
    """Write the artifact of `recipe` made from `hub` to `out`."""
    from edgekit.converters.quantize import onnx, tflite

    if recipe.name == "fp32":
        shutil.copyfile(hub, out)
    elif recipe.key == "fp16.tflite":
        tflite.fp16(hub, out)
    elif recipe.key == "int8.tflite":
        tflite.int8(hub, out, calibration)
    else:
        onnx.int8(hub, out, calibration)


def open_artifact(format: str, path: Path) -> tuple[RunnableModel, Contents]:  # noqa: A002
    """Load an artifact in its runtime and read what it holds."""
    if format == "tflite":
        from edgekit.converters.contents import tflite
        from edgekit.converters.runtimes.litert import LiteRtModel

        return LiteRtModel(path), tflite.read(path)
    from edgekit.converters.contents import onnx
    from edgekit.converters.runtimes.ort import OrtModel

    return OrtModel(path), onnx.read(path)


def _tools(recipe: Recipe, source_format: str) -> dict[str, str]:
    """Return the versions of what made the artifact, apart from the source's own framework."""
    packages = {"fp16.tflite": ["ai-edge-quantizer"], "int8.tflite": ["ai-edge-quantizer"], "int8.onnx": ["onnxruntime"]}
    used = packages.get(recipe.key, [])
    if recipe.format == "onnx" and source_format in ("keras", "h5"):
        used = ["tf2onnx", *used]
    return {name: version(name) for name in used}
