"""Say how the ends of windows were placed among an instrument's readings, how well, and what is asked of it before an energy is stated."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

METHODS = ("auto", "marker", "none")


class SyncMethod(StrEnum):
    """Name a way to join a window's clock to the dates of readings; S1 to S5 from best to worst."""

    SAME = "same clock"
    EDGE = "S1"
    DEVICE_CLOCK = "S2"
    MARKER = "S3"
    ARRIVAL = "S4"
    EXCHANGE = "S5"

    @property
    def words(self) -> str:
        """Return what the method does, in words."""
        return _WORDS[self]


_WORDS = {
    SyncMethod.SAME: "read on the clock that dates the windows",
    SyncMethod.EDGE: "edges of an input in the meter's own stream",
    SyncMethod.DEVICE_CLOCK: "the meter's own clock, placed by the earliest arrivals",
    SyncMethod.MARKER: "a marker load, found in the meter's readings",
    SyncMethod.ARRIVAL: "the host's time of arrival, less what the way takes",
    SyncMethod.EXCHANGE: "requests and replies between the two clocks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """State how long after the fact an instrument's readings arrive: `seconds` within `half_s`, which is None where nobody knows.

    `source` says who states it, `verified` whether anyone measured it.
    """

    seconds: float
    half_s: float | None
    source: str
    verified: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.seconds) or not (self.half_s is None or 0 <= self.half_s < math.inf):
            raise ValueError(f"a delay of {self.seconds} s within {self.half_s} s cannot be meant")


ASKED = Delay(seconds=0.0, half_s=0.0, source="asked and answered, and dated in the middle")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStep:
    """Hold one step from a window's clock to the dates of a channel's readings.

    `u_s` is the standard uncertainty of an end of a window that the step leaves, None where nobody knows it. `residual_s` is what was left
    between dates of the same moments where the step rests on several of them: the largest, or for S2 and S3 the usual one. `offset_s` is
    how much later the readings were dated, `drift` in seconds a second; `count` how many edges, markers or exchanges there were.
    """

    method: SyncMethod
    u_s: float | None
    residual_s: float | None = None
    offset_s: float | None = None
    drift: float | None = None
    count: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """Hold how windows are to be placed and what is asked of it. `chip_s` is the length of a marker's shortest part, 0 without markers.

    No energy is stated for a window where its ends may be off by more than `max_error_s`, or, where that is None, by more than the share
    `max_error_rel` of its length (95 %); where more than `max_lost_rel` of its readings is missing; or where it holds fewer than
    `least_updates` of a meter that reads power.
    """

    method: str = "auto"
    chip_s: float = 0.0
    max_error_s: float | None = None
    max_error_rel: float = 0.01
    max_lost_rel: float = 0.01
    least_updates: int = 0

    def __post_init__(self) -> None:
        shares = (self.max_error_rel, self.max_lost_rel)
        times = (self.chip_s, self.max_error_s or 0.0, self.least_updates)
        if any(not 0 <= share <= 1 for share in shares) or any(not 0 <= value < math.inf for value in times):
            raise ValueError(f"synchronisation within {shares} and {times} cannot be meant")

    def allowed_s(self, window_s: float) -> float:
        """Return by how much the ends of a window of this length may be off."""
        return self.max_error_rel * window_s if self.max_error_s is None else self.max_error_s


def read_error(text: str) -> tuple[float | None, float | None]:
    """Return "5ms" or "0.1 s" as (seconds, None) and "1%" as (None, share); raise ValueError for anything else."""
    found = re.fullmatch(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>us|µs|ms|s|%)", text.strip())
    if found is None:
        raise ValueError("it is written 5ms, 0.1s or 1%")
    number = float(found["number"])
    if found["unit"] == "%":
        if number > 100:
            raise ValueError("a window is off by all of its length at most")
        return None, number / 100
    return number * {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}[found["unit"]], None


def total_u_s(steps: tuple[SyncStep, ...]) -> float | None:
    """Return the standard uncertainty of all steps together; None where one of them is not known."""
    if any(step.u_s is None for step in steps):
        return None
    return math.hypot(*(step.u_s or 0.0 for step in steps))
