"""Say what a self-test found out: a table, one sentence for each channel, and what it changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgekit.core.calibration import Calibration, ChannelCalibration
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin, Quantity, Unknown
from edgekit.core.units import format_number, format_scaled, scale_for, significant_digits

if TYPE_CHECKING:
    from rich.table import Table

_WINDOW_S = 10.0
_WHOLE, _NEARLY = 0.95, 0.85
_AGREE = 0.02


def calibration_table(calibration: Calibration, meter: MeterSpec) -> Table:
    """Return one row for each channel; what is not known says so in the sentences below."""
    from rich.table import Table

    table = Table(title=_title(calibration, meter), title_justify="left")
    for name in ("channel", "updates every", "looks at", "looks back", "noise", "idle", "one read", "counter / power"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    for item in calibration.channels:
        table.add_row(
            item.channel,
            figure(item.update_period_s),
            figure(item.sampled_fraction, percent=True),
            figure(item.averaging_s),
            figure(item.noise_w),
            figure(item.idle_w),
            "unknown" if item.read_s.value is None else format_scaled(item.read_s.value, "s"),
            figure(item.counter_ratio) if isinstance(item.counter_ratio.value, float) else "-",
        )
    return table


def figure(quantity: Quantity, *, percent: bool = False) -> str:
    """Return "value ± half-width unit", "unknown" for what is not known."""
    if isinstance(quantity, Unknown):
        return "unknown"
    half = max(quantity.high - quantity.value, quantity.value - quantity.low)
    digits = significant_digits(quantity.value, quantity.value - half, quantity.value + half)
    divisor, unit = (0.01, "%") if percent else scale_for(quantity.value or half, quantity.unit)
    return f"{format_number(quantity.value / divisor, digits)} ± {format_number(half / divisor, 2)} {unit}".rstrip()


def sentences(calibration: Calibration, meter: MeterSpec) -> list[tuple[str, str]]:
    """Return (channel, verdict) pairs: what the channel can be trusted with, and what that changes for a window of ten seconds."""
    known = {channel.id: channel for channel in meter.channels}
    return [(item.channel, f"{verdict(item, known[item.channel])}. {consequence(item)}") for item in calibration.channels]


def verdict(item: ChannelCalibration, channel: Channel) -> str:
    """Return in one sentence how the channel behaves."""
    if isinstance(item.update_period_s, Unknown):
        return f"how often it updates is not known: {item.update_period_s.reason}"
    if isinstance(item.averaging_s, Unknown):
        return f"what it looks at is not known: {item.averaging_s.reason}"
    looks = item.averaging_s.value / item.update_period_s.value
    if channel.measurand is Measurand.POWER and looks > 1.5:
        told = f"each value is the average over the last {format_scaled(item.averaging_s.value, 's')}: not an instant power"
    elif isinstance(item.sampled_fraction, Unknown):
        told = f"what share of the time it looks is not known: {item.sampled_fraction.reason}"
    elif item.sampled_fraction.high < _WHOLE:
        told = f"it looks at {100 * item.sampled_fraction.value:.0f} % of the time and takes that for the whole"
    elif item.sampled_fraction.low < _NEARLY:
        told = f"it looks at {100 * item.sampled_fraction.low:.0f} to 100 % of the time"
    else:
        told = "it looks at the whole time"
    return told + _disagreement(item)


def _disagreement(item: ChannelCalibration) -> str:
    ratio = item.counter_ratio
    if isinstance(ratio, Unknown) or abs(ratio.value - 1) < _AGREE or ratio.low <= 1 <= ratio.high:
        return ""
    return f"; the counter counts {ratio.value:.3g} times what the power reading beside it adds up to, so one of the two is wrong"


def consequence(item: ChannelCalibration) -> str:
    """Return what it changes: the edge term of a ten-second window, and whether the load has to be de-phased.

    An edge that falls anywhere within an update period T is uncertain by T / sqrt(12); two edges add in squares. A part-time sensor
    misses 1 - f of a load that varies within T.
    """
    if isinstance(item.update_period_s, Unknown):
        return f"Windows of {_WINDOW_S:g} s keep an edge term of unknown size."
    edge = 2 * math.sqrt(2 / 12) * item.update_period_s.value / _WINDOW_S
    told = f"Edge term of a {_WINDOW_S:g} s window: ± {format_number(100 * edge, 2)} %, far less when it is aligned to updates."
    if not isinstance(item.sampled_fraction, Unknown) and item.sampled_fraction.high < _WHOLE:
        told += (
            f" A load that repeats every {format_scaled(item.update_period_s.value, 's')} or so must be de-phased, or its figure is wrong."
        )
    return told


def _title(calibration: Calibration, meter: MeterSpec) -> str:
    emulated = any(channel.origin is Origin.EMULATED for channel in meter.channels)
    who = " ".join(part for part in (meter.detail or meter.kind, "EMULATED: no hardware was tested" if emulated else "") if part)
    return f"self-test of {calibration.meter} on {calibration.device}, {calibration.created[:10]}: {who}"
