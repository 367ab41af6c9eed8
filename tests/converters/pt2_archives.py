"""Write .pt2 files without PyTorch: y = 2 x, as torch.export.save lays it out, with whatever is to be wrong in it."""

from __future__ import annotations

import copy
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

LEAF = {"type": None, "context": None, "children_spec": []}


def tree(kind: str, *children: Any, context: str = "null") -> dict[str, Any]:
    return {"type": kind, "context": context, "children_spec": list(children)}


IN = tree("builtins.tuple", tree("builtins.tuple", LEAF), tree("builtins.dict", context="[]"))


def tensor(*sizes: Any, dtype: int = 7) -> dict[str, Any]:
    """Return the description of a tensor; a size is a number or the text of an expression."""
    stated = [{"as_int": size} if isinstance(size, int) else {"as_expr": {"expr_str": size, "hint": {"as_int": 2}}} for size in sizes]
    return {
        **{"dtype": dtype, "sizes": stated, "requires_grad": False, "device": {"type": "cpu", "index": None}, "layout": 7},
        **{"strides": [{"as_int": 1} for _ in sizes], "storage_offset": {"as_int": 0}},
    }


def program(target: str = "torch.ops.aten.mul.Tensor", batch: Any = 1) -> dict[str, Any]:
    x, w, y = ({"as_tensor": {"name": name}} for name in "xwy")
    arguments = [{"name": name, "arg": arg, "kind": 1} for name, arg in (("self", x), ("other", w))]
    return {
        "graph_module": {
            "graph": {
                "inputs": [w, x],
                "outputs": [y],
                "nodes": [
                    {
                        "target": target,
                        "inputs": arguments,
                        "outputs": [y],
                        "metadata": {"stack_trace": "secret.py", "nn_module_stack": "L__self__,,m.Net;L__self__a,a,torch.nn.Linear"},
                        "name": "y",
                    }
                ],
                "tensor_values": {"x": tensor(batch, 4), "w": tensor(4), "y": tensor(batch, 4)},
            },
            "signature": {
                "input_specs": [{"parameter": {"arg": {"name": "w"}, "parameter_name": "w"}}, {"user_input": {"arg": x}}],
                "output_specs": [{"user_output": {"arg": y}}],
            },
            "module_call_graph": [
                {"fqn": "", "signature": {"in_spec": json.dumps([1, IN]), "out_spec": json.dumps([1, LEAF])}},
                {"fqn": "inner", "signature": None},
            ],
            "metadata": {"custom": "{}"},
        },
        "range_constraints": {},
        "guards_code": ["__import__('os').system('true')"],
    }


def write_pt2(path: Path, stated: dict[str, Any] | None = None, weight: dict[str, Any] | None = None, **parts: bytes) -> Path:
    """Write `stated` with one weight; `parts` are further files by name, "/" written as "__"."""
    entry = {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": tensor(4), **(weight or {})}
    files = {
        "models/model.json": json.dumps(stated or program()).encode(),
        "data/weights/model_weights_config.json": json.dumps({"config": {"w": entry}}).encode(),
        "data/weights/weight_0": struct.pack("<4f", 2, 2, 2, 2),
        "data/constants/model_constants_config.json": b'{"config": {}}',
        "data/sample_inputs/model.pt": b"a pickle",
        "archive_format": b"pt2",
        "archive_version": b"0",
        **{name.replace("__", "/"): content for name, content in parts.items()},
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"any/{name}", content)
    return path


def changed(*path: Any, value: Any) -> dict[str, Any]:
    """Return the program with one place in it set to `value`."""
    made = place = copy.deepcopy(program())
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return made
