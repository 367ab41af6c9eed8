"""Add up what one instrument reads while it reads: watts, joules, charge, and how often its values are new, in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.boundary import WIDEST_FIRST
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import Quantity, Unknown
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, Reading, Trace
from edgekit.energy.sensors.counter import unwrap
from edgekit.energy.sensors.instrument import instrument_terms
from edgekit.energy.sensors.product import common, multiplied
from edgekit.energy.sensors.staleness import Repeats
from edgekit.energy.uncertainty.budget import combine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]

_BIN_S = 0.05
_POINTS = 2400
_MOST_PENDING = 200_000
_LONGEST_GAP = 5.0  # readings of the usual distance; what is further apart is not bridged


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Hold what was read in `seconds`: watts, joules between the first and the last reading, charge in mAh, and the rates.

    `readings` came, `unusable` of them said nothing, `gaps` stretches between them are not counted. `effective_hz` is how often the value
    is new; `counter_j` what the instrument's own energy counter says of the same time.
    """

    seconds: float
    readings: int
    unusable: int
    gaps: int
    power_w: Quantity
    least_w: float | None
    most_w: float | None
    last_w: float | None
    energy_j: Quantity
    charge_mah: float | None
    counter_j: float | None
    rate_hz: float | None
    effective_hz: Quantity


