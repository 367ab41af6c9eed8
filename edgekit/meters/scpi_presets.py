"""Know which SCPI queries ask which instrument for volts, amperes and watts: presets from scpi.toml, or the user's own."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from edgekit.meters.reading.settings import number, wrong

QUANTITIES: Final = ("volts", "amps", "watts")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(?:[VAW]|VDC|ADC)?\s*", re.IGNORECASE)
_OVERFLOW = 9e36  # SCPI's 9.9E37 is infinity and 9.91E37 not a number (SCPI-99, 7.2.1.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Hold one question, and what the numbers of its answer are, in order."""

    ask: str
    gives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Hold how one family of instruments is asked; `idn` and `models` are texts of which its identity holds both.

    Each value is a mean over the `look_s` before it, None: over the time since the value before.
    """

    name: str
    title: str
    queries: tuple[Query, ...]
    port: int = 5025
    period_s: float = 0.2
    look_s: float | None = None
    idn: str = ""
    models: str = ""
    volts_step: float | None = None
    amps_step: float | None = None
    gain_rel: float | None = None
    max_w: float = 10_000.0
    source: str = "not stated"

    @property
    def gives(self) -> frozenset[str]:
        """Return which quantities its queries bring."""
        return frozenset(name for query in self.queries for name in query.gives if name)


@cache
def presets() -> Mapping[str, Preset]:
    """Return the presets that ship, by name."""
    tables = tomllib.loads(files("edgekit.meters").joinpath("scpi.toml").read_text(encoding="utf-8"))
    return {name: _preset(name, table) for name, table in tables.items()}


def preset_of(identity: str) -> Preset | None:
    """Return the preset for what an instrument answers to *IDN?."""
    text = identity.upper()
    return next((one for one in presets().values() if one.idn.upper() in text and one.models.upper() in text), None)


def own_queries(kind: str, options: Mapping[str, str]) -> Preset | None:
    """Return a preset made of the options volts, amps and watts, each a query; None where none is given."""
    queries = tuple(Query(ask=options[name], gives=(name,)) for name in QUANTITIES if name in options)
    if not queries:
        return None
    for query in queries:
        if not query.ask.isascii() or not query.ask.isprintable() or not query.ask.split(" ")[0].endswith("?") or ";" in query.ask:
            # a command could switch the output, and that is nothing a meter does
            raise wrong(kind, query.gives[0], f"{query.ask!r} is not one query; its first word ends with a question mark")
    made = Preset(name="own", title="as asked for", queries=queries, period_s=number(kind, options, "period_s", 0.2, low=0.01, high=60))
    if not made.gives & {"watts", "amps"}:
        raise wrong(kind, "volts", "volts alone are no power; amps or watts must be asked for too")
    return made


def parse(answer: str, gives: Sequence[str]) -> dict[str, float] | None:
    """Return the numbers of an answer by what they are, None where it is not as many numbers, or one of them is an overflow."""
    fields = answer.strip().split(",")
    if len(fields) < len(gives):
        return None
    found = {}
    for name, field in zip(gives, fields, strict=False):
        matched = _NUMBER.fullmatch(field)
        value = float(matched[1]) if matched is not None else math.inf
        if not abs(value) < _OVERFLOW:
            return None
        if name:
            found[name] = value
    return found


def _preset(name: str, table: Mapping[str, object]) -> Preset:
    given = dict(table)
    queries = given.pop("queries")
    assert isinstance(queries, list)
    made = tuple(Query(ask=row["ask"], gives=tuple(row["gives"])) for row in queries)
    return Preset(name=name, queries=made, **given)  # type: ignore[arg-type]
