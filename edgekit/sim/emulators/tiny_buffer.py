"""Hold the input buffer of MLPerf Tiny's reference firmware, with the commands that fill it and the way it can be overrun."""

from __future__ import annotations

import re
from typing import Final

MOST_BYTES: Final = 96 * 96 * 3  # the input of the benchmark's largest model


class TinyBuffer:
    """Obey `db` commands; `overruns` counts bytes that were written past the length that was announced.

    The firmware looks for the end with ==, so that whoever sends on after m-load-done writes on; `trampled` says that this went beyond the
    buffer, into the rest of its memory.
    """

    def __init__(self) -> None:
        self.overruns = 0
        self.trampled = False
        self._held, self._size, self._place = bytearray(MOST_BYTES), 0, 0

    def first(self, number: int) -> bytes:
        """Return the first bytes."""
        return bytes(self._held[:number])

    def obey(self, words: list[str]) -> list[str]:
        """Return the lines that the words after `db` are answered with, with their ends."""
        if not words:
            return ["e-[Command 'db' requires a subcommand]\r\n"]
        if words[0] == "load":
            return self._expect(words[1:])
        return self._shown() if words[0] == "print" else self._take(words[0])

    def _expect(self, words: list[str]) -> list[str]:
        if not words:
            return ["e-[Command 'db load' requires the # of bytes]\r\n"]
        self._size = atoi(words[0])
        if self._size == 0:
            return ["e-[Command 'db load' must be >0 bytes]\r\n"]
        self._place = 0
        if 0 < self._size <= MOST_BYTES:
            return [f"m-[Expecting {self._size} bytes]\r\n"]
        return [f"Supplied buffer size {self._size} exceeds maximum of {MOST_BYTES}\n"]

    def _take(self, digits: str) -> list[str]:
        if len(digits) % 2:
            return ["e-[Insufficent number of hex digits]\r\n"]
        for place in range(0, len(digits), 2):
            pair = digits[place : place + 2]
            if re.fullmatch("[0-9a-fA-F]{2}", pair) is None:
                return [f"e-[Invalid hex digit '{pair}']\r\n"]
            if self._place >= MOST_BYTES:
                self.trampled = True
                return []
            self.overruns += self._place >= self._size
            self._held[self._place] = int(pair, 16)
            self._place += 1
            if self._place == self._size:
                return ["m-load-done\r\n"]
        return []

    def _shown(self) -> list[str]:
        held = self._held[: max(0, self._size)]
        rows = [held[place : place + 8].hex("-") for place in range(0, len(held), 8)]
        return [*(f"m-buffer-{row}\r\n" for row in rows), *(["\r\n"] if len(held) % 8 else [])]


def atoi(text: str) -> int:
    """Return what C's atoi makes of a text: the number it begins with, else 0."""
    found = re.match(r"\s*[+-]?\d+", text)
    return int(found[0]) if found else 0
