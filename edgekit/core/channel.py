"""Describe what a meter delivers: channels with their boundary, and the instrument's stated behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Origin
from edgekit.core.sync import Delay
from edgekit.core.units import Unit

_MOST = 1e30  # more of any of these than an instrument can have; what is computed from them stays finite


class Measurand(StrEnum):
    """Name what a channel's readings are."""

    POWER = "power"
    CURRENT = "current"
    VOLTAGE = "voltage"
    ENERGY_COUNTER = "energy_counter"
    EDGE = "edge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Describe one stream of raw readings.

    A reading times `scale` is in `unit`. `quantum` is the smallest step and `wrap` the modulus of a counter, both in raw counts.
    `parent` names the channel whose boundary contains this one, so that the two are never added; `label` is the instrument's own name
    for the place, `times` the channel whose readings of the same moments multiply these: volts, for a current that is to become a power.
    `gain_rel` and `zero` (in `unit`) are standard uncertainties of volts or amperes; those of a power stand in its meter's `Accuracy`.
    How the sensor behaves: its value changes every `update_period_s`, each value is the mean over the `averaging_s` before
    it, and of every update period the sensor looks at `sampled_fraction`, which a self-test found within `sampled_fraction_range`. None:
    nobody knows yet, and a self-test can find out; until then `least_sampled_fraction` is the smallest share that anybody documented for
    sensors of its kind.
    """

    id: str
    meter: str
    boundary: Boundary
    measurand: Measurand
    unit: Unit
    origin: Origin
    scale: float = 1.0
    parent: str | None = None
    quantum: float | None = None
    wrap: int | None = None
    label: str = ""
    update_period_s: float | None = None
    averaging_s: float | None = None
    sampled_fraction: float | None = None
    sampled_fraction_range: tuple[float, float] | None = None
    least_sampled_fraction: float | None = None
    times: str | None = None
    gain_rel: float | None = None
    zero: float | None = None

    def __post_init__(self) -> None:
        if any(value is not None and not 0 <= value < _MOST for value in (self.gain_rel, self.zero)):
            raise ValueError(f"channel {self.id}: gain_rel {self.gain_rel} and zero {self.zero} are no uncertainties")
        _require(f"channel {self.id}", scale=self.scale, update_period_s=self.update_period_s, averaging_s=self.averaging_s)
        for name in ("sampled_fraction", "least_sampled_fraction"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"channel {self.id}: {name} {share} is no share")
        if self.sampled_fraction_range is not None:
            low, high = self.sampled_fraction_range
            if self.sampled_fraction is None or not 0 <= low <= self.sampled_fraction <= high <= 1:
                raise ValueError(f"channel {self.id}: sampled_fraction {self.sampled_fraction} is not one within {low} to {high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """State the limits of an instrument: `gain_rel` (relative standard uncertainty) or `gain_factor` (within a factor of), `offset_w` in W.

    `load_factor` is how far the gain of an estimate may differ from one load to another. None means nobody states it; `source` says who
    states the rest and `verified` whether anyone checked.
    """

    source: str
    gain_rel: float | None = None
    gain_factor: float | None = None
    load_factor: float | None = None
    offset_w: float | None = None
    verified: bool = False

    def __post_init__(self) -> None:
        least = {"gain_rel": self.gain_rel, "offset_w": self.offset_w}
        if any(value is not None and not 0 <= value < _MOST for value in least.values()):
            raise ValueError(f"accuracy: {least} are no uncertainties")
        factors = {"gain_factor": self.gain_factor, "load_factor": self.load_factor}
        if any(value is not None and not 1 <= value < _MOST for value in factors.values()):
            raise ValueError(f"accuracy: {factors} are no factors")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSpec:
    """Describe an instrument: its channels and how they behave.

    `nominal_hz` is what the maker says, `effective_hz` what was seen. `integrating` meters report averages or totals, others sample points.
    `max_power_w` bounds what is plausible, so that a counter's reset can be told from its wrap. No energy is
    stated for a window shorter than `least_window_s`. `identity` tells one instrument from
    another of its kind for good (a UUID, a serial number), `driver` is the software between it and the readings; a calibration holds for
    one pair of them. `delay` is how late readings are that are dated by their arrival on this host; None for instruments with a clock of
    their own and for counters that are read where the windows are dated.
    """

    kind: str
    channels: tuple[Channel, ...]
    accuracy: Accuracy
    nominal_hz: float | None = None
    effective_hz: float | None = None
    smoothing_s: float | None = None
    integrating: bool = True
    device_clock: bool = False
    edge_inputs: int = 0
    max_power_w: float = 10_000.0
    least_window_s: float | None = None
    detail: str = ""
    identity: str = ""
    driver: str = ""
    delay: Delay | None = None

    def __post_init__(self) -> None:
        _require(
            f"meter {self.kind}",
            nominal_hz=self.nominal_hz,
            effective_hz=self.effective_hz,
            max_power_w=self.max_power_w,
            least_window_s=self.least_window_s,
        )


def _require(what: str, **values: float | None) -> None:
    """Raise ValueError for a value that is neither unknown nor a positive number that an instrument can have."""
    for name, value in values.items():
        if value is not None and not 0 < value < _MOST:
            raise ValueError(f"{what}: {name} {value} cannot be meant")
