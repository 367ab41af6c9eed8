"""Say what a self-test found out: a table, one sentence for each channel, and what it changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.core.calibration import Calibration, ChannelCalibration
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown
from edgekit.core.units import format_number, format_scaled, scale_for, significant_digits

if TYPE_CHECKING:
    from rich.table import Table

_WINDOW_S = 10.0
_WHOLE, _NEARLY, _LONGER = 0.95, 0.85, 1.2
_AGREE = 0.02


def calibration_table(calibration: Calibration, meter: MeterSpec) -> Table:
    """Return one row for each channel, without the columns that say nothing; what is not known says so in the sentences below.

    Nothing is cut off where the terminal is narrow: uncertainties stand in second lines, and any cell may be wrapped.
    """
    from rich.table import Table

    columns: dict[str, list[str]] = {
        "channel": [item.channel for item in calibration.channels],
        "updates\nevery": [_stacked(item.update_period_s) for item in calibration.channels],
        "looks\nat": [_stacked(item.sampled_fraction, percent=True) for item in calibration.channels],
        "averages": [_stacked(item.averaging_s) if _averages(item) else "" for item in calibration.channels],
        "noise": [_stacked(item.noise_w) for item in calibration.channels],
        "idle": [_stacked(item.idle_w) for item in calibration.channels],
        "zero": [_stacked(item.zero_w) if item.zero_w.value is not None else "" for item in calibration.channels],
        "arrives\nlate": [_stacked(item.delay_s) if item.delay_s.value is not None else "" for item in calibration.channels],
        "one\nread": [_typical(item.read_s) for item in calibration.channels],
        "counter /\npower": [_stacked(item.counter_ratio) if item.counter_ratio.value is not None else "" for item in calibration.channels],
    }
    table = Table(title=_title(calibration, meter), title_justify="left", padding=(0, 1))
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    for name in shown:
        table.add_column(name, justify="left" if name == "channel" else "right", overflow="fold")
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*cells)
    return table


def _averages(item: ChannelCalibration) -> bool:
    """Return True for a running average: a value that looks back over more than one update."""
    window, period = item.averaging_s, item.update_period_s
    return isinstance(window, Estimate) and isinstance(period, Estimate) and window.low > _LONGER * period.value


def _typical(quantity: Quantity) -> str:
    return "unknown" if quantity.value is None else format_scaled(quantity.value, quantity.unit)


def _stacked(quantity: Quantity, *, percent: bool = False) -> str:
    return figure(quantity, percent=percent).replace(" ± ", "\n± ")


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


def findings(calibration: Calibration, meter: MeterSpec) -> str:
    """Return as lines what the channels can be trusted with, then what that changes: each sentence once, with its channels."""
    known = {channel.id: channel for channel in meter.channels}
    behaves = [(item.channel, f"{verdict(item, known[item.channel])}.") for item in calibration.channels]
    changes = [(item.channel, consequence(item)) for item in calibration.channels]
    return f"{_grouped(behaves)}\n\n{_grouped(changes)}"


def _grouped(told: Sequence[tuple[str, str]]) -> str:
    channels: dict[str, list[str]] = {}
    for channel, sentence in told:
        channels.setdefault(sentence, []).append(channel)
    return "\n".join(f"{'every channel' if 1 < len(names) == len(told) else ', '.join(names)}: {said}" for said, names in channels.items())


def verdict(item: ChannelCalibration, channel: Channel) -> str:
    """Return in one sentence how the channel behaves."""
    if isinstance(item.update_period_s, Unknown):
        return f"how often it updates is not known: {item.update_period_s.reason}"
    if isinstance(item.averaging_s, Unknown):
        return f"what it looks at is not known: {item.averaging_s.reason}"
    if channel.measurand is Measurand.POWER and _averages(item):
        told = f"each value is the average over the last {format_scaled(item.averaging_s.value, 's')}: not an instant power"
    elif isinstance(item.sampled_fraction, Unknown):
        told = f"what share of the time it looks is not known: {item.sampled_fraction.reason}"
    elif item.sampled_fraction.high < _WHOLE:
        told = f"it looks at {figure(item.sampled_fraction, percent=True)} of the time and takes that for the whole"
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
        period = format_number(item.update_period_s.value * 1e3, 2)
        told += f" A load that repeats every {period} ms or so must be de-phased, or its figure is wrong."
    return told


def _title(calibration: Calibration, meter: MeterSpec) -> str:
    emulated = any(channel.origin is Origin.EMULATED for channel in meter.channels)
    told = f"self-test of {calibration.meter} on {calibration.device}, {calibration.created[:10]}: {meter.detail or meter.kind}"
    return f"{told}. EMULATED: no hardware was tested" if emulated else told
