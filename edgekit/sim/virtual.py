"""Emulate sensors in virtual time on a power whose integral is exact: vectorised, for thousands of runs in a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, Trace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RAPL_UNIT_NJ = 61_035  # the kernel's integer nanojoules for 2^-14 J
RAPL_WRAP_UJ = (2**32 - 1) * RAPL_UNIT_NJ // 1000 + 61


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Hold power as steps: `watts[i]` from `at_s[i]` to `at_s[i + 1]`; `total_j` is the energy drawn up to each of them."""

    at_s: Floats
    watts: Floats
    total_j: Floats

    def energy_j(self, t_s: Floats | float) -> Floats:
        """Return the exact energy from the first step to each time."""
        import numpy as np

        return np.asarray(np.interp(t_s, self.at_s, self.total_j))

    def power_w(self, t_s: Floats) -> Floats:
        """Return the power at each time."""
        import numpy as np

        place = np.clip(np.searchsorted(self.at_s, t_s, side="right") - 1, 0, len(self.watts) - 1)
        return np.asarray(self.watts[place])


def steps(at_s: Floats, watts: Floats) -> Steps:
    """Return power as steps between `at_s`, one value of `watts` fewer than times."""
    import numpy as np

    return Steps(at_s=at_s, watts=watts, total_j=np.concatenate([[0.0], np.cumsum(watts * np.diff(at_s))]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Hold what an instrument does to the truth: reading = (1 + gain) * watts + offset_w."""

    gain: float = 0.0
    offset_w: float = 0.0


def tick_times(random: np.random.Generator, *, until_s: float, period_s: float, jitter: float) -> Floats:
    """Return when a counter is updated: every `period_s` from a random phase on, each tick off by up to `jitter` of a period."""
    import numpy as np

    count = int(until_s / period_s) + 3
    ticks = (np.arange(count) - 1 + random.random()) * period_s
    return np.asarray(ticks + jitter * period_s * (random.random(count) - 0.5))


def counted_j(power: Steps, ticks: Floats, errors: Errors, *, sampled_fraction: float = 1.0) -> Floats:
    """Return the joules that the counter holds from each tick on; of each period the sensor looks at the last `sampled_fraction`."""
    import numpy as np

    if sampled_fraction >= 1:
        seen = power.energy_j(ticks)
    else:
        period = np.diff(ticks, prepend=2 * ticks[0] - ticks[1])
        looked = power.energy_j(ticks) - power.energy_j(ticks - sampled_fraction * period)
        seen = np.cumsum(looked / sampled_fraction)
    return np.asarray((1 + errors.gain) * seen + errors.offset_w * ticks)


def poll_times(random: np.random.Generator, *, until_s: float, period_s: float, late: float = 0.02) -> tuple[Floats, Floats]:
    """Return (when a poller really reads, by how much it may be off): it is a little late always, and a lot now and then."""
    import numpy as np

    due = np.arange(int(until_s / period_s)) * period_s
    held_up = random.random(len(due)) < late
    t = due + period_s * (0.1 * random.random(len(due)) + held_up * 3 * random.random(len(due)))
    bracket = np.full(len(t), min(10e-6, period_s / 4)) + held_up * 50e-6
    done = np.maximum.accumulate(t + bracket)
    kept = np.append(True, t[1:] - bracket[1:] >= done[:-1])  # what falls due while a read is held up is left out
    return t[kept], bracket[kept]


def read_counter(
    random: np.random.Generator, ticks: Floats, raw: Floats, reads: tuple[Floats, Floats], *, channel: str, clock: str
) -> Trace:
    """Return the trace of a poller: the counter is read anywhere within the bracket around the time that is noted."""
    import numpy as np

    t, bracket = reads
    really = t + bracket * (2 * random.random(len(t)) - 1)
    place = np.clip(np.searchsorted(ticks, really, side="right") - 1, 0, len(raw) - 1)
    return Trace(
        channel=channel,
        clock=clock,
        t_ns=np.round(t * 1e9).astype(np.int64),
        bracket_ns=np.ceil(bracket * 1e9).astype(np.int64),
        value=raw[place].astype(np.float64),
        flags=np.zeros(len(t), np.uint8),
    )


def rapl_counts(joules: Floats, start_j: float) -> Floats:
    """Return µJ as the kernel computes them: 32 bits of 2^-14 J, times 61035 nJ, in integers (drivers/powercap/intel_rapl_common.c)."""
    import numpy as np

    raw = np.floor((joules + start_j) / 2**-14).astype(np.int64) % 2**32
    return np.asarray((raw * RAPL_UNIT_NJ // 1000).astype(np.float64))


def read_power(
    random: np.random.Generator,
    power: Steps,
    t_s: Floats,
    errors: Errors,
    *,
    averaging_s: float,
    noise_w: float,
    quantum_w: float,
    lost: float,
    channel: str,
    clock: str,
    on_clock_s: Floats,
) -> Trace:
    """Return power readings at `t_s`, dated `on_clock_s`: each the mean over `averaging_s` before it, or the value then, with noise.

    A share `lost` of them never arrives; of these half leave a flag on the next, and half an unusable reading.
    """
    import numpy as np

    averaged = averaging_s > 0
    seen = (power.energy_j(t_s) - power.energy_j(t_s - averaging_s)) / averaging_s if averaged else power.power_w(t_s)
    watts = (1 + errors.gain) * seen + errors.offset_w + noise_w * random.standard_normal(len(t_s))
    value = np.round(watts / quantum_w) if quantum_w else watts
    gone = random.random(len(t_s)) < lost
    torn = gone & (random.random(len(t_s)) < 0.5)
    flags = np.zeros(len(t_s), np.uint8)
    flags[torn] = FLAG_INVALID
    value[torn] = np.nan
    after = np.flatnonzero(gone & ~torn) + 1
    flags[after[after < len(flags)]] |= FLAG_GAP
    kept = ~gone | torn
    return Trace(
        channel=channel,
        clock=clock,
        t_ns=np.round(on_clock_s[kept] * 1e9).astype(np.int64),
        bracket_ns=np.zeros(int(kept.sum()), np.int64),
        value=value[kept],
        flags=flags[kept],
    )
