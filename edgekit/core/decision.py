"""Describe a deployment decision: how the product is used, what each side costs under each convention, and what follows.

Every number of a Decision comes from a run id, a constant id or a line of the scenario; what is not counted says so with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from edgekit.core.quantity import Note, Quantity
from edgekit.core.scenario import Scenario
from edgekit.core.weighing import Advice, Alternative, Bar, Criterion, Curve, Gate, Worth
from edgekit.core.weighing import Side as Side  # noqa: PLC0414  (its readers find it here)


class Slot(StrEnum):
    """Name one part of the life cycle that may be counted."""

    INFERENCE_DEVICE = "inference_device"
    INFERENCE_CLOUD = "inference_cloud"
    HOST = "host"
    NETWORK = "network"
    RADIO = "radio"
    COOLING = "cooling"
    IDLE = "idle"
    TRAINING = "training"
    MANUFACTURING = "manufacturing"
    STORAGE = "storage"
    UPDATES = "updates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Hold one published number in base units (`unit`), with its range where the source states one, and how it was printed there.

    `evidence` is "read" (in the source itself), "abstract" (summary or press text), "derived" (computed from the two before) or "user".
    """

    id: str
    value: float
    low: float | None
    high: float | None
    unit: str
    shown: str
    year: int
    scope: str
    source: str
    licence: str
    evidence: str
    stale: bool = False  # older than 24 months at the report's date


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Hold one line of what was assumed: its name, its value as text, and its source ("user", "default", "derived", a constant id)."""

    name: str
    value: str
    source: str
    detail: str = ""


class SlotState(StrEnum):
    """Name how the figure of a slot came about, after the report template of ISO/IEC 21031."""

    MEASURED = "measured"
    MODELED = "modeled"
    SOURCED = "sourced"
    NOT_INCLUDED = "not included"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEntry:
    """Hold one life-cycle slot of one side per inference; `energy_j` is Unknown, with the reason, where it is not included.

    `co2e_kg` stands beside it, and where a slot is carbon and not metered energy (manufacturing), alone. `state` follows from the origins.
    """

    slot: Slot
    side: Side
    energy_j: Quantity
    how: str = ""
    evidence: tuple[str, ...] = ()
    co2e_kg: Quantity | None = None
    state: SlotState = SlotState.NOT_INCLUDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Hold what one functional unit costs one side, each figure on an axis of its own; all carbon but `market_kg` is location-based.

    `sci_kg` is (E x I + M) / R after ISO/IEC 21031:2024: `operational_kg` and `embodied_kg` added. `marginal_kg` stands where the user gave
    marginal grid factors, `market_kg` where market-based ones; neither feeds the SCI. `power_w` is the mean power of one device or, in the
    cloud, of all that serves it: for streaming products the figure that counts.
    """

    side: Side
    energy_j: Quantity
    operational_kg: Quantity
    embodied_kg: Quantity
    sci_kg: Quantity
    marginal_kg: Quantity
    market_kg: Quantity
    water_l: Quantity
    money: Quantity
    latency_s: Quantity
    power_w: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Hold one combination of accounting conventions and the outcome under it.

    `p_edge` is the probability that the device uses less energy; `ratio` is cloud over device. `grid` ("average" or "marginal") is empty
    where no grid factor is known; `p_edge_carbon` is None there, else the probability that the device causes less carbon.
    """

    network: str
    device: str
    cloud: str
    primary: bool
    p_edge: Quantity
    edge_j: Quantity
    cloud_j: Quantity
    ratio: Quantity
    grid: str = ""
    p_edge_carbon: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Hold one run as a candidate of its side: joules as metered, and why it was or was not chosen.

    `cause` groups the reasons why runs are left out ("accuracy unknown"); it is empty for eligible ones.
    """

    run: str
    side: Side
    artifact: str
    recipe: str
    batch: int
    energy_j: Quantity
    chosen: bool
    eligible: bool
    reason: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Hold one value at which the answer turns: in closed form (`value`) and as found by bisection (`numeric`), in `unit`.

    `low` and `high` hold 95 % of those draws that turn at all, `share` says how many do; `stated` is where the scenario stands.
    """

    name: str
    value: float | None
    numeric: float | None
    unit: str
    text: str
    low: float | None = None
    high: float | None = None
    share: float | None = None
    stated: float | None = None


class VerdictKind(StrEnum):
    """Name the four good answers."""

    EDGE = "edge (robust)"
    CLOUD = "cloud (robust)"
    DEPENDS = "depends"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold the answer: a short headline, one sentence for a manager, its regime, the condition that flips it, and what to measure next."""

    kind: VerdictKind
    headline: str
    sentence: str
    regime: str
    condition: str
    next_measurement: str | None = None
    commands: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Hold what one side uses over one period in the primary view."""

    period: str
    side: Side
    inferences: float
    energy_j: Quantity
    co2e_kg: Quantity
    money: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """Hold how much of the spread of the cloud/device ratio one input explains (squared rank correlation), and what would shrink it."""

    input: str
    share: float
    shrink: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Hold the whole decision; `draws` and `seed` reproduce its Monte Carlo figures."""

    SCHEMA: ClassVar[str] = "edgekit.decision/1"

    model: str
    family: str
    scenario: Scenario
    verdict: Verdict
    options: tuple[Option, ...]
    slots: tuple[SlotEntry, ...]
    views: tuple[View, ...]
    flips: tuple[Flip, ...]
    totals: tuple[Total, ...]
    influences: tuple[Influence, ...]
    assumptions: tuple[Assumption, ...]
    constants: tuple[Constant, ...]
    evidence: tuple[str, ...]
    draws: int
    seed: int
    notes: tuple[Note, ...] = field(default=())
    accounts: tuple[Account, ...] = ()
    gates: tuple[Gate, ...] = ()
    tornado: tuple[Bar, ...] = ()
    worth: tuple[Worth, ...] = ()
    advice: tuple[Advice, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    curves: tuple[Curve, ...] = ()
    criteria: tuple[Criterion, ...] = ()
