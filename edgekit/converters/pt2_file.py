"""Read a .pt2 (a program that torch.export.save wrote) without PyTorch, and take out of it everything that could run code.

torch.export.load unpickles parts of such a file, imports modules it names, and evaluates expressions in it as Python. So the archive
is read here first, by the standard library: what a float model needs is checked and copied, anything else is dropped or refused.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgekit.converters.port import Port
from edgekit.converters.pt2_checks import carries, check_expression, check_tree, expressions, objects
from edgekit.core.errors import ModelError

_MAX_JSON_BYTES: Final = 64 << 20  # read by edgekit's own process
_MODEL: Final = "models/model.json"
_WEIGHTS: Final = "data/weights/model_weights_config.json"
_CONSTANTS: Final = "data/constants/model_constants_config.json"
_SAMPLE: Final = "data/sample_inputs/model.pt"
_MARKS: Final = ("archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id", "version")
_TENSOR: Final = re.compile(r"data/(weights/weight|constants/tensor)_\d+")
_TARGET: Final = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file)\w+\.\w+|torch\.sym_\w+|math\.\w+"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|map_impl|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|abs|eq|ne|lt|le|gt|ge|and_|or_|not_)"
)
_STACK: Final = re.compile(r"[\w.,;<>@$-]*")  # which layer a node belongs to: keys, places and classes, never imported
# torch._export.serde.schema.ScalarType
_DTYPES: Final = {1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool"}


def ports(path: Path) -> tuple[Port, ...]:
    """Return the inputs of the program; raise ModelError for a file that is damaged or carries code."""
    program = _program(_Archive(path), path)
    values = program["graph_module"]["graph"]["tensor_values"]
    try:
        return tuple(_port(name, values[name]) for name in _inputs(program))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, error) from error


def harmless(path: Path) -> io.BytesIO:
    """Return the archive anew with nothing in it that could run code, for torch.export.load.

    Kept: tensors as raw bytes, and the graph. Dropped: example inputs, guards, traces. Raises ModelError for anything else.
    """
    archive = _Archive(path)
    program = _program(archive, path)
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as made:
        for name in archive.names:
            if name != _MODEL:
                made.writestr(f"model/{name}", b"" if name == _SAMPLE else archive.read(name))
        made.writestr(f"model/{_MODEL}", json.dumps(program))
    result.seek(0)
    return result


class _Archive:
    """Hold the names in a .pt2 relative to its one folder, each of a known kind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                full = archive.namelist()
            self._root = full[0].partition("/")[0]
            names = [name.removeprefix(f"{self._root}/") for name in full]
        except (zipfile.BadZipFile, IndexError, OSError, ValueError) as error:
            raise _damaged(path, error) from error
        if len(set(names)) < len(names) or not {_MODEL, _WEIGHTS, _CONSTANTS} <= set(names):
            if any(name.startswith("data/") and name.endswith("/model.pt") and name != _SAMPLE for name in names):
                raise carries(path, "its weights are pickled, as PyTorch did before 2.9")
            raise _damaged(path, f"{_MODEL} or a table of its tensors is missing, or a part is there twice")
        if odd := [name for name in names if not self._known(name)]:
            raise carries(path, f"it holds {odd[0]}, which is neither a graph nor a tensor")
        self.names = [name for name in names if not name.startswith("extra/")]

    def read(self, name: str) -> bytes:
        """Return one part; raise ModelError when it cannot be read."""
        try:
            with zipfile.ZipFile(self._path) as archive:
                info = archive.getinfo(f"{self._root}/{name}")
                if name.endswith(".json") and info.file_size > _MAX_JSON_BYTES:
                    raise ValueError(f"{name} claims to be larger than 64 MiB")
                return archive.read(info)
        except (zipfile.BadZipFile, KeyError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
            raise _damaged(self._path, error) from error

    @staticmethod
    def _known(name: str) -> bool:
        return name in (_MODEL, _WEIGHTS, _CONSTANTS, _SAMPLE, *_MARKS) or bool(_TENSOR.fullmatch(name)) or name.startswith("extra/")


def _program(archive: _Archive, path: Path) -> dict[str, Any]:
    """Return the checked program: its graph without traces and guards, its tensors as raw bytes, its shapes as plain arithmetic."""
    try:
        program: dict[str, Any] = json.loads(archive.read(_MODEL))
        for table in (_WEIGHTS, _CONSTANTS):
            for name, entry in json.loads(archive.read(table))["config"].items():
                if entry.get("use_pickle") or not _TENSOR.fullmatch(f"{table.rpartition('/')[0]}/{entry['path_name']}"):
                    raise carries(path, f"{name} is not stored as a plain tensor")
        module = program["graph_module"]
        for node in _nodes(module["graph"]):
            if "quantized" in node["target"]:
                raise _quantized(path, node["target"])
            if not _TARGET.fullmatch(node["target"]):
                raise carries(path, f"its operator {node['target']} is none of PyTorch's own")
            node["metadata"] = {key: text for key, text in node["metadata"].items() if key == "nn_module_stack" and _STACK.fullmatch(text)}
        module["module_call_graph"] = [_without_signature(entry) for entry in module["module_call_graph"]]
        for signature in (entry["signature"] for entry in module["module_call_graph"] if entry["signature"] is not None):
            for side in ("in_spec", "out_spec"):
                check_tree(json.loads(signature[side])[1], path)
        if odd := next(objects(module["graph"]), None):
            raise carries(path, f"it holds an argument of the kind {odd}")
        for text in (*expressions(program), *program["range_constraints"]):
            check_expression(text, path)
        module["metadata"] = {}
        program["guards_code"] = []
        return program
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise _damaged(path, error) from error


def _without_signature(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a part of the model without how it was called; that of the whole is kept."""
    return entry if entry["fqn"] == "" else {"fqn": str(entry["fqn"]), "signature": None}


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a graph and of the graphs inside its nodes."""
    if isinstance(value, dict):
        yield from (node for node in value.get("nodes", ()) if isinstance(node, dict))
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _inputs(program: Mapping[str, Any]) -> Iterator[str]:
    for spec in program["graph_module"]["signature"]["input_specs"]:
        argument = spec.get("user_input", {}).get("arg", {})
        if "as_tensor" in argument:
            yield argument["as_tensor"]["name"]


def _port(name: str, value: Mapping[str, Any]) -> Port:
    shape = tuple(size.get("as_int") for size in value["sizes"])
    return Port(name=name, shape=shape, dtype=_DTYPES[value["dtype"]])


def _quantized(path: Path, target: str) -> ModelError:
    return ModelError(
        f"{path} is already quantized",
        code="model.quantized",
        why=f"it holds the operator {target}; its float values are gone",
        do=[("export the float model instead:", "torch.export.save(torch.export.export(model.eval(), inputs), 'model.pt2')")],
    )


def _damaged(path: Path, error: object) -> ModelError:
    return ModelError(
        f"{path} is not a whole .pt2 program",
        code="model.damaged",
        why=f"its parts cannot be read: {str(error)[:200]}",
        do=[("copy it again and compare the sizes:", f"ls -l {shlex.quote(str(path))}")],
    )
