"""Provide a clock that moves only when told, so that an emulated run takes no time and repeats exactly."""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[int, int], None]


class ScriptedClock:
    """Advance by command; tell listeners each interval (from_ns, to_ns) that passes, so that instruments can tick within it."""

    domain = "sim"

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self._now_ns = start_ns
        self._listeners: list[Listener] = []

    def now_ns(self) -> int:
        """Return the scripted time in nanoseconds."""
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        """Advance by `seconds` at once."""
        self.advance(round(seconds * 1e9))

    def advance(self, step_ns: int) -> None:
        """Advance by `step_ns` (not negative) and tell every listener."""
        if step_ns < 0:
            raise ValueError("a monotonic clock does not go back")
        before = self._now_ns
        self._now_ns += step_ns
        for listener in list(self._listeners):
            listener(before, self._now_ns)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every advance; return the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
