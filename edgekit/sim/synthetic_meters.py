"""Read a synthetic run with emulated instruments of several kinds, and say what exact knowledge of each would leave unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import ClockMap, Trace
from edgekit.core.window import Phase, Window
from edgekit.sim import virtual
from edgekit.sim.virtual import Errors, Steps

if TYPE_CHECKING:
    import numpy as np

KINDS = ("rapl", "gpu_counter", "gpu_counter_uncalibrated", "usb_meter", "point_sampler", "one_second_average", "part_time")
DEVICE_CLOCK, METER_CLOCK = "device", "meter"
_PHASES = 24  # random phases from which the scatter of an instrument that samples is found


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticMeter:
    """Hold a meter, its readings and clock maps; `exact_u_j` is what its noise and phase leave unknown of all windows together."""

    spec: MeterSpec
    trace: Trace
    maps: tuple[ClockMap, ...]
    exact_u_j: float


def synthetic_meter(
    random: np.random.Generator, kind: str, power: Steps, windows: Sequence[Window], *, until_s: float, accuracy: Accuracy, errors: Errors
) -> SyntheticMeter:
    """Return a meter of one of `KINDS` that read `power` until `until_s`."""
    measured = [(window.start_ns / 1e9, window.end_ns / 1e9) for window in windows if window.phase is Phase.MEASURE]
    make = _counter if kind in ("rapl", "gpu_counter", "gpu_counter_uncalibrated", "part_time") else _sampler
    return make(random, kind, power, measured, until_s, accuracy, errors)


def _counter(
    random: np.random.Generator,
    kind: str,
    power: Steps,
    measured: Sequence[tuple[float, float]],
    until_s: float,
    accuracy: Accuracy,
    errors: Errors,
) -> SyntheticMeter:
    period_s = 1e-3 if kind == "rapl" else float(random.choice([0.02, 0.05, 0.1]))
    fraction = float(random.choice([0.25, 0.5])) if kind == "part_time" else 1.0
    ticks = virtual.tick_times(random, until_s=until_s, period_s=period_s, jitter=0.1 if kind == "rapl" else 0.005)
    joules = virtual.counted_j(power, ticks, errors, sampled_fraction=fraction)
    if kind == "rapl":
        start_j = virtual.RAPL_WRAP_UJ * 1e-6 - float(random.uniform(0, 1.2)) * joules[-1]  # most runs see the counter wrap
        raw, scale, quantum, wrap = virtual.rapl_counts(joules, start_j), 1e-6, 61.0, virtual.RAPL_WRAP_UJ
        hz = float(random.choice([100, 250, 1000]))
    else:
        import numpy as np

        raw, scale, quantum, wrap, hz = np.floor(joules * 1e3 + 1e6), 1e-3, 1.0, None, 100.0
    known = kind != "gpu_counter_uncalibrated"
    channel = Channel(
        id=kind,
        meter="synthetic",
        boundary=Boundary.CPU_PACKAGE if kind == "rapl" else Boundary.GPU_BOARD,
        measurand=Measurand.ENERGY_COUNTER,
        unit="J",
        origin=Origin.EMULATED,
        scale=scale,
        quantum=quantum,
        wrap=wrap,
        update_period_s=period_s if known else None,
        sampled_fraction=fraction if known else None,
    )
    reads = virtual.poll_times(random, until_s=until_s, period_s=1 / hz)

    def told() -> float:
        import numpy as np

        told_j = 0.0
        for start_s, end_s in measured:
            looks = np.arange(start_s + (random.random() + 1) * period_s, end_s, period_s)
            seen = power.energy_j(looks) - power.energy_j(looks - fraction * period_s)
            told_j += float(np.mean(seen)) / fraction / period_s * (end_s - start_s) - float(
                power.energy_j(end_s) - power.energy_j(start_s)
            )
        return told_j

    return SyntheticMeter(
        spec=MeterSpec(kind="synthetic", channels=(channel,), accuracy=accuracy, nominal_hz=1 / period_s, max_power_w=1000.0),
        trace=virtual.read_counter(random, ticks, raw, reads, channel=kind, clock=DEVICE_CLOCK),
        maps=(),
        exact_u_j=math.hypot(_scatter(told), quantum * scale * math.sqrt(len(measured) / 6)),
    )


def _sampler(
    random: np.random.Generator,
    kind: str,
    power: Steps,
    measured: Sequence[tuple[float, float]],
    until_s: float,
    accuracy: Accuracy,
    errors: Errors,
) -> SyntheticMeter:
    import numpy as np

    hz = {"usb_meter": float(random.choice([10, 50, 100])), "point_sampler": float(random.choice([200, 1000])), "one_second_average": 10.0}[
        kind
    ]
    averaging_s = {"usb_meter": 1 / hz, "point_sampler": 0.0, "one_second_average": 1.0}[kind]
    typical_w = float(power.energy_j(until_s)) / until_s
    noise_w, quantum_w = typical_w * float(random.choice([0.0, 0.003, 0.02])), typical_w * 1e-3
    skew, offset_s = float(random.uniform(-100e-6, 100e-6)), float(random.uniform(0, 5))
    jitter_s = 0.05 / hz * random.random(int(until_s * hz) - 2)
    t_s = (np.arange(len(jitter_s)) + 1 + random.random()) / hz + jitter_s
    channel = Channel(
        id=kind,
        meter="synthetic",
        boundary=Boundary.USB_INPUT,
        measurand=Measurand.POWER,
        unit="W",
        origin=Origin.EMULATED,
        scale=quantum_w,
        quantum=1.0,
        averaging_s=averaging_s or None,
    )
    trace = virtual.read_power(
        random,
        power,
        t_s,
        errors,
        averaging_s=averaging_s,
        noise_w=noise_w,
        quantum_w=quantum_w,
        lost=0.003,
        channel=kind,
        clock=METER_CLOCK,
        on_clock_s=offset_s + t_s * (1 + skew),
    )
    seconds = sum(end_s - start_s for start_s, end_s in measured)

    def told() -> float:
        if averaging_s > 0:
            return 0.0
        told_j = 0.0
        for start_s, end_s in measured:
            looks = np.arange(start_s + random.random() / hz, end_s, 1 / hz)
            looks = looks + 0.05 / hz * random.random(len(looks))
            told_j += float(np.mean(power.power_w(looks))) * (end_s - start_s) - float(power.energy_j(end_s) - power.energy_j(start_s))
        return told_j

    return SyntheticMeter(
        spec=MeterSpec(
            kind="synthetic", channels=(channel,), accuracy=accuracy, nominal_hz=hz, integrating=averaging_s > 0, max_power_w=1000.0
        ),
        trace=trace,
        maps=_maps(random, until_s=until_s, offset_s=offset_s, skew=skew),
        exact_u_j=math.hypot(_scatter(told), noise_w * seconds / math.sqrt(seconds * hz)),
    )


def _scatter(told: Callable[[], float]) -> float:
    """Return the root mean square error of what an instrument tells of one and the same power when only its phases differ."""
    first = told()
    return math.sqrt(math.fsum(error**2 for error in (first, *(told() for _ in range(_PHASES - 1)))) / _PHASES) if first else 0.0


def _maps(random: np.random.Generator, *, until_s: float, offset_s: float, skew: float) -> tuple[ClockMap, ...]:
    """Return what one to three exchanges say of a meter's clock that is `offset_s` ahead and runs `skew` fast."""
    made = []
    bracket_s = float(10 ** random.uniform(-4, -2.5))
    for share in ((0.0,), (0.0, 1.0), (0.0, 0.5, 1.0))[int(random.integers(0, 3))]:
        at_s = share * until_s
        seen_s = offset_s + skew * at_s + bracket_s * (2 * float(random.random()) - 1)
        made.append(
            ClockMap(
                source=DEVICE_CLOCK,
                target=METER_CLOCK,
                offset_ns=round(seen_s * 1e9),
                bracket_ns=math.ceil(bracket_s * 1e9),
                at_ns=round(at_s * 1e9),
            )
        )
    return tuple(made)
