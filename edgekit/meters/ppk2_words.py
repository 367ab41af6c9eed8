r"""Decode what a PPK2 sends: its metadata, and its stream of 32-bit words.

bit  31........24  23......18  17  16.14  13.............0
     D7 ... D0     counter     -   range  ADC / 4            little endian, 100 000 a second

The layout is that of ppk2-api 0.9.2 and ppk2lab 0.5.1. Neither the counter nor anything else frames a word, so that one lost byte shifts
all that follow: what does not count up by one is looked into.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RANGES: Final = 5
FIELDS: Final = ("R", "GS", "GI", "O", "S", "I", "UG")
ADC_TOP: Final = 0x3FFF
_VOLTS_PER_COUNT: Final = 1.8 / 163_840
_RUN: Final = 16  # so many words that count up by one are no chance: 2^-90
_MOST_TEXT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Hold what the instrument says of itself: each factor of its calibration for its five ranges, and the other lines by name.

    `missing` names the factors that it does not state as usable numbers.
    """

    factors: Mapping[str, float]
    lines: Mapping[str, str]
    missing: tuple[str, ...]


def parse_metadata(text: bytes) -> Metadata | None:
    """Return the metadata that ends with the line END, None while that has not come."""
    lines = [line.strip() for line in text[-_MOST_TEXT:].decode("ascii", errors="replace").splitlines()]
    if "END" not in lines:
        return None
    pairs = (line.partition(":") for line in lines[: lines.index("END")])
    told = {name.strip(): value.strip() for name, colon, value in pairs if colon}
    factors = {name: _number(told.get(name)) for name in (f"{field}{r}" for field in FIELDS for r in range(RANGES))}
    usable = {name: value for name, value in factors.items() if value is not None and (value > 0 or name[0] not in "RU")}
    return Metadata(factors=usable, lines=told, missing=tuple(name for name in factors if name not in usable))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e6 else None


# What ppk2-api takes where a unit states nothing: the nominal shunts, and no correction but GS. No unit is known to measure like this.
UNCALIBRATED: Final[Mapping[str, float]] = {
    **{f"R{r}": ohm for r, ohm in enumerate((1031.64, 101.65, 10.15, 0.94, 0.043))},
    **{f"{name}{r}": 1.0 for name in ("GS", "GI", "UG") for r in range(RANGES)},
    **{f"{name}{r}": 0.0 for name in ("O", "S", "I") for r in range(RANGES)},
}


def amperes_by_code(factors: Mapping[str, float], voltage_v: float) -> NDArray[np.float64]:
    """Return the amperes of each of the 2^17 pairs of range and ADC value; NaN for the three ranges that there are not.

    With x the volts of the ADC over the shunt: UG * (x * (GS * x + GI) + S * volts + I), the formula of Nordic's own programs.
    """
    import numpy as np

    adc = 4.0 * np.arange(ADC_TOP + 1)
    table = np.full((8, ADC_TOP + 1), np.nan)
    for r in range(RANGES):
        shunt, gs, gi, offset, s, i, ug = (factors[f"{name}{r}"] for name in FIELDS)
        x = (adc - offset) * (_VOLTS_PER_COUNT / shunt)
        table[r] = ug * (x * (gs * x + gi) + s * voltage_v + i)
    return table.reshape(-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """Hold words in order; `lost[i]` counts those that are missing before word i, `skipped` the bytes that belong to none."""

    words: NDArray[np.uint32]
    lost: NDArray[np.int64]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.words)


