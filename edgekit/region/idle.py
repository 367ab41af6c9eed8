"""Measure what a machine draws while the program that asks does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from edgekit.core.quantity import Estimate, Quantity, Unknown
from edgekit.energy.boundaries.baseline import Idle, idle_power
from edgekit.energy.sensors.instrument import instrument_terms
from edgekit.region.figure import MACHINE
from edgekit.region.parts import EDGE
from edgekit.region.region import Region

if TYPE_CHECKING:
    from edgekit.core.boundary import Boundary
    from edgekit.region.instrument import Rig

_PARTS = 4


def measure_idle(rig: Rig, seconds: float) -> Mapping[Boundary, Quantity]:
    """Return idle watts by boundary over `seconds` in four aligned parts, and keep them with the instruments."""
    parts = [_rest(rig, seconds / _PARTS) for _ in range(_PARTS)]
    found: dict[Boundary, Quantity] = {}
    for instrument in rig.instruments:
        for group in instrument.groups:
            place = group[0].boundary
            energies = [part.channels[place] for part in parts]
            missing = next((energy for energy in energies if isinstance(energy, Unknown)), None)
            if instrument.spec.kind == "cputime":
                reason = "a CPU-time estimate sees busy time only, never idle power"
                watts: Quantity = Unknown(reason=reason, unit="W", boundary=place)
            elif missing is not None:
                watts = Unknown(reason=missing.reason, unit="W", boundary=place)
            else:
                idles = [_idle(part, energy) for part, energy in zip(parts, energies, strict=True) if isinstance(energy, Estimate)]
                mean_w = fmean(idle.watts for idle in idles)
                terms = instrument_terms(instrument.spec, MACHINE, value=mean_w, offset=instrument.spec.accuracy.offset_w, channels=group)
                watts = idle_power(idles, under_s=(), weights=(), boundary=place, origins=energies[0].origins, instrument=terms)
                instrument.idle_w[place] = watts
            found[place] = watts
    return found


def _rest(rig: Rig, seconds: float) -> Region:
    with Region("idle", rig=lambda: rig, align=True) as part:
        rig.clock.sleep(seconds)
    return part


def _idle(part: Region, energy: Estimate) -> Idle:
    """Return one part as a window of the baseline."""
    seconds = part.duration_s or 1.0
    edge_j = next((term.u or 0.0 for term in energy.budget if term.name == EDGE), 0.0)
    return Idle(at_s=part.middle_s, watts=energy.value / seconds, u_w=edge_j / seconds)
