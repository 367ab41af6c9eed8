"""Say when an instrument looks: a period with jitter that is a function of the tick number, the same for every reader."""

from __future__ import annotations

from dataclasses import dataclass

_MASK = (1 << 64) - 1


def scramble(seed: int, number: int) -> int:
    """Return 24 pseudo-random bits for a number (the finaliser of splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """Tick number k comes at k * `period_ns`, up to `jitter_ns` (less than half a period) earlier or later; times count from the epoch."""

    period_ns: int
    jitter_ns: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.period_ns < 1 or not 0 <= 2 * self.jitter_ns < self.period_ns:
            raise ValueError("ticks need a positive period and a jitter below half of it")

    def at(self, number: int) -> int:
        """Return the time of a tick, in ns since the epoch."""
        shift = (scramble(self.seed, number) * 2 * self.jitter_ns >> 24) - self.jitter_ns if self.jitter_ns else 0
        return number * self.period_ns + shift

    def last(self, t_ns: int) -> int:
        """Return the number of the last tick at or before `t_ns`."""
        number = t_ns // self.period_ns + 1
        while self.at(number) > t_ns:
            number -= 1
        return number
