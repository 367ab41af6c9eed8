"""GPUs that fall off, are reset, stop counting or may no longer be asked, behind an emulated NVML."""

from __future__ import annotations

import pytest

from tests.faults.scene import assert_repeatable, assert_true, benchmark, channel, holding, sound, steady, used

pytestmark = pytest.mark.slow

GPU = "nvml.gpu0.energy"
PLAN = {"--windows": "4", "--window": "0.8", "--cooldown": "0.1"}


def test_a_gpu_that_falls_off_leaves_the_processor_measured(tiny, tmp_path):
    with benchmark(steady("workstation"), tiny, tmp_path, "rapl", "nvml", plan=PLAN, options=()) as bench:
        lost_ns = bench.after(2)
        bench.plant.gpus[0].lost_at_ns = lost_ns
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    assert record.status == "complete"
    assert used(record, GPU) == sound(record, 0, 1)
    assert used(record, "rapl.package-0") == sound(record)
    assert_true(told, GPU, "gpu")
    assert_true(told, "rapl.package-0", "package")
    assert f"channel {GPU} could not be read any more: Gone: GPU is lost\n  do   `edgekit meters --all`" in told.stderr
    assert "2 windows are left out: no usable readings" in told.stderr
    assert_repeatable(told)


def test_a_gpu_that_falls_off_alone_ends_the_run(tiny, tmp_path):
    with benchmark(steady("gpu"), tiny, tmp_path, "nvml", plan={**PLAN, "--windows": "60"}, options=()) as bench:
        bench.plant.gpus[0].lost_at_ns = bench.after(2)
        told = bench.end(30)
    record = told.record
    assert (told.returncode, record.status) == (4, "failed")
    assert used(record, GPU) == sound(record, 0, 1)
    assert_true(told, GPU, "gpu")
    assert "error: every counter was lost while it was read\n  why  " in told.stderr
    assert f"edgekit bench --reanalyse runs/{record.id}" in told.stderr.replace(f"{told.runs}", "runs")
    assert "[meter.lost]" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_gpu_whose_counter_begins_anew_or_stands_still_costs_its_windows_and_counts_no_zeros(tiny, tmp_path):
    with benchmark(steady("gpu"), tiny, tmp_path, "nvml", plan={**PLAN, "--windows": "5"}) as bench:
        reset_ns = bench.after(1)
        bench.plant.gpus[0].reset_at_ns = reset_ns
        frozen_ns = bench.after(3)
        bench.plant.gpus[0].frozen_at_ns = frozen_ns
        told = bench.end()
    assert told.returncode == 0, told.stderr
    record = told.record
    assert (holding(record, reset_ns), holding(record, frozen_ns)) == ([1], [3])
    assert used(record, GPU) == sound(record, 0, 2)
    assert_true(told, GPU, "gpu")
    notes = [note.text for note in channel(record, GPU).energy_j_per_inference.notes]
    for why in ("the counter was reset inside the window", "the counter stood still for"):
        assert any(why in text for text in notes), notes
        assert any(why in note["text"] for note in told.document["notes"])
