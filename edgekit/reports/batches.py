"""Render the runs of a batch sweep as one table for the terminal: joules, times and clocks by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Estimate, Note, Quantity
from edgekit.core.run import ChannelAnalysis, RunRecord
from edgekit.core.units import format_interval, format_number, format_scaled
from edgekit.decision.sides.choose import energy_of, headline_channel
from edgekit.energy.conduct.gpu_state import gpu_states
from edgekit.reports.runs import place, run_notes, short

if TYPE_CHECKING:
    from rich.table import Table

_HOST = (Boundary.CPU_PACKAGE, Boundary.PLATFORM)


def batches_table(records: Sequence[RunRecord], failed: Sequence[tuple[int, str]] = ()) -> Table:
    """Return a table with one row per run, in order of batch; `failed` holds (batch, why) of those that could not be measured."""
    from rich.table import Table

    several = len({record.artifact.path for record in records}) > 1
    host = any(host_of(record) is not None for record in records)
    where = ", ".join(sorted({place(energy_of(record)) for record in records}))
    table = Table(padding=(0, 1), caption=f"J/inference at {where}; p50 and p99 of one invocation, a whole batch", caption_justify="left")
    table.add_column("batch", justify="right")
    if several:
        table.add_column("artifact", overflow="fold")
    table.add_column("J/inference\n95 % interval", justify="right", no_wrap=True)
    if host:
        table.add_column("host J\n/inference", justify="right", no_wrap=True)
    for title in ("idle", "p50\np99", "inferences/s"):
        table.add_column(title, justify="right", no_wrap=True)
    clocked = any(gpu_states(record.sampler) for record in records)
    if clocked:
        table.add_column("SM clock", justify="right")
    for record in sorted(records, key=lambda record: record.plan.batch):
        table.add_row(*_row(record, several=several, host=host), *([_clock(record)] if clocked else []))
    for batch, why in failed:
        table.add_row(str(batch), *(["not measured"] if several else []), why if not several else "")
    return table


def batch_notes(records: Sequence[RunRecord]) -> list[Note]:
    """Return what the analyses remark, each once; a remark that does not hold for all runs names the batches it holds for."""
    found: dict[Note, list[int]] = {}
    for record in records:
        for note in run_notes([record]):
            found.setdefault(note, []).append(record.plan.batch)
    return [
        note
        if len(sizes) == len(records)
        else Note(code=note.code, text=f"batch {', '.join(map(str, sizes))}: {note.text}", advice=note.advice)
        for note, sizes in found.items()
    ]


def host_of(record: RunRecord) -> ChannelAnalysis | None:
    """Return what the processors took beside the GPU, where a meter saw it: the package, or the platform where there is no package."""
    if energy_of(record).boundary in _HOST or record.analysis is None:
        return None
    found = [item for item in record.analysis.channels if item.boundary in _HOST]
    return min(found, key=lambda item: _HOST.index(item.boundary), default=None)


def _row(record: RunRecord, *, several: bool, host: bool) -> list[str]:
    energy, channel, beside, analysis = energy_of(record), headline_channel(record), host_of(record), record.analysis
    interval = format_interval(energy.low, energy.high, energy.unit) if isinstance(energy, Estimate) else ""
    cells = [str(record.plan.batch)]
    cells += [record.artifact.path] if several else []
    cells += [f"{short(energy)}\n{interval}".rstrip()]
    cells += [short(beside.energy_j_per_inference) if beside is not None else "unknown"] if host else []
    cells += [short(channel.idle_w) if channel is not None else "unknown"]
    cells += [f"{short(analysis.latency_p50_s)}\n{short(analysis.latency_p99_s)}" if analysis is not None else "unknown"]
    cells += [_per_second(analysis.time_s_per_inference) if analysis is not None else "unknown"]
    return cells


def _clock(record: RunRecord) -> str:
    """Return the mean clock of each GPU and what held it back."""
    lines = []
    for state in gpu_states(record.sampler):
        lines += [f"{state.clock_mean_hz / 1e6:.0f} MHz" if state.clock_mean_hz is not None else "unknown", *state.reasons]
    return "\n".join(lines) or "unknown"


def _per_second(time: Quantity) -> str:
    if not isinstance(time, Estimate) or time.value <= 0:
        return "unknown"
    rate = 1 / time.value
    return format_number(rate) if rate < 1e4 else format_scaled(rate, "Hz").replace("Hz", "").strip()
