"""List every line a scenario may hold: its key, what it measures, its default, and a correct example to paste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "choice", "quantity", "ratio", "count", "price", "date", "region"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Describe one line: dotted `key` in the file, `attribute` of Scenario, `unit` (pint) and limits of its number.

    `minimum` may be reached only where `closed` is True. `default` is the attribute's value when the line is absent.
    """

    key: str
    attribute: str
    kind: Kind
    example: str
    about: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    minimum: float = 0.0
    closed: bool = False
    maximum: float | None = None
    default: str | float | int | None = None


FIELDS: tuple[Field, ...] = (
    Field(key="name", attribute="name", kind="text", example='"shop counter"', about="what the product is", default="default scenario"),
    Field(
        key="rate",
        attribute="rate_per_s",
        kind="quantity",
        unit="inference/s",
        example='"1 inference/s"',
        about="how often one device infers",
        default=1.0,
    ),
    Field(
        key="inferences_per_day",
        attribute="rate_per_s",
        kind="count",
        example="86400",
        about="how often one device infers, per day",
        minimum=0,
    ),
    Field(
        key="payload_up",
        attribute="payload_up_bytes",
        kind="quantity",
        unit="byte",
        example='"120 kB"',
        about="what one inference sends to the cloud",
        closed=True,
    ),
    Field(
        key="payload",
        attribute="payload_up_bytes",
        kind="quantity",
        unit="byte",
        example='"120 kB"',
        about="what one inference sends to the cloud",
        closed=True,
    ),
    Field(
        key="payload_down",
        attribute="payload_down_bytes",
        kind="quantity",
        unit="byte",
        example='"200 B"',
        about="what one inference gets back",
        closed=True,
    ),
    Field(
        key="network",
        attribute="network",
        kind="choice",
        choices=("fixed", "mobile", "ble", "none"),
        example='"fixed"',
        about="how the device reaches the cloud",
        default="fixed",
    ),
    Field(key="fleet", attribute="fleet", kind="count", example="100", about="how many devices are in use", default=1),
    Field(
        key="lifetime",
        attribute="lifetime_s",
        kind="quantity",
        unit="second",
        example='"4 years"',
        about="how long the product is in service",
    ),
    Field(
        key="accuracy_floor", attribute="accuracy_floor", kind="ratio", example='"95 %"', about="the accuracy that must be met", maximum=1.0
    ),
    Field(
        key="latency_limit",
        attribute="latency_limit_s",
        kind="quantity",
        unit="second",
        example='"50 ms"',
        about="how long an answer may take (p99)",
    ),
    Field(
        key="device.role",
        attribute="device_role",
        kind="choice",
        choices=("exists_anyway", "dedicated"),
        example='"exists_anyway"',
        about="whether the device runs anyway or only for this",
        default="exists_anyway",
    ),
    Field(key="device.region", attribute="device_region", kind="region", example='"DE"', about="the country whose grid feeds the device"),
    Field(
        key="device.grid",
        attribute="device_grid_kg_per_j",
        kind="quantity",
        unit="kgCO2e/joule",
        example='"381 gCO2e/kWh"',
        about="the carbon intensity at the device",
        closed=True,
    ),
    Field(
        key="device.psu_efficiency",
        attribute="psu_efficiency",
        kind="ratio",
        example='"85 %"',
        about="what the charger delivers of what it draws",
        maximum=1.0,
    ),
    Field(
        key="cloud.region", attribute="cloud_region", kind="region", example='"NL"', about="the country whose grid feeds the data centre"
    ),
    Field(
        key="cloud.grid",
        attribute="cloud_grid_kg_per_j",
        kind="quantity",
        unit="kgCO2e/joule",
        example='"268 gCO2e/kWh"',
        about="the carbon intensity at the data centre",
        closed=True,
    ),
    Field(
        key="cloud.shape",
        attribute="cloud_shape",
        kind="choice",
        choices=("shared", "dedicated"),
        example='"shared"',
        about="a shared pool or GPUs reserved for this",
        default="shared",
    ),
    Field(
        key="cloud.facility",
        attribute="cloud_facility",
        kind="choice",
        choices=("hyperscale", "industry"),
        example='"hyperscale"',
        about="which published PUE holds when none is stated",
        default="hyperscale",
    ),
    Field(
        key="cloud.pue",
        attribute="cloud_pue",
        kind="ratio",
        example="1.2",
        about="the power usage effectiveness of the data centre",
        minimum=1.0,
        closed=True,
    ),
    Field(key="cloud.batch", attribute="cloud_batch", kind="count", example="8", about="how many requests the GPU takes at once"),
    Field(
        key="cloud.request_rate",
        attribute="cloud_request_rate_per_s",
        kind="quantity",
        unit="inference/s",
        example='"200 inference/s"',
        about="requests of all users of a dedicated service",
    ),
    Field(
        key="cloud.utilisation",
        attribute="cloud_utilisation",
        kind="ratio",
        example='"25 %"',
        about="how busy a dedicated GPU is",
        maximum=1.0,
    ),
    Field(
        key="prices.electricity",
        attribute="price_electricity",
        kind="price",
        unit="joule",
        example='"0.29 EUR/kWh"',
        about="the price of electricity at the device",
    ),
    Field(
        key="prices.gpu_hour",
        attribute="price_gpu",
        kind="price",
        unit="s",
        example='"2.5 USD/h"',
        about="the price of one rented GPU",
    ),
    Field(key="prices.date", attribute="price_date", kind="date", example='"2026-05-01"', about="the day the prices were valid"),
)