class Tally:
    """Take readings of one instrument, block by block."""

    def __init__(self, spec: MeterSpec, *, voltage_v: float | None = None) -> None:
        """Begin with nothing. `voltage_v` is what amperes are at where the instrument sends no volts of its own."""
        self._spec, _ = multiplied(spec, {})
        self._by_id = {channel.id: channel for channel in spec.channels}
        self.power = _widest([channel for channel in self._spec.channels if channel.measurand is Measurand.POWER])
        self._amperes = next((item for item in spec.channels if item.measurand is Measurand.CURRENT), None)
        if self.power is not None and self.power.id not in self._by_id:
            own = [item for item in spec.channels if item.times and item.boundary == self.power.boundary]
            self._amperes = next((item for item in own if self.power.id.startswith(item.id.rpartition(".")[0])), self._amperes)
        self._counter = next((item for item in spec.channels if item.measurand is Measurand.ENERGY_COUNTER), None)
        self._voltage = next((item.id for item in spec.channels if item.measurand is Measurand.VOLTAGE), "")
        if self._amperes is not None and self._amperes.times is not None:
            self._voltage = self._amperes.times
        self._volts = voltage_v
        self._pending: dict[str, list[Column]] = {}
        self._watts = _Integral()
        self._charge = _Integral()
        self._counted: list[tuple[int, float]] = []
        self._counter_j = 0.0
        self._repeats = Repeats(quantum=self.power.quantum or 0.0 if self.power is not None else 0.0)
        self._bins: deque[tuple[int, float, int]] = deque(maxlen=_POINTS)
        self.unusable = 0
        self.voltage_v: float | None = voltage_v

    def take(self, readings: Sequence[Reading] | Trace) -> None:
        """Take a batch of readings of any channels, or a block of one."""
        for name, column in sorted(
            _columns(readings).items(), key=lambda item: item[0] != self._voltage
        ):  # watts are divided by these volts
            good = self._usable(name, column)
            if self.power is not None and name == self.power.id:
                self._add_power(good, self.power.scale)
            elif name in (self._voltage, self._amperes.id if self._amperes else ""):
                self._add_factor(name, good)
            elif self._counter is not None and name == self._counter.id:
                self._add_count(good, self._counter)

    def points(self) -> list[tuple[float, float]]:
        """Return (seconds since the first reading, mean watts) of the latest twentieths of a second, oldest first."""
        return [(place * _BIN_S, total / count) for place, total, count in self._bins]

    def totals(self) -> Totals:
        """Return what was read until now."""
        watts, spec = self._watts, self._spec
        origins = (self.power.origin,) if self.power is not None else tuple(dict.fromkeys(item.origin for item in spec.channels))
        place = self.power.boundary if self.power is not None else None
        gain = {"machine": "", "channels": (self.power,) if self.power is not None else ()}
        if self.power is None or watts.covered_s <= 0:
            why = "this meter reads no power" if self.power is None else "fewer than two usable readings came"
            energy: Quantity = Unknown(reason=why, unit="J", boundary=place, origins=origins)
            power: Quantity = Unknown(reason=why, unit="W", boundary=place, origins=origins)
        else:
            zero = spec.accuracy.offset_w
            in_j = instrument_terms(spec, value=watts.area, offset=None if zero is None else zero * watts.covered_s, **gain)  # type: ignore[arg-type]
            energy = combine(watts.area, unit="J", boundary=place, origins=origins, terms=in_j, n=None)
            mean_w = watts.area / watts.covered_s
            in_w = instrument_terms(spec, value=mean_w, offset=zero, **gain)  # type: ignore[arg-type]
            power = combine(mean_w, unit="W", boundary=place, origins=origins, terms=in_w, n=None)
        return Totals(
            seconds=watts.span_s,
            readings=watts.count,
            unusable=self.unusable,
            gaps=watts.gaps,
            power_w=power,
            least_w=watts.least if watts.count else None,
            most_w=watts.most if watts.count else None,
            last_w=watts.last if watts.count else None,
            energy_j=energy,
            charge_mah=self._mah(),
            counter_j=self._counter_j if len(self._counted) > 1 else None,
            rate_hz=(watts.count - 1) / watts.span_s if watts.span_s > 0 else None,
            effective_hz=self._repeats.effective_hz(origins),
        )

    def _usable(self, name: str, column: Column) -> Column:
        import numpy as np

        t, value, flags = column
        good = ((flags & FLAG_INVALID) == 0) & np.isfinite(value)
        if not good.all():
            self.unusable += int(len(good) - good.sum())
            return t[good], value[good], flags[good]
        return column

    def _add_power(self, column: Column, scale: float) -> None:
        t, value, flags = column
        if not len(t):
            return
        watts = value * scale
        self._watts.add(t, watts, flags)
        self._repeats.add(t, value)
        if self._volts and self._amperes is None:
            self._charge.add(t, watts / self._volts, flags)
        self._plot(t, watts)

    def _add_factor(self, name: str, column: Column) -> None:
        """Take volts or amperes; where both of a moment are there, they are a power."""
        t, value, flags = column
        scale = self._by_id[name].scale
        if name == self._voltage and len(value):
            self._volts = self.voltage_v = float(value[-1]) * scale or None
        if self._amperes is not None and name == self._amperes.id:
            self._charge.add(t, value * scale, flags)
        if self.power is None or self.power.id in self._by_id:
            return
        self._pending.setdefault(name, []).append((t, value * scale, flags))
        if self._amperes is None or {self._voltage, self._amperes.id} - set(self._pending):
            return
        volts, amperes = (_joined(self._pending[item]) for item in (self._voltage, self._amperes.id))
        here, there = common(volts[0], amperes[0])
        if len(here):
            self._add_power((volts[0][here], volts[1][here] * amperes[1][there], volts[2][here] | amperes[2][there]), 1.0)
        self._pending = {
            self._voltage: [_after(volts, here)],
            self._amperes.id: [_after(amperes, there)],
        }

    def _add_count(self, column: Column, channel: Channel) -> None:
        import numpy as np

        for t, raw in zip(column[0].tolist(), column[1].tolist(), strict=True):
            if self._counted:
                (t_before, before) = self._counted[-1]
                pair, _ = unwrap(
                    np.array([before, raw]),
                    np.array([t_before, t], np.int64),
                    scale=channel.scale,
                    wrap=channel.wrap,
                    max_power_w=self._spec.max_power_w,
                )
                self._counter_j += float(pair[-1] - pair[0])
            self._counted = [*self._counted[:1], (t, raw)]

    def _mah(self) -> float | None:
        return self._charge.area / 3.6 if self._charge.covered_s > 0 else None

    def _plot(self, t: NDArray[np.int64], watts: NDArray[np.float64]) -> None:
        import numpy as np

        places = (t - self._watts.first_ns) // round(_BIN_S * 1e9)
        at = np.flatnonzero(np.diff(places)) + 1
        for part in np.split(np.arange(len(t)), at):
            place, total, count = int(places[part[0]]), float(watts[part].sum()), len(part)
            if self._bins and self._bins[-1][0] == place:
                _, before, number = self._bins.pop()
                total, count = total + before, count + number
            self._bins.append((place, total, count))


