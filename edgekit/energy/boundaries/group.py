"""Compute the energy of one group of disjoint channels at one boundary, window by window, and its uncertainty budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import Estimate, Quantity, Unknown, merge_origins
from edgekit.core.run import ChannelAnalysis
from edgekit.core.sync import SyncPlan, SyncStep, total_u_s
from edgekit.core.trace import ClockMap
from edgekit.core.window import Window
from edgekit.energy.boundaries.baseline import Idle, idle_power, net_energy
from edgekit.energy.boundaries.gross import gross_energy
from edgekit.energy.clocks.dating import Dated, dated
from edgekit.energy.conduct.enough import short_of
from edgekit.energy.sensors.in_step import few_looks, in_step
from edgekit.energy.sensors.instrument import instrument_terms
from edgekit.energy.sensors.part_time import Missed, missed
from edgekit.energy.windows.channel import ChannelWindows, channel_windows
from edgekit.energy.windows.window_energy import Effect, WindowEnergy

if TYPE_CHECKING:
    from edgekit.core.trace import ChunkedTrace, Trace


def analyse_group(
    group: Sequence[Channel],
    spec: MeterSpec,
    *,
    windows: Sequence[Window],
    idles: Sequence[Window],
    maps: Sequence[ClockMap],
    traces: Mapping[str, Trace | ChunkedTrace],
    machine: str,
    batch: int = 1,
    statistic: str = "mean",
    whole: bool = False,
    published: bool = False,
    every: Sequence[Window] = (),
    sync: SyncPlan | None = None,
) -> ChannelAnalysis:
    """Return gross, net and idle figures of channels that are added because they are disjoint at one boundary.

    `windows` are the measured ones, each with its count of inferences, `batch` of which are made at once; `idles` give the baseline; `maps`
    join the clocks. `machine` tells one instrument from another of its kind: errors are common to two figures only where one instrument
    read both. The headline figure is the `statistic` ("mean" or "median") of the windows; with `whole` they are never cut inside.
    Windows that somebody `published` cannot be measured again. `every` are all windows of the run, markers too, and `sync` says what is
    asked of how well windows lie among the readings.
    """
    sync = sync or SyncPlan()
    joined = [
        dated(channel, spec, traces, measured=windows, idles=idles, maps=maps, every=every, plan=sync, published=published)
        if len(traces.get(channel.id, ())) and (windows or idles)
        else None
        for channel in group
    ]
    numbers = len(windows), len(idles)
    parts = [_channel(channel, spec, traces, place, numbers, batch, whole) for channel, place in zip(group, joined, strict=True)]
    steps = max((place.steps for place in joined if place is not None), key=_vagueness, default=())
    added = [_added([part.measured[place] for part in parts]) for place in range(len(windows))]
    found = [_refused(energy, window, spec, steps, sync) for energy, window in zip(added, windows, strict=True)]
    idle_found = [_added([part.idle[place] for part in parts]) for place in range(len(idles))]
    idle_w = _idle(idle_found, idles, found, windows, group=group, spec=spec, machine=machine)
    looks = _of_looks(found, windows, idle_found, idles)
    gross = gross_energy(
        windows,
        found,
        group=group,
        spec=spec,
        missed=[*_missed(group, spec, parts, windows, idles, batch=batch), *_of_dating(joined), *looks],
        machine=machine,
        statistic=statistic,
        published=published,
    )
    net, mean_w = _net_and_mean(gross.energy_j, idle_w, found, windows)
    return ChannelAnalysis(
        channel="+".join(channel.id for channel in group),
        boundary=group[0].boundary,
        energy_j_per_inference=gross.energy_j,
        net_j_per_inference=net,
        idle_w=idle_w,
        mean_w=mean_w,
        window_j=tuple(energy.joules if _is_known(energy) and energy is not None else None for energy in found),
        coverage=fmean(energy.coverage if energy is not None else 0.0 for energy in found) if found else None,
        n_effective=gross.n_effective,
        without_outliers=gross.without_outliers,
        edges=" and ".join(sorted({part.edges for part in parts if part.edges})),
        sync=steps,
    )


def _channel(
    channel: Channel,
    spec: MeterSpec,
    traces: Mapping[str, Trace | ChunkedTrace],
    place: Dated | None,
    numbers: tuple[int, int],
    batch: int,
    whole: bool,
) -> ChannelWindows:
    if place is None:
        return ChannelWindows(measured=(None,) * numbers[0], idle=(None,) * numbers[1], edges="")
    return channel_windows(
        channel,
        spec,
        traces[channel.id],
        measured=place.measured,
        idles=place.idles,
        line=place.line,
        batch=batch,
        whole=whole,
        dated_s=place.dated_s,
    )


def _vagueness(steps: tuple[SyncStep, ...]) -> float:
    known = total_u_s(steps)
    return math.inf if known is None else known


def _of_dating(joined: Sequence[Dated | None]) -> list[Missed]:
    """Return what nobody knows of how readings were dated, and what is to be said of it, each once."""
    known = [place for place in joined if place is not None]
    terms = dict.fromkeys(place.unknown for place in known if place.unknown is not None)
    notes = dict.fromkeys(note for place in known for note in place.notes)
    return [*(Missed(term=term) for term in terms), *(Missed(term=None, note=note) for note in notes)]


def _of_looks(
    found: Sequence[WindowEnergy | None], windows: Sequence[Window], idle_found: Sequence[WindowEnergy | None], idles: Sequence[Window]
) -> list[Missed]:
    """Return what is to be said of meters that take single looks: that they keep step with the load, or are too few."""
    measured = [(energy, window) for energy, window in zip(found, windows, strict=True) if energy is not None]
    rests = [(energy, window) for energy, window in zip(idle_found, idles, strict=True) if energy is not None]
    notes = [
        in_step([energy for energy, _ in measured], [energy for energy, _ in rests]),
        few_looks([energy for energy, _ in measured], [window for _, window in measured], what="the energy", option="--window"),
        few_looks([energy for energy, _ in rests], [window for _, window in rests], what="idle power", option="--idle"),
    ]
    return [Missed(term=None, note=note) for note in notes if note is not None]


def _added(parts: Sequence[WindowEnergy | None]) -> WindowEnergy | None:
    """Return the window of all channels together; their effects, of sensors of their own, add in squares."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if len(known) == 1:
        return known[0]
    effects = [effect for part in known for effect in part.effects]
    names = dict.fromkeys((effect.name, effect.common) for effect in effects)
    return replace(
        known[0],
        joules=math.fsum(part.joules for part in known),
        coverage=min(part.coverage for part in known),
        edge_s=max(part.edge_s for part in known),
        ticks=min(part.ticks for part in known),
        reason=next((part.reason for part in known if part.reason), None),
        effects=tuple(
            Effect(
                name=name,
                common=common,
                u_j=math.hypot(*(effect.u_j for effect in effects if (effect.name, effect.common) == (name, common))),
            )
            for name, common in names
        ),
    )


