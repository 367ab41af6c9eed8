"""Account for one inference on every axis beside joules: carbon, water, money, time and mean power, each side on its own. Pure.

carbon  operational = E x I (location-based), SCI = (E x I + M) / R; market-based factors stand beside it and never feed it
water   E_IT x WUE + E_facility x EWIF: WUE is litres per joule of IT equipment, so PUE reaches water through the power stations alone
money   device: its price over its life, its yearly costs, its electricity; cloud: GPU time or requests, and moving the data
time    device: p99, and the wake-up where it is woken; cloud: p99, batch, round trip, waiting, and cold starts more than 1 % meet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit.core.decision import Account, Constant, Price, Scenario, Side, Slot, SlotEntry
from edgekit.core.quantity import Estimate, Note, Origin, Quantity, Unknown, merge_origins
from edgekit.core.run import RunRecord
from edgekit.core.units import Unit
from edgekit.decision import embodied
from edgekit.decision.accounting import ON_THE_WAY, Usage
from edgekit.decision.totals import YEAR_S, carbon_of, gpu_money, money_unit, priced, scaled

Factors = tuple[float | None, float | None]  # of the device's place and of the side's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Hold what accounts are made from: the scenario, the constants, the chosen runs, the usage, and the slots of the primary view."""

    scenario: Scenario
    constants: Mapping[str, Constant]
    use: Usage | None
    slots: Sequence[SlotEntry]
    device: RunRecord | None
    cloud: RunRecord | None
    gpu_s_paid: Estimate | None


def accounts(books: Books, sides: Mapping[Side, Quantity]) -> tuple[Account, ...]:
    """Return one account for each side whose energy was asked for."""
    return tuple(account(side, energy, books) for side, energy in sides.items())


def account(side: Side, energy: Quantity, books: Books) -> Account:
    """Return the account of one side per inference; what is not known says why and is never 0."""
    s = books.scenario
    operational = carbon_of(s, books.constants, side, energy, tuple(books.slots))
    making = making_of(side, books).co2e_kg
    marginal = (s.device_grid_marginal_kg_per_j, s.cloud_grid_marginal_kg_per_j if side is Side.CLOUD else s.device_grid_marginal_kg_per_j)
    market = (s.device_grid_market_kg_per_j, s.cloud_grid_market_kg_per_j if side is Side.CLOUD else s.device_grid_market_kg_per_j)
    return Account(
        side=side,
        energy_j=energy,
        operational_kg=operational,
        embodied_kg=making,
        sci_kg=sci(operational, making),
        marginal_kg=_at_places(side, energy, books, marginal, "kg", "marginal grid factors"),
        market_kg=_at_places(side, energy, books, market, "kg", "market-based grid factors"),
        water_l=water(side, energy, books),
        money=money(side, energy, books),
        latency_s=latency(side, books),
        power_w=scaled(energy, s.rate_per_s * (s.fleet if side is Side.CLOUD else 1), "W"),
    )


def making_of(side: Side, books: Books) -> embodied.Making:
    """Return the carbon of making the hardware of one side, per inference."""
    if side is Side.DEVICE:
        return embodied.of_device(books.scenario, books.constants)
    if books.use is None or books.cloud is None:
        return embodied.Making(co2e_kg=Unknown(reason="no pair of runs qualifies", unit="kg"))
    return embodied.of_cloud(books.scenario, books.constants, books.use)


def sci(operational: Quantity, making: Quantity) -> Quantity:
    """Return (E x I + M) per inference in kg; Unknown where either is, because a score without M is not the SCI."""
    for part, name in ((operational, "E x I"), (making, "M")):
        if isinstance(part, Unknown):
            return Unknown(reason=f"{name} is not included: {part.reason}", unit="kg")
    return _sum([operational, making], "kg")


def water(side: Side, energy: Quantity, books: Books) -> Quantity:
    """Return litres per inference: WUE on the joules of the IT equipment, EWIF on all joules; PUE is counted once."""
    s = books.scenario
    if isinstance(energy, Unknown):
        return Unknown(reason=energy.reason, unit="L")
    if side is Side.DEVICE:
        if s.device_ewif_l_per_j is None:
            return Unknown(reason="the scenario gives no device.ewif", unit="L")
        return scaled(energy, s.device_ewif_l_per_j, "L", (Origin.SOURCED,))
    if s.cloud_wue_l_per_j is None or s.cloud_ewif_l_per_j is None:
        return Unknown(reason="the scenario gives no cloud.wue and cloud.ewif", unit="L")
    on_the_way = any(entry.side is side and entry.slot in ON_THE_WAY and isinstance(entry.energy_j, Estimate) for entry in books.slots)
    if on_the_way and s.device_ewif_l_per_j is None:
        return Unknown(reason="the scenario gives no device.ewif, which counts the network's electricity", unit="L")
    parts: list[Quantity] = []
    for entry in books.slots:
        if entry.side is not side or isinstance(entry.energy_j, Unknown):
            continue
        at_device, facility = entry.slot in ON_THE_WAY, entry.slot is Slot.COOLING
        per_j = (s.device_ewif_l_per_j or 0.0) if at_device else s.cloud_ewif_l_per_j + (0.0 if facility else s.cloud_wue_l_per_j)
        parts.append(scaled(entry.energy_j, per_j, "L", (Origin.SOURCED,)))
    return _sum(parts, "L")


