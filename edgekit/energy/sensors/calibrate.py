r"""Find out how a sensor behaves from readings of it: how often its value changes, how it scatters, and what a read of it costs.

reads    | | | | | | | | | | | | | | |         A tick lies between the last read of the old value and the first of the new one;
value    o o o o N N N N N N M M M M M         its date is the middle of the two, uncertain by half their distance (the read
tick          ^-^         ^-^                  brackets included).

`edgekit.energy.sensors.response` finds out what a value looks at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.channel import Measurand
from edgekit.core.quantity import Estimate, Note, Origin, Quantity, Unknown
from edgekit.energy.sensors.counter import unwrap
from edgekit.energy.uncertainty.stats import t95

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.channel import Channel
    from edgekit.core.trace import Trace

_FEWEST_TICKS = 8
_READS_PER_TICK = 2.5  # below, a change is seen at nearly every reading and says nothing about when it happened
_ROUNDS, _HALF_WAY, _GUESSED = 20, 0.15, 0.02
_BARS, _TICKS_PER_BAR = 8, 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticks:
    """Hold the changes of a value: dates, half-widths of their brackets, and the value after each (watts, or joules since the first read).

    `spacing_ns` is how far the readings are apart, `span_ns` how long they lasted, `step` the smallest change the value can make.
    """

    t_ns: NDArray[np.float64]
    half_ns: NDArray[np.float64]
    value: NDArray[np.float64]
    spacing_ns: float
    span_ns: float
    step: float

    def __len__(self) -> int:
        return len(self.t_ns)


def ticks(trace: Trace, channel: Channel, *, max_power_w: float = 10_000.0) -> Ticks:
    """Return the changes of a counter or a power reading; readings flagged as unusable are left out."""
    import numpy as np

    good = trace.flags == 0
    t, bracket, raw = trace.t_ns[good].astype(np.float64), trace.bracket_ns[good].astype(np.float64), trace.value[good]
    if len(t) < 2:
        none = np.zeros(0)
        return Ticks(t_ns=none, half_ns=none, value=none, spacing_ns=math.nan, span_ns=0.0, step=0.0)
    if channel.measurand is Measurand.ENERGY_COUNTER:
        value, _ = unwrap(raw, trace.t_ns[good], scale=channel.scale, wrap=channel.wrap, max_power_w=max_power_w)
    else:
        value = raw * channel.scale
    at = np.flatnonzero(np.diff(raw) != 0) + 1
    earliest, latest = t[at - 1] - bracket[at - 1], t[at] + bracket[at]
    return Ticks(
        t_ns=(earliest + latest) / 2,
        half_ns=(latest - earliest) / 2,
        value=value[at],
        spacing_ns=float(np.median(np.diff(t))),
        span_ns=float(t[-1] - t[0]),
        step=(channel.quantum or 0.0) * channel.scale,
    )


def update_period(found: Ticks, *, origins: Sequence[Origin], counter: bool) -> Quantity:
    """Return the seconds between two updates of a value, from the gaps between its ticks; Unknown when it was read too slowly to tell.

    Gaps are whole multiples of the period, because a tick is missed when the value stays the same or the reader sleeps. With m_i updates
    in gap g_i the period is T = sum(g_i) / sum(m_i), where m_i = g_i / T rounded: repeated from the shortest common gap on until it stands
    still. Gaps beside a widely bracketed tick are left out. The standard uncertainty is that of the residuals g_i - m_i T taken as
    independent, too wide where the sensor keeps time and right where its delays add up. Where many gaps lie half-way between two multiples
    their count is a guess, and the period is the one whose rhythm the ticks keep best (`_rhythm`).
    """
    import numpy as np

    if len(found) < _FEWEST_TICKS:
        seconds = found.span_ns / 1e9
        return Unknown(reason=f"the value changed only {len(found)} times in {seconds:.2g} s", unit="s", origins=tuple(origins))
    gaps = np.diff(found.t_ns)
    if (between := float(np.median(gaps))) < _READS_PER_TICK * found.spacing_ns:
        why = f"it changed at nearly every reading, and readings were {found.spacing_ns / 1e6:.3g} ms apart: the period is at most "
        return Unknown(reason=why + f"{between / 1e6:.3g} ms, and faster readings would tell", unit="s", origins=tuple(origins))
    if counter and found.step and float(np.median(np.diff(found.value))) < 2.5 * found.step:
        why = "the counter moved by one or two of its smallest steps at a time: what was seen is its resolution, not its period"
        return Unknown(reason=why, unit="s", origins=tuple(origins))
    shortest = float(np.quantile(gaps, 0.2))
    base = float(np.median(gaps[gaps < 1.5 * shortest]))
    sharp = found.half_ns <= 3 * np.median(found.half_ns)
    gaps = gaps[sharp[1:] & sharp[:-1] & (gaps < 4.5 * base)]
    if len(gaps) < _FEWEST_TICKS:
        return Unknown(reason="hardly two changes in a row were seen: the reader was held up too often", unit="s", origins=tuple(origins))
    period = base
    for _ in range(_ROUNDS):
        multiples = np.round(gaps / period)
        count = max(1.0, float(np.sum(multiples)))
        period = float(np.sum(gaps)) / count
    scatter = gaps - multiples * period
    n = len(gaps)
    u = math.sqrt(float(np.sum(scatter**2)) * n / (n - 1)) / count
    half = t95(n - 1) * math.hypot(u, float(np.median(found.half_ns)) / count)
    if np.mean((gaps > period) & (np.abs(gaps / period % 1 - 0.5) < _HALF_WAY)) > _GUESSED:
        period, half = _rhythm(found.t_ns[found.half_ns <= 3 * np.median(found.half_ns)], period)
    jitter = Note(code="sensor.jitter", text=f"gaps between updates scatter by {float(np.std(scatter)) / 1e6:.2g} ms, reading included")
    return _estimate(period / 1e9, half / 1e9, "s", origins, n=n, notes=(jitter,))


def _rhythm(t_ns: NDArray[np.float64], near_ns: float) -> tuple[float, float]:
    """Return (period, half-width) in ns of the strongest rhythm near `near_ns`: the peak of the periodogram of the ticks' dates.

    Bars of a few ticks are squared before they are added, so that delays may add up over longer times. The half-width is that of the mean
    of eight parts of the ticks, each with a peak of its own, and two steps of the grid of periods.
    """
    import numpy as np

    candidates = near_ns * np.linspace(0.75, 1.35, 601)

    def strength(bar: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.abs(np.exp(2j * np.pi * np.outer(1 / candidates, bar - bar[0])).sum(axis=1)) ** 2, np.float64)

    bars = [strength(bar) for bar in np.array_split(t_ns, max(_BARS, len(t_ns) // _TICKS_PER_BAR)) if len(bar)]
    parts = [float(candidates[np.argmax(np.sum(bars[place::_BARS], axis=0))]) for place in range(min(_BARS, len(bars)))]
    scatter = t95(len(parts) - 1) * float(np.std(parts, ddof=1)) / math.sqrt(len(parts))
    return float(candidates[np.argmax(np.sum(bars, axis=0))]), math.hypot(scatter, 2 * float(candidates[1] - candidates[0]))


def tick_watts(found: Ticks, channel: Channel, period_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (dates in ns, half-widths in ns, watts) of the ticks whose watts are known: for a counter, those one period after another.

    A counter's step is divided by the period where the counter keeps time to within the brackets, by the gap itself where it does not.
    """
    import numpy as np

    sharp = found.half_ns <= 3 * np.median(found.half_ns)
    if channel.measurand is not Measurand.ENERGY_COUNTER:
        return found.t_ns[sharp], found.half_ns[sharp], found.value[sharp]
    period_ns = period_s * 1e9
    gaps = np.diff(found.t_ns)
    single = sharp[1:] & sharp[:-1] & (np.abs(gaps / period_ns - 1) < 0.45)
    if not np.any(single):
        return found.t_ns[:0], found.half_ns[:0], found.value[:0]
    keeps_time = float(np.std(gaps[single])) <= 2 * float(np.median(found.half_ns))
    seconds = period_s if keeps_time else gaps[single] / 1e9
    return found.t_ns[1:][single], found.half_ns[1:][single], np.diff(found.value)[single] / seconds


