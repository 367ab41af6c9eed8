"""Turn what is stated about an instrument into terms of an uncertainty budget."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import BudgetTerm

_BETTER = "read a power meter or RAPL instead of an estimate"


def instrument_terms(
    spec: MeterSpec, machine: str, *, value: float, offset: float | None, channels: Sequence[Channel] = ()
) -> list[BudgetTerm]:
    """Return the budget terms of the instrument itself for a figure `value`; `offset` is its zero error in the unit of the figure.

    Terms carry a tag of the instrument: what one instrument does to two figures alike cancels in their ratio, and only there. What an
    estimate's gain changes from one load to another has no tag, for it does not cancel.
    """
    accuracy = spec.accuracy
    tag = instrument_tag(spec, machine, channels)
    terms = []
    if accuracy.gain_factor is not None:
        terms.append(BudgetTerm(name="gain", kind="B", u=None, factor=accuracy.gain_factor, instrument=tag, shrink=_BETTER))
        if accuracy.load_factor is not None:
            terms.append(BudgetTerm(name="load dependence", kind="B", u=None, factor=accuracy.load_factor, shrink=_BETTER))
    elif accuracy.gain_rel is not None:
        shrink = "compare this meter with a calibrated one, or use one with a better stated accuracy"
        terms.append(BudgetTerm(name="gain", kind="B", u=accuracy.gain_rel * abs(value), instrument=tag, shrink=shrink))
    else:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=None, reason=accuracy.source, instrument=tag, shrink="compare with a calibrated meter")
        )
    if offset is not None:
        terms.append(BudgetTerm(name="offset", kind="B", u=offset, instrument=tag, shrink="zero the meter before the run"))
    return terms


def instrument_tag(spec: MeterSpec, machine: str, channels: Sequence[Channel] = ()) -> str:
    """Return a name that two figures share only where the same sensors of the same instrument read both.

    The identity (serial number, UUID) names an instrument for good; without one, kind, detail and machine have to do. Each package, GPU or
    rail has a sensor of its own, so the channels belong to the name.
    """
    place = (spec.identity and f"{spec.kind} {spec.identity}") or f"{spec.kind}{':' + spec.detail if spec.detail else ''} on {machine}"
    return f"{place} [{' + '.join(sorted(channel.id for channel in channels))}]" if channels else place
