"""Read a load as people write it, or as a table of times and watts.

    idle 2 W; burst 6 W 200 ms every 1 s      2 W, and 6 W in the first 200 ms of every second
    idle 2 W; ramp 2 W 4 W 10 s               2 W, rising to 4 W within 10 s, then 4 W
    square 2 W 6 W 500 ms                     2 W and 6 W, each for half of 500 ms

`idle` is what is drawn without anything else, 0 W where it is not given. Each other part says what is drawn in all while it acts alone;
where several act together, what each adds to idle is added. Watts are written W, mW or uW, times s or ms.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence

from edgekit.core.errors import UsageError
from edgekit.sim.curve import Curve, Load, Sum
from edgekit.sim.load import constant, square

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_POWER, _TIME = rf"{_NUMBER}\s*(W|mW|uW|µW)", rf"{_NUMBER}\s*(s|ms)"
_WATTS = {"W": 1.0, "mW": 1e-3, "uW": 1e-6, "µW": 1e-6}
_SECONDS = {"s": 1.0, "ms": 1e-3}
_FORMS = {
    "idle": rf"{_POWER}",
    "burst": rf"{_POWER}\s+{_TIME}\s+every\s+{_TIME}",
    "ramp": rf"{_POWER}\s+{_POWER}\s+{_TIME}",
    "square": rf"{_POWER}\s+{_POWER}\s+{_TIME}",
}
_READS = {
    "idle": "idle POWER",
    "burst": "burst POWER TIME every TIME",
    "ramp": "ramp POWER POWER TIME",
    "square": "square POWER POWER TIME",
}
_SHORTEST_S, _LONGEST_S, _MOST_W = 1e-5, 1e6, 1e5
EXAMPLE = "idle 2 W; burst 6 W 200 ms every 1 s"


def parse_load(text: str) -> Load:
    """Return the load that `text` describes; raise UsageError that names the part nobody can read."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts:
        raise _unreadable(text, "it is empty")
    read = [_part(part) for part in parts]
    idles = [amounts[0] for word, amounts in read if word == "idle"]
    if len(idles) > 1:
        raise _unreadable(text, "idle is given more than once")
    idle_w = idles[0] if idles else 0.0
    rises = [_RISES[word](amounts, idle_w) for word, amounts in read if word != "idle"]
    lowest_w = idle_w + sum(min((*rise.power_w, 0.0)) for rise in rises)
    if lowest_w < 0:
        raise _unreadable(text, "it would draw less than nothing: a part lies below idle")
    return Sum(parts=(constant(idle_w), *rises)) if rises else constant(idle_w)


def parse_table(text: str, *, where: str) -> Curve:
    """Return the load in CSV rows of seconds and watts, straight between rows and the last value held; raise UsageError for anything else.

    A first row of names is passed over; seconds count from the first row on.
    """
    rows = [row for row in csv.reader(text.splitlines()) if row and not row[0].lstrip().startswith("#")]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    try:
        pairs = [(float(row[0]), float(row[1])) for row in rows]
        times_ns = [round((t_s - pairs[0][0]) * 1e9) for t_s, _ in pairs]
        if any(not 0 <= watts < _MOST_W for _, watts in pairs):
            raise ValueError(f"watts lie between 0 and {_MOST_W:g}")
        return Curve(times_ns=tuple(times_ns), power_w=tuple(watts for _, watts in pairs))
    except (ValueError, IndexError, OverflowError) as error:
        raise UsageError(
            f"{where} is no table of seconds and watts",
            code="load.table",
            why=str(error),
            do=[("write it like this:", "printf 't_s,power_w\\n0,2\\n10,2\\n10,6\\n20,6\\n' > load.csv")],
        ) from error


def _part(text: str) -> tuple[str, Sequence[float]]:
    """Return ("burst", [watts, seconds, seconds]) and the like for one part."""
    word, _, rest = text.partition(" ")
    if word not in _FORMS:
        raise _unreadable(text, f"a part begins with one of {', '.join(_FORMS)}")
    found = re.fullmatch(_FORMS[word], rest.strip())
    if found is None:
        raise _unreadable(text, f"it reads {_READS[word]}, with powers in W, mW or uW and times in s or ms")
    groups = found.groups()
    amounts = []
    for number, unit in zip(groups[::2], groups[1::2], strict=True):
        value = float(number) * (_WATTS | _SECONDS)[unit]
        if unit in _SECONDS and not _SHORTEST_S <= value <= _LONGEST_S:
            raise _unreadable(text, f"{number} {unit} is no time between 10 microseconds and {_LONGEST_S:g} s")
        if unit in _WATTS and value > _MOST_W:
            raise _unreadable(text, f"{number} {unit} is more than {_MOST_W:g} W")
        amounts.append(value)
    if word == "burst" and amounts[1] >= amounts[2]:
        raise _unreadable(text, "a burst ends before the next one begins")
    return word, amounts


def _burst(amounts: Sequence[float], idle_w: float) -> Curve:
    watts, on_s, every_s = amounts
    rise = watts - idle_w
    on_ns, every_ns = round(on_s * 1e9), round(every_s * 1e9)
    return Curve(times_ns=(0, on_ns, on_ns), power_w=(rise, rise, 0.0), period_ns=every_ns)


def _ramp(amounts: Sequence[float], idle_w: float) -> Curve:
    from_w, to_w, seconds = amounts
    return Curve(times_ns=(0, round(seconds * 1e9)), power_w=(from_w - idle_w, to_w - idle_w))


def _square(amounts: Sequence[float], idle_w: float) -> Curve:
    low_w, high_w, period_s = amounts
    return square(low_w - idle_w, high_w - idle_w, period_s)


_RISES: Mapping[str, Callable[[Sequence[float], float], Curve]] = {"burst": _burst, "ramp": _ramp, "square": _square}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unreadable(text: str, why: str) -> UsageError:
    return UsageError(f"the load {text!r} cannot be read", code="load.words", why=why, do=[("write it like this:", f"--load '{EXAMPLE}'")])
