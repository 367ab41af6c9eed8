"""State the gross energy per inference of one group of channels, with its uncertainty budget and caveats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Quality, Quantity, Unknown, merge_origins
from edgekit.core.window import Window
from edgekit.energy.budget import combine
from edgekit.energy.instrument import instrument_terms
from edgekit.energy.integrate import WindowEnergy
from edgekit.energy.stats import outliers, standard_error, weighted_mean


def gross_energy(
    usable: Sequence[tuple[Window, WindowEnergy | None]],
    found: Sequence[WindowEnergy | None],
    *,
    group: Sequence[Channel],
    spec: MeterSpec,
    idle_w: Quantity,
    machine: str,
) -> Quantity:
    """Return joules per inference over the usable windows with its budget, or why there is no figure.

    `usable` are windows with their energy; `found` holds every window's energy, usable or not, for what has to be said of the rest.
    """
    boundary = group[0].boundary
    kept = [(window, energy) for window, energy in usable if energy is not None]
    if not kept:
        reasons = {energy.reason or f"readings cover only {energy.coverage:.0%} of a window" for energy in found if energy is not None}
        reason = "; ".join(sorted(reasons)) or f"meter {spec.kind} delivered no readings that span a measured window"
        return Unknown(reason=reason, unit="J", boundary=boundary)
    counts = [float(window.inferences or 0) for window, _ in kept]
    per_inference = [energy.joules / count for (_, energy), count in zip(kept, counts, strict=True)]
    value = weighted_mean(per_inference, counts)
    if value <= 0:
        reason = f"meter {spec.kind} did not move during the measured windows: they are too short for its resolution"
        return Unknown(reason=reason, unit="J", boundary=boundary)
    n, mean_count = len(kept), fmean(counts)
    mean_w = fmean(energy.joules / window.duration_s for window, energy in kept)
    step_w = mean_w - idle_w.value if isinstance(idle_w, Estimate) else mean_w
    counters = [channel for channel in group if channel.measurand is Measurand.ENERGY_COUNTER]
    quantum_j = math.hypot(*((channel.quantum or 0.0) * channel.scale for channel in counters))
    # Power steps somewhere inside the tick that straddles an edge. A counter's interpolation then puts up to step * tick / 4 of each edge
    # outside the window; a held sample hides up to step * tick at the start. All windows err the same way, so nothing averages out.
    hidden_s = max(energy.edge_s for _, energy in kept) * (0.5 if counters else 1.0)
    error = standard_error(per_inference)
    terms = [
        BudgetTerm(
            name="repeatability",
            kind="A",
            u=error,
            reason=None if error is not None else f"{n} window(s): below 3 the spread says nothing",
            shrink="more windows, or a quieter machine",
        ),
        BudgetTerm(
            name="edge bracket",
            kind="B",
            u=abs(step_w) * hidden_s / 3**0.5 / mean_count,
            shrink="longer windows, or a meter that updates faster",
        ),
        BudgetTerm(name="quantum", kind="B", u=quantum_j / 6**0.5 / mean_count / n**0.5, shrink="longer windows"),
        *instrument_terms(
            spec,
            machine,
            value=value,
            offset=None if spec.accuracy.offset_w is None else spec.accuracy.offset_w * sum(w.duration_s for w, _ in kept) / sum(counts),
        ),
    ]
    notes = _caveats(per_inference, [window.index for window, _ in kept], dropped=len(found) - n)
    quality = Quality.CAVEATS if notes or spec.accuracy.gain_factor is not None else Quality.GOOD
    return combine(
        value,
        unit="J",
        boundary=boundary,
        origins=merge_origins([channel.origin for channel in group]),
        terms=terms,
        n=n,
        quality=quality,
        notes=notes,
    )


def _caveats(per_inference: Sequence[float], indices: Sequence[int], *, dropped: int) -> list[Note]:
    notes = []
    if len(per_inference) < 3:
        notes.append(
            Note(
                code="windows.few",
                text=f"only {len(per_inference)} window(s): how well the result repeats is unknown",
                advice="use three windows or more",
            )
        )
    if dropped:
        notes.append(Note(code="windows.uncovered", text=f"{dropped} window(s) have no usable readings and are left out"))
    if odd := outliers(per_inference):
        rest = [value for place, value in enumerate(per_inference) if place not in odd]
        names = ", ".join(str(indices[place]) for place in odd)
        notes.append(
            Note(
                code="windows.outlier",
                text=f"window(s) {names} stand out; with them {fmean(per_inference):.3g} J, without {fmean(rest):.3g} J",
                advice="look for background load in those windows",
            )
        )
    return notes
