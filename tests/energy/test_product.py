"""Volts times amperes: of the same moments only, in pieces as in one, with the accuracy of both."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.trace import FLAG_INVALID, ChunkedTrace, Trace
from edgekit.energy.sensors.product import multiplied
from edgekit.energy.sensors.readings import chunks_of
from tests.energy.traces import trace

MOMENTS = st.lists(st.integers(0, 60), unique=True, max_size=40).map(sorted)


def channel(name: str, measurand: Measurand, unit: str, **fields: object) -> Channel:
    given = {"meter": "t", "boundary": Boundary.USB_INPUT, "origin": Origin.MEASURED, **fields}
    return Channel(id=name, measurand=measurand, unit=unit, **given)  # type: ignore[arg-type]


def spec(volts: dict[str, object] | None = None, amperes: dict[str, object] | None = None, **accuracy: float) -> MeterSpec:
    return MeterSpec(
        kind="t",
        channels=(
            channel("t.voltage", Measurand.VOLTAGE, "V", **(volts or {})),
            channel("t.current", Measurand.CURRENT, "A", times="t.voltage", **(amperes or {})),
        ),
        accuracy=Accuracy(source="x", **accuracy),  # type: ignore[arg-type]
    )


def power(made: tuple[MeterSpec, dict[str, Trace | ChunkedTrace]]) -> Channel:
    return next(item for item in made[0].channels if item.measurand is Measurand.POWER)


def pieces(whole: Trace, cuts: list[int]) -> ChunkedTrace:
    bounds = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    def chunks():
        for a, b in itertools.pairwise(bounds):
            part = slice(a, b)
            columns = {name: getattr(whole, name)[part] for name in ("t_ns", "bracket_ns", "value", "flags")}
            yield Trace(channel=whole.channel, clock=whole.clock, **columns)

    return ChunkedTrace(channel=whole.channel, clock=whole.clock, rows=len(whole), chunks=chunks)


@given(left=MOMENTS, right=MOMENTS, cuts=st.tuples(st.lists(st.integers(0, 40), max_size=4), st.lists(st.integers(0, 40), max_size=4)))
def test_only_common_moments_are_multiplied_whole_or_in_pieces(
    left: list[int], right: list[int], cuts: tuple[list[int], list[int]]
) -> None:
    volts = trace(left, [5.0 + t for t in left], channel="t.voltage")
    amperes = trace(right, [0.1 * t for t in right], channel="t.current")
    wanted = {t: (5.0 + t) * 0.1 * t for t in sorted(set(left) & set(right))}
    _, whole = multiplied(spec(), {"t.voltage": volts, "t.current": amperes})
    _, parts = multiplied(spec(), {"t.voltage": pieces(volts, cuts[0]), "t.current": pieces(amperes, cuts[1])})
    for found in (whole["t.power"], parts["t.power"]):
        chunks = list(chunks_of(found))
        assert [t for chunk in chunks for t in chunk.t_ns.tolist()] == list(wanted)
        assert [w for chunk in chunks for w in chunk.value.tolist()] == pytest.approx(list(wanted.values()))


def test_scales_quanta_and_accuracies_of_both_combine() -> None:
    made = multiplied(
        spec(
            {"scale": 1e-3, "quantum": 1, "gain_rel": 3e-4, "zero": 0.002}, {"scale": 1e-4, "quantum": 2, "gain_rel": 4e-4, "zero": 0.001}
        ),
        {"t.voltage": trace([0, 1], [5000, 5000], channel="t.voltage"), "t.current": trace([0, 1], [10_000, 10_000], channel="t.current")},
    )
    assert made[1]["t.power"].value.tolist() == pytest.approx([5.0, 5.0])  # type: ignore[union-attr]
    assert power(made).quantum == pytest.approx(np.hypot(1e-3 * 1.0, 2e-4 * 5.0))
    assert made[0].accuracy.gain_rel == pytest.approx(5e-4)
    assert made[0].accuracy.offset_w == pytest.approx(np.hypot(0.002 * 1.0, 0.001 * 5.0))


def test_what_nobody_states_of_the_factors_stays_as_the_meter_states_it() -> None:
    made = multiplied(spec(gain_rel=0.01), {})
    assert (made[0].accuracy.gain_rel, made[0].accuracy.offset_w, power(made).quantum) == (0.01, None, None)


def test_the_product_is_emulated_when_one_factor_is() -> None:
    assert power(multiplied(spec({"origin": Origin.EMULATED}), {})).origin is Origin.EMULATED


def test_a_reading_that_is_not_usable_makes_no_power() -> None:
    volts, amperes = trace([0, 1], [5.0, 5.0]), trace([0, 1], [1.0, 1.0])
    volts.flags[1] = FLAG_INVALID
    _, made = multiplied(spec(), {"t.voltage": volts, "t.current": amperes})
    assert made["t.power"].flags.tolist() == [0, FLAG_INVALID]  # type: ignore[union-attr]


def test_rails_inside_one_another_stay_so() -> None:
    rails = [
        channel(f"t.{name}.{what}", measurand, unit, **extra)
        for name, parent in (("in", None), ("cpu", "t.in.current"))
        for what, measurand, unit, extra in (
            ("voltage", Measurand.VOLTAGE, "V", {}),
            ("current", Measurand.CURRENT, "A", {"times": f"t.{name}.voltage", "parent": parent}),
        )
    ]
    made, _ = multiplied(MeterSpec(kind="t", channels=tuple(rails), accuracy=Accuracy(source="x")), {})
    assert {item.id: item.parent for item in made.channels if item.measurand is Measurand.POWER} == {
        "t.in.power": None,
        "t.cpu.power": "t.in.power",
    }
