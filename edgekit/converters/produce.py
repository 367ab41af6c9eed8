"""Make one artifact from its float hub and prove it. Runs in a child process, one per recipe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgekit.converters.base import Recipe, recipe_of, whole
from edgekit.converters.canonical import graph_sha256
from edgekit.converters.contents.found import Contents
from edgekit.converters.contents.layout import with_layouts
from edgekit.converters.runtimes.litert import LiteRtModel
from edgekit.converters.runtimes.ort import OrtModel
from edgekit.converters.settings import Settings
from edgekit.converters.targets.check import Fit, fit
from edgekit.converters.targets.profile import load_profile
from edgekit.converters.verify.evidence import Demands, read_arrays, read_evidence
from edgekit.converters.verify.gate import not_loaded, verify
from edgekit.core.errors import EdgekitError
from edgekit.core.jsonio import as_data, validate

Stage = Callable[[str], None]


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Make the artifact of `job` and verify it; return its tensors, contents, achieved scheme, verification and tool versions."""
    work, out = Path(job["work"]), Path(job["out"])
    settings = validate(Settings, job["settings"], where="the job")
    recipe = recipe_of(job["recipe"], settings.onnx_activations)
    stage("converting")
    calibration = read_arrays(work / "calib.npz") if recipe.needs_calibration else {}
    make(recipe, work / f"hub.{recipe.hub}", out, calibration, settings)
    stage("loading the result")
    exported = json.loads((work / f"hub.{recipe.hub}.json").read_text(encoding="utf-8"))
    answer = {
        "tools": {**exported["tools"], **_tools(recipe)},
        "notes": exported["notes"],
        "graph_sha256": graph_sha256(out, recipe.format),
    }
    try:
        model, found = open_artifact(recipe.format, out)
    except (MemoryError, EdgekitError):
        raise
    except Exception as error:  # each runtime refuses in a class of its own
        refused = as_data(not_loaded(error, "LiteRT" if recipe.format == "tflite" else "ONNX Runtime"))
        return {**answer, "inputs": [], "outputs": [], "scheme": "unknown", "operators": [], "opsets": {}, "verification": refused}
    stage("verifying")
    demands = _with_kept(validate(Demands, job["demands"], where="the job"), recipe, work)
    verification = verify(recipe, model, found, read_evidence(work, recipe.hub), demands)
    verification = replace(verification, notes=(*verification.notes, *model.notes))
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
        "kept": list(demands.kept),
        "notes": [*exported["notes"], *as_data(fitted.notes)],
    }


def _with_kept(demands: Demands, recipe: Recipe, work: Path) -> Demands:
    """Return demands that name the layers kept in float, and say how many of the weights are theirs."""
    from edgekit.converters.quantize import onnx, tflite
    from edgekit.converters.quantize.keep import kept
    from edgekit.converters.quantize.shared import prepared_hub

    if not demands.kept:
        return demands
    hub = work / f"hub.{recipe.hub}"
    sizes = tflite.layer_sizes(hub) if recipe.hub == "tflite" else onnx.layer_sizes(prepared_hub(hub))
    names = kept(demands.kept, tuple(sizes))
    return replace(demands, kept=names, kept_share=sum(sizes[name] for name in names) / max(1, sum(sizes.values())))


def make(recipe: Recipe, hub: Path, out: Path, calibration: dict[str, Any], settings: Settings) -> None:
    """Write the artifact of `recipe` made from `hub` to `out`.

    What recipes share is kept beside the hub: an .onnx hub ready to be quantized, and the ranges that `calibration` gives.
    Raises ModelError where the graph has no such form and UsageError for kept layers that it does not have.
    """
    from edgekit.converters.quantize import onnx, ort, tflite
    from edgekit.converters.quantize.shared import prepared_hub, ranges_of

    if recipe.name == "fp32" and recipe.format != "ort":
        shutil.copyfile(hub, out)
        return
    keep = settings.keep.get(recipe.key, ())
    if recipe.format == "ort":
        source = hub if recipe.name == "fp32" else out.with_name(f"{out.name}.onnx")
        if recipe.name != "fp32":
            made = replace(recipe, format="onnx")
            make(made, hub, source, calibration, replace(settings, keep={made.key: keep}))
        ort.save(source, out, signed=recipe.activations == "int8")
        return
    float_hub = hub if recipe.format == "tflite" else prepared_hub(hub)
    ranges = ranges_of(float_hub, calibration, settings.calibration) if recipe.needs_calibration else None
    quantize = tflite.quantize if recipe.format == "tflite" else onnx.quantize
    quantize(float_hub, out, whole(recipe), ranges, keep)


def open_artifact(format: str, path: Path) -> tuple[LiteRtModel | OrtModel, Contents]:  # noqa: A002
    """Load an artifact in its runtime and read what it holds."""
    if format == "tflite":
        from edgekit.converters.contents import tflite

        return LiteRtModel(path), tflite.read(path)
    from edgekit.converters.contents import onnx, ort

    return OrtModel(path), (ort if format == "ort" else onnx).read(path)


def _tools(recipe: Recipe) -> dict[str, str]:
    """Return the versions of what made the artifact of its float hub."""
    if recipe.key in ("fp32.tflite", "fp32.onnx"):
        return {}
    package = "ai-edge-quantizer" if recipe.format == "tflite" else "onnxruntime"
    return {package: version(package)}
