"""Read ST's power probes, which differ in their greeting only: commands with acknowledgements, then a stream of amperes or joules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.protocols import Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, FLAG_OVER, Trace
from edgekit.meters.reading.reader import PortMeter, Readings, silent
from edgekit.meters.reading.timeline import Timeline
from edgekit.meters.reading.wiring import Tally, volts
from edgekit.meters.shield_stream import Mark, Piece, TextStream, Told, WordStream, answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RATES = (*(step * 10**power for power in range(5) for step in (1, 2, 5)), 100_000)
_ANSWER_S, _WAIT_S = 1.0, 0.05
_BLOCK, _MOST = 65_536, 1_048_576
_LATE_S = 0.005  # by how much fewer samples than its own clock says are no rounding


class ShieldMeter(PortMeter):
    """Stream what a probe measures. Options: `voltage` ("3.3 V"), `rate_hz`, `output` ("current", "energy"), `power` ("on", "during").

    The power of what it supplies is left as it is unless told.
    """

    baud = 3_686_400
    options_known = ("voltage", "rate_hz", "output", "power")
    _voltage_v = 0.0
    volts_v = (1.8, 3.3)
    accuracy = Accuracy(source="")
    usual_hz = 10_000
    energy_hz = 10_000
    text_hz = 10_000
    outputs: tuple[str, ...] = ("current", "energy")
    edge = ""  # the input whose edges come in the stream
    most_w = 1.0

    @property
    def voltage_v(self) -> float:
        """Return the volts at which it measures amperes, 0 before it was opened."""
        return self._voltage_v

    def _commands(self, voltage_v: float) -> Sequence[str | tuple[str, ...]]:
        """Return what sets the instrument up, up to but without the start; of several forms of a command the first that it takes counts."""
        raise NotImplementedError

    def _farewell(self) -> list[str]:
        """Return what brings it to rest after the stop."""
        return []

    def spec(self) -> MeterSpec:
        """Return the spec; the instrument is opened and set up first."""
        self.open()
        emulated = self.options.get("emulated") or "emulated" in self._identity.lower()
        origin = Origin.EMULATED if emulated else Origin.MEASURED
        common: dict[str, Any] = {"meter": self.kind, "boundary": Boundary.MCU_SUPPLY, "origin": origin}
        power = Channel(
            id=f"{self.kind}.power",
            measurand=Measurand.POWER,
            unit="W",
            scale=self._voltage_v if self._output == "current" else float(self._rate_hz),
            update_period_s=1 / self._rate_hz,
            averaging_s=None if self._output == "current" else 1 / self._rate_hz,
            sampled_fraction=1.0,
            **common,
        )
        edges = (Channel(id=f"{self.kind}.{self.edge}", measurand=Measurand.EDGE, unit="1", **common),) if self._has_edges else ()
        return MeterSpec(
            kind=self.kind,
            channels=(power, *edges),
            accuracy=self.accuracy,
            nominal_hz=float(self._rate_hz),
            integrating=self._output == "energy",
            device_clock=True,
            edge_inputs=len(edges),
            max_power_w=self.most_w,
            detail=f"{self._output} at {self._rate_hz} Hz and {self._voltage_v:g} V",
            identity=" ".join(filter(None, (self._identity, self.options.get("serial", "")))),
        )

    def _greet(self, port: Port) -> None:
        self._output = self._chosen("output", self.outputs)
        self._rate_hz = int(self._chosen("rate_hz", tuple(map(str, (self.usual_hz, *_RATES)))))
        self._text = self._rate_hz <= self.text_hz
        if self._output == "energy" and self._rate_hz > self.energy_hz:
            raise UsageError(
                f"meter {self.kind} adds up energy at {self.energy_hz} Hz at most", code="meter.options", why=f"rate_hz is {self._rate_hz}"
            )
        low_v, high_v = self.volts_v
        self._voltage_v = volts(self.options.get("voltage"), kind=self.kind, low_v=low_v, high_v=high_v)
        self._identity, self._has_edges = "", bool(self.edge) and self._text
        self._taken: list[str] = []
        port.write(b"stop\r\n")
        while port.read(_BLOCK, 0.05):  # a stream that an earlier program left on
            pass
        for command in self._commands(self._voltage_v):
            self._order_one_of(port, (command,) if isinstance(command, str) else command)
        import numpy  # noqa: F401 -- once the stream runs, its first samples must not wait for it

        self._stream: TextStream | WordStream = TextStream() if self._text else WordStream()
        self._timeline, self._tally = Timeline(1e9 / self._rate_hz), Tally(self.kind)
        self._number, self._carried, self._ended = 0, 0, ""
        self._stamp: tuple[int, int] | None = None  # number of the next sample, and milliseconds, when its time was told
        self._stream.rest = self._order(port, "start")

    def _order_one_of(self, port: Port, forms: Sequence[str]) -> None:
        """Send the forms of a command until one is taken; raise HardwareError when the last is refused or not answered."""
        for form in forms[:-1]:
            with suppress(HardwareError):
                self._order(port, form)
                return
        self._order(port, forms[-1])

    def _order(self, port: Port, command: str) -> bytes:
        """Send one command, return what came after its acknowledgement; raise HardwareError when it is refused or nobody answers."""
        port.write(f"{command}\r\n".encode())
        text, until_ns = b"", self._clock.now_ns() + round(_ANSWER_S * 1e9)
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            text += port.read(4096, left_ns / 1e9)
            if (found := answer(text, command)) is None:
                continue
            done, line, after = found
            if command == "powershield":
                self._identity = line.removeprefix("ack").removeprefix(" powershield").strip()
            elif not done and command.startswith("eventsrc"):  # firmware before 1.0.6
                self._has_edges = False
            elif not done:
                raise HardwareError(f"meter {self.kind} refused {command!r}", code="meter.command", why=line)
            self._taken.append(command)
            return after
        raise silent(self.kind, self.address, _ANSWER_S)

    def _read(self, port: Port) -> Readings:
        import numpy as np

        if self._ended:
            raise HardwareError(f"meter {self.kind} ended its acquisition", code="meter.ended", why=self._ended)
        data = port.read(_BLOCK, _WAIT_S)
        while data and len(data) < _MOST and (more := port.read(_BLOCK, 0.0)):
            data += more
        arrival_ns = self._clock.now_ns()
        piece = self._stream.feed(data)
        found = np.zeros(len(piece) + 1, np.int64)
        found[0], self._carried = self._carried, 0
        for mark in piece.marks:
            self._hear(mark, found)
        lost, self._carried = found[:-1], int(found[-1])
        if not len(piece):
            return ()
        numbers = self._number + np.arange(len(piece)) + np.cumsum(lost)
        self._number = int(numbers[-1]) + 1
        if self._timeline.settles(self._number, arrival_ns):
            return ()
        times, bracket_ns = self._timeline.date(numbers, arrival_ns)
        flags = np.where(lost > 0, np.uint8(FLAG_GAP), np.uint8(0))
        flags[0] |= FLAG_GAP if self._after_gap else 0
        self._after_gap = False
        flags[piece.suspect] |= FLAG_INVALID
        for mark in piece.marks:
            if mark.told is Told.OVER:
                flags[min(mark.at, len(piece) - 1)] |= FLAG_OVER
        self._tell_edges(piece, times, bracket_ns)
        if (note := self._tally.add(len(piece), int(lost.sum()))) is not None:
            self._tell("note", note)
        return self._block("power", times, bracket_ns, piece.values, flags)

    def _hear(self, mark: Mark, lost: NDArray[np.int64]) -> None:
        """Take what was told between samples: its own time says how many are missing."""
        if mark.told is Told.TIME:
            number = self._number + mark.at + int(lost[: mark.at + 1].sum())
            before_number, before_ms = self._stamp or (number, mark.value)
            missing = round((mark.value - before_ms) * self._rate_hz / 1000) - (number - before_number)
            if missing > _LATE_S * self._rate_hz:
                lost[mark.at] += missing
                number += missing
            self._stamp = number, mark.value
        elif mark.told is Told.OVER:
            self._note("over_range", "the current was above its range; no energy is stated for a window in which it was", "a wider range")
        elif mark.told is Told.TORN and self._tally.samples:
            self._note("misaligned", "bytes were lost; its samples were found again", "a port of the computer itself")
        elif mark.told is Told.POWER_DOWN:
            self._note("power_down", "the power of what it supplies went down", "a supply that delivers the current")
        elif mark.told is Told.END:
            self._ended = self._ended or mark.text or "it said so itself"
        elif mark.told is Told.ERROR:
            self._note("error", mark.text, "other settings")

    def _note(self, code: str, text: str, remedy: str) -> None:
        self._tell("note", Note(code=f"meter.{code}", text=f"meter {self.kind}: {text}", advice=f"use {remedy}"))

    def _tell_edges(self, piece: Piece, times: NDArray[np.int64], bracket_ns: int) -> None:
        """Deliver each falling edge as a change to 0, at the sample before which it was told."""
        import numpy as np

        at = np.array([min(mark.at, len(piece) - 1) for mark in piece.marks if mark.told is Told.EDGE], np.int64)
        if len(at) and self._sink is not None and self._has_edges:
            self._sink(self._block(self.edge, times[at], bracket_ns, np.zeros(len(at)), np.zeros(len(at), np.uint8)))

    def _block(self, name: str, times: NDArray[np.int64], bracket_ns: int, values: NDArray[np.float64], flags: NDArray[np.uint8]) -> Trace:
        import numpy as np

        brackets = np.full(len(times), bracket_ns, np.int64)
        return Trace(channel=f"{self.kind}.{name}", clock=self._clock.domain, t_ns=times, bracket_ns=brackets, value=values, flags=flags)

    def _leave(self, port: Port) -> None:
        port.write(b"stop\r\n")
        for command in self._farewell():
            port.write(f"{command}\r\n".encode())

    def _chosen(self, name: str, offered: tuple[str, ...]) -> str:
        value = self.options.get(name, offered[0])
        if value not in offered:
            why = f"it offers {', '.join(dict.fromkeys(offered))}"
            raise UsageError(f"meter {self.kind} has no {name} {value!r}", code="meter.options", why=why)
        return value
