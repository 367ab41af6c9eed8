"""Run edgekit's own code, unmodified, on the emulated instruments, and compare what it says with the truth."""

from __future__ import annotations

import json
import sys

import pytest

from tests.instruments import plants
from tests.instruments.emulated import run_on, run_python
from tests.tiny import write_onnx

PLAN = ("--windows", "4", "--window", "1", "--idle", "1", "--warmup", "0.2", "--cooldown", "0.1")
RAILS = {
    "workstation": {"cpu_package": "package", "cpu_core": "core", "dram": "dram", "platform": "psys", "gpu_board": "gpu"},
    "jetson": {"module": "module"},
    "pi5": {"soc_rail": ("vdd-core", "ddr")},
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "meters"), [("workstation", ("rapl", "nvml")), ("jetson", ("jetson",)), ("pi5", ("pmic",))])
def test_a_bench_gives_the_plants_joules_within_its_interval(tmp_path, name, meters):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    model = write_onnx(tmp_path / "tiny.onnx")
    chosen = [word for meter in meters for word in ("--meter", meter)]
    command = [sys.executable, "-m", "edgekit", "--json", "bench", model, "--device", "local", "--runs", tmp_path / "runs", *chosen, *PLAN]
    done = run_on(plants.named(name), command, tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").glob("*-tiny*")
    record = json.loads((folder / "run.json").read_text())
    windows = [window for window in record["windows"] if window["phase"] == "measure"]
    found = {row["boundary"]: row["energy_j_per_inference"] for row in record["analysis"]["channels"]}
    for boundary, rails in RAILS[name].items():
        held = [rails] if isinstance(rails, str) else rails
        energy = sum(done.plant.energy_j(rail, window["start_ns"], window["end_ns"]) for rail in held for window in windows)
        truth = energy / sum(window["inferences"] for window in windows)
        stated = found[boundary]
        assert stated["origins"] == ["emulated"]
        assert stated["low"] <= truth <= stated["high"], boundary
        if boundary in ("cpu_package", "gpu_board"):  # a window of a second has ten ticks of the GPU, and a busy machine an uneven load
            assert stated["value"] == pytest.approx(truth, rel=0.01 if boundary == "cpu_package" else 0.05), boundary


PERF = """
import json, os, time
from edgekit.runner.counters import perf
names = {2: "energy-pkg", 3: "energy-ram"}
def opener(kind, config, cpu):
    assert kind == 28
    return os.open(f"{os.environ['EDGEKIT_INSTRUMENTS']}/perf/{names[config]}-{cpu}", os.O_RDONLY)
found = perf.probe({}, opener)
events = perf.Events(found["channels"], opener)
rows = [(time.monotonic_ns(), [read() for _, read in events.readers])]
time.sleep(0.3)
rows.append((time.monotonic_ns(), [read() for _, read in events.readers]))
print(json.dumps({"channels": found["channels"], "rows": rows}))
"""


def test_perf_events_are_read_through_an_injected_opener(tmp_path):
    done = run_python(plants.named("server"), PERF, tmp_path)
    seen = done.json()
    (start, first), (end, last) = seen["rows"]
    domains = {(channel["cpu"], channel["domain"]): place for place, channel in enumerate(seen["channels"])}
    assert set(domains) == {(0, "package"), (0, "dram"), (18, "package"), (18, "dram")}
    for (cpu, domain), place in domains.items():
        joules = (last[place] - first[place]) * seen["channels"][place]["scale"]
        assert joules == pytest.approx(done.plant.energy_j(f"{domain}-{cpu // 18}", start, end), abs=100 * 0.004)


REGION = """
import json, sys, time
import edgekit
with edgekit.measure("steady", meter=sys.argv[1]) as region:
    time.sleep(1.0)
figure = region.energy_j
stated = {"low": figure.low, "high": figure.high, "value": figure.value, "origins": list(figure.origins)}
print(json.dumps({**stated, "seconds": region.duration_s}))
"""


@pytest.mark.parametrize(("meter", "rail", "watts"), [("rapl", "package", 50.0), ("nvml", "gpu", 300.0)])
def test_a_region_of_a_program_gives_the_plants_joules(tmp_path, meter, rail, watts):
    spec = {"rails": {rail: {"loads": [{"kind": "constant", "power_w": watts}]}}}
    if meter == "rapl":
        spec["powercap"] = {"zones": [{"name": "package-0", "rail": rail}]}
    else:
        spec["nvml"] = {"gpus": [{"rail": rail}]}
    seen = run_python(spec, REGION.replace("sys.argv[1]", repr(meter)), tmp_path).json()
    assert seen["origins"] == ["emulated"]
    assert seen["low"] <= watts * seen["seconds"] <= seen["high"]
    assert seen["value"] == pytest.approx(watts * seen["seconds"], rel=0.12 if meter == "nvml" else 0.005)
