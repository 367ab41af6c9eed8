"""Read plugs that run Tasmota: GET /cm?cmnd=Status%2010 answers with StatusSNS.ENERGY. Fields: Tasmota's own documentation.

It counts in thousandths of a kilowatt-hour, 3.6 kJ: only a run of hours moves that counter enough, and shorter ones rest on the watts.
"""

from __future__ import annotations

from typing import Any, Final

from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Port
from edgekit.meters.plug import PlugMeter, Status, document, figure, inside

_SENSORS: Final = "/cm?cmnd=Status%2010"
_NETWORK: Final = "/cm?cmnd=Status%205"


def parse(data: bytes, place: int = 0) -> Status | None:
    """Return watts and kilowatt-hours of one of the plug's meters; of several, each field is a list."""
    energy = inside(document(data), "StatusSNS", "ENERGY")
    power_w = figure(_at(inside(energy, "Power"), place))
    if power_w is None:
        return None
    total = inside(energy, "Total")
    # The total of several meters is that of all of them together.
    several = isinstance(inside(energy, "Power"), list) and not isinstance(total, list)
    return Status(power_w=power_w, counted=None if several else figure(_at(total, place), least=0))


def _at(value: Any, place: int) -> Any:
    if not isinstance(value, list):
        return value if place == 0 else None
    return value[place] if place < len(value) else None


class TasmotaMeter(PlugMeter):
    """Ask for the sensors; user and password go into the query, where Tasmota wants them."""

    kind = "tasmota"
    in_query = True
    counter_j = 3.6e6
    power_step_w = 1.0  # what WattRes 0, the usual setting, prints

    def _introduce(self, port: Port) -> str:
        found = document(self._ask(port, _NETWORK))
        if inside(found, "Command") is not None or inside(found, "WARNING") is not None:  # it says so with status 200
            raise HardwareError(
                f"{port.name} asks for a password",
                code="http.auth",
                why="it answers commands only with user and password",
                do=[
                    (
                        "name the variable that holds it in the option password_env:",
                        "read -rs EDGEKIT_TASMOTA_PASSWORD; export EDGEKIT_TASMOTA_PASSWORD",
                    )
                ],
            )
        network = inside(found, "StatusNET")
        if network is None:
            raise HardwareError(f"{port.name} does not run Tasmota", code="http.answer", why="it tells no StatusNET")
        return f"{inside(network, 'Hostname') or 'Tasmota'} {inside(network, 'Mac') or ''}".strip()

    def _status(self, port: Port) -> Status | None:
        return parse(self._ask(port, _SENSORS), self._id)
