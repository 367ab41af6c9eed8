"""Load a PyTorch program, run it, and export it to float TFLite and ONNX. Runs in a child process, the only one that needs PyTorch."""

from __future__ import annotations

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
from edgekit.converters.sources.torch_errors import exporting
from edgekit.converters.sources.torch_function import batch_sizes, build, exported, random_weights
from edgekit.converters.sources.torch_graph import canonical
from edgekit.converters.sources.torch_uniform import NamedOutputs, uniform
from edgekit.core.errors import ModelError

_BATCH = 32
_EXPORT = "torch.export.save(torch.export.export(model.eval(), inputs), 'model.pt2')"


class TorchSource:
    """Hold a program in inference mode, as one that takes tensors by name and gives tensors by name."""

    def __init__(self, format: str, path: Path) -> None:  # noqa: A002
        import torch

        self._path = path
        self._origin = path if format == "torch" else None
        if format == "pt2":
            from edgekit.converters.pt2_file import harmless

            program = torch.export.load(harmless(path))
            self._model: NamedOutputs = _with_layers(program)
        else:
            module, args, kwargs = build(str(path))
            program = exported(module, args, kwargs)
            self._model = uniform(module, program)
        _refuse_training(program, path)
        _require_float32(program, path)
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
        with exporting(format, str(self._path)):
            self._export_tflite(path, shapes) if format == "tflite" else self._export_onnx(path, shapes)
        package = "litert-torch" if format == "tflite" else "onnxscript"
        return Export(tools={package: version(package)}, notes=random_weights(self._origin))

    def _export_tflite(self, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
        import litert_torch

        wide = any(port.dtype == "int64" for port in self.ports)  # else it makes int32 of all int64
        model = for_tflite(self._traced(shapes)) or self._model
        litert_torch.convert(model, sample_args=(), sample_kwargs=self._zeros(shapes), enable_x64=wide).export(str(path))
        shorten(path)

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


def _with_layers(program: Any) -> NamedOutputs:
    """Return the program with the layers it was made of, whose names exporters take over; as one flat graph where they cannot be told."""
    import torch

    flat = uniform(program.module(check_guards=False), program)
    sizes = {name: [size if isinstance(size, int) else 1 for size in value.shape] for name, value in flat.inputs.items()}
    trial = {name: torch.zeros(sizes[name], dtype=value.dtype) for name, value in flat.inputs.items()}
    try:
        layered = uniform(torch.export.unflatten(program), program)
        with torch.no_grad():
            found, expected = layered(**trial), flat(**trial)
        return layered if all(torch.equal(found[name], expected[name]) for name in expected) else flat
    except Exception:  # unflatten asks for more than a program has to hold
        return flat


def _keeps_batch(program: Any, model: NamedOutputs) -> bool:
    """Return True when all inputs and all outputs have one free size of the first axis, and samples do not mix."""
    free = all(value.shape[:1] and not isinstance(value.shape[0], int) for value in model.inputs.values())
    return free and len({str(size) for size in batch_sizes(program)}) == 1 and _apart(model)


def _apart(model: NamedOutputs) -> bool:
    """Return True when a sample gets the same answer alone and beside another one."""
    import torch

    generator = torch.Generator().manual_seed(0)
    trial = {}
    for name, value in model.inputs.items():
        shape = [2, *(size if isinstance(size, int) else 8 for size in value.shape[1:])]
        trial[name] = torch.rand(shape, generator=generator).to(value.dtype)
    try:
        with torch.no_grad():
            both, alone = model(**trial), model(**{name: value[:1] for name, value in trial.items()})
    except Exception:  # sizes that depend on one another
        return False
    return all(both[name].shape[:1] == (2,) and torch.allclose(both[name][:1], alone[name], rtol=1e-3, atol=1e-4) for name in alone)


def _refuse_training(program: Any, path: Path) -> None:
    """Raise ModelError when a layer behaves as in training: its place among the arguments is that of PyTorch's schema."""
    for node in program.graph.nodes:
        at = {"aten.dropout.default": 2, "aten.batch_norm.default": 5}.get(str(node.target))
        if at is not None and len(node.args) > at and node.args[at] is True:
            raise ModelError(
                f"{path} was exported in training mode",
                code="model.training",
                why=f"its {str(node.target).split('.')[1]} changes the outputs at random or from sample to sample",
                do=[("export it in inference mode:", _EXPORT)],
            )


def _require_float32(program: Any, path: Path) -> None:
    import torch

    kinds = {weight.dtype for weight in program.state_dict.values() if weight.is_floating_point()} - {torch.float32}
    if kinds:
        raise ModelError(
            f"{path} is not a float32 model",
            code="model.dtype",
            why=f"its weights are {', '.join(sorted(str(kind).removeprefix('torch.') for kind in kinds))}",
            do=[("convert its weights, then export it:", "model = model.float()")],
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
