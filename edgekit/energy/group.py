"""Compute the energy of one group of disjoint channels at one boundary, window by window, and its uncertainty budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Quantity, Unknown, merge_origins
from edgekit.core.run import ChannelAnalysis
from edgekit.core.trace import ClockMap
from edgekit.core.window import Window
from edgekit.energy.baseline import idle_power, net_energy
from edgekit.energy.counter import counter_energy
from edgekit.energy.gross import gross_energy
from edgekit.energy.instrument import instrument_terms
from edgekit.energy.integrate import WindowEnergy, power_energy

if TYPE_CHECKING:
    from edgekit.core.trace import Trace

MIN_COVERAGE = 0.99  # below this share of covered time a window's energy is not stated


def analyse_group(
    group: Sequence[Channel],
    spec: MeterSpec,
    *,
    windows: Sequence[Window],
    idles: Sequence[Window],
    maps: Sequence[ClockMap],
    traces: Mapping[str, Trace],
    machine: str,
) -> ChannelAnalysis:
    """Return gross, net and idle figures of channels that are added because they are disjoint at one boundary.

    `windows` are the measured ones, each with its count of inferences; `idles` give the baseline; `maps` join the clocks. `machine` tells
    one instrument from another of its kind: errors are common to two figures only where one instrument read both.
    """
    boundary = group[0].boundary
    origins = merge_origins([channel.origin for channel in group])
    found = [_window_energy(group, spec, window, maps, traces) for window in windows]
    usable = [(window, energy) for window, energy in zip(windows, found, strict=True) if _is_usable(energy)]
    idle_found = [(window, _window_energy(group, spec, window, maps, traces)) for window in idles]
    idle_w = _idle(
        [energy.joules / window.duration_s for window, energy in idle_found if energy is not None and _is_usable(energy)],
        group=group,
        spec=spec,
        machine=machine,
    )
    gross = gross_energy(usable, found, group=group, spec=spec, idle_w=idle_w, machine=machine)
    seconds = sum(window.duration_s for window, _ in usable)
    inferences = sum(window.inferences or 0 for window, _ in usable)
    if isinstance(gross, Unknown):
        net: Quantity = Unknown(reason=gross.reason, unit="J", boundary=boundary)
        mean_w: Quantity = Unknown(reason=gross.reason, unit="W", boundary=boundary)
    else:
        net = net_energy(gross, idle_w, seconds / inferences)
        rate = inferences / seconds
        mean_w = Estimate(
            value=gross.value * rate,
            low=gross.low * rate,
            high=gross.high * rate,
            unit="W",
            boundary=boundary,
            origins=origins,
            n=gross.n,
            quality=gross.quality,
        )
    return ChannelAnalysis(
        channel="+".join(channel.id for channel in group),
        boundary=boundary,
        energy_j_per_inference=gross,
        net_j_per_inference=net,
        idle_w=idle_w,
        mean_w=mean_w,
        window_j=tuple(energy.joules if energy is not None and _is_usable(energy) else None for energy in found),
        coverage=fmean(energy.coverage if energy is not None else 0.0 for energy in found) if found else None,
    )


def _is_usable(energy: WindowEnergy | None) -> bool:
    return energy is not None and energy.reason is None and energy.coverage >= MIN_COVERAGE


def _window_energy(
    group: Sequence[Channel], spec: MeterSpec, window: Window, maps: Sequence[ClockMap], traces: Mapping[str, Trace]
) -> WindowEnergy | None:
    parts = []
    for channel in group:
        trace = traces.get(channel.id)
        part = _channel_energy(channel, spec, window, maps, trace) if trace is not None and len(trace) else None
        if part is None:
            return None
        parts.append(part)
    return WindowEnergy(
        joules=sum(part.joules for part in parts),
        coverage=min(part.coverage for part in parts),
        edge_s=max(part.edge_s for part in parts),
        reason=next((part.reason for part in parts if part.reason), None),
    )


def _channel_energy(channel: Channel, spec: MeterSpec, window: Window, maps: Sequence[ClockMap], trace: Trace) -> WindowEnergy | None:
    start_ns, end_ns = (_on_clock(edge, window.clock, trace.clock, maps) for edge in (window.start_ns, window.end_ns))
    if channel.measurand is Measurand.ENERGY_COUNTER:
        return counter_energy(trace, channel, start_ns=start_ns, end_ns=end_ns, max_power_w=spec.max_power_w)
    period_s = 1 / (spec.effective_hz or spec.nominal_hz or 1.0)
    return power_energy(
        trace, scale=channel.scale, start_ns=start_ns, end_ns=end_ns, hold=spec.integrating, max_gap_ns=round(5e9 * max(period_s, 1e-3))
    )


def _on_clock(t_ns: int, clock: str, target: str, maps: Sequence[ClockMap]) -> int:
    if clock == target:
        return t_ns
    for found in maps:
        if (found.source, found.target) == (clock, target):
            return t_ns + found.offset_ns + round(found.drift * (t_ns - found.at_ns))
        if (found.target, found.source) == (clock, target):
            return t_ns - found.offset_ns - round(found.drift * (t_ns - found.offset_ns - found.at_ns))
    raise ValueError(f"no clock map joins {clock} and {target}")


def _idle(watts: Sequence[float], *, group: Sequence[Channel], spec: MeterSpec, machine: str) -> Quantity:
    if spec.kind == "cputime":
        return Unknown(reason="a CPU-time estimate sees busy time only, never idle power", unit="W", boundary=group[0].boundary)
    mean = fmean(watts) if watts else 0.0
    return idle_power(
        watts,
        boundary=group[0].boundary,
        origins=merge_origins([channel.origin for channel in group]),
        instrument=instrument_terms(spec, machine, value=mean, offset=spec.accuracy.offset_w),
    )
