r"""Find out which stretch of the past a sensor's value looks at, from what it said about a load that is known edge by edge.

load    __|^^^^|____|^^^^^|___|^^^^|__        Tick k at time t_k shows p0 + A s_k, where s_k is the share of the stretch
looked at     [--w--]<-lag->t_k               [t_k - lag - w, t_k - lag] during which the load was on.

Every pair (w, lag) of a grid gives shares s_k, and a straight line through (s_k, watts) by least squares; the pair with the smallest
residual wins. With a square wave whose period is close to the update period T, t_k sweeps through all phases of the load, and watts over
phase is the trapezoid that a box of width w makes of a box of width duty x T: steep flanks for a sensor that looks a quarter of the time,
none for one that looks all the time. The sampled fraction is f = w / T; a w longer than T is a running average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEP = 0.02  # of the update period: the grid of widths and lags
_LONGEST_AVERAGE_S = 3.0
_RESAMPLES = 200
_BLOCK = 4  # ticks resampled together, because neighbours share slow changes of the load's power
_FEWEST_TICKS = 30
_CLEAR = 8.0  # the load must move the reading by this many standard uncertainties
_WIDEST = 0.2  # a fraction known to no better than this (95 %) is not told


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Load:
    """Hold when a load was on: its `share` (0 to 1) from each time of `t_ns` to the next; zero before the first and after the last."""

    t_ns: NDArray[np.float64]
    share: NDArray[np.float64]

    def seconds_on(self, until_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds for which the load was on before each time of `until_ns`."""
        import numpy as np

        lengths = np.diff(self.t_ns) * self.share[:-1] / 1e9
        on = np.concatenate([[0.0], np.cumsum(lengths)])
        return np.asarray(np.interp(until_ns, self.t_ns, on), np.float64)


