"""Combine the terms of an uncertainty budget into an interval, after the GUM (JCGM 100:2008, sections 5 and 6).

Additive terms are carried by the `uncertainties` library, each under its own tag; the coverage factor is Student's t at the effective
degrees of freedom (Welch-Satterthwaite, G.4.1). Terms stated as "within a factor of f" (95 %) are combined in logarithms on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Quality
from edgekit.core.units import Unit
from edgekit.energy.uncertainty.stats import t95


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
    reach: tuple[float, float] | None = None,
) -> Estimate:
    """Return `value` with the 95 % interval that its budget implies; terms of unknown size are carried along, named, and add nothing.

    `reach` is how far the additive terms together reach below and above the value at 95 %, where somebody knows more of their
    distributions than their standard uncertainties say.
    """
    below, above = reach or (expanded(terms, n),) * 2
    factors = [term.factor for term in terms if term.factor]
    # In logarithms where the additive part is small against the value, so that neither bound can change sign; added up elsewhere.
    if factors and max(below, above) < abs(value):
        down, up = (math.hypot(*(math.log(factor) for factor in factors), side / value) for side in (below, above))
        bounds = (value * math.exp(-down), value * math.exp(up))
    else:
        widest = math.exp(math.hypot(*(math.log(factor) for factor in factors)))
        near, far = sorted((value / widest, value * widest))
        bounds = (near - below, far + above)
    return Estimate(
        value=value,
        low=min(*bounds, value),
        high=max(*bounds, value),
        unit=unit,
        boundary=boundary,
        origins=origins,
        n=n,
        quality=quality,
        budget=tuple(terms),
        notes=tuple(notes),
    )


def drawn(estimate: Estimate, *, advice: str) -> Estimate:
    """Return an energy that was drawn from a supply, whose interval ends at 0: a supply takes none back.

    Where the interval would go on below, the energy cannot be told from none: only its upper bound says anything.
    """
    if estimate.low > 0 or estimate.value < 0:
        return estimate
    note = Note(
        code="energy.not_resolved",
        text="the energy cannot be told from none: only the upper end of the interval says anything",
        advice=advice,
    )
    return replace(estimate, low=0.0, quality=Quality.UNMEASURABLE, notes=(*estimate.notes, note))


def expanded(terms: Sequence[BudgetTerm], n: int | None = None) -> float:
    """Return the expanded uncertainty at 95 % of the additive terms; 0 where none has a size."""
    from uncertainties import ufloat

    sized = [term for term in terms if term.u]
    if not sized:
        return 0.0
    parts = [ufloat(0.0, term.u, tag=str(place)) for place, term in enumerate(sized)]
    total = sum(parts[1:], start=parts[0])
    return float(total.std_dev) * t95(effective_freedom(sized, n))


def effective_freedom(terms: Sequence[BudgetTerm], n: int | None = None) -> float:
    """Return the effective degrees of freedom of a budget (Welch-Satterthwaite, JCGM 100 G.4.1): (sum u^2)^2 / sum(u^4 / freedom).

    Type B terms are taken as exactly known (G.4.3, infinite freedom); a type A term that states no freedom of its own has n - 1.
    """
    spread = 0.0
    for term in terms:
        freedom = term.freedom if term.freedom is not None else float(n - 1) if n is not None and n > 1 else None
        if term.kind == "A" and term.u and freedom:
            spread += term.u**4 / freedom
    return math.fsum((term.u or 0.0) ** 2 for term in terms) ** 2 / spread if spread else math.inf


def dominating_term(estimate: Estimate) -> BudgetTerm | None:
    """Return the term that contributes most to the interval, with its advice on how to shrink it; None for an exact value."""

    def weight(term: BudgetTerm) -> float:
        if term.factor:
            return math.log(term.factor) * abs(estimate.value)
        return 2 * (term.u or 0.0)

    known = [term for term in estimate.budget if weight(term) > 0]
    return max(known, key=weight) if known else None
