"""Stand where ONNX Runtime's GPU build stands: sessions that say which provider ran which operator. The environment sets the scene.

FAKE_ORT_RUNS is "Provider:Operator ..." for the operators of one inference; FAKE_ORT_PROVIDERS lists what is installed.
FAKE_ORT_FREE is the number of rows a batch may have before memory runs out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__version__ = "9.9.9"
_found: list[str] = []


def preload_dlls() -> None:
    """Find the CUDA libraries that came as wheels; without them sessions fall back to the processor, as those of the real one do."""
    _found.append("libcudart")


def get_available_providers() -> list[str]:
    return os.environ.get("FAKE_ORT_PROVIDERS", "CUDAExecutionProvider CPUExecutionProvider").split()


class SessionOptions:
    enable_profiling = False
    profile_file_prefix = ""


class InferenceSession:
    def __init__(self, path: str, *, sess_options: SessionOptions, providers: list[Any]) -> None:
        self.providers = [item if isinstance(item, str) else item[0] for item in providers]
        self.batch = int(os.environ.get("FAKE_ORT_BATCH", "0")) or "batch"
        self._options = sess_options
        self._events: list[dict[str, Any]] = []
        asked = {"providers": providers, "tf32": os.environ.get("NVIDIA_TF32_OVERRIDE")}
        if "FAKE_ORT_LOG" in os.environ:
            with Path(os.environ["FAKE_ORT_LOG"]).open("a") as log:
                log.write(json.dumps(asked) + "\n")

    def get_providers(self) -> list[str]:
        return [*(self.providers if _found else ()), "CPUExecutionProvider"]

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="x", type="tensor(float)", shape=[self.batch, 4])]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="y", type="tensor(float)", shape=[self.batch, 4])]

    def run(self, names: Any, feed: dict[str, Any]) -> list[Any]:
        if len(feed["x"]) > int(os.environ.get("FAKE_ORT_FREE", "1000000")):
            raise RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 939524096")
        if self._options.enable_profiling:
            runs = os.environ.get("FAKE_ORT_RUNS", "CUDAExecutionProvider:MatMul CUDAExecutionProvider:Add").split()
            for place, (provider, kind) in enumerate(item.split(":") for item in runs):
                arguments = {"op_name": kind, "provider": provider, "node_index": str(place)}
                self._events.append({"cat": "Node", "name": f"{kind}_{place}_kernel_time", "ts": 1, "dur": 1, "args": arguments})
        return [feed["x"]]

    def end_profiling(self) -> str:
        path = Path(f"{self._options.profile_file_prefix}.json")
        path.write_text("[\n" + ",\n".join(map(json.dumps, self._events)) + "\n]\n")
        self._options.enable_profiling = False
        return str(path)
