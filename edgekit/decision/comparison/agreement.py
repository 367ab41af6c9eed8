"""Hold edgekit's own figures against those that others published of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.quantity import Estimate, Quantity
from edgekit.core.run import Published, RunRecord
from edgekit.decision.sides.choose import energy_of, headline_channel

FIGURES = {
    "energy_j_per_inference": "energy per inference",
    "mean_w": "mean power",
    "throughput_hz": "inferences per second",
    "latency_p50_s": "latency p50",
    "latency_p90_s": "latency p90",
    "latency_p99_s": "latency p99",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Hold one published figure beside edgekit's own; `relative_difference` is (own - published) / published, None without an own one."""

    run: str
    figure: str
    published: float
    unit: str
    source: str
    own: float | None
    relative_difference: float | None


def agreements_of(run: RunRecord) -> Sequence[Agreement]:
    """Return every published figure of a run beside edgekit's own. Pure."""
    return [_agreement(run, item) for item in run.published]


def _agreement(run: RunRecord, item: Published) -> Agreement:
    own = _own(run, item.name)
    value = own.value if own is not None else None
    if value is not None and item.name == "throughput_hz":
        value = 1 / value
    return Agreement(
        run=run.id,
        figure=item.name,
        published=item.value,
        unit=item.unit,
        source=item.source,
        own=value,
        relative_difference=value / item.value - 1 if value is not None and item.value else None,
    )


def _own(run: RunRecord, figure: str) -> Quantity | None:
    channel = headline_channel(run)
    if run.analysis is None or channel is None:
        return None
    found: dict[str, Quantity] = {
        "energy_j_per_inference": energy_of(run),
        "mean_w": channel.mean_w,
        "throughput_hz": run.analysis.time_s_per_inference,
    }
    return found.get(figure)


def left_out(ratio: Quantity) -> str:
    """Return what the interval of a ratio of two runs leaves out: "gain of both instruments unknown: the interval does not cover it"."""
    owners: dict[str, list[str]] = {}
    for name in ratio.unknown_terms if isinstance(ratio, Estimate) else ():
        term, _, owner = name.removesuffix(")").partition(" (")
        owners.setdefault(term, []).append(owner)
    told = [f"{term} of {'both instruments' if len(of) > 1 else f'the instrument of {_the(of[0])}'} unknown" for term, of in owners.items()]
    return f"{' and '.join(told)}: the interval does not cover {'it' if len(told) == 1 else 'them'}" if told else ""


def _the(owner: str) -> str:
    return owner if owner.startswith("this") else f"the {owner}"
