"""Keep to a rate: refuse one that the device cannot make before it is measured, and mark windows that did not keep it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan
from edgekit.core.units import format_number, format_scaled
from edgekit.core.window import Window
from edgekit.energy.conduct.pacing import not_kept
from edgekit.energy.sensors.part_time import out_of_step, unseen_share

MOST_UNSEEN = 0.05  # of the step between idle and load: more in one window is worth a remark before the run
MOST_DUTY = 0.98  # a schedule needs a little time of its own


def require_rate(plan: RunPlan, paces_s: Mapping[int, float], names: Sequence[str]) -> None:
    """Raise UsageError where the warm-up has shown, in seconds per inference of each artifact, that a device cannot make the rate."""
    for artifact, pace_s in paces_s.items():
        if plan.rate_hz is None or plan.rate_hz * pace_s <= MOST_DUTY:
            continue
        most_hz = 1 / pace_s
        why = (
            f"back to back an inference takes {format_scaled(pace_s, 's')} with batch {plan.batch}: {format_number(most_hz)}/s is the most"
        )
        raise UsageError(
            f"--rate {plan.rate_hz:g}/s is more than {names[artifact]} makes on this device",
            code="bench.rate",
            why=why,
            do=[
                ("ask for less:", f"edgekit bench ARTIFACT --rate {format_number(0.8 * most_hz, 2)}/s"),
                ("or measure back to back:", "edgekit bench ARTIFACT"),
            ],
            data={"measured_hz": most_hz},
        )


def marked(window: Window) -> Window:
    """Return a window as invalid where it did not keep its rate."""
    why = not_kept(window)
    return window if why is None or window.invalid is not None else replace(window, invalid=why)


def in_step(plan: RunPlan, specs: Sequence[MeterSpec], *, window_s: float) -> list[Note]:
    """Return a remark for each channel whose sensor keeps step with the rate, so that it sees the same part of every period.

    Windows begin at random phases, so that their scatter holds what is missed: the figure is right, and its interval wide.
    """
    if (period_s := plan.period_s) is None:
        return []
    notes = []
    for channel, spec in [(channel, one) for one in specs for channel in one.channels]:
        share = unseen_share(channel, spec, period_s=period_s, window_s=window_s)
        if share is None or share <= MOST_UNSEEN:
            continue
        text = (
            f"{channel.id} looks at a part of the time only, and inferences every {format_scaled(period_s, 's')} may keep step with it: "
            f"a window may miss up to {100 * share:.0f} % of the step between idle and load"
        )
        other_hz = plan.batch / out_of_step(channel, spec, period_s=period_s, window_s=window_s)
        notes.append(Note(code="rate.in_step", text=text, advice=f"choose a rate that is out of step, such as {format_number(other_hz)}/s"))
    return notes