def _refused(
    energy: WindowEnergy | None, window: Window, spec: MeterSpec, steps: tuple[SyncStep, ...], sync: SyncPlan
) -> WindowEnergy | None:
    """Return the window's energy, with a reason against it where it is too short for its meter, or holds less than is asked for."""
    if energy is None or energy.reason:
        return energy
    return replace(energy, reason=short_of(energy, window, spec, steps, sync))


def _is_known(energy: WindowEnergy | None) -> bool:
    return energy is not None and energy.reason is None


def _idle(
    idle_found: Sequence[WindowEnergy | None],
    idles: Sequence[Window],
    found: Sequence[WindowEnergy | None],
    windows: Sequence[Window],
    *,
    group: Sequence[Channel],
    spec: MeterSpec,
    machine: str,
) -> Quantity:
    if spec.kind == "cputime":
        return Unknown(reason="a CPU-time estimate sees busy time only, never idle power", unit="W", boundary=group[0].boundary)
    points = [
        Idle(
            at_s=(window.start_ns + window.end_ns) / 2e9,
            watts=energy.joules / window.duration_s,
            u_w=math.hypot(*(effect.u_j for effect in energy.effects if not effect.common)) / window.duration_s,
            common_w=math.hypot(*(effect.u_j for effect in energy.effects if effect.common)) / window.duration_s,
        )
        for window, energy in zip(idles, idle_found, strict=True)
        if energy is not None and _is_known(energy)
    ]
    under = [window for window, energy in zip(windows, found, strict=True) if _is_known(energy)]
    return idle_power(
        points,
        under_s=[(window.start_ns + window.end_ns) / 2e9 for window in under],
        weights=[window.duration_s for window in under],
        boundary=group[0].boundary,
        origins=merge_origins([channel.origin for channel in group]),
        instrument=instrument_terms(
            spec,
            machine,
            value=fmean(point.watts for point in points) if points else 0.0,
            offset=spec.accuracy.offset_w,
            channels=group,
        ),
    )


def _missed(
    group: Sequence[Channel],
    spec: MeterSpec,
    parts: Sequence[ChannelWindows],
    windows: Sequence[Window],
    idles: Sequence[Window],
    *,
    batch: int,
) -> list[Missed]:
    """Return what part-time sensors may have missed, channel by channel."""
    found = []
    for channel, part in zip(group, parts, strict=True):
        kept = [(window, energy) for window, energy in zip(windows, part.measured, strict=True) if energy is not None and not energy.reason]
        rests = [
            energy.joules / window.duration_s
            for window, energy in zip(idles, part.idle, strict=True)
            if energy is not None and not energy.reason
        ]
        if kept:
            joules = math.fsum(energy.joules for _, energy in kept) / math.fsum(window.inferences or 1 for window, _ in kept)
            idle_w = fmean(rests) if rests else None
            item = missed(channel, spec, [window for window, _ in kept], joules=joules, idle_w=idle_w, batch=batch)
            found += [item] if item is not None else []
    return found


def _net_and_mean(
    gross: Quantity, idle_w: Quantity, found: Sequence[WindowEnergy | None], windows: Sequence[Window]
) -> tuple[Quantity, Quantity]:
    if isinstance(gross, Unknown):
        return (
            Unknown(reason=gross.reason, unit="J", boundary=gross.boundary, origins=gross.origins),
            Unknown(reason=gross.reason, unit="W", boundary=gross.boundary, origins=gross.origins),
        )
    used = [window for window, energy in zip(windows, found, strict=True) if _is_known(energy)]
    seconds = math.fsum(window.duration_s for window in used) / math.fsum(window.inferences or 0 for window in used)
    mean_w = Estimate(
        value=gross.value / seconds,
        low=gross.low / seconds,
        high=gross.high / seconds,
        unit="W",
        boundary=gross.boundary,
        origins=gross.origins,
        n=gross.n,
        quality=gross.quality,
    )
    return net_energy(gross, idle_w, seconds), mean_w
