"""Share what current meters with a stream have in common: the voltage beside the current, inputs, and the count of what was lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_LOST = 1e-3  # the share of samples above which EEMBC's runner for the LPM01A refuses a run


def volts(told: str | None, *, kind: str, low_v: float, high_v: float, stated_mv: str = "") -> float:
    """Return the volts of "3.3 V" or "3300 mV", else what the instrument states; raise UsageError for neither, or out of its range."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(m?)V", (told if told is not None else f"{stated_mv} mV").strip())
    if found is None:
        raise UsageError(
            f"meter {kind} does not know the voltage",
            code="meter.voltage",
            why=f'it measures a current, and the option voltage is {told!r} where it should be such as "3.3 V"',
            do=[("say it with the meter:", f"edgekit bench ARTIFACT --meter {kind}:PORT,voltage=3.3V")],
        )
    value = float(found[1]) / (1000 if found[2] else 1)
    if not low_v <= value <= high_v:
        raise UsageError(f"meter {kind} is not made for {value:g} V", code="meter.voltage", why=f"its range is {low_v:g} to {high_v:g} V")
    return value


def changes(levels: NDArray[np.uint8], before: int | None) -> NDArray[np.int64]:
    """Return the places at which levels differ from the one before; None: nobody saw the first, which then counts as a change."""
    import numpy as np

    at = np.flatnonzero(levels[1:] != levels[:-1]) + 1
    return np.concatenate(([0], at)) if before is None or int(levels[0]) != before else at


@dataclass(slots=True, kw_only=False)
class Tally:
    """Count samples, and what was lost of them; say so once when it is more than a thousandth."""

    kind: str
    samples: int = 0
    lost: int = 0
    told: bool = False

    def add(self, samples: int, lost: int) -> Note | None:
        """Take what came and what did not; return a remark when it is due."""
        self.samples, self.lost = self.samples + samples, self.lost + lost
        if self.told or self.lost <= MOST_LOST * (self.samples + self.lost):
            return None
        self.told = True
        share = self.lost / (self.samples + self.lost)
        text = f"meter {self.kind}: {self.lost} samples are missing, {share:.2%} of those made so far"
        return Note(code="meter.lost_samples", text=text, advice="close other programs, and use a port of the computer itself")
