"""Read a scenario file: how a product is used. Every line is checked for spelling, kind and limits; errors show a correct line."""

from __future__ import annotations

import datetime
import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from edgekit.core.decision import Constant
from edgekit.core.errors import UsageError
from edgekit.core.scenario import Price, Range, Scenario
from edgekit.decision.constants.overrides import read_overrides
from edgekit.decision.constants.pack import regions
from edgekit.decision.scenario.consistency import require_consistent
from edgekit.decision.scenario.field import Field
from edgekit.decision.scenario.fields import FIELDS
from edgekit.decision.scenario.ranges import parse_ranged
from edgekit.decision.units import UnitProblem, parse

_BY_KEY = {entry.key: entry for entry in FIELDS}
_TABLES = {entry.key.rpartition(".")[0] for entry in FIELDS} - {""} | {"constants"}
_SAME = (("rate", "inferences_per_day"), ("payload", "payload_up"), ("cloud.request_rate", "cloud.utilisation"))
_DAY_S = 86_400.0
_MOST = 10**15  # more devices, or inferences a day, than there will ever be; larger ones would also no longer be exact


def default_scenario(constants: Mapping[str, Constant]) -> Scenario:
    """Return the documented defaults: one inference per second on a device that exists anyway, against a shared cloud."""
    return _build({}, (), constants, source="default scenario")


def parse_scenario(text: str, *, where: str, constants: Mapping[str, Constant]) -> Scenario:
    """Return the scenario in TOML `text`; raise UsageError that names the line, what is wrong, and a correct line to paste."""
    try:
        data = tomllib.loads(text)
        written = {key: value for key, value in _flatten(data) if not (value == {} and key in _TABLES)}
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(
            f"{where} is not valid TOML", code="scenario.syntax", why=str(error), do=[("a line looks like this:", 'rate = "1 inference/s"')]
        ) from error
    overrides = read_overrides(data.get("constants", {}), where, constants)
    written = {key: value for key, value in written.items() if key.partition(".")[0] != "constants"}
    for key, value in written.items():
        if key in _TABLES:
            raise _no_table(key, value, where)
        if key not in _BY_KEY:
            raise _misspelt(key, where)
    for pair in _SAME:
        if all(key in written for key in pair):
            raise UsageError(
                f"{where} states both {pair[0]} and {pair[1]}",
                code="scenario.twice",
                why="the two lines say the same thing",
                do=[("keep one of them:", _line(_BY_KEY[pair[0]]))],
            )
    values = {_BY_KEY[key].attribute: _read(_BY_KEY[key], value, where, text, constants) for key, value in written.items()}
    if "inferences_per_day" in written:
        values["rate_per_s"] /= _DAY_S
    elif "schedule.hours_per_day" in written:
        values["rate_per_s"] = values.get("rate_per_s", 1.0) * values["active_s_per_day"] / 24
    if "schedule.hours_per_day" in written:
        values["active_s_per_day"] *= 3600
    if values.get("radio") in ("lte-m", "nb-iot"):
        values.setdefault("network", "mobile")
    values["overrides"] = overrides
    values["ranges"] = tuple(found for key, value in written.items() if (found := _range(_BY_KEY[key], value)) is not None)
    scenario = _build(values, tuple(written), constants, source=where)
    require_consistent(scenario, where)
    return scenario


def _build(values: Mapping[str, Any], given: Sequence[str], constants: Mapping[str, Constant], *, source: str) -> Scenario:
    if values.get("device_role") == "bought":
        values = {**values, "device_role": "dedicated"}
    defaults: dict[str, Any] = {entry.attribute: entry.default for entry in FIELDS if entry.default is not None}
    defaults["lifetime_s"] = constants["device_lifetime"].value
    return Scenario(**{**defaults, **values}, given=tuple(given), source=source)


