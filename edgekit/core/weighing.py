"""Describe how a decision was weighed: what rules a side out, what turns the answer, what to measure, and what would save joules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgekit.core.quantity import Quantity


class Side(StrEnum):
    """Name the place where an inference runs."""

    DEVICE = "device"
    CLOUD = "cloud"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Hold one condition that a side must meet whatever it costs; `passed` is None where nothing is known of it, and `why` says so.

    `name` is "memory", "latency", "accuracy", "rate", "batch", "radio airtime", "offline" or "privacy".
    """

    name: str
    side: Side
    passed: bool | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Hold one bar of the tornado: one input moved from low to high while all others stay as stated, and cloud over device at each end.

    `low` and `high` are in `unit`, base units; a convention has no number, and `low_text` and `high_text` name its two ends.
    `flips` is True where the two ends give different answers; `at` is then the input's value at which they turn, None where it has none.
    """

    input: str
    low: float | None
    high: float | None
    unit: str
    low_text: str
    high_text: str
    ratio_low: float
    ratio_high: float
    flips: bool
    at: float | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Hold what knowing one input exactly would be worth to the decision.

    `changes` is the probability that knowing it turns the answer; `regret_avoided_j` the joules per inference that are lost on average by
    deciding without it (the expected value of partial perfect information).
    """

    input: str
    changes: float
    regret_avoided_j: Quantity
    measure: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Hold one change that saves: joules per inference with their interval, the runs or figures it rests on, and its command.

    Where a change saves carbon and no energy (a region, an hour), `saves_kg` says how much per inference and `saves_j` is Unknown.
    """

    rank: int
    what: str
    side: Side
    saves_j: Quantity
    because: str
    command: str | None = None
    evidence: tuple[str, ...] = ()
    saves_kg: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Hold a third way beside device and cloud.

    A `cascade` answers on the device and sends on a share `value` of all inputs; a `split` computes features there and sends them, `value`
    bytes each. `band` is the range of `value` within which it takes less than either side alone; None where there is no such range.
    """

    kind: str
    name: str
    energy_j: Quantity
    value: float | None
    unit: str
    band: tuple[float, float] | None
    best: bool
    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Hold both sides over one input: `x` in `unit`, and joules per inference as (value, low, high) of 95 % at every x."""

    name: str
    unit: str
    x: tuple[float, ...]
    edge_j: tuple[tuple[float, float, float], ...]
    cloud_j: tuple[tuple[float, float, float], ...]
    stated: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """Hold the answer under one yardstick beside energy: which side, in how many views, and why not.

    `name` is "carbon of operation" (E x I), "carbon with making (SCI)" (E x I + M) or "money".
    """

    name: str
    answer: str
    p_edge: Quantity
    views: int
    for_edge: int
    for_cloud: int
    text: str
