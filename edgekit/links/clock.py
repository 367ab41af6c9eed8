"""Read this host's monotonic clock."""

from __future__ import annotations

import time


class HostClock:
    """Count nanoseconds on CLOCK_MONOTONIC, which every process of this host shares."""

    domain = "host"

    def now_ns(self) -> int:
        """Return the time in nanoseconds."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)


class SystemClock:
    """Read the wall clock. Used for names and dates only, never for durations."""

    def now_utc(self) -> str:
        """Return the date and time in UTC as ISO 8601 with seconds."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
