"""Choose and load the engine that runs a model. Each engine offers `loop(group)`: set_tensor, invoke, get_tensor for every input of it."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..wire import Refusal
from .delegate import Wanted, refuse

_BY_ENDING: Dict[str, Tuple[List[str], List[str]]] = {  # ending: engines tried in this order, engines that must be named
    ".tflite": (["litert", "tflite_runtime"], []),
    ".onnx": (["onnxruntime"], ["onnxruntime-cuda", "onnxruntime-tensorrt", "torch_onnx", "torch_onnx-cuda"]),
    ".ort": (["onnxruntime"], ["onnxruntime-cuda"]),
    ".pt2": (["torch_pt2"], ["torch_pt2-cuda"]),
}


def load(
    path: str, name: Optional[str], threads: int, batch: int, delegate: Optional[Wanted] = None, precision: Optional[str] = None
) -> Any:
    """Return the engine with the model loaded; `name` None chooses by the file's ending. Raise Refusal with the engine's own reason.

    `precision` is how 32-bit floats are computed (see precision.py); None leaves it to the engine, which says what it is.
    """
    return _first(path, name, lambda engine: _load(path, engine, threads, batch, delegate, precision))


def profiler(path: str, name: Optional[str], threads: int, batch: int, delegate: Optional[Wanted] = None) -> Any:
    """Return the engine with the model loaded under its profiler; raise Refusal where it has none."""
    if delegate is not None:
        why = "the delegate computes them together, and its own profiler has no common interface"
        raise Refusal("profile.unsupported", f"operators inside the delegate {delegate.name} cannot be timed", why)
    return _first(path, name, lambda engine: _profiler(path, engine, threads, batch))


def _first(path: str, name: Optional[str], make: Callable[[str], Any]) -> Any:
    if not os.path.isfile(path):
        raise Refusal("model.missing", f"the model {path} is not on this machine", "no such file")
    missing: Optional[Refusal] = None
    for candidate in choose(path, name):
        try:
            return make(candidate)
        except Refusal as refusal:
            if refusal.error["code"] != "engine.missing":
                raise
            missing = missing or refusal
    raise missing or Refusal("engine.missing", "no engine was tried")


def choose(path: str, name: Optional[str]) -> List[str]:
    """Return the engines to try, the preferred one first; raise Refusal when `name` is unknown or does not read such a file."""
    known = [engine for tried, named in _BY_ENDING.values() for engine in tried + named]
    if name is not None and name not in known:
        raise Refusal("engine.unknown", f"no engine is called {name!r}", "known: " + ", ".join(dict.fromkeys(known)))
    tried, named = _BY_ENDING.get(os.path.splitext(path)[1].lower(), ([], []))
    if name is None and tried:
        return tried
    if name is not None and name in tried + named:
        return [name]
    raise Refusal("model.format", f"{name or 'no engine'} does not run {os.path.basename(path)}", "engines read " + ", ".join(_BY_ENDING))


def _load(path: str, name: str, threads: int, batch: int, delegate: Optional[Wanted], precision: Optional[str]) -> Any:
    family, _, place = name.partition("-")
    if family in ("litert", "tflite_runtime"):
        from .litert import LiteRT

        if precision is not None:
            raise Refusal("engine.precision", f"{family} computes an artifact as it stands", "another precision takes another conversion")
        return LiteRT(path, family, threads, batch, delegate)
    refuse(delegate, name)
    if family == "onnxruntime":
        from .onnxruntime import OnnxRuntime

        return OnnxRuntime(path, place or "cpu", threads, batch, precision=precision)
    if family == "torch_pt2":
        from .torch_pt2 import TorchProgram

        return TorchProgram(path, place or "cpu", threads, batch, precision)
    from .torch_onnx import TorchOnnx

    return TorchOnnx(path, place or "cpu", threads, batch, precision)


def _profiler(path: str, name: str, threads: int, batch: int) -> Any:
    family, _, place = name.partition("-")
    if place:
        raise Refusal("profile.unsupported", f"{name} has no operator times", "work on a GPU goes on after the call that starts it returns")
    if family == "litert":
        from .litert_profile import LiteRTProfile

        return LiteRTProfile(path, threads, batch)
    if family == "tflite_runtime":
        raise Refusal(
            "profile.unsupported", "tflite-runtime has no operator times", "its Python package offers no profiler; ai-edge-litert does"
        )
    if family == "onnxruntime":
        from .onnxruntime_profile import OnnxRuntimeProfile

        return OnnxRuntimeProfile(path, threads, batch)
    if family == "torch_pt2":
        raise Refusal("profile.unsupported", "torch programs have no operator times", "convert the model to ONNX to have it timed")
    from .torch_onnx import TorchOnnxProfile

    return TorchOnnxProfile(path, "cpu", threads, batch)
