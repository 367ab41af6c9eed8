"""The batch that serves a rate within a limit: what the arithmetic must hold for any measured runs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import BudgetTerm, Estimate, Origin, Unknown
from edgekit.decision.cloud.service import Load, Point, Service, best, point
from edgekit.energy.uncertainty.budget import combine

GAIN = "meter A"


def joules(value: float, rel: float = 0.02, unit: str = "J") -> Estimate:
    terms = [BudgetTerm(name="repeatability", kind="A", u=rel / 4 * value, freedom=9.0)]
    terms += [BudgetTerm(name="gain", kind="B", u=rel / 2 * value, instrument=GAIN)]
    boundary = Boundary.GPU_BOARD
    return combine(value, unit=unit, boundary=boundary, origins=(Origin.EMULATED,), terms=terms, n=10)  # type: ignore[arg-type]


def seconds(value: float, rel: float = 0.01) -> Estimate:
    return Estimate(value=value, low=value * (1 - rel), high=value * (1 + rel), unit="s", origins=(Origin.EMULATED,), level=1.0)


def load(batch: int, energy_j: float, time_s: float, idle_w: float = 50.0, tail: float = 1.2) -> Load:
    return Load(
        batch=batch,
        energy_j=joules(energy_j),
        time_s=seconds(time_s),
        p99_s=seconds(batch * time_s * tail),
        idle_w=joules(idle_w, unit="W"),
    )


batches = st.sampled_from([1, 2, 3, 4, 8, 16, 32, 64, 128, 256])
positive = st.floats(1e-6, 10.0)
loads = st.builds(load, batches, st.floats(1e-6, 5.0), st.floats(1e-6, 0.1), st.floats(0.1, 400.0), st.floats(1.0, 3.0))
services = st.builds(Service, rate_per_s=st.floats(1e-2, 1e5), latency_limit_s=st.floats(1e-4, 10.0))


def brute_force(found: list[Load], service: Service) -> float:
    """Return the fewest joules per request of all loads that keep the promise; infinity where none does."""
    least = math.inf
    for item in found:
        time, p99 = item.time_s, item.p99_s
        waits_s = (item.batch - 1) / service.rate_per_s
        if waits_s + p99.high > service.latency_limit_s or service.rate_per_s * time.high > 1:
            continue
        least = min(least, item.energy_j.value + item.idle_w.value * max(0.0, 1 / service.rate_per_s - time.value))
    return least


@given(st.lists(loads, min_size=1, max_size=8), services)
def test_the_best_is_that_of_a_brute_force(found: list[Load], service: Service) -> None:
    chosen = best([point(item, service) for item in found])
    expected = brute_force(found, service)
    assert (chosen is None) == math.isinf(expected)
    if chosen is not None:
        assert chosen.energy_j.value == pytest.approx(expected, rel=1e-12)
        assert chosen.feasible
        assert chosen.latency_s is not None
        assert chosen.latency_s <= service.latency_limit_s
        assert chosen.utilisation is not None
        assert chosen.utilisation <= 1


@given(st.lists(loads, min_size=1, max_size=8), loads, services, st.floats(1.0, 100.0))
def test_more_time_or_more_choice_never_costs_more(found: list[Load], more: Load, service: Service, factor: float) -> None:
    def least(items: list[Load], asked: Service) -> float:
        chosen = best([point(item, asked) for item in items])
        return math.inf if chosen is None or chosen.energy_j.value is None else chosen.energy_j.value

    here = least(found, service)
    assert least(found, replace(service, latency_limit_s=service.latency_limit_s * factor)) <= here
    assert least([*found, more], service) <= here


@given(loads, services)
def test_a_request_never_costs_less_than_its_inference_and_its_interval_goes_along(item: Load, service: Service) -> None:
    found = point(item, service)
    assert isinstance(found.energy_j, Estimate)
    assert found.energy_j.value >= item.energy_j.value
    assert found.energy_j.low <= found.energy_j.value <= found.energy_j.high
    assert found.energy_j.origins == (Origin.EMULATED,)
    assert found.energy_j.boundary is Boundary.GPU_BOARD
    assert found.energy_j.high - found.energy_j.low >= (item.energy_j.high - item.energy_j.low) * 0.99
    assert found.idle_share is None or 0 <= found.idle_share < 1


@given(loads, st.floats(1.0, 1e4), st.floats(1.01, 10.0))
def test_the_busier_a_machine_the_less_idle_time_a_request_pays_for(item: Load, rate: float, factor: float) -> None:
    slow, fast = (point(item, Service(rate_per_s=each, latency_limit_s=1.0)) for each in (rate, rate * factor))
    assert isinstance(slow.energy_j, Estimate)
    assert isinstance(fast.energy_j, Estimate)
    assert fast.energy_j.value <= slow.energy_j.value
    assert fast.wait_s <= slow.wait_s


def test_what_one_instrument_gets_wrong_it_gets_wrong_in_both_parts() -> None:
    found = point(load(1, 1.0, 0.001, idle_w=100.0), Service(rate_per_s=100.0, latency_limit_s=1.0))
    assert isinstance(found.energy_j, Estimate)
    gain = [term for term in found.energy_j.budget if term.name == "gain"]
    assert len(gain) == 1
    assert gain[0].u == pytest.approx(0.01 * found.energy_j.value)
    assert found.idle_share == pytest.approx(0.9 / 1.9)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((2000.0, 1.0), "it would take 3 of them"),
        ((100.0, 0.05), "the first of 8 requests would wait 70.0 ms"),
        ((100.0, 0.075), "70.0 ms of waiting and 9.70 ms of computing (p99) are more than 75.0 ms"),
        ((100.0, 0.08), None),
    ],
)
def test_why_a_batch_cannot_serve_is_said_in_numbers(asked: tuple[float, float], said: str | None) -> None:
    found = point(load(8, 1.0, 0.001), Service(rate_per_s=asked[0], latency_limit_s=asked[1]))
    assert found.feasible == (said is None)
    assert said is None or said in (found.reason or "")


def test_a_single_request_waits_for_nobody() -> None:
    found = point(load(1, 1.0, 0.001), Service(rate_per_s=0.1, latency_limit_s=0.01))
    assert (found.wait_s, found.feasible) == (0.0, True)


def test_what_is_not_known_serves_nobody() -> None:
    unknown = replace(load(1, 1.0, 0.001), idle_w=Unknown(reason="no idle was measured", unit="W"))
    found = point(unknown, Service(rate_per_s=10.0, latency_limit_s=1.0))
    assert isinstance(found.energy_j, Unknown)
    assert "idle power unknown: no idle was measured" in (found.reason or "")
    untimed = replace(load(1, 1.0, 0.001), p99_s=Unknown(reason="no latencies were recorded", unit="s"))
    assert point(untimed, Service(rate_per_s=10.0, latency_limit_s=1.0)).reason == "its time is unknown: no latencies were recorded"
    assert best([found]) is None


def test_the_smaller_of_two_equal_batches_is_taken() -> None:
    same = Point(batch=8, energy_j=joules(1.0), idle_share=0.0, wait_s=0.0, latency_s=0.1, utilisation=0.5, reason=None)
    assert best([same, replace(same, batch=4)]) == replace(same, batch=4)


@pytest.mark.parametrize("asked", [(0.0, 1.0), (1.0, 0.0), (math.inf, 1.0), (1.0, math.nan)])
def test_a_service_that_cannot_be_meant_is_none(asked: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="cannot be meant"):
        Service(rate_per_s=asked[0], latency_limit_s=asked[1])
