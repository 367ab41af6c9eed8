"""Turn stored samples into prepared inputs, one per inference: checked, quantized where the model wants integers, stacked into batches."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..wire import Refusal

MAX_SAMPLES = 256
MAX_BYTES = 64 << 20  # of prepared inputs, so that a small board keeps its memory for the model
SEED = 20240
FREE_BATCH = ["convert it with a free batch:", "edgekit convert MODEL --to onnx"]


class Tensor(NamedTuple):
    """Describe one input or output as the engine wants it: `shape` with the batch in front, numpy dtype name, quantization."""

    name: str
    shape: Tuple[int, ...]
    dtype: str
    scale: Optional[float] = None
    zero_point: Optional[int] = None


def prepare(engine: Any, path: Optional[str], batch: int) -> Tuple[List[Any], str]:
    """Return the engine's prepared inputs and their origin: "samples" from the .npz at `path`, else "synthetic" from a fixed seed."""
    tensors: List[Tensor] = engine.inputs
    columns = _read(path, tensors) if path else {tensor.name: synthetic(tensor) for tensor in tensors}
    count = min(len(column) for column in columns.values())
    if count == 0:
        raise Refusal("samples.empty", f"the samples {path} hold nothing", "an input array has length 0")
    per_inference = sum(_nbytes(tensor) for tensor in tensors)
    wanted = max(1, min(max(1, count // batch), MAX_SAMPLES, MAX_BYTES // max(1, per_inference)))
    rows = [[_stack(columns[tensor.name][:count], first * batch, batch) for tensor in tensors] for first in range(wanted)]
    return [engine.prepare(row) for row in rows], "samples" if path else "synthetic"


def read_arrays(path: str) -> Dict[str, Any]:
    """Return the arrays of the .npz at `path` by name; raise Refusal where it cannot be read, or holds anything but plain arrays."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise Refusal("samples.unreadable", f"the samples {path} cannot be read", str(error)) from error


def _read(path: str, tensors: List[Tensor]) -> Dict[str, Any]:
    arrays = read_arrays(path)
    if len(tensors) == 1 and tensors[0].name not in arrays and "x" in arrays:
        arrays[tensors[0].name] = arrays["x"]
    missing = [tensor.name for tensor in tensors if tensor.name not in arrays]
    if missing:
        raise Refusal("samples.names", f"the samples {path} lack the input {missing[0]!r}", "they hold: " + ", ".join(sorted(arrays)))
    return {tensor.name: _fit(arrays[tensor.name], tensor) for tensor in tensors}


def _fit(values: Any, tensor: Tensor) -> Any:
    """Return samples in the model's dtype; refuse another shape, and any cast that is not float to float or quantization."""
    import numpy as np

    if values.ndim == 0 or values.shape[1:] != tensor.shape[1:]:
        raise Refusal(
            "samples.shape",
            f"the samples of {tensor.name!r} have the wrong shape",
            f"one sample is {list(values.shape[1:])}, the model wants {list(tensor.shape[1:])}",
        )
    wanted = np.dtype(tensor.dtype)
    if values.dtype == wanted:
        return np.ascontiguousarray(values)
    if values.dtype.kind == "f" and wanted.kind == "f":
        return np.ascontiguousarray(values, dtype=wanted)
    if values.dtype.kind == "f" and wanted.kind in "iu" and tensor.scale:
        return quantized(values, tensor)
    raise Refusal(
        "samples.dtype", f"the samples of {tensor.name!r} have the wrong type", f"they are {values.dtype}, the model wants {wanted}"
    )


def quantized(values: Any, tensor: Tensor) -> Any:
    """Return floats as the integers that `tensor` wants."""
    import numpy as np

    wanted = np.dtype(tensor.dtype)
    limits = np.iinfo(wanted)
    steps = np.round(values / tensor.scale) + (tensor.zero_point or 0)
    return np.ascontiguousarray(np.clip(steps, limits.min, limits.max).astype(wanted))


def synthetic(tensor: Tensor) -> Any:
    """Return random values from a fixed seed that `tensor` may be fed with, samples first."""
    import numpy as np

    random = np.random.Generator(np.random.PCG64(SEED))
    wanted = np.dtype(tensor.dtype)
    shape = (max(1, min(16, MAX_BYTES // max(1, _nbytes(tensor)))) * max(1, tensor.shape[0]), *tensor.shape[1:])
    if wanted.kind == "f":
        return random.random(shape, dtype=np.float32).astype(wanted)
    if wanted.itemsize == 1 and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        return random.integers(limits.min, limits.max, shape, dtype=wanted, endpoint=True)
    return np.zeros(shape, wanted)  # an index or a mask: no other value is known to be legal


def _stack(column: Any, first: int, batch: int) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.take(column, range(first, first + batch), axis=0, mode="wrap"))


def _nbytes(tensor: Tensor) -> int:
    import numpy as np

    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize
