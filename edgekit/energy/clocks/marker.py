r"""Find a load of known times in a meter's readings: the pattern is moved along them until it fits (S3).

load      |^^^^^^^^^|___|^^^|_|^|_|^|      13 chips of Barker's code, 1111100110101: moved by one chip or more it hardly fits itself
readings       . ' ' ' ' . _ . ' . ' .
               -->| |<-- delay

Where the load was on, every reading is a + b t + A s(t - delay), s being the share of the stretch that the reading looks back on during
which the load was on. The delay of the best fit by least squares is the peak of the correlation between readings and pattern; how sharp
the peak is against what the fit leaves says how well the delay is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from edgekit.core.trace import ClockMap
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.clock import CRYSTAL, ClockLine, clock_line
from edgekit.energy.sensors.readings import usable
from edgekit.energy.sensors.response import Load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.trace import ChunkedTrace, Trace

BARKER = (1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1)  # Barker 1953: autocorrelation of 13 beside 1 at most
PAD_CHIPS = 4  # of rest on both sides, and how far the pattern is moved either way
LEAST_RATIO = 1.5  # of the best fit's correlation to that of the best fit elsewhere; a guess that nobody tested on instruments
_CLEAR = 6.0  # standard errors by which the load must show
_STRONG = 0.5  # a correlation that is no accident, wherever the pattern belongs
_INFERRING = (Phase.WARMUP, Phase.MARKER, Phase.MEASURE, Phase.PROFILE)
_MOST_READINGS, _FEWEST_READINGS = 4096, 26
_ROUNDS, _GRID = 3, 241


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Hold one marker as found: how much later than thought it was read, within the standard uncertainty `u_s`; `at_ns` is its middle.

    `ratio` is that of the best fit's correlation to the best one elsewhere.
    """

    at_ns: int
    delay_s: float
    u_s: float
    ratio: float


def stretches(chip_s: float) -> list[tuple[bool, float]]:
    """Return the pattern as (whether to load, seconds), one after the other."""
    return [(bool(on), chip_s * len(list(same))) for on, same in groupby(BARKER)]


def busy_spans(chip_s: float) -> list[tuple[float, float]]:
    """Return when to load within a marker and its rests, as (from, to) in seconds."""
    spans, t = [], PAD_CHIPS * chip_s
    for on, seconds in stretches(chip_s):
        spans += [(t, t + seconds)] if on else []
        t += seconds
    return spans


def marker_s(chip_s: float) -> float:
    """Return how long a marker takes with its rests."""
    return (len(BARKER) + 2 * PAD_CHIPS) * chip_s


def load_of(windows: Sequence[Window]) -> Load:
    """Return when the device inferred, from its windows."""
    import numpy as np

    busy = sorted((window.start_ns, window.end_ns) for window in windows if window.phase in _INFERRING)
    edges = [edge for pair in busy for edge in pair]
    return Load(t_ns=np.array(edges, np.float64), share=np.array([1.0, 0.0] * len(busy)))


def marker_line(
    trace: Trace | ChunkedTrace, windows: Sequence[Window], *, base: ClockLine, look_s: float, update_s: float, chip_s: float
) -> tuple[ClockLine, list[Marker]] | str:
    """Return the line from the windows' clock to the dates of readings, and the markers it rests on; or why there is none.

    `windows` are all of a run: those of phase `marker` make the patterns, one for each index. `base` is the line as it is known without
    them, `look_s` how long each reading looks back, `update_s` how often it is new.
    """
    marks = [window for window in windows if window.phase is Phase.MARKER]
    if not marks:
        return "no marker was driven"
    load = load_of(windows)
    found: list[Marker] = []
    for index in sorted({window.index for window in marks}):
        own = [window for window in marks if window.index == index]
        span = (min(window.start_ns for window in own), max(window.end_ns for window in own))
        item = find_marker(trace, load, span, base=base, look_s=look_s, update_s=update_s, chip_s=chip_s)
        if isinstance(item, str):
            return f"marker {index + 1}: {item}"
        found.append(item)
    maps = [_as_map(item, marks[0].clock, base) for item in found]
    if wrong := _apart(found):
        return wrong
    return clock_line(maps, source=marks[0].clock, target=_OWN), found


