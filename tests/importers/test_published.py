"""What was published comes out again: the integrator's acceptance test on other people's traces."""

from __future__ import annotations

import pytest

TINY = 2e-4
WATTS = {
    "h200x8_maxq_resnet50_offline": 4954.03,
    "h200x8_maxq_bert99_offline": 5531.25,
    "untether_h13u3_resnet50_singlestream": 231.12,
}


def test_every_published_median_comes_out_of_its_trace(imported, shared_data):
    folder = shared_data / "mlperf_tiny" / "traces"
    result = imported("mlperf-tiny", folder)
    sources = {
        item.name.split("trace1-")[0].split("results.json")[0]
        for item in folder.iterdir()
        if item.name.endswith(("energy.bin", "results.json"))
    }
    assert len(result.runs) == len(sources) >= 6
    assert not result.failures
    energies = [item for item in result.agreements if item.figure == "energy_j_per_inference"]
    assert len(energies) == len(result.runs)
    for item in energies:
        outlier = "ad-NUCLEO_H7A3ZI_Q-v1.1" in item.run  # its own runner cut a window elsewhere
        assert abs(item.relative_difference) < (1e-3 if outlier else TINY), item
    assert {run.artifact.path.rpartition("-")[2] for run in result.runs} >= {"v1.0", "v1.1", "v1.2", "v1.3"}, "both generations of files"
    for run in result.runs:
        energy = run.analysis.energy_j_per_inference
        assert run.analysis.inferences > 0
        assert 0 < energy.high - energy.low < 0.1 * energy.value


@pytest.mark.parametrize("name", WATTS)
def test_the_official_mean_watts_come_out_of_the_power_logs(imported, shared_data, name):
    result = imported("ptdaemon", shared_data / "mlperf_inference" / name)
    (run,) = result.runs
    mean_w = next(item for item in result.agreements if item.figure == "mean_w")
    assert mean_w.published == pytest.approx(WATTS[name], abs=0.01)
    assert abs(mean_w.relative_difference) < 1e-3, "edgekit's own integral over the same window"
    energy = next(item for item in result.agreements if item.figure == "energy_j_per_inference")
    assert abs(energy.relative_difference) < 1e-3
    assert run.clock_maps[0].offset_ns == 0
