"""List the lines of a scenario that say what stands around an inference: grids, water, hardware, prices, updates, training, storage."""

from __future__ import annotations

from edgekit.decision.scenario.field import Field, Kind


def _number(
    key: str, attribute: str, unit: str, example: str, about: str, *, kind: Kind = "quantity", closed: bool = True, ranged: bool = False
) -> Field:
    return Field(key=key, attribute=attribute, kind=kind, unit=unit, example=example, about=about, closed=closed, ranged=ranged)


_CARBON = "kgCO2e/joule"

_GRIDS = (
    Field(
        key="grid.view",
        attribute="grid_view",
        kind="choice",
        choices=("average", "marginal"),
        example='"average"',
        about="which factor counts the carbon of the primary view; marginal needs grid_marginal of both sides",
        default="average",
    ),
    Field(
        key="grid.scope",
        attribute="grid_scope",
        kind="choice",
        choices=("lca", "direct"),
        example='"lca"',
        about="what factors that you state hold: the whole life cycle of the power plants, or burning alone",
        default="lca",
    ),
    _number(
        "device.grid_marginal", "device_grid_marginal_kg_per_j", _CARBON, '"600 gCO2e/kWh"', "the marginal carbon intensity at the device"
    ),
    _number(
        "cloud.grid_marginal",
        "cloud_grid_marginal_kg_per_j",
        _CARBON,
        '"450 gCO2e/kWh"',
        "the marginal carbon intensity at the data centre",
    ),
    _number(
        "device.grid_market_based",
        "device_grid_market_kg_per_j",
        _CARBON,
        '"0 gCO2e/kWh"',
        "the carbon intensity of your contract at the device; shown apart, never part of the SCI",
    ),
    _number(
        "cloud.grid_market_based",
        "cloud_grid_market_kg_per_j",
        _CARBON,
        '"30 gCO2e/kWh"',
        "the carbon intensity of the provider's contracts; shown apart, never part of the SCI",
    ),
)
_WATER = (
    _number("cloud.wue", "cloud_wue_l_per_j", "litre/joule", '"0.3 L/kWh"', "water used on site per energy of the IT equipment (WUE)"),
    _number("cloud.ewif", "cloud_ewif_l_per_j", "litre/joule", '"1.8 L/kWh"', "water used to make the data centre's electricity (EWIF)"),
    _number("device.ewif", "device_ewif_l_per_j", "litre/joule", '"1.8 L/kWh"', "water used to make the device's electricity (EWIF)"),
)
_HARDWARE = (
    Field(
        key="device.hardware",
        attribute="device_hardware",
        kind="choice",
        choices=("sbc", "mcu"),
        example='"sbc"',
        about="which published figure holds for making the device: a single-board computer or a microcontroller node",
    ),
    _number(
        "device.embodied",
        "device_embodied_kg",
        "kgCO2e",
        '"9.5 kgCO2e (3.2 to 26.6)"',
        "the carbon of making one device; a range may follow",
        ranged=True,
    ),
    _number(
        "device.added_embodied",
        "added_embodied_kg",
        "kgCO2e",
        '"2 kgCO2e (1 to 4)"',
        "the carbon of making what was added to a device that exists anyway; a range may follow",
        ranged=True,
    ),
    Field(
        key="cloud.hardware",
        attribute="cloud_hardware",
        kind="choice",
        choices=("h100", "a100", "l4"),
        example='"h100"',
        about="which published figure holds for making one GPU; the share of its server is added",
    ),
    _number(
        "cloud.embodied",
        "cloud_embodied_kg",
        "kgCO2e",
        '"900 kgCO2e"',
        "the carbon of making one GPU and its share of the server; a range may follow",
        ranged=True,
    ),
    _number("cloud.lifetime", "cloud_lifetime_s", "second", '"4 years"', "how long a server is in service", closed=False),
)
_PRICES = (
    _number("prices.device", "price_device", "", '"60 EUR"', "one device and its installation", kind="price"),
    _number(
        "prices.device_year",
        "price_device_year",
        "year",
        '"12 EUR/year"',
        "running one device for a year: SIM, visits, maintenance",
        kind="price",
    ),
    _number("prices.data", "price_data", "byte", '"0.5 EUR/GB"', "moving data between device and cloud", kind="price"),
    _number(
        "prices.request",
        "price_request",
        "inference",
        '"0.00002 USD/inference"',
        "one request, where the cloud bills requests",
        kind="price",
    ),
)
_UPDATES = (
    _number("updates.ota_size", "ota_bytes", "byte", '"200 kB"', "one model update to one device"),
    _number("updates.ota_per_year", "ota_per_year", "1/year", '"12 /year"', "model updates a year"),
    _number("updates.federated_size", "federated_bytes", "byte", '"400 kB"', "what one device sends and gets in one federated round"),
    _number("updates.federated_rounds", "federated_rounds_per_year", "1/year", '"50 /year"', "federated rounds a year"),
    _number("updates.federated_energy", "federated_round_j", "joule", '"30 J"', "local training on one device in one federated round"),
    _number("updates.retraining_energy", "retraining_j", "joule", '"5 kWh"', "one central retraining"),
    _number("updates.retrainings", "retrainings_per_year", "1/year", '"4 /year"', "central retrainings a year"),
    _number("training.energy", "training_j", "joule", '"50 kWh"', "training the model once, spread over all inferences of its life"),
    _number("storage.retention", "storage_s", "second", '"30 days"', "how long the cloud keeps what one inference sends"),
    _number("storage.power", "storage_w_per_byte", "watt/byte", '"5 W/TB"', "what storing a byte draws, copies included"),
)

LIFECYCLE: tuple[Field, ...] = (*_GRIDS, *_WATER, *_HARDWARE, *_PRICES, *_UPDATES)
