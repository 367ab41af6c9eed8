"""Tell a run that measured as much as the method asks for from a quick one, and a window that tells an energy from one that does not."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.channel import Measurand, MeterSpec
from edgekit.core.run import RunPlan, RunRecord
from edgekit.core.sync import SyncPlan, SyncStep, total_u_s
from edgekit.core.units import counted
from edgekit.core.window import Phase, Window
from edgekit.energy.windows.window_energy import WindowEnergy

LEAST_WINDOWS = 3
LEAST_S = 100.0  # of measured time for each artifact
METHOD_WINDOWS, METHOD_WINDOW_S, METHOD_WINDOW_GPU_S = 10, 10.0, 60.0
_SLACK = 1 - 1e-9  # windows of whole periods add up to their time but for rounding


def usable(windows: Sequence[Window]) -> list[Window]:
    """Return the measured windows that a figure can rest on."""
    return [window for window in windows if window.phase is Phase.MEASURE and window.invalid is None and window.inferences]


def is_quick(windows: Sequence[Window], plan: RunPlan) -> bool:
    """Return whether what was measured is less than the method asks for, whatever was planned."""
    measured = usable(windows)
    return len(measured) < LEAST_WINDOWS or sum(window.duration_s for window in measured) < _SLACK * _least_s(plan)


def is_short(plan: RunPlan) -> bool:
    """Return whether a plan measures less than the method asks for."""
    window_s = max(plan.window_s, _at_rate_s(plan))
    return plan.windows < LEAST_WINDOWS or plan.windows * window_s < _SLACK * _least_s(plan)


def _at_rate_s(plan: RunPlan) -> float:
    """Return how long a window lasts at least at the rate of a plan, to hold its inferences; 0 back to back."""
    return plan.min_inferences / plan.rate_hz if plan.rate_hz is not None else 0.0


def _least_s(plan: RunPlan) -> float:
    """Return the measured time that the method asks for: at a slow rate its windows are longer."""
    return max(LEAST_S, METHOD_WINDOWS * _at_rate_s(plan))


def measured_s(record: RunRecord) -> float:
    """Return how long a run measured, in seconds; what it planned where it holds no windows."""
    return sum(window.duration_s for window in usable(record.windows)) if record.windows else record.plan.windows * record.plan.window_s


def how_quick(record: RunRecord) -> str:
    """Return what a quick run measured, in words, and what the method's plan measures."""
    count = len(usable(record.windows)) if record.windows else record.plan.windows
    each = f" of {measured_s(record) / count:.3g} s" if count else ""
    usual_s = max(METHOD_WINDOW_GPU_S if record.device.kind == "cuda" else METHOD_WINDOW_S, _at_rate_s(record.plan))
    return f"{counted(count, 'window')}{each} instead of {METHOD_WINDOWS} windows of {usual_s:.3g} s"


def short_of(energy: WindowEnergy, window: Window, spec: MeterSpec, steps: tuple[SyncStep, ...], sync: SyncPlan) -> str | None:
    """Return what a window lacks for its energy to be stated; None where it lacks nothing.

    Its ends may be off by 1.96 standard uncertainties of `steps` together, each of them.
    """
    seconds = window.duration_s
    if spec.least_window_s is not None and seconds < spec.least_window_s:
        return f"meter {spec.kind} needs windows of {spec.least_window_s:g} s or more, and one is {seconds:.3g} s long"
    error_s, allowed_s = 1.96 * (total_u_s(steps) or 0.0), sync.allowed_s(seconds)
    if error_s > allowed_s:
        methods = " and ".join(step.method for step in steps)
        allowed = f"{allowed_s:.2g} s" + (f", {100 * sync.max_error_rel:g} % of it," if sync.max_error_s is None else "")
        known = f"the ends of a window of {seconds:.3g} s are known to {error_s:.2g} s ({methods}), where {allowed} is allowed"
        return f"{known}: measure longer windows, or allow more with --max-sync-error"
    if 1 - energy.coverage > sync.max_lost_rel:
        return f"{1 - energy.coverage:.2%} of the readings of a window is missing, and {100 * sync.max_lost_rel:g} % is allowed"
    reads_power = all(channel.measurand is not Measurand.ENERGY_COUNTER for channel in spec.channels)
    if reads_power and energy.ticks < sync.least_updates:
        return f"a window holds {counted(energy.ticks, 'update')} of the meter, and {sync.least_updates} are asked for"
    return None
