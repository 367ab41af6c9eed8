"""Do once what several recipes need, in whichever of their processes comes first: the others wait for it and read what it wrote."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.quantize.ranges import Ranges


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return `path`, made by `make` unless another process has made it; `make` writes to a path beside it."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_name(path.name + ".part")
            make(part)
            part.replace(path)
    return path


def prepared_hub(hub: Path) -> Path:
    """Return an .onnx hub ready to be quantized, in the same folder."""
    from edgekit.converters.quantize import onnx

    return once(hub.with_name("prepared.onnx"), lambda path: onnx.prepare(hub, path))


def ranges_of(hub: Path, inputs: Mapping[str, Any], method: str) -> Ranges:
    """Return the ranges of a hub's activations (of an .onnx: a prepared one), read once for the same inputs and method."""
    from edgekit.converters.quantize import onnx, tflite

    calibrate = tflite.calibrate if hub.suffix == ".tflite" else onnx.calibrate
    path = hub.with_name(f"{hub.name}.{method}.{_digest(inputs)}.json")
    return Ranges.load(once(path, lambda part: calibrate(hub, inputs, method).save(part)))


def _digest(inputs: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in sorted(inputs):
        digest.update(f"{name}{inputs[name].shape}{inputs[name].dtype}".encode())
        digest.update(inputs[name].tobytes())
    return digest.hexdigest()[:12]
