"""Share what smart plugs have in common: a watt figure renewed about once a second and an energy counter, asked for over HTTP.

Nothing here switches a plug: the paths that are asked are those of its status.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Clock, Port
from edgekit.core.quantity import Origin
from edgekit.core.sync import ASKED
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.links.http import HttpPort, Login
from edgekit.links.port import PortOpener
from edgekit.meters.reading.reader import PortMeter, Readings
from edgekit.meters.reading.settings import number, secret

LEAST_WINDOW_S: Final = 60.0
_ANSWER_S: Final = 3.0
_POLL_S: Final = 0.5  # values are renewed about once a second
_FAILING_S: Final = 8.0  # less than a plug may be silent, so that its own error is the one that is told
_PASSING: Final = ("http.status", "http.timeout", "http.answer")  # a plug that is busy with its cloud answers again after a while


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Hold what a plug says: watts, and its energy counter in the plug's own unit where it has one."""

    power_w: float
    counted: float | None = None


class PlugMeter(PortMeter):
    """Ask a plug twice a second. `counter_j` is one unit of its counter in joules, `counter_step` its smallest step in that unit."""

    silent_s = 10.0
    user: ClassVar[str] = "admin"
    options_known: ClassVar[tuple[str, ...]] = ("id", "user", "password_env")
    in_query: ClassVar[bool] = False
    counter_j = 3600.0
    counter_step = 0.001
    power_step_w = 0.1

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = HttpPort,
    ) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)
        self._id = round(number(self.kind, self.options, "id", 0, low=0, high=15))
        login = Login(user=self.options.get("user", self.user), password=secret(self.kind, self.options), in_query=self.in_query)
        self._open_port = partial(open_port, login=login)
        self._next_ns = 0
        self._failing_ns: int | None = None
        self._identity = ""

    def spec(self) -> MeterSpec:
        """Return the spec of the plug that answers."""
        self.open()
        emulated = self.options.get("emulated") or "EMULATED" in self._identity
        power = Channel(
            id=f"{self.kind}.power",
            meter=self.kind,
            boundary=Boundary.WALL,
            measurand=Measurand.POWER,
            unit="W",
            origin=Origin.EMULATED if emulated else Origin.MEASURED,
            quantum=self.power_step_w,
            update_period_s=1.0,
        )
        energy = replace(
            power,
            id=f"{self.kind}.energy",
            measurand=Measurand.ENERGY_COUNTER,
            unit="J",
            scale=self.counter_j,
            quantum=self.counter_step,
            update_period_s=None,
        )
        return MeterSpec(
            kind=self.kind,
            channels=(power, energy) if self._counts else (power,),
            accuracy=Accuracy(
                source="1 % of the reading at best and 0.5 W, a judgement on plugs of this class, unverified", gain_rel=0.01, offset_w=0.5
            ),
            nominal_hz=1.0,
            max_power_w=4000.0,
            least_window_s=LEAST_WINDOW_S,
            delay=ASKED,
            identity=self._identity,
            detail="alternating current at the socket, the power supply's loss included",
        )

    # What a kind of plug says.

    def _introduce(self, port: Port) -> str:
        """Return what tells this plug from another; raise HardwareError when it is none of this kind."""
        raise NotImplementedError

    def _status(self, port: Port) -> Status | None:
        """Return what it says now, None where that cannot be read."""
        raise NotImplementedError

    # What they have in common.

    def _greet(self, port: Port) -> None:
        self._next_ns = 0
        self._identity = self._introduce(port)
        status = self._status(port)
        if status is None:
            raise HardwareError(
                f"{port.name} does not say what it measures",
                code="http.answer",
                why="its answer holds no watts",
                do=[("a plug without a meter cannot measure; see which there are:", "edgekit meters --all")],
            )
        self._counts = status.counted is not None

    def _read(self, port: Port) -> Readings:
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            self._clock.sleep(min(0.1, (self._next_ns - now_ns) / 1e9))
            return ()
        self._next_ns = now_ns + round(_POLL_S * 1e9)
        try:
            status = self._status(port)
        except HardwareError as error:
            self._failing_ns = now_ns if self._failing_ns is None else self._failing_ns
            if error.code not in _PASSING or now_ns - self._failing_ns > _FAILING_S * 1e9:
                raise
            return ()
        if status is None:
            return ()
        after_ns = self._clock.now_ns()
        if self._failing_ns is not None:
            self._tell("gap", self._failing_ns, now_ns)
        flags = FLAG_GAP if self._after_gap or self._failing_ns is not None else 0
        self._after_gap, self._failing_ns = False, None
        at: dict[str, int] = {"t_ns": (now_ns + after_ns) // 2, "bracket_ns": (after_ns - now_ns) // 2, "flags": flags}
        power = Reading(channel=f"{self.kind}.power", value=status.power_w, **at)
        if status.counted is None:
            return (power,)
        return (power, Reading(channel=f"{self.kind}.energy", value=status.counted, **at))

    def _ask(self, port: Port, path: str) -> bytes:
        port.write(path.encode("ascii"))
        return port.read(1 << 20, _ANSWER_S)


def document(data: bytes) -> Any:
    """Return a JSON document, None where the bytes are none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def inside(value: Any, *keys: str) -> Any:
    """Return what lies in nested mappings under `keys`, None where there is no such thing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def figure(value: Any, *, least: float = -1e9, most: float = 1e12) -> float | None:
    """Return a finite number within limits that no plug leaves, None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        return None
    return float(value) if math.isfinite(value) else None
