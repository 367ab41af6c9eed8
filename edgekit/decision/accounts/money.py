"""Say what one inference costs on each side, at the stated values and in every draw. Pure.

device   the electricity it takes, its price over its life, its yearly costs, and moving its updates
cloud    GPU time or requests, moving the data, and the electricity of the device's radio

Nobody pays the network's electricity by the joule: it is in the price of data, where that is stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.decision import Slot
from edgekit.core.quantity import Estimate, Note, Quality, Quantity, Unknown
from edgekit.core.scenario import Price, Scenario
from edgekit.core.units import Unit
from edgekit.decision.accounts.energy import Convention
from edgekit.decision.accounts.ledger import Ledger
from edgekit.decision.accounts.tally import Tally, exact, of_inputs, of_slots
from edgekit.decision.accounts.totals import YEAR_S, money_unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_NO_TIME = "the cloud run does not say how long one inference takes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Hold what one inference costs, its currency, and what it leaves out."""

    tally: Tally
    unit: Unit
    quality: Quality = Quality.GOOD
    notes: tuple[Note, ...] = ()

    def estimate(self) -> Estimate:
        """Return the cost with its interval."""
        return self.tally.estimate(self.unit, quality=self.quality, notes=self.notes)


def shown(cost: Cost | Unknown) -> Quantity:
    """Return a cost as a quantity, or why it is unknown."""
    return cost if isinstance(cost, Unknown) else cost.estimate()


def on_device(view: Convention, ledger: Ledger, s: Scenario) -> Cost | Unknown:
    """Return what one inference costs on the device; Unknown without a price of electricity. Raises NotComputable."""
    if s.price_electricity is None:
        return Unknown(reason="the scenario gives no prices.electricity", unit="EUR")
    page, use = ledger.device(view), ledger.use
    found = of_slots(page, lambda _: 1.0) + _network_of_updates(view, ledger).times(-1.0)
    cost = found.times(s.price_electricity.amount)
    share = (s.device_share or 1.0) if s.device_role == "shared" else 1.0
    bought = s.device_role != "exists_anyway"
    if s.price_device is not None and bought:
        cost += exact(s.price_device.amount * share / (s.rate_per_s * s.lifetime_s))
    if s.price_device_year is not None:
        cost += exact(s.price_device_year.amount * share / (s.rate_per_s * YEAR_S))
    unit = money_unit(s.price_electricity)
    left_out = []
    if use.update_bytes_per_s and s.price_data is not None and money_unit(s.price_data) == unit:
        cost += exact(s.price_data.amount * use.update_bytes_per_s / s.rate_per_s)
    elif use.update_bytes_per_s:
        left_out.append("moving its updates")
    if s.price_device is not None and not bought:
        left_out.append("its price, for it exists anyway")
    elif s.price_device is None and bought:
        left_out.append("its price, which is not stated")
    notes = (Note(code="money.device", text=f"without {' and '.join(left_out)}"),) if left_out else ()
    return Cost(tally=cost, unit=unit, quality=ledger.quality, notes=(*page.energy_j.notes, *notes))


def in_cloud(view: Convention, ledger: Ledger, s: Scenario) -> Cost | Unknown:
    """Return what one inference costs in the cloud; Unknown without the price of a GPU or of a request. Raises NotComputable."""
    rent = s.price_request or s.price_gpu
    if rent is None:
        return Unknown(reason="the scenario gives neither prices.gpu_hour nor prices.request", unit="USD")
    if s.price_request is None and "cloud_s" not in ledger.x:
        return Unknown(reason=_NO_TIME, unit="USD")
    cost = exact(rent.amount) if s.price_request is not None else _gpu_s(view, ledger, s).times(rent.amount)
    unit, left_out = money_unit(rent), []
    if s.price_data is not None and view.network != "none":
        cost += exact(s.price_data.amount * ledger.use.payload_bytes)
    elif view.network != "none":
        left_out.append("data transfer")
    radio = _radio_electricity(view, ledger, s.price_electricity, unit)
    if radio is not None:
        cost += radio
    elif Slot.RADIO in ledger.cloud(view).stated:
        left_out.append("the electricity of the device's radio")
    words = ", ".join(f"no {item.removeprefix('the ')}" for item in (*left_out, "people"))
    return Cost(tally=cost, unit=unit, quality=ledger.quality, notes=(Note(code="money.cloud", text=f"rent alone: {words}"),))


def _gpu_s(view: Convention, ledger: Ledger, s: Scenario) -> Tally:
    """Return the GPU seconds one inference pays for: its share of a pool's time, idle time too, or of all time of reserved ones."""
    pooled = view.cloud in ("shared", "autoscaled")
    used = ["cloud_s", *(["pool_utilisation"] if pooled else [])]
    rate = ledger.use.service_rate_per_s

    def paid(time_s: FloatArray, busy: FloatArray) -> FloatArray:
        import numpy as np

        if view.cloud == "dedicated":
            reserved: FloatArray = np.maximum(1.0, np.ceil(rate * time_s)) / rate
            return reserved
        return time_s / busy if pooled else time_s + ledger.use.cold_s

    stated, drawn = (paid(values["cloud_s"], values["pool_utilisation"]) for values in (ledger.x, ledger.drawn))
    return of_inputs(stated, drawn, *(ledger.inputs[name] for name in used))


def _network_of_updates(view: Convention, ledger: Ledger) -> Tally:
    """Return the joules that updates take in the network, which whoever runs it pays."""
    if not ledger.use.update_bytes_per_s or view.network == "none":
        return exact(0.0)
    name, size = f"network_{view.network}", ledger.use.update_bytes_per_s / ledger.use.rate_per_s
    return of_inputs(ledger.x[name] * size, ledger.drawn[name] * size, ledger.inputs[name])


def _radio_electricity(view: Convention, ledger: Ledger, price: Price | None, unit: Unit) -> Tally | None:
    """Return what the radio's joules cost; None where there is no price of them in this currency, or no radio."""
    page = ledger.cloud(view)
    if price is None or money_unit(price) != unit or Slot.RADIO not in page.stated:
        return None
    names = [ledger.inputs[name] for name in page.stated[Slot.RADIO].inputs]
    joules = of_inputs(page.stated[Slot.RADIO].joules, page.drawn[Slot.RADIO].joules, *names)
    return joules.times(price.amount)