@dataclass(slots=True, kw_only=True)
class Framer:
    """Cut a stream of bytes into words, in pieces of any length; count what is missing, and find the words again after a lost byte.

    A counter of six bits tells losses apart modulo 64 only: the count is the smallest that explains it.
    """

    rest: bytes = b""
    last: int | None = field(default=None)  # the counter of the last word; None before the first

    def feed(self, data: bytes) -> Words:
        """Return the words that are complete now."""
        import numpy as np

        buffer = self.rest + data
        whole = np.frombuffer(buffer, "<u4", len(buffer) // 4)
        if self.last is not None and len(whole) and _in_step(whole, self.last).all():
            self.rest = buffer[4 * len(whole) :]
            self.last = int(whole[-1] >> 18 & 63)
            return Words(words=whole, lost=np.zeros(len(whole), np.int64))
        return self._search(buffer)

    def _search(self, buffer: bytes) -> Words:
        """Take runs of words that count up by one, wherever they begin, until no further run can be told yet."""
        import numpy as np

        parts: list[NDArray[np.uint32]] = []
        gaps: list[int] = []
        place = skipped = 0
        while (found := self._next_run(buffer, place)) is not None:
            start, run = found
            first = int(run[0] >> 18 & 63)
            gaps += [0 if self.last is None else (first - self.last - 1) % 64, len(run)]
            skipped += start - place
            parts.append(run)
            self.last, place = int(run[-1] >> 18 & 63), start + 4 * len(run)
        keep = min(len(buffer) - place, 4 * _RUN + 3)  # too few to tell a run
        skipped += len(buffer) - keep - place
        self.rest = buffer[len(buffer) - keep :]
        lost = np.zeros(sum(gaps[1::2]), np.int64)
        position = 0
        for gap, length in zip(gaps[::2], gaps[1::2], strict=True):
            lost[position] = gap
            position += length
        return Words(words=np.concatenate(parts) if parts else np.zeros(0, np.uint32), lost=lost, skipped=skipped)

    def _next_run(self, buffer: bytes, place: int) -> tuple[int, NDArray[np.uint32]] | None:
        """Return the place and the words of the next run: what follows the last word in step, else the first `_RUN` words in step."""
        import numpy as np

        here = _words(buffer, place)
        if self.last is not None and len(here) and _in_step(here[:1], self.last)[0]:
            return place, _run(here)
        starts = []
        for shift in range(4):
            words = _words(buffer, place + shift)
            if len(words) >= _RUN:
                good = _in_step(words[1:], int(words[0] >> 18 & 63)) & (words[:-1] >> 14 & 7 < RANGES)
                sums = np.concatenate(([0], np.cumsum(good)))
                whole = np.flatnonzero(sums[_RUN - 1 :] - sums[: len(sums) - _RUN + 1] == _RUN - 1)
                if len(whole):
                    starts.append(place + shift + 4 * int(whole[0]))
        if not starts:
            return None
        start = min(starts)
        return start, _run(_words(buffer, start))


def _words(buffer: bytes, place: int) -> NDArray[np.uint32]:
    import numpy as np

    return np.frombuffer(buffer[place : place + (len(buffer) - place) // 4 * 4], "<u4")


def _in_step(words: NDArray[np.uint32], last: int) -> NDArray[np.bool_]:
    """Return which words count one more than the word before them (the first: than `last`) and have a range that exists."""
    import numpy as np

    counters = (words >> 18).astype(np.uint8) & 63
    before = np.empty_like(counters)
    before[:1], before[1:] = last, counters[:-1]
    good: NDArray[np.bool_] = ((counters - before) & 63 == 1) & (words & 0x1C000 < RANGES << 14)
    return good


def _run(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the words up to the first that is not in step; the first word is taken as it is."""
    import numpy as np

    wrong = np.flatnonzero(~_in_step(words[1:], int(words[0] >> 18 & 63)))
    return words[: int(wrong[0]) + 1] if len(wrong) else words


def smoothed(amperes: NDArray[np.float64], ranges: NDArray[np.uint32], state: Spikes) -> NDArray[np.float64]:
    """Return amperes with the three samples after a change of range replaced by a rolling mean, as Nordic's programs do.

    It hides the spikes of the switch, and with them true energy. `state` carries over from block to block.
    """
    import numpy as np

    return np.array([state.one(value, place) for value, place in zip(amperes.tolist(), ranges.tolist(), strict=True)])


@dataclass(slots=True, kw_only=True)
class Spikes:
    """Hold the rolling means of the spike filter (0.18 and, for the highest range, 0.06 of each sample) and where it stands."""

    mean: float | None = None
    slow: float | None = None
    place: int | None = None
    inside: int = 0
    left: int = 0

    def one(self, value: float, place: int) -> float:
        """Return what the filter makes of one sample of a range."""
        before = self.mean, self.slow
        self.mean = value if self.mean is None else 0.18 * value + 0.82 * self.mean
        self.slow = value if self.slow is None else 0.06 * value + 0.94 * self.slow
        changed = self.place is not None and place != self.place
        self.place = place
        if not changed and not self.left:
            return value
        if changed:
            self.inside, self.left = 0, 3
        else:
            self.inside += 1
        self.left -= 1
        if place != RANGES - 1:
            return self.mean
        if self.inside < 2 and None not in before:
            self.mean, self.slow = before
        assert self.slow is not None
        return self.slow
