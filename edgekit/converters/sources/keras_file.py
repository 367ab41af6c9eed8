"""Load a Keras file: in safe mode, with the user's own classes, and with what Keras 2 wrote and Keras 3 stumbles over put right."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from edgekit.converters.keras_file import hdf5_config, keras_config, nodes
from edgekit.converters.settings import Settings
from edgekit.converters.sources.named import load_named
from edgekit.core.errors import ModelError
from edgekit.core.quantity import Note

_UNKNOWN: Final = re.compile(
    r"(?:Could not (?:locate|find|resolve)|Unknown) (?:class|function|layer|object|[\w ]*):? ?'(?:[\w.]+>)?([\w.]+)'"
)
_OPTIONS: Final = re.compile(r"Unrecognized keyword arguments passed to (\w+): (\{.*?\})")
# What Keras 2 wrote for every such layer, and what says nothing there: Keras 3 refuses the words.
_MIXED: Final = ("mixed_float16", "mixed_bfloat16")
_GROUPS: Final = ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Conv1DTranspose", "Conv2DTranspose")
_TIME_MAJOR: Final = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_LEFTOVERS: Final[Mapping[str, Mapping[str, Any]]] = {
    **{kind: {"groups": 1} for kind in (*_GROUPS, "Conv3DTranspose")},
    **{kind: {"time_major": False} for kind in _TIME_MAJOR},
}


def load_model(path: Path, settings: Settings) -> tuple[Any, tuple[Note, ...]]:
    """Return the Keras model in `path` with remarks; raise ModelError, naming the class, when it needs one that is not known here."""
    import keras

    own = {name.rpartition(":")[2]: load_named(name, "--custom-objects") for name in settings.custom_objects}
    try:
        with _readable(path) as (file, notes):
            model = keras.saving.load_model(file, custom_objects=own, compile=False, safe_mode=not settings.allow_unsafe)
            return model, notes
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _explained(error, path) or error from error


@contextmanager
def _readable(path: Path) -> Iterator[tuple[Path, tuple[Note, ...]]]:
    """Yield a file that Keras reads, and remarks: `path`, or a copy whose description or suffix is put right."""
    import h5py  # type: ignore[import-untyped]

    suffix = ".h5" if h5py.is_hdf5(path) else ".keras"
    config = hdf5_config(path) if suffix == ".h5" else keras_config(path)
    policies = _set_float32(config)
    changed = _clean(config) or bool(policies)
    notes = tuple(Note(code="model.mixed", text=f"trained in {policy}; converted and compared in float32") for policy in policies)
    if path.suffix == suffix and not changed:
        yield path, notes
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{suffix}"
        if suffix == ".h5":
            shutil.copyfile(path, copy)
            with h5py.File(copy, "r+") as file:
                file.attrs["model_config"] = json.dumps(config)
        else:
            _copy_archive(path, copy, config)
        yield copy, notes


def _copy_archive(path: Path, copy: Path, config: Any) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for item in old.infolist():
            if item.filename == "config.json":
                new.writestr(item, json.dumps(config))
            else:
                with old.open(item) as source, new.open(item.filename, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target)


def _clean(config: Any) -> bool:
    """Take the leftovers of Keras 2 out of a serialised graph; return True when there were some."""
    found = False
    for node in nodes(config):
        settings = node.get("config")
        for key, idle in _LEFTOVERS.get(str(node.get("class_name")), {}).items():
            if isinstance(settings, dict) and key in settings and settings[key] == idle:
                del settings[key]
                found = True
    return found


def _set_float32(config: Any) -> list[str]:
    """Let a serialised graph compute in float32 where it mixes precisions, which is a way of training; return how it did."""
    found = []
    for node in nodes(config):
        for key in ("name", "dtype"):
            if str(node.get(key)) in _MIXED and (key == "dtype" or set(node) == {"name"}):  # the settings of a policy, or its name
                found.append(str(node[key]))
                node[key] = "float32"
    return list(dict.fromkeys(found))


def _explained(error: Exception, path: Path) -> ModelError | None:
    text = str(error)
    if found := _UNKNOWN.search(text):
        return _unknown_class(found[1], path, text)
    if found := _OPTIONS.search(text):
        return ModelError(
            f"{path} cannot be loaded by this Keras",
            code="model.version",
            why=f"it was saved by Keras {_version(path)}, in which a {found[1]} has {found[2]}",
            do=[("export it where it was made, then convert the folder:", "model.export('folder')")],
            data={"log": text[:2000]},
        )
    return None


def _version(path: Path) -> str:
    """Return the version of Keras that wrote the file."""
    import h5py

    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("keras_version", "of another version"))
    with zipfile.ZipFile(path) as archive:
        return str(json.loads(archive.read("metadata.json")).get("keras_version"))


def _unknown_class(name: str, path: Path, text: str) -> ModelError:
    export = ("or export it where that is known, then convert the folder:", "tf.saved_model.save(model, 'folder')")
    if name in ("TFOpLambda", "SlicingOpLambda"):
        return ModelError(
            f"{path} cannot be loaded by this Keras",
            code="model.version",
            why=f"it was saved by Keras 2 and calls a TensorFlow function ({name}), which Keras 3 does not read",
            do=[("export it with Keras 2, then convert the folder:", export[1])],
            data={"log": text[:2000]},
        )
    return ModelError(
        f"{path} needs {name}, which is not part of Keras",
        code="model.custom",
        why="the file holds its settings and weights; its code is where the model was made",
        do=[("name the module that defines it:", f"edgekit convert ... --custom-objects MODULE:{name.rpartition('.')[2]}"), export],
        data={"log": text[:2000]},
    )
