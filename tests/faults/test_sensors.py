"""Power sensors that go wrong while a benchmark runs: the rails of an emulated Jetson."""

from __future__ import annotations

import os
import signal
import time

import pytest

from edgekit.core.quantity import Estimate
from tests.faults.scene import assert_repeatable, benchmark, channel, holding, measured, steady, unused, used, wait_for

pytestmark = pytest.mark.slow


RAILS = "jetson.VDD_CPU_GPU_CV+jetson.VDD_SOC"  # one boundary, so they are one figure


def test_samples_that_fail_cost_their_windows_and_only_on_their_rail(tiny, tmp_path):
    with benchmark(steady("jetson"), tiny, tmp_path, "jetson", plan={"--windows": "4", "--window": "1.3", "--warmup": "0"}) as bench:
        nan_ns = bench.after(1)
        bench.fault("*/curr2_input", "nan", nan_ns, 0.06)  # six readings at most: they may come back
        hole_ns = bench.after(2)
        bench.fault("*/curr3_input", "EIO", hole_ns)
        away_ns = bench.after(3) - 450_000_000
        sampler = bench.sampler()
        wait_for(away_ns)
        os.kill(sampler, signal.SIGSTOP)
        time.sleep(0.9)  # inside the window: a counter would lose nothing in it
        os.kill(sampler, signal.SIGCONT)
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record, away = told.record, holding(told.record, away_ns)
    assert unused(record, "jetson.VDD_IN") == away == [3]
    assert unused(record, RAILS) == [2, 3]
    said = [note["text"] for note in told.document["notes"]]
    assert "channel jetson.VDD_SOC could not be read any more: OSError: [Errno 5] Input/output error" in said
    assert any("of jetson.VDD_CPU_GPU_CV could not be used: ValueError: invalid literal" in text for text in said)
    assert any("readings cover only" in text for text in said)
    for name, parts in (("jetson.VDD_IN", ["module"]), (RAILS, ["cpu-gpu", "soc"])):
        figure = channel(record, name).energy_j_per_inference
        assert isinstance(figure, Estimate), figure
        windows = [window for window in measured(record) if window.index in used(record, name)]
        truth = sum(told.plant.energy_j(rail, w.start_ns, w.end_ns) for w in windows for rail in parts)
        assert figure.low <= truth / sum(w.inferences or 0 for w in windows) <= figure.high, (name, figure)
    assert_repeatable(told)
