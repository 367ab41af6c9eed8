"""Run a .tflite model with LiteRT, or with its ancestor tflite-runtime; a delegate may take operators of it."""

from __future__ import annotations

import importlib
import re
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..wire import Refusal
from . import delegate as delegates
from .inputs import Tensor

_MODULES = {"litert": ("ai_edge_litert", "ai-edge-litert"), "tflite_runtime": ("tflite_runtime", "tflite-runtime")}
_TOO_NEW = re.compile(r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'")


class LiteRT:
    """Hold an interpreter with allocated tensors."""

    def __init__(self, path: str, name: str, threads: int, batch: int, delegate: Optional[delegates.Wanted] = None) -> None:
        self.name = name
        package, distribution = _MODULES[name]
        try:
            module = importlib.import_module(package + ".interpreter")
        except ImportError as error:
            raise Refusal("engine.missing", f"{distribution} is not installed on this machine", str(error), package=distribution) from error
        self.version = _version(distribution)
        self.threads = threads
        self._wanted = delegate
        self._taken, self._parts = (0, 0), 0
        try:
            self._interpreter = self._open(module, path)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, SystemError, ImportError, AttributeError) as error:
            raise self._explained(error, distribution) from error
        self._resize(batch)
        names = self._signature_names()
        self.inputs = [_tensor(detail, names) for detail in self._interpreter.get_input_details()]
        self.outputs = [_tensor(detail, names) for detail in self._interpreter.get_output_details()]
        self._in = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._out = [detail["index"] for detail in self._interpreter.get_output_details()]
        self.delegate = self._delegate()
        self.loop = self._single() if len(self._in) == len(self._out) == 1 else self._several()

    def describe(self) -> Dict[str, Any]:
        """Return what actually runs."""
        described = {"engine": self.name, "engine_version": self.version, "delegate": self.delegate, "threads": self.threads}
        return described if self._wanted is None else {**described, "delegate_took": list(self._taken)}

    def prepare(self, arrays: List[Any]) -> Any:
        """Return the arrays of one inference in the form `loop` takes."""
        return arrays[0] if len(self._in) == len(self._out) == 1 else arrays

    def infer(self, prepared: Any) -> List[Any]:
        """Return the outputs of one inference."""
        self.loop([prepared])
        return [self._interpreter.get_tensor(index) for index in self._out]

    def _single(self) -> Callable[[Sequence[Any]], None]:
        set_tensor, invoke, get_tensor = self._interpreter.set_tensor, self._interpreter.invoke, self._interpreter.get_tensor
        source, sink = self._in[0], self._out[0]

        def loop(group: Sequence[Any]) -> None:
            for x in group:
                set_tensor(source, x)
                invoke()
                get_tensor(sink)

        return loop

    def _several(self) -> Callable[[Sequence[Any]], None]:
        set_tensor, invoke, get_tensor = self._interpreter.set_tensor, self._interpreter.invoke, self._interpreter.get_tensor
        sources, sinks = self._in, self._out

        def loop(group: Sequence[Any]) -> None:
            for arrays in group:
                for place, source in enumerate(sources):
                    set_tensor(source, arrays[place])
                invoke()
                for sink in sinks:
                    get_tensor(sink)

        return loop

    def _resize(self, batch: int) -> None:
        """Give every input the batch; raise Refusal when the graph has its own batch written into it."""
        others = [detail for detail in self._interpreter.get_input_details() if len(detail["shape"]) and detail["shape"][0] != batch]
        try:
            for detail in others:
                self._interpreter.resize_tensor_input(detail["index"], [batch, *detail["shape"][1:]], strict=False)
            if others:
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise Refusal("model.batch", f"the model cannot take a batch of {batch}", str(error).strip()) from error

    def _signature_names(self) -> Dict[int, str]:
        """Return the names that the model's only signature gives its tensors, by index: sample files use those, not the graph's own."""
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1:
            return {}
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        details = {**runner.get_input_details(), **runner.get_output_details()}
        return {int(detail["index"]): name for name, detail in details.items()}

    def _open(self, module: Any, path: str) -> Any:
        """Return the interpreter. A delegate that was asked for takes operators here, XNNPACK takes others when tensors are allocated."""
        if self._wanted is None:
            return module.Interpreter(model_path=path, num_threads=self.threads)
        opened = delegates.open_delegate(module, self._wanted)
        interpreter = module.Interpreter(model_path=path, num_threads=self.threads, experimental_delegates=[opened])
        operators = interpreter._get_ops_details()
        self._taken, self._parts = delegates.share(operators), _marks(operators)
        return interpreter

    def _explained(self, error: Exception, distribution: str) -> Refusal:
        """Return what an interpreter that could not be made means."""
        said = str(error).strip()
        newer = _TOO_NEW.search(said)
        if newer is not None:
            return Refusal(
                "engine.too_old",
                f"device runtime {self.version} too old: the model uses {newer[1]} version {newer[2]}",
                f"{distribution} {self.version}: {said.splitlines()[0]}",
                do=[["install the current runtime on the device:", "pip install ai-edge-litert"]],
            )
        numpy = _version("numpy")
        if self.name == "tflite_runtime" and isinstance(error, (SystemError, ImportError, AttributeError)) and not numpy.startswith("1."):
            return Refusal(
                "engine.numpy",
                f"{distribution} {self.version} does not work with numpy {numpy}",
                f"it was built for numpy 1, and says: {error.__cause__ or said}",
                do=[
                    ["give it the numpy it was built for:", 'pip install "numpy<2"'],
                    ["or use the current runtime, where there is one for this machine:", "pip install ai-edge-litert"],
                ],
            )
        if self._wanted is not None and isinstance(error, RuntimeError):
            return delegates.failed(self._wanted, error)
        return Refusal("model.refused", f"{distribution} {self.version} refuses the model", said)

    def _delegate(self) -> Optional[str]:
        """Return what computes the model: the delegate that was asked for with how much it took, and XNNPACK where it is in use."""
        try:
            marks = _marks(self._interpreter._get_ops_details())
        except Exception:
            return None
        if self._wanted is None:
            return "xnnpack" if marks else "none"
        taken, operators = self._taken
        rest = " + xnnpack" if marks > self._parts else ""
        return f"{self._wanted.name} ({taken} of {operators} operators){rest}"


def _marks(operators: Sequence[Dict[str, Any]]) -> int:
    return sum(operator["op_name"] == delegates.MARK for operator in operators)


def _tensor(detail: Dict[str, Any], names: Dict[int, str]) -> Tensor:
    import numpy as np

    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    name = names.get(int(detail["index"]), detail["name"])
    return Tensor(name, shape, np.dtype(detail["dtype"]).name, float(scale) or None, int(zero_point) if scale else None)


def _version(distribution: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
