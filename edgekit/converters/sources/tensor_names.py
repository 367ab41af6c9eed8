"""Call the tensors of a .tflite that litert-torch wrote as PyTorch calls its layers, so that a layer can be pointed at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

# "package.module.Linear_head": the class, then the name of the layer in the one around it
_PART: Final = re.compile(r"(?:[\w<>]+\.)*[A-Za-z0-9<>]+_(?P<name>\w+)")
_WRAPPER: Final = "_module"


def shorten(path: Path) -> None:
    """Rename all tensors but inputs and outputs: "block.0.conv" for what that layer computes and stores, numbered where there are several.

    Names stay unique, which the quantizer relies on.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(path.read_bytes()))
    for graph in model.subgraphs:
        ends = {int(index) for index in (*graph.inputs, *graph.outputs)}
        taken = {graph.tensors[index].name for index in ends}
        for number, tensor in enumerate(graph.tensors):
            if number not in ends:
                tensor.name = _unique(layer(tensor.name.decode(errors="replace")).encode(), taken)
                taken.add(tensor.name)
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def layer(name: str) -> str:
    """Return the layer in a name such as "a.Net_module/b.Conv2d_conv;a.Net_module/b.ReLU_act;1": the last one that has a name."""
    found = [".".join(_names(part)) for part in name.split(";")]
    return next((text for text in reversed(found) if text), "tensor")


def _names(part: str) -> list[str]:
    matches = [_PART.fullmatch(step) for step in part.split("/")]
    return [match["name"] for match in matches if match and match["name"] != _WRAPPER]


def _unique(name: bytes, taken: set[bytes]) -> bytes:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = b"%s_%d" % (name, number)
    return candidate
