"""Hold NVML open: the visible GPUs, single readings that say when a GPU is gone for good, and what a GPU says about itself."""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import Gone

THROTTLE = {
    0x4: "sw_power_cap",
    0x8: "hw_slowdown",
    0x20: "sw_thermal",
    0x40: "hw_thermal",
    0x80: "hw_power_brake",
}
_LOST = (1, 9, 15, 16, 28)  # uninitialised, driver not loaded, GPU is lost, reset required, GPU not found
_INSTALL = ("install NVML's Python bindings:", "pip install nvidia-ml-py")
_ANSWERS = ("see whether the driver answers:", "nvidia-smi -L")


class Unavailable(Exception):
    """Say why no GPU can be read, and what to do."""

    def __init__(self, why: str, do: Sequence[Sequence[str]] = (_ANSWERS,)) -> None:
        super().__init__(why)
        self.do = do


class Driver:
    """Speak to NVML about the GPUs that CUDA_VISIBLE_DEVICES leaves visible: `gpus` holds (index, handle)."""

    def __init__(self) -> None:
        try:
            self._nvml: Any = importlib.import_module("pynvml")
        except ImportError as error:
            raise Unavailable(f"NVML's Python bindings are missing: {error}", [_INSTALL]) from error
        self.error: Any = self._nvml.NVMLError
        self.version = "unknown"
        self.gpus: List[Tuple[int, Any]] = []
        self._is_open = False

    def open(self) -> Driver:
        """Start NVML and find the GPUs; raise Unavailable."""
        nvml = self._nvml
        try:
            nvml.nvmlInit()
            self._is_open = True
            self.version = _text(nvml.nvmlSystemGetDriverVersion())
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
            uuids = [self.uuid(handle) for handle in handles]
        except nvml.NVMLError as error:
            self.close()
            raise Unavailable(f"NVML does not answer: {error}") from error
        self.gpus = [(index, handles[index]) for index in visible(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"))]
        if not self.gpus:
            self.close()
            raise Unavailable(f"no GPU is visible: {len(handles)} present, CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')!r}")
        return self

    def close(self) -> None:
        """Release NVML; harmless when called twice."""
        if self._is_open:
            self._is_open = False
            self._nvml.nvmlShutdown()

    def __enter__(self) -> Driver:
        return self.open()

    def __exit__(self, *error: object) -> None:
        self.close()

    def name(self, handle: Any) -> str:
        """Return the GPU's product name."""
        return _text(self._nvml.nvmlDeviceGetName(handle))

    def uuid(self, handle: Any) -> str:
        """Return the GPU's own identity."""
        return _text(self._nvml.nvmlDeviceGetUUID(handle))

    def split(self, handle: Any) -> bool:
        """Return True when the GPU is divided with MIG."""
        try:
            return bool(self._nvml.nvmlDeviceGetMigMode(handle)[0])
        except self.error:
            return False

    def energy(self, handle: Any) -> Callable[[], int]:
        """Return the function that reads the energy counter in mJ."""
        total = self._nvml.nvmlDeviceGetTotalEnergyConsumption
        return lambda: int(self._told(lambda: total(handle)))

    def field(self, handle: Any, field: int, scope: int) -> Callable[[], int]:
        """Return the function that reads one power field in mW."""

        def read() -> Any:
            value = self._nvml.nvmlDeviceGetFieldValues(handle, [(field, scope)])[0]
            if value.nvmlReturn != 0:
                raise self._nvml.NVMLError(value.nvmlReturn)
            return value.value.uiVal

        return lambda: int(self._told(read))

    def power_limit_w(self, handle: Any) -> Optional[float]:
        """Return the power that the board keeps to at present, in watts; None where it does not say."""
        limit_mw = self._optional(lambda: int(self._nvml.nvmlDeviceGetEnforcedPowerLimit(handle)))
        return limit_mw / 1e3 if limit_mw else None

    def answers(self, read: Callable[[], int]) -> bool:
        """Return True when a reading succeeds."""
        try:
            read()
        except (self.error, Gone):
            return False
        return True

    def facts(self) -> Dict[str, Any]:
        """Return name, uuid, driver, temperature, clocks and throttle reasons of the first visible GPU."""
        nvml, (index, handle) = self._nvml, self.gpus[0]
        bits = self.reasons(handle)
        return {
            "index": index,
            "count": len(self.gpus),
            "name": self.name(handle),
            "uuid": self.uuid(handle),
            "driver": self.version,
            "temperature_c": self._optional(lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))),
            "sm_clock_hz": self.sm_clock_hz(handle),
            "memory_clock_hz": self._optional(lambda: 1e6 * nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            "power_limit_w": self.power_limit_w(handle),
            "throttle_reasons": None if bits is None else [name for bit, name in THROTTLE.items() if bits & bit],
        }

    def reasons(self, handle: Any) -> Optional[int]:
        """Return the bits that say why the clocks are what they are; None where the driver does not tell."""
        return self._optional(lambda: int(self._reasons(handle)))

    def sm_clock_hz(self, handle: Any) -> Optional[float]:
        """Return the clock of the GPU's processors; None where the driver does not tell."""
        return self._optional(lambda: 1e6 * float(self._nvml.nvmlDeviceGetClockInfo(handle, self._nvml.NVML_CLOCK_SM)))

    def _reasons(self, handle: Any) -> Any:
        for name in (
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
        ):  # the second: drivers before 535
            try:
                return getattr(self._nvml, name)(handle)
            except (AttributeError, self.error):
                continue
        raise self.error(3)

    def _told(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except self.error as error:
            if getattr(error, "value", None) in _LOST:
                raise Gone(str(error)) from error
            raise

    def _optional(self, read: Callable[[], Any]) -> Optional[Any]:
        try:
            return read()
        except self.error:
            return None


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
