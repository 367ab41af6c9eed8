"""How late an instrument's readings arrive: found by a self-test's marker load, kept, and used by the next run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.calibration import Calibration, Stretch
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin, Unknown
from edgekit.core.sync import ASKED, Delay
from edgekit.core.trace import Trace
from edgekit.energy.clocks.marker import busy_spans, marker_s
from edgekit.energy.sensors.response import load_of
from edgekit.flows.selftest.analyse import analyse
from edgekit.flows.selftest.plan import marker
from edgekit.metering import merged
from edgekit.sim.load import steps

S, CHIP_S, LATE_S = 1_000_000_000, 0.25, 0.15
WATTS = Channel(
    id="m.power", meter="m", boundary=Boundary.USB_INPUT, measurand=Measurand.POWER, unit="W", origin=Origin.EMULATED, update_period_s=0.01
)
UNKNOWN = Delay(seconds=0.0, half_s=None, source="nobody states it")
SPEC = MeterSpec(
    kind="m",
    channels=(WATTS,),
    accuracy=Accuracy(source="made up"),
    nominal_hz=100.0,
    integrating=False,
    delay=UNKNOWN,
    identity="42",
)


def _found(spec: MeterSpec, *, swing_w: float = 3.0) -> Calibration:
    spans = [(2 * S + round(begin * S), 2 * S + round(end * S)) for begin, end in busy_spans(CHIP_S)]
    load = load_of([[[begin, end, end - begin] for begin, end in spans]])
    changes = [(0.0, 2.0), *((edge / S, watts) for begin, end in spans for edge, watts in ((begin, 2.0 + swing_w), (end, 2.0)))]
    t = np.arange(0, 10, 0.01)
    noise = 0.05 * np.random.default_rng(1).standard_normal(len(t))
    none = np.zeros(len(t), np.int64)
    trace = Trace(
        channel=WATTS.id,
        clock="host",
        t_ns=np.round((t + LATE_S) * S).astype(np.int64),
        bracket_ns=none,
        value=np.array([steps(changes).power(round(at * S)) for at in t]) + noise,
        flags=none.astype(np.uint8),
    )
    stretch = Stretch(load="marker", start_ns=2 * S, end_ns=2 * S + round(marker_s(CHIP_S) * S))
    channels = analyse(spec, {WATTS.id: trace}, [stretch], load)
    return Calibration(meter="m", identity="42", driver="", created="2026-11-22T00:00:00Z", device="local", channels=channels)


def test_a_self_test_finds_the_delay_and_the_next_run_takes_it_off() -> None:
    found = _found(SPEC)
    late = found.channels[0].delay_s
    assert late.low <= LATE_S <= late.high
    assert late.high - late.low < 0.02
    known = merged(SPEC, found).delay
    assert known is not None
    assert (known.seconds, known.verified, known.source) == (late.value, True, "the self-test of 2026-11-22")
    assert known.half_s == pytest.approx((late.high - late.low) / 2 * 3**0.5 / 1.96)


def test_what_is_known_better_stays() -> None:
    asked = replace(SPEC, delay=ASKED)
    assert merged(asked, _found(asked)).delay is ASKED
    assert merged(replace(SPEC, delay=None), _found(SPEC)).delay is None


def test_a_load_that_does_not_show_tells_no_delay() -> None:
    blind = _found(SPEC, swing_w=0.0)
    assert isinstance(blind.channels[0].delay_s, Unknown)
    assert merged(SPEC, blind).delay is UNKNOWN


def test_only_meters_that_are_dated_by_arrival_are_given_a_marker() -> None:
    assert [step.period_s for step in marker(SPEC, [])] == [0.25]
    assert [step.period_s for step in marker(SPEC, [0.5])] == [0.5]
    assert marker(replace(SPEC, delay=None), []) == ()
