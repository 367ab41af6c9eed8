r"""Decode what ST's power probes send: answers to commands, and samples as text or as 16-bit words with frames between them.

    text    6409-07                               6409e-7 amperes (or joules, in energy mode); "TimeStamp: 001s 000ms, buff 01%" each second
    words   pppp mmmmmmmmmmmm, big endian         m * 16^-p amperes
    frames  F0 F3 ms(4) buffer(1) FF FF           F1 error, F2 information (text), F4 end, F5 over-current, F6 power-down, F7 millivolts

The layout is that of EEMBC's runner and ST's UM2243 and UM2269; lengths of frames are those of ST's own script for the V3PWR.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SAMPLE = re.compile(rb"(\d{4})([+-]\d{2})")
_STAMP = re.compile(rb"TimeStamp:\s*(\d{1,9})s\s*(\d{1,6})ms", re.IGNORECASE)
_PAYLOADS: Final = {0xF3: 5, 0xF4: 0, 0xF5: 4, 0xF6: 0, 0xF7: 2, 0xF8: 2, 0xF9: 1, 0xFA: 0, 0xFB: 0}
_MOST_A = 3.0  # no such probe measures more: words that say so are out of step
_MOST_TEXT = 4096  # a frame or a line that is longer is none
_WINDOW = 8192  # bytes that are looked at together
_SUSPECT = 64  # words to either side of a lost byte that may be out of step as well
_SMOOTHER = 4  # by how much smoother the other byte order has to be


class Told(StrEnum):
    """Name what an instrument tells between its samples."""

    TIME = "time"
    EDGE = "edge"
    OVER = "over"
    END = "end"
    ERROR = "error"
    POWER_DOWN = "power_down"
    TORN = "torn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Hold what was told before sample `at` of a piece; `value` is milliseconds for a time."""

    at: int
    told: Told
    value: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Hold samples in order, which of them are suspect, and what was told between them."""

    values: NDArray[np.float64]
    suspect: NDArray[np.bool_]
    marks: tuple[Mark, ...] = ()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(slots=True, kw_only=True)
class TextStream:
    """Cut text into samples and marks, in pieces of any length."""

    rest: bytes = b""

    def feed(self, data: bytes) -> Piece:
        """Return the samples and marks of all lines that are complete now."""
        import numpy as np

        *lines, self.rest = (self.rest + data).split(b"\n")
        self.rest = self.rest[-_MOST_TEXT:]
        values: list[float] = []
        marks: list[Mark] = []
        for line in lines:
            found = _SAMPLE.findall(line)
            if found:
                values += [int(digits) * 10.0 ** int(power) for digits, power in found]
            elif (mark := _of_line(line, len(values))) is not None:
                marks.append(mark)
        return Piece(values=np.array(values, np.float64), suspect=np.zeros(len(values), np.bool_), marks=tuple(marks))


def _of_line(line: bytes, at: int) -> Mark | None:
    if (stamp := _STAMP.search(line)) is not None:
        return Mark(at=at, told=Told.TIME, value=1000 * int(stamp[1]) + int(stamp[2]))
    text = line.strip().decode("ascii", errors="replace")
    lower = text.lower()
    kinds = {"overcurrent": Told.OVER, "event": Told.EDGE, "acquisition completed": Told.END, "error": Told.ERROR}
    told = next((told for word, told in kinds.items() if word in lower), Told.END if lower == "end" else None)
    return None if told is None else Mark(at=at, told=told, text=text)


@dataclass(slots=True, kw_only=True)
class WordStream:
    """Cut 16-bit words and the frames between them out of a stream of bytes, and find the words again after a lost byte.

    A byte was lost where words cannot be meant, where a frame does not end as it should, and where the bytes read one further on are much
    smoother. What lies beside such a place is suspect.
    """

    rest: bytes = b""
    unsure: int = 0

    def feed(self, data: bytes) -> Piece:
        """Return the samples and marks that are complete now."""
        import numpy as np

        buffer, place, count = self.rest + data, 0, 0
        parts: list[NDArray[np.float64]] = []
        doubts: list[NDArray[np.bool_]] = []
        marks: list[Mark] = []
        steps = 16.0 ** -np.arange(16.0)
        while len(buffer) - place >= 2:
            window = buffer[place : place + min(_WINDOW, (len(buffer) - place) // 2 * 2)]
            words = np.frombuffer(window, ">u2").astype(np.uint16)
            values = (words & 0xFFF) * steps[words >> 12]
            special = np.flatnonzero((words >= 0xF000) | (values > _MOST_A))
            stop = int(special[0]) if len(special) else len(words)
            slip = _slip(window, stop)
            stop = slip if slip is not None else stop
            doubt = np.arange(stop) < self.unsure
            self.unsure = max(0, self.unsure - stop)
            parts, doubts, count, place = [*parts, values[:stop]], [*doubts, doubt], count + stop, place + 2 * stop
            if stop == len(words):
                continue
            if slip is not None or not _is_frame(int(words[stop])):
                doubt[max(0, stop - _SUSPECT) :], self.unsure = True, _SUSPECT
                marks.append(Mark(at=count, told=Told.TORN))
                place += 1
                continue
            end, mark = _frame(buffer, place, count)
            if end is None:
                break
            place, marks = end, [*marks, *([mark] if mark else [])]
        self.rest = buffer[place:]
        joined = np.concatenate([np.zeros(0, np.float64), *parts])
        return Piece(values=joined, suspect=np.concatenate([np.zeros(0, np.bool_), *doubts]), marks=tuple(marks))


def _slip(window: bytes, stop: int) -> int | None:
    """Return the first block of words before `stop` that would be much smoother one byte further on, None where there is none."""
    import numpy as np

    blocks = (stop - 1) // _SUSPECT
    if blocks < 1:
        return None
    rough = []
    for shift in (0, 1):
        words = np.frombuffer(window, ">u2", blocks * _SUSPECT, shift)
        octaves = np.log2(np.maximum(words & 0xFFF, 1)) - 4.0 * (words >> 12)
        rough.append(np.abs(np.diff(octaves.reshape(blocks, _SUSPECT), axis=1)).mean(axis=1))
    found = np.flatnonzero(rough[1] * _SMOOTHER < rough[0])
    return _SUSPECT * int(found[0]) if len(found) else None


def _is_frame(word: int) -> bool:
    return 0xF0F1 <= word <= 0xF0FB


def _frame(buffer: bytes, place: int, at: int) -> tuple[int | None, Mark | None]:
    """Return (where a frame ends, what it tells); (None, None) while it is not complete; what does not end as it should is torn."""
    kind, start = buffer[place + 1], place + 2
    if kind in (0xF1, 0xF2):
        end = buffer.find(b"\xff\xff", start, start + _MOST_TEXT)
        if end < 0:
            return (None, None) if len(buffer) - start < _MOST_TEXT else (place + 1, Mark(at=at, told=Told.TORN))
        text = buffer[start:end].decode("ascii", errors="replace").strip()
        return end + 2, Mark(at=at, told=Told.ERROR, text=text) if kind == 0xF1 else None
    size = _PAYLOADS[kind]
    if kind == 0xF5 and buffer[start : start + 2] == b"\xff\xff":  # on the LPM01A; the V3PWR sends four bytes more
        size = 0
    end = start + size
    if len(buffer) < end + 2:
        return None, None
    if buffer[end : end + 2] != b"\xff\xff":
        return place + 1, Mark(at=at, told=Told.TORN)
    return end + 2, _BINARY.get(kind, _nothing)(buffer[start:end], at)


def _nothing(_payload: bytes, _at: int) -> Mark | None:
    return None


_BINARY: Final[dict[int, Callable[[bytes, int], Mark | None]]] = {
    0xF3: lambda payload, at: Mark(at=at, told=Told.TIME, value=int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF),
    0xF4: lambda _, at: Mark(at=at, told=Told.END),
    0xF5: lambda _, at: Mark(at=at, told=Told.OVER),
    0xF6: lambda _, at: Mark(at=at, told=Told.POWER_DOWN),
}


def answer(text: bytes, command: str) -> tuple[bool, str, bytes] | None:
    """Return (whether a command was acknowledged, the line that says so, what follows it), None while neither is there as a whole line."""
    verb, place = command.split(maxsplit=1)[0], 0
    while (end := text.find(b"\n", place)) >= 0:
        line = text[place:end].decode("ascii", errors="replace").replace("PowerShield >", " ").strip()
        place = end + 1
        known = re.match(rf"ack\b.*\b{re.escape(verb)}\b", line, re.IGNORECASE) or (verb == "powershield" and line.startswith("ack"))
        if known or re.match(r"(error|err)\b", line, re.IGNORECASE):
            return bool(known), line, text[place:].lstrip(b"\r\n")
    return None
