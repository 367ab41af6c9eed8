"""Turn what is stated about an instrument into terms of an uncertainty budget."""

from __future__ import annotations

from edgekit.core.channel import MeterSpec
from edgekit.core.quantity import BudgetTerm


def instrument_terms(spec: MeterSpec, machine: str, *, value: float, offset: float | None) -> list[BudgetTerm]:
    """Return the budget terms of the instrument itself for a figure `value`; `offset` is its zero error in the unit of the figure.

    Terms carry a tag of instrument and machine: what one instrument does to two figures alike cancels in their ratio, and only there.
    What an estimate's gain changes from one load to another has no tag, for it does not cancel.
    """
    accuracy = spec.accuracy
    tag = f"{spec.kind}:{spec.detail} on {machine}" if spec.detail else f"{spec.kind} on {machine}"
    terms = []
    if accuracy.gain_factor is not None:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=None, factor=accuracy.gain_factor, instrument=tag, shrink="a power meter or RAPL instead")
        )
        if accuracy.load_factor is not None:
            shrink = "a power meter or RAPL instead"
            terms.append(BudgetTerm(name="load dependence", kind="B", u=None, factor=accuracy.load_factor, shrink=shrink))
    elif accuracy.gain_rel is not None:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=accuracy.gain_rel * value, instrument=tag, shrink="a meter with a better stated accuracy")
        )
    else:
        terms.append(
            BudgetTerm(name="gain", kind="B", u=None, reason=accuracy.source, instrument=tag, shrink="compare with a calibrated meter")
        )
    if offset is not None:
        terms.append(BudgetTerm(name="offset", kind="B", u=offset, instrument=tag, shrink="zero the meter"))
    return terms
