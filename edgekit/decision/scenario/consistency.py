"""Refuse a scenario whose lines cannot all be meant: one clear message for the first contradiction."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.core.errors import UsageError
from edgekit.core.scenario import Scenario

_PRICES = ("electricity", "gpu_hour", "device", "device_year", "data", "request")


def require_consistent(scenario: Scenario, where: str) -> None:
    """Raise UsageError for the first pair of lines that contradict one another, or for a line that needs another one."""
    for kind, what, why, advice, line in _contradictions(scenario):
        raise _refusal(kind, f"{where} {what}", why, [(advice, line)])


def _refusal(kind: str, what: str, why: str, do: list[tuple[str, str]]) -> UsageError:
    if kind == "scenario.price_date":
        return UsageError(what, code="scenario.price_date", why=why, do=do)
    if kind == "scenario.lacks":
        return UsageError(what, code="scenario.lacks", why=why, do=do)
    if kind == "scenario.currency":
        return UsageError(what, code="scenario.currency", why=why, do=do)
    return UsageError(what, code="scenario.conflict", why=why, do=do)


def _contradictions(s: Scenario) -> Iterator[tuple[str, str, str, str, str]]:
    priced = [name for name in _PRICES if f"prices.{name}" in s.given]
    if priced and s.price_date is None:
        why = "prices move every month, so a price is only a fact together with its day"
        yield "scenario.price_date", "states prices without their date", why, "add the line under [prices]:", 'date = "2026-05-01"'
    yield from _lacking(s)
    yield from _opposed(s)


def _lacking(s: Scenario) -> Iterator[tuple[str, str, str, str, str]]:
    code = "scenario.lacks"
    if s.device_power in ("woken", "deep_sleep") and s.wake_j is None:
        why = "a device that is woken pays for each wake-up, and leaving that out would flatter it"
        yield (
            code,
            f"says device.power = {s.device_power} without what one wake-up takes",
            why,
            "measure and add it:",
            'device.wake_energy = "0.4 J"',
        )
    if s.device_power == "deep_sleep" and s.sleep_w is None:
        why = "between inferences the device draws its sleep power, for most of its life"
        yield code, "says device.power = deep_sleep without the sleep power", why, "measure and add it:", 'device.sleep_power = "20 uW"'
    if s.device_role == "shared" and s.device_share is None:
        why = "without the share nobody knows how much of the device's idle time is this model's"
        yield code, "shares the device without saying how much of it", why, "add the line under [device]:", 'share = "25 %"'
    if s.cloud_shape == "serverless" and (s.cold_share is None) != (s.cold_start_s is None):
        why = "a cold start counts with how long it takes and how often it happens"
        yield code, "states half of the cold starts", why, "state both under [cloud]:", 'cold_start = "3 s"  and  cold_share = "2 %"'
    marginal = (s.device_grid_marginal_kg_per_j, s.cloud_grid_marginal_kg_per_j)
    if s.grid_view == "marginal" and None in marginal:
        why = "one side's marginal factor does not compare with the other side's average; no marginal factor is built in"
        yield (
            code,
            "asks for marginal grids without both factors",
            why,
            "state it for both sides:",
            'device.grid_marginal = "600 gCO2e/kWh"',
        )


def _opposed(s: Scenario) -> Iterator[tuple[str, str, str, str, str]]:
    code = "scenario.conflict"
    stated = (s.device_grid_kg_per_j is not None, s.cloud_grid_kg_per_j is not None)
    built_in = (s.device_region is not None and not stated[0], s.cloud_region is not None and not stated[1])
    if s.grid_scope == "direct" and any(stated) and any(built_in):
        why = "built-in factors of regions hold the power plants' whole life cycle; yours hold burning alone"
        yield code, "mixes direct and life-cycle grid factors", why, "state both sides in one scope:", 'grid.scope = "lca"'
    if s.radio == "ethernet" and s.network == "mobile":
        yield code, "sends over ethernet into a mobile network", "a cable has no modem", "keep one of them:", 'radio.kind = "lte-m"'
    if s.radio in ("lte-m", "nb-iot") and "network" in s.given and s.network != "mobile":
        yield (
            code,
            f"sends over {s.radio} into network = {s.network}",
            "a modem's data cross the mobile network",
            "write:",
            'network = "mobile"',
        )
    if s.radio is not None and s.network == "none":
        yield (
            code,
            f"has a radio ({s.radio}) and no network",
            "what is sent must arrive somewhere",
            "keep one of them:",
            'network = "fixed"',
        )
    if s.device_power in ("woken", "deep_sleep") and s.device_role == "shared":
        why = "what wakes for this model alone is not kept on by other work"
        yield code, f"shares a device that is {s.device_power}", why, "keep one of them:", 'device.role = "dedicated"'
    if s.device_power == "streaming" and s.active_s_per_day is not None and s.active_s_per_day < 86_400:
        why = "a stream is listened to without a pause"
        yield code, "streams for a part of the day", why, "state the power of the pause, or leave out:", "schedule.hours_per_day"
    for side, prices in (
        ("device", (s.price_electricity, s.price_device, s.price_device_year)),
        ("cloud", (s.price_gpu, s.price_request, s.price_data)),
    ):
        if len({price.currency for price in prices if price is not None}) > 1:
            why = "no currency is converted: exchange rates move, and what is added must be one money"
            yield (
                "scenario.currency",
                f"states prices of the {side} in two currencies",
                why,
                "state them in one:",
                'prices.device = "60 EUR"',
            )
    if s.price_gpu is not None and s.price_request is not None:
        why = "a request is paid by the GPU's time or by the piece"
        yield code, "states prices.gpu_hour and prices.request", why, "keep one of them:", 'prices.gpu_hour = "2.5 USD/h"'
