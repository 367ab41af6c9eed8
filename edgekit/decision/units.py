"""Read physical quantities such as "120 kB" or "4.5 USD/h" with a registry of our own.

Bytes, inferences, currencies and CO2e are base dimensions, so that a mistake in kind is an error and never a factor of 1000.
Bare numbers are refused, "b" is not a unit (GB and Gb differ by eight), and "%" is a ratio.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

_DEFINITIONS = """
nano- = 1e-9 = n-
micro- = 1e-6 = u- = µ-
milli- = 1e-3 = m-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
byte = [information] = B
bit = byte / 8
inference = [inference] = inf
second = [time] = s
minute = 60 * second = min
hour = 60 * minute = h
day = 24 * hour = d
week = 7 * day
year = 365.25 * day = yr
month = year / 12
joule = [energy] = J
watt = joule / second = W
watt_hour = watt * hour = Wh
gram = [mass] = g
gram_co2e = [co2e] = gCO2e
meter = [length] = m
litre = [volume] = L = liter
euro = [currency_eur] = EUR
dollar = [currency_usd] = USD
percent = 0.01 = %
"""

_NAMES = {
    "[information]": "an amount of data",
    "[inference]": "a number of inferences",
    "[time]": "a time",
    "[energy]": "an energy",
    "[mass]": "a mass",
    "[co2e]": "an amount of CO2e",
    "[length]": "a length",
    "[volume]": "an amount of water",
    "[currency_eur]": "an amount of money",
    "[currency_usd]": "an amount of money",
}
_COMPOUND = {
    "inference/s": "a rate of inferences",
    "joule/byte": "an energy per amount of data",
    "joule/bit": "an energy per amount of data",
    "kgCO2e/joule": "an amount of CO2e per energy",
    "EUR/joule": "a price of energy",
    "USD/joule": "a price of energy",
    "EUR/s": "a price of time",
    "USD/s": "a price of time",
    "watt": "a power",
    "litre/joule": "an amount of water per energy",
    "EUR/byte": "a price of data",
    "USD/byte": "a price of data",
    "EUR/inference": "a price of inferences",
    "USD/inference": "a price of inferences",
    "watt/byte": "a power per amount of data",
    "1/year": "a number per time",
    "": "a plain ratio",
}
_EXTREME = 1e30  # of a base unit: what is larger, or smaller than its inverse, is a slip, and products of such numbers are no numbers
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*")


class UnitProblem(ValueError):
    """Say in words why a text is not the quantity that was expected."""


@cache
def registry() -> Any:
    """Return the registry (pint.UnitRegistry), built on first use."""
    import pint

    units = pint.UnitRegistry(None)
    units.load_definitions(_DEFINITIONS.strip().splitlines())
    return units


def parse(text: object, unit: str) -> float:
    """Return `text` ("120 kB") as a number of `unit` ("byte"); raise UnitProblem when it has no unit or another dimension."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise UnitProblem(f"{text!r} is not a quantity; {kind_of(unit)} is expected here")
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise UnitProblem(f"{text!r} is not a number followed by a unit; {kind_of(unit)} is expected here")
    number, written = match.groups()
    if written is None and unit:
        raise UnitProblem(f"{text!r} has no unit; {kind_of(unit)} is expected here")
    found = units_of(written or "")
    if found.dimensionality != units_of(unit).dimensionality:
        raise UnitProblem(f"{text!r} is {describe(found)}; {kind_of(unit)} is expected here")
    value = float(registry().Quantity(float(number), found).to(units_of(unit)).magnitude)
    if not math.isfinite(value) or (value != 0 and not 1 / _EXTREME <= abs(value) <= _EXTREME):
        raise UnitProblem(f"{text!r} is beyond every number that can be meant; {kind_of(unit)} is expected here")
    return float(f"{value:.15g}")  # "95 %" is 0.95, not 0.9500000000000001


def units_of(text: str) -> Any:
    """Return the unit written in `text`; raise UnitProblem when nobody knows it."""
    import pint

    try:
        return registry().parse_units(f"1{text}" if text.startswith("/") else text)
    except pint.UndefinedUnitError as error:
        hint = " (write GB, MB or Mbit: a lone b could be bits or bytes)" if re.search(r"\b[kMGT]?b\b", text) else ""
        raise UnitProblem(f"{text!r} is not a unit edgekit knows{hint}") from error
    except Exception as error:  # pint raises tokenizer, assertion and type errors on malformed text
        raise UnitProblem(f"{text!r} cannot be read as a unit") from error


def kind_of(unit: str) -> str:
    """Return in words what a unit measures: "byte" gives "an amount of data"."""
    return describe(units_of(unit))


def describe(unit: Any) -> str:
    """Return in words what a pint unit measures."""
    dimension = unit.dimensionality
    for known, words in _COMPOUND.items():
        if units_of(known).dimensionality == dimension:
            return words
    if len(dimension) == 1:
        (name, power) = next(iter(dimension.items()))
        if power == 1:
            return _NAMES[name]
    return f"of the dimension {dimension}"