def _flatten(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value and not (prefix + key in _BY_KEY and _BY_KEY[prefix + key].ranged):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _misspelt(key: str, where: str) -> UsageError:
    bare = {name.replace(".", "_"): name for name in _BY_KEY} | {name.rpartition(".")[2]: name for name in _BY_KEY}
    near = [*difflib.get_close_matches(key, _BY_KEY, n=2, cutoff=0.6)]
    near += [bare[match] for match in difflib.get_close_matches(key.replace(".", "_"), bare, n=2, cutoff=0.6)]
    do = [(f"did you mean {name}?", _line(_BY_KEY[name])) for name in dict.fromkeys(near)][:2]
    return UsageError(
        f"{where}: there is no line called {key}", code="scenario.key", why=f"known: {', '.join(_BY_KEY)}", do=do, data={"key": key}
    )


def _no_table(key: str, value: Any, where: str) -> UsageError:
    inside = next(entry for entry in FIELDS if entry.key.startswith(f"{key}."))
    return UsageError(
        f"{where}: {key} is a table, not {value!r}",
        code="scenario.value",
        why=f"its lines stand under [{key}], which is written once",
        do=[("write it like this:", _line(inside))],
        data={"key": key},
    )


def _line(entry: Field) -> str:
    return f"{entry.key} = {entry.example}"


def _read(entry: Field, value: Any, where: str, text: str, constants: Mapping[str, Constant]) -> Any:
    try:
        return _typed(entry, value, constants)
    except UnitProblem as error:
        raise UsageError(
            f"{where}: {entry.key} cannot be {value!r}",
            code="scenario.value",
            why=f"{entry.key} is {entry.about}: {error}",
            do=_corrections(entry, value, text, constants),
            data={"key": entry.key},
        ) from error


def _corrections(entry: Field, value: Any, text: str, constants: Mapping[str, Constant]) -> list[tuple[str, str]]:
    """Return correct lines as they may stand in place of the wrong one: without the table's name where a [table] holds the line."""
    table, _, bare = entry.key.rpartition(".")
    dotted = not table or re.search(rf"^\s*{re.escape(table)}\s*\.", text, re.MULTILINE) is not None
    key, place = (entry.key, "") if dotted else (bare, f" under [{table}]")
    near = _nearest_region(value, constants) if entry.kind == "region" else None
    found = [(f"write it like this{place}:", f'{key} = "{near}"' if near else f"{key} = {entry.example}")]
    if entry.kind == "region":
        grid = f"{table}.grid" if dotted else "grid"
        found.append((f"or state the grid's own factor{place} instead:", f'{grid} = "300 gCO2e/kWh"'))
    return found


def _nearest_region(value: Any, constants: Mapping[str, Constant]) -> str | None:
    near = difflib.get_close_matches(str(value).strip().upper(), regions(constants), n=1, cutoff=0.5)
    return near[0] if near else None


def _typed(entry: Field, value: Any, constants: Mapping[str, Constant]) -> Any:
    readers: dict[str, Callable[[], Any]] = {
        "quantity": lambda: _within(entry, _quantity(entry, value)),
        "ratio": lambda: _within(entry, parse(value, entry.unit)),
        "count": lambda: _count(entry, value),
        "price": lambda: _price(entry, value),
        "date": lambda: _date(value),
        "choice": lambda: _one_of(value, entry.choices),
        "region": lambda: _one_of(value, regions(constants), _nearest_region(value, constants)),
        "text": lambda: _text(value),
        "flag": lambda: _flag(value),
    }
    return readers[entry.kind]()


def _quantity(entry: Field, value: Any) -> float:
    if entry.ranged:
        return parse_ranged(value, entry.unit)[0]
    return parse(_of_inferences(value) if entry.unit == "inference/s" else value, entry.unit)


def _range(entry: Field, value: Any) -> Range | None:
    ends = parse_ranged(value, entry.unit)[1] if entry.ranged else None
    return None if ends is None else Range(key=entry.key, low=ends[0], high=ends[1])


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UnitProblem("a text in quotes is expected here")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnitProblem("true or false is expected here")
    return value


def _within(entry: Field, number: float) -> float:
    if number < entry.minimum or (number == entry.minimum and not entry.closed):
        raise UnitProblem(f"it must be {'at least' if entry.closed else 'more than'} {entry.minimum:g}")
    if entry.maximum is not None and number > entry.maximum:
        raise UnitProblem(
            f"it must be at most {entry.maximum:g} (100 %)" if entry.maximum == 1 else f"it must be at most {entry.maximum:g}"
        )
    return number


def _count(entry: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnitProblem("a whole number is expected here")
    if value > _MOST:
        raise UnitProblem(f"it must be at most {_MOST:g}")
    return int(_within(entry, value))


def _price(entry: Field, value: Any) -> Price:
    problem: UnitProblem | None = None
    for currency in ("EUR", "USD"):
        try:
            return Price(amount=_within(entry, parse(value, f"{currency}/{entry.unit}".rstrip("/"))), currency=currency)
        except UnitProblem as error:
            problem = error
    raise problem or UnitProblem("a price is expected here")


def _date(value: Any) -> str:
    try:
        return datetime.date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise UnitProblem("a date is written as year-month-day") from error


def _of_inferences(value: Any) -> Any:
    """Return "5/min" or "5 per minute" as what a rate means: inferences."""
    found = re.fullmatch(r"\s*([\d.eE+-]+)\s*(?:/|per\b)\s*([A-Za-z]+)\s*", value) if isinstance(value, str) else None
    return f"{found[1]} inference/{found[2]}" if found else value


def _one_of(value: Any, choices: Sequence[str], near: str | None = None) -> str:
    if value in choices:
        return str(value)
    near = near or next(iter(difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)), None)
    hint = f"did you mean {near}? " if near else ""
    raise UnitProblem(f"{hint}one of {', '.join(choices)} is expected here")
