"""Watch the clocks of GPUs and what holds them back while power is read: a throttled GPU takes other joules than a free one."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .nvml_driver import THROTTLE, Driver

_HELD_BACK = sum(THROTTLE)
IDLE = 0x1  # nvmlClocksEventReasonGpuIdle: nothing runs, so its clock says nothing


class States:
    """Hold what a few looks a second have seen of each GPU; looks at an idle GPU are counted apart."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._gpus: List[Tuple[int, Any]] = []
        self._clocks: Dict[int, List[float]] = {}
        self._reasons: Dict[Tuple[int, str], int] = {}
        self._looks: Dict[int, int] = {}

    def watch(self, index: int, handle: Any) -> None:
        """Look at one more GPU."""
        self._gpus.append((index, handle))

    def look(self) -> None:
        """Read clock and reasons of each GPU once; what a GPU does not say is left out."""
        for index, handle in self._gpus:
            bits, clock_hz = self._driver.reasons(handle), self._driver.sm_clock_hz(handle)
            if bits is not None and bits & IDLE and not bits & _HELD_BACK:
                continue
            self._looks[index] = self._looks.get(index, 0) + 1
            if clock_hz is not None:
                self._note(index, clock_hz)
            for bit, name in THROTTLE.items():
                if bits is not None and bits & bit:
                    self._reasons[(index, name)] = self._reasons.get((index, name), 0) + 1

    def seen(self) -> Dict[str, float]:
        """Return, by "nvml.gpu0.WHAT": looks, the lowest, highest and mean SM clock in Hz, and how many looks saw each throttle reason."""
        found: Dict[str, float] = {}
        for index, looks in self._looks.items():
            gpu = f"nvml.gpu{index}"
            found[f"{gpu}.looks"] = looks
            if index in self._clocks:
                low, high, total, count = self._clocks[index]
                found.update({f"{gpu}.sm_clock_min_hz": low, f"{gpu}.sm_clock_max_hz": high, f"{gpu}.sm_clock_mean_hz": total / count})
        for (index, name), count in sorted(self._reasons.items()):
            found[f"nvml.gpu{index}.throttled.{name}"] = count
        return found

    def _note(self, index: int, clock_hz: float) -> None:
        held: Optional[List[float]] = self._clocks.get(index)
        if held is None:
            self._clocks[index] = [clock_hz, clock_hz, clock_hz, 1]
        else:
            self._clocks[index] = [min(held[0], clock_hz), max(held[1], clock_hz), held[2] + clock_hz, held[3] + 1]
