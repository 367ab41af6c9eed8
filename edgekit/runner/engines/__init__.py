"""Choose and load the engine that runs a model. Each engine offers `loop(group)`: set_tensor, invoke, get_tensor for every input of it."""

from __future__ import annotations

import os
from typing import Any, List, Optional

from ..wire import Refusal

NAMES = ("litert", "tflite_runtime", "onnxruntime", "onnxruntime-cuda", "torch_onnx", "torch_onnx-cuda")


def load(path: str, name: Optional[str], threads: int, batch: int) -> Any:
    """Return the engine with the model loaded; `name` None chooses by the file's ending. Raise Refusal with the engine's own reason."""
    if not os.path.isfile(path):
        raise Refusal("model.missing", f"the model {path} is not on this machine", "no such file")
    names = [name] if name else by_ending(path)
    refusals: List[Refusal] = []
    for candidate in names:
        try:
            return _load(path, candidate, threads, batch)
        except Refusal as refusal:
            if refusal.error["code"] != "engine.missing":
                raise
            refusals.append(refusal)
    raise refusals[0]


def by_ending(path: str) -> List[str]:
    """Return the engines that read this kind of file, the preferred one first."""
    if path.endswith(".tflite"):
        return ["litert", "tflite_runtime"]
    if path.endswith(".onnx"):
        return ["onnxruntime"]
    raise Refusal("model.format", f"no engine runs {os.path.basename(path)}", "the runner knows .tflite and .onnx")


def _load(path: str, name: str, threads: int, batch: int) -> Any:
    family, _, place = name.partition("-")
    if name not in NAMES:
        raise Refusal("engine.unknown", f"no engine is called {name!r}", "known: " + ", ".join(NAMES))
    if family in ("litert", "tflite_runtime"):
        from .litert import LiteRT

        return LiteRT(path, family, threads, batch)
    if family == "onnxruntime":
        from .onnxruntime import OnnxRuntime

        return OnnxRuntime(path, place or "cpu", threads, batch)
    from .torch_onnx import TorchOnnx

    return TorchOnnx(path, place or "cpu", threads, batch)
