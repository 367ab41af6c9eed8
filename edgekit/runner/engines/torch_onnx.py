"""Run a float .onnx graph with torch: what a cloud server without ONNX Runtime's GPU build can do."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..wire import Refusal
from .inputs import FREE_BATCH, Tensor
from .recorded import Recorded
from .torch_engine import TorchEngine, module

PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})


class Step(NamedTuple):
    """Hold one operator whose result depends on the inputs."""

    operator: Callable[[Mapping[str, Any], Sequence[Any]], Any]
    attributes: Mapping[str, Any]
    sources: Tuple[str, ...]
    target: str
    kind: str


class TorchOnnx(TorchEngine):
    """Hold a graph with weights on the device, inputs in place, and every value that does not depend on them computed once."""

    def __init__(self, path: str, place: str, threads: int, batch: int, precision: Optional[str] = None) -> None:
        onnx = module("onnx")
        super().__init__("torch_onnx", place, threads, precision)
        from .torch_ops import OPERATORS

        torch = self._torch
        graph = _read(onnx, path, OPERATORS)
        self._values: Dict[str, Any] = {item.name: self._keep(_tensor(onnx, torch, item)) for item in graph.initializer}
        self.inputs = [_described(onnx, item, batch) for item in graph.input if item.name not in self._values]
        self.outputs = [item.name for item in graph.output]
        self._lay_out()
        try:
            self._steps = self._reduced(onnx, graph, OPERATORS)
            if self.precision == "fp16":
                self._halve()
            self._start(self._eager)
        except (Refusal, torch.cuda.OutOfMemoryError):
            raise
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
            raise Refusal("model.refused", "torch cannot run the graph", f"{type(error).__name__}: {error}") from error

    def _eager(self) -> List[Any]:
        values = self._values
        with self._computing():
            for step in self._steps:
                values[step.target] = step.operator(step.attributes, [values[name] if name else None for name in step.sources])
        return [values[name] for name in self.outputs]

    def _halve(self) -> None:
        """Store weights that only products read in half precision, so that no inference has to convert them."""
        readers: Dict[str, Set[str]] = {}
        for step in self._steps:
            for name in step.sources:
                readers.setdefault(name, set()).add(step.kind)
        moving = {tensor.name for tensor in self.inputs} | {step.target for step in self._steps}
        for name, kinds in readers.items():
            value = self._values.get(name)
            if value is not None and name not in moving and kinds <= PRODUCTS and value.dtype == self._torch.float32:
                self._values[name] = value.half()

    def _reduced(self, onnx: Any, graph: Any, operators: Mapping[str, Any]) -> List[Step]:
        """Compute once what depends on weights and shapes only; return the steps that depend on the inputs, in order."""
        values = self._values
        moving = {tensor.name for tensor in self.inputs}
        for place, tensor in enumerate(self.inputs):
            values[tensor.name] = self._sources[place]
        steps: List[Step] = []
        for node in graph.node:
            attributes = {item.name: _attribute(onnx, self._torch, item) for item in node.attribute}
            step = Step(operators[node.op_type], attributes, tuple(node.input), node.output[0], node.op_type)
            result = step.operator(attributes, [values[name] if name else None for name in step.sources])
            if node.op_type != "Shape" and moving.intersection(node.input):
                moving.add(step.target)
                steps.append(step)
                values[step.target] = result
            else:
                values[step.target] = self._keep(result)
        return steps

    def _keep(self, tensor: Any) -> Any:
        """Return a constant where its readers want it: weights on the device; sizes, axes and lone numbers on the host."""
        return tensor.to(self._place) if tensor.is_floating_point() and tensor.numel() > 1 else tensor.cpu()


class TorchOnnxProfile(TorchOnnx):
    """Take the time before and after each operator of an eager graph on the processor."""

    def __init__(self, path: str, place: str, threads: int, batch: int) -> None:
        super().__init__(path, place, threads, batch)
        self._calls: List[Tuple[int, int, int]] = []
        self._run = self._timed
        self.loop = self._loop()

    def calls_each(self, prepared: Any) -> int:
        """Return how many operators depend on the inputs."""
        return len(self._steps)

    def begin(self) -> None:
        """Forget what was recorded."""
        self._calls.clear()

    def finish(self, start_ns: int, end_ns: int) -> Recorded:
        """Return the calls made in a window."""
        calls = [call for call in self._calls if start_ns <= call[1] <= end_ns]
        operators = [(step.target, step.kind) for step in self._steps]
        return Recorded(operators, calls, 1, "clock read around each operator of the eager torch graph")

    def _timed(self) -> List[Any]:
        values, clock, append = self._values, time.monotonic_ns, self._calls.append
        for place, step in enumerate(self._steps):
            operands = [values[name] if name else None for name in step.sources]
            before = clock()
            values[step.target] = step.operator(step.attributes, operands)
            append((place, before, clock() - before))
        return [values[name] for name in self.outputs]


def _read(onnx: Any, path: str, operators: Mapping[str, Any]) -> Any:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf, onnx and the file system each raise their own
        raise Refusal("model.refused", "the file is no valid ONNX model", str(error).strip()) from error
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    if opset < 13:
        raise Refusal("model.unsupported", f"opset {opset} is too old for the torch engine", "convert with opset 13 or later")
    missing = sorted({node.op_type for node in model.graph.node} - set(operators))
    missing += sorted({node.op_type for node in model.graph.node if len([name for name in node.output if name]) != 1} - set(missing))
    if missing:
        raise Refusal(
            "model.unsupported", "the torch engine does not know " + ", ".join(missing), "it runs float graphs only", operators=missing
        )
    return model.graph


def _described(onnx: Any, item: Any, batch: int) -> Tensor:
    kind = item.type.tensor_type
    sizes: List[Any] = [dimension.dim_value if dimension.HasField("dim_value") else None for dimension in kind.shape.dim]
    if sizes and sizes[0] not in (None, batch):
        raise Refusal("model.batch", f"the model's batch is fixed at {sizes[0]}", f"batch {batch} was asked", do=[FREE_BATCH])
    if None in sizes[1:]:
        raise Refusal("model.shape", f"the input {item.name!r} has sizes the runner does not know", f"shape {sizes}")
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return Tensor(item.name, (batch, *sizes[1:]) if sizes else (), dtype)


def _tensor(onnx: Any, torch: Any, item: Any) -> Any:
    return torch.from_numpy(onnx.numpy_helper.to_array(item).copy())


def _attribute(onnx: Any, torch: Any, item: Any) -> Any:
    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode()
    return _tensor(onnx, torch, value) if item.type == onnx.AttributeProto.TENSOR else value
