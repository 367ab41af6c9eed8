"""Run a .pt2 (a program that torch.export.save wrote) with torch.

torch.export.load unpickles what it finds pickled, and evaluates expressions of the file as Python. The host therefore sends such a file
only after it has copied what is plain data out of it; what was not copied is refused here.
"""

from __future__ import annotations

import json
import zipfile
from typing import Any, Callable, List, Optional, Tuple

from ..wire import Refusal
from .inputs import Tensor
from .torch_engine import TorchEngine

_PRODUCTS = ("conv", "linear", "matmul", "addmm", "aten.mm", "bmm")
_OLDEST = (2, 9)  # the first torch that stores weights as plain bytes


class TorchProgram(TorchEngine):
    """Hold an exported program with its weights on the device and inputs in place."""

    def __init__(self, path: str, place: str, threads: int, batch: int, precision: Optional[str] = None) -> None:
        _require_plain(path)
        super().__init__("torch_pt2", place, threads, precision)
        torch = self._torch
        if tuple(int(part) for part in self.version.split(".")[:2]) < _OLDEST:
            raise Refusal(
                "engine.too_old", f"torch {self.version} is too old for this file", "2.9 is the first that stores weights as plain bytes"
            )
        try:
            program = torch.export.load(path)
        except Exception as error:  # torch, json, zipfile and the schema each raise their own
            raise Refusal("model.refused", f"torch {self.version} refuses the program", f"{type(error).__name__}: {error}") from error
        self.inputs = [_described(name, value, batch) for name, value in _arguments(program)]
        self._lay_out()
        try:
            self._module = _module(torch, program, place)
            if self.precision == "fp16":
                _halve(torch, self._module)
            args, kwargs = torch.utils._pytree.tree_unflatten(list(self._sources), program.call_spec.in_spec)
            self._arguments: Tuple[Any, Any] = (args, kwargs)
            self.outputs = [f"output {place}" for place in range(len(self._eager()))]
            self._start(self._eager)
        except (Refusal, torch.cuda.OutOfMemoryError):
            raise
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError) as error:
            raise Refusal("model.refused", "torch cannot run the program", f"{type(error).__name__}: {error}") from error

    def _eager(self) -> List[Any]:
        args, kwargs = self._arguments
        with self._computing():
            outputs = self._module(*args, **kwargs)
        return [leaf for leaf in self._torch.utils._pytree.tree_leaves(outputs) if isinstance(leaf, self._torch.Tensor)]


def _require_plain(path: str) -> None:
    """Raise Refusal unless the host has gone through the archive: then it has no pickled part and no guard that would be evaluated."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            pickled = [name for name in names if name.endswith((".pt", ".pkl")) and archive.getinfo(name).file_size]
            programs = [json.loads(archive.read(name)) for name in names if name.endswith("models/model.json")]
    except (zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
        raise Refusal("model.refused", "the file is no whole .pt2 program", str(error)) from error
    if pickled or len(programs) != 1 or programs[0].get("guards_code"):
        raise Refusal(
            "model.unchecked", "the program was not gone through by the host", "it holds parts that could run code when they are loaded"
        )


def _arguments(program: Any) -> List[Tuple[str, Any]]:
    """Return (name, stand-in with shape and type) of each input."""
    wanted = program.graph_signature.user_inputs
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    return [(str(name), values.get(name)) for name in wanted]


def _described(name: str, value: Any, batch: int) -> Tensor:
    if not hasattr(value, "shape"):
        raise Refusal("model.dtype", f"the input {name!r} is no tensor", f"it is {value!r}")
    sizes = [size if isinstance(size, int) else None for size in value.shape]
    if sizes and sizes[0] not in (None, batch):
        raise Refusal(
            "model.batch",
            f"the program's batch is fixed at {sizes[0]}",
            f"batch {batch} was asked",
            do=[
                [
                    "export it with a free batch:",
                    f"torch.export.export(model, args, dynamic_shapes={{{name!r}: {{0: torch.export.Dim('batch')}}}})",
                ]
            ],
        )
    unknown = [size for size in sizes[1:] if size is None]
    if unknown:
        raise Refusal("model.shape", f"the input {name!r} has sizes the runner does not know", f"shape {list(value.shape)}")
    return Tensor(
        name, (batch, *[int(size) for size in sizes[1:] if size is not None]) if sizes else (), str(value.dtype).rpartition(".")[2]
    )


def _module(torch: Any, program: Any, place: str) -> Any:
    if place != "cpu":
        moved: Callable[[Any, str], Any] = torch.export.passes.move_to_device_pass
        program = moved(program, place)
    try:
        return program.module(check_guards=False)  # shapes are those that the program states: see _described
    except TypeError:
        return program.module()


def _halve(torch: Any, module: Any) -> None:
    """Store weights that only products read in half precision, so that no inference has to convert them."""
    for node in module.graph.nodes:
        if node.op != "get_attr" or not node.users:
            continue
        if all(any(name in str(user.target) for name in _PRODUCTS) for user in node.users):
            owner, _, name = node.target.rpartition(".")
            holder = module.get_submodule(owner) if owner else module
            weight = getattr(holder, name)
            if isinstance(weight, torch.Tensor) and weight.dtype == torch.float32:
                weight.data = weight.data.half()
