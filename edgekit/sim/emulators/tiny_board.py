"""Emulate a microcontroller board that is flashed with MLPerf Tiny reference firmware: its serial protocol, its power, its GPIO.

What happens on one command, over time (performance build; the energy build pulses its pin where this one prints a lap):

    infer 3 1%   m-warmup-start-1  infer   m-warmup-done m-infer-start-3 m-lap-us-...   infer infer infer   m-lap-us-... m-infer-done ...
    power        idle              active  idle                                         active              idle

Printing takes as long as the line takes: the firmware waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgekit.sim.emulators.answers import Answers
from edgekit.sim.emulators.instrument import OwnClock
from edgekit.sim.emulators.tiny_buffer import TinyBuffer, atoi
from edgekit.sim.trail import Trail

_COMMAND_CHARS: Final = 80
_FIRMWARE: Final = "ULPMark for tinyML Firmware V0.0.1"
_HELP: Final = (
    _FIRMWARE,
    "",
    "help           : print these lines",
    "name           : print the name of the board",
    "profile        : print the firmware and the model",
    "timestamp      : take a timestamp",
    "db load N      : expect N bytes",
    "db HH[HH]*     : take bytes until there are N",
    "db print       : print the bytes",
    "infer [N] [W]  : infer N times after W times of warm-up",
    "results        : print the outputs of the last inference",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """Say what is flashed: names, which build, how fast its line and its inferences are, and what it draws.

    `hold_s` is how long the pin of an energy build stays low for a timestamp. The usual figures are round ones of the size that was
    published for a 120 MHz Cortex-M4 and keyword spotting.
    """

    vendor: str = "EMULATED board"
    model: str = "kws01"
    energy: bool = False
    baud: int = 115_200
    input_bytes: int = 490
    inference_s: float = 0.043
    active_w: float = 0.042
    idle_w: float = 0.012
    hold_s: float = 0.001
    boot_s: float = 0.05


class TinyBoard:
    """Answer commands; `answer` gives the numbers that the model makes of the bytes in the buffer.

    `power` is what the board draws, and `pin` the level of the GPIO that an energy build pulses, both as loads that begin at `start_ns`.
    `speed` tells how fast the other end speaks, in baud: at another speed both sides hear garbage. While it infers it hears nothing.
    """

    def __init__(
        self,
        firmware: Firmware,
        answer: Callable[[bytes], Sequence[float]],
        *,
        start_ns: int = 0,
        clock: OwnClock | None = None,
        speed: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.firmware = firmware
        self.power, self.pin = Trail(firmware.idle_w), Trail(1.0)
        self.heard: list[str] = []
        self._answer, self._speed = answer, speed
        self._clock = clock or OwnClock()
        self._start_ns, self._begun_ns = start_ns, start_ns
        self._reset_ns: int | None = None
        self._free_ns = start_ns  # when it has done all that it was asked
        self._boot(start_ns)

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take bytes; those that come while it infers are lost, as on a board that asks its line for them."""
        self._pass(t_ns)
        if self._wrong_speed():
            data = garbled(data)
        t_ns += self._line_ns(len(data))
        for number in data:
            if self._dead or t_ns < self._deaf_until_ns:
                continue
            if number == ord("%"):
                self._free_ns = max(t_ns, self._free_ns)
                self._obey(bytes(self._command).decode("latin-1"))
                self._command.clear()
            elif len(self._command) < _COMMAND_CHARS:
                self._command.append(number)
        return b""

    def say(self, t_ns: int) -> bytes:
        """Return the lines that have left by now."""
        self._pass(t_ns)
        said = self._lines.say(t_ns)
        return garbled(said) if self._wrong_speed() else said

    def next_ns(self) -> int | None:
        """Return when the next line has left, or when it is reset."""
        return min((due for due in (self._lines.next_ns(), self._reset_ns) if due is not None), default=None)

    def reset_at(self, t_ns: int) -> None:
        """Lose power for a moment at `t_ns`: whatever it does then is over, and it begins anew."""
        self._reset_ns = t_ns

    def _pass(self, t_ns: int) -> None:
        if self._reset_ns is not None and self._reset_ns <= t_ns:
            at_ns, self._reset_ns = self._reset_ns, None
            self.power.cut(at_ns - self._start_ns, self.firmware.idle_w)
            self.pin.cut(at_ns - self._start_ns, 1.0)
            self._boot(at_ns, self._lines.say(at_ns))

    def _boot(self, t_ns: int, said: bytes = b"") -> None:
        self._lines, self._command = Answers(), bytearray()
        self._lines.later(t_ns, said)  # what had left the line before
        self.buffer = TinyBuffer()
        self._dead, self._deaf_until_ns = False, 0
        self._begun_ns, self._free_ns = t_ns, t_ns + round(self.firmware.boot_s * 1e9)
        self._results: Sequence[float] = ()
        self._print(f"m-timestamp-mode-{'energy' if self.firmware.energy else 'performance'}")
        self._timestamp()
        self._print("m-init-done")
        self._print("m-ready")

    def _obey(self, command: str) -> None:
        self.heard.append(command)
        first, *rest = [token for token in command.split(" ") if token] or [""]
        orders: dict[str, Callable[[list[str]], None]] = {
            "name": lambda _: self._print(f"m-name-dut-[{self.firmware.vendor}]"),
            "timestamp": lambda _: self._timestamp(),
            "profile": self._profile,
            "help": self._help,
            "db": self._bytes,
            "infer": self._infer,
            "results": lambda _: self._print_results(),
        }
        if first in orders:
            orders[first](rest)
        else:
            self._print(f"e-[Unknown command: {first}]")
        if not self._dead:
            self._print("m-ready")

    def _help(self, _rest: list[str]) -> None:
        for line in _HELP:
            self._print(line)

    def _profile(self, _rest: list[str]) -> None:
        self._print(f"m-profile-[{_FIRMWARE}]")
        self._print(f"m-model-[{self.firmware.model}]")

    def _bytes(self, rest: list[str]) -> None:
        for line in self.buffer.obey(rest):
            self._print(line, end="")
        self._dead = self.buffer.trampled

    def _infer(self, rest: list[str]) -> None:
        number = atoi(rest[0]) if rest else 1
        warmup = atoi(rest[1]) if len(rest) > 1 else 10
        if number <= 0:
            self._print("e-[Inference iterations must be >0]")
            return
        if warmup < 0:
            self._print("e-[Inference warmup must be >=0]")
            return
        self._results = self._answer(self.buffer.first(self.firmware.input_bytes))
        self._print(f"m-warmup-start-{warmup}")
        self._work(warmup)
        self._print("m-warmup-done")
        self._print(f"m-infer-start-{number}")
        self._timestamp()
        self._work(number)
        self._timestamp()
        self._print("m-infer-done")
        self._print_results()

    def _work(self, number: int) -> None:
        if number:
            self.power.set(self._free_ns - self._start_ns, self.firmware.active_w)
            self._free_ns += round(number * self.firmware.inference_s * 1e9)
            self.power.set(self._free_ns - self._start_ns, self.firmware.idle_w)
            self._deaf_until_ns = self._free_ns

    def _timestamp(self) -> None:
        if self.firmware.energy:
            self.pin.set(self._free_ns - self._start_ns, 0.0)
            self._free_ns += round(self.firmware.hold_s * 1e9)
            self.pin.set(self._free_ns - self._start_ns, 1.0)
        else:
            own_us = (self._clock.at(self._free_ns) - self._clock.at(self._begun_ns)) // 1000
            self._print(f"m-lap-us-{own_us % 2**32}")

    def _print_results(self) -> None:
        self._print(f"m-results-[{','.join(f'{value:.3f}' for value in self._results)}]")

    def _print(self, text: str, end: str = "\r\n") -> None:
        said = (text + end).encode("latin-1")
        self._lines.later(self._free_ns + self._line_ns(1), said[:1])
        self._free_ns += self._line_ns(len(said))
        self._lines.later(self._free_ns, said[1:])

    def _line_ns(self, characters: int) -> int:
        return characters * 10 * 10**9 // self.firmware.baud

    def _wrong_speed(self) -> bool:
        speed = self._speed()
        return speed is not None and speed != self.firmware.baud


def garbled(data: bytes) -> bytes:
    """Return what is heard of bytes at another speed: something else, and no text."""
    return bytes(number * 37 % 128 | 128 for number in data)
