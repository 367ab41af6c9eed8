r"""Read and write the serial protocol of MLPerf Tiny's reference firmware. Pure: bytes and texts in, messages out.

A command is ASCII with a final "%", without a line end. The board answers in lines that end in "\r\n" and closes each answer with
"m-ready", also after an error. Facts: mlcommons/tiny, benchmark/api (commit 18d632f), read and run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BAUDS: Final = (115_200, 921_600, 9_600)  # performance builds, that of the anomaly detector, energy builds; fixed when compiled
CHUNK_BYTES: Final = 31  # in one `db`: its buffer holds 80 characters
INPUT_BYTES: Final = {"kws01": 490, "vww01": 27_648, "ic01": 3072, "ic02": 3072, "ad01": 2560}
WRAP_US: Final = 2**32
_MOST_LINE: Final = 4096  # the longest line that is kept: an answer of the benchmark has some hundred characters


class Said(StrEnum):
    """Name what a line of the board says."""

    READY = "ready"
    ERROR = "error"
    TOO_LARGE = "too large"
    NAME = "name"
    PROFILE = "profile"
    MODEL = "model"
    MODE = "mode"
    INIT = "init"
    LAP = "lap"
    EXPECTING = "expecting"
    LOADED = "loaded"
    INFER_START = "infer start"
    INFER_DONE = "infer done"
    RESULTS = "results"
    OTHER = "other"


_FORMS: Final = (
    (Said.READY, r"m-ready"),
    (Said.LAP, r"m-lap-us-(\d{1,20})"),
    (Said.ERROR, r"e-\[(.*?)\]?"),
    (Said.NAME, r"m-name-[^\[]*\[(.*)\]"),
    (Said.PROFILE, r"m-profile-\[(.*)\]"),
    (Said.MODEL, r"m-model-\[(.*)\]"),
    (Said.MODE, r"m-timestamp-mode-(\w+)"),
    (Said.INIT, r"m-init-done"),
    (Said.EXPECTING, r"m-\[Expecting (\d+) bytes\]"),
    (Said.LOADED, r"m-load-done"),
    (Said.INFER_START, r"m-infer-start-(\d+)"),
    (Said.INFER_DONE, r"m-infer-done"),
    (Said.RESULTS, r"m-results-\[(.*)\]"),
    (Said.TOO_LARGE, r"Supplied buffer size -?\d+ exceeds maximum of (\d+)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Hold one line: what it says, the value in it ("" for none), and when its first and last bytes were read, in ns of the host."""

    said: Said
    value: str
    text: str
    first_ns: int
    last_ns: int


class Lines:
    """Collect bytes and return the lines that are complete; bytes before a line that are no text are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._first_ns = 0

    def feed(self, data: bytes, t_ns: int) -> list[Message]:
        """Take bytes read at `t_ns`."""
        if not self._rest:
            self._first_ns = t_ns
        *lines, rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            found.append(parse(line, first_ns=self._first_ns, last_ns=t_ns))
            self._first_ns = t_ns
        self._rest = rest[-_MOST_LINE:]
        return found


def parse(line: bytes, *, first_ns: int = 0, last_ns: int = 0) -> Message:
    """Return what one line without its end says."""
    text = line.decode("ascii", errors="replace").strip("\r\n")
    bare = re.sub(r"^[^ -~]+", "", text)
    for said, form in _FORMS:
        if found := re.fullmatch(form, bare):
            value = found[1] if found.re.groups else ""
            return Message(said=said, value=value, text=bare, first_ns=first_ns, last_ns=last_ns)
    return Message(said=Said.OTHER, value="", text=text, first_ns=first_ns, last_ns=last_ns)


def is_text(data: bytes) -> bool:
    """Return whether bytes may be lines of text: a line at another speed is not."""
    plain = sum(32 <= number < 127 or number in (9, 10, 13) for number in data)
    return plain >= 0.9 * len(data)


def load_commands(data: bytes) -> Iterator[str]:
    """Yield the commands that bring an input into the buffer: its length, then pieces that fit the board's command buffer."""
    yield f"db load {len(data)}%"
    for place in range(0, len(data), CHUNK_BYTES):
        yield f"db {data[place : place + CHUNK_BYTES].hex()}%"


def infer_command(number: int, warmup: int = 0) -> str:
    """Return the command for so many inferences; without its second number the firmware would warm up ten times."""
    return f"infer {number} {warmup}%"


def results(value: str) -> tuple[float, ...]:
    """Return the numbers of a results line; raise ValueError for anything that is none."""
    numbers = tuple(float(word) for word in value.split(",") if word.strip()) if value.strip() else ()
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{value[:80]!r} holds what is no number")
    return numbers


def unwrapped_us(raw: int, near_us: int) -> int:
    """Return the time nearest to `near_us` that a counter of 32 bits shows as `raw`; it wraps every 71.6 minutes."""
    return near_us + (raw - near_us + WRAP_US // 2) % WRAP_US - WRAP_US // 2
