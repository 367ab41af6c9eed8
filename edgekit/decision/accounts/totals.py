"""Scale one inference to a day, a year and a million inferences: energy, location-based carbon, and money where prices are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgekit.core.decision import Account, Constant, Side, SlotEntry, Total
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown, merge_origins
from edgekit.core.scenario import Price, Scenario
from edgekit.core.units import Unit
from edgekit.decision.accounts.energy import ON_THE_WAY

_DAY_S = 86_400.0
YEAR_S = 365.25 * _DAY_S


def totals(scenario: Scenario, accounts: Sequence[Account]) -> tuple[Total, ...]:
    """Return what each account comes to in a day, in a year and over a million inferences, of the whole fleet."""
    fleet_rate = scenario.rate_per_s * scenario.fleet
    periods = {"day": fleet_rate * _DAY_S, "year": fleet_rate * YEAR_S, "million inferences": 1e6}
    return tuple(
        Total(
            period=period,
            side=account.side,
            inferences=count,
            energy_j=scaled(account.energy_j, count),
            co2e_kg=scaled(account.operational_kg, count),
            money=scaled(account.money, count),
        )
        for account in accounts
        for period, count in periods.items()
    )


def scaled(quantity: Quantity, factor: float, unit: Unit | None = None, origins: tuple[Origin, ...] = ()) -> Quantity:
    """Return a quantity times an exact positive factor, in another unit where one is given, with `origins` added."""
    if isinstance(quantity, Unknown):
        return quantity if unit is None else replace(quantity, unit=unit, boundary=None)
    return Estimate(
        value=quantity.value * factor,
        low=quantity.low * factor,
        high=quantity.high * factor,
        unit=unit or quantity.unit,
        boundary=quantity.boundary if unit is None or unit == quantity.unit else None,
        origins=merge_origins(quantity.origins, origins),
        level=quantity.level,
        quality=quantity.quality,
        notes=quantity.notes,
    )


def priced(quantity: Quantity, price: Price) -> Quantity:
    """Return what a quantity costs at a price per unit of it, in the price's currency."""
    return scaled(quantity, price.amount, money_unit(price), (Origin.SOURCED,))


def money_unit(price: Price) -> Unit:
    """Return the unit of a price's currency."""
    return "EUR" if price.currency == "EUR" else "USD"


def grid_of(scenario: Scenario, constants: Mapping[str, Constant], side: Side) -> tuple[float | None, str]:
    """Return (kg CO2e per joule, its source) at one side, by the scenario's view of the grid; None with the reason when it states none."""
    if scenario.grid_view == "marginal":
        marginal = scenario.device_grid_marginal_kg_per_j if side is Side.DEVICE else scenario.cloud_grid_marginal_kg_per_j
        return marginal, "user"
    return average_grid(scenario, constants, side)


def average_grid(scenario: Scenario, constants: Mapping[str, Constant], side: Side) -> tuple[float | None, str]:
    """Return (kg CO2e per joule, its source) of the mean grid at one side; None with the reason when the scenario names no region."""
    stated = scenario.device_grid_kg_per_j if side is Side.DEVICE else scenario.cloud_grid_kg_per_j
    region = scenario.device_region if side is Side.DEVICE else scenario.cloud_region
    if stated is not None:
        return stated, "user"
    if region is not None:
        return constants[f"grid_{region}"].value, f"grid_{region}"
    return None, f"the scenario names no {side.value}.region"


def carbon_of(scenario: Scenario, constants: Mapping[str, Constant], side: Side, entry: SlotEntry) -> Quantity:
    """Return location-based kg CO2e of one slot of one side: its joules times the factor of the place where its electricity is bought."""
    grid, source = grid_of(scenario, constants, Side.DEVICE if entry.slot in ON_THE_WAY else side)
    if isinstance(entry.energy_j, Unknown) or grid is None:
        reason = entry.energy_j.reason if isinstance(entry.energy_j, Unknown) else source
        return Unknown(reason=reason, unit="kg")
    return scaled(entry.energy_j, grid, "kg", (Origin.SOURCED,))