def money(side: Side, energy: Quantity, books: Books) -> Quantity:
    """Return the money of one inference in the currency of the side's prices; Unknown without its main price."""
    s = books.scenario
    if isinstance(energy, Unknown):
        return Unknown(reason=energy.reason, unit="EUR")
    parts: list[Quantity] = []
    if side is Side.DEVICE:
        if s.price_electricity is None:
            return Unknown(reason="the scenario gives no prices.electricity", unit="EUR")
        parts.append(priced(energy, s.price_electricity))
        share = (s.device_share or 1.0) if s.device_role == "shared" else 1.0
        if s.price_device is not None and s.device_role != "exists_anyway":
            parts.append(_exact(s.price_device, share / (s.rate_per_s * s.lifetime_s)))
        if s.price_device_year is not None:
            parts.append(_exact(s.price_device_year, share / (s.rate_per_s * YEAR_S)))
        return _sum(parts, parts[0].unit)
    if s.price_request is None and s.price_gpu is None:
        return Unknown(reason="the scenario gives neither prices.gpu_hour nor prices.request", unit="USD")
    parts.append(_exact(s.price_request, 1.0) if s.price_request is not None else gpu_money(s, books.gpu_s_paid))
    if isinstance(parts[0], Unknown):
        return parts[0]
    if s.price_data is not None and books.use is not None:
        parts.append(_exact(s.price_data, books.use.payload_bytes))
    left_out = "" if s.price_data is not None else "no data transfer, "
    found = _sum(parts, parts[0].unit)
    return replace(found, notes=(Note(code="money.cloud", text=f"rent alone: {left_out}no people"),))


def latency(side: Side, books: Books) -> Quantity:
    """Return seconds until 99 of 100 answers are there; Unknown in the cloud without radio.round_trip."""
    s, run = books.scenario, books.device if side is Side.DEVICE else books.cloud
    if run is None or run.analysis is None:
        return Unknown(reason=f"no {side.value} run qualifies", unit="s")
    p99 = run.analysis.latency_p99_s
    if isinstance(p99, Unknown):
        return p99
    if side is Side.DEVICE:
        woken = s.device_power in ("woken", "deep_sleep")
        if woken and s.wake_s is None:
            return Unknown(reason="the scenario gives no device.wake_time", unit="s")
        return _later(p99, s.wake_s or 0.0 if woken else 0.0)
    if s.round_trip_s is None or books.use is None:
        return Unknown(reason="the scenario gives no radio.round_trip", unit="s")
    cold = s.cold_start_s or 0.0 if (s.cold_share or 0.0) > 0.01 else 0.0
    batch = (run.plan.batch - 1) / books.use.service_rate_per_s
    return _later(p99, s.round_trip_s + (s.cloud_time_s or 0.0) + cold + batch)


def _at_places(side: Side, energy: Quantity, books: Books, factors: Factors, unit: Unit, words: str) -> Quantity:
    """Return the slots of one side, each times the factor of the place where its electricity is bought."""
    device, own = factors
    if isinstance(energy, Unknown):
        return Unknown(reason=energy.reason, unit=unit)
    if device is None or own is None:
        return Unknown(reason=f"the scenario gives no {words} for {'both sides' if side is Side.CLOUD else 'the device'}", unit=unit)
    entries = [entry for entry in books.slots if entry.side is side and isinstance(entry.energy_j, Estimate)]
    parts = [scaled(entry.energy_j, device if entry.slot in ON_THE_WAY else own, unit, (Origin.SOURCED,)) for entry in entries]
    return _sum(parts, unit)


def _exact(price: Price, count: float) -> Quantity:
    value = price.amount * count
    return Estimate(value=value, low=value, high=value, unit=money_unit(price), origins=(Origin.SOURCED,))


def _later(time: Estimate, seconds: float) -> Estimate:
    origins = merge_origins(time.origins, (Origin.SOURCED,)) if seconds else time.origins
    return replace(time, value=time.value + seconds, low=time.low + seconds, high=time.high + seconds, origins=origins, budget=())


def _sum(parts: Sequence[Quantity], unit: Unit) -> Estimate:
    """Return the sum of known parts; their intervals are added, which states at least enough."""
    known = [part for part in parts if isinstance(part, Estimate)]
    value, low, high = (sum(getattr(part, name) for part in known) for name in ("value", "low", "high"))
    return Estimate(value=value, low=low, high=high, unit=unit, origins=merge_origins(*(part.origins for part in known)))
