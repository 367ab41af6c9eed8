"""Keep to a rate: refuse one that the device cannot make before it is measured, and mark windows that did not keep it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.core.errors import UsageError
from edgekit.core.run import RunPlan
from edgekit.core.window import Window
from edgekit.energy.pacing import not_kept

MOST_DUTY = 0.98  # a schedule needs a little time of its own


def require_rate(plan: RunPlan, paces_s: Mapping[int, float], names: Sequence[str]) -> None:
    """Raise UsageError where the warm-up has shown, in seconds per inference of each artifact, that a device cannot make the rate."""
    for artifact, pace_s in paces_s.items():
        if plan.rate_hz is None or plan.rate_hz * pace_s <= MOST_DUTY:
            continue
        most_hz = 1 / pace_s
        raise UsageError(
            f"--rate {plan.rate_hz:g}/s is more than {names[artifact]} makes on this device",
            code="bench.rate",
            why=f"back to back an inference takes {pace_s:.3g} s with batch {plan.batch}: {most_hz:.3g} a second are the most",
            do=[("ask for less:", f"--rate {0.8 * most_hz:.2g}/s"), ("or measure back to back:", "leave out --rate")],
            data={"measured_hz": most_hz},
        )


def marked(window: Window) -> Window:
    """Return a window as invalid where it did not keep its rate."""
    why = not_kept(window)
    return window if why is None or window.invalid is not None else replace(window, invalid=why)
