"""Emulate smart plugs: Shelly of both generations and Tasmota. Watts are the mean of the second before; counters only grow."""

from __future__ import annotations

from typing import Any

from edgekit.sim.emulators.http import HttpInstrument
from edgekit.sim.emulators.instrument import Circuit, OwnClock

_REFRESH_NS = 1_000_000_000
_MAC = "EMULATED0001"


class Plug(HttpInstrument):
    """Stand on a circuit and renew values once a second of its own clock. `gain` is what its watts are of the true ones."""

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        seed: int = 0,
        gain: float = 1.0,
        password: str | None = None,
        failing: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(password=password, failing=failing)
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._gain = gain
        self._began_j = 1000.0 + seed  # a plug in use has counted before

    def power_w(self, t_ns: int) -> float:
        """Return the watts that it shows at a time."""
        renewed_ns = self._renewed_ns(t_ns)
        return self._gain * self._circuit.energy_j(renewed_ns - _REFRESH_NS, renewed_ns) / (_REFRESH_NS / 1e9)

    def counted_j(self, t_ns: int) -> float:
        """Return the joules that it has counted, as of its last renewal."""
        start_ns = self._circuit.start_ns
        return self._began_j + self._gain * self._circuit.energy_j(start_ns, max(start_ns, self._renewed_ns(t_ns)))

    def _renewed_ns(self, t_ns: int) -> int:
        return self._clock.when(self._clock.at(t_ns) // _REFRESH_NS * _REFRESH_NS)


class Shelly(Plug):
    """Answer as a plug of generation 2: /rpc/Switch.GetStatus."""

    realm = "shellyplugsg2-emulated0001"
    free = ("/shelly", "/rpc/Shelly.GetDeviceInfo")
    component = "Switch"

    def _answer(self, path: str, query: dict[str, str], t_ns: int) -> tuple[int, Any]:
        if path in self.free:
            info = {"id": self.realm, "mac": _MAC, "model": "EMULATED", "gen": 2, "app": "PlugS", "auth_en": self._password is not None}
            return 200, info
        if path != f"/rpc/{self.component}.GetStatus":
            return 404, {"code": 404, "message": f"No handler for {path.rpartition('/')[2]}"}
        if query.get("id") != "0":
            return 500, {"code": -105, "message": "Argument 'id' is out of range"}
        watts, volts = round(self.power_w(t_ns), 1), self._circuit.voltage_v
        return 200, {
            "id": 0,
            "output": True,
            "apower": watts,
            "voltage": round(volts, 1),
            "current": round(watts / volts, 3),
            "aenergy": {"total": round(self.counted_j(t_ns) / 3600, 3), "by_minute": [0, 0, 0], "minute_ts": 0},
        }


class ShellyPm(Shelly):
    """Answer as a PM Mini, which measures and does not switch: /rpc/PM1.GetStatus."""

    component = "PM1"


class ShellyFirst(Plug):
    """Answer as a plug of generation 1: /meter/0, in watt-minutes, behind Basic authentication."""

    scheme = "basic"
    free = ("/shelly",)

    def _answer(self, path: str, query: dict[str, str], t_ns: int) -> tuple[int, Any]:
        if path in self.free:
            return 200, {"type": "SHPLG-EMULATED", "mac": _MAC, "auth": self._password is not None, "fw": "1"}
        if path != "/meter/0":
            return 404, {}
        return 200, {"power": round(self.power_w(t_ns), 2), "is_valid": True, "total": int(self.counted_j(t_ns) / 60)}


class Tasmota(Plug):
    """Answer as Tasmota does: /cm?cmnd=Status%2010, whole watts, thousandths of a kilowatt-hour."""

    scheme = "query"

    def _answer(self, path: str, query: dict[str, str], t_ns: int) -> tuple[int, Any]:
        command = query.get("cmnd", "").lower()
        if path != "/cm" or command not in ("status 5", "status 10"):
            return 200, {"Command": "Unknown"}
        if command == "status 5":
            return 200, {"StatusNET": {"Hostname": "tasmota-EMULATED", "Mac": _MAC}}
        watts, volts = round(self.power_w(t_ns)), self._circuit.voltage_v
        energy = {
            "Total": round(self.counted_j(t_ns) / 3.6e6, 3),
            "Power": watts,
            "Voltage": round(volts),
            "Current": round(watts / volts, 3),
        }
        return 200, {"StatusSNS": {"Time": "2026-01-01T00:00:00", "ENERGY": energy}}
