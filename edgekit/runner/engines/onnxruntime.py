"""Run an .onnx model with ONNX Runtime on the processor or on CUDA."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..wire import Refusal
from .inputs import Tensor

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class OnnxRuntime:
    """Hold an inference session whose batch is fixed; with `trace` it writes a profile to a file whose name begins so."""

    def __init__(self, path: str, place: str, threads: int, batch: int, *, trace: Optional[str] = None) -> None:
        try:
            runtime = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise Refusal("engine.missing", "onnxruntime is not installed on this machine", str(error), package="onnxruntime") from error
        self.name = "onnxruntime" if place == "cpu" else "onnxruntime-cuda"
        self.version = str(runtime.__version__)
        self.threads = threads
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if trace is not None:
            options.enable_profiling, options.profile_file_prefix = True, trace
        try:
            self._session = runtime.InferenceSession(path, sess_options=options, providers=_providers(runtime, place))
        except Refusal:
            raise
        except Exception as error:  # onnxruntime raises classes of its own that derive from Exception only
            raise Refusal("model.refused", f"onnxruntime {self.version} refuses the model", str(error).strip()) from error
        used = self._session.get_providers()
        if place == "cuda" and used[:1] != ["CUDAExecutionProvider"]:
            raise Refusal("engine.no_cuda", "onnxruntime fell back from CUDA", "it uses " + ", ".join(used))
        self.delegate = used[0] + (" (tf32 off)" if place == "cuda" else "")
        self.inputs = [_tensor(argument, batch) for argument in self._session.get_inputs()]
        self.outputs = [argument.name for argument in self._session.get_outputs()]
        self.loop = self._loop()

    def describe(self) -> Dict[str, Any]:
        """Return what actually runs."""
        return {"engine": self.name, "engine_version": self.version, "delegate": self.delegate, "threads": self.threads}

    def prepare(self, arrays: List[Any]) -> Any:
        """Return the arrays of one inference in the form `loop` takes."""
        return {tensor.name: arrays[place] for place, tensor in enumerate(self.inputs)}

    def infer(self, prepared: Any) -> List[Any]:
        """Return the outputs of one inference."""
        return list(self._session.run(None, prepared))

    def _loop(self) -> Callable[[Sequence[Any]], None]:
        run, names = self._session.run, self.outputs

        def loop(group: Sequence[Any]) -> None:
            for feed in group:
                run(names, feed)

        return loop


def _providers(runtime: Any, place: str) -> List[Any]:
    if place == "cpu":
        return ["CPUExecutionProvider"]
    listed = runtime.get_available_providers()
    if "CUDAExecutionProvider" not in listed:
        raise Refusal("engine.no_cuda", "this onnxruntime cannot use CUDA", "it lists " + ", ".join(listed))
    return [("CUDAExecutionProvider", {"use_tf32": "0"})]


def _tensor(argument: Any, batch: int) -> Tensor:
    dtype = _DTYPES.get(argument.type)
    if dtype is None:
        raise Refusal("model.dtype", f"the tensor {argument.name!r} has a type the runner cannot feed", argument.type)
    shape = list(argument.shape)
    if not shape:
        return Tensor(argument.name, (), dtype)
    if isinstance(shape[0], int) and shape[0] != batch:
        raise Refusal(
            "model.batch", f"the model's batch is fixed at {shape[0]}", f"batch {batch} was asked; convert it with a dynamic batch"
        )
    unknown = [size for size in shape[1:] if not isinstance(size, int)]
    if unknown:
        raise Refusal("model.shape", f"the tensor {argument.name!r} has sizes the runner does not know", f"shape {shape}")
    return Tensor(argument.name, (batch, *shape[1:]), dtype)