class _Integral:
    """Add up values over time, straight between readings; what lies further apart than five usual distances is not bridged."""

    def __init__(self) -> None:
        self.area = self.covered_s = 0.0
        self.count = self.gaps = 0
        self.least, self.most, self.last = math.inf, -math.inf, math.nan
        self.first_ns = self._last_ns = 0
        self._usual_ns = math.nan

    @property
    def span_s(self) -> float:
        """Return the time from the first to the last reading."""
        return (self._last_ns - self.first_ns) / 1e9 if self.count else 0.0

    def add(self, t: NDArray[np.int64], value: NDArray[np.float64], flags: NDArray[np.uint8]) -> None:
        """Take readings that follow those before."""
        import numpy as np

        if not len(t):
            return
        times = np.concatenate(([self._last_ns], t)) if self.count else t
        values = np.concatenate(([self.last], value)) if self.count else value
        lost = flags if self.count else flags[1:]
        if len(times) > 1:
            length = np.diff(times)
            if math.isnan(self._usual_ns) or len(length) > 8:
                self._usual_ns = float(np.median(length))
            else:
                self._usual_ns += 0.1 * (float(np.median(length)) - self._usual_ns)
            bridged = ((lost & FLAG_GAP) == 0) & (length >= 0) & (length <= _LONGEST_GAP * self._usual_ns)
            self.gaps += int(len(bridged) - bridged.sum())
            self.area += float((((values[1:] + values[:-1]) / 2) * length)[bridged].sum()) / 1e9
            self.covered_s += float(length[bridged].sum()) / 1e9
        self.first_ns = self.first_ns if self.count else int(t[0])
        self.count += len(t)
        self._last_ns, self.last = int(t[-1]), float(value[-1])
        self.least, self.most = min(self.least, float(value.min())), max(self.most, float(value.max()))


def _widest(channels: Sequence[Channel]) -> Channel | None:
    return min(channels, key=lambda channel: WIDEST_FIRST.index(channel.boundary), default=None)


def _columns(readings: Sequence[Reading] | Trace) -> dict[str, Column]:
    import numpy as np

    if isinstance(readings, Trace):
        return {readings.channel: (readings.t_ns, readings.value, readings.flags)}
    rows: dict[str, list[Reading]] = {}
    for reading in readings:
        rows.setdefault(reading.channel, []).append(reading)
    return {
        name: (
            np.array([row.t_ns for row in own], np.int64),
            np.array([row.value for row in own], np.float64),
            np.array([row.flags for row in own], np.uint8),
        )
        for name, own in rows.items()
    }


def _joined(columns: Sequence[Column]) -> Column:
    import numpy as np

    t, value, flags = (np.concatenate(column) for column in zip(*columns, strict=True))
    return t, value, flags


def _after(column: Column, used: NDArray[np.int64]) -> Column:
    """Return what came after the last moment that both factors have, bounded where one of them never comes."""
    first = int(used[-1]) + 1 if len(used) else max(0, len(column[0]) - _MOST_PENDING)
    return column[0][first:], column[1][first:], column[2][first:]
