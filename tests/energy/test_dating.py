"""Windows among readings: which of the five ways was taken, how well it is known, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.core.run import ChannelAnalysis
from edgekit.core.sync import ASKED, Delay, SyncMethod, SyncPlan, read_error, total_u_s
from edgekit.core.trace import ClockMap, Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from edgekit.energy.clocks.dating import dated
from edgekit.reports.dating import dated_words

S, IDLE_W, BUSY_W = 1_000_000_000, 2.0, 5.0
WATTS = Channel(
    id="m.power", meter="m", boundary=Boundary.MCU_SUPPLY, measurand=Measurand.POWER, unit="W", origin=Origin.EMULATED, update_period_s=0.01
)
INPUT = replace(WATTS, id="m.d0", measurand=Measurand.EDGE, unit="1", update_period_s=None)
SPEC = MeterSpec(kind="m", channels=(WATTS,), accuracy=Accuracy(source="made up", gain_rel=0.0), nominal_hz=100.0, integrating=False)
STARTS_S = (5.0, 20.0, 35.0)


def _windows(clock: str = "host") -> list[Window]:
    return [
        Window(phase=Phase.MEASURE, index=k, clock=clock, start_ns=round(t * S), end_ns=round((t + 10) * S), inferences=10)
        for k, t in enumerate(STARTS_S)
    ]


def _idle(clock: str = "host") -> Window:
    return Window(phase=Phase.IDLE, index=0, clock=clock, start_ns=S, end_ns=4 * S)


def _power(late_s: float = 0.0, *, clock: str = "host", bracket_ns: int = 0, ahead_ns: int = 0) -> Trace:
    t = np.arange(0, 50, 0.01)
    busy = np.zeros(len(t), np.bool_)
    for start in STARTS_S:
        busy |= (t >= start) & (t < start + 10)
    none = np.zeros(len(t), np.int64)
    return Trace(
        channel=WATTS.id,
        clock=clock,
        t_ns=np.round((t + late_s) * S).astype(np.int64) + ahead_ns,
        bracket_ns=none + bracket_ns,
        value=np.where(busy, BUSY_W, IDLE_W),
        flags=none.astype(np.uint8),
    )


def _edges(late_s: float, *, only: int = 3, jitter_s: float = 0.0) -> Trace:
    pairs = [(0.0, 0)]
    for k, start in enumerate(STARTS_S[:only]):
        pairs += [(start + late_s + k * jitter_s, 1), (start + 10 + late_s + k * jitter_s, 0)]
    none = np.zeros(len(pairs), np.int64)
    return Trace(
        channel=INPUT.id,
        clock="host",
        t_ns=np.array([round(t * S) for t, _ in pairs], np.int64),
        bracket_ns=none,
        value=np.array([v for _, v in pairs], np.float64),
        flags=none.astype(np.uint8),
    )


def _analysed(spec: MeterSpec, *traces: Trace, clock: str = "host", maps=(), sync: SyncPlan | None = None) -> ChannelAnalysis:
    return analyse_group(
        [WATTS],
        spec,
        windows=_windows(clock),
        idles=[_idle(clock)],
        maps=maps,
        traces={trace.channel: trace for trace in traces},
        machine="test",
        sync=sync,
    )


def _methods(found: ChannelAnalysis) -> list[str]:
    return [step.method.value for step in found.sync]


def test_what_is_read_on_the_clock_of_the_windows_says_so() -> None:
    found = _analysed(SPEC, _power(bracket_ns=1000))
    assert _methods(found) == ["same clock"]
    assert total_u_s(found.sync) == pytest.approx(1e-6 / 3**0.5)
    assert found.energy_j_per_inference.value == pytest.approx(BUSY_W, rel=1e-3)


def test_edges_of_an_input_date_the_windows_whatever_the_clocks_say() -> None:
    probe = replace(SPEC, channels=(WATTS, INPUT), device_clock=True, edge_inputs=1)
    found = _analysed(probe, _power(0.2, bracket_ns=S // 5), _edges(0.2))
    assert _methods(found) == ["S1"]
    (step,) = found.sync
    assert (step.offset_s, step.residual_s, step.count, step.detail) == (pytest.approx(0.2), 0.0, 6, "m.d0")
    assert step.u_s == pytest.approx(0.01 / 3**0.5)  # one sample
    assert found.energy_j_per_inference.value == pytest.approx(BUSY_W, rel=1e-3)
    assert "S1, ends within 11" in dated_words(found)


def test_windows_and_idle_without_edges_move_with_those_that_have_them() -> None:
    probe = replace(SPEC, channels=(WATTS, INPUT), device_clock=True)
    traces = {trace.channel: trace for trace in (_power(0.2), _edges(0.2, only=2, jitter_s=0.004))}
    found = dated(WATTS, probe, traces, measured=_windows(), idles=[_idle()], maps=())
    assert [round(window.start_ns / S, 3) for window in found.measured] == [5.2, 20.204, 35.202]
    assert found.measured[2].bracket_ns == 2_000_000 + 10_000_000, "the residual, and a sample"
    assert found.idles[0].start_ns == S + 202_000_000
    assert found.steps[0].residual_s == pytest.approx(0.002)


def test_edges_that_mark_too_few_windows_are_not_used_and_said() -> None:
    probe = replace(SPEC, channels=(WATTS, INPUT), device_clock=True)
    found = _analysed(probe, _power(), _edges(0.0, only=1))
    assert _methods(found) == ["S2"]
    assert "the edges of m.d0 mark 1 of 3 windows: they are not used" in [note.text for note in found.energy_j_per_inference.notes]
    silent = _analysed(probe, _power(), _edges(0.0, only=0))
    assert "sync.edges" not in [note.code for note in silent.energy_j_per_inference.notes]


def test_a_meter_with_a_clock_of_its_own_says_what_its_arrivals_left() -> None:
    found = _analysed(replace(SPEC, device_clock=True), _power(bracket_ns=3_000_000))
    assert [(step.method, step.residual_s) for step in found.sync] == [(SyncMethod.DEVICE_CLOCK, 0.003)]
    assert total_u_s(found.sync) == pytest.approx(0.003 / 3**0.5)


def test_readings_are_moved_by_what_the_way_takes() -> None:
    known = replace(SPEC, delay=Delay(seconds=0.5, half_s=0.02, source="a self-test", verified=True))
    found = _analysed(known, _power(0.5))
    assert [(step.method, step.offset_s, step.detail) for step in found.sync] == [(SyncMethod.ARRIVAL, 0.5, "a self-test")]
    energy = found.energy_j_per_inference
    assert energy.low <= BUSY_W <= energy.high
    assert energy.value == pytest.approx(BUSY_W, rel=1e-4)
    assert _analysed(replace(SPEC, delay=ASKED), _power()).sync[0].detail.endswith("unverified")


def test_a_delay_that_nobody_knows_is_left_out_of_the_interval_by_name() -> None:
    unknown = replace(SPEC, delay=Delay(seconds=0.0, half_s=None, source="nobody states it"))
    found = _analysed(unknown, _power())
    energy = found.energy_j_per_inference
    assert isinstance(energy, Estimate)
    assert energy.unknown_terms == ("arrival",)
    assert total_u_s(found.sync) is None
    assert "ends known to nobody" in dated_words(found)


def test_a_remote_device_and_a_meter_here_are_joined_by_requests_and_then_by_the_meter() -> None:
    ahead = 1000 * S
    maps = [
        ClockMap(source="pi", target="host", offset_ns=ahead + step, bracket_ns=200_000, at_ns=at * S)
        for at, step in ((0, 0), (25, 90_000), (50, 0))
    ]
    found = _analysed(replace(SPEC, delay=ASKED), _power(ahead_ns=ahead), clock="pi", maps=maps)
    assert _methods(found) == ["S5", "S4"]
    exchange = found.sync[0]
    assert (exchange.count, exchange.detail) == (3, "pi to host")
    assert exchange.residual_s == pytest.approx(6e-5, abs=1e-6)
    assert found.energy_j_per_inference.value == pytest.approx(BUSY_W, rel=1e-3)


@pytest.mark.parametrize(
    ("sync", "refused"),
    [
        (SyncPlan(), True),  # 1.96 x 0.15 s / sqrt(3) against 1 % of 10 s
        (SyncPlan(max_error_rel=0.05), False),
        (SyncPlan(max_error_s=0.1), True),
        (SyncPlan(max_error_s=0.2), False),
    ],
)
def test_windows_whose_ends_are_not_known_well_enough_have_no_energy(sync: SyncPlan, refused: bool) -> None:
    vague = replace(SPEC, delay=Delay(seconds=0.0, half_s=0.15, source="a table"))
    energy = _analysed(vague, _power(), sync=sync).energy_j_per_inference
    assert isinstance(energy, Unknown) is refused
    if refused:
        assert energy.reason.startswith("the ends of a window of 10 s are known to 0.17 s (S4), where 0.1 s")


def test_windows_that_lost_too_much_or_hold_too_little_have_no_energy() -> None:
    whole = _power()
    kept = np.ones(len(whole), np.bool_)
    kept[700:705] = False  # 60 ms, 0.6 % of the first window
    torn = Trace(
        channel=whole.channel,
        clock=whole.clock,
        **{name: getattr(whole, name)[kept] for name in ("t_ns", "bracket_ns", "value", "flags")},
    )
    assert isinstance(_analysed(SPEC, torn).energy_j_per_inference, Estimate)
    strict = _analysed(SPEC, torn, sync=SyncPlan(max_lost_rel=0.001))
    assert [joules is None for joules in strict.window_j] == [True, False, False]
    slow = _analysed(SPEC, whole, sync=SyncPlan(least_updates=2000)).energy_j_per_inference
    assert isinstance(slow, Unknown)
    assert "2000 are asked for" in slow.reason


@pytest.mark.parametrize(("text", "found"), [("5ms", (0.005, None)), ("0.1 s", (0.1, None)), ("1%", (None, 0.01)), ("20us", (2e-5, None))])
def test_limits_are_read_as_people_write_them(text: str, found: tuple[float | None, float | None]) -> None:
    assert read_error(text) == pytest.approx(found)


@pytest.mark.parametrize("text", ["", "5", "1h", "-1ms", "200%", "ms"])
def test_limits_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"written|most"):
        read_error(text)
