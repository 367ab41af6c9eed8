"""Compute the energy of one channel in every window of a run, cut out of its readings in the way that leaves the least uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.trace import Trace
from edgekit.core.window import Window
from edgekit.energy.clocks.clock import ClockLine
from edgekit.energy.sensors.counter import CounterSeries, interpolated
from edgekit.energy.sensors.in_step import repeats_after
from edgekit.energy.sensors.readings import chunks_of, disorder
from edgekit.energy.windows.align import aligned, find_ticks
from edgekit.energy.windows.effects import aligned_effects, interpolated_effects, sampled
from edgekit.energy.windows.integrate import Integral, Rule, integrate
from edgekit.energy.windows.window_energy import WindowEnergy

if TYPE_CHECKING:
    from edgekit.core.trace import ChunkedTrace

MIN_COVERAGE = 0.99  # below this share of covered time a window's energy is not stated
ALIGNED, INTERPOLATED = "aligned", "interpolated"

Cuts = tuple[WindowEnergy | None, WindowEnergy | None]  # of one window: aligned, interpolated


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelWindows:
    """Hold the energy of one channel in each measured and each idle window, and how they were cut (`edges`)."""

    measured: tuple[WindowEnergy | None, ...]
    idle: tuple[WindowEnergy | None, ...]
    edges: str


def channel_windows(
    channel: Channel,
    spec: MeterSpec,
    trace: Trace | ChunkedTrace,
    *,
    measured: Sequence[Window],
    idles: Sequence[Window],
    line: ClockLine,
    batch: int = 1,
    whole: bool = False,
    dated_s: float = 0.0,
) -> ChannelWindows:
    """Return the windows of one channel, all measured ones cut the same way (`whole`: at their own edges); `line` maps their clock.

    `dated_s` is the half-width of the dates of power readings.
    """
    if wrong := disorder(trace):
        none = WindowEnergy(joules=0.0, coverage=0.0, edge_s=0.0, reason=wrong)
        return ChannelWindows(measured=(none,) * len(measured), idle=(none,) * len(idles), edges="")
    windows = [*measured, *idles]
    counter = channel.measurand is Measurand.ENERGY_COUNTER
    cuts, finish = (
        _counter_cuts(channel, spec, trace, windows, line) if counter else _power_cuts(channel, spec, trace, windows, line, dated_s)
    )
    if whole:
        cuts = [(None, uncut) for _, uncut in cuts]
    rest_w = _mean_w(cuts[len(measured) :], idles)
    step_w = abs(_mean_w(cuts[: len(measured)], measured) - rest_w)
    made = [
        _with_effects(pair, window, step_w=step_w, line=line, batch=batch, finish=finish)
        for pair, window in zip(cuts, windows, strict=True)
    ]
    chosen, edges = _smaller(made[: len(measured)])
    return ChannelWindows(measured=chosen, idle=_smaller(made[len(measured) :])[0], edges=edges)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finish:
    """Hold what an instrument adds to each window whatever way it is cut."""

    hidden: float
    quantum_j: float = 0.0
    quantum_w: float = 0.0
    unseen: float | None = None
    dated_u_s: float = 0.0  # standard uncertainty of the readings' own dates, for instruments with a clock of their own


def _counter_cuts(
    channel: Channel, spec: MeterSpec, trace: Trace | ChunkedTrace, windows: Sequence[Window], line: ClockLine
) -> tuple[list[Cuts], _Finish]:
    series = CounterSeries(trace, channel, max_power_w=spec.max_power_w)
    cuts: list[Cuts] = []
    if len(series.t_ns) > 1:
        ticks = find_ticks(series)
        for window in windows:
            start_ns, end_ns = line.on_target(window.start_ns), line.on_target(window.end_ns)
            guard_ns = 2 * max(line.u_ns(window.start_ns), line.u_ns(window.end_ns)) + window.bracket_ns
            inner = aligned(series, ticks, start_ns=start_ns, end_ns=end_ns, guard_ns=guard_ns)
            cuts.append((inner, interpolated(series, start_ns=start_ns, end_ns=end_ns)))
    else:
        cuts = [(None, None)] * len(windows)
    # Linear interpolation of a step anywhere inside an update misplaces at most a quarter of it at each edge; two reads of a count with
    # step q differ by a triangular distribution of half-width q.
    return cuts, _Finish(hidden=0.5, quantum_j=(channel.quantum or 0.0) * channel.scale / 6**0.5)


def _power_cuts(
    channel: Channel, spec: MeterSpec, trace: Trace | ChunkedTrace, windows: Sequence[Window], line: ClockLine, dated_s: float
) -> tuple[list[Cuts], _Finish]:
    spacing_s = _spacing_s(trace)
    stated_hz = spec.effective_hz or spec.nominal_hz
    max_gap_ns = round(5e9 * max(1 / stated_hz if stated_hz else spacing_s, 1e-3))
    update_s = max(channel.update_period_s or 0.0, spacing_s)
    look_s = channel.averaging_s
    if look_s is not None:
        rule, shift_s = Rule.BACKWARD, max(0.0, (look_s - spacing_s) / 2)
        head_s, tail_s, hidden = look_s - shift_s + spacing_s / 2, 1.5 * spacing_s + shift_s, 0.5 * max(look_s, update_s) / update_s
    elif spec.integrating:
        rule, shift_s, hidden = Rule.HOLD, 0.0, 1.0
        head_s, tail_s = update_s + 1.5 * spacing_s + 3 * (spec.smoothing_s or 0.0), 0.0
    else:
        rule, shift_s, hidden = Rule.TRAPEZOID, 0.0, 1.0
        head_s, tail_s = 1.5 * spacing_s + 3 * (spec.smoothing_s or 0.0), 1.5 * spacing_s
    spans, margins = [], []
    for window in windows:
        start_ns, end_ns = line.on_target(window.start_ns), line.on_target(window.end_ns)
        guard_s = dated_s + (2 * max(line.u_ns(window.start_ns), line.u_ns(window.end_ns)) + window.bracket_ns) / 1e9
        head_ns, tail_ns = round(1e9 * (head_s + guard_s)), round(1e9 * (tail_s + guard_s))
        inner = (start_ns + head_ns, end_ns - tail_ns) if head_ns + tail_ns < (end_ns - start_ns) / 2 else None
        spans += [inner or (start_ns, end_ns), (start_ns, end_ns)]
        margins.append((head_ns / 1e9, tail_ns / 1e9) if inner else None)
    found = integrate(trace, spans, rule=rule, max_gap_ns=max_gap_ns, shift_ns=round(1e9 * shift_s))
    cuts: list[Cuts] = []
    for index, margin in enumerate(margins):
        seconds = (spans[2 * index + 1][1] - spans[2 * index + 1][0]) / 1e9
        inner_energy = _of_integral(found[2 * index], channel.scale, seconds=seconds, update_s=update_s, cut_s=margin) if margin else None
        cuts.append((inner_energy, _of_integral(found[2 * index + 1], channel.scale, seconds=seconds, update_s=update_s, cut_s=None)))
    seen = channel.sampled_fraction_range[0] if channel.sampled_fraction_range else channel.sampled_fraction
    if seen is None:
        seen = 1.0 if look_s is None and spec.integrating else min(1.0, (look_s or 0.0) / update_s)
    quantum_w = (channel.quantum or 0.0) * channel.scale
    if quantum_w and isinstance(trace, Trace):
        counts = [_levels(trace, *spans[2 * index]) for index in range(len(windows))]
        cuts = [(_with_levels(inner, count), _with_levels(whole, count)) for (inner, whole), count in zip(cuts, counts, strict=True)]
    if seen < 1 and isinstance(trace, Trace):
        cuts = [tuple(_with_repeats(energy, trace, spans[2 * place + 1]) for energy in pair) for place, pair in enumerate(cuts)]  # type: ignore[misc]
    return cuts, _Finish(hidden=hidden, quantum_w=quantum_w, unseen=1 - seen, dated_u_s=dated_s / 3**0.5)


def _with_levels(energy: WindowEnergy | None, levels: int) -> WindowEnergy | None:
    return None if energy is None else replace(energy, levels=levels)


def _with_repeats(energy: WindowEnergy | None, trace: Trace, span: tuple[int, int]) -> WindowEnergy | None:
    import numpy as np

    if energy is None:
        return None
    first, last = np.searchsorted(trace.t_ns, span)
    return replace(energy, repeats_after=repeats_after(trace.value[first:last]))


def _levels(trace: Trace, start_ns: int, end_ns: int) -> int:
    """Return how many different values were read in a stretch of time."""
    import numpy as np

    first, last = np.searchsorted(trace.t_ns, [start_ns, end_ns])
    return len(np.unique(trace.value[first:last]))


def _of_integral(
    found: Integral, scale: float, *, seconds: float, update_s: float, cut_s: tuple[float, float] | None
) -> WindowEnergy | None:
    """Return a window from the integral over it, or over its inside: time that no sample covers is given the mean power of the rest."""
    if not found.covered_ns:
        return None
    length_ns = found.end_ns - found.start_ns
    coverage = found.covered_ns / length_ns
    looks = max(1, round(length_ns / 1e9 / update_s))
    reason = None if coverage >= MIN_COVERAGE else f"readings cover only {coverage:.1%} of a window"
    if found.over:
        reason = "the meter's range was exceeded in a window"
    return WindowEnergy(
        joules=float(found.mean * scale * seconds),
        coverage=coverage,
        edge_s=update_s if cut_s is None else 0.0,
        reason=reason,
        ticks=looks,
        span_s=length_ns / 1e9 if cut_s is not None else None,
        cut_s=cut_s or (0.0, 0.0),
        cell_s=update_s,
        spread_w=math.sqrt(found.variance) * scale,
        # A value that is read several times before it changes differs from itself by nothing: count differences once for each update.
        rough_w=math.sqrt(found.roughness * found.cells / looks) * scale,
        missing_s=(1 - coverage) * seconds,
    )


def _with_effects(pair: Cuts, window: Window, *, step_w: float, line: ClockLine, batch: int, finish: _Finish) -> Cuts:
    inner, whole = pair
    clock_u_s = max(line.u_ns(window.start_ns), line.u_ns(window.end_ns), window.bracket_ns / 3**0.5) / 1e9
    clock_u_s = math.hypot(clock_u_s, finish.dated_u_s)
    seconds = window.duration_s
    inference_s = seconds * batch / window.inferences if window.inferences else None

    def add(energy: WindowEnergy) -> WindowEnergy:
        if finish.unseen is None:
            return energy
        return sampled(energy, window_s=seconds, step_w=step_w, unseen=finish.unseen, quantum_w=finish.quantum_w)

    if inner is not None and inner.reason is None:
        inner = add(
            aligned_effects(
                inner,
                window_s=seconds,
                step_w=step_w,
                inference_s=inference_s,
                line=line,
                quantum_j=finish.quantum_j,
                alike=finish.unseen is not None,
            )
        )
    if whole is not None and whole.reason is None:
        told = {"step_w": step_w, "hidden": finish.hidden, "clock_u_s": clock_u_s, "quantum_j": finish.quantum_j}
        whole = add(interpolated_effects(whole, window_s=seconds, **told))
    return inner, whole


def _smaller(cuts: Sequence[Cuts]) -> tuple[tuple[WindowEnergy | None, ...], str]:
    """Return the windows cut in the way that states less uncertainty for their sum, and its name; whole ones where some have no inside."""
    inner, whole = [pair[0] for pair in cuts], [pair[1] for pair in cuts]
    if any(energy is None for energy in inner):
        return tuple(whole), INTERPOLATED if whole else ""
    usable = [place for place, pair in enumerate(cuts) if all(energy is not None and energy.reason is None for energy in pair)]
    sums = [_spread_j([side[place] for place in usable]) for side in (inner, whole)]
    return (tuple(inner), ALIGNED) if sums[0] < sums[1] else (tuple(whole), INTERPOLATED if whole else "")


def _spread_j(energies: Sequence[WindowEnergy | None]) -> float:
    effects = [effect for energy in energies if energy is not None for effect in energy.effects]
    names = {effect.name for effect in effects if effect.common}
    common = (sum(effect.u_j for effect in effects if effect.common and effect.name == name) for name in names)
    return math.hypot(*common, *(effect.u_j for effect in effects if not effect.common))


def _mean_w(cuts: Sequence[Cuts], windows: Sequence[Window]) -> float:
    """Return the mean power of windows, the insides of them where they have one; 0 for none."""
    watts = []
    for pair, window in zip(cuts, windows, strict=True):
        energy = next((found for found in pair if found is not None and found.reason is None), None)
        if energy is not None:
            watts.append(energy.joules / window.duration_s)
    return fmean(watts) if watts else 0.0


def _spacing_s(trace: Trace | ChunkedTrace) -> float:
    """Return the usual seconds between readings, from the first piece of a trace."""
    import numpy as np

    first = next(chunks_of(trace), None)
    if first is None or len(first) < 2:
        return 1.0
    return max(float(np.median(np.diff(first.t_ns[:100_000]))) / 1e9, 1e-9)
