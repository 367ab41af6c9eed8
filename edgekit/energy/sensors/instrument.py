"""Turn what is stated about an instrument into terms of an uncertainty budget."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import BudgetTerm, Origin

_BETTER = "read a power meter or RAPL instead of an estimate"
_OF_A_MODEL = frozenset({"rapl", "hwmon", "jetson", "um25c"})  # what they can tell of themselves is the same on every machine of one kind


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

    The identity (serial number, UUID) names an instrument for good; where it is that of a model, or there is none, the machine belongs to
    the name. Each package, GPU or rail has a sensor of its own, so the channels belong to it too; what only imitates one is another.
    """
    place = f"{spec.kind} {spec.identity}" if spec.identity else f"{spec.kind}{':' + spec.detail if spec.detail else ''}"
    if not spec.identity or spec.kind in _OF_A_MODEL:
        place += f" on {machine}"
    if any(channel.origin is Origin.EMULATED for channel in spec.channels):
        place = f"emulated {place}"
    return f"{place} [{' + '.join(sorted(channel.id for channel in channels))}]" if channels else place
