"""One meter, windows and idle of known power: what the figures of a group say, and what their intervals hold."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Origin
from edgekit.core.run import ChannelAnalysis
from edgekit.core.window import Phase, Window
from edgekit.energy.boundaries.group import analyse_group
from tests.energy.traces import counter, trace

S = 1_000_000_000
IDLE_W, ACTIVE_W = 50.0, 300.0
EXACT = Accuracy(source="exact", gain_rel=0.0)


def window(index: int, start_ns: int, end_ns: int, phase: Phase = Phase.MEASURE) -> Window:
    return Window(phase=phase, index=index, clock="host", start_ns=start_ns, end_ns=end_ns, inferences=100)


def joules(t, windows: Sequence[Window], idle_w: float = IDLE_W, active_w: float = ACTIVE_W):
    busy = sum((np.clip(t, item.start_ns, item.end_ns) - item.start_ns for item in windows), start=0 * t)
    return (idle_w * t + (active_w - idle_w) * busy) / 1e9


def analysed(channels, readings, windows, idles, accuracy: Accuracy = EXACT, machine: str = "bench") -> ChannelAnalysis:
    spec = MeterSpec(kind="test", channels=tuple(channels), accuracy=accuracy)
    traces = {name: trace(t, value, channel=name) for name, (t, value) in readings.items()}
    return analyse_group(channels, spec, windows=windows, idles=idles, maps=[], traces=traces, machine=machine)


def test_the_interval_holds_the_truth_although_every_window_errs_the_same_way_at_its_edges():
    # A counter that moves every 100 ms, windows that begin and end anywhere between two of its updates.
    t = np.arange(0, 60 * S, S // 20)
    held = 0
    for seed in range(40):
        draw = random.Random(seed)
        starts = [3 * S + i * 4 * S + draw.randrange(S) for i in range(10)]
        windows = [window(i, start, start + 2 * S) for i, start in enumerate(starts)]
        raw = np.floor(joules(t // (S // 10) * (S // 10), windows) * 1e6)
        found = analysed([counter()], {"c": (t, raw)}, windows, [window(0, S // 2, 2 * S, Phase.IDLE)]).energy_j_per_inference
        held += found.low <= ACTIVE_W * 2 / 100 <= found.high
    assert held >= 38


def test_two_windows_that_hide_their_scatter_still_know_how_old_their_counts_may_be():
    # The machine draws 50 W at rest and at work, and the counter is read 70 ms apart: with no step there is nothing else to be wrong about.
    t = np.arange(0, 40 * S, 7 * S // 100)
    raw = np.floor(50 * (t // (S // 10) * (S // 10)) / 1e9 * 1e6)
    held = 0
    for seed in range(200):
        draw = random.Random(seed)
        starts = [3 * S + i * 4 * S + draw.randrange(S) for i in range(2)]
        windows = [window(i, start, start + S // 2) for i, start in enumerate(starts)]
        found = analysed([counter()], {"c": (t, raw)}, windows, [window(0, S // 2, 2 * S, Phase.IDLE)]).energy_j_per_inference
        assert found.high - found.low < 0.4 * found.value
        held += found.low <= 50 * 0.5 / 100 <= found.high
    assert held >= 181  # of 200: what a binomial test at 1 % lets pass as 95 %


def test_the_interval_of_held_samples_holds_the_truth():
    t = np.arange(0, 60 * S, S // 10)
    windows = [window(i, 3 * S + i * 4 * S + S // 100, 5 * S + i * 4 * S + S // 100) for i in range(10)]
    watts = [ACTIVE_W if any(w.start_ns <= at < w.end_ns for w in windows) else IDLE_W for at in t]
    channel = Channel(
        id="c", meter="test", boundary=Boundary.GPU_BOARD, measurand=Measurand.POWER, unit="W", origin=Origin.EMULATED, quantum=1.0
    )
    found = analysed([channel], {"c": (t, watts)}, windows, [window(0, S // 2, 2 * S, Phase.IDLE)]).energy_j_per_inference
    assert found.value == pytest.approx(ACTIVE_W * 2 / 100)
    assert found.low <= ACTIVE_W * 2 / 100 <= found.high


STEADY = [window(i, (5 + 5 * i) * S, (7 + 5 * i) * S) for i in range(4)]
IDLES = [window(0, S, 4 * S, Phase.IDLE), window(1, 30 * S, 33 * S, Phase.IDLE)]
TIMES = np.arange(0, 40 * S, S // 100)


def test_an_error_of_the_instrument_is_subtracted_with_what_it_multiplies():
    # 50 W of which 45 W idle, read by a meter that is 5 % off: net is 5 W, off by 5 % of 5 W and not of 50 W.
    raw = joules(TIMES, STEADY, 45.0, 50.0) * 1e6
    accuracy = Accuracy(source="stated", gain_rel=0.05, offset_w=1.0)
    net = analysed([counter()], {"c": (TIMES, raw)}, STEADY, IDLES, accuracy).net_j_per_inference
    assert net.value == pytest.approx(0.1)
    assert net.high - net.value == pytest.approx(1.96 * 0.05 * 0.1, rel=0.01)
    assert [note.code for note in net.notes] == []
    assert {term.name for term in net.budget} >= {"repeatability", "gain", "offset", "baseline"}


def test_one_idle_window_says_nothing_about_how_the_baseline_moves():
    found = analysed([counter()], {"c": (TIMES, joules(TIMES, STEADY) * 1e6)}, STEADY, IDLES[:1])
    (drift,) = [term for term in found.idle_w.budget if term.name == "baseline"]
    assert (drift.u, bool(drift.reason)) == (None, True)
    assert found.idle_w.quality == found.net_j_per_inference.quality == "caveats"


def test_windows_without_readings_count_as_not_covered():
    late = window(9, 100 * S, 102 * S)
    found = analysed([counter()], {"c": (TIMES, joules(TIMES, STEADY) * 1e6)}, [*STEADY, late], IDLES)
    assert found.coverage == pytest.approx(4 / 5)
    assert found.window_j[-1] is None


def test_an_outlier_is_called_by_the_number_of_its_window():
    windows = [window(i, (5 + 3 * i) * S, (7 + 3 * i) * S) for i in range(7)]
    t = np.arange(6 * S + 1, 40 * S, S // 100)  # the first window has no reading at its start
    more_w = [0.0, 0.5, 1.0, -0.5, 0.2, 90.0, -1.0]
    raw = 1e6 * sum((joules(t, [w], 0.0, ACTIVE_W + more) for w, more in zip(windows, more_w, strict=True)), start=joules(t, [], IDLE_W))
    notes = analysed([counter()], {"c": (t, raw)}, windows, IDLES[1:]).energy_j_per_inference.notes
    (odd,) = [note.text for note in notes if note.code == "windows.outlier"]
    assert odd.startswith("window 5 stands out; the mean is ")


def test_the_same_kind_of_meter_on_another_machine_is_another_instrument():
    readings = {"c": (TIMES, joules(TIMES, STEADY) * 1e6)}
    gains = [
        [term.instrument for term in analysed([counter()], readings, STEADY, IDLES, machine=name).energy_j_per_inference.budget]
        for name in ("laptop", "server")
    ]
    assert set(gains[0]) & set(gains[1]) == {None}


def test_steps_of_counters_that_are_added_add_in_squares():
    pair = [counter(quantum=1e6, name=name) for name in ("a", "b")]
    one = (TIMES, joules(TIMES, STEADY) * 1e6)
    both = analysed(pair, {"a": one, "b": one}, STEADY, IDLES).energy_j_per_inference
    alone = analysed(pair[:1], {"a": one}, STEADY, IDLES).energy_j_per_inference
    u = [next(term.u for term in found.budget if term.name == "quantum") for found in (both, alone)]
    assert u[0] == pytest.approx(2**0.5 * u[1])


def test_an_unknown_figure_of_an_emulated_meter_says_that_it_was_emulated():
    # Idle is known and shown beside it: without an origin of its own the row would show emulated watts as if nobody had emulated them.
    t = np.arange(0, 30 * S, S // 100)
    raw = np.where(t < 12 * S, np.floor(joules(t, STEADY) * 1e6), 0.0)  # the counter is reset inside the windows
    found = analysed([counter()], {"c": (t, raw)}, [window(0, 11 * S, 13 * S)], [window(0, S, 3 * S, Phase.IDLE)])
    assert found.idle_w.value == pytest.approx(IDLE_W)
    for figure in (found.energy_j_per_inference, found.net_j_per_inference, found.mean_w):
        assert (figure.value, figure.origins) == (None, (Origin.EMULATED,))
