"""State the gross energy per inference of channels at one boundary, with its uncertainty budget and caveats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Quality, Quantity, Unknown, merge_origins
from edgekit.core.units import counted
from edgekit.core.window import Window
from edgekit.energy.boundaries.caveats import caveats
from edgekit.energy.sensors.instrument import instrument_terms
from edgekit.energy.sensors.part_time import Missed, bounded
from edgekit.energy.uncertainty.advice import advised
from edgekit.energy.uncertainty.budget import combine, drawn, expanded
from edgekit.energy.uncertainty.stats import Repeatability, outliers, repeatability
from edgekit.energy.windows.window_energy import WindowEnergy

MEDIAN_U = math.sqrt(math.pi / 2)  # how much more the median of normal values scatters than their mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Gross:
    """Hold the gross joules per inference, the same without windows that stand out, and how many independent windows it rests on."""

    energy_j: Quantity
    n_effective: float | None = None
    without_outliers: Quantity | None = None


def gross_energy(
    windows: Sequence[Window],
    found: Sequence[WindowEnergy | None],
    *,
    group: Sequence[Channel],
    spec: MeterSpec,
    missed: Sequence[Missed],
    machine: str,
    statistic: str = "mean",
    published: bool = False,
) -> Gross:
    """Return joules per inference over the windows whose energy is known, with its budget, or why there is no figure.

    `found` is the energy of each of `windows`; those without one, or with a reason against it, are left out and counted.
    Windows that somebody `published` cannot be measured again.
    """
    kept = [(window, energy) for window, energy in zip(windows, found, strict=True) if energy is not None and energy.reason is None]
    origins = merge_origins([channel.origin for channel in group])
    if not kept:
        reasons = {energy.reason for energy in found if energy is not None and energy.reason}
        reason = "; ".join(sorted(reasons)) or f"meter {spec.kind} delivered no readings that span a measured window"
        return Gross(energy_j=Unknown(reason=reason, unit="J", boundary=group[0].boundary, origins=origins))
    joules = [energy.joules for _, energy in kept]
    counts = [float(window.inferences or 0) for window, _ in kept]
    if math.fsum(joules) <= 0:
        reason = f"meter {spec.kind} did not move during the measured windows: they are too short for its resolution, or it is stuck"
        return Gross(energy_j=Unknown(reason=reason, unit="J", boundary=group[0].boundary, origins=origins))
    spread = repeatability(joules, counts)
    odd = outliers([energy / count for energy, count in zip(joules, counts, strict=True)])
    notes = caveats(kept, found, odd=odd, spread=spread, statistic=statistic, published=published)

    def stated(places: Sequence[int], over: Repeatability, notes: Sequence[Note]) -> Estimate:
        part = [kept[place] for place in places]
        return _stated(part, over, group=group, spec=spec, missed=missed, machine=machine, statistic=statistic, notes=notes)

    everything = stated(range(len(kept)), spread, notes)
    rest = [place for place in range(len(kept)) if place not in odd]
    without = stated(rest, repeatability([joules[i] for i in rest], [counts[i] for i in rest], bootstrap=False), ()) if odd else None
    return Gross(energy_j=everything, n_effective=spread.n_effective, without_outliers=without)


def _stated(
    kept: Sequence[tuple[Window, WindowEnergy]],
    spread: Repeatability,
    *,
    group: Sequence[Channel],
    spec: MeterSpec,
    missed: Sequence[Missed],
    machine: str,
    statistic: str,
    notes: Sequence[Note],
) -> Estimate:
    inferences = math.fsum(window.inferences or 0 for window, _ in kept)
    seconds = math.fsum(window.duration_s for window, _ in kept)
    value = spread.mean
    if statistic == "median":
        value = median(energy.joules / (window.inferences or 1) for window, energy in kept)
        spread = replace(spread, u=None if spread.u is None else spread.u * MEDIAN_U)
    effects = effect_terms([energy for _, energy in kept], inferences)
    offset = spec.accuracy.offset_w
    found = [
        _repeatability(spread, effects),
        *(term for term, _ in effects),
        *(item.term for item in missed if item.term is not None),
        *instrument_terms(spec, machine, value=value, offset=None if offset is None else offset * seconds / inferences, channels=group),
    ]
    terms = [advised(term, value=value, windows=len(kept), window_s=seconds / len(kept)) for term in found]
    said = [*notes, *(item.note for item in missed if item.note is not None)]
    estimate = combine(
        value,
        unit="J",
        boundary=group[0].boundary,
        origins=merge_origins([channel.origin for channel in group]),
        terms=terms,
        n=len(kept),
        quality=Quality.CAVEATS if said or spec.accuracy.gain_factor is not None else Quality.GOOD,
        notes=said,
    )
    locked = [item.term for item in missed if item.beyond is not None]
    found_j = bounded(estimate, missed, half=expanded([term for term in found if term not in locked], len(kept)))
    return drawn(found_j, advice="measure longer windows, or use one that resolves less energy")


def effect_terms(energies: Sequence[WindowEnergy], inferences: float) -> list[tuple[BudgetTerm, bool]]:
    """Return a budget term for each effect on the windows, per inference, and whether it errs alike in all windows.

    What errs alike adds up over the windows; what errs anew in each adds in squares, and so shrinks with their number.
    """
    found = []
    for name, common in dict.fromkeys((effect.name, effect.common) for energy in energies for effect in energy.effects):
        sizes = [effect.u_j for energy in energies for effect in energy.effects if (effect.name, effect.common) == (name, common)]
        total = math.fsum(sizes) if common else math.hypot(*sizes)
        found.append((BudgetTerm(name=name, kind="B", u=total / inferences), common))
    return found


def _repeatability(spread: Repeatability, effects: Sequence[tuple[BudgetTerm, bool]]) -> BudgetTerm:
    """Return what scatters between windows beyond the effects that have terms of their own.

    An effect that errs anew in each window is part of the scatter, and must not be counted twice (JCGM 100, 4.3.10): of s^2 / n what the
    known effects explain is taken off. The variance of the rest is as uncertain as that of the whole, so its freedom shrinks with it.
    """
    term = BudgetTerm(name="repeatability", kind="A", u=spread.u)
    if spread.u is None:
        return replace(term, reason=f"{counted(spread.n, 'window')}: below 3 the spread says nothing")
    explained = math.fsum((effect.u or 0.0) ** 2 for effect, common in effects if not common)
    rest = math.sqrt(max(0.0, spread.u**2 - explained))
    return replace(term, u=rest, freedom=spread.freedom * (rest / spread.u) ** 4 if rest else None)
