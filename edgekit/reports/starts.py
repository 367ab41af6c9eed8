"""Write what stands beside the figures of one run: its cold start, its rate, its functions, and how warm it was."""

from __future__ import annotations

from edgekit.core.quantity import Estimate, Quantity, Unknown
from edgekit.core.run import RunRecord
from edgekit.core.units import format_scaled
from edgekit.decision.sides.choose import headline_channel
from edgekit.energy.conduct.enough import usable
from edgekit.energy.conduct.pacing import duty_of
from edgekit.reports.dating import dating_lines
from edgekit.reports.show import figure, one_line
from edgekit.reports.text import wrapped

_INDENT = 15


def beside(record: RunRecord, *, several: bool = False, width: int = 100) -> list[str]:
    """Return lines of up to `width` characters for those that a run has; `several` runs are told apart by their artifacts."""
    if record.analysis is None:
        return []
    lines = [
        *_cold(record),
        *dating_lines(record),
        *_paced(record),
        *_warm(record),
        *([f"one inference  {record.unit_of_work}"] if record.plan.pre or record.plan.post else []),
    ]
    margin = "  " if several else ""
    shown = [part for line in lines for part in wrapped(margin + line, width, rest=margin + " " * _INDENT)]
    return [record.artifact.path, *shown] if several and shown else shown


def _cold(record: RunRecord) -> list[str]:
    cold = record.analysis.cold_start if record.analysis is not None else None
    if cold is None or not record.plan.cold_starts:
        return []
    times = f", {cold.starts} times" if cold.starts > 1 else ""
    return [
        f"cold start     load {_time(cold.load_s)}, {_energy(cold.load_j)}{times}",
        f"               first inference {_time(cold.first_inference_s)}, {_energy(cold.first_inference_j)}",
        f"               steady {_time(cold.steady_s)} an inference",
    ]


def _paced(record: RunRecord) -> list[str]:
    rate_hz = record.plan.rate_hz
    if rate_hz is None:
        return []
    channel, windows = headline_channel(record), usable(record.windows)
    mean = one_line(figure(channel.mean_w)) if channel is not None else "unknown"
    busy = f", busy {100 * duty_of(windows):.2g} % of the time" if windows else ""
    return [f"{f'at {rate_hz:g}/s':<{_INDENT - 1}} mean power {mean}, idle included{busy}"]


def _warm(record: RunRecord) -> list[str]:
    pairs = [window.temperature_c for window in usable(record.windows) if window.temperature_c is not None]
    before = [start for start, _ in pairs if start is not None]
    after = [end for _, end in pairs if end is not None]
    if not before or not after:
        return []
    return [f"temperature    {min(before):.1f} to {max(before):.1f} C before windows, {min(after):.1f} to {max(after):.1f} C after"]


def _time(quantity: Quantity) -> str:
    return "unknown" if isinstance(quantity, Unknown) else format_scaled(quantity.value, quantity.unit)


def _energy(quantity: Quantity) -> str:
    return one_line(figure(quantity)) if isinstance(quantity, Estimate) else f"energy unknown ({quantity.reason})"
