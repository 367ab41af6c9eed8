"""Open meters for regions, with the runner's own counters, and keep them open between regions."""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.region.gauge import Clock, Gauge
from edgekit.region.watch import Watch

if TYPE_CHECKING:
    from edgekit.core.channel import Channel, MeterSpec
    from edgekit.core.quantity import Note

# By trust, as `edgekit bench` chooses: counters that measure come before the estimate from CPU time.
BEST_FIRST = ("rapl", "jetson", "nvml", "pmic", "cputime")
_SLOWEST_POLL_S = 60.0
_GUARD_S, _GUARD_ALONE_S = 0.2, 0.5  # how often a counter that leads is looked at for standing still: with the power beside it, or without
_GUARD_REST_S = 0.3  # regions shorter than this are left alone
_INSTANT_S = 0.1  # a power averaged over longer lags too far behind the counter beside it


class Instrument:
    """Hold one meter with its open readers, and the idle power that `measure.idle` found at each of its boundaries."""

    def __init__(
        self,
        *,
        spec: MeterSpec,
        readers: Sequence[tuple[str, Any]],
        max_hz: float = 1000.0,
        close: Any = None,
    ) -> None:
        from edgekit.core.boundary import WIDEST_FIRST
        from edgekit.energy.boundaries.groups import channel_groups, rival_groups

        self.spec = spec
        self.groups: list[list[Channel]] = channel_groups(spec)
        self.idle_w: dict[str, Any] = {}
        self.failure = ""
        leader = min((group[0].boundary for group in self.groups), key=WIDEST_FIRST.index, default=None)
        channels = {channel.id: channel for group in self.groups for channel in group}
        rivals = {counter.id: power for pair in rival_groups(spec) for counter, power in zip(*pair, strict=True)}
        beside = {name: _beside(rivals[name], dict(readers)) for name in rivals}
        self.gauges = [  # in the order of the readers, for one access may serve those after it
            _gauge(channels[name], read, spec, max_hz, leads=channels[name].boundary == leader, beside=beside.get(name))
            for name, read in readers
            if name in channels
        ]
        if close is not None:
            weakref.finalize(self, close)  # a region that still reads it keeps it open


class Rig:
    """Hold what a region reads: a clock, instruments, the watch that reads between edges, and why other meters are not there."""

    def __init__(self, *, clock: Clock, instruments: Sequence[Instrument], watch: Watch, notes: Sequence[Note] = ()) -> None:
        self.clock = clock
        self.instruments = tuple(instruments)
        self.watch = watch
        self.notes = tuple(notes)
        self.gauges = [gauge for instrument in instruments for gauge in instrument.gauges]
        self.watched = any(gauge.poll_s is not None for gauge in self.gauges)

    def healthy(self) -> bool:
        """Return False once a reader has failed, so that the next region opens it again."""
        return not any(gauge.failure for gauge in self.gauges)


_OPEN: dict[tuple[Any, ...], Rig] = {}
_OPENING = [threading.Lock()]


def renew_opening() -> None:
    """Begin anew in a forked child: a thread that was opening meters stayed with the parent and never releases its lock here."""
    _OPENING[0] = threading.Lock()


def open_rig(meters: Sequence[str], roots: Mapping[str, str], watch: Watch) -> Rig:
    """Return the open meters, those of the region before where they are still good; a meter that is not usable leaves a note."""
    key = (os.getpid(), tuple(meters), tuple(sorted(roots.items())))
    rig = _OPEN.get(key)
    if rig is None or not rig.healthy():
        with _OPENING[0]:
            rig = _OPEN.get(key)
            if rig is None or not rig.healthy():
                rig = _OPEN[key] = _open(meters, roots, watch)
    return rig