def load_of(threads: Sequence[Sequence[Sequence[int]]]) -> Load:
    """Return the load that several threads made together; each row [start_ns, end_ns, busy_ns] says for how long of it one was busy."""
    import numpy as np

    rows = [(start, end, on / (end - start)) for own in threads for start, end, on in own if end > start]
    edges = sorted((t, step) for start, end, share in rows for t, step in ((start, share), (end, -share)))
    if not edges:
        return Load(t_ns=np.zeros(2), share=np.zeros(2))
    share = np.cumsum([step for _, step in edges]) / len(threads)
    return Load(t_ns=np.array([t for t, _ in edges], np.float64), share=np.clip(share, 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Hold what a value looks at: `window_s` long, ending `lag_s` before the tick; `swing_w` is what the whole load adds to it."""

    window_s: Quantity
    lag_s: float | None = None
    swing_w: float | None = None
    residual_w: float | None = None


def response(
    t_ns: NDArray[np.float64],
    half_ns: NDArray[np.float64],
    watts: NDArray[np.float64],
    load: Load,
    *,
    period_s: float,
    running_average: bool,
    origins: Sequence[Origin],
    seed: int = 0,
) -> Response:
    """Return the stretch that each value looks at; its interval comes from resampled blocks of ticks, the grid and the tick brackets.

    `running_average` allows stretches longer than the update period, which a power reading may have and a counter cannot.
    """
    import numpy as np

    if len(t_ns) < _FEWEST_TICKS:
        return _unknown(f"only {len(t_ns)} updates were seen while the load changed", origins)
    widths, lags = _grid(period_s, running_average)
    shares = _shares(t_ns, load, widths, lags)
    weights = _resampled(len(t_ns), seed)
    residual, slope = _fits(shares, watts, weights)
    best = np.argmin(residual, axis=0)
    width = widths[best // len(lags)]
    here = int(best[0])
    freedom = max(1, len(t_ns) - 4)
    residual_w = math.sqrt(max(0.0, float(residual[here, 0])) / freedom)
    swing_w = float(slope[here, 0])
    spread = float(np.std(shares[here])) * math.sqrt(len(t_ns))
    if swing_w <= 0 or (residual_w > 0 and swing_w * spread < _CLEAR * residual_w):
        return _unknown(f"the load moved the reading by {swing_w:.2g} W, too little against its scatter of {residual_w:.2g} W", origins)
    value, lag = _refined(t_ns, watts, load, float(width[0]), float(lags[here % len(lags)]), period_s)
    step_s = float(np.max(np.diff(widths[max(0, here // len(lags) - 1) : here // len(lags) + 2])))
    u = math.sqrt(float(np.var(width[1:])) + step_s**2 / 12 + (float(np.median(half_ns)) / 1e9) ** 2 / 3)
    found = Estimate(value=value, low=max(0.0, value - 2 * u), high=value + 2 * u, unit="s", origins=tuple(origins), n=len(t_ns))
    return Response(window_s=found, lag_s=lag, swing_w=swing_w, residual_w=residual_w)


def sampled_fraction(window_s: Quantity, period_s: Quantity) -> Quantity:
    """Return which share of every update period is looked at: the window over the period, one at most; Unknown when it is too vague."""
    if isinstance(window_s, Unknown) or isinstance(period_s, Unknown):
        reason = next(item.reason for item in (window_s, period_s) if isinstance(item, Unknown))
        return Unknown(reason=reason, unit="1", origins=window_s.origins)
    value = window_s.value / period_s.value
    half = math.hypot((window_s.high - window_s.value) / window_s.value, (period_s.high - period_s.value) / period_s.value) * value
    low, high = min(1.0, max(0.0, value - half)), min(1.0, value + half)
    if high - low > 2 * _WIDEST:
        return Unknown(
            reason=f"it lies between {low:.2f} and {high:.2f}: the load could not date it better", unit="1", origins=window_s.origins
        )
    return Estimate(value=min(1.0, value), low=low, high=high, unit="1", origins=window_s.origins, n=window_s.n)


def _unknown(reason: str, origins: Sequence[Origin]) -> Response:
    return Response(window_s=Unknown(reason=reason, unit="s", origins=tuple(origins)))


def _grid(period_s: float, running_average: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (widths, lags) in seconds: widths up to one period and a little more, or to the longest average; lags to a little over one."""
    import numpy as np

    widths = np.arange(_STEP, 1.1, _STEP) * period_s
    if running_average and period_s < _LONGEST_AVERAGE_S:
        widths = np.concatenate([widths, np.geomspace(1.1 * period_s, 1.2 * _LONGEST_AVERAGE_S, 60)])
    return widths, np.arange(0.0, 1.2, _STEP) * period_s


def _refined(
    t_ns: NDArray[np.float64], watts: NDArray[np.float64], load: Load, width_s: float, lag_s: float, period_s: float
) -> tuple[float, float]:
    """Return the best (width, lag) of a finer grid around the best of the coarse one."""
    import numpy as np

    around = np.linspace(-_STEP, _STEP, 9) * period_s
    widths = np.clip(width_s + around * max(1.0, width_s / period_s), _STEP / 4 * period_s, None)
    lags = np.clip(lag_s + around, 0.0, None)
    residual, _ = _fits(_shares(t_ns, load, widths, lags), watts, np.ones((len(t_ns), 1)))
    best = int(np.argmin(residual[:, 0]))
    return float(widths[best // len(lags)]), float(lags[best % len(lags)])


def _shares(t_ns: NDArray[np.float64], load: Load, widths: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the load's share of each stretch: one row for each (width, lag), one column for each tick."""
    import numpy as np

    ends = t_ns - lags[:, None] * 1e9
    until_end = load.seconds_on(ends)
    rows = [(until_end - load.seconds_on(ends - width * 1e9)) / width for width in widths]
    return np.concatenate(rows)


def _resampled(n: int, seed: int) -> NDArray[np.float64]:
    """Return weights of ticks, one column each: all ones first, then Bayesian bootstrap draws (Rubin 1981) for blocks of ticks."""
    import numpy as np

    blocks = -(-n // _BLOCK)
    drawn = np.random.default_rng(seed).exponential(size=(blocks, _RESAMPLES))
    return np.concatenate([np.ones((n, 1)), np.repeat(drawn, _BLOCK, axis=0)[:n]], axis=1)


def _fits(
    shares: NDArray[np.float64], watts: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (residual sums, slopes) of weighted straight lines of watts over each row of shares, for each column of weights."""
    import numpy as np

    total = np.sum(weights, axis=0)
    y = watts - np.mean(watts)
    mean_y = y @ weights / total
    mean_s = shares @ weights / total
    var_s = (shares**2) @ weights / total - mean_s**2
    both = (shares * y) @ weights / total - mean_s * mean_y
    slope = np.divide(both, var_s, out=np.zeros_like(both), where=var_s > 1e-9)
    slope = np.maximum(slope, 0.0)  # a load never saves power
    residual = (y**2) @ weights / total - mean_y**2 - slope * both
    return residual * len(watts), slope
