"""Spread the carbon of making hardware over inferences, with one rule for both sides (ISO/IEC 21031: M = TE x TiR/EL x RR/ToR). Pure.

TE is what making it emitted, EL its service life, TiR the time it is reserved for one inference (its idle time included), RR/ToR the share
of it that is reserved. A device bought for this is reserved all the time; a pooled GPU for its busy time over the pool's utilisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.core.decision import Constant, Scenario
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown
from edgekit.decision.accounting import Usage, idle_s

_ADDED = ("device.added_embodied",)
_ONLY_ADDED = "the device exists anyway, so only what was added counts; state device.added_embodied (0 kgCO2e where nothing was)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Hold what making the hardware of one side emitted per inference, how it was counted, and the constants behind it."""

    co2e_kg: Quantity
    how: str = ""
    evidence: tuple[str, ...] = ()


def amortised_kg(total_kg: float, reserved_s: float, life_s: float, share: float = 1.0) -> float:
    """Return TE x TiR/EL x RR/ToR in kg CO2e."""
    return total_kg * reserved_s / life_s * share


def of_device(scenario: Scenario, constants: Mapping[str, Constant]) -> Making:
    """Return the making of the device per inference; of one that exists anyway only what was added counts."""
    reserved_s = 1.0 / scenario.rate_per_s
    if scenario.device_role == "exists_anyway":
        if scenario.added_embodied_kg is None:
            return _absent(_ONLY_ADDED)
        return _spread((scenario.added_embodied_kg,) * 3, reserved_s, (scenario.lifetime_s,) * 3, 1.0, "what was added", _ADDED)
    share = scenario.device_share or 1.0 if scenario.device_role == "shared" else 1.0
    life = (scenario.lifetime_s,) * 3
    if scenario.device_embodied_kg is not None:
        return _spread((scenario.device_embodied_kg,) * 3, reserved_s, life, share, "one device", ("device.embodied",))
    if scenario.device_hardware is None:
        return _absent("the scenario names neither device.embodied nor device.hardware")
    constant = constants[f"embodied_{scenario.device_hardware}"]
    return _spread(_range(constant), reserved_s, life, share, "one device", (constant.id,))


def of_cloud(scenario: Scenario, constants: Mapping[str, Constant], use: Usage) -> Making:
    """Return the making of GPU and server per inference, over the time they are reserved for it."""
    if use.gpu_s <= 0:
        return _absent("no cloud run qualifies")
    names: tuple[str, ...] = ("cloud.embodied",)
    if scenario.cloud_embodied_kg is not None:
        total = (scenario.cloud_embodied_kg,) * 3
    elif scenario.cloud_hardware is not None:
        gpu, server = constants[f"embodied_gpu_{scenario.cloud_hardware}"], constants["embodied_server_share"]
        parts = zip(_range(gpu), _range(server), strict=True)
        value, low, high = (one + other for one, other in parts)
        total, names = (value, low, high), (gpu.id, server.id)
    else:
        return _absent("the scenario names neither cloud.embodied nor cloud.hardware")
    life = (scenario.cloud_lifetime_s,) * 3 if scenario.cloud_lifetime_s is not None else _range(constants["server_lifetime"])
    lives = life if scenario.cloud_lifetime_s is not None else (life[0], life[2], life[1])  # the longer it lives, the less per inference
    if scenario.cloud_lifetime_s is None:
        names = (*names, "server_lifetime")
    if scenario.cloud_shape == "dedicated":
        return _spread(total, use.gpu_s + idle_s(use), lives, 1.0, "reserved GPUs", names)
    busy = constants["cloud_pool_utilisation"]
    if scenario.cloud_utilisation is not None:
        return _spread(total, use.gpu_s / scenario.cloud_utilisation, lives, 1.0, "pooled GPUs", names)
    value, low, high = _range(busy)
    shares = (total[0] / value, total[1] / high, total[2] / low)
    return _spread(shares, use.gpu_s, lives, 1.0, "pooled GPUs at the pool's utilisation", (*names, busy.id))


def _spread(
    total: tuple[float, ...], reserved_s: float, lives_s: tuple[float, ...], share: float, what: str, evidence: tuple[str, ...]
) -> Making:
    value, low, high = (amortised_kg(kg, reserved_s, life_s, share) for kg, life_s in zip(total, lives_s, strict=True))
    part = f", {100 * share:.0f} % of it" if share < 1 else ""
    how = f"making {what}{part}: {reserved_s:.3g} s of a life of {lives_s[0] / 31_557_600:.3g} years per inference"
    return Making(co2e_kg=Estimate(value=value, low=low, high=high, unit="kg", origins=(Origin.SOURCED,)), how=how, evidence=evidence)


def _range(constant: Constant) -> tuple[float, float, float]:
    low = constant.low if constant.low is not None else constant.value
    return constant.value, low, constant.high if constant.high is not None else constant.value


def _absent(reason: str) -> Making:
    return Making(co2e_kg=Unknown(reason=reason, unit="kg"))
