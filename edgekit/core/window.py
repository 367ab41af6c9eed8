"""Describe one stretch of a run: its phase, its edges on a named clock, and how many inferences were made in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgekit.core.trace import LAST_NS


class Phase(StrEnum):
    """Name what the device was asked to do during a window."""

    IDLE = "idle"
    WARMUP = "warmup"
    MEASURE = "measure"
    COOLDOWN = "cooldown"
    PROFILE = "profile"
    MARKER = "marker"
    LOAD = "load"
    FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Hold the latencies of one window: an exact count and total, a fixed-size histogram and a small reservoir.

    Each observation is the mean over a group of `group_size` inferences between two clock reads, in nanoseconds.
    `histogram` holds sparse (bin, count) pairs; bin b covers [2^(b/16), 2^((b+1)/16)) ns, so a quantile is exact to 4.5 %.
    """

    group_size: int
    total_ns: int
    min_ns: float
    max_ns: float
    histogram: tuple[tuple[int, int], ...]
    reservoir_ns: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Hold how well a window kept to its schedule, one invocation every `period_ns`.

    `late` invocations began more than a tenth of a period after they were due; the latest one `latest_ns` after. `busy_ns` is the time of
    all invocations together, the rest of the window was idle.
    """

    period_ns: int
    invocations: int
    late: int
    latest_ns: int
    busy_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hold one window [start_ns, end_ns] of clock domain `clock`; `bracket_ns` is how uncertain each edge is.

    `temperature_c` is what the device said before its start and after its end; None where nobody asked, or it could not say. `disturbed`
    are the codes of what got into it between two looks at the machine, one before and one after it, such as "run.stolen".
    """

    phase: Phase
    index: int
    clock: str
    start_ns: int
    end_ns: int
    bracket_ns: int = 0
    inferences: int | None = None
    latency: Latency | None = None
    invalid: str | None = None
    pacing: Pacing | None = None
    temperature_c: tuple[float | None, float | None] | None = None
    disturbed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.inferences or 0) < 0 or self.bracket_ns < 0:
            raise ValueError(
                f"window {self.phase}[{self.index}] counts below 0: {self.inferences} inferences, bracket {self.bracket_ns} ns"
            )
        if max(abs(self.start_ns), abs(self.end_ns)) >= LAST_NS:
            raise ValueError(f"window {self.phase}[{self.index}] lies beyond any clock: {self.start_ns:.6g} to {self.end_ns:.6g} ns")
        if self.end_ns <= self.start_ns:
            raise ValueError(f"window {self.phase}[{self.index}] has no length: {self.start_ns} to {self.end_ns}")

    @property
    def duration_s(self) -> float:
        """Return the length in seconds."""
        return (self.end_ns - self.start_ns) / 1e9
