"""Run windows of the model that is flashed on a board."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Clock
from edgekit.core.quantity import Note
from edgekit.core.run import TINY, LoadTiming, ProfiledWindow
from edgekit.core.window import Phase, Window
from edgekit.devices.board_clock import BoardClock, Identity
from edgekit.devices.board_inputs import Feed, fitting, judge
from edgekit.devices.board_line import Answer, BoardLine
from edgekit.devices.tiny_protocol import Message, Said, infer_command, load_commands, results

_WAY_S = 0.016  # a USB converter keeps bytes back for as long at most (FTDI's latency timer)
_PULSE_S = 0.005  # an energy build holds its pin low for some milliseconds before it prints on
_MARGIN = 1.02  # a window is planned this much longer, so that a board that goes a little faster still fills it
_ATTEMPTS = 3
_LEAST_S = 0.25  # inferences that are too few to last so long say little about their pace
_LEAST_PACE_S = 1e-4
_FIRST_S = 120.0  # nobody knows yet how slow it is
_AGREE_REL, _AGREE_S = 0.05, 0.05  # how well the board's clock and the host's must agree on the length of a window
_LAP_NS = 1000


class BoardModel:
    """Infer what is flashed: `infer N 0`, with N chosen so that the window is long enough. Its inputs are sent between windows."""

    pid: int | None = None
    timing: LoadTiming | None = None  # what is in the flash is never loaded

    def __init__(self, line: BoardLine, time: BoardClock, clock: Clock, given: Feed, *, artifact: str, identity: Identity) -> None:
        self._line = line
        self._time = time
        self._clock = clock
        self._feed = given
        self._artifact = artifact
        self._identity = identity
        self._sent: int | None = None
        self._seen: dict[int, tuple[float, ...]] = {}
        self._pace_s = 0.1
        self.loaded: Mapping[str, Any] = {}

    def check(self) -> None:
        """Run every input once, compare the results with the artifact's, and find the pace; raise HardwareError or UsageError."""
        for place in reversed(range(len(self._feed.wires))):
            window, values = self._infer(1, place, Phase.WARMUP, 0)
            self._seen[place] = values
            self._pace_s = max(window.duration_s, _LEAST_PACE_S)
        number, length_s = 1, window.duration_s
        while length_s < _LEAST_S:
            number = min(4 * number, math.ceil(number * 2 * _LEAST_S / max(length_s, _LEAST_PACE_S)))
            length_s = self._infer(number, 0, Phase.WARMUP, 0)[0].duration_s
        self._pace_s = length_s / number
        self.loaded = {
            "engine": f"flashed {self._identity.model}",
            "engine_version": self._identity.profile,
            "delegate": None,
            "threads": 1,
            "inputs": self._feed.origin,
            "inference": TINY,
            "notes": [{"code": note.code, "text": note.text, "advice": note.advice} for note in self._notes()],
        }

    def run(self, phase: Phase, index: int, *, seconds: float, min_inferences: int) -> Window:
        """Infer for at least `seconds` and `min_inferences`; a measured window that came out too short is made again."""
        for _ in range(_ATTEMPTS):
            number = max(1, min_inferences, math.ceil(_MARGIN * seconds / self._pace_s))
            window, _ = self._infer(number, index % len(self._feed.wires), phase, index)
            self._pace_s = window.duration_s / number
            if phase is not Phase.MEASURE or window.duration_s >= seconds:
                break
        return window

    def profile(self, index: int, *, seconds: float, timeline: str) -> ProfiledWindow:
        """Refuse: the firmware times inferences as a whole."""
        raise HardwareError(
            "a board tells no operator times",
            code="profile.unsupported",
            why="the firmware times inferences as a whole",
            do=[("profile the same artifact on this machine:", "edgekit bench ARTIFACT --profile")],
        )

    def close(self) -> None:
        """Do nothing: what is flashed stays."""

    def _infer(self, number: int, place: int, phase: Phase, index: int) -> tuple[Window, tuple[float, ...]]:
        self._send(place)
        patience_s = 5.0 + 1.2 * number * self._pace_s if self._seen else _FIRST_S
        answer = self._line.ask(infer_command(number), timeout_s=patience_s)
        answer.one(Said.INFER_DONE)
        said = answer.one(Said.RESULTS)
        try:
            values = results(said.value)
        except ValueError as error:
            raise HardwareError("the board's results cannot be read", code="board.answer", why=str(error)) from error
        start_ns, end_ns, bracket_ns, invalid = self._edges_by_host(answer) if self._identity.energy else self._edges_by_board(answer)
        if place in self._seen and values != self._seen[place]:
            invalid = invalid or "its results differ from those of the same input before"
        window = Window(
            phase=phase,
            index=index,
            clock=self._time.domain,
            start_ns=start_ns,
            end_ns=max(end_ns, start_ns + 1),
            bracket_ns=bracket_ns,
            inferences=number,
            invalid=invalid,
        )
        return window, values

    def _send(self, place: int) -> None:
        """Bring an input into the buffer, unless it is there. After m-load-done nothing may follow: it would be written past the end."""
        if self._sent == place or not self._feed.wires[place]:
            return
        self._sent = None
        length, *pieces = load_commands(self._feed.wires[place])
        self._line.ask(length).one(Said.EXPECTING)
        for piece in pieces[:-1]:
            if self._line.ask(piece).all(Said.LOADED):
                raise HardwareError(
                    "the board had all of the input before it was all sent",
                    code="board.answer",
                    why=f"of {len(self._feed.wires[place])} bytes some were counted twice",
                    do=[("repeat; look at the cable if it stays:", f"edgekit bench ARTIFACT --device {self._line.device}")],
                )
        self._line.ask(pieces[-1]).one(Said.LOADED)
        self._sent = place

    def _edges_by_board(self, answer: Answer) -> tuple[int, int, int, str | None]:
        """Return (start, end, half-width, why the window is not valid) from the two laps, on the board's clock."""
        laps = answer.all(Said.LAP)
        if len(laps) < 2:
            answer.one(Said.LAP)
            raise HardwareError("the board's answer holds one lap where two are expected", code="board.answer", why=answer.command)
        start_ns, end_ns = (self._time.at(lap.value, lap.last_ns) for lap in laps[:2])
        here_s, there_s = (laps[1].last_ns - laps[0].last_ns) / 1e9, (end_ns - start_ns) / 1e9
        apart = abs(here_s - there_s) > _AGREE_S + _AGREE_REL * here_s
        return (
            start_ns,
            end_ns,
            _LAP_NS,
            f"it took {there_s:.3f} s by the board's clock and {here_s:.3f} s by the host's" if apart else None,
        )

    def _edges_by_host(self, answer: Answer) -> tuple[int, int, int, str | None]:
        """Return the same for a build that prints no time: its pin is pulsed after the line of the start, and before that of the end."""
        started, ended = answer.one(Said.INFER_START), answer.one(Said.INFER_DONE)
        way_ns, line_ns, pulse_ns = round(_WAY_S * 1e9), self._line_ns(started), round(_PULSE_S * 1e9)
        start_half_ns, end_half_ns = (way_ns + line_ns) // 2, (way_ns + pulse_ns) // 2
        return started.last_ns - start_half_ns, ended.first_ns - end_half_ns, max(start_half_ns, end_half_ns), None

    def _line_ns(self, message: Message) -> int:
        return round((len(message.text) + 2) * 10 / self._identity.baud * 1e9)

    def _notes(self) -> tuple[Note, ...]:
        flashed = Note(
            code="board.flashed",
            text=f"board {self._identity.words} says that it runs {self._identity.model}, "
            f"which is part of its firmware: {self._artifact} was not uploaded",
        )
        seen = [self._seen[place] for place in range(len(self._feed.wires))]
        other = fitting(self._feed, artifact=self._artifact, model=self._identity.model)
        agreement = judge(seen, self._feed, artifact=self._artifact, model=self._identity.model)
        return (flashed, *((other,) if other is not None else ()), agreement)
