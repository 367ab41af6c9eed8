"""Stand where nvidia-ml-py stands, for two scripted GPUs. The environment sets the scene."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

NVML_TEMPERATURE_GPU = 0
NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2


class NVMLError(Exception):
    pass


def _scene(name: str) -> bool:
    return bool(os.environ.get(f"FAKE_NVML_{name}"))


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
    return b"Scripted GPU"


def nvmlDeviceGetMigMode(handle: int) -> list[int]:  # noqa: N802
    if _scene("MIG"):
        return [1, 1]
    raise NVMLError("Not Supported")


def nvmlDeviceGetTotalEnergyConsumption(handle: int) -> int:  # noqa: N802
    """Count 100 W."""
    if _scene("NO_ENERGY"):
        raise NVMLError("Not Supported")
    return time.monotonic_ns() // 10_000_000 * 1000


def nvmlDeviceGetFieldValues(handle: int, fields: list[int]) -> list[Any]:  # noqa: N802
    assert fields == [186], "only instant power may be read"
    return [SimpleNamespace(nvmlReturn=3 if _scene("NO_POWER") else 0, value=SimpleNamespace(uiVal=100_000))]


def nvmlDeviceGetCurrentClocksThrottleReasons(handle: int) -> int:  # noqa: N802
    return 0x1 | 0x4 | 0x20


def nvmlDeviceGetTemperature(handle: int, sensor: int) -> int:  # noqa: N802
    return 55


def nvmlDeviceGetClockInfo(handle: int, clock: int) -> int:  # noqa: N802
    return {NVML_CLOCK_SM: 1980, NVML_CLOCK_MEM: 2619}[clock]


def nvmlDeviceGetEnforcedPowerLimit(handle: int) -> int:  # noqa: N802
    raise NVMLError("Not Supported")
