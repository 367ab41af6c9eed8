"""Turn what a self-test recorded into how each channel behaves. Same input, same result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgekit.core.calibration import ChannelCalibration, Stretch
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Quantity, Unknown
from edgekit.energy.clocks.clock import SAME_CLOCK
from edgekit.energy.clocks.marker import PAD_CHIPS, find_marker, marker_s
from edgekit.energy.sensors import calibrate
from edgekit.energy.sensors.calibrate import Ticks
from edgekit.energy.sensors.response import Load, Response, response, sampled_fraction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.trace import Trace

_MOST_TICKS = 500
_SETTLED_S = 1.5  # a steady load counts as steady after this, or after two fifths of it
_BLOCK_S = 0.5


def channels_of(spec: MeterSpec) -> list[Channel]:
    """Return the channels that a self-test can say something about."""
    return [channel for channel in spec.channels if channel.measurand in (Measurand.ENERGY_COUNTER, Measurand.POWER)]


def update_periods(spec: MeterSpec, traces: Mapping[str, Trace]) -> dict[str, Quantity]:
    """Return the update period of each channel, as far as the readings tell."""
    return {channel.id: _period(channel, _ticks(channel, spec, traces)) for channel in channels_of(spec)}


def analyse(
    spec: MeterSpec, traces: Mapping[str, Trace], stretches: Sequence[Stretch], load: Load | None, *, seed: int = 0
) -> tuple[ChannelCalibration, ...]:
    """Return what is known of each channel; without a `load` nothing is known of what its values look at."""
    ticks = {channel.id: _ticks(channel, spec, traces) for channel in channels_of(spec)}
    return tuple(_channel(channel, spec, ticks, traces, stretches, load, seed) for channel in channels_of(spec))


def _channel(
    channel: Channel,
    spec: MeterSpec,
    ticks: Mapping[str, Ticks],
    traces: Mapping[str, Trace],
    stretches: Sequence[Stretch],
    load: Load | None,
    seed: int,
) -> ChannelCalibration:
    import numpy as np

    own, origins = ticks[channel.id], (channel.origin,)
    period = _period(channel, own)
    t, half, watts = calibrate.tick_watts(own, channel, period.value) if period.value else (np.zeros(0),) * 3
    looks_at = _response(channel, t, half, watts, load, period, seed)
    steady = _level(channel, (t, watts), traces, period, _steady(stretches))
    quiet = _level(channel, (t, watts), traces, period, [item for item in stretches if item.load == "idle"])
    step_w = own.step / (period.value if channel.measurand is Measurand.ENERGY_COUNTER and period.value else 1.0)
    return ChannelCalibration(
        channel=channel.id,
        update_period_s=period,
        sampled_fraction=sampled_fraction(looks_at.window_s, period),
        averaging_s=looks_at.window_s,
        noise_w=calibrate.noise(steady if len(steady) else quiet, step_w=step_w, origins=origins),
        read_s=_read_cost(channel, traces),
        idle_w=calibrate.mean_power(quiet, origins=origins),
        counter_ratio=_ratio(channel, spec, ticks, traces, stretches),
        delay_s=_delay(channel, spec, traces, stretches, load, period, looks_at.window_s),
    )


def _ticks(channel: Channel, spec: MeterSpec, traces: Mapping[str, Trace]) -> Ticks:
    import numpy as np

    if channel.id in traces:
        return calibrate.ticks(traces[channel.id], channel, max_power_w=spec.max_power_w)
    none = np.zeros(0)
    return Ticks(t_ns=none, half_ns=none, value=none, spacing_ns=float("nan"), span_ns=0.0, step=0.0)


def _period(channel: Channel, ticks: Ticks) -> Quantity:
    return calibrate.update_period(ticks, origins=(channel.origin,), counter=channel.measurand is Measurand.ENERGY_COUNTER)


def _read_cost(channel: Channel, traces: Mapping[str, Trace]) -> Quantity:
    if channel.id not in traces:
        return Unknown(reason="nothing was read", unit="s", origins=(channel.origin,))
    return calibrate.read_cost(traces[channel.id], origins=(channel.origin,))


def _response(
    channel: Channel,
    t_ns: NDArray[np.float64],
    half_ns: NDArray[np.float64],
    watts: NDArray[np.float64],
    load: Load | None,
    period: Quantity,
    seed: int,
) -> Response:
    import numpy as np

    if isinstance(period, Unknown):
        return Response(window_s=Unknown(reason=f"the update period is not known: {period.reason}", unit="s", origins=(channel.origin,)))
    if load is None:
        return Response(window_s=Unknown(reason="no load was driven", unit="s", origins=(channel.origin,)))
    kept = np.unique(np.linspace(0, len(t_ns) - 1, min(len(t_ns), _MOST_TICKS)).astype(int)) if len(t_ns) else np.zeros(0, int)
    return response(
        t_ns[kept],
        half_ns[kept],
        watts[kept],
        load,
        period_s=period.value,
        running_average=channel.measurand is Measurand.POWER,
        origins=(channel.origin,),
        seed=seed,
    )


def _delay(
    channel: Channel,
    spec: MeterSpec,
    traces: Mapping[str, Trace],
    stretches: Sequence[Stretch],
    load: Load | None,
    period: Quantity,
    averaging: Quantity,
) -> Quantity:
    """Return how late a power reading is dated, from where the marker load shows in the readings (S3)."""
    origins, marks = (channel.origin,), [item for item in stretches if item.load == "marker"]
    if spec.delay is None or channel.measurand is not Measurand.POWER or not marks or load is None or channel.id not in traces:
        return Unknown(reason="no marker load was driven for it", unit="s", origins=origins)
    update_s = period.value or channel.update_period_s or 0.0
    look_s = averaging.value or channel.averaging_s or (update_s if spec.integrating else 0.0)
    chip_s = (marks[0].end_ns - marks[0].start_ns) / 1e9 / marker_s(1.0)
    rest_ns = round(PAD_CHIPS * chip_s * 1e9)
    span = (marks[0].start_ns + rest_ns, marks[0].end_ns - rest_ns)
    found = find_marker(traces[channel.id], load, span, base=SAME_CLOCK, look_s=look_s, update_s=update_s, chip_s=chip_s)
    if isinstance(found, str):
        return Unknown(reason=f"the marker load does not tell: {found}", unit="s", origins=origins)
    half_s = 1.96 * found.u_s
    return Estimate(value=found.delay_s, low=found.delay_s - half_s, high=found.delay_s + half_s, unit="s", origins=origins, n=1)


def _steady(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return the steady stretches without the time that they, and a running average, take to settle."""
    settled = []
    for item in stretches:
        if item.load == "steady":
            wait_ns = min(_SETTLED_S * 1e9, 0.4 * (item.end_ns - item.start_ns))
            settled.append(Stretch(load=item.load, start_ns=item.start_ns + int(wait_ns), end_ns=item.end_ns))
    return settled


