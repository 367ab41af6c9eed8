"""Say in words how windows were placed among the readings of each meter, and how well."""

from __future__ import annotations

from edgekit.core.run import ChannelAnalysis, RunRecord
from edgekit.core.sync import SyncMethod, SyncStep, total_u_s
from edgekit.core.units import format_scaled


def dating_lines(record: RunRecord) -> list[str]:
    """Return a line for each way in which readings were dated, none where all were read on the clock of the windows."""
    if record.analysis is None:
        return []
    said: dict[str, list[str]] = {}
    for item in record.analysis.channels:
        if any(step.method is not SyncMethod.SAME for step in item.sync):
            said.setdefault(dated_words(item), []).append(item.channel)
    return [f"windows dated  {', '.join(names)}: {words}" for words, names in said.items()]


def dated_words(item: ChannelAnalysis) -> str:
    """Return "S1, ends within 17 µs (edges of an input in the meter's own stream: ppk2.d0, 20 found, residual 3 µs)"."""
    u_s = total_u_s(item.sync)
    known = "ends known to nobody" if u_s is None else f"ends within {format_scaled(1.96 * u_s, 's')}" if u_s else "ends known exactly"
    methods = " and ".join(step.method for step in item.sync)
    return f"{methods}, {known} ({'; '.join(_step(step) for step in item.sync)})"


def _step(step: SyncStep) -> str:
    more = [
        step.detail,
        f"{step.count} found" if step.count is not None and step.method is not SyncMethod.EXCHANGE else "",
        f"{step.count} times" if step.count is not None and step.method is SyncMethod.EXCHANGE else "",
        f"read {format_scaled(step.offset_s, 's')} late" if step.offset_s else "",
        f"residual {format_scaled(step.residual_s, 's')}" if step.residual_s is not None else "",
        f"drift {1e6 * step.drift:.2g} ppm" if step.drift else "",
    ]
    return f"{step.method.words}: {', '.join(part for part in more if part)}" if any(more) else step.method.words
