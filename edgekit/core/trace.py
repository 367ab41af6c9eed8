"""Hold raw readings as they were read. Unwrapping, clock mapping and integration are functions of `edgekit.energy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold one raw reading: midpoint time `t_ns` of the read in its clock domain, half-width `bracket_ns` of the read, raw `value`."""

    channel: str
    t_ns: int
    bracket_ns: int
    value: float
    flags: int = 0


LAST_NS = 2**62  # 146 years: what is computed from such times stays within 64 bits
FLAG_GAP = 1  # the instrument said that readings before this one were lost
FLAG_INVALID = 2  # the reading itself is not usable (empty, torn, NaN, refused); its value says nothing
FLAG_OVER = 4  # the instrument's range was exceeded: the value is a lower limit, and no energy is stated for a window that holds one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Hold readings of one channel on one clock, all of them or a block: arrays of equal length, times in ns and never rewritten."""

    channel: str
    clock: str
    t_ns: NDArray[np.int64]
    bracket_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    flags: NDArray[np.uint8]

    def __post_init__(self) -> None:
        lengths = {len(self.t_ns), len(self.bracket_ns), len(self.value), len(self.flags)}
        if len(lengths) != 1:
            raise ValueError(f"trace {self.channel}: columns differ in length {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.t_ns)


def single(readings: Sequence[Reading] | Trace) -> Sequence[Reading]:
    """Return the readings of a block one by one; what comes one by one as it is."""
    if not isinstance(readings, Trace):
        return readings
    columns = (readings.t_ns.tolist(), readings.bracket_ns.tolist(), readings.value.tolist(), readings.flags.tolist())
    return [
        Reading(channel=readings.channel, t_ns=t_ns, bracket_ns=bracket_ns, value=value, flags=flags)
        for t_ns, bracket_ns, value, flags in zip(*columns, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkedTrace:
    """Hold a trace too large for the memory: `chunks()` begins anew and yields its readings in order, piece by piece."""

    channel: str
    clock: str
    rows: int
    chunks: Callable[[], Iterator[Trace]]

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """Point from a run record to a stored trace: path relative to the run folder, row count and sha256 of the file."""

    channel: str
    clock: str
    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMap:
    """Map times of clock domain `source` onto `target`: t_target = t_source + offset_ns + drift * (t_source - at_ns), within bracket_ns."""

    source: str
    target: str
    offset_ns: int
    bracket_ns: int
    at_ns: int
    drift: float = 0.0

    def __post_init__(self) -> None:
        times_ns = (self.offset_ns, self.bracket_ns, self.at_ns)
        if max(map(abs, times_ns)) >= LAST_NS or self.bracket_ns < 0 or not abs(self.drift) < 1:
            told = f"offset {self.offset_ns:.6g} ns, bracket {self.bracket_ns:.6g} ns at {self.at_ns:.6g} ns, drift {self.drift:g}"
            raise ValueError(f"clock map from {self.source} to {self.target}: {told} cannot be meant")
