"""Read the constants that a scenario states itself ([constants]), and put them in place of the pack's, traced to the user."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType
from typing import Any

from edgekit.core.decision import Constant
from edgekit.core.errors import UsageError
from edgekit.core.scenario import Override, Scenario
from edgekit.decision.constants.pack import ConstantProblem, in_base

_KEYS = {"value", "low", "high"}
_LIMITS = {  # prefix of the id -> least, most: what is divided by is not 0, and two shares leave something of the whole
    "pue_": (1.0, 10.0),
    "cloud_total_": (1.0, 100.0),
    "cloud_share_": (0.0, 0.45),
    "cloud_pool_": (0.001, 1.0),
    "device_lifetime": (86_400.0, math.inf),
    "server_lifetime": (86_400.0, math.inf),
}


def read_overrides(table: Any, where: str, constants: Mapping[str, Constant]) -> tuple[Override, ...]:
    """Return the lines of [constants]; raise UsageError for an unknown name, a wrong unit, or a value outside the range stated with it.

    A line is a quantity, or a table of value, low and high. The words of a name may stand in any order.
    """
    if not isinstance(table, dict):
        raise UsageError(
            f"{where}: constants is a table, not {table!r}",
            code="scenario.value",
            why="each of its lines replaces one published number",
            do=[("write it like this:", "constants = { pue_hyperscale = 1.1 }")],
        )
    found = tuple(_override(name, value, where, constants) for name, value in table.items())
    names = dict(zip(table, (item.id for item in found), strict=True))
    for first, second in combinations(names, 2):
        if names[first] == names[second]:
            raise UsageError(
                f"{where} states both constants.{first} and constants.{second}",
                code="scenario.twice",
                why="the words of a name may stand in any order, so that both mean one number",
                do=[("keep one of them:", _line(constants[names[first]]))],
            )
    return found


def with_overrides(constants: Mapping[str, Constant], scenario: Scenario) -> Mapping[str, Constant]:
    """Return the constants with the scenario's own in their places: source "user", without a range unless one was stated."""
    if not scenario.overrides:
        return constants
    own = {item.id: _replaced(constants[item.id], item) for item in scenario.overrides}
    return MappingProxyType({**constants, **own})


def _replaced(constant: Constant, own: Override) -> Constant:
    scope = f"{constant.scope}; stated by the user in place of {constant.shown}"
    return replace(
        constant,
        value=own.value,
        low=own.low,
        high=own.high,
        shown=own.shown,
        scope=scope,
        source="user",
        licence="user",
        evidence="user",
        stale=False,
    )


def _line(constant: Constant) -> str:
    """Return the line that states a constant as the pack does, without its range."""
    shown = re.sub(r" \(.*?\)", "", constant.shown).replace("g CO2e", "gCO2e")
    return f'{constant.id} = "{shown}"'


def _require_possible(name: str, low: float, high: float) -> None:
    """Raise ConstantProblem for numbers that the quantity cannot have."""
    least, most = next((limits for prefix, limits in _LIMITS.items() if name.startswith(prefix)), (0.0, math.inf))
    unit = " s" if name.endswith("lifetime") else ""
    if low < least:
        raise ConstantProblem(f"it must be at least {least:g}{unit}")
    if high > most:
        raise ConstantProblem(f"it must be at most {most:g}{unit}")


def _override(name: str, value: Any, where: str, constants: Mapping[str, Constant]) -> Override:
    known = next((item for item in constants if sorted(item.split("_")) == sorted(name.split("_"))), None)
    if known is None:
        near = difflib.get_close_matches(name, constants, n=1, cutoff=0.5)
        raise UsageError(
            f"{where}: there is no constant called {name}",
            code="scenario.key",
            why=f"known: {', '.join(item for item in constants if not item.startswith('grid_'))}, and grid_DE and the like",
            do=[(f"did you mean {near[0]}?", _line(constants[near[0]]))] if near else [],
            data={"key": f"constants.{name}"},
        )
    parts = value if isinstance(value, dict) else {"value": value}
    try:
        if "value" not in parts or parts.keys() - _KEYS:
            raise ConstantProblem("a quantity, or a table of value, low and high, is expected here")
        found = {key: in_base(known, text) for key, text in parts.items()}
        low, high = found.get("low", found["value"]), found.get("high", found["value"])
        if low < 0 or not low <= found["value"] <= high:
            raise ConstantProblem("it must be at least 0 and lie between its low and its high")
        _require_possible(known, low, high)
    except ConstantProblem as error:
        raise UsageError(
            f"{where}: constants.{name} cannot be {value!r}",
            code="scenario.value",
            why=f"{known} is {constants[known].scope}: {error}",
            do=[("write it like this under [constants]:", _line(constants[known]))],
            data={"key": f"constants.{name}"},
        ) from error
    shown = " to ".join(str(parts[key]) for key in ("low", "high") if key in parts)
    return Override(
        id=known,
        value=found["value"],
        shown=f"{parts['value']} ({shown})" if shown else str(parts["value"]),
        low=found.get("low"),
        high=found.get("high"),
    )
