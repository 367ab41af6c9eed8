"""Read NVIDIA GPUs through NVML: the energy counter (mJ since the driver was loaded, Volta and later) and instant power (field 186).

nvmlDeviceGetPowerUsage is never read: since Ampere it is a one-second average. Field 185, an average too, is read only where 186 is
missing, and says so. Power fields take a scope: the GPU, the module (Grace Hopper: with the processor beside it) or the memory.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from . import Opened, offered, refused
from .nvml_driver import Driver, Unavailable, visible
from .nvml_state import States

__all__ = ["Driver", "Gpus", "Unavailable", "probe", "start", "visible"]

POWER_AVERAGE, POWER_INSTANT = 185, 186  # NVML_FI_DEV_POWER_AVERAGE and _INSTANT, mW
SCOPE_GPU, SCOPE_MODULE, SCOPE_MEMORY = 0, 1, 2
FROZEN_S = 1.0  # an energy counter that stands still for longer while power flows does not count

_Offer = Tuple[str, Callable[[], int], Dict[str, Any]]


def probe(roots: Mapping[str, str]) -> Dict[str, Any]:
    """Return the channels of the first visible GPU, where the engines run, or of those that the option `gpus` names."""
    try:
        with Gpus(roots) as gpus:
            found = offered(gpus.channels, f"NVML, driver {gpus.driver.version}", gpus.notes)
    except Unavailable as error:
        return refused(str(error), do=error.do)
    if any(str(row["gpu"]).startswith("Emulated") for row in found["channels"]):
        found["emulated"] = True
    return found


def start(roots: Mapping[str, str], pids: Sequence[int], found: Optional[Mapping[str, Any]] = None) -> Gpus:
    """Return NVML opened, with one reader per channel that the probe `found`."""
    return Gpus(roots, only=None if found is None else [str(row["id"]) for row in found["channels"]])


class Gpus(Opened):
    """Hold NVML open with one reader per channel; `only` names the channels where an earlier probe has tried them all."""

    max_hz = 20.0  # the energy counter moves every 100 ms (H100, driver 580) and one reading of it costs 5 ms of processor time

    def __init__(self, roots: Mapping[str, str], only: Optional[Sequence[str]] = None, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self.driver = Driver()
        self.channels: List[Dict[str, Any]] = []
        self.notes: List[str] = []
        self._sleep = sleep
        self._states = States(self.driver)
        self.driver.open()
        try:
            for index, handle in self._wanted(roots.get("gpus")):
                self._add(index, handle, only)
            if not self.channels:
                raise Unavailable("; ".join(self.notes))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Gpus:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def look(self) -> None:
        self._states.look()

    def looked(self) -> Dict[str, float]:
        return self._states.seen()

    def close(self) -> None:
        self.driver.close()

    def _wanted(self, option: Optional[str]) -> List[Tuple[int, Any]]:
        gpus = self.driver.gpus
        if not option:
            self.notes += [f"GPU {index} is not read: engines run on GPU {gpus[0][0]}" for index, _ in gpus[1:]]
            return gpus[:1]  # the idle watts of the others are no part of an inference
        if option.strip() == "all":
            return gpus
        numbers = [entry.strip() for entry in option.split(",")]
        seen = {str(index) for index, _ in gpus}
        if missing := [number for number in numbers if number not in seen]:
            raise Unavailable(f"the option gpus names {', '.join(missing)}; visible: {', '.join(sorted(seen))}")
        return [(index, handle) for index, handle in gpus if str(index) in numbers]

    def _add(self, index: int, handle: Any, only: Optional[Sequence[str]]) -> None:
        driver = self.driver
        name, uuid = driver.name(handle), driver.uuid(handle)
        if driver.split(handle):
            raise Unavailable(f"GPU {index} ({name}) is split with MIG: its counters are those of the whole board, not of one slice")
        shared = {
            "detail": f"{name}, {uuid}, driver {driver.version}",
            "gpu": name,
            "uuid": uuid,
            "identity": uuid,
            "driver": driver.version,
            "power_limit_w": driver.power_limit_w(handle),
        }
        self._states.watch(index, handle)
        for part, read, row in self._offers(index, handle, name) if only is None else self._chosen(index, handle, only):
            identity = f"nvml.gpu{index}.{part}"
            self.channels.append({"domain": "gpu", **shared, **row, "id": identity})
            self.readers.append((identity, read))
            if part == "energy":
                self.ticking.add(identity)

    def _offers(self, index: int, handle: Any, name: str) -> List[_Offer]:
        """Return what this GPU answers, tried once, and note what it does not."""
        driver, who = self.driver, f"GPU {index} ({name})"
        offers: List[_Offer] = []
        power = self._power(handle, who)
        try:
            energy = driver.energy(handle)
            if self._moves(energy, None if power is None else power[1]):
                offers.append(("energy", energy, {"raw_unit": "mJ", "measurand": "energy_counter"}))
            else:
                self.notes.append(f"{who} has an energy counter that stood still for {FROZEN_S:g} s while power flowed: it is not used")
        except driver.error as error:
            self.notes.append(f"{who} has no energy reading: {error}")
        if power is not None:
            offers.append(power)
        memory = driver.field(handle, POWER_INSTANT, SCOPE_MEMORY)
        if offers and driver.answers(memory) and (power is None or memory() != power[1]()):  # a driver that ignores scopes repeats itself
            inside = f"nvml.gpu{index}.{offers[0][0]}"
            offers.append(("memory", memory, {"raw_unit": "mW", "measurand": "power", "domain": "gpu_memory", "parent": inside}))
        return offers

    def _power(self, handle: Any, who: str) -> Optional[_Offer]:
        row = {"raw_unit": "mW", "measurand": "power"}
        for field in (POWER_INSTANT, POWER_AVERAGE):
            for scope in (SCOPE_GPU, SCOPE_MODULE):
                read = self.driver.field(handle, field, scope)
                if not self.driver.answers(read):
                    continue
                if scope == SCOPE_MODULE:
                    row["domain"] = "gpu_module"
                    self.notes.append(f"{who} gives its power for the module only: the processor beside the GPU is included")
                if field == POWER_INSTANT:
                    return "power", read, row
                self.notes.append(f"{who} gives no instant power: each reading is the mean of the second before it")
                return "power_average", read, {**row, "averaging_s": 1.0}
        self.notes.append(f"{who} has no power reading: fields {POWER_INSTANT} and {POWER_AVERAGE} are not supported")
        return None

    def _chosen(self, index: int, handle: Any, only: Sequence[str]) -> List[_Offer]:
        """Return the readers of channels that a probe has found; which scope of a field answers is asked again."""
        driver = self.driver
        offers: List[_Offer] = []
        for part in (identity.rpartition(".")[2] for identity in only if identity.startswith(f"nvml.gpu{index}.")):
            if part == "energy":
                offers.append((part, driver.energy(handle), {}))
            elif part == "memory":
                offers.append((part, driver.field(handle, POWER_INSTANT, SCOPE_MEMORY), {}))
            else:
                field = POWER_INSTANT if part == "power" else POWER_AVERAGE
                reads = [driver.field(handle, field, scope) for scope in (SCOPE_GPU, SCOPE_MODULE)]
                offers.append((part, next(filter(driver.answers, reads), reads[0]), {}))
        return offers

    def _moves(self, energy: Callable[[], int], power: Optional[Callable[[], int]]) -> bool:
        """Return False when the counter stands still for FROZEN_S although power flows all the while."""
        first, waited = energy(), 0.0
        while waited <= FROZEN_S:
            if power is None or not power() > 0:
                return True  # nothing says that it should move
            self._sleep(0.02)
            waited += 0.02
            if energy() != first:
                return True
        return False
