"""Spread the carbon of making hardware over inferences, with one rule for both sides (ISO/IEC 21031: M = TE x TiR/EL x RR/ToR). Pure.

TE is what making it emitted, EL its service life, TiR the time it is reserved for one inference (its idle time included), RR/ToR the share
of it that is reserved. A device bought for this is reserved all the time; a pooled GPU for its busy time over the pool's utilisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from edgekit.core.decision import Constant
from edgekit.core.quantity import Quantity, Unknown
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.energy import Drawn, Usage, idle_s
from edgekit.decision.accounts.tally import Tally, of_inputs
from edgekit.decision.accounts.totals import YEAR_S
from edgekit.decision.draws.gather import from_constant, stated
from edgekit.decision.draws.montecarlo import DRAWS, SEED, Input, central, draw
from edgekit.decision.numerals import multiple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_ONLY_ADDED = "the device exists anyway, so only what was added counts; state device.added_embodied (0 kgCO2e where nothing was)"
_SHRINK = "ask its maker for a product carbon footprint"

Amount = TypeVar("Amount", float, "FloatArray")  # a number, or one for every draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Hold what making the hardware of one side emitted per inference, how it was counted, and the constants behind it."""

    co2e_kg: Quantity
    how: str = ""
    evidence: tuple[str, ...] = ()
    tally: Tally | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Hold what is spread: hardware, its life, how busy it is where it is pooled, the seconds reserved for one inference."""

    parts: Sequence[Input]
    life: Input
    reserved_s: float
    what: str
    busy: Input | None = None
    share: float = 1.0


def amortised_kg(total_kg: Amount, reserved_s: float, life_s: Amount, share: float = 1.0) -> Amount:
    """Return TE x TiR/EL x RR/ToR in kg CO2e."""
    return total_kg * reserved_s / life_s * share


def of_device(scenario: Scenario, constants: Mapping[str, Constant], *, draws: int = DRAWS, seed: int = SEED) -> Making:
    """Return the making of the device per inference; of one that exists anyway only what was added counts."""
    life, reserved_s = stated("lifetime", scenario.lifetime_s, "lifetime"), 1.0 / scenario.rate_per_s
    part = part_of_device(scenario, constants)
    anyway = scenario.device_role == "exists_anyway"
    if part is None:
        return _absent(_ONLY_ADDED if anyway else "the scenario names neither device.embodied nor device.hardware")
    what = "what was added" if anyway else "one device"
    return _made(Spread(parts=[part], life=life, reserved_s=reserved_s, what=what, share=_share(scenario)), draws, seed)


def part_of_device(scenario: Scenario, constants: Mapping[str, Constant]) -> Input | None:
    """Return what making the device emitted, of one that exists anyway only what was added; None where nobody says."""
    if scenario.device_role == "exists_anyway":
        added = scenario.added_embodied_kg
        return None if added is None else stated("device", added, "device.added_embodied", scenario)
    if scenario.device_embodied_kg is not None:
        return stated("device", scenario.device_embodied_kg, "device.embodied", scenario)
    if scenario.device_hardware is not None:
        return from_constant("device", constants[f"embodied_{scenario.device_hardware}"], _SHRINK)
    return None


def _share(scenario: Scenario) -> float:
    return scenario.device_share or 1.0 if scenario.device_role == "shared" else 1.0


def of_cloud(scenario: Scenario, constants: Mapping[str, Constant], use: Usage, *, draws: int = DRAWS, seed: int = SEED) -> Making:
    """Return the making of GPU and server per inference, over the time they are reserved for it."""
    if use.gpu_s <= 0:
        return _absent("no cloud run qualifies")
    if scenario.cloud_embodied_kg is not None:
        parts = [stated("cloud", scenario.cloud_embodied_kg, "cloud.embodied", scenario)]
    elif scenario.cloud_hardware is not None:
        names = f"embodied_gpu_{scenario.cloud_hardware}", "embodied_server_share"
        parts = [from_constant(name, constants[name], _SHRINK) for name in names]
    else:
        return _absent("the scenario names neither cloud.embodied nor cloud.hardware")
    if scenario.cloud_lifetime_s is not None:
        life = stated("life", scenario.cloud_lifetime_s, "cloud.lifetime")
    else:
        life = from_constant("life", constants["server_lifetime"], "state it: cloud.lifetime")
    if scenario.cloud_shape == "dedicated":
        return _made(Spread(parts=parts, life=life, reserved_s=use.gpu_s + idle_s(use), what="reserved GPUs"), draws, seed)
    if scenario.cloud_utilisation is not None:
        reserved_s = use.gpu_s / scenario.cloud_utilisation
        return _made(Spread(parts=parts, life=life, reserved_s=reserved_s, what="pooled GPUs"), draws, seed)
    busy = from_constant("busy", constants["cloud_pool_utilisation"], "state it: cloud.utilisation")
    what = "pooled GPUs at the pool's utilisation"
    return _made(Spread(parts=parts, life=life, reserved_s=use.gpu_s, what=what, busy=busy), draws, seed)


def _made(spread: Spread, draws: int, seed: int) -> Making:
    used = (*spread.parts, spread.life, *([spread.busy] if spread.busy is not None else []))
    named = {item.name: item for item in used}

    def kg(x: Drawn) -> FloatArray:
        whole = sum((x[item.name] for item in spread.parts[1:]), start=x[spread.parts[0].name])
        busy = 1.0 if spread.busy is None else x[spread.busy.name]
        return amortised_kg(whole, spread.reserved_s, x[spread.life.name], spread.share) / busy

    at, drawn = (kg(x) for x in (central(named), draw(named, draws=draws, seed=seed)))
    tally = of_inputs(at, drawn, *used)
    part = f", {100 * spread.share:.0f} % of it" if spread.share < 1 else ""
    years = spread.life.value / YEAR_S
    how = f"making {spread.what}{part}: {multiple(spread.reserved_s, 3)} s of a life of {years:.3g} years per inference"
    evidence = tuple(item.evidence.removeprefix("scenario:") for item in used if item.evidence != "scenario:lifetime")
    return Making(co2e_kg=tally.estimate("kg"), how=how, evidence=evidence, tally=tally)


def _absent(reason: str) -> Making:
    return Making(co2e_kg=Unknown(reason=reason, unit="kg"))
