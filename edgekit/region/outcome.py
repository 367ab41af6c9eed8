"""Gather everything that follows from one region. Loads the arithmetic, so it is imported when a result is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgekit.core.boundary import WIDEST_FIRST, Boundary
from edgekit.core.quantity import Estimate, Note, Origin, Quality, Quantity, Unknown
from edgekit.region.figure import energy_at, net_of, so_far
from edgekit.region.span import Span
from edgekit.region.witness import held_against_power

if TYPE_CHECKING:
    from edgekit.region.given import IdleWatts

_TRUST = tuple(Origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold everything that follows from one closed region."""

    energy_j: Quantity
    net_j: Quantity
    channels: Mapping[Boundary, Quantity]
    notes: tuple[Note, ...]

    @staticmethod
    def nothing(reason: str, notes: tuple[Note, ...] = ()) -> Outcome:
        """Return the outcome of a region that has no figure."""
        missing = unknown(reason, notes)
        return Outcome(energy_j=missing, net_j=missing, channels={}, notes=notes)

    def per_unit_j(self, units: int) -> Quantity:
        """Return joules per unit of work: everything in the budget divides alike."""
        total = self.energy_j
        if isinstance(total, Unknown):
            return total
        if units <= 0:
            return Unknown(reason="no unit of work was counted: call m.count(n) or m.repeat()", unit="J", boundary=total.boundary)
        budget = tuple(replace(term, u=None if term.u is None else term.u / units) for term in total.budget)
        return replace(total, value=total.value / units, low=total.low / units, high=total.high / units, budget=budget)


def unknown(reason: str, notes: tuple[Note, ...] = ()) -> Unknown:
    """Return an unknown energy."""
    return Unknown(reason=reason, unit="J", notes=notes)


def conclude(span: Span, *, idle_w: IdleWatts | Mapping[str, IdleWatts] | None, units: int, raised: str | None, cut_short: bool) -> Outcome:
    """Return the energy of a closed span at every boundary; idle watts may be one figure for the headline or one per boundary."""
    happened = _happened(raised, cut_short)
    seconds = ((span.end_ns or span.start_ns) - span.start_ns) / 1e9
    channels: dict[Boundary, Quantity] = {}
    sources = {}
    for instrument in span.rig.instruments:
        for group in instrument.groups:
            place, found = group[0].boundary, energy_at(span, instrument, group, units=units)
            found = held_against_power(found, span, instrument, group, units=units)
            if happened and isinstance(found, Estimate) and found.quality is Quality.GOOD:
                found = replace(found, quality=Quality.CAVEATS)
            if place not in channels or _rank(found) < _rank(channels[place]):
                channels[place], sources[place] = found, instrument
    if not channels:
        return Outcome.nothing("; ".join(note.text for note in span.rig.notes) or "no meter was read", (*span.rig.notes, *happened))
    headline = min(channels, key=lambda place: _rank(channels[place]))
    energy = channels[headline]
    wider = {place: lost for place, lost in channels.items() if sources[place] is sources[headline] and _width(place) < _width(headline)}
    narrower = tuple(
        Note(code="region.narrower", text=f"this is {headline} only: {place} would stand for the region, but is unknown: {lost.reason}")
        for place, lost in wider.items()
        if isinstance(lost, Unknown) and isinstance(energy, Estimate)
    )
    return Outcome(
        energy_j=energy,
        net_j=net_of(energy, sources[headline], seconds, idle_w),
        channels=channels,
        notes=(*energy.notes, *narrower, *span.rig.notes, *happened),
    )


def up_to_now(span: Span) -> Quantity:
    """Return the energy of an open span so far at its headline boundary, from the counters that lead."""
    now = {gauge: gauge.look(span.rig.clock) for gauge in span.rig.gauges if gauge.counts and gauge.leads}
    found: list[Quantity] = []
    for instrument in span.rig.instruments:
        for group in instrument.groups:
            reaches = {
                gauge: replace(
                    span.reaches[gauge],
                    between=gauge.logged(since_ns=span.start_ns),
                    beside=gauge.beside.logged(since_ns=span.start_ns) if gauge.beside is not None else [],
                    last=look,
                )
                for gauge, look in now.items()
                if gauge in instrument.gauges and gauge.channel in group
            }
            if len(reaches) == len(group):
                end_ns = min(reach.last.before_ns for reach in reaches.values() if reach.last is not None)
                found.append(so_far(instrument, group, reaches, start_ns=span.start_ns, end_ns=end_ns))
    if not found:
        return unknown("no counter is read in this region: what a power meter says is known when it closes")
    return min(found, key=_rank)


def _happened(raised: str | None, cut_short: bool) -> tuple[Note, ...]:
    notes = []
    if raised is not None:
        notes.append(Note(code="region.raised", text=f"the block ended with an exception: {raised}"))
    if cut_short:
        text = "the repetition was left early: the energy of its last iteration is included, but the iteration is not counted"
        notes.append(Note(code="region.cut_short", text=text, advice="let m.repeat() run to its end"))
    return tuple(notes)


def _rank(quantity: Quantity) -> tuple[bool, int, int]:
    trust = min((_TRUST.index(origin) for origin in quantity.origins), default=len(_TRUST))
    return isinstance(quantity, Unknown), trust, len(WIDEST_FIRST) if quantity.boundary is None else _width(quantity.boundary)


def _width(place: Boundary) -> int:
    return WIDEST_FIRST.index(place)
