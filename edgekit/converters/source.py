"""Recognise a source model by its content and read what can be read without any framework."""

from __future__ import annotations

import json
import os
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgekit.core.errors import ModelError, missing_extra
from edgekit.links.files import require_file, sha256_of

_MAX_CONFIG_BYTES: Final = 64 << 20
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_DTYPES: Final = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
SUFFIXES: Final = {".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".tflite": "tflite", ".onnx": "onnx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Describe one input of a source model: name, shape (batch first, None where free) and dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Hold what is known of a source before anything is loaded. `ports` is None where only its framework can tell."""

    path: Path
    format: str
    sha256: str
    ports: tuple[Port, ...] | None = None

    @property
    def name(self) -> str:
        """Return the file's name without its suffixes, which names the artifacts unless the user says otherwise."""
        return self.path.name.removesuffix(self.path.suffix)


def recognise(path: Path) -> Source:
    """Return what `path` holds; raise UsageError when it is absent and ModelError when it is no model edgekit can read."""
    if os.path.isdir(path):  # noqa: PTH112 -- a folder that may not be entered is not an error here
        raise ModelError(
            f"{path} is a folder, not a model file",
            code="model.folder",
            why="edgekit reads .keras, .h5, .tflite and .onnx files",
            do=[("save the model as one file:", "model.save('model.keras')")],
        )
    require_file(path, "model")
    with path.open("rb") as file:
        head = file.read(16)
    expected = SUFFIXES.get(path.suffix.lower())
    found = _sniff(head, expected)
    if found is None or (expected is not None and expected != found):
        raise _not_a(path, expected, head)
    config = {"keras": keras_config, "h5": _hdf5_config}.get(found)
    ports = _read_ports(config(path), path) if config else None
    return Source(path=path, format=found, sha256=sha256_of(path), ports=ports or None)


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


def keras_config(path: Path) -> dict[str, Any]:
    """Return the serialised graph inside a .keras file; raise ModelError when it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
                raise ModelError(
                    f"{path} is refused",
                    code="model.config",
                    why="its config.json claims to be larger than 64 MiB",
                    do=[("look inside:", f"unzip -v {shlex.quote(str(path))}")],
                )
            config: dict[str, Any] = json.loads(archive.read("config.json"))
            return config
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError, RuntimeError, NotImplementedError) as error:
        raise ModelError(
            f"{path} is not a whole .keras model",
            code="model.damaged",
            why=f"its zip archive or config.json cannot be read: {error}",
            do=[("save it again with Keras 3:", "model.save('model.keras')")],
        ) from error


def _hdf5_config(path: Path) -> dict[str, Any]:
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing_extra("h5py", "convert", "reading an .h5 model") from error
    try:
        with h5py.File(path, "r") as file:
            config: dict[str, Any] = json.loads(file.attrs["model_config"])
            return config
    except (OSError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a whole Keras model",
            code="model.damaged",
            why=f"it holds no readable model_config: {error}",
            do=[("save the whole model, not its weights only:", "model.save('model.keras')")],
        ) from error


def _read_ports(config: Any, path: Path) -> tuple[Port, ...]:
    try:
        return tuple(_ports(_safe(config, path)))
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a whole Keras model",
            code="model.damaged",
            why=f"its description of the layers is not what Keras writes: {error}",
            do=[("save it again with Keras 3:", "model.save('model.keras')")],
        ) from error


def _safe(config: dict[str, Any], path: Path) -> dict[str, Any]:
    for node in _nodes(config):
        if node.get("class_name") in ("Lambda", "__lambda__"):
            name = node.get("name") or node.get("config", {}).get("name") or "unnamed"
            raise ModelError(
                f"{path} holds a Lambda layer ({name}) and is not loaded",
                code="model.lambda",
                why="a Lambda layer carries Python code that would run on this machine",
                do=[("replace it by a built-in or a registered layer, then save again:", "model.save('model.keras')")],
            )
    return config


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _ports(config: Mapping[str, Any]) -> Iterator[Port]:
    inner = config.get("config", {})
    layers = {layer["config"].get("name"): layer["config"] for layer in inner.get("layers", []) if layer["class_name"] == "InputLayer"}
    order = [item[0] for item in _histories(inner.get("input_layers", []))] or list(layers)
    for name in order:
        if name in layers:
            shape = layers[name].get("batch_shape") or layers[name].get("batch_input_shape") or ()
            if not all(size is None or (isinstance(size, int) and size > 0) for size in shape):
                raise ValueError(f"input {name} has the shape {shape}")
            yield Port(name=name, shape=tuple(shape), dtype=_dtype(name, layers[name].get("dtype") or "float32"))


def _dtype(name: str, dtype: Any) -> str:
    if dtype not in _DTYPES:
        raise ModelError(
            f"input {name} cannot be fed",
            code="model.dtype",
            why=f"its data type is {dtype}; edgekit feeds {', '.join(_DTYPES)}",
            do=[("save a model whose inputs are numbers:", "model.save('model.keras')")],
        )
    return str(dtype)


def _histories(value: Any) -> Iterator[list[Any]]:
    """Yield each [layer, node, tensor] triple however deeply it is nested in lists and dictionaries."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _histories(item)
