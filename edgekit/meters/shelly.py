"""Read Shelly plugs: generation 2 and later over /rpc, generation 1 over /meter. Paths and fields: Shelly's own API pages.

GET /shelly                        {"gen": 2, "mac": ...} or {"type": "SHPLG-S", "mac": ...}
GET /rpc/Switch.GetStatus?id=0     {"apower": W, "aenergy": {"total": Wh}}      (PM Mini: PM1.GetStatus)
GET /meter/0                       {"power": W, "total": watt-minutes}
"""

from __future__ import annotations

from typing import Final

from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Port
from edgekit.meters.plug import PlugMeter, Status, document, figure, inside

_COMPONENTS: Final = ("Switch", "PM1")


def parse_gen2(data: bytes) -> Status | None:
    """Return what Switch.GetStatus or PM1.GetStatus answers: watts, and watt-hours."""
    found = document(data)
    power_w = figure(inside(found, "apower"))
    if power_w is None:
        return None
    return Status(power_w=power_w, counted=figure(inside(found, "aenergy", "total"), least=0))


def parse_gen1(data: bytes) -> Status | None:
    """Return what /meter/N answers: watts, and watt-minutes; None while the plug itself calls it not valid."""
    found = document(data)
    power_w = figure(inside(found, "power"))
    if power_w is None or inside(found, "is_valid") is False:
        return None
    return Status(power_w=power_w, counted=figure(inside(found, "total"), least=0))


class ShellyMeter(PlugMeter):
    """Find out the generation from /shelly, which needs no password, then ask for the status of one component."""

    kind = "shelly"
    _path = ""
    _first = False

    def _introduce(self, port: Port) -> str:
        info = document(self._ask(port, "/shelly"))
        mac, generation = inside(info, "mac"), figure(inside(info, "gen")) or 1
        if not isinstance(mac, str):
            raise HardwareError(f"{port.name} is no Shelly", code="http.answer", why="its /shelly tells no mac")
        self._first = generation < 2
        self.counter_j, self.counter_step = (60.0, 1.0) if self._first else (3600.0, 0.001)
        self._path = f"/meter/{self._id}" if self._first else self._component(port)
        name = inside(info, "type") if self._first else inside(info, "model")
        return f"{name or 'Shelly'} {mac}"

    def _component(self, port: Port) -> str:
        """Return the path of the component that there is: a plug's switch, or the meter of a PM Mini."""
        for name in _COMPONENTS[:-1]:
            path = f"/rpc/{name}.GetStatus?id={self._id}"
            try:
                self._ask(port, path)
            except HardwareError as error:
                if error.code != "http.status":
                    raise
                continue
            return path
        return f"/rpc/{_COMPONENTS[-1]}.GetStatus?id={self._id}"

    def _status(self, port: Port) -> Status | None:
        return (parse_gen1 if self._first else parse_gen2)(self._ask(port, self._path))
