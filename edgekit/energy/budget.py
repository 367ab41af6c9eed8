"""Combine the terms of an uncertainty budget into an interval, after the GUM (JCGM 100:2008, sections 5 and 6).

Additive terms are carried by the `uncertainties` library, each under its own tag; the coverage factor is Student's t at the effective
degrees of freedom (Welch-Satterthwaite, G.4.1). Terms stated as "within a factor of f" (95 %) are combined in logarithms on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality
from edgekit.core.units import Unit
from edgekit.energy.stats import t95


def combine(
    value: float,
    *,
    unit: Unit,
    boundary: Boundary | None,
    origins: tuple[Origin, ...],
    terms: Sequence[BudgetTerm],
    n: int | None,
    quality: Quality = Quality.GOOD,
    notes: Sequence[Note] = (),
) -> Estimate:
    """Return `value` with the 95 % interval that its budget implies; terms of unknown size are carried along, named, and add nothing."""
    from uncertainties import ufloat

    parts = [ufloat(0.0, term.u, tag=term.name) for term in terms if term.u]
    total = sum(parts[1:], start=parts[0]) if parts else None
    contributions = {str(variable.tag): abs(u) for variable, u in total.error_components().items()} if total is not None else {}
    spread = float(total.std_dev) * t95(_effective_freedom(contributions, terms, n)) if total is not None else 0.0
    factors = [term.factor for term in terms if term.factor]
    # In logarithms where the additive part is small against the value, so that neither bound can change sign; added up elsewhere.
    if factors and spread < abs(value):
        logs = math.hypot(*(math.log(factor) for factor in factors), spread / value)
        low, high = sorted((value * math.exp(-logs), value * math.exp(logs)))
    else:
        widest = math.exp(math.hypot(*(math.log(factor) for factor in factors))) if factors else 1.0
        low, high = min(value / widest, value) - spread, max(value * widest, value) + spread
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        unit=unit,
        boundary=boundary,
        origins=origins,
        n=n,
        quality=quality,
        budget=tuple(terms),
        notes=tuple(notes),
    )


def _effective_freedom(contributions: dict[str, float], terms: Sequence[BudgetTerm], n: int | None) -> float:
    kinds = {term.name: term.kind for term in terms}
    statistical = sum(u**4 for name, u in contributions.items() if kinds[name] == "A")
    if statistical == 0 or n is None or n < 2:
        return math.inf
    variance: float = sum(u**2 for u in contributions.values())
    return variance**2 / (statistical / (n - 1))


def dominating_term(estimate: Estimate) -> BudgetTerm | None:
    """Return the term that contributes most to the interval, with its advice on how to shrink it; None for an exact value."""

    def weight(term: BudgetTerm) -> float:
        if term.factor:
            return math.log(term.factor) * abs(estimate.value)
        return 2 * (term.u or 0.0)

    known = [term for term in estimate.budget if weight(term) > 0]
    return max(known, key=weight) if known else None