def _open(meters: Sequence[str], roots: Mapping[str, str], watch: Watch) -> Rig:
    from edgekit.core.errors import HardwareError
    from edgekit.core.quantity import Note
    from edgekit.links.clock import HostClock
    from edgekit.runner.counters import NAMES

    auto = tuple(meters) == ("auto",)
    found: list[Instrument] = []
    notes: list[Note] = []
    for name in [name for name in BEST_FIRST if name in NAMES] if auto else meters:
        try:
            found.append(_instrument(name, roots, notes))
        except HardwareError as error:
            advice = "; ".join(f"{text} {command}" for text, command in error.do)
            notes.append(Note(code=error.code, text=f"{name}: {error.why}", advice=advice or None))
            continue
        if auto:
            break
    return Rig(clock=HostClock(), instruments=found, watch=watch, notes=notes)


def _instrument(name: str, roots: Mapping[str, str], notes: list[Note]) -> Instrument:
    import platform

    from edgekit.core.errors import HardwareError
    from edgekit.metering import calibration_store, merged
    from edgekit.registry import meter_class
    from edgekit.runner import counters
    from edgekit.runner.wire import Refusal

    probe = counters.probe(name, roots)
    spec = meter_class(name)().spec({**probe, "arch": platform.machine()})
    if spec.identity:  # what a self-test found out about this very instrument
        known = calibration_store().known(spec)
        notes += known.notes
        spec = merged(spec, known.current) if known.current is not None else spec
    try:
        counter = counters.start(name, roots, [os.getpid()])
    except (Refusal, OSError) as error:  # it was there a moment ago
        raise HardwareError(f"meter {name} cannot be read", code="meter.lost", why=str(error)) from error
    readers = list(counter.readers) or _own_time(probe)
    return Instrument(spec=spec, readers=readers, max_hz=float(counter.max_hz), close=counter.close)


def _own_time(probe: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return this process's own CPU time where no other process can read it (`"edges": true`)."""
    import time

    return [(str(row["id"]), time.process_time_ns) for row in probe["channels"]] if probe.get("edges") else []


def _beside(power: Channel, readers: Mapping[str, Any]) -> Gauge | None:
    """Return the power at the place of a counter, read by the watch only, at random times."""
    if power.id not in readers or (power.averaging_s or 0.0) > _INSTANT_S:
        return None
    return Gauge(channel=power, read=readers[power.id], tick_ns=None, counts=False, poll_s=None, leads=False, random=True)


def _gauge(channel: Channel, read: Any, spec: MeterSpec, max_hz: float, *, leads: bool, beside: Gauge | None) -> Gauge:
    from edgekit.core.channel import Measurand
    from edgekit.core.quantity import Origin

    counts = channel.measurand is Measurand.ENERGY_COUNTER
    period_s = channel.update_period_s or (1 / spec.nominal_hz if spec.nominal_hz else None)
    if spec.kind == "cputime":  # nanoseconds that run on, or the ticks of /proc
        period_s = 0.0 if channel.quantum == 1 else (channel.quantum or 1e7) / 1e9
    if not counts:
        poll_s: float | None = max((period_s or 0.1) / 2, 1 / max_hz)
    elif channel.wrap is not None:  # twice as often as the issue of a wrap could be in doubt, and again
        poll_s = min(_SLOWEST_POLL_S, channel.wrap * channel.scale / spec.max_power_w / 4)
    else:
        poll_s = None
    rest_s, guard_s = 0.0, _GUARD_ALONE_S if beside is None else _GUARD_S
    # CPU time stands still while a process sleeps, and an inner rail while it is not powered; what leads a meter never does.
    if counts and channel.origin is not Origin.ESTIMATED and (leads or beside is not None) and guard_s < (poll_s or math.inf):
        poll_s, rest_s = guard_s, _GUARD_REST_S
    tick_ns = None if period_s is None else period_s * 1e9
    momentary = not counts and not spec.integrating and channel.averaging_s is None and channel.sampled_fraction is None
    return Gauge(
        channel=channel,
        read=read,
        tick_ns=tick_ns,
        counts=counts,
        poll_s=poll_s,
        leads=leads,
        random=momentary,
        rest_s=rest_s,
        beside=beside,
    )
