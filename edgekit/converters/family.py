"""Hash a graph without its weights, so that retrained copies of one architecture form one family.

Layer names, initialisers, regularisers, dropout, seeds and everything else that leaves inference as it is do not count;
layers are named by their place in a walk from the outputs to the inputs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

Place = tuple[str, int, int]  # layer, call, tensor

_IDENTITY: Final = frozenset(
    {
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
    }
)
_IGNORED: Final = frozenset(
    {"name", "trainable", "dtype", "seed", "momentum", "synchronized", "build_config", "optional", "sparse", "ragged"}
)
_IGNORED_ENDS: Final = ("_initializer", "_regularizer", "_constraint")
_MODELS: Final = frozenset({"Functional", "Sequential", "Model"})


def family_of(graph: Any) -> str:
    """Return 16 hexadecimal digits that name canonical plain data."""
    text = json.dumps(graph, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keras_graph(config: Mapping[str, Any]) -> list[Any]:
    """Return the canonical graph of a serialised Keras model ({"class_name": ..., "config": {...}}).

    Raises ValueError for a model that is neither sequential nor functional.
    """
    inner = config["config"]
    if config["class_name"] == "Sequential":
        return _walk(*_chain(inner))
    if config["class_name"] in _MODELS and "output_layers" in inner:
        return _walk({layer["config"]["name"]: layer for layer in inner["layers"]}, list(_references(inner["output_layers"])))
    raise ValueError(f"a {config['class_name']} model has no static graph")


def _chain(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[Place]]:
    """Return a sequential model as a functional one: its layers by name, each fed by the one before."""
    layers: dict[str, Any] = {}
    last: Place | None = None
    stated = list(config["layers"])
    if stated and stated[0]["class_name"] != "InputLayer" and config.get("build_input_shape"):
        stated.insert(0, {"class_name": "InputLayer", "config": {"name": "", "batch_shape": config["build_input_shape"]}})
    for layer in stated:
        name = layer["config"]["name"]
        layers[name] = {**layer, "inbound_nodes": [{"args": [list(last)], "kwargs": {}}] if last else []}
        last = (name, 0, 0)
    return layers, [last] if last else []


def _walk(layers: Mapping[str, Any], outputs: list[Place]) -> list[Any]:
    """Return [layers, calls, outputs] of a graph, all numbered in depth-first order from the outputs.

    A layer is [class, settings]; a call is [layer, arguments], with tensors as [call, tensor]; a layer called twice is listed once.
    """
    kinds: dict[str, int] = {}
    made: dict[tuple[str, int], int] = {}
    calls: list[Any] = []
    stack = [(name, node, False) for name, node, _ in reversed(outputs)]
    while stack:
        name, node, inputs_done = stack.pop()
        if (name, node) in made:
            continue
        nodes = layers[name]["inbound_nodes"]
        arguments = nodes[node] if nodes else []
        before = list(_references(arguments))
        if not inputs_done:
            stack.append((name, node, True))
            stack.extend((source, call, False) for source, call, _ in reversed(before))
        elif layers[name]["class_name"] in _IDENTITY and before:
            made[name, node] = made[before[0][:2]]
        else:
            made[name, node] = len(calls)
            calls.append([kinds.setdefault(name, len(kinds)), _call(arguments, made)])
    settings = [[layers[name]["class_name"], _settings(layers[name])] for name in kinds]
    return [settings, calls, [[made[name, node], tensor] for name, node, tensor in outputs]]


def _settings(layer: Mapping[str, Any]) -> Any:
    if layer["class_name"] in _MODELS:
        return keras_graph(layer)
    settings = _clean(layer["config"])
    if layer["class_name"] == "InputLayer":
        settings["dtype"] = str(layer["config"].get("dtype") or "float32")  # of the other layers it is a policy of training
    return settings


def _clean(value: Any) -> Any:
    """Drop what leaves inference as it is. None and False go too: a newer Keras adds options that are off."""
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            return [value["class_name"], _clean(value["config"])]
        kept = {key: _clean(item) for key, item in value.items() if _counts(key, item)}
        if "batch_shape" in kept:
            kept["batch_shape"] = [None, *kept["batch_shape"][1:]]
        return kept
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def _counts(key: str, value: Any) -> bool:
    return not (value is None or value is False or key in _IGNORED or key.endswith(_IGNORED_ENDS) or key.startswith("renorm"))


def _call(value: Any, made: Mapping[tuple[str, int], int]) -> Any:
    """Return the arguments of a call with each tensor replaced by the call it comes from."""
    if (place := _place(value)) is not None:
        return [made[place[:2]], place[2]]
    if isinstance(value, Mapping):
        return {key: _call(item, made) for key, item in value.items() if item is not None and item is not False}
    if isinstance(value, (list, tuple)):
        return [_call(item, made) for item in value]
    return value


def _place(value: Any) -> Place | None:
    """Return (layer, call, tensor) when `value` refers to a tensor, in the form of Keras 3 or of the older one."""
    if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
        value = value["config"]["keras_history"]
    if isinstance(value, (list, tuple)) and len(value) >= 3 and isinstance(value[0], str) and all(type(item) is int for item in value[1:3]):
        return value[0], value[1], value[2]
    return None


def _references(value: Any) -> Iterator[Place]:
    """Yield each tensor referred to, in order, however deeply it is nested."""
    if (place := _place(value)) is not None:
        yield place
    elif isinstance(value, (list, tuple, Mapping)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _references(item)
