"""Understand what a Joulescope publishes, as the lines of its port: statistics of short blocks, levels of digital inputs. Pure.

    {"topic": "s/stats/value", "value": {"time": {"samples": {"value": [from, to]}, "sample_freq": ...}, "signals": {"power": ...}, ...}}

Topics and fields are those of the maker's library and its examples. The joules are taken from the field `value` of the accumulator, as
those examples do: the integer beside it has a scale of its own in each model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

_MOST_V: Final = 20.0
_MOST_A: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Hold the means over the samples from `start` up to `end`, which its counter makes `rate_hz` of, and the joules counted until then."""

    start: int
    end: int
    rate_hz: float
    power_w: float
    voltage_v: float
    energy_j: float

    @property
    def seconds(self) -> float:
        """Return how long it lasts."""
        return (self.end - self.start) / self.rate_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Hold levels of one input: eight to a byte, the first in the lowest bit, `step` counts of a counter of `rate_hz` apart."""

    name: str
    start: int
    step: int
    rate_hz: float
    bits: bytes


def told(line: bytes) -> tuple[str, Any] | None:
    """Return (topic, value) of a line, None for what is none."""
    try:
        found = json.loads(line)
        topic = found["topic"]
        return (topic, found["value"]) if isinstance(topic, str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def parse(value: Any) -> Block | None:
    """Return what published statistics say, None for what is none or holds no numbers that the instrument can mean."""
    try:
        time, signals = value["time"], value["signals"]
        start, end = (int(each) for each in time["samples"]["value"])
        made = Block(
            start=start,
            end=end,
            rate_hz=float(time["sample_freq"]["value"]),
            power_w=float(signals["power"]["avg"]["value"]),
            voltage_v=float(signals["voltage"]["avg"]["value"]),
            energy_j=float(value["accumulators"]["energy"]["value"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, IndexError):
        return None
    if not (0 <= start < end < 2**62 and 1 <= made.rate_hz <= 1e9 and made.seconds <= 60):
        return None
    meant = abs(made.power_w) <= _MOST_V * _MOST_A and abs(made.voltage_v) <= _MOST_V and abs(made.energy_j) < 1e12
    return made if meant else None  # what is no number compares with nothing


def parse_levels(name: str, value: Any) -> Levels | None:
    """Return published levels of an input, None for what is none."""
    try:
        made = Levels(
            name=name,
            start=int(value["sample_id"]),
            step=int(value["decimate_factor"]),
            rate_hz=float(value["sample_rate"]),
            bits=bytes.fromhex(value["data"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return made if 0 <= made.start < 2**62 and 1 <= made.step <= 10**9 and 1 <= made.rate_hz <= 1e9 and made.bits else None
