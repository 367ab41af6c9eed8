"""Compute the energy of one group of disjoint channels at one boundary, window by window, and its uncertainty budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Quality, Quantity, Unknown, merge_origins
from edgekit.core.run import ChannelAnalysis
from edgekit.core.trace import ClockMap
from edgekit.core.window import Window
from edgekit.energy.baseline import idle_power, net_energy
from edgekit.energy.budget import combine
from edgekit.energy.counter import counter_energy
from edgekit.energy.integrate import WindowEnergy, power_energy
from edgekit.energy.stats import outliers, standard_error, weighted_mean

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
    gross = _gross(usable, found, group=group, spec=spec, idle_w=idle_w, machine=machine)
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
        instrument=_instrument_terms(spec, machine, value=mean, offset=spec.accuracy.offset_w),
    )


def _instrument_terms(spec: MeterSpec, machine: str, *, value: float, offset: float | None) -> list[BudgetTerm]:
    accuracy = spec.accuracy
    tag = f"{spec.kind}:{spec.detail} on {machine}" if spec.detail else f"{spec.kind} on {machine}"
    terms = []
    if accuracy.gain_factor is not None:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=None, factor=accuracy.gain_factor, instrument=tag, shrink="a power meter or RAPL instead")
        )
    elif accuracy.gain_rel is not None:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=accuracy.gain_rel * value, instrument=tag, shrink="a meter with a better stated accuracy")
        )
    else:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=None, reason=accuracy.source, instrument=tag, shrink="compare with a calibrated meter")
        )
    if offset is not None:
        terms.append(BudgetTerm(name="offset", kind="B", u=offset, instrument=tag, shrink="zero the meter"))
    return terms


def _gross(
    usable: Sequence[tuple[Window, WindowEnergy | None]],
    found: Sequence[WindowEnergy | None],
    *,
    group: Sequence[Channel],
    spec: MeterSpec,
    idle_w: Quantity,
    machine: str,
) -> Quantity:
    boundary = group[0].boundary
    kept = [(window, energy) for window, energy in usable if energy is not None]
    if not kept:
        reasons = {energy.reason or f"readings cover only {energy.coverage:.0%} of a window" for energy in found if energy is not None}
        reason = "; ".join(sorted(reasons)) or f"meter {spec.kind} delivered no readings that span a measured window"
        return Unknown(reason=reason, unit="J", boundary=boundary)
    counts = [float(window.inferences or 0) for window, _ in kept]
    per_inference = [energy.joules / count for (_, energy), count in zip(kept, counts, strict=True)]
    value = weighted_mean(per_inference, counts)
    if value <= 0:
        reason = f"meter {spec.kind} did not move during the measured windows: they are too short for its resolution"
        return Unknown(reason=reason, unit="J", boundary=boundary)
    n, mean_count = len(kept), fmean(counts)
    mean_w = fmean(energy.joules / window.duration_s for window, energy in kept)
    step_w = mean_w - idle_w.value if isinstance(idle_w, Estimate) else mean_w
    counters = [channel for channel in group if channel.measurand is Measurand.ENERGY_COUNTER]
    quantum_j = math.hypot(*((channel.quantum or 0.0) * channel.scale for channel in counters))
    # Power steps somewhere inside the tick that straddles an edge. A counter's interpolation then puts up to step * tick / 4 of each edge
    # outside the window; a held sample hides up to step * tick at the start. All windows err the same way, so nothing averages out.
    hidden_s = max(energy.edge_s for _, energy in kept) * (0.5 if counters else 1.0)
    error = standard_error(per_inference)
    terms = [
        BudgetTerm(
            name="repeatability",
            kind="A",
            u=error,
            reason=None if error is not None else f"{n} window(s): below 3 the spread says nothing",
            shrink="more windows, or a quieter machine",
        ),
        BudgetTerm(
            name="edge bracket",
            kind="B",
            u=abs(step_w) * hidden_s / 3**0.5 / mean_count,
            shrink="longer windows, or a meter that updates faster",
        ),
        BudgetTerm(name="quantum", kind="B", u=quantum_j / 6**0.5 / mean_count / n**0.5, shrink="longer windows"),
        *_instrument_terms(
            spec,
            machine,
            value=value,
            offset=None if spec.accuracy.offset_w is None else spec.accuracy.offset_w * sum(w.duration_s for w, _ in kept) / sum(counts),
        ),
    ]
    notes = _caveats(per_inference, [window.index for window, _ in kept], dropped=len(found) - n)
    quality = Quality.CAVEATS if notes or spec.accuracy.gain_factor is not None else Quality.GOOD
    return combine(
        value,
        unit="J",
        boundary=boundary,
        origins=merge_origins([channel.origin for channel in group]),
        terms=terms,
        n=n,
        quality=quality,
        notes=notes,
    )


def _caveats(per_inference: Sequence[float], indices: Sequence[int], *, dropped: int) -> list[Note]:
    notes = []
    if len(per_inference) < 3:
        notes.append(
            Note(
                code="windows.few",
                text=f"only {len(per_inference)} window(s): how well the result repeats is unknown",
                advice="use three windows or more",
            )
        )
    if dropped:
        notes.append(Note(code="windows.uncovered", text=f"{dropped} window(s) have no usable readings and are left out"))
    if odd := outliers(per_inference):
        rest = [value for place, value in enumerate(per_inference) if place not in odd]
        names = ", ".join(str(indices[place]) for place in odd)
        notes.append(
            Note(
                code="windows.outlier",
                text=f"window(s) {names} stand out; with them {fmean(per_inference):.3g} J, without {fmean(rest):.3g} J",
                advice="look for background load in those windows",
            )
        )
    return notes
