"""Find the files in which an .onnx model keeps its weights: they belong to it wherever it goes. Needs no package, and reads no weights."""

from __future__ import annotations

import contextlib
import mmap
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from edgekit.core.errors import ModelError

# What lies in what, by the field numbers of onnx.proto3; a tensor is where a file may be named.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION, _ELSEWHERE = 13, 14, 1


def onnx_parts(path: Path) -> tuple[str, ...]:
    """Return where an .onnx model keeps weights, as paths from its own folder; nothing for other files, and for what is no model.

    Raises ModelError for a file that is absent, or outside the model's folder.
    """
    if path.suffix != ".onnx" or not path.is_file():
        return ()
    try:
        with path.open("rb") as file:
            found = sorted(set(_locations(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))))
    except (ValueError, IndexError):  # damaged: whoever loads it says so
        return ()
    for location in found:
        weights_file(location, path.parent, path)
    return tuple(found)


def weights_file(location: str, folder: Path, path: Path) -> Path:
    """Return the file in `folder` that the model at `path` calls `location`; raise ModelError unless it is an ordinary file in there."""
    place, inside = PurePosixPath(location), folder.resolve()
    file = inside / location
    if not location or place.is_absolute() or ".." in place.parts or "\\" in location or not _lies_in(inside, file):
        raise ModelError(
            f"{path} is refused",
            code="model.external_data_unsafe",
            why=f"it wants weights from {location!r}, which is not in its own folder",
            do=[("put the weights beside the model, then store it as one file:", _one_file(path))],
        )
    if not file.is_file():
        raise ModelError(
            f"{path} is not complete",
            code="model.external_data",
            why=f"its weights are in {location}, which is " + ("no ordinary file" if file.exists() else "not there"),
            do=[("copy it beside the model:", shlex.join(["cp", location, str(folder)]))],
        )
    return file


def _lies_in(folder: Path, file: Path) -> bool:
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            file.stat()
        return file.resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a name that is too long or holds a NUL, a link to itself: no file can be meant
        return False


def _one_file(path: Path) -> str:
    code = "import sys, onnx; onnx.save(onnx.load(sys.argv[1]), sys.argv[2])"
    return shlex.join(["python", "-c", code, str(path), str(path.with_name(f"whole-{path.name}"))])


def _locations(model: memoryview) -> Iterator[str]:
    """Yield the file of each tensor that is stored elsewhere."""
    left = [("model", model)]
    while left:
        kind, data = left.pop()
        if kind != "tensor":
            inside = _INSIDE[kind]
            left += [(inside[number], value) for number, value in _fields(data) if number in inside and isinstance(value, memoryview)]
            continue
        fields = list(_fields(data))
        if (_DATA_LOCATION, _ELSEWHERE) in [(number, value) for number, value in fields if isinstance(value, int)]:
            entries = [dict(_fields(value)) for number, value in fields if number == _EXTERNAL_DATA and isinstance(value, memoryview)]
            yield from (_text(entry.get(2)) for entry in entries if _text(entry.get(1)) == "location")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (number, value) of one message in the wire format of protocol buffers; raise ValueError or IndexError for other bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(data, at)
            if size > len(data) - at:
                raise ValueError("a field is longer than what holds it")
            yield number, data[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"no field is of kind {kind}")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number does not end")


def _text(value: int | memoryview | None) -> str:
    return bytes(value).decode("utf-8") if isinstance(value, memoryview) else ""
