"""Share what meters that print lines have in common: bytes become lines, lines become readings at their arrival."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.protocols import Clock, Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.sync import Delay
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.links.port import PortOpener
from edgekit.meters.reading.printed import LONGEST, QUANTITIES, channels_of, complete, names_of, parse_line
from edgekit.meters.reading.reader import PortMeter, Readings, silent
from edgekit.meters.reading.settings import number, one_of, place, wrong

_BLOCK: Final = 65_536
_TURN_S: Final = 0.05
_BUNCH: Final = 8  # lines of one turn: more were held back by a buffer
_BUNCHES: Final = 3


class LinesMeter(PortMeter):
    """Take each line as the readings of the moment at which it arrived, less `latency_ms`."""

    way: ClassVar[Delay] = Delay(seconds=0.0, half_s=None, source="nobody states how late its lines arrive")
    options_known: ClassVar[tuple[str, ...]] = ("columns", "pattern", "boundary", "latency_ms", "timeout_s", "gain_rel", "samples", "max_w")

    def __init__(self, address: str | None, options: Mapping[str, str] | None, *, clock: Clock | None, open_port: PortOpener) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)
        self._boundary = place(self.kind, self.options, Boundary.USB_INPUT)
        self._late_ns = round(1e6 * number(self.kind, self.options, "latency_ms", 0.0, low=0, high=60_000))
        self.silent_s = number(self.kind, self.options, "timeout_s", 5.0, low=0.1, high=3600)
        self._gain_rel = number(self.kind, self.options, "gain_rel", -1.0, low=0, high=1)
        self._means = one_of(self.kind, self.options, "samples", ("means", "points"), "means") == "means"
        self._most_w = number(self.kind, self.options, "max_w", 10_000.0, low=1e-6, high=1e6)
        self._columns = columns_of(self.kind, self.options)
        self._pattern = _pattern(self.kind, self.options)
        self._found: frozenset[str] = frozenset()
        self._rest = b""
        self._asked_ns = 0
        self._bunches = 0

    def spec(self) -> MeterSpec:
        """Return the spec of what its first whole line holds."""
        self.open()
        origin = Origin.EMULATED if self.options.get("emulated") else Origin.MEASURED
        stated = self._gain_rel if self._gain_rel >= 0 else None
        return MeterSpec(
            kind=self.kind,
            channels=channels_of(self.kind, self._found, boundary=self._boundary, origin=origin),
            accuracy=Accuracy(source="stated by the user" if stated is not None else "nobody stated it", gain_rel=stated),
            integrating=self._means,
            max_power_w=self._most_w,
            detail=", ".join(sorted(self._found)),
            delay=self._delay(),
        )

    def _delay(self) -> Delay:
        """Return how late lines arrive beyond what is taken off: half of a time that was told, else what is known of the way."""
        if "latency_ms" in self.options:
            return Delay(seconds=0.0, half_s=self._late_ns / 2e9, source=f"latency_ms={self._late_ns / 1e6:g}, told within half of it")
        return self.way

    def _greet(self, port: Port) -> None:
        self._rest, self._asked_ns = b"", self._clock.now_ns()
        until_ns = self._clock.now_ns() + round(self.silent_s * 1e9)
        while self._clock.now_ns() < until_ns:
            for line in self._lines(port):
                found = parse_line(line, columns=self._columns, pattern=self._pattern)
                if found is not None:
                    self._found = frozenset(found)
                    return
        raise silent(self.kind, self.address, self.silent_s)

    def _read(self, port: Port) -> Readings:
        before_ns = self._asked_ns
        lines = self._lines(port)
        now_ns = self._asked_ns = self._clock.now_ns()
        made: list[Reading] = []
        for line in lines:
            found = parse_line(line, columns=self._columns, pattern=self._pattern)
            if found is None or not self._found <= found.keys():
                continue
            flags, self._after_gap = FLAG_GAP if self._after_gap else 0, False
            # It arrived since the last look; of several lines only the order is known.
            at: dict[str, int] = {"t_ns": now_ns - self._late_ns + len(made), "bracket_ns": now_ns - before_ns, "flags": flags}
            made += [Reading(channel=f"{self.kind}.{names_of(name)}", value=found[name], **at) for name in self._kept()]
        self._note_bunches(len(lines))
        return made

    def _kept(self) -> list[str]:
        """Return the quantities that have a channel: watts make volts and amperes superfluous."""
        return [name for name in QUANTITIES if name in self._found and not ("watts" in self._found and name in ("volts", "amps"))]

    def _lines(self, port: Port) -> list[str]:
        *lines, self._rest = (self._rest + port.read(_BLOCK, _TURN_S)).split(b"\n")
        if len(self._rest) > LONGEST:
            self._rest = b""
        return [line.decode("utf-8", "replace") for line in lines]

    def _note_bunches(self, lines: int) -> None:
        self._bunches += lines > _BUNCH
        if lines > _BUNCH and self._bunches == _BUNCHES:
            text = f"meter {self.kind}: lines come in bunches, so their times are only roughly known"
            self._tell(
                "note", Note(code="meter.bunches", text=text, advice="make the program write each line at once: stdbuf -oL, python3 -u")
            )


def columns_of(kind: str, options: Mapping[str, str], usual: str = "") -> tuple[str, ...]:
    """Return the option `columns`, names apart by blanks; "-" leaves a column out. Raises UsageError for a name that means nothing."""
    told = options.get("columns", usual).split()
    for name in told:
        if name != "-" and name not in QUANTITIES:
            raise wrong(kind, "columns", f"{name!r} is none of {', '.join(QUANTITIES)}, or - for one to leave out")
    names = tuple("" if name == "-" else name for name in told)
    if names and not complete(frozenset(names)):
        raise wrong(kind, "columns", "they hold neither watts nor joules nor volts with amps")
    return names


def _pattern(kind: str, options: Mapping[str, str]) -> re.Pattern[str] | None:
    told = options.get("pattern")
    if told is None:
        return None
    try:
        pattern = re.compile(told)
    except re.error as error:
        raise wrong(kind, "pattern", f"it is no regular expression: {error}") from error
    names = frozenset(pattern.groupindex)
    if not names <= set(QUANTITIES) or not complete(names):
        raise wrong(kind, "pattern", "it names groups as (?P<volts>...) and (?P<amps>...), or (?P<watts>...), or (?P<joules>...)")
    return pattern
