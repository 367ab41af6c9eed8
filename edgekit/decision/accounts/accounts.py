"""Account for one inference on every axis beside joules: carbon, water, money, time and mean power, each side on its own. Pure.

carbon  operational = E x I (location-based), SCI = (E x I + M) / R; market-based factors stand beside it and never feed it
water   E_IT x WUE + E_facility x EWIF: WUE is litres per joule of IT equipment, so PUE reaches water through the power stations alone
money   device: its price over its life, its yearly costs, its electricity; cloud: GPU time or requests, and moving the data
time    device: p99, and the wake-up where it is woken; cloud: p99, batch, round trip, waiting, and cold starts more than 1 % meet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgekit.core.decision import Account, Constant, Side, Slot
from edgekit.core.quantity import Note, Origin, Quantity, Unknown, merge_origins
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts import answering, embodied, money
from edgekit.decision.accounts.energy import ON_THE_WAY, Convention, Usage
from edgekit.decision.accounts.ledger import Ledger, Page
from edgekit.decision.accounts.tally import Tally, of_slots
from edgekit.decision.accounts.totals import grid_of, scaled

Factors = tuple[float | None, float | None]  # of the device's place and of the side's own
_GRID_EXACT = Note(code="carbon.grid", text="the interval is that of the energy: yearly country factors state no range")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Hold what accounts are made from: the scenario, the constants, the chosen runs, and the ledger with the view that is shown."""

    scenario: Scenario
    constants: Mapping[str, Constant]
    device: RunRecord | None
    cloud: RunRecord | None
    making: Mapping[Side, embodied.Making]
    ledger: Ledger | None
    view: Convention | None


def accounts(books: Books, sides: Mapping[Side, Quantity]) -> tuple[Account, ...]:
    """Return one account for each side whose energy was asked for."""
    return tuple(account(side, energy, books) for side, energy in sides.items())


def account(side: Side, energy: Quantity, books: Books) -> Account:
    """Return the account of one side per inference; what is not known says why and is never 0.

    All figures of a side are made of the same draws, so that the interval of a sum is that of the sum.
    """
    s, making = books.scenario, books.making[side]
    page = _page(side, energy, books)
    here, there = grid_of(s, books.constants, Side.DEVICE), grid_of(s, books.constants, side)
    reason = here[1] if here[0] is None else there[1]
    operational = _carbon(page, (here[0], there[0]), reason)
    cloud = side is Side.CLOUD
    marginal = (s.device_grid_marginal_kg_per_j, s.cloud_grid_marginal_kg_per_j if cloud else s.device_grid_marginal_kg_per_j)
    market = (s.device_grid_market_kg_per_j, s.cloud_grid_market_kg_per_j if cloud else s.device_grid_market_kg_per_j)
    whose = "both sides" if cloud else "the device"
    return Account(
        side=side,
        energy_j=energy,
        operational_kg=_shown(operational, page, (_GRID_EXACT,)),
        embodied_kg=making.co2e_kg,
        sci_kg=_sci(operational, making, page),
        marginal_kg=_shown(_carbon(page, marginal, f"the scenario gives no marginal grid factors for {whose}"), page),
        market_kg=_shown(_carbon(page, market, f"the scenario gives no market-based grid factors for {whose}"), page),
        water_l=_water(side, page, s),
        money=_money(side, page, books),
        latency_s=latency(side, books),
        power_w=scaled(energy, s.rate_per_s * (s.fleet if cloud else 1), "W"),
    )


def making_of(
    side: Side, scenario: Scenario, constants: Mapping[str, Constant], use: Usage | None, *, draws: int, seed: int
) -> embodied.Making:
    """Return the carbon of making the hardware of one side, per inference."""
    if side is Side.DEVICE:
        return embodied.of_device(scenario, constants, draws=draws, seed=seed)
    if use is None or use.gpu_s <= 0:
        return embodied.Making(co2e_kg=Unknown(reason="no pair of runs qualifies", unit="kg"))
    return embodied.of_cloud(scenario, constants, use, draws=draws, seed=seed)