def find_marker(
    trace: Trace | ChunkedTrace, load: Load, span: tuple[int, int], *, base: ClockLine, look_s: float, update_s: float, chip_s: float
) -> Marker | str:
    """Return where the load between `span` (start_ns, end_ns of the device's clock) shows in the readings, or why it cannot be said."""
    import numpy as np

    reach_s = PAD_CHIPS * chip_s
    start, end = (base.on_target(edge) for edge in span)
    t, y, spacing_s = _between(trace, start - round(reach_s * 1e9), end + round(reach_s * 1e9))
    if len(t) < _FEWEST_READINGS:
        return f"only {len(t)} readings were made around it"
    at_ns = (span[0] + span[1]) // 2
    binned, look_s = _binned(t, y, look_s)
    fit = _Fit(*binned, load=_moved(load, base), look_s=look_s)
    delays = np.arange(-reach_s, reach_s, min(chip_s / 10, max(spacing_s / 2, chip_s / 50)))
    strength = fit.correlation(delays)
    best = int(np.argmax(strength))
    elsewhere = np.abs(delays - delays[best]) > chip_s + look_s / 2
    ratio = float(strength[best]) / max(float(np.max(strength[elsewhere], initial=0.0)), 1e-6)
    fits = ratio >= LEAST_RATIO
    if strength[best] <= 0 or ((fits or strength[best] < _STRONG) and fit.clearness(float(delays[best])) < _CLEAR):
        return "the load does not stand out of what else the meter read"
    if not fits:
        return f"it is ambiguous: the pattern fits {ratio:.2f} times as well as at another place, and {LEAST_RATIO:g} times is asked"
    if not 0 < best < len(delays) - 1:
        return f"it lies {reach_s:.2g} s away or more"
    delay_s, u_s = fit.placed(float(delays[best]), float(delays[1] - delays[0]) + spacing_s)
    held_s = update_s if update_s > 1.5 * spacing_s else 0.0 if look_s >= spacing_s else spacing_s
    return Marker(at_ns=at_ns, delay_s=delay_s, u_s=math.hypot(u_s, held_s / 12**0.5), ratio=ratio)


