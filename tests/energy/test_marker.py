"""A marker load in a meter's readings: its delay is found within what is stated, and nothing is said where nothing shows."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.trace import Trace
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.clock import SAME_CLOCK, ClockLine
from edgekit.energy.clocks.marker import LEAST_RATIO, PAD_CHIPS, marker_line, marker_s, stretches
from edgekit.sim.curve import Curve
from edgekit.sim.load import steps

S = 1_000_000_000
IDLE_W, BUSY_W = 2.0, 5.0
CHIP_S = 0.25


def _run(seed: int, *, chip_s: float = CHIP_S, apart_s: float = 33.0) -> tuple[list[Window], Curve, float]:
    """Return the windows of a run with a marker at either end, the power that it draws, and its length in seconds."""
    draw, t, windows, changes = random.Random(seed), 2.0, [], [(0.0, IDLE_W)]

    def busy(phase: Phase, index: int, seconds: float) -> None:
        windows.append(
            Window(phase=phase, index=index, clock="board", start_ns=round(t * S), end_ns=round((t + seconds) * S), inferences=3)
        )
        changes.extend([(t, BUSY_W), (t + seconds, IDLE_W)])

    for index in (0, 1):
        t += PAD_CHIPS * chip_s
        for on, seconds in stretches(chip_s):
            length_s = seconds * (1 + 0.02 * draw.random())  # whole inferences take as long as they take
            if on:
                busy(Phase.MARKER, index, length_s)
            t += length_s + 0.001
        t += PAD_CHIPS * chip_s
        if index == 0:
            t += 1.0
            busy(Phase.MEASURE, 0, apart_s - 3)
            t += apart_s - 1
    return windows, steps(changes), t + 1


def _readings(
    curve: Curve, end_s: float, *, hz: float, delay_s: float, drift: float, noise_w: float, look_s: float, seed: int
) -> tuple[Trace, np.ndarray]:
    """Return readings of what was drawn, dated late and by a clock of their own; and the true times behind the dates."""
    random_ = np.random.default_rng(seed)
    true = (np.arange(int(end_s * hz)) + random_.random()) / hz
    if look_s:
        watts = np.array([(curve.total_j(round(t * S)) - curve.total_j(round((t - look_s) * S))) / look_s for t in true])
    else:
        watts = np.array([curve.power(round(t * S)) for t in true])
    seen = np.round((true + delay_s + drift * true) * S).astype(np.int64)
    none = np.zeros(len(true), np.int64)
    value = watts + noise_w * random_.standard_normal(len(true))
    return Trace(channel="power", clock="board", t_ns=seen, bracket_ns=none, value=value, flags=none.astype(np.uint8)), true


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    hz=st.sampled_from([10.0, 25.0, 100.0, 400.0]),
    delay_s=st.floats(-0.3, 0.7),
    drift=st.floats(-8e-5, 8e-5),
    noise_w=st.floats(0.0, 1.0),
    look_s=st.sampled_from([0.0, 0.05, 0.2]),
)
def test_delay_and_drift_are_found_within_what_is_stated(
    seed: int, hz: float, delay_s: float, drift: float, noise_w: float, look_s: float
) -> None:
    windows, curve, end_s = _run(seed)
    trace, _ = _readings(curve, end_s, hz=hz, delay_s=delay_s, drift=drift, noise_w=noise_w, look_s=look_s, seed=seed)
    found = marker_line(trace, windows, base=SAME_CLOCK, look_s=look_s, update_s=1 / hz, chip_s=CHIP_S)
    assert not isinstance(found, str), found
    line, markers = found
    assert all(marker.ratio >= LEAST_RATIO for marker in markers)
    for window in windows:
        true_ns = window.start_ns * (1 + drift) + delay_s * S
        assert abs(line.on_target(window.start_ns) - true_ns) <= 4 * line.u_ns(window.start_ns) + 1000
    assert max(marker.u_s for marker in markers) < 1 / hz / 3 + 0.3 * noise_w / hz**0.5, "and no more than readings this close allow"


def test_a_board_whose_clock_shows_another_time_is_found_around_what_its_link_says() -> None:
    windows, curve, end_s = _run(1)
    trace, _ = _readings(curve, end_s, hz=100.0, delay_s=0.2, drift=0.0, noise_w=0.1, look_s=0.0, seed=1)
    ahead_ns = 5_000 * S
    moved = replace(trace, clock="host", t_ns=trace.t_ns + ahead_ns)
    base = ClockLine(offset_ns=ahead_ns, drift=0.0, at_ns=0, offset_u_ns=1e5, drift_u=1e-6)
    found = marker_line(moved, windows, base=base, look_s=0.0, update_s=0.01, chip_s=CHIP_S)
    assert not isinstance(found, str)
    assert found[0].on_target(windows[0].start_ns) == pytest.approx(windows[0].start_ns + ahead_ns + 0.2 * S, abs=0.006 * S)


def test_a_stream_of_many_readings_is_looked_at_as_means_of_a_few() -> None:
    windows, curve, end_s = _run(2, apart_s=8.0)
    trace, _ = _readings(curve, end_s, hz=20_000.0, delay_s=0.05, drift=0.0, noise_w=1.0, look_s=0.0, seed=2)
    found = marker_line(trace, windows, base=SAME_CLOCK, look_s=0.0, update_s=5e-5, chip_s=CHIP_S)
    assert not isinstance(found, str)
    assert [marker.delay_s for marker in found[1]] == pytest.approx([0.05, 0.05], abs=1e-3)


def _refusal(value: np.ndarray | None = None, *, windows: list[Window] | None = None, t_ns: np.ndarray | None = None) -> str:
    made, curve, end_s = _run(3)
    trace, _ = _readings(curve, end_s, hz=100.0, delay_s=0.1, drift=0.0, noise_w=0.05, look_s=0.0, seed=3)
    trace = replace(
        trace, value=trace.value if value is None else value[: len(trace)], t_ns=trace.t_ns if t_ns is None else t_ns[: len(trace)]
    )
    found = marker_line(trace, made if windows is None else windows, base=SAME_CLOCK, look_s=0.0, update_s=0.01, chip_s=CHIP_S)
    assert isinstance(found, str)
    return found


def test_a_load_that_the_meter_does_not_see_is_refused() -> None:
    noise = 2.0 + 0.1 * np.random.default_rng(0).standard_normal(10_000)
    assert "does not stand out" in _refusal(noise)


def test_a_pattern_that_fits_at_several_places_is_refused() -> None:
    windows, _, _ = _run(4)
    regular = [
        replace(window, start_ns=round((10 + k) * S), end_ns=round((10.5 + k) * S), index=0)
        for k, window in enumerate([window for window in windows if window.phase is Phase.MARKER and window.index == 0][:2] * 3)
    ]
    load = steps([(0.0, IDLE_W), *((t + step, w) for t in range(2, 60) for step, w in ((0.0, BUSY_W), (0.5, IDLE_W)))])
    trace, _ = _readings(load, 60.0, hz=100.0, delay_s=0.0, drift=0.0, noise_w=0.05, look_s=0.0, seed=4)
    found = marker_line(trace, regular, base=SAME_CLOCK, look_s=0.0, update_s=0.01, chip_s=CHIP_S)
    assert isinstance(found, str)
    assert "marker 1: it is ambiguous: the pattern fits 1.0" in found


def test_readings_that_miss_the_marker_are_refused() -> None:
    late = np.arange(10_000, dtype=np.int64) * 10_000_000 + 3_600 * S
    assert "readings were made around it" in _refusal(t_ns=late)


def test_markers_that_no_clock_joins_are_refused() -> None:
    windows, curve, end_s = _run(5)
    trace, true = _readings(curve, end_s, hz=100.0, delay_s=0.1, drift=0.0, noise_w=0.05, look_s=0.0, seed=5)
    stepped = trace.t_ns + np.where(true > 20, round(0.3 * S), 0)  # what arrives in the second half is held back by a buffer
    found = marker_line(replace(trace, t_ns=stepped), windows, base=SAME_CLOCK, look_s=0.0, update_s=0.01, chip_s=CHIP_S)
    assert isinstance(found, str)
    assert "no clock drifts by so much" in found


def test_without_a_marker_there_is_none() -> None:
    assert _refusal(windows=[]) == "no marker was driven"


def test_a_marker_costs_a_few_seconds() -> None:
    assert sum(seconds for _, seconds in stretches(0.25)) == pytest.approx(13 * 0.25)
    assert 3 < marker_s(0.25) < 6