def _page(side: Side, energy: Quantity, books: Books) -> Page | Unknown:
    """Return the page of the view that is shown; Unknown where the side's own energy is."""
    if isinstance(energy, Unknown):
        return energy
    assert books.ledger is not None
    assert books.view is not None
    return books.ledger.device(books.view) if side is Side.DEVICE else books.ledger.cloud(books.view)


def _carbon(page: Page | Unknown, factors: Factors, reason: str) -> Tally | Unknown:
    """Return kg CO2e: each slot times the factor of the place where its electricity is bought."""
    device, own = factors
    if isinstance(page, Unknown):
        return Unknown(reason=page.reason, unit="kg")
    if device is None or own is None:
        return Unknown(reason=reason, unit="kg")
    return of_slots(page, lambda slot: device if slot in ON_THE_WAY else own)


def _shown(found: Tally | Unknown, page: Page | Unknown, notes: tuple[Note, ...] = ()) -> Quantity:
    if isinstance(found, Unknown) or isinstance(page, Unknown):
        assert isinstance(found, Unknown)
        return found
    return found.estimate("kg", quality=page.energy_j.quality, notes=(*page.energy_j.notes, *notes))


def _sci(operational: Tally | Unknown, making: embodied.Making, page: Page | Unknown) -> Quantity:
    """Return (E x I + M) per inference in kg; Unknown where either is, because a score without M is not the SCI."""
    if isinstance(operational, Unknown):
        return Unknown(reason=f"E x I is not included: {operational.reason}", unit="kg")
    if making.tally is None:
        reason = making.co2e_kg.reason if isinstance(making.co2e_kg, Unknown) else "not counted"
        return Unknown(reason=f"M is not included: {reason}", unit="kg")
    return _shown(operational + making.tally, page)


def _water(side: Side, page: Page | Unknown, s: Scenario) -> Quantity:
    """Return litres per inference: WUE on the joules of the IT equipment, EWIF on all joules; PUE is counted once."""
    if isinstance(page, Unknown):
        return Unknown(reason=page.reason, unit="L")
    at_device = s.device_ewif_l_per_j
    if side is Side.DEVICE:
        if at_device is None:
            return Unknown(reason="the scenario gives no device.ewif", unit="L")
        return of_slots(page, lambda _: at_device).estimate("L", quality=page.energy_j.quality, notes=page.energy_j.notes)
    wue, ewif = s.cloud_wue_l_per_j, s.cloud_ewif_l_per_j
    if wue is None or ewif is None:
        return Unknown(reason="the scenario gives no cloud.wue and cloud.ewif", unit="L")
    if at_device is None and any(slot in ON_THE_WAY for slot in page.stated):
        return Unknown(reason="the scenario gives no device.ewif, which counts the network's electricity", unit="L")

    def per_j(slot: Slot) -> float:
        return (at_device or 0.0) if slot in ON_THE_WAY else ewif + (0.0 if slot is Slot.COOLING else wue)

    return of_slots(page, per_j).estimate("L", quality=page.energy_j.quality, notes=page.energy_j.notes)


def _money(side: Side, page: Page | Unknown, books: Books) -> Quantity:
    """Return the money of one inference in the currency of the side's prices; Unknown without its main price."""
    if isinstance(page, Unknown):
        return Unknown(reason=page.reason, unit="EUR")
    assert books.ledger is not None
    assert books.view is not None
    of = money.on_device if side is Side.DEVICE else money.in_cloud
    return money.shown(of(books.view, books.ledger, books.scenario))


def latency(side: Side, books: Books) -> Quantity:
    """Return seconds until 99 of 100 answers are there; Unknown in the cloud without radio.round_trip."""
    s, run = books.scenario, books.device if side is Side.DEVICE else books.cloud
    if run is None or run.analysis is None:
        return Unknown(reason=f"no {side.value} run qualifies", unit="s")
    p99 = run.analysis.latency_p99_s
    if isinstance(p99, Unknown):
        return p99
    if side is Side.CLOUD and s.round_trip_s is None:
        return Unknown(reason="the scenario gives no radio.round_trip", unit="s")
    added = answering.beside_s(side, s, run)
    if isinstance(added, Unknown):
        return added
    origins = merge_origins(p99.origins, (Origin.SOURCED,)) if added else p99.origins
    return replace(p99, value=p99.value + added, low=p99.low + added, high=p99.high + added, origins=origins, budget=())
