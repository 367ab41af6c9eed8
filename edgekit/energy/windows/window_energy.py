"""Hold what one channel says of one window: joules, how much of it was seen, and what each effect may have done to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Hold what one effect adds to the uncertainty of one window: standard uncertainty `u_j` in joules under the name of its budget term.

    `common` effects err alike in every window of a run, so that more windows do not help; the others err anew in each window, so that
    they are part of the scatter of the windows too.
    """

    name: str
    u_j: float
    common: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnergy:
    """Hold the energy of one window in joules and how it was cut out of the readings.

    `coverage` is the share of the window that readings cover, `edge_s` how far apart the readings are between which an edge was
    interpolated, and `bracket_s` how differently old the counts at both edges may have been when they were read (standard uncertainty).
    An aligned window rests on the `span_s` between two updates of the sensor inside it, known within `bracket_s`, and leaves `cut_s` at
    its start and its end to be filled with the mean power of the rest. `ticks` updates lie inside it,
    `cell_s` apart, and the power between them spreads by `spread_w` (standard deviation); `rough_w` is the same from one to the next.
    `levels` is how many different values there are among its power readings, 0 where nobody counted, and `repeats_after` after how many
    of them they repeat themselves, 0 where they do not.
    """

    joules: float
    coverage: float
    edge_s: float
    reason: str | None = None
    ticks: int = 0
    span_s: float | None = None
    bracket_s: float = 0.0
    cut_s: tuple[float, float] = (0.0, 0.0)
    cell_s: float = 0.0
    spread_w: float = 0.0
    rough_w: float = 0.0
    levels: int = 0
    repeats_after: int = 0
    missing_s: float = 0.0
    effects: tuple[Effect, ...] = ()
