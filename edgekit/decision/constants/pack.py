"""Read the constants pack: published numbers with range, year, scope, source, licence and evidence, checked for dimension at load."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from edgekit.core.decision import Constant
from edgekit.decision.numerals import plain
from edgekit.decision.units import UnitProblem, parse

_EVIDENCE = ("read", "abstract", "derived")
_BASE: dict[str, tuple[str, str]] = {  # prefix of the id -> (unit of pint, name of the unit inside edgekit)
    "pue_": ("", "1"),
    "cloud_": ("", "1"),
    "network_": ("joule/byte", "J/B"),
    "radio_lora_power": ("watt", "W"),
    "radio_": ("joule/byte", "J/B"),
    "embodied_": ("kgCO2e", "kg"),
    "server_idle_per_gpu": ("watt", "W"),
    "server_lifetime": ("second", "s"),
    "device_lifetime": ("second", "s"),
    "grid_": ("kgCO2e/joule", "kg/J"),
}


class ConstantProblem(ValueError):
    """Say which entry of the pack is wrong, and why."""


def load_constants(text: str) -> Mapping[str, Constant]:
    """Return the constants of a pack (TOML text) by id, in base units; raise ConstantProblem for an entry that may not be used."""
    data = tomllib.loads(text)
    version = data.pop("version", None)
    if version != "1":
        raise ConstantProblem(f"the constants pack has version {version!r}, this edgekit reads version '1'")
    return MappingProxyType({name: _constant(name, entry) for name, entry in data.items()})


def regions(constants: Mapping[str, Constant]) -> tuple[str, ...]:
    """Return the country codes for which the pack holds a grid factor."""
    return tuple(sorted(name.removeprefix("grid_") for name in constants if name.startswith("grid_")))


def _constant(name: str, entry: Mapping[str, object]) -> Constant:
    missing = {"value", "unit", "year", "scope", "source", "licence", "evidence"} - entry.keys()
    if missing:
        raise ConstantProblem(f"constant {name} lacks {', '.join(sorted(missing))}")
    if entry["evidence"] not in _EVIDENCE:
        raise ConstantProblem(f"constant {name} rests on {entry['evidence']!r}: only {', '.join(_EVIDENCE)} may become a default")
    unit = str(entry["unit"])
    value, low, high = (_in_base(name, entry.get(key), unit) for key in ("value", "low", "high"))
    if value is None or not (low if low is not None else value) <= value <= (high if high is not None else value):
        raise ConstantProblem(f"constant {name}: value {value} lies outside its range {low} to {high}")
    return Constant(
        id=name,
        value=value,
        low=low,
        high=high,
        unit=_base_of(name)[1],
        shown=_shown(entry),
        year=int(str(entry["year"])),
        scope=str(entry["scope"]),
        source=str(entry["source"]),
        licence=str(entry["licence"]),
        evidence=str(entry["evidence"]),
    )


def in_base(name: str, text: object) -> float:
    """Return what is written ("0.03 kWh/GB") in the base unit of the constant `name`; raise ConstantProblem for another dimension."""
    try:
        return parse(text, _base_of(name)[0])
    except UnitProblem as error:
        raise ConstantProblem(f"constant {name}: {error}") from error


def aged(constants: Mapping[str, Constant], on: str | None) -> Mapping[str, Constant]:
    """Return the constants with those marked stale whose year ended more than 24 months before `on` (year-month-day)."""
    if on is None:
        return constants
    return MappingProxyType({name: replace(item, stale=_is_stale(item, on)) for name, item in constants.items()})


def _is_stale(constant: Constant, on: str) -> bool:
    year, rest = int(on[:4]), on[4:10]
    return constant.evidence != "user" and (constant.year + 2, "-12-31") < (year, rest)


def _in_base(name: str, value: object, unit: str) -> float | None:
    return None if value is None else in_base(name, f"{value} {unit}".rstrip())


def _base_of(name: str) -> tuple[str, str]:
    for prefix, base in _BASE.items():
        if name.startswith(prefix):
            return base
    raise ConstantProblem(f"constant {name} belongs to no known group: {', '.join(_BASE)}")


def _shown(entry: Mapping[str, object]) -> str:
    spread = f" ({plain(entry['low'])} to {plain(entry['high'])})" if "low" in entry and "high" in entry else ""
    return f"{plain(entry['value'])}{spread} {str(entry['unit']).replace('gCO2e', 'g CO2e')}".rstrip()