class _Fit:
    """Fit y = a + b t + A s(t - delay) to readings that look back on `look_s` each."""

    def __init__(self, t_ns: NDArray[np.int64], y: NDArray[np.float64], *, load: Load, look_s: float) -> None:
        import numpy as np

        self._t = t_ns.astype(np.float64)
        self._load, self._look_ns = load, max(look_s, 1e-6) * 1e9
        line = np.vander((self._t - self._t.mean()) / max(float(np.ptp(self._t)), 1.0), 2)
        self._line, _ = np.linalg.qr(line)
        self._y = self._free(y[None, :])[0]
        self._total = float(self._y @ self._y)

    def _free(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rows without their straight line in time."""
        import numpy as np

        return np.asarray(rows - (rows @ self._line) @ self._line.T)

    def _pattern(self, delays_s: NDArray[np.float64]) -> NDArray[np.float64]:
        until = self._t[None, :] - delays_s[:, None] * 1e9
        return self._free((self._load.seconds_on(until) - self._load.seconds_on(until - self._look_ns)) / (self._look_ns / 1e9))

    def correlation(self, delays_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the correlation of readings and pattern at each delay."""
        import numpy as np

        rows = self._pattern(delays_s)
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows) * self._total)
        return np.asarray(np.divide(rows @ self._y, norms, out=np.zeros(len(rows)), where=norms > 0))

    def _left(self, delays_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of squares that is left at each delay."""
        import numpy as np

        return np.asarray(self._total * (1 - np.clip(self.correlation(delays_s), 0.0, 1.0) ** 2))

    def clearness(self, delay_s: float) -> float:
        """Return by how many of its standard errors the load shows."""
        import numpy as np

        share = float(self.correlation(np.array([delay_s]))[0])
        freedom = max(1, len(self._t) - 4)
        return share * math.sqrt(freedom / max(1e-12, 1 - share**2)) / self._bound(delay_s)

    def _bound(self, delay_s: float) -> float:
        """Return by how much neighbours that err alike widen a standard error."""
        import numpy as np

        (row,) = self._pattern(np.array([delay_s]))
        rest = self._y - row * float(row @ self._y) / max(float(row @ row), 1e-30)
        alike = min(0.98, max(0.0, float(rest[1:] @ rest[:-1]) / max(float(rest @ rest), 1e-30)))
        return math.sqrt((1 + alike) / (1 - alike))

    def placed(self, near_s: float, within_s: float) -> tuple[float, float]:
        """Return (delay, standard uncertainty): mean and spread of the delays, each weighed by how likely it makes what is left."""
        import numpy as np

        for _ in range(_ROUNDS):
            delays = near_s + np.linspace(-within_s, within_s, _GRID)
            left = self._left(delays)
            least = float(left.min())
            variance = max(least / max(1, len(self._t) - 4), 1e-9 * self._total / len(self._t)) * self._bound(near_s) ** 2
            weights = np.exp(-(left - least) / (2 * variance))
            weights /= weights.sum()
            near_s = float(weights @ delays)
            u_s = math.sqrt(float(weights @ (delays - near_s) ** 2))
            step_s = float(delays[1] - delays[0])
            if u_s > 3 * step_s:
                break
            within_s = 8 * max(u_s, step_s)
        return near_s, math.hypot(u_s, step_s)


def _between(trace: Trace | ChunkedTrace, start_ns: int, end_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Return (times, values, usual seconds between) of the usable readings of a stretch."""
    import numpy as np

    t, _, y = usable(trace)
    part = slice(int(np.searchsorted(t, start_ns)), int(np.searchsorted(t, end_ns)))
    t, y = t[part], y[part]
    return t, y, float(np.median(np.diff(t))) / 1e9 if len(t) > 1 else math.inf


def _binned(t: NDArray[np.int64], y: NDArray[np.float64], look_s: float) -> tuple[tuple[NDArray[np.int64], NDArray[np.float64]], float]:
    """Return readings as means of so many that few are left, and how long each of them looks back."""
    size = -(-len(t) // _MOST_READINGS)
    if size == 1:
        return (t, y), look_s
    whole = len(t) // size * size
    blocks = t[:whole].reshape(-1, size)
    return (blocks[:, -1], y[:whole].reshape(-1, size).mean(axis=1)), look_s + float((blocks[:, -1] - blocks[:, 0]).mean()) / 1e9


def _moved(load: Load, base: ClockLine) -> Load:
    """Return a load on the clock of the readings."""
    moved = load.t_ns + base.offset_ns + base.drift * (load.t_ns - base.at_ns)
    return Load(t_ns=moved, share=load.share)


def _as_map(found: Marker, source: str, base: ClockLine) -> ClockMap:
    offset_ns = base.on_target(found.at_ns) - found.at_ns + round(found.delay_s * 1e9)
    return ClockMap(source=source, target=_OWN, offset_ns=offset_ns, bracket_ns=math.ceil(found.u_s * 3**0.5 * 1e9), at_ns=found.at_ns)


_OWN = "readings"


def _apart(found: Sequence[Marker]) -> str | None:
    """Return what is wrong where two markers were read so differently late that no clock explains it."""
    if len(found) < 2:
        return None
    first, last = found[0], found[-1]
    step_s, span_s = last.delay_s - first.delay_s, (last.at_ns - first.at_ns) / 1e9
    if abs(step_s) <= 4 * math.hypot(first.u_s, last.u_s) + 2 * CRYSTAL * span_s:
        return None
    return f"they were read {first.delay_s:.3g} s and {last.delay_s:.3g} s late, and no clock drifts by so much"
