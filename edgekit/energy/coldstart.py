"""State what a cold start takes, apart from the steady state: loading a model in a process of its own, and its first inference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown
from edgekit.core.run import ChannelAnalysis, ColdStart, RunRecord
from edgekit.core.units import format_scaled, format_with_interval
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.boundaries.groups import named_group, nothing_read

if TYPE_CHECKING:
    from edgekit.core.trace import ChunkedTrace, Trace

_RESOLVED = 0.5  # a figure whose half-width is more than this share of it tells nothing of one load
_LEAST_UPDATES = 2  # of the sensor, in the shortest load


def cold_start(
    record: RunRecord,
    traces: Mapping[str, Trace | ChunkedTrace],
    *,
    best: ChannelAnalysis | None,
    steady_s: Quantity,
    origins: tuple[Origin, ...],
    machine: str,
) -> ColdStart | None:
    """Return the cold starts of a run beside its `steady_s` per inference; None where nothing was timed.

    Energies are those of channel `best`, gross, over the time of each load and of each first inference. A run without windows of its own
    for them has the time of its one load, and Unknown energies.
    """
    loads, firsts = ([window for window in record.windows if window.phase is phase] for phase in (Phase.LOAD, Phase.FIRST))
    if not loads and record.load is None:
        return None
    if not loads and record.load is not None:
        unread = Unknown(reason="no meter was read while the model was loaded", unit="J")
        return ColdStart(
            starts=1,
            load_s=_span([record.load.load_s], origins),
            load_j=unread,
            first_inference_s=_span([record.load.first_inference_s], origins),
            first_inference_j=unread,
            steady_s=steady_s,
        )
    found = None if best is None else named_group(record.meters, best.channel)

    def joules(windows: Sequence[Window], what: str) -> Quantity:
        if found is None:
            return Unknown(reason=nothing_read(record.meters), unit="J")
        return _energy(*found, windows, record, traces, machine=machine, what=what)

    return ColdStart(
        starts=len(loads),
        load_s=_span([window.duration_s for window in loads], origins),
        load_j=joules(loads, "a load"),
        first_inference_s=_span([window.duration_s for window in firsts], origins),
        first_inference_j=joules(firsts, "a first inference"),
        steady_s=steady_s,
    )


def _span(seconds: Sequence[float], origins: tuple[Origin, ...]) -> Quantity:
    """Return the mean of durations, and all that they spanned."""
    if not seconds:
        return Unknown(reason="none was timed", unit="s")
    mean = math.fsum(seconds) / len(seconds)
    low, high = min(*seconds, mean), max(*seconds, mean)
    return Estimate(value=mean, low=low, high=high, level=1.0, unit="s", origins=origins, n=len(seconds))


def _energy(
    group: Sequence[Channel],
    spec: MeterSpec,
    windows: Sequence[Window],
    record: RunRecord,
    traces: Mapping[str, Trace | ChunkedTrace],
    *,
    machine: str,
    what: str,
) -> Quantity:
    boundary = group[0].boundary
    if spec.kind == "cputime":
        return Unknown(reason="the processor time of the process that loads is not read", unit="J", boundary=boundary)
    usable = [replace(window, inferences=1) for window in windows if window.invalid is None]
    if not usable:
        return Unknown(reason=f"{what} was not timed, or the machine was disturbed meanwhile", unit="J", boundary=boundary)
    shortest_s = min(window.duration_s for window in usable)
    hz = spec.effective_hz or spec.nominal_hz
    updates_s = [channel.update_period_s or (1 / hz if hz else 0.0) for channel in group]
    if shortest_s < _LEAST_UPDATES * max(updates_s):
        why = f"{what} takes {format_scaled(shortest_s, 's')}, and meter {spec.kind} tells something new every"
        return Unknown(reason=f"{why} {format_scaled(max(updates_s), 's')}", unit="J", boundary=boundary)
    # Without idle windows power is taken to step from nothing at both edges: what an edge between two readings hides is never understated.
    item = analyse_group(group, spec, windows=usable, idles=(), maps=record.clock_maps, traces=traces, machine=machine, whole=True)
    energy = item.energy_j_per_inference
    if isinstance(energy, Estimate) and (energy.high - energy.low) / 2 > _RESOLVED * energy.value:
        found = format_with_interval(energy.value, energy.low, energy.high, "J")
        why = f"{what} takes {format_scaled(shortest_s, 's')}, too short for meter {spec.kind}: {found}"
        return Unknown(reason=why, unit="J", boundary=boundary, origins=energy.origins)
    return energy
