"""Model a small network on a data-centre GPU where nothing was measured: its time is that of starting kernels, not of computing.

    t = kernels * t_launch + t_transfer          E = P * t / batch

Every number below is an assumption and is listed with the result; the interval is a factor of ten either way, because no published figure
exists for networks this small. A measured run of the same family replaces the modeled one.
"""

from __future__ import annotations

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Unknown
from edgekit.core.run import Analysis, ChannelAnalysis
from edgekit.core.units import Unit

LAUNCH_S = 5e-6
TRANSFER_S = 20e-6
BUSY_W = 120.0
IDLE_W = 70.0
FACTOR = 10.0

ASSUMPTIONS = (
    f"one kernel for each operator of the float graph, {LAUNCH_S * 1e6:g} µs to start each",
    f"{TRANSFER_S * 1e6:g} µs to copy the input in and the output out",
    f"{BUSY_W:g} W for a GPU board that mostly waits for launches ({IDLE_W:g} W idle), as for an H100-class board of 700 W",
    "computing itself takes no time: too optimistic for large batches and large networks",
)


def launch_bound(*, kernels: int, batch: int) -> Analysis:
    """Return the modeled analysis of a network of `kernels` operators run `batch` inputs at a time."""
    seconds = (kernels * LAUNCH_S + TRANSFER_S) / batch
    energy = _modeled(BUSY_W * seconds, "J", FACTOR)
    idle_w = _modeled(IDLE_W, "W", 1.5)
    unmeasured = "the run is modeled: nothing was timed"
    channel = ChannelAnalysis(
        channel="modeled",
        boundary=Boundary.GPU_BOARD,
        energy_j_per_inference=energy,
        net_j_per_inference=_modeled((BUSY_W - IDLE_W) * seconds, "J", FACTOR),
        idle_w=idle_w,
        mean_w=_modeled(BUSY_W, "W", 2.5),
        window_j=(),
        coverage=None,
    )
    return Analysis(
        energy_j_per_inference=energy,
        channel=channel.channel,
        channels=(channel,),
        time_s_per_inference=_modeled(seconds, "s", FACTOR),
        latency_p50_s=Unknown(reason=unmeasured, unit="s"),
        latency_p90_s=Unknown(reason=unmeasured, unit="s"),
        latency_p99_s=Unknown(reason=unmeasured, unit="s"),
        inferences=0,
        sampler_cpu_share=Unknown(reason=unmeasured, unit="1"),
        notes=tuple(Note(code="modeled.assumption", text=text) for text in ASSUMPTIONS),
    )


def _modeled(value: float, unit: Unit, factor: float) -> Estimate:
    term = BudgetTerm(name="model", kind="B", u=None, factor=factor, shrink="record a run on a real GPU: edgekit models record NAME")
    return Estimate(
        value=value,
        low=value / factor,
        high=value * factor,
        unit=unit,
        boundary=Boundary.GPU_BOARD if unit in ("J", "W") else None,
        origins=(Origin.MODELED,),
        budget=(term,),
    )
