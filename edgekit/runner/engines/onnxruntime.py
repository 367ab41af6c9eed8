"""Run an .onnx model with ONNX Runtime on the processor, or on a GPU with CUDA or TensorRT."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..wire import Refusal
from . import precision as arithmetic
from .inputs import FREE_BATCH, Tensor
from .placement import fallback, placed, summary

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


_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}


class OnnxRuntime:
    """Hold an inference session whose batch is fixed; with `trace` it writes a profile to a file whose name begins so.

    On a GPU the first inference is traced, to count the operators that ONNX Runtime leaves to the processor; later ones are not.
    """

    def __init__(
        self, path: str, place: str, threads: int, batch: int, *, precision: Optional[str] = None, trace: Optional[str] = None
    ) -> None:
        self._wanted = _PROVIDERS[place]
        self.name = "onnxruntime" if place == "cpu" else f"onnxruntime-{place}"
        self.precision = _precision(path, place, precision, self.name)
        if place != "cpu":
            arithmetic.hold(self.precision)
        try:
            runtime = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise Refusal("engine.missing", "onnxruntime is not installed on this machine", str(error), package="onnxruntime") from error
        if place != "cpu" and hasattr(runtime, "preload_dlls"):  # since 1.21: CUDA libraries that came as wheels lie on no search path
            with contextlib.suppress(Exception):
                runtime.preload_dlls()
        self.version = str(runtime.__version__)
        self.threads = threads
        self._folder = tempfile.TemporaryDirectory(prefix="edgekit-placement-") if place != "cpu" else None
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if self._folder is not None:
            trace = os.path.join(self._folder.name, "trace")
        if trace is not None:
            options.enable_profiling, options.profile_file_prefix = True, trace
        try:
            self._session = runtime.InferenceSession(path, sess_options=options, providers=_providers(runtime, place, self.precision))
        except Refusal:
            raise
        except Exception as error:  # onnxruntime raises classes of its own that derive from Exception only
            raise Refusal("model.refused", f"onnxruntime {self.version} refuses the model", str(error).strip()) from error
        used = self._session.get_providers()
        if place != "cpu" and used[:1] != [self._wanted]:
            raise Refusal("engine.no_cuda", f"onnxruntime fell back from {self._wanted}", "it uses " + ", ".join(used))
        self.delegate = used[0]
        self.notes: List[Dict[str, str]] = []
        self.inputs = [_tensor(argument, batch) for argument in self._session.get_inputs()]
        self.outputs = [argument.name for argument in self._session.get_outputs()]
        self.loop = self._loop()

    def describe(self) -> Dict[str, Any]:
        """Return what actually runs."""
        described = {"engine": self.name, "engine_version": self.version, "delegate": self.delegate, "threads": self.threads}
        return described if self._wanted == _PROVIDERS["cpu"] else {**described, "precision": self.precision, "notes": self.notes}

    def settle(self) -> None:
        """After the first inference: end its trace and see who computed what; raise Refusal where the GPU computed nothing."""
        if self._folder is None:
            return
        found = placed(self.end_trace())
        self._folder.cleanup()
        self._folder = None
        self.delegate = f"{summary(found, self._wanted)}; {arithmetic.words(self.precision)}"
        self.notes = fallback(found)
        if not set(found.counts) - {_PROVIDERS["cpu"]}:
            raise Refusal("engine.fallback", "the GPU computes nothing of this model", self.delegate)

    def end_trace(self) -> str:
        """End the profile; return the path of its file."""
        return str(self._session.end_profiling())

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


def _precision(path: str, place: str, asked: Optional[str], name: str) -> str:
    if place == "cpu":
        return arithmetic.choose(
            asked, ("fp32",), name, "on a processor an artifact is computed as it stands: convert it with -r fp16 or int8"
        )
    if place == "cuda":
        why = (
            "its CUDA provider computes floats as the artifact stores them: convert it with -r fp16, or use the engine onnxruntime-tensorrt"
        )
        return arithmetic.choose(asked, ("fp32", "tf32"), name, why)
    if os.path.isfile(path) and arithmetic.quantized(path):
        return arithmetic.choose(
            asked, ("int8",), name, "the artifact is quantized, and TensorRT then computes in int8: give it the float one"
        )
    return arithmetic.choose(asked, ("fp32", "tf32", "fp16"), name, "int8 takes a quantized artifact: convert it with -r int8")


def _providers(runtime: Any, place: str, precision: str) -> List[Any]:
    if place == "cpu":
        return [_PROVIDERS["cpu"]]
    listed = runtime.get_available_providers()
    if _PROVIDERS[place] not in listed:
        raise Refusal("engine.no_cuda", f"this onnxruntime has no {_PROVIDERS[place]}", "it lists " + ", ".join(listed))
    cuda = (_PROVIDERS["cuda"], {"use_tf32": "1" if precision == "tf32" else "0"})
    if place == "cuda":
        return [cuda]
    built = {f"trt_{kind}_enable": "True" if precision == kind else "False" for kind in ("fp16", "int8")}
    return [(_PROVIDERS["tensorrt"], built), cuda]


def _tensor(argument: Any, batch: int) -> Tensor:
    dtype = _DTYPES.get(argument.type)
    if dtype is None:
        raise Refusal("model.dtype", f"the tensor {argument.name!r} has a type the runner cannot feed", argument.type)
    shape = list(argument.shape)
    if not shape:
        return Tensor(argument.name, (), dtype)
    if isinstance(shape[0], int) and shape[0] != batch:
        raise Refusal("model.batch", f"the model's batch is fixed at {shape[0]}", f"batch {batch} was asked", do=[FREE_BATCH])
    unknown = [size for size in shape[1:] if not isinstance(size, int)]
    if unknown:
        raise Refusal("model.shape", f"the tensor {argument.name!r} has sizes the runner does not know", f"shape {shape}")
    return Tensor(argument.name, (batch, *shape[1:]), dtype)
