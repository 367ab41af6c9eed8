"""Recognise a source model by its content and read what can be read without any framework."""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgekit.converters.keras_file import hdf5_config, keras_config, read_ports
from edgekit.converters.port import Port
from edgekit.converters.pt2_file import ports as pt2_ports
from edgekit.converters.torch_file import function_sha256, is_program, names_function, refuse_pickle
from edgekit.core.errors import ModelError
from edgekit.links.files import reading, require_file, sha256_of

__all__ = ["SUFFIXES", "Port", "Source", "keras_config", "recognise", "stem"]

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_SAVED_MODEL: Final = "saved_model.pb"
_PROTOBUF_BYTES: Final = 1 << 31
SUFFIXES: Final = {".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".tflite": "tflite", ".onnx": "onnx", ".pt2": "pt2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Hold what is known of a source before anything is loaded. `ports` is None where only its framework can tell."""

    path: Path
    format: str
    sha256: str
    ports: tuple[Port, ...] | None = None

    @property
    def name(self) -> str:
        """Return what the artifacts are called unless the user says otherwise."""
        return stem(self.path)


def stem(path: Path) -> str:
    """Return the name of a model's file without its suffix, or of its folder as it is."""
    if names_function(path):
        return path.name.rpartition(":")[2]
    name = path.name or path.absolute().name
    return name.removesuffix(path.suffix) if path.suffix.lower() in SUFFIXES or not os.path.isdir(path) else name  # noqa: PTH112


def recognise(path: Path, *, allow_unsafe: bool = False) -> Source:
    """Return what `path` holds; raise UsageError when it is absent and ModelError when it is no model edgekit can read.

    A model that carries Python code is refused unless `allow_unsafe`.
    """
    if os.path.isdir(path):  # noqa: PTH112 -- a folder that may not be entered is not an error here
        return _recognise_folder(path)
    if names_function(path):
        return Source(path=path, format="torch", sha256=function_sha256(str(path), Path.cwd()))
    require_file(path, "model")
    with path.open("rb") as file:
        head = file.read(16)
    expected = SUFFIXES.get(path.suffix.lower())
    found = _sniff(head, expected)
    refuse_pickle(path, head)
    if found == "keras" and expected != "keras" and (is_program(path) or expected == "pt2"):
        found = "pt2"
    if path.name == _SAVED_MODEL:
        return _recognise_folder(path.parent)
    if found is None or (expected is not None and expected != found):
        raise _not_a(path, expected, head)
    if found == "onnx" and path.stat().st_size > _PROTOBUF_BYTES:
        raise ModelError(
            f"{path} is not an ONNX model",
            code="model.format",
            why="it is larger than 2 GiB, which no ONNX file can be: larger models keep their weights in a second file",
            do=[("look at what the file is:", f"file {shlex.quote(str(path))}")],
        )
    if found == "pt2":
        return Source(path=path, format=found, sha256=sha256_of(path), ports=pt2_ports(path))
    config = {"keras": keras_config, "h5": hdf5_config}.get(found)
    ports = read_ports(config(path), path, allow_unsafe=allow_unsafe) if config else None
    return Source(path=path, format=found, sha256=sha256_of(path), ports=ports or None)


def _recognise_folder(path: Path) -> Source:
    """Return a TensorFlow SavedModel, whose hash is that of the names and contents of its files."""
    with reading(path, "the model folder"):
        files = sorted(_files(path))
    if _SAVED_MODEL not in files:
        why = "edgekit reads .keras, .h5, .pt2, .tflite and .onnx files, and SavedModel folders, which hold a saved_model.pb"
        raise ModelError(
            f"{path} is a folder, not a model",
            code="model.folder",
            why=why if any(path.iterdir()) else "it holds nothing",
            do=[("save the model as one file:", "model.save('model.keras')"), ("or as a SavedModel:", "model.export('folder')")],
        )
    digest = hashlib.sha256()
    for name in files:
        require_file(path / name, "the model's file")
        digest.update(f"{name}\0{sha256_of(path / name)}\n".encode())
    return Source(path=path, format="saved_model", sha256=digest.hexdigest())


def _files(folder: Path) -> list[str]:
    """Return the files below `folder` that make up a SavedModel, by their path in it; raise ModelError for links that lead out of it."""
    known = [folder / _SAVED_MODEL, *(file for part in ("variables", "assets") for file in (folder / part).rglob("*"))]
    inside = folder.resolve()
    for file in known:
        if not file.resolve().is_relative_to(inside):
            raise ModelError(
                f"{folder} is refused",
                code="model.config",
                why=f"{file.relative_to(folder)} is a link to a place outside the folder",
                do=[("copy it with what its links lead to:", f"cp -rL {shlex.quote(str(folder))} copy")],
            )
    return [str(file.relative_to(folder)) for file in known if not file.is_dir() and (file.exists() or file.is_symlink())]


def _sniff(head: bytes, expected: str | None) -> str | None:
    if head.startswith(b"PK\x03\x04"):
        return "keras"
    if head.startswith(_HDF5):
        return "h5"
    if head[4:8] == b"TFL3":
        return "tflite"
    # protobuf has no magic: an ONNX file is known by its suffix and proved by its parser
    return "onnx" if expected == "onnx" and head else None


def _not_a(path: Path, expected: str | None, head: bytes) -> ModelError:
    if not head:
        why = "the file is empty"
    elif all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        why = f"it is text that begins {head.decode('ascii')[:12]!r}"
    else:
        why = f"it begins with the bytes {head[:8].hex(' ')}"
    what = f"{path} is not a .{expected} model" if expected else f"{path} is not a model that edgekit can read"
    return ModelError(
        what,
        code="model.format",
        why=why,
        do=[("look at what the file is:", f"file {shlex.quote(str(path))}"), ("build a model to try:", "edgekit models build digits_cnn")],
    )
