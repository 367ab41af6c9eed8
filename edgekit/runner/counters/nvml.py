"""Read NVIDIA GPUs through NVML: the energy counter (mJ since the driver was loaded, Volta and later) and instant power (field 186).

nvmlDeviceGetPowerUsage is never read: since Ampere it is a one-second average.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import offered, refused

POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT, mW

_INSTALL = ("install NVML's Python bindings:", "pip install nvidia-ml-py")
_DRIVER = ("see whether the driver answers:", "nvidia-smi -L")


class Unavailable(Exception):
    """Say why no GPU can be read, and what to do."""

    def __init__(self, why: str, do: Sequence[Sequence[str]] = (_DRIVER,)) -> None:
        super().__init__(why)
        self.do = do


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return the energy and power channels of the first visible GPU: the one the engines run on."""
    try:
        with Driver() as driver:
            channels, notes = driver.channels()
            return offered(channels, f"NVML, driver {driver.version}", notes)
    except Unavailable as error:
        return refused(str(error), do=error.do)


def start(roots: Mapping[str, str], pids: Sequence[int]) -> Driver:
    """Return NVML opened, with one reader per channel."""
    driver = Driver().__enter__()
    driver.channels()
    return driver


class Driver:
    """Hold NVML open, and the GPUs that CUDA_VISIBLE_DEVICES leaves visible."""

    max_hz = 20.0  # the energy counter moves every 100 ms (H100, driver 580) and one reading of it costs 5 ms of processor time

    def __init__(self) -> None:
        try:
            self._nvml: Any = importlib.import_module("pynvml")
        except ImportError as error:
            raise Unavailable(f"NVML's Python bindings are missing: {error}", [_INSTALL]) from error
        self.readers: List[Tuple[str, Callable[[], int]]] = []
        self.version = "unknown"
        self.gpus: List[Tuple[int, Any]] = []

    def __enter__(self) -> Driver:
        nvml = self._nvml
        try:
            nvml.nvmlInit()
            self.version = _text(nvml.nvmlSystemGetDriverVersion())
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
            uuids = [_text(nvml.nvmlDeviceGetUUID(handle)) for handle in handles]
        except nvml.NVMLError as error:
            raise Unavailable(f"NVML does not answer: {error}") from error
        self.gpus = [(index, handles[index]) for index in visible(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"))]
        if not self.gpus:
            self.close()
            raise Unavailable(f"no GPU is visible: {len(handles)} present, CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')!r}")
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release NVML."""
        self._nvml.nvmlShutdown()

    def channels(self) -> Tuple[List[Dict[str, Any]], List[str]]:
        """Return the channels with notes on what is missing, and keep a reader for each; raise Unavailable for MIG or nothing readable."""
        channels: List[Dict[str, Any]] = []
        notes: List[str] = []
        notes += [f"GPU {index} is not read: engines run on GPU {self.gpus[0][0]}" for index, _ in self.gpus[1:]]
        for index, handle in self.gpus[:1]:  # the idle watts of the others are no part of an inference
            name, uuid = _text(self._nvml.nvmlDeviceGetName(handle)), _text(self._nvml.nvmlDeviceGetUUID(handle))
            if self._mig(handle):
                raise Unavailable(f"GPU {index} ({name}) is split with MIG: its counters are those of the whole board, not of one slice")
            shared = {
                "domain": "gpu",
                "detail": f"{name}, {uuid}, driver {self.version}",
                "gpu": name,
                "uuid": uuid,
                "driver": self.version,
            }
            for part, read, row in self._offers(handle):
                identity = f"nvml.gpu{index}.{part}"
                try:
                    read()
                except self._nvml.NVMLError as error:
                    notes.append(f"GPU {index} ({name}) has no {part} reading: {error}")
                    continue
                channels.append({**shared, **row, "id": identity})
                self.readers.append((identity, read))
        if not channels:
            raise Unavailable("; ".join(notes))
        return channels, notes

    def _offers(self, handle: Any) -> List[Tuple[str, Callable[[], int], Dict[str, Any]]]:
        total, fields = self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._nvml.nvmlDeviceGetFieldValues

        def instant() -> int:
            field = fields(handle, [POWER_INSTANT])[0]
            if field.nvmlReturn != 0:
                raise self._nvml.NVMLError(field.nvmlReturn)
            return int(field.value.uiVal)

        return [
            ("energy", lambda: int(total(handle)), {"raw_unit": "mJ", "measurand": "energy_counter"}),
            ("power", instant, {"raw_unit": "mW", "measurand": "power"}),
        ]

    def _mig(self, handle: Any) -> bool:
        try:
            return bool(self._nvml.nvmlDeviceGetMigMode(handle)[0])
        except self._nvml.NVMLError:
            return False

    def facts(self) -> Dict[str, Any]:
        """Return name, uuid, driver, temperature, clocks and throttle reasons of the first visible GPU."""
        nvml, (index, handle) = self._nvml, self.gpus[0]
        bits = self._optional(lambda: int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)))
        return {
            "index": index,
            "count": len(self.gpus),
            "name": _text(nvml.nvmlDeviceGetName(handle)),
            "uuid": _text(nvml.nvmlDeviceGetUUID(handle)),
            "driver": self.version,
            "temperature_c": self._optional(lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))),
            "sm_clock_hz": self._optional(lambda: 1e6 * nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            "memory_clock_hz": self._optional(lambda: 1e6 * nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            "power_limit_w": self._optional(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1e3),
            "throttle_reasons": None if bits is None else [name for bit, name in THROTTLE.items() if bits & bit],
        }

    def _optional(self, read: Callable[[], Any]) -> Optional[Any]:
        try:
            return read()
        except self._nvml.NVMLError:
            return None


THROTTLE = {0x4: "sw_power_cap", 0x8: "hw_slowdown", 0x20: "sw_thermal", 0x40: "hw_thermal", 0x80: "hw_power_brake"}


def visible(uuids: Sequence[str], wanted: Optional[str]) -> List[int]:
    """Return the indices that CUDA_VISIBLE_DEVICES leaves: indices or prefixes of UUIDs, up to the first that does not exist."""
    if wanted is None:
        return list(range(len(uuids)))
    chosen: List[int] = []
    for entry in (entry.strip() for entry in wanted.split(",")):
        if entry.isdigit() and int(entry) < len(uuids):
            chosen.append(int(entry))
            continue
        named = [index for index, uuid in enumerate(uuids) if entry and uuid.startswith(entry)]
        if len(named) != 1:
            break
        chosen += named
    return chosen


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
