"""Describe a deployment decision: how the product is used, what each side costs under each convention, and what follows.

Every number of a Decision comes from a run id, a constant id or a line of the scenario; what is not counted says so with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from edgekit.core.quantity import Note, Quantity


class Side(StrEnum):
    """Name the place where an inference runs."""

    DEVICE = "device"
    CLOUD = "cloud"
    BOTH = "both"


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
class Price:
    """Hold what a unit costs: `amount` in `currency` per joule (electricity) or per second (rented hardware)."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Hold how a product is used, in base units. None means "not stated". `given` lists the keys that the user wrote.

    Rates are inferences per second; `rate_per_s` is per device, `cloud_request_rate_per_s` over the whole cloud service.
    """

    name: str
    rate_per_s: float
    fleet: int
    lifetime_s: float
    network: str
    device_role: str
    cloud_shape: str
    cloud_facility: str
    payload_up_bytes: float | None = None
    payload_down_bytes: float | None = None
    accuracy_floor: float | None = None
    latency_limit_s: float | None = None
    device_region: str | None = None
    device_grid_kg_per_j: float | None = None
    psu_efficiency: float | None = None
    cloud_region: str | None = None
    cloud_grid_kg_per_j: float | None = None
    cloud_pue: float | None = None
    cloud_batch: int | None = None
    cloud_request_rate_per_s: float | None = None
    cloud_utilisation: float | None = None
    price_electricity: Price | None = None
    price_gpu: Price | None = None
    price_date: str | None = None
    given: tuple[str, ...] = ()
    source: str = "default scenario"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Hold one published number in base units (`unit`), with its range where the source states one, and how it was printed there.

    `evidence` is "read" (in the source itself), "abstract" (summary or press text) or "derived" (computed from the two before).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Hold one line of what was assumed: its name, its value as text, and its source ("user", "default", "derived", a constant id)."""

    name: str
    value: str
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEntry:
    """Hold one life-cycle slot of one side per inference; `energy_j` is Unknown, with the reason, where it is not included."""

    slot: Slot
    side: Side
    energy_j: Quantity
    how: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Hold one combination of accounting conventions and the outcome under it.

    `p_edge` is the probability that the device uses less energy; `ratio` is cloud over device.
    """

    network: str
    device: str
    cloud: str
    primary: bool
    p_edge: Quantity
    edge_j: Quantity
    cloud_j: Quantity
    ratio: Quantity


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
    """Hold one value at which the answer turns: in closed form (`value`) and as found by bisection (`numeric`), in `unit`."""

    name: str
    value: float | None
    numeric: float | None
    unit: str
    text: str


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
