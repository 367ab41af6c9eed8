"""Say who a board is, and read the clock it shows."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.protocols import Clock
from edgekit.core.trace import ClockMap
from edgekit.devices.board_line import BoardLine
from edgekit.devices.tiny_protocol import Said, unwrapped_us

_EXCHANGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Hold what a board says of itself; `energy` is the build that pulses a pin where the other prints a time. `baud` of its line."""

    name: str
    profile: str
    model: str
    energy: bool
    baud: int

    @property
    def words(self) -> str:
        """Return all of it in words."""
        return f"{self.name} ({self.profile}, {'energy' if self.energy else 'performance'} build)"


class BoardClock:
    """Read the microseconds that a performance build prints, as nanoseconds that never wrap; an energy build's clock is the host's."""

    def __init__(self, line: BoardLine, clock: Clock, *, energy: bool) -> None:
        self._line = line
        self._clock = clock
        self._energy = energy
        self._offset_ns: int | None = None  # of the host less the board, when it was asked last
        self.domain = clock.domain if energy else "board"

    def map(self) -> ClockMap:
        """Return the map to the host's clock, from the tightest of several requests and replies."""
        if self._energy:  # asking for the time would pulse the pin
            return ClockMap(source=self.domain, target=self.domain, offset_ns=0, bracket_ns=0, at_ns=self._clock.now_ns())
        width, there, here = min(self._exchange() for _ in range(_EXCHANGES))
        self._offset_ns = here - there
        return ClockMap(source=self.domain, target=self._clock.domain, offset_ns=here - there, bracket_ns=width // 2 + 1000, at_ns=there)

    def at(self, raw: str, seen_ns: int) -> int:
        """Return the time of a lap that was seen at `seen_ns` of the host's clock, in nanoseconds of the board's."""
        if self._offset_ns is None:  # the first look says where its microseconds stand
            self._offset_ns = seen_ns - 1000 * int(raw)
        return 1000 * unwrapped_us(int(raw), (seen_ns - self._offset_ns) // 1000)

    def _exchange(self) -> tuple[int, int, int]:
        answer = self._line.ask("timestamp%")
        lap = answer.one(Said.LAP)
        return lap.last_ns - answer.sent_ns, self.at(lap.value, lap.last_ns), (answer.sent_ns + lap.last_ns) // 2
