"""State what each effect may have done to the energy of one window; `docs/method.md` derives every line."""

from __future__ import annotations

import math
from dataclasses import replace

from edgekit.energy.clocks.clock import ClockLine
from edgekit.energy.windows.window_energy import Effect, WindowEnergy

EDGE, AGE, CLOCK, QUANTUM, SAMPLING, MISSING = "edge bracket", "count age", "clock map", "quantum", "sampling", "coverage"
PART = "part of an inference"


def aligned_effects(
    energy: WindowEnergy,
    *,
    window_s: float,
    step_w: float,
    inference_s: float | None,
    line: ClockLine,
    quantum_j: float,
    alike: bool = False,
) -> WindowEnergy:
    """Return an aligned window with its effects: brackets of its two updates, the cuts at its ends, its counts, the clocks' rates.

    `step_w` is how far the power steps at the window's edges, `inference_s` the time of one invocation, None where nothing ran. Power that
    varies from update to update as white noise would leaves s * sqrt(cut * cell) of a cut. Where power is sampled as much is cut off in
    every window, so that the same part of an inference is lost in each (`alike`); a counter's updates fall anywhere.
    """
    assert energy.span_s is not None
    stretch = window_s / energy.span_s
    watts = energy.joules / window_s
    filled = (energy.spread_w * math.sqrt(cut_s * energy.cell_s) for cut_s in energy.cut_s)
    part_j = part_u_j(energy, step_w=step_w, inference_s=inference_s, alike=alike)
    effects = [
        Effect(name=EDGE, u_j=math.hypot(watts * stretch * energy.bracket_s, *filled, 0.0 if alike else part_j), common=False),
        Effect(name=PART, u_j=part_j if alike else 0.0, common=True),
        Effect(name=QUANTUM, u_j=quantum_j * stretch, common=False),
        Effect(name=CLOCK, u_j=watts * window_s * line.drift_u, common=True),
    ]
    return replace(energy, effects=tuple(effect for effect in effects if effect.u_j > 0))


def part_u_j(energy: WindowEnergy, *, step_w: float, inference_s: float | None, alike: bool) -> float:
    """Return the standard uncertainty of cutting an inference in two, in joules: its parts may draw more or less than the whole.

    At each end at most the step between idle and load, over at most half an inference. Where power is sampled the readings themselves show
    how much it varies, and the rest of a window of whole inferences of p seconds is off by what it holds beyond whole ones (r seconds): at
    most s sqrt(r (p - r)) <= s p / 2 with s the standard deviation of the power (Cauchy-Schwarz).
    """
    if inference_s is None:
        return 0.0
    part_j = step_w * math.hypot(*(min(cut_s, inference_s / 2) for cut_s in energy.cut_s))
    return (min(part_j, energy.spread_w * inference_s / 2) if alike else part_j) / 3**0.5


def interpolated_effects(
    energy: WindowEnergy, *, window_s: float, step_w: float, hidden: float, clock_u_s: float, quantum_j: float
) -> WindowEnergy:
    """Return an interpolated window with its effects: power steps somewhere between the readings beside an edge, in every window alike.

    `hidden` is the largest share of step * edge_s that both edges together can put on the wrong side. How old a count is when it is read
    differs from edge to edge.
    """
    effects = [
        Effect(name=EDGE, u_j=step_w * hidden * energy.edge_s / 3**0.5, common=True),
        Effect(name=AGE, u_j=energy.joules / window_s * energy.bracket_s, common=False),
        Effect(name=CLOCK, u_j=step_w * clock_u_s, common=True),
        Effect(name=QUANTUM, u_j=quantum_j, common=False),
    ]
    return replace(energy, effects=tuple(effect for effect in effects if effect.u_j > 0))


def sampled(energy: WindowEnergy, *, window_s: float, step_w: float, unseen: float, quantum_w: float) -> WindowEnergy:
    """Return a window of power samples with what samples add: the time between them, missing ones, and their last digit.

    `unseen` is the share of time that no sample looks at. Where most samples differ, and by more than their last digit, its errors differ
    as well. Where a few values come again and again, as when inferences keep step with a meter that rounds, so do their errors, in every
    window; where samples hardly differ, the last digit errs alike in all.
    """
    looks = max(energy.ticks, 1)
    digits = quantum_w / 12**0.5 * window_s
    differ = energy.rough_w > quantum_w
    fresh = differ and (not energy.levels or 2 * energy.levels > looks)
    digits /= math.sqrt(looks if fresh else max(energy.levels, 1) if differ else 1)
    effects = [
        *energy.effects,
        Effect(name=SAMPLING, u_j=energy.rough_w * window_s * math.sqrt(unseen / looks), common=False),
        Effect(name=MISSING, u_j=energy.missing_s * max(energy.spread_w, step_w / 2) / 3**0.5, common=False),
        Effect(name=QUANTUM, u_j=digits, common=not fresh),
    ]
    return replace(energy, effects=tuple(effect for effect in effects if effect.u_j > 0))