def mean_power(watts: NDArray[np.float64], *, origins: Sequence[Origin]) -> Quantity:
    """Return the mean of the watts of ticks at constant load, with the interval that eight batches of them support."""
    import numpy as np

    if len(watts) < _FEWEST_TICKS:
        return Unknown(reason=f"only {len(watts)} updates were seen meanwhile", unit="W", origins=tuple(origins))
    batches = [float(np.mean(batch)) for batch in np.array_split(watts, min(8, len(watts) // 2))]
    half = t95(len(batches) - 1) * float(np.std(batches, ddof=1)) / math.sqrt(len(batches))
    return _estimate(float(np.mean(watts)), half, "W", origins, n=len(watts))


def noise(watts: NDArray[np.float64], *, step_w: float, origins: Sequence[Origin]) -> Quantity:
    """Return the standard deviation of watts at constant load, from differences of neighbours, so that slow drift is not taken for noise.

    The mean square successive difference (von Neumann 1941) has a relative standard uncertainty of sqrt(3 / n) / 2. Where no two
    differ, the noise is below the step of the value: its interval ends at step / sqrt(3), the 95 % point of what rounding hides.
    """
    import numpy as np

    if len(watts) < _FEWEST_TICKS:
        return Unknown(reason=f"only {len(watts)} updates were seen at constant load", unit="W", origins=tuple(origins))
    value = float(np.sqrt(np.mean(np.diff(watts) ** 2) / 2))
    half = max(1.96 * value * math.sqrt(3 / len(watts)) / 2, step_w / math.sqrt(3))
    return _estimate(value, half, "W", origins, n=len(watts), least=0.0)


def read_cost(trace: Trace, *, origins: Sequence[Origin]) -> Quantity:
    """Return how long one read of the value takes, the median, with the range of 95 % of the reads."""
    import numpy as np

    if not len(trace):
        return Unknown(reason="nothing was read", unit="s", origins=tuple(origins))
    low, middle, high = (float(x) * 2e-9 for x in np.quantile(trace.bracket_ns, (0.025, 0.5, 0.975)))
    spread = Note(code="sensor.read_range", text="the interval is the range of 95 % of the reads")
    return Estimate(value=middle, low=low, high=high, unit="s", origins=tuple(origins), n=len(trace), notes=(spread,))


def counter_ratio(counted_j: Sequence[float], integrated_j: Sequence[float], *, origins: Sequence[Origin]) -> Quantity:
    """Return counted joules for each joule integrated from power readings of the same place, over stretches that both cover.

    A ratio of sums; its standard uncertainty is that of the residuals counted - ratio x integrated (Cochran 1977, 6.4).
    """
    total, n = math.fsum(integrated_j), len(counted_j)
    if n < 3 or total <= 0:
        return Unknown(reason=f"only {n} stretches are covered by both the counter and power readings", unit="1", origins=tuple(origins))
    ratio = math.fsum(counted_j) / total
    squares = math.fsum((one - ratio * other) ** 2 for one, other in zip(counted_j, integrated_j, strict=True))
    return _estimate(ratio, t95(n - 1) * math.sqrt(squares * n / (n - 1)) / total, "1", origins, n=n)


def _estimate(
    value: float,
    half: float,
    unit: str,
    origins: Sequence[Origin],
    *,
    n: int,
    notes: tuple[Note, ...] = (),
    least: float = -math.inf,
) -> Estimate:
    return Estimate(
        value=value,
        low=max(least, value - half),
        high=value + half,
        unit=unit,  # type: ignore[arg-type]
        origins=tuple(origins),
        n=n,
        notes=notes,
    )
