"""State what each effect may have done to the energy of one window; `docs/method.md` derives every line."""

from __future__ import annotations

import math
from dataclasses import replace

from edgekit.energy.clock import ClockLine
from edgekit.energy.window_energy import Effect, WindowEnergy

EDGE, AGE, CLOCK, QUANTUM, SAMPLING, MISSING = "edge bracket", "count age", "clock map", "quantum", "sampling", "coverage"


def aligned_effects(
    energy: WindowEnergy, *, window_s: float, step_w: float, inference_s: float | None, line: ClockLine, quantum_j: float
) -> WindowEnergy:
    """Return an aligned window with its effects: brackets of its two updates, the cuts at its ends, its counts, the clocks' rates.

    `step_w` is how far the power steps at the window's edges, `inference_s` the time of one invocation, None where nothing ran.
    """
    assert energy.span_s is not None
    stretch = window_s / energy.span_s
    watts = energy.joules / window_s
    cuts = (cut_u_j(energy, cut_s, step_w=step_w, inference_s=inference_s) for cut_s in energy.cut_s)
    edge_j = math.hypot(watts * stretch * energy.bracket_s, *cuts)
    effects = [
        Effect(name=EDGE, u_j=edge_j, common=False),
        Effect(name=QUANTUM, u_j=quantum_j * stretch, common=False),
        Effect(name=CLOCK, u_j=watts * window_s * line.drift_u, common=True),
    ]
    return replace(energy, effects=tuple(effect for effect in effects if effect.u_j > 0))


def cut_u_j(energy: WindowEnergy, cut_s: float, *, step_w: float, inference_s: float | None) -> float:
    """Return the standard uncertainty of filling `cut_s` with the mean power of the rest, in joules.

    Power that varies from update to update as white noise would leaves s * sqrt(cut * cell). A part of an inference that is cut off may
    draw more or less than the mean of whole ones: at most the step between idle and load, over at most half an inference.
    """
    part_s = 0.0 if inference_s is None else min(cut_s, inference_s / 2)
    return math.hypot(energy.spread_w * math.sqrt(cut_s * energy.cell_s), step_w * part_s / 3**0.5)


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

    `unseen` is the share of time that no sample looks at. Where successive samples differ by more than their last digit, the differences
    stand for all of them at random; where they do not, the last digit errs alike in all.
    """
    looks = max(energy.ticks, 1)
    digits = quantum_w / 12**0.5 * window_s
    dithered = energy.rough_w > quantum_w
    effects = [
        *energy.effects,
        Effect(name=SAMPLING, u_j=energy.rough_w * window_s * math.sqrt(unseen / looks), common=False),
        Effect(name=MISSING, u_j=energy.missing_s * max(energy.spread_w, step_w / 2) / 3**0.5, common=False),
        Effect(name=QUANTUM, u_j=digits / math.sqrt(looks) if dithered else digits, common=not dithered),
    ]
    return replace(energy, effects=tuple(effect for effect in effects if effect.u_j > 0))
