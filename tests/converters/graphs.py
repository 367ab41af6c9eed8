"""Write Keras models without Keras: enough of a .keras file for what reads its graph."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any


def tensor(layer: str, call: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None], "dtype": "float32", "keras_history": [layer, call, 0]}}


def layer(kind: str, name: str, *calls: list[str] | str, **settings: Any) -> dict[str, Any]:
    """Return one layer; each of `calls` names the layers that feed it ("a:1" is the second call of a)."""
    nodes = []
    for call in calls:
        fed = [
            tensor(source.partition(":")[0], int(source.partition(":")[2] or 0)) for source in ([call] if isinstance(call, str) else call)
        ]
        nodes.append({"args": [fed if len(fed) > 1 else fed[0]], "kwargs": {"mask": None}})
    return {"class_name": kind, "config": {"name": name, **settings}, "inbound_nodes": nodes, "name": name}


def image(name: str = "image", shape: tuple[int, ...] = (8, 8, 1), dtype: str = "float32") -> dict[str, Any]:
    return layer("InputLayer", name, batch_shape=[None, *shape], dtype=dtype)


def functional(*layers: dict[str, Any], output: str) -> dict[str, Any]:
    inputs = [[item["name"], 0, 0] for item in layers if item["class_name"] == "InputLayer"]
    return {
        "class_name": "Functional",
        "config": {"name": "m", "layers": list(layers), "input_layers": inputs, "output_layers": [output, 0, 0]},
    }


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [{**item, "inbound_nodes": []} for item in layers]}}


def small() -> dict[str, Any]:
    return functional(image(), layer("Flatten", "flat", "image"), layer("Dense", "logits", "flat", units=10), output="logits")


def write_keras(path: Path, config: dict[str, Any] | None = None) -> Path:
    """Write a .keras file that has a graph and no weights."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", json.dumps(config or small()))
    return path
