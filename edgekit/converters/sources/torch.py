"""Load a PyTorch program, run it, and export it to float TFLite and ONNX. Runs in a child process, the only one that needs PyTorch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of
from edgekit.converters.hub import Export
from edgekit.converters.port import Port
from edgekit.converters.sources.arrays import hash_of_arrays
from edgekit.converters.sources.tensor_names import shorten
from edgekit.converters.sources.torch_equal import for_onnx, for_tflite
from edgekit.converters.sources.torch_graph import canonical
from edgekit.converters.sources.torch_uniform import NamedOutputs, uniform
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.quantity import Note

_BATCH = 32
_EXPORT = "torch.export.save(torch.export.export(model.eval(), inputs), 'model.pt2')"


class TorchSource:
    """Hold a program in inference mode, as one that takes tensors by name and gives tensors by name."""

    def __init__(self, format: str, path: Path) -> None:  # noqa: A002
        import torch

        self._origin = path if format == "torch" else None
        if format == "pt2":
            from edgekit.converters.pt2_file import harmless

            program = torch.export.load(harmless(path))
            self._model: NamedOutputs = uniform(program.module(check_guards=False), program)
        else:
            module, args, kwargs = build(str(path))
            program = _exported(module, args, kwargs)
            self._model = uniform(module, program)
        _refuse_training(program, path)
        self.ports = tuple(_port(name, value, path) for name, value in self._model.inputs.items())
        self._free_batch = _keeps_batch(program, self._model)

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters, the names of the outputs, and the version of PyTorch."""
        import torch

        graph, weights = canonical(self._traced({port.name: _sizes(port.shape[1:]) for port in self.ports}))
        return {
            "family": family_of(graph),
            "weights_sha256": hash_of_arrays(weights),
            "parameters": sum(int(weight.size) for weight in weights),
            "tools": {"torch": torch.__version__},
            "outputs": [{"name": name, "shape": [-1], "dtype": "float32"} for name in self._model.outputs],
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, sorted by name; samples along the first axis."""
        import numpy as np
        import torch

        step = _BATCH if self._free_batch else 1
        parts: list[Sequence[Any]] = []
        with torch.no_grad():
            for start in range(0, len(next(iter(inputs.values()))), step):
                batch = {name: torch.from_numpy(array[start : start + step]) for name, array in inputs.items()}
                parts.append([output.numpy() for output in self._model(**batch).values()])
        return [np.concatenate([np.atleast_1d(part[index]) for part in parts]) for index in range(len(parts[0]))]

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> Export:  # noqa: A002
        """Write float TFLite with batch 1, or ONNX with a free batch where the program has one; the layout stays the source's."""
        if format == "tflite":
            import litert_torch

            wide = any(port.dtype == "int64" for port in self.ports)  # else it makes int32 of all int64
            model = for_tflite(self._traced(shapes)) or self._model
            litert_torch.convert(model, sample_args=(), sample_kwargs=self._zeros(shapes), enable_x64=wide).export(str(path))
            shorten(path)
        else:
            self._export_onnx(path, shapes)
        package = "litert-torch" if format == "tflite" else "onnxscript"
        return Export(tools={package: version(package)}, notes=_random_weights(self._origin))

    def _export_onnx(self, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
        import onnx
        import torch

        from edgekit.converters.sources.onnx_limits import require_runnable

        program = self._traced(shapes, free_batch=self._free_batch)
        if (rewritten := for_onnx(program)) is not None:
            program = self._traced(shapes, free_batch=self._free_batch, model=rewritten)
        torch.onnx.export(program, f=str(path), dynamo=True, external_data=False, output_names=list(self._model.outputs), verbose=False)
        proto = onnx.load(path)
        onnx.checker.check_model(proto, full_check=True)
        require_runnable(proto, path)  # the exporter goes to an operator set of its own choice, whatever it was asked for

    def _traced(self, shapes: Mapping[str, Sequence[int]], *, free_batch: bool = False, model: Any = None) -> Any:
        import torch

        model = self._model if model is None else model
        free = {name: {0: torch.export.Dim("batch")} for name in shapes} if free_batch else None
        return torch.export.export(model, (), kwargs=self._zeros(shapes, batch=2 if free_batch else 1), dynamic_shapes=free)

    def _zeros(self, shapes: Mapping[str, Sequence[int]], *, batch: int = 1) -> dict[str, Any]:
        import torch

        return {port.name: torch.zeros((batch, *shapes[port.name]), dtype=getattr(torch, port.dtype)) for port in self.ports}


def build(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Call "module:function" of the current folder; return (module in inference mode, example arguments, example keywords).

    The function returns (module, inputs) or an object with `module` and `inputs`; inputs are a tensor, several of them, or a mapping by name.
    Random numbers start from a fixed seed. Raises UsageError when it is not there and ModelError when it returns something else.
    """
    import torch

    sys.path.insert(0, str(Path.cwd()))
    torch.manual_seed(0)
    return _call(name)


def _call(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    import torch

    place, _, function = name.partition(":")
    try:
        make = getattr(importlib.import_module(place), function)
    except (AttributeError, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and not f"{place}.".startswith(f"{error.name}."):
            raise  # something that the user's own module needs
        raise UsageError(
            f"there is no function {name}",
            code="model.function",
            why=str(error),
            do=[("look at what the module defines:", f"grep -n 'def ' {place.replace('.', '/')}.py")],
        ) from error
    made = make()
    pair = made if isinstance(made, tuple) and len(made) == 2 else (getattr(made, "module", None), getattr(made, "inputs", None))
    module, inputs = pair
    if not isinstance(module, torch.nn.Module) or inputs is None:
        raise ModelError(
            f"{name} did not return a model",
            code="model.function",
            why=f"it returned {type(made).__name__}; expected (module, example inputs)",
            do=[("end the function with both:", "return model, (torch.zeros(1, 3, 32, 32),)")],
        )
    args = () if isinstance(inputs, Mapping) else tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    return module.eval(), args, dict(inputs) if isinstance(inputs, Mapping) else {}


def _exported(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the exported program with a free batch where the module allows one, else with a batch of one."""
    import torch
    from torch.utils import _pytree as tree

    given = (args, kwargs)
    if not all(isinstance(leaf, torch.Tensor) and leaf.ndim and len(leaf) for leaf in tree.tree_leaves(given)):
        raise ModelError(
            "the example inputs are not tensors with samples along the first axis",
            code="model.function",
            why="each input needs a first axis that counts samples",
            do=[("return examples such as:", "return model, (torch.zeros(1, 3, 32, 32),)")],
        )
    one = tree.tree_map(lambda leaf: leaf[:1], given)
    two = tree.tree_map(lambda leaf: torch.cat([leaf[:1], leaf[:1]]), given)
    free = tree.tree_map(lambda _: {0: torch.export.Dim.AUTO}, given)
    try:
        program = torch.export.export(module, *two, dynamic_shapes=free[1] or free[0])
        if all(not isinstance(size, int) for size in _batches(program)):
            return program
    except Exception:  # noqa: S110 -- it cannot take two samples at once, for whichever reason it gives
        pass
    return torch.export.export(module, *one)


def _batches(program: Any) -> list[Any]:
    """Return the size of the first axis of each input and each output."""
    names = {*program.graph_signature.user_inputs, *program.graph_signature.user_outputs}
    values = [node.meta["val"] for node in program.graph.nodes if node.name in names]
    return [value.shape[0] if value.ndim else 0 for value in values if hasattr(value, "shape")]


def _keeps_batch(program: Any, model: NamedOutputs) -> bool:
    """Return True when all inputs and all outputs have one free size of the first axis."""
    sizes = _batches(program)
    return (
        all(value.shape[:1] and not isinstance(value.shape[0], int) for value in model.inputs.values())
        and len({str(size) for size in sizes}) == 1
    )


def _refuse_training(program: Any, path: Path) -> None:
    for node in program.graph.nodes:
        name = str(node.target)
        at = {"aten.dropout.default": 2, "aten.batch_norm.default": 5, "aten.instance_norm.default": 5}.get(name)
        if at is not None and name != "aten.instance_norm.default" and len(node.args) > at and node.args[at] is True:
            raise ModelError(
                f"{path} was exported in training mode",
                code="model.training",
                why=f"its {name.split('.')[1]} would change the outputs at random or from sample to sample",
                do=[("export it in inference mode:", _EXPORT)],
            )


def _port(name: str, value: Any, path: Path) -> Port:
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    if shape[:1] not in ((1,), (None,)):
        raise ModelError(
            f"input {name} of {path} has the shape {list(shape)}",
            code="model.batch",
            why="the first axis counts samples, and has to be 1 or free",
            do=[("export it with one sample:", _EXPORT)],
        )
    return Port(name=name, shape=shape, dtype=str(value.dtype).removeprefix("torch."))


def _sizes(shape: Sequence[int | None]) -> list[int]:
    return [size or 8 for size in shape]


def _random_weights(origin: Path | None) -> tuple[Note, ...]:
    """Return a remark when a function gives other weights from another seed: they were drawn, not trained."""
    import torch

    if origin is None:
        return ()
    torch.manual_seed(0)
    first = _call(str(origin))[0].state_dict()
    torch.manual_seed(1)
    second = _call(str(origin))[0].state_dict()
    drawn = [name for name in first if first[name].is_floating_point() and not torch.equal(first[name], second[name])]
    if not drawn:
        return ()
    text = f"{origin} draws {len(drawn)} of its {len(first)} weights at random: agreement is proved, accuracy means nothing"
    return (Note(code="torch.random", text=text, advice=f"load trained weights in {str(origin).rpartition(':')[2]}"),)
