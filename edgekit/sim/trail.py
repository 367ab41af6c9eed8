"""Draw power that is decided while time passes: steps that are added as an emulated machine acts."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Trail:
    """Hold `start` from the beginning on, then every value that was set; times are nanoseconds from the beginning, and it is a `Load`.

    One thread sets while others read: they see a change whole or not at all.
    """

    def __init__(self, start: float) -> None:
        self._steps: tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]] = ((0,), (start,), (0.0,))

    def set(self, at_ns: int, value: float) -> None:
        """Take `value` from `at_ns` on; raise ValueError for a time before the last change."""
        times, values, totals = self._steps
        if at_ns < times[-1]:
            raise ValueError("changes are set in order of time")
        total = totals[-1] + values[-1] * (at_ns - times[-1]) / 1e9
        self._steps = ((*times, at_ns), (*values, value), (*totals, total))

    def cut(self, at_ns: int, value: float) -> None:
        """Forget every change after `at_ns`, and take `value` from then on."""
        times, values, totals = self._steps
        kept = bisect_right(times, at_ns)
        self._steps = (times[:kept], values[:kept], totals[:kept])
        self.set(at_ns, value)

    def power(self, t_ns: int) -> float:
        """Return the value at `t_ns`."""
        times, values, _ = self._steps
        return values[max(0, bisect_right(times, t_ns) - 1)]

    def total_j(self, t_ns: int) -> float:
        """Return the exact integral from the beginning to `t_ns`, in value-seconds."""
        times, values, totals = self._steps
        place = max(0, bisect_right(times, t_ns) - 1)
        return totals[place] + values[place] * (t_ns - times[place]) / 1e9

    def powers(self, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the values at many times at once."""
        import numpy as np

        times, values, _ = self._steps
        places = np.maximum(0, np.searchsorted(np.array(times), t_ns, side="right") - 1)
        found: NDArray[np.float64] = np.array(values, np.float64)[places]
        return found
