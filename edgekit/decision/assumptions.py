"""List what a decision assumes: every line of the scenario with its value and source, and the constants that were used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.core.decision import Assumption, Constant
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Price, Scenario
from edgekit.core.units import format_number
from edgekit.decision.accounts.totals import YEAR_S
from edgekit.decision.draws.gather import payload_bytes
from edgekit.decision.numerals import amount, rate, size
from edgekit.decision.scenario.field import Field
from edgekit.decision.scenario.fields import FIELDS

_PER = {  # unit of a price -> how it is written, and what one of these is in base units
    "joule": ("/kWh", 3.6e6),
    "s": ("/h", 3600.0),
    "byte": ("/GB", 1e9),
    "inference": ("/inference", 1.0),
    "year": ("/year", 1.0),
    "": ("", 1.0),
}
_SHOWN = {  # unit of a line -> factor and unit for readers
    "joule/byte": (1e6, "µJ/B"),
    "litre/joule": (3.6e6, "L/kWh"),
    "kgCO2e": (1.0, "kg CO2e"),
    "1/year": (1.0, "per year"),
    "watt/byte": (1e12, "W/TB"),
    "hour/day": (1 / 3600, "h a day"),
}
_ALIASES = {"inferences_per_day", "payload"}


def assumptions(scenario: Scenario, constants: Mapping[str, Constant], device: RunRecord | None) -> tuple[Assumption, ...]:
    """Return one line per scenario field: the value that was used and whether the user, a default or a constant set it."""
    given = {entry.attribute for entry in FIELDS if entry.key in scenario.given}
    found = []
    for entry in FIELDS:
        if entry.key in _ALIASES:
            continue
        value = getattr(scenario, entry.attribute)
        source = "user" if entry.attribute in given else "default"
        if value is None:
            found.append(_unstated(entry, scenario, constants, device))
        elif entry.attribute == "lifetime_s" and source == "default":
            found.append(Assumption(name=entry.key, value=_show(entry, value), source="device_lifetime", detail=entry.about))
        else:
            found.append(Assumption(name=entry.key, value=_ranged(entry, value, scenario), source=source, detail=entry.about))
    return tuple(found)


def used_constants(constants: Mapping[str, Constant], evidence: Sequence[str], scenario: Scenario) -> tuple[Constant, ...]:
    """Return the constants behind a decision: those its figures name, the grid factors of its regions, and the default lifetime."""
    wanted = {*evidence, f"grid_{scenario.device_region}", f"grid_{scenario.cloud_region}"}
    if "lifetime" not in scenario.given:
        wanted.add("device_lifetime")
    return tuple(constant for name, constant in constants.items() if name in wanted)


def _unstated(entry: Field, scenario: Scenario, constants: Mapping[str, Constant], device: RunRecord | None) -> Assumption:
    value, source = "not stated", "none"
    if entry.attribute in ("payload_up_bytes", "payload_down_bytes") and device is not None:
        up, down = payload_bytes(scenario, device)
        tensors = "input" if entry.attribute == "payload_up_bytes" else "output"
        value, source = f"{size(up if tensors == 'input' else down)}: the model's own {tensors}", "derived"
    elif entry.attribute == "cloud_pue":
        constant = constants[f"pue_{scenario.cloud_facility}"]
        value, source = constant.shown, constant.id
    elif entry.attribute == "cloud_request_rate_per_s" and scenario.cloud_utilisation is None:
        value, source = f"{rate(scenario.rate_per_s * scenario.fleet)}: the fleet's own", "derived"
    elif entry.attribute == "cloud_batch":
        value, source = "the largest that can fill within the latency limit, else 1", "default"
    elif entry.attribute == "psu_efficiency":
        value = "not stated: no charger loss is added"
    return Assumption(name=entry.key, value=value, source=source, detail=entry.about)


def _ranged(entry: Field, value: object, scenario: Scenario) -> str:
    """Return a line's value, with the range that was stated with it before its unit: "0.170 (0.0800 to 0.290) kg CO2e"."""
    shown, ends = _show(entry, value), next((item for item in scenario.ranges if item.key == entry.key), None)
    if ends is None:
        return shown
    number, _, unit = shown.partition(" ")
    low, high = (_show(entry, end).partition(" ")[0] for end in (ends.low, ends.high))
    return f"{number} ({low} to {high}) {unit}"


def _show(entry: Field, value: object) -> str:
    if isinstance(value, Price):
        per, factor = _PER[entry.unit]
        return f"{format_number(value.amount * factor)} {value.currency}{per}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if entry.kind == "count" or not isinstance(value, (int, float)):
        return str(value)
    return _show_number(entry, float(value))


def _show_number(entry: Field, value: float) -> str:
    if entry.kind == "ratio":
        return f"{value:g}" if entry.minimum >= 1 else f"{100 * value:.4g} %"
    if entry.attribute in ("lifetime_s", "cloud_lifetime_s"):
        return f"{value / YEAR_S:.3g} years"
    if entry.unit == "inference/s":
        return rate(value)
    if entry.unit == "kgCO2e/joule":
        return f"{format_number(value * 3.6e9)} g CO2e/kWh"
    if entry.unit in _SHOWN:
        factor, unit = _SHOWN[entry.unit]
        return f"{format_number(value * factor)} {unit}"
    return size(value) if entry.unit == "byte" else amount(value, {"joule": "J", "watt": "W"}.get(entry.unit, "s"))
