"""Read this host's monotonic clock."""

from __future__ import annotations

import time

_SLEPT_NS = 50_000_000  # two clocks are never read at the same moment; no machine falls asleep and wakes up faster


class HostClock:
    """Count nanoseconds on CLOCK_MONOTONIC, which every process of this host shares."""

    domain = "host"

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)


def slept_ns() -> int:
    """Return for how long this host was suspended since it started; 0 where it does not tell.

    The monotonic clock stands still meanwhile and the boot clock goes on. The tightest of several pairs of readings counts.
    """
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    if boot is None:
        return 0
    pairs = []
    for _ in range(5):
        before, there, after = time.monotonic_ns(), time.clock_gettime_ns(boot), time.monotonic_ns()
        pairs.append((after - before, there - (before + after) // 2))
    return min(pairs)[1]


def asleep(before_ns: int, after_ns: int) -> str | None:
    """Return why a window is not valid when the machine was suspended between its edges, where `slept_ns` was read; else None."""
    length_ns = after_ns - before_ns
    return f"the machine slept for {length_ns / 1e9:.1f} s" if length_ns > _SLEPT_NS else None


class SystemClock:
    """Read the wall clock. Used for names and dates only, never for durations."""

    def now_utc(self) -> str:
        """Return the date and time in UTC as ISO 8601 with seconds."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
