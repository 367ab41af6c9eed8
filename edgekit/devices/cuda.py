"""Run models on an NVIDIA GPU of this machine, or of one that ssh reaches: the cloud side of every comparison.

With the option `rehearsal = "cpu"` the processor stands in for the GPU, so that everything around the inference can be tried without one.
Nothing of such a run is measured: its times and energies are marked as emulated, and its facts name the stand-in.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit.core.errors import HardwareError, SetupError, UsageError
from edgekit.core.hardware import REHEARSAL, DeviceFacts, DeviceSpec
from edgekit.core.protocols import Clock
from edgekit.core.run import RunPlan
from edgekit.devices.base import RunnerModel, RunnerSession
from edgekit.devices.local import LocalDevice
from edgekit.devices.ssh import SshDevice
from edgekit.links.shell import Shell

_PLACES = ("-cuda", "-tensorrt")
_ENGINES: Mapping[str, Mapping[str | None, Sequence[str]]] = {  # by the file's ending and the precision; None: whatever else is asked
    ".onnx": {
        "fp16": ("onnxruntime-tensorrt", "torch_onnx-cuda"),
        "int8": ("onnxruntime-tensorrt",),
        None: ("onnxruntime-cuda", "torch_onnx-cuda"),
    },
    ".ort": {None: ("onnxruntime-cuda",)},
    ".pt2": {None: ("torch_pt2-cuda",)},
}


class CudaDevice:
    """Reach a GPU: at "cuda:1" the second one of this machine, at "ssh://USER@HOST" the first of another.

    Options are gpu (its number on the machine), rehearsal, and those of the device `local` or `ssh`. `shell` replaces this machine's own.
    """

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
        _require_stand_in(spec)
        far = spec.address is not None and spec.address.startswith("ssh:")
        self._machine: SshDevice | LocalDevice = (
            SshDevice(spec, cache_dir=cache_dir, clock=clock, session=GpuSession)
            if far
            else LocalDevice(spec, shell=shell, python=python, cache_dir=cache_dir, clock=clock, session=GpuSession)
        )

    @contextlib.contextmanager
    def reach(self) -> Iterator[Any]:
        """Open the machine, and nothing more: what sets it up begins here."""
        with self._machine.reach() as shell:
            yield shell

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


class GpuSession(RunnerSession):
    """Hold an open machine with a GPU: its engines are those that compute there, and what they leave to the processor is told."""

    on_gpu = True

    def condition(self) -> DeviceFacts:
        """Return the facts that change while a run lasts, the GPU's own among them."""
        return self.facts()

    def probe(self, counters: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return what the machine offers for each counter name; in a rehearsal nothing of it counts as measured."""
        found = super().probe(counters)
        return {name: {**probe, "emulated": True} for name, probe in found.items()} if self.spec.rehearsed else found

    def load(self, artifact: Path, *, samples: Path | None, plan: RunPlan) -> RunnerModel:
        """Load an artifact into an engine that computes on the GPU; raise ModelError, UsageError, SetupError or HardwareError."""
        if not self.spec.rehearsed:
            return super().load(artifact, samples=samples, plan=plan)
        model = super().load(artifact, samples=samples, plan=replace(plan, engine=_stand_in(plan.engine) if plan.engine else None))
        note = {
            "code": "run.rehearsal",
            "text": "the processor stood in for the GPU: times and energies are those of a rehearsal, and count as emulated",
            "advice": "take the option rehearsal away from the device on a machine with an NVIDIA GPU",
        }
        self._loaded = model.loaded = {
            **model.loaded,
            "delegate": f"{model.loaded.get('delegate')}; the processor stands in for the GPU",
            "precision": model.loaded.get("precision") or plan.precision or "fp32",
            "notes": [*model.loaded.get("notes", ()), note],
        }
        return model

    def _before(self) -> Sequence[str]:
        number = _number(self.spec)
        return () if number is None else ("env", f"CUDA_VISIBLE_DEVICES={number}")

    def _candidates(self, artifact: Path, plan: RunPlan) -> Sequence[str | None]:
        by_precision = _ENGINES.get(artifact.suffix, {None: ("onnxruntime-cuda",)})
        engines = by_precision.get(plan.precision, by_precision[None])
        if self.spec.rehearsed:
            return (plan.engine,) if plan.engine else tuple(dict.fromkeys(map(_stand_in, engines)))
        if plan.engine is None:
            return engines
        if not plan.engine.endswith(_PLACES):
            raise UsageError(
                f"the engine {plan.engine} does not compute on a GPU",
                code="engine.not_gpu",
                why="the meter would read a GPU that does nothing",
                do=[
                    ("run it on the processor:", f"edgekit bench {artifact.name} --device local --engine {plan.engine}"),
                    ("or let the device choose:", f"edgekit bench {artifact.name} --device {self.spec.name}"),
                ],
            )
        return (plan.engine,)


def _number(spec: DeviceSpec) -> str | None:
    """Return which GPU of its machine is meant, None for the first visible one; raise SetupError for what is no number."""
    place = (spec.address or "").removeprefix("cuda:") if (spec.address or "").startswith("cuda:") else ""
    number = spec.options.get("gpu", place)
    if number and not (number.isascii() and number.isdecimal()):
        raise SetupError(
            f"the option gpu of device {spec.name} is {number!r}",
            code="config.invalid",
            why="it is the number of a GPU, as nvidia-smi -L lists them",
            do=[("look at the devices:", "edgekit devices --all")],
        )
    return number or None


def _stand_in(engine: str) -> str:
    """Return the engine on the processor that rehearses one on a GPU."""
    return engine.partition("-")[0]


def _require_stand_in(spec: DeviceSpec) -> None:
    stated = spec.options.get(REHEARSAL)
    if stated not in (None, "cpu"):
        raise SetupError(
            f"the option {REHEARSAL} of device {spec.name} is {stated!r}",
            code="config.invalid",
            why='it is "cpu" or absent: only the processor can stand in for a GPU',
            do=[("look at the devices:", "edgekit devices --all")],
        )
