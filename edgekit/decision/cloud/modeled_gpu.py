"""Model a network on a data-centre GPU where nothing was measured: waiting for kernels to start, then computing.

    E = (P_wait * (kernels * t_launch + t_transfer) + P_busy * batch * flops / rate) / batch

Small networks at batch 1 are all waiting, large batches all computing. Every number is an assumption and is listed with the result; the
interval is a factor of ten either way, because no published figure exists for networks this small. A recorded run of the same family
replaces the modeled one.
"""

from __future__ import annotations

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Note, Origin, Unknown
from edgekit.core.run import Analysis, ChannelAnalysis
from edgekit.core.units import Unit

LAUNCH_S = 5e-6
TRANSFER_S = 20e-6
FLOPS_PER_S = 5e12
WAIT_W = 120.0
BUSY_W = 450.0
IDLE_W = 70.0
FACTOR = 10.0

ASSUMPTIONS = (
    f"one kernel for each operator of the float graph, {LAUNCH_S * 1e6:g} µs to start each",
    f"{TRANSFER_S * 1e6:g} µs to copy the input in and the output out",
    f"{FLOPS_PER_S / 1e12:g} TFLOP/s reached in float32 by the small convolutions of such networks",
    f"an H100-class board draws {IDLE_W:g} W idle, {WAIT_W:g} W while it waits for launches and {BUSY_W:g} W while it computes",
)


def modeled_gpu(*, kernels: int, flops: float, batch: int) -> Analysis:
    """Return the modeled analysis of a network of `kernels` operators and `flops` operations per input, run `batch` inputs at a time."""
    waiting_s = (kernels * LAUNCH_S + TRANSFER_S) / batch
    computing_s = flops / FLOPS_PER_S
    seconds = waiting_s + computing_s
    joules = WAIT_W * waiting_s + BUSY_W * computing_s
    energy = _modeled(joules, "J", FACTOR)
    unmeasured = "the run is modeled: nothing was timed"
    channel = ChannelAnalysis(
        channel="modeled",
        boundary=Boundary.GPU_BOARD,
        energy_j_per_inference=energy,
        net_j_per_inference=_modeled(joules - IDLE_W * seconds, "J", FACTOR),
        idle_w=_modeled(IDLE_W, "W", 2.0),
        mean_w=_modeled(joules / seconds, "W", 2.5),
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
    term = BudgetTerm(name="model", kind="B", u=None, factor=factor, shrink="record a run on a real GPU")
    return Estimate(
        value=value,
        low=value / factor,
        high=value * factor,
        unit=unit,
        boundary=Boundary.GPU_BOARD if unit in ("J", "W") else None,
        origins=(Origin.MODELED,),
        budget=(term,),
    )
