"""Hold what a self-test found out about one instrument on one machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from edgekit.core.channel import MeterSpec
from edgekit.core.quantity import Note, Quantity, Unknown
from edgekit.core.trace import TraceFile

LONGEST_S = 600.0  # a self-test lasts no longer, so it can find nothing that does
_NOT_LOOKED_FOR = "this self-test did not look for it"
_NO_SECONDS = Unknown(reason=_NOT_LOOKED_FOR, unit="s")
_NO_WATTS = Unknown(reason=_NOT_LOOKED_FOR, unit="W")
_NO_RATIO = Unknown(reason=_NOT_LOOKED_FOR, unit="1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCalibration:
    """Hold how one channel behaves: see `Channel`; `noise_w` is the spread of readings at constant load, `read_s` what one read costs.

    `averaging_s` is how long one value looks back, `idle_w` what it says while nothing was asked of the machine, `zero_w` what it says with
    nothing connected, `delay_s` how late its readings are dated, and
    `counter_ratio` the joules a counter counts for each joule that the power channel at the same place adds up to.
    """

    channel: str
    update_period_s: Quantity
    sampled_fraction: Quantity
    noise_w: Quantity
    read_s: Quantity
    averaging_s: Quantity = _NO_SECONDS
    idle_w: Quantity = _NO_WATTS
    counter_ratio: Quantity = _NO_RATIO
    zero_w: Quantity = _NO_WATTS
    delay_s: Quantity = _NO_SECONDS

    def __post_init__(self) -> None:
        for name, most in (("update_period_s", LONGEST_S), ("averaging_s", LONGEST_S), ("sampled_fraction", 1.0)):
            found: Quantity = getattr(self, name)
            if found.value is not None and not 0 < found.value <= most:
                raise ValueError(f"{name} of {self.channel} is {found.value}, and lies between 0 and {most:g} in any self-test")
        quantities = (
            self.update_period_s,
            self.averaging_s,
            self.sampled_fraction,
            self.noise_w,
            self.read_s,
            self.idle_w,
            self.counter_ratio,
            self.zero_w,
            self.delay_s,
        )
        if not all(math.isfinite(limit) for found in quantities if found.value is not None for limit in (found.low, found.high)):
            raise ValueError(f"an interval of {self.channel} has no end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Hold one stretch of a self-test: what the machine was to do ("idle", "random", "steady", "sweep", "marker"), from when to when."""

    load: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelftestRecording:
    """Hold what a self-test recorded: the instrument, the stretches, and traces of its channels and of the load's own share ("load")."""

    SCHEMA: ClassVar[str] = "edgekit.selftest-recording/1"

    created: str
    meter: MeterSpec
    stretches: tuple[Stretch, ...]
    traces: tuple[TraceFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Hold one self-test of one instrument behind one driver; `created` is ISO 8601 in UTC. It holds for this pair alone."""

    SCHEMA: ClassVar[str] = "edgekit.calibration/1"

    meter: str
    identity: str
    driver: str
    created: str
    device: str
    channels: tuple[ChannelCalibration, ...]
    tool: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
