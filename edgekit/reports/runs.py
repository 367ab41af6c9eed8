"""Render run records as one table for the terminal; every energy shows its interval, boundary and origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Note, Quantity, Unknown
from edgekit.core.run import RunRecord
from edgekit.core.units import format_compact, format_interval, format_scaled
from edgekit.decision.sides.choose import headline_channel

if TYPE_CHECKING:
    from rich.table import Table

_HEARD = ("meter.channel_lost", "reading.", "sampler.")  # what happened while nobody drew on the screen


def runs_table(records: Sequence[RunRecord]) -> Table:
    """Return a table with one row per run, narrow enough for 80 columns: second lines carry interval, origin and tail latency."""
    from rich.table import Table

    table = Table(padding=(0, 1))
    table.add_column("artifact\nstatus", overflow="fold")
    table.add_column("J/inference\n95 % interval", justify="right", no_wrap=True)
    table.add_column("boundary\norigin", no_wrap=True)
    headlines = [channel for channel in map(headline_channel, records) if channel is not None]
    idle_known = any(isinstance(channel.idle_w, Estimate) for channel in headlines)
    if idle_known:
        table.add_column("net\nidle, 95 %", justify="right", no_wrap=True)
    table.add_column("time\np99", justify="right", no_wrap=True)
    for record in records:
        table.add_row(*_row(record, with_idle=idle_known))
    return table


def run_notes(records: Sequence[RunRecord]) -> list[Note]:
    """Return what the analyses remark, each once; a remark that does not hold for all runs names those it holds for."""
    found: dict[Note, list[str]] = {}
    for record in records:
        for note in _remarks(record):
            found.setdefault(note, []).append(record.artifact.path)
    return [
        note if len(names) == len(records) else Note(code=note.code, text=f"{', '.join(names)}: {note.text}", advice=note.advice)
        for note, names in found.items()
    ]


def left_out(records: Sequence[RunRecord]) -> list[Note]:
    """Return what the intervals of runs do not hold because nobody knows its size, each with its reason, once for all runs alike."""
    found: dict[Note, None] = {}
    for record in records:
        energy = record.analysis.energy_j_per_inference if record.analysis is not None else None
        for term in energy.budget if isinstance(energy, Estimate) else ():
            if isinstance(energy, Estimate) and term.name in energy.unknown_terms:
                what = "the meter's own accuracy (gain)" if term.name == "gain" else term.name
                text = f"the interval does not hold {what}: {term.reason or 'nobody states it'}"
                found[Note(code="interval.left_out", text=text, advice=term.shrink)] = None
    return list(found)


def _remarks(record: RunRecord) -> tuple[Note, ...]:
    heard = tuple(note for note in record.notes if note.code.startswith(_HEARD))
    if record.analysis is None:
        return heard
    energy = record.analysis.energy_j_per_inference
    unknown = (Note(code="energy.unknown", text=f"energy unknown: {energy.reason}"),) if isinstance(energy, Unknown) else ()
    return (*heard, *unknown, *energy.notes, *record.analysis.notes)


def _row(record: RunRecord, *, with_idle: bool) -> tuple[str, ...]:
    analysis, channel = record.analysis, headline_channel(record)
    if analysis is None:
        return (f"{record.artifact.path}\n{record.status}", "not analysed", "", *([""] if with_idle else []), "")
    energy = analysis.energy_j_per_inference
    idle = (f"{_compact(channel.net_j_per_inference)}\n{_compact(channel.idle_w)}" if channel else "unknown",) if with_idle else ()
    tail = short(analysis.latency_p99_s) + ("/batch" if record.plan.batch > 1 and isinstance(analysis.latency_p99_s, Estimate) else "")
    return (
        f"{record.artifact.path}\n{record.status}{', quick' if record.plan.quick else ''}",
        f"{short(energy)}\n{format_interval(energy.low, energy.high, energy.unit)}" if isinstance(energy, Estimate) else "unknown",
        place(energy).replace(", ", "\n"),
        *idle,
        f"{short(analysis.time_s_per_inference)}\n{tail}",
    )


def short(quantity: Quantity) -> str:
    """Return a value with its scaled unit, or "unknown"."""
    if isinstance(quantity, Unknown):
        return "unknown"
    return format_scaled(quantity.value, quantity.unit, quantity.low, quantity.high)


def _compact(quantity: Quantity) -> str:
    if isinstance(quantity, Unknown):
        return "unknown"
    return format_compact(quantity.value, quantity.low, quantity.high, quantity.unit)


def place(quantity: Quantity) -> str:
    """Return where and how a value came to be: "cpu_package, estimated"."""
    origins = "+".join(quantity.origins) or "no origin"
    return f"{quantity.boundary}, {origins}" if quantity.boundary else origins
