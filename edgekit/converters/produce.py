"""Make one artifact from its float hub and prove it. Runs in a child process, one per recipe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgekit.converters.base import RECIPES, Recipe
from edgekit.converters.contents.found import Contents
from edgekit.converters.settings import Settings
from edgekit.converters.verify.gate import RunnableModel, verify
from edgekit.core.jsonio import as_data, validate

Stage = Callable[[str], None]


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Make the artifact of `job` and verify it; return its tensors, achieved scheme, verification and tool versions."""
    import numpy as np

    recipe = next(recipe for recipe in RECIPES if recipe.key == job["recipe"])
    work, out = Path(job["work"]), Path(job["out"])
    settings = validate(Settings, job["settings"], where="the job")
    stage("converting")
    calibration = _load(work / "calib.npz") if recipe.needs_calibration else {}
    make(recipe, work / f"hub.{recipe.hub}", out, calibration, settings)
    stage("loading the result")
    model, found = open_artifact(recipe.format, out)
    stage("verifying")
    reference = _load(work / "reference.npz")
    labels = work / "labels.npy"
    verification = verify(
        recipe,
        model,
        found,
        proof=_load(work / "proof.npz"),
        reference=[reference[str(index)] for index in range(len(reference))],
        calibration_samples=len(next(iter(calibration.values()))) if calibration else 0,
        labels=np.load(labels) if labels.exists() else None,
        threshold=json.loads((work / "facts.json").read_text()).get("threshold"),
        min_sqnr_db=job["min_sqnr_db"],
    )
    return {
        "inputs": as_data(model.inputs),
        "outputs": as_data(model.outputs),
        "scheme": found.scheme,
        "verification": as_data(verification),
        "tools": _tools(recipe, job["format"]),
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


def _load(path: Path) -> dict[str, Any]:
    import numpy as np

    with np.load(path) as file:
        return {name: file[name] for name in file.files}
