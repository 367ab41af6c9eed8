"""Hold the conversation with a board: one command, its answer up to m-ready, and an error for everything else that may come."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.protocols import Clock, Port
from edgekit.devices.tiny_protocol import Lines, Message, Said, is_text

ANSWER_S = 2.0
_TURN_S = 0.25
_BLOCK = 4096
_BANNER = (Said.MODE, Said.INIT)
_BANNER_S = 3.0
_BY_HAND = "python -m serial.tools.miniterm --eol LF PORT 115200"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what a board said to one command, which was sent at `sent_ns` of the host's clock."""

    command: str
    sent_ns: int
    messages: tuple[Message, ...]

    def all(self, said: Said) -> list[Message]:
        """Return every line that says this."""
        return [message for message in self.messages if message.said is said]

    def one(self, said: Said) -> Message:
        """Return the line that says this; raise HardwareError where there is none."""
        found = self.all(said)
        if not found:
            heard = " / ".join(message.text for message in self.messages[:6]) or "nothing"
            raise HardwareError(
                f"the board's answer to {self.command!r} lacks what was expected ({said})",
                code="board.answer",
                why=f"it said: {heard}",
                do=[("look at what it says by hand, with % after each command:", _BY_HAND)],
            )
        return found[0]


class BoardLine:
    """Ask a board. `name` is for people."""

    def __init__(self, port: Port, clock: Clock, *, name: str) -> None:
        self.port = port
        self._clock = clock
        self._name = "the board" if name == "board" else f"board {name}"
        self.device = shlex.quote(f"board:{port.name}" if name == "board" else name)  # what --device takes
        self._lines = Lines()
        self._noise = b""

    def ask(self, command: str, *, timeout_s: float = ANSWER_S) -> Answer:
        """Send one command and return its answer.

        Raises:
            HardwareError: the board is silent, speaks no text, was reset, refused the command, or is gone.
            UsageError: the input is larger than its buffer.
        """
        self.hear_out()
        self._noise = b""
        sent_ns = self._clock.now_ns()
        self.port.write(command.encode("ascii"))
        messages = self._until_ready(sent_ns + round(timeout_s * 1e9), command, timeout_s)
        answer = Answer(command=command.rstrip("%"), sent_ns=sent_ns, messages=tuple(messages))
        self._check(answer)
        return answer

    def hear_out(self) -> None:
        """Take what the board said unasked; raise HardwareError where it began anew."""
        while data := self.port.read(_BLOCK, 0.0):
            self._require_no_banner(self._lines.feed(data, self._clock.now_ns()))

    def settle(self) -> None:
        """Wait until nothing more comes: opening the line resets some boards, and what was asked before is still answered."""
        last_ns = self._clock.now_ns() + round(_BANNER_S * 1e9)
        while self._clock.now_ns() < last_ns and (data := self.port.read(_BLOCK, _TURN_S)):
            self._lines.feed(data, self._clock.now_ns())

    def _until_ready(self, until_ns: int, command: str, timeout_s: float) -> list[Message]:
        heard: list[Message] = []
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            data = self.port.read(_BLOCK, min(_TURN_S, left_ns / 1e9))
            self._noise = (self._noise + data)[-_BLOCK:]
            heard += self._lines.feed(data, self._clock.now_ns()) if data else []
            self._require_no_banner(heard)
            if heard and heard[-1].said is Said.READY:
                return heard
        raise self._unanswered(command, timeout_s)

    def _require_no_banner(self, heard: list[Message]) -> None:
        if any(message.said in _BANNER for message in heard):
            raise HardwareError(
                f"{self._name} was reset",
                code="board.reset",
                why="its start-up banner came while nobody had asked for it",
                do=[
                    ("look at its supply: a meter whose range is too small, or a current limit, makes a board start anew;", ""),
                    ("then repeat:", f"edgekit bench ARTIFACT --device {self.device}"),
                ],
            )

    def _unanswered(self, command: str, timeout_s: float) -> HardwareError:
        if self._noise and not is_text(self._noise):
            return HardwareError(
                f"{self._name} answers with what is no text",
                code="board.garbage",
                why=f"{len(self._noise)} bytes, the first {self._noise[:8].hex(' ')}: its line may run at another speed",
                do=[("say its speed:", "edgekit bench ARTIFACT --device board:PORT,baud=9600")],
            )
        said = self._noise.decode("ascii", errors="replace").strip().replace("\r\n", " / ")
        return HardwareError(
            f"{self._name} did not answer {command.rstrip('%')!r} within {timeout_s:.3g} s",
            code="board.silent",
            why=f"it said {said[-120:]!r} and no m-ready" if said else f"{self.port.name} is open, and nothing came",
            do=[
                ("press its reset button: an inference that was begun earlier goes on until it is done;", ""),
                ("see which ports there are:", "python -m serial.tools.list_ports -v"),
                ("or rehearse without one:", "edgekit devices emulate board --model ARTIFACT"),
            ],
        )

    def _check(self, answer: Answer) -> None:
        for message in answer.all(Said.TOO_LARGE):
            raise UsageError(
                f"the input is larger than what {self._name} can take",
                code="board.input_size",
                why=message.text,
                do=[("benchmark the artifact that is flashed; see its input:", "edgekit inspect ARTIFACT")],
            )
        for message in answer.all(Said.ERROR):
            raise HardwareError(
                f"{self._name} refused {answer.command!r}",
                code="board.refused",
                why=message.value,
                do=[("repeat; if it stays, ask it by hand, with % after each command:", _BY_HAND)],
            )
