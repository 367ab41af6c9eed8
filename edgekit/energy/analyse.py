"""Analyse one run record: from raw traces and windows to joules per inference with a budget. Same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.core.boundary import WIDEST_FIRST
from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import SPAN, Estimate, Note, Origin, Quantity, Unknown, trust
from edgekit.core.run import Analysis, ChannelAnalysis, RunRecord
from edgekit.core.trace import Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.beside import side_by_side
from edgekit.energy.boundaries.crosscheck import crosschecked
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.boundaries.groups import channel_groups, is_coarse, nothing_read, rival_groups
from edgekit.energy.coldstart import cold_start
from edgekit.energy.conduct.enough import how_quick, usable
from edgekit.energy.conduct.gpu_state import gpu_notes
from edgekit.energy.conduct.pacing import busy_s, pacing_notes
from edgekit.energy.conduct.validity import disturbed_run, marked
from edgekit.energy.conduct.warmup import drift_note
from edgekit.energy.latency import quantile_ns
from edgekit.energy.operators.share import attribute
from edgekit.energy.sensors.product import multiplied
from edgekit.energy.sensors.staleness import repeated
from edgekit.energy.tiny_rule import by_tiny_rule

if TYPE_CHECKING:
    from edgekit.core.trace import ChunkedTrace

__all__ = ["analyse", "channel_groups", "headline_channel"]


def analyse(record: RunRecord, traces: Mapping[str, Trace | ChunkedTrace]) -> Analysis:
    """Return everything that follows from `record` and its raw `traces` (by channel id)."""
    record, traces = _with_products(record, traces)
    measured = usable(record.windows)
    inferences = sum(window.inferences or 0 for window in measured)
    idles = [window for window in record.windows if window.phase is Phase.IDLE and window.invalid is None]
    machine = ", ".join(filter(None, (record.device.name, record.facts_before.model, record.facts_before.cpu)))
    channels = tuple(
        item for spec in record.meters for item in _of_meter(spec, record, windows=measured, idles=idles, traces=traces, machine=machine)
    )
    best = headline_channel(channels)
    headline: Quantity = best.energy_j_per_inference if best is not None else Unknown(reason=nothing_read(record.meters), unit="J")
    if not measured:
        headline = Unknown(reason="no measured window was completed", unit="J", boundary=headline.boundary)
    time_s = _time_per_inference(measured, record)
    whole = {
        name: trace for name, trace in traces.items() if isinstance(trace, Trace)
    }  # operators are seen in dense traces, not in huge ones
    attribution = attribute(record, energy=headline, channel=best, time_s=time_s, traces=whole)
    analysis = Analysis(
        energy_j_per_inference=headline,
        channel=best.channel if best is not None else None,
        channels=channels,
        time_s_per_inference=time_s,
        latency_p50_s=_latency(measured, record, 0.50),
        latency_p90_s=_latency(measured, record, 0.90),
        latency_p99_s=_latency(measured, record, 0.99),
        inferences=inferences,
        sampler_cpu_share=_sampler_share(record),
        notes=(
            *_notes(record, measured),
            *side_by_side(best, _of_others(record, channels, best)),
            *repeated(record, traces),
            *_by_other_rules(record, measured, best),
            *attribution.notes,
        ),
        operators=attribution.operators,
        attribution=attribution.sentence,
        cold_start=cold_start(record, traces, best=best, steady_s=time_s, origins=_clock_origins(record), machine=machine),
    )
    return marked(analysis)


def _by_other_rules(record: RunRecord, measured: Sequence[Window], best: ChannelAnalysis | None) -> tuple[Note, ...]:
    note = by_tiny_rule(measured, best) if record.device.kind == "board" else None
    return () if note is None else (note,)


def _with_products(record: RunRecord, traces: Mapping[str, Trace | ChunkedTrace]) -> tuple[RunRecord, Mapping[str, Trace | ChunkedTrace]]:
    """Return the record and its traces as if instruments that read volts and amperes had read watts."""
    meters = []
    for spec in record.meters:
        made, traces = multiplied(spec, traces)
        meters.append(made)
    return replace(record, meters=tuple(meters)), traces


def _of_meter(
    spec: MeterSpec,
    record: RunRecord,
    *,
    windows: Sequence[Window],
    idles: Sequence[Window],
    traces: Mapping[str, Trace | ChunkedTrace],
    machine: str,
) -> list[ChannelAnalysis]:
    """Return the analysis of each group of channels; counters whose place is also read as power are held against it."""

    def one(group: Sequence[Channel]) -> ChannelAnalysis:
        return analyse_group(
            group,
            spec,
            windows=windows,
            idles=idles,
            maps=record.clock_maps,
            traces=traces,
            machine=machine,
            batch=record.plan.batch,
            statistic=record.plan.statistic,
            whole=record.plan.whole_windows or record.plan.rate_hz is not None,
            published=record.plan.whole_windows,
            every=record.windows,
            sync=record.plan.sync,
        )

    rivals = {tuple(channel.id for channel in counters): powers for counters, powers in rival_groups(spec)}
    found = []
    for group in channel_groups(spec):
        item, powers = one(group), rivals.get(tuple(channel.id for channel in group))
        found.append(crosschecked(item, one(powers), coarse=is_coarse(group)) if powers is not None else item)
    return found


def headline_channel(channels: Sequence[ChannelAnalysis]) -> ChannelAnalysis | None:
    """Return the channel whose energy stands for the run: known before unknown, measured before estimated, wide before narrow."""
    return min(channels, key=_rank, default=None)


def _of_others(record: RunRecord, channels: Sequence[ChannelAnalysis], best: ChannelAnalysis | None) -> list[ChannelAnalysis]:
    """Return the widest figure of each meter but the one behind the headline."""
    found = []
    for spec in record.meters:
        own = [item for item in channels if item.channel.split("+")[0] in {channel.id for channel in spec.channels}]
        if best not in own and (widest := headline_channel(own)) is not None:
            found.append(widest)
    return found


def _rank(item: ChannelAnalysis) -> tuple[int, int, int]:
    origins = item.energy_j_per_inference.origins
    return int(isinstance(item.energy_j_per_inference, Unknown)), trust(origins), WIDEST_FIRST.index(item.boundary)


def _clock_origins(record: RunRecord) -> tuple[Origin, ...]:
    return (Origin.EMULATED,) if record.device.rehearsed else (Origin.MEASURED,)


def _time_per_inference(measured: Sequence[Window], record: RunRecord) -> Quantity:
    if not measured:
        return Unknown(reason="no measured window was completed", unit="s")
    each = [busy_s(window) / (window.inferences or 1) for window in measured]
    value = sum(busy_s(window) for window in measured) / sum(window.inferences or 0 for window in measured)
    return Estimate(
        value=value, low=min(*each, value), high=max(*each, value), level=1.0, unit="s", origins=_clock_origins(record), n=len(each)
    )


def _latency(measured: Sequence[Window], record: RunRecord, q: float) -> Quantity:
    latencies = [window.latency for window in measured if window.latency is not None]
    if not latencies:
        return Unknown(reason="no latencies were recorded", unit="s")
    value, low, high = (item / 1e9 for item in quantile_ns(latencies, q))
    notes: tuple[Note, ...] = (Note(code=SPAN, text="the bin of its histogram"),)
    if (group := max(latency.group_size for latency in latencies)) > 1:
        notes = (
            *notes,
            Note(code="latency.grouped", text=f"quantile over means of {group} back-to-back inferences, each too short to time alone"),
        )
    return Estimate(value=value, low=low, high=high, level=1.0, unit="s", origins=_clock_origins(record), n=len(latencies), notes=notes)


def _sampler_share(record: RunRecord) -> Quantity:
    cpu_s, wall_s = record.sampler.get("cpu_s"), record.sampler.get("wall_s")
    if cpu_s is None or not wall_s:
        return Unknown(reason="no counter was read on the device, or the run ended before its cost was known", unit="1")
    share = cpu_s / wall_s
    return Estimate(value=share, low=share, high=share, unit="1", origins=_clock_origins(record))


def _notes(record: RunRecord, measured: Sequence[Window]) -> tuple[Note, ...]:
    notes = []
    if record.plan.quick:
        notes.append(
            Note(
                code="plan.quick",
                text=f"quick: {how_quick(record)}",
                advice="repeat with `edgekit bench` and its default plan before you rely on small differences",
            )
        )
    if drift := drift_note([busy_s(window) / (window.inferences or 1) for window in measured]):
        notes.append(drift)
    notes.extend(pacing_notes(measured))
    notes.extend(disturbed_run(record.facts_before, record.facts_after, measured))
    notes.extend(gpu_notes(record.sampler))
    lost = [window for window in record.windows if window.invalid is not None]
    notes.extend(Note(code="window.invalid", text=f"{window.phase} window {window.index} is left out: {window.invalid}") for window in lost)
    if record.plan.inputs == "synthetic":
        notes.append(Note(code="inputs.synthetic", text="inputs were random numbers: this artifact came without sample data"))
    return tuple(notes)
