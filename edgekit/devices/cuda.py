"""Run models on this machine's NVIDIA GPU: the cloud side of every comparison."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.protocols import Clock
from edgekit.devices.base import RunnerSession
from edgekit.devices.local import LocalDevice
from edgekit.links.shell import Shell

ENGINES = ("onnxruntime-cuda", "torch_onnx-cuda")


class CudaDevice:
    """Reach the GPU of this machine. Options are those of the device `local`; CUDA_VISIBLE_DEVICES chooses among several GPUs."""

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        shell: Shell | None = None,
        python: str = sys.executable,
        cache_dir: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.spec = spec
        self._machine = LocalDevice(spec, shell=shell, python=python, cache_dir=cache_dir, clock=clock, engines=ENGINES, on_gpu=True)

    @contextlib.contextmanager
    def connect(self) -> Iterator[RunnerSession]:
        """Start the runner; raise HardwareError when NVML sees no GPU."""
        with self._machine.connect() as session:
            facts = session.facts()
            if facts.gpu is None:
                raise HardwareError(
                    f"device {self.spec.name} has no GPU to run on",
                    code="device.no_gpu",
                    why=facts.reasons.get("gpu", "NVML names none"),
                    do=[
                        ("see whether the driver answers:", "nvidia-smi -L"),
                        ("or let the report use a stored cloud run:", "edgekit report RUN..."),
                    ],
                )
            yield session
