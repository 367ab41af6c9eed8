"""Run what torch can compute: inputs in place, precision held, on CUDA as one captured graph."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any, Callable, ContextManager, Dict, List, Optional, Sequence, Tuple

from ..wire import Refusal
from . import precision as arithmetic
from .inputs import Tensor

WARMUPS = 3

Run = Callable[[], List[Any]]


class TorchEngine:
    """Hold what engines on torch share. A subclass fills `inputs` and `outputs`, calls `_lay_out` and then `_start`."""

    inputs: List[Tensor]
    outputs: List[str]

    def __init__(self, family: str, place: str, threads: int, precision: Optional[str]) -> None:
        self.name = family if place == "cpu" else f"{family}-{place}"
        self.precision = arithmetic.choose(precision, ("fp32", "fp16") if place == "cpu" else ("fp32", "tf32", "fp16"), self.name)
        if place != "cpu":
            arithmetic.hold(self.precision)
        self._torch = torch = module("torch")
        if place == "cuda" and not torch.cuda.is_available():
            raise Refusal("engine.no_cuda", "torch sees no GPU", f"torch {torch.__version__}, built for CUDA {torch.version.cuda}")
        self.version, self.threads = str(torch.__version__), threads
        self._place = torch.device(place)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        tf32 = self.precision == "tf32"
        torch.set_float32_matmul_precision("high" if tf32 else "highest")  # of products; convolutions have a switch of their own
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True  # shapes are fixed: let cuDNN pick its fastest algorithm once
        self._sources: List[Any] = []
        self.delegate = "eager"

    def describe(self) -> Dict[str, Any]:
        """Return what actually runs."""
        gpu = self._torch.cuda.get_device_name(self._place) if self._place.type == "cuda" else None
        words = f"; {arithmetic.words(self.precision)}" if gpu else ""
        described = {
            "engine": self.name,
            "engine_version": "torch " + self.version,
            "delegate": self.delegate + words,
            "threads": self.threads,
            "gpu": gpu,
        }
        return {**described, "precision": self.precision} if gpu or self.precision != "fp32" else described

    def prepare(self, arrays: List[Any]) -> Any:
        """Return the arrays of one inference as host tensors, in pinned memory for a GPU."""
        tensors = [self._torch.from_numpy(array) for array in arrays]
        return [tensor.pin_memory() for tensor in tensors] if self._place.type == "cuda" else tensors

    def infer(self, prepared: Any) -> List[Any]:
        """Return the outputs of one inference."""
        for place, source in enumerate(self._sources):
            source.copy_(prepared[place], non_blocking=True)
        return [output.to("cpu", copy=True).numpy() for output in self._run()]

    def _lay_out(self) -> None:
        """Make room on the device for the inputs, where every inference finds them."""
        torch = self._torch
        self._sources = [torch.zeros(tensor.shape, dtype=getattr(torch, tensor.dtype), device=self._place) for tensor in self.inputs]

    def _start(self, eager: Run) -> None:
        self._run, self.delegate = (eager, "eager") if self._place.type == "cpu" else self._captured(eager)
        self.loop = self._loop()

    def _loop(self) -> Callable[[Sequence[Any]], None]:
        sources, run = self._sources, self._run

        def loop(group: Sequence[Any]) -> None:
            for arrays in group:
                for place, source in enumerate(sources):
                    source.copy_(arrays[place], non_blocking=True)
                for output in run():
                    output.to("cpu", copy=True)  # waits for the GPU

        return loop

    def _computing(self) -> ContextManager[Any]:
        """Return the context in which products are taken in half precision, where that is what was asked for."""
        if self.precision != "fp16":
            return contextlib.nullcontext()
        context: ContextManager[Any] = self._torch.autocast(self._place.type, dtype=self._torch.float16, cache_enabled=False)
        return context

    def _captured(self, eager: Run) -> Tuple[Run, str]:
        """Return the work captured once for replay, or the eager run with the reason why capture failed."""
        torch = self._torch
        try:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARMUPS):
                    eager()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = eager()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            torch.cuda.synchronize()
            return eager, "eager: capture failed, " + str(error).splitlines()[0]

        def replay() -> List[Any]:
            graph.replay()
            return outputs

        return replay, "cuda-graph"


def module(name: str) -> Any:
    """Return an imported package; raise Refusal where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Refusal("engine.missing", f"{name} is not installed on this machine", str(error), package=name) from error
