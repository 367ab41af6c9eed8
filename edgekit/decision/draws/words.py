"""Name the uncertain inputs of a decision, their units and their values for readers."""

from __future__ import annotations

from edgekit.core.units import format_number
from edgekit.decision.numerals import amount

_WORDS = {
    "device_j": ("the energy of the device run", "J"),
    "device_net_j": ("the net energy of the device run", "J"),
    "device_idle_w": ("the idle power of the device", "W"),
    "cloud_j": ("the energy of the cloud run", "J"),
    "cloud_idle_w": ("the idle power of the cloud GPU", "W"),
    "server_idle_w": ("the idle power of a GPU and its share of the server", "W"),
    "pue": ("the data centre's PUE", "1"),
    "cloud_total": ("the host and idle share of the cloud", "1"),
    "cloud_idle_share": ("the share of idle machines in the cloud", "1"),
    "cloud_facility_share": ("the share of the facility in the cloud", "1"),
    "network_marginal": ("the network's energy per byte", "J/B"),
    "network_average": ("the network's energy per byte", "J/B"),
    "radio_ble": ("the radio's energy per byte", "J/B"),
}


def name_of(name: str) -> str:
    """Return an input in words."""
    return _WORDS[name][0] if name in _WORDS else f"the {name.replace('_', ' ')}"


def unit_of(name: str) -> str:
    """Return the unit of an input: of those without an entry, as its name ends."""
    if name in _WORDS:
        return _WORDS[name][1]
    ends = {"_j": "J", "_w": "W", "_s": "s", "_kg": "kg", "_per_byte": "J/B"}
    return next((unit for end, unit in ends.items() if name.endswith(end)), "1")


def shown(value: float, unit: str) -> str:
    """Return a value of an input for a reader: joules per byte scaled."""
    if unit == "J/B":
        return f"{amount(value, 'J')}/B"
    return amount(value, unit) if unit in ("J", "W", "s", "B", "kg") else f"{format_number(value)}{'' if unit == '1' else ' ' + unit}"