def _level(
    channel: Channel,
    seen: tuple[NDArray[np.float64], NDArray[np.float64]],
    traces: Mapping[str, Trace],
    period: Quantity,
    stretches: Sequence[Stretch],
) -> NDArray[np.float64]:
    """Return the watts of the updates inside `stretches`: a counter's ticks, or a power reading for each update, changed or not."""
    import numpy as np

    t, watts = seen
    if channel.measurand is Measurand.POWER and channel.id in traces:
        trace = traces[channel.id]
        good = trace.flags == 0
        t, watts = trace.t_ns[good].astype(np.float64), trace.value[good] * channel.scale
        if period.value and len(t):
            grid = np.arange(t[0], t[-1], period.value * 1e9)
            chosen = np.searchsorted(t, grid)
            t, watts = t[chosen], watts[chosen]
    inside = np.zeros(len(t), np.bool_)
    for item in stretches:
        inside |= (t > item.start_ns) & (t < item.end_ns)
    return np.asarray(watts[inside], np.float64)


def _ratio(
    channel: Channel, spec: MeterSpec, ticks: Mapping[str, Ticks], traces: Mapping[str, Trace], stretches: Sequence[Stretch]
) -> Quantity:
    """Return counted over integrated joules, block by block, where the same place has a power channel too."""
    import numpy as np

    origins = (channel.origin,)
    beside = [item for item in channels_of(spec) if item.boundary is channel.boundary and item.measurand is Measurand.POWER]
    if channel.measurand is not Measurand.ENERGY_COUNTER or not beside:
        return Unknown(reason="this place has not both a counter and a power reading", unit="1", origins=origins)
    own, power = ticks[channel.id], traces.get(beside[0].id)
    if power is None or len(power) < 2 or len(own) < 2:
        return Unknown(reason="the counter or the power reading beside it told nothing", unit="1", origins=origins)
    good = power.flags == 0
    t, watts = power.t_ns[good].astype(np.float64), power.value[good] * beside[0].scale
    joules = np.concatenate([[0.0], np.cumsum(watts[:-1] * np.diff(t) / 1e9)])
    blocks = [block for item in stretches for block in _blocks(item)]
    counted = [float(np.diff(np.interp(block, own.t_ns, own.value))[0]) for block in blocks]
    integrated = [float(np.diff(np.interp(block, t, joules))[0]) for block in blocks]
    return calibrate.counter_ratio(counted, integrated, origins=origins)


def _blocks(item: Stretch) -> list[tuple[float, float]]:
    import numpy as np

    count = max(1, int((item.end_ns - item.start_ns) / 1e9 / _BLOCK_S))
    edges = np.linspace(item.start_ns, item.end_ns, count + 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
