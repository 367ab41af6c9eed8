"""Say what lessens the worth of a channel's windows, as notes with advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median

from edgekit.core.quantity import Note
from edgekit.core.units import counted, format_interval, format_scaled
from edgekit.core.window import Window
from edgekit.energy.conduct.warmup import drift_note
from edgekit.energy.uncertainty.stats import Repeatability, t95
from edgekit.energy.windows.window_energy import WindowEnergy

FEW_TICKS = 10


def caveats(
    kept: Sequence[tuple[Window, WindowEnergy]],
    found: Sequence[WindowEnergy | None],
    *,
    odd: Sequence[int],
    spread: Repeatability,
    statistic: str = "mean",
    published: bool = False,
) -> list[Note]:
    """Return remarks on the windows of one channel; `found` are all of them, `kept` those with a known energy, `odd` places in `kept`.

    They are about the `statistic` that stands for the windows; what to do about windows that were `published` nobody can.
    """
    each = [energy.joules / (window.inferences or 1) for window, energy in kept]
    middle = median if statistic == "median" else fmean
    notes = [*_number(each, found), *_ticks([energy for _, energy in kept])]
    if odd:
        rest = [value for place, value in enumerate(each) if place not in odd]
        names = ", ".join(str(kept[place][0].index) for place in odd)
        notes.append(
            Note(
                code="windows.outlier",
                text=f"{'window' if len(odd) == 1 else 'windows'} {names} {'stands' if len(odd) == 1 else 'stand'} out; the {statistic} is "
                f"{format_scaled(middle(each), 'J')} with {'it' if len(odd) == 1 else 'them'}, {format_scaled(middle(rest), 'J')} without",
                advice="look for background load in those windows",
            )
        )
    if drift := drift_note(each, of="energy per inference"):
        notes.append(Note(code="windows.drift", text=drift.text, advice=drift.advice))
    if statistic == "mean" and spread.bootstrap is not None and spread.u and (half := t95(spread.freedom) * spread.u):
        low, high = spread.bootstrap
        if max(high - spread.mean, spread.mean - low) > 1.5 * half:
            text = f"a few windows pull the mean: resampling them gives {format_interval(low, high, 'J')}"
            notes.append(Note(code="windows.skewed", text=text, advice="measure more windows, or look for what disturbs some of them"))
    return [replace(note, advice=None) for note in notes] if published else notes


def _number(each: Sequence[float], found: Sequence[WindowEnergy | None]) -> list[Note]:
    notes = []
    if len(each) < 3:
        text = f"only {counted(len(each), 'window')}: how well the result repeats is unknown"
        notes.append(Note(code="windows.few", text=text, advice="use three windows or more"))
    reasons = Counter(energy.reason for energy in found if energy is not None and energy.reason)
    notes += [Note(code="windows.unusable", text=f"{_are(count, 'left out')}: {reason}") for reason, count in sorted(reasons.items())]
    if missing := sum(energy is None for energy in found):
        notes.append(Note(code="windows.uncovered", text=f"{_are(missing, 'left out')}: no usable readings"))
    return notes


def _are(count: int, what: str) -> str:
    return f"{counted(count, 'window')} {'is' if count == 1 else 'are'} {what}"


def _ticks(energies: Sequence[WindowEnergy]) -> list[Note]:
    least = min(energy.ticks for energy in energies)
    if least >= FEW_TICKS or not any(energy.effects for energy in energies):
        return []
    text = f"a window holds only {counted(least, 'update')} of the sensor: its edges are most of the uncertainty"
    return [Note(code="windows.few_ticks", text=text, advice=f"measure windows that hold {FEW_TICKS} updates or more")]
