"""Read calibration and evaluation data and check it against the inputs of a model before anything long begins."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.converters.source import Port
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note
from edgekit.links.files import require_file, sha256_of

_WRITE = ("write it with numpy:", "numpy.savez('inputs.npz', x=x, y=y)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Hold sample inputs by input name (first axis: samples), their labels where they have some, and where they came from."""

    path: Path | None
    sha256: str | None
    inputs: Mapping[str, Any]
    labels: Any | None = None
    notes: tuple[Note, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.inputs.values())))


def memory_share_bytes() -> int:
    """Return a quarter of this machine's memory: samples are copied more than once, and frameworks have to fit beside them."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


def read_samples(path: Path, ports: Sequence[Port], *, option: str, labelled: bool, most_bytes: int | None = None) -> Samples:
    """Return the samples in a .npz (x, and y for labels; or one array per input name) or .npy file.

    Raises UsageError naming `option` when the file is absent or no such file, would take more than `most_bytes` (default: a quarter of this
    machine's memory), or its arrays do not fit the model's inputs.
    """
    arrays = _read(path, option, memory_share_bytes() if most_bytes is None else most_bytes)
    labels = arrays.pop("y", None) if "y" not in {port.name for port in ports} else None
    inputs: dict[str, Any] = {}
    notes: list[Note] = []
    for port, array in _pair(path, arrays, ports, option):
        inputs[port.name], note = _fit(path, port, array, option)
        notes.extend([note] if note else [])
    counts = {name: len(array) for name, array in inputs.items()}
    if len(set(counts.values())) > 1:
        raise _wrong(
            path, option, "samples.count", f"its inputs do not have one length: {counts}", "give every input the same number of samples"
        )
    if not min(counts.values()):
        raise _wrong(path, option, "samples.empty", "it holds no samples", "put about 100 typical inputs into it")
    samples = Samples(path=path, sha256=sha256_of(path), inputs=inputs, notes=tuple(notes))
    return samples if not labelled else _with_labels(samples, labels, path, option)


def synthetic_samples(ports: Sequence[Port], *, count: int = 32, most_bytes: int | None = None) -> Samples:
    """Return seeded standard-normal inputs (zeros for integers) for a model whose real inputs nobody gave.

    Raises UsageError when an input has a free dimension beside the batch, or would take more than `most_bytes` (default: a quarter of this
    machine's memory).
    """
    import numpy as np

    generator = np.random.default_rng(0)
    inputs: dict[str, Any] = {}
    for port in ports:
        if None in port.shape[1:]:
            raise UsageError(
                f"input {port.name} has free dimensions {_shown(port.shape)}",
                code="samples.needed",
                why="edgekit cannot guess their size",
                do=[("give sample inputs:", "edgekit convert ... --calib inputs.npz")],
            )
        needed = 8 * count * math.prod(size or 1 for size in port.shape[1:])
        if needed > (memory_share_bytes() if most_bytes is None else most_bytes):
            raise UsageError(
                f"input {port.name} is too large for this machine: {_shown(port.shape)}",
                code="samples.size",
                why=f"{count} random inputs would take {needed / 1e9:,.1f} GB of memory",
                do=[("give a few sample inputs:", "edgekit convert ... --calib inputs.npz")],
            )
        dtype = np.dtype(port.dtype)
        values = generator.standard_normal((count, *[size or 1 for size in port.shape[1:]]))
        inputs[port.name] = values.astype(dtype) if dtype.kind == "f" else np.zeros(values.shape, dtype)
    return Samples(path=None, sha256=None, inputs=inputs)


def one_by_one(inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each sample as a batch of one, by input name."""
    for index in range(len(next(iter(inputs.values())))):
        yield {name: array[index : index + 1] for name, array in inputs.items()}


def _read(path: Path, option: str, most_bytes: int) -> dict[str, Any]:
    import numpy as np

    if os.path.isdir(path):  # noqa: PTH112 -- a folder that may not be entered is not an error here
        raise _wrong(path, option, "samples.folder", "it is a folder", "give one .npz or .npy file")
    require_file(path, f"the data file of {option}")
    with path.open("rb") as file:
        if not file.read(6).startswith((b"PK", b"\x93NUMPY")):
            raise _wrong(path, option, "samples.format", "it is not a .npz or .npy file", *_WRITE)
    if (unpacked := _unpacked_bytes(path)) > most_bytes:
        why = f"it unpacks to {unpacked / 1e9:,.1f} GB, and {most_bytes / 1e9:,.1f} GB is a quarter of this machine's memory"
        raise _wrong(path, option, "samples.size", why, "give fewer samples: about 100 typical ones are enough to calibrate")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except Exception as error:  # numpy, zipfile and the tokenizer behind a header fail in too many ways to list
        why = "it holds Python objects, which are never loaded" if "allow_pickle" in str(error) else f"it is damaged: {error}"
        raise _wrong(path, option, "samples.format", why, *_WRITE) from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy hands out the bytes of members that are no arrays
            raise _wrong(path, option, "samples.format", f"{name} in it is no array", *_WRITE)
    return arrays


def _unpacked_bytes(path: Path) -> int:
    """Return how large the file says it is when unpacked; zipfile reads no more than that."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return path.stat().st_size


def _pair(path: Path, arrays: Mapping[str, Any], ports: Sequence[Port], option: str) -> list[tuple[Port, Any]]:
    if len(ports) == 1 and ports[0].name not in arrays and "x" in arrays:
        return [(ports[0], arrays["x"])]
    absent = [port.name for port in ports if port.name not in arrays]
    if absent:
        wanted = " or ".join(["x", ports[0].name] if len(ports) == 1 else [", ".join(port.name for port in ports)])
        raise _wrong(
            path,
            option,
            "samples.names",
            f"it holds {', '.join(arrays) or 'nothing'}; the model's input is {wanted}",
            "name the arrays after the inputs",
        )
    return [(port, arrays[port.name]) for port in ports]


def _fit(path: Path, port: Port, array: Any, option: str) -> tuple[Any, Note | None]:
    import numpy as np

    wanted = (None, *port.shape[1:])
    fits = array.ndim == len(wanted) and all(size in (None, got) for size, got in zip(wanted, array.shape, strict=True))
    if not fits and array.size == 0 and array.ndim <= 1:
        raise _wrong(path, option, "samples.empty", "it holds no samples", "put about 100 typical inputs into it")
    if not fits:
        why = f"input {port.name}: expected {_shown(wanted)}, got {_shown(array.shape)}{_hint(wanted, array.shape)}"
        raise _wrong(path, option, "samples.shape", why, "bring the data into the model's shape")
    if array.dtype.kind not in "biuf":
        raise _wrong(path, option, "samples.dtype", f"input {port.name}: expected {port.dtype}, got {array.dtype}", "store numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _wrong(path, option, "samples.finite", f"input {port.name} holds values that are not finite", "remove NaN and infinity")
    dtype = np.dtype(port.dtype)
    if array.dtype == dtype:
        return np.ascontiguousarray(array), None
    if dtype.kind in "iu" and (array.dtype.kind == "f" and not (array == np.floor(array)).all()):
        raise _wrong(
            path, option, "samples.dtype", f"input {port.name}: expected {dtype}, got fractions in {array.dtype}", "store whole numbers"
        )
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
    if not (np.isfinite(cast) if dtype.kind == "f" else cast == array).all():
        why = f"input {port.name}: some values in {array.dtype} lie outside the range of {dtype}"
        raise _wrong(path, option, "samples.dtype", why, "scale the data as in training")
    text = f"{option}: input {port.name} was cast from {array.dtype} to {dtype}"
    return np.ascontiguousarray(cast), Note(code="samples.cast", text=text)


def _with_labels(samples: Samples, labels: Any, path: Path, option: str) -> Samples:
    if labels is None:
        raise _wrong(
            path,
            option,
            "labels.missing",
            "it holds no labels y",
            "add the class number of each sample:",
            "numpy.savez('test.npz', x=x, y=y)",
        )
    if labels.dtype.kind not in "biuf" or labels.ndim < 1 or len(labels) != samples.count:
        why = f"y is {labels.dtype} of shape {_shown(labels.shape)}; expected {samples.count} class numbers, one per sample"
        raise _wrong(path, option, "labels.shape", why, "store one label per sample:", _WRITE[1])
    return Samples(path=samples.path, sha256=samples.sha256, inputs=samples.inputs, labels=_class_numbers(labels), notes=samples.notes)


def _class_numbers(labels: Any) -> Any:
    """Return labels that mean classes as one whole number each: those of a column, one-hot rows and truth values; others as they are."""
    import numpy as np

    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all():
        labels = labels.argmax(1)
    truths = labels.dtype.kind == "b" or (labels.dtype.kind == "f" and np.isin(labels, (0, 1)).all())
    return labels.astype("int64") if truths else labels


def _hint(wanted: Sequence[int | None], got: Sequence[int]) -> str:
    if len(wanted) == 4 and len(got) == 4 and (*got[2:], got[1]) == tuple(wanted[1:]):
        return "; the data looks NCHW (channels first), the model is NHWC"
    if len(wanted) == 4 and len(got) == 4 and (got[3], *got[1:3]) == tuple(wanted[1:]):
        return "; the data looks NHWC (channels last), the model is NCHW"
    if len(got) == len(wanted) - 1 and (*got[1:], 1) == tuple(wanted[1:]):
        return "; the channel axis is missing, x[..., None] adds it"
    if tuple(got) == tuple(wanted[1:]):
        return "; the sample axis is missing, x[None] adds it"
    return ""


def _shown(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("N" if size is None else str(size) for size in shape) + ")"


def _wrong(path: Path, option: str, code: str, why: str, advice: str, command: str = "") -> UsageError:
    return UsageError(f"{option} {path} does not fit", code=code, why=why, do=[(advice, command)])
