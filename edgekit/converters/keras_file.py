"""Read the graph inside a Keras file without Keras, and refuse a file that would run code, fill the disk or reach outside itself."""

from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn

from edgekit.converters.port import Port, known_dtype
from edgekit.core.errors import ModelError, missing_extra

_MAX_CONFIG_BYTES: Final = 64 << 20
_MAX_CHECKED_BYTES: Final = 1 << 30
_MAX_INFLATION: Final = 100  # Keras stores weights as they are; even compressed ones shrink a few times only
_SAVE: Final = ("save it again with Keras 3:", "model.save('model.keras')")
_CODE: Final = {
    "Lambda": "a Lambda layer carries Python code that would run on this machine",
    "__lambda__": "a Lambda layer carries Python code that would run on this machine",
    "TorchModuleWrapper": "a TorchModuleWrapper carries a pickle, which may run code on this machine",
    "TFSMLayer": "a TFSMLayer runs a SavedModel from another place, which may touch files of this machine",
}
_FLOAT_POLICIES: Final = ("DTypePolicy", "FloatDTypePolicy")


def keras_config(path: Path) -> dict[str, Any]:
    """Return the serialised graph inside a .keras file; raise ModelError when it cannot be read or its archive is not to be trusted."""
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_trap(path, archive)
            config: dict[str, Any] = json.loads(archive.read("config.json"))
            _read_through(archive)
            return config
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # zipfile and what it unpacks with fail in too many ways to list
        raise ModelError(
            f"{path} is not a whole .keras model",
            code="model.damaged",
            why=f"its zip archive or config.json cannot be read: {error}",
            do=[_SAVE],
        ) from error


def hdf5_config(path: Path) -> dict[str, Any]:
    """Return the serialised graph inside an .h5 file; raise ModelError when it cannot be read or refers to other files."""
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing_extra("h5py", "convert", "reading an .h5 model") from error
    try:
        with h5py.File(path, "r") as file:
            config: dict[str, Any] = json.loads(file.attrs["model_config"])
            _refuse_links(path, file)
            return config
    except (OSError, KeyError, RecursionError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a whole Keras model",
            code="model.damaged",
            why=f"it holds no readable model_config: {error}",
            do=[("save the whole model, not its weights only:", "model.save('model.keras')")],
        ) from error


def read_ports(config: Any, path: Path, *, allow_unsafe: bool) -> tuple[Port, ...]:
    """Return the inputs that a serialised graph declares, none when it is not sequential or functional.

    Raises ModelError for a graph that Keras never wrote, for one that is quantized, and, unless `allow_unsafe`, for layers that carry code.
    """
    try:
        _refuse_quantized(config, path)
        if not allow_unsafe:
            _refuse_code(config, path)
        return tuple(_ports(config))
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a whole Keras model",
            code="model.damaged",
            why=f"its description of the layers is not what Keras writes: {error}",
            do=[_SAVE],
        ) from error


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every dictionary in plain data, however deeply it is nested."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


def _refuse_trap(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    for member in members:
        place = PurePosixPath(member.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
            _refuse(path, f"it holds {member.filename!r}, which would be written outside the folder it is unpacked to")
        if member.external_attr >> 28 == 0o12:
            _refuse(path, f"its member {member.filename!r} is a link to another file")
    if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
        _refuse(path, "its config.json claims to be larger than 64 MiB")
    unpacked, packed = sum(member.file_size for member in members), path.stat().st_size
    if unpacked > max(_MAX_CONFIG_BYTES, _MAX_INFLATION * packed):
        _refuse(path, f"its {packed:,} bytes claim to unpack to {unpacked:,}, more than {_MAX_INFLATION} times as many")


def _read_through(archive: zipfile.ZipFile) -> None:
    """Read the members, up to a gibibyte, which compares their checksums: no framework is loaded for a file that it would refuse."""
    left = _MAX_CHECKED_BYTES
    for member in archive.infolist():
        left -= member.file_size
        if left < 0:
            return
        with archive.open(member) as opened:
            while opened.read(1 << 20):
                pass


def _refuse_links(path: Path, file: Any) -> None:
    import h5py

    held = path.stat().st_size

    def at_link(name: str, link: Any) -> str | None:
        return f"its part {name} is a link into another file, {link.filename!r}" if isinstance(link, h5py.ExternalLink) else None

    def at_item(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if elsewhere := [part[0] for part in item.external or ()] or [part.file_name for part in _virtual(item) if part.file_name != "."]:
            return f"its weights {name} lie in another file, {elsewhere[0]!r}"
        too_large = item.nbytes > max(_MAX_CONFIG_BYTES, _MAX_INFLATION * held)
        return f"its weights {name} claim {item.nbytes:,} bytes, the whole file has {held:,}" if too_large else None

    if why := file.visititems_links(at_link) or file.visititems(at_item):  # both stop at the first answer
        _refuse(path, why)


def _virtual(item: Any) -> Any:
    """Return what a dataset is put together from, nothing when it is an ordinary one."""
    return item.virtual_sources() if item.is_virtual else ()


def _refuse(path: Path, why: str) -> NoReturn:
    command = f"unzip -v {shlex.quote(str(path))}" if zipfile.is_zipfile(path) else f"h5ls -r {shlex.quote(str(path))}"
    raise ModelError(f"{path} is refused", code="model.config", why=why, do=[("look inside:", command)])


def _refuse_quantized(config: Any, path: Path) -> None:
    for node in nodes(config):
        kind = str(node.get("class_name"))
        if kind.endswith("DTypePolicy") and kind not in _FLOAT_POLICIES:
            raise ModelError(
                f"{path} is already quantized",
                code="model.quantized",
                why=f"Keras has quantized its layers to {node['config'].get('mode', kind)}; their float values are gone",
                do=[("convert from the float model instead, saved before model.quantize:", "edgekit convert model.keras")],
            )


def _refuse_code(config: Any, path: Path) -> None:
    for node in nodes(config):
        kind = node.get("class_name")
        if isinstance(kind, str) and kind in _CODE:
            name = node.get("name") or node.get("config", {}).get("name") or "unnamed"
            raise ModelError(
                f"{path} holds a {kind.strip('_').replace('lambda', 'Lambda')} layer ({name}) and is not loaded",
                code="model.lambda",
                why=_CODE[kind],
                do=[
                    ("replace it by a built-in or a registered layer, then save again:", _SAVE[1]),
                    ("or, if you trust who made it:", "edgekit convert ... --allow-unsafe-model"),
                ],
            )


def _ports(config: Mapping[str, Any]) -> Iterator[Port]:
    inner = config.get("config", {})
    layers = {layer["config"].get("name"): layer["config"] for layer in inner.get("layers", []) if layer["class_name"] == "InputLayer"}
    order = [item[0] for item in _histories(inner.get("input_layers", []))] or list(layers)
    for name in order:
        if name in layers:
            shape = layers[name].get("batch_shape") or layers[name].get("batch_input_shape") or ()
            if not all(size is None or (isinstance(size, int) and size > 0) for size in shape):
                raise ValueError(f"input {name} has the shape {shape}")
            yield Port(name=name, shape=tuple(shape), dtype=known_dtype(name, layers[name].get("dtype") or "float32"))


def _histories(value: Any) -> Iterator[list[Any]]:
    """Yield each [layer, node, tensor] triple however deeply it is nested in lists and dictionaries."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _histories(item)
