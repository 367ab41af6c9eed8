"""Describe how a product is used, as its user states it: the lines of a scenario in base units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Hold what a unit costs: `amount` in `currency` per joule, second of rented hardware, byte, inference, year of a device, or device."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Hold one constant as the user states it in [constants]: in base units, and as it was written."""

    id: str
    value: float
    shown: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Hold the range that a line of the scenario states with its value, in base units; `key` is the line."""

    key: str
    low: float
    high: float


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
    active_s_per_day: float | None = None  # None: rate_per_s holds all day; else all inferences of a day fall into this time
    burst: int = 1  # inferences per burst: one wake-up, one radio session
    device_power: str = "always_on"  # always_on, woken, deep_sleep, streaming
    device_share: float | None = None  # of a shared device's idle time and hardware
    wake_j: float | None = None
    wake_s: float | None = None
    sleep_w: float | None = None
    radio: str | None = None  # wifi, ble, lora, lte-m, nb-iot, ethernet
    radio_session_j: float | None = None
    radio_j_per_byte: float | None = None
    lora_spreading_factor: int = 7
    round_trip_s: float | None = None
    cloud_time_s: float | None = None  # queueing and anything else a request waits for beside computing and the round trip
    cold_start_s: float | None = None
    cold_share: float | None = None
    grid_view: str = "average"
    grid_scope: str = "lca"
    device_grid_marginal_kg_per_j: float | None = None
    cloud_grid_marginal_kg_per_j: float | None = None
    device_grid_market_kg_per_j: float | None = None
    cloud_grid_market_kg_per_j: float | None = None
    cloud_wue_l_per_j: float | None = None
    cloud_ewif_l_per_j: float | None = None
    device_ewif_l_per_j: float | None = None
    device_hardware: str | None = None
    device_embodied_kg: float | None = None
    added_embodied_kg: float | None = None
    cloud_hardware: str | None = None
    cloud_embodied_kg: float | None = None
    cloud_lifetime_s: float | None = None
    price_device: Price | None = None
    price_device_year: Price | None = None
    price_data: Price | None = None
    price_request: Price | None = None
    offline: bool = False
    privacy: str = "none"  # none, region (data may not leave the device's region), device (raw data stays on the device)
    ota_bytes: float | None = None
    ota_per_year: float | None = None
    federated_bytes: float | None = None
    federated_rounds_per_year: float | None = None
    federated_round_j: float | None = None
    retraining_j: float | None = None
    retrainings_per_year: float | None = None
    training_j: float | None = None
    storage_s: float | None = None
    storage_w_per_byte: float | None = None
    overrides: tuple[Override, ...] = ()
    ranges: tuple[Range, ...] = ()
