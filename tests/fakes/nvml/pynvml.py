"""Stand where nvidia-ml-py stands, for two scripted GPUs. The environment sets the scene."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

NVML_TEMPERATURE_GPU = 0
NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2
NOT_SUPPORTED, GPU_IS_LOST = 3, 15
POWER_AVERAGE, POWER_INSTANT = 185, 186
GPU, MODULE, MEMORY = 0, 1, 2
_WATTS = {(POWER_INSTANT, GPU): 100, (POWER_AVERAGE, GPU): 90, (POWER_INSTANT, MODULE): 300, (POWER_INSTANT, MEMORY): 20}
_energy_reads = [0]


class NVMLError(Exception):
    def __init__(self, value: Any = NOT_SUPPORTED) -> None:
        words = {NOT_SUPPORTED: "Not Supported", GPU_IS_LOST: "GPU is lost"}
        super().__init__(words.get(value, str(value)))
        self.value = value


def _scene(name: str) -> str:
    return os.environ.get(f"FAKE_NVML_{name}", "")


def nvmlInit() -> None:  # noqa: N802
    if _scene("MISSING"):
        raise NVMLError("NVML Shared Library Not Found")


def nvmlShutdown() -> None:  # noqa: N802
    pass


def nvmlSystemGetDriverVersion() -> bytes:  # noqa: N802
    return b"999.1"


def nvmlDeviceGetCount() -> int:  # noqa: N802
    return 2


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    return index


def nvmlDeviceGetUUID(handle: int) -> str:  # noqa: N802
    return f"GPU-{handle}{handle}{handle}{handle}"


def nvmlDeviceGetName(handle: int) -> bytes:  # noqa: N802
    return (_scene("NAME") or "Scripted GPU").encode()


def nvmlDeviceGetMigMode(handle: int) -> list[int]:  # noqa: N802
    if _scene("MIG"):
        return [1, 1]
    raise NVMLError


def nvmlDeviceGetTotalEnergyConsumption(handle: int) -> int:  # noqa: N802
    """Count 100 W, a tick every 10 ms."""
    if _scene("NO_ENERGY"):
        raise NVMLError
    _energy_reads[0] += 1
    if handle == 1 and _scene("LOST_AFTER") and _energy_reads[0] > int(_scene("LOST_AFTER")):
        raise NVMLError(GPU_IS_LOST)
    return 5 if _scene("FROZEN") else time.monotonic_ns() // 10_000_000 * 1000


def nvmlDeviceGetFieldValues(handle: int, fields: list[tuple[int, int]]) -> list[Any]:  # noqa: N802
    """Give what FAKE_NVML_FIELDS lists as "field/scope", by default instant power of the GPU."""
    ((field, scope),) = fields
    known = [tuple(map(int, item.split("/"))) for item in (_scene("FIELDS") or f"{POWER_INSTANT}/{GPU}").split()]
    ok = (field, scope) in known and not _scene("NO_POWER")
    watts = 0 if _scene("OFF") else _WATTS.get((field, scope), 1)
    return [SimpleNamespace(nvmlReturn=0 if ok else NOT_SUPPORTED, value=SimpleNamespace(uiVal=watts * 1000))]


def nvmlDeviceGetPowerUsage(handle: int) -> int:  # noqa: N802
    raise AssertionError("since Ampere this is a one-second average: it may not be read")


def nvmlDeviceGetCurrentClocksThrottleReasons(handle: int) -> int:  # noqa: N802
    return 0x1 | 0x4 | 0x20


def nvmlDeviceGetTemperature(handle: int, sensor: int) -> int:  # noqa: N802
    return 55


def nvmlDeviceGetClockInfo(handle: int, clock: int) -> int:  # noqa: N802
    return {NVML_CLOCK_SM: 1980, NVML_CLOCK_MEM: 2619}[clock]


def nvmlDeviceGetEnforcedPowerLimit(handle: int) -> int:  # noqa: N802
    if not (limits := _scene("LIMITS_MW")):
        raise NVMLError
    return int(limits.split(",")[handle])
