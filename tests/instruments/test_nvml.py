"""Check the emulated NVML library through nvidia-ml-py, as every program uses it."""

from __future__ import annotations

import pytest

from edgekit.sim.emulators.sensor import PowerSensor
from edgekit.sim.emulators.ticks import Ticks
from tests.instruments import plants
from tests.instruments.emulated import run_python

WAVE = {"kind": "square", "low_w": 70, "high_w": 400, "period_s": 0.17}


def spec(**gpu):
    row = {"rail": "gpu", "memory_rail": "memory", "period_s": 0.05, "jitter": 0.1, **gpu}
    rails = {"memory": {"loads": [{"kind": "bursts", "power_w": 30, "mean_on_s": 0.02, "mean_off_s": 0.05}]}}
    rails["gpu"] = {
        "loads": [WAVE, {"kind": "ramp", "from_w": 5, "to_w": 50, "seconds": 2}],
        "parts": {"memory": 1.0},
        "active_w": {"gpu": 100},
    }
    return {"seed": 5, "rails": rails, "nvml": {"gpus": [row]}}


BEGIN = """
import json, time
import pynvml as n
n.nvmlInit()
gpu = n.nvmlDeviceGetHandleByIndex(0)
def field(identity, scope=0):
    found = n.nvmlDeviceGetFieldValues(gpu, [(identity, scope)])[0]
    return found.value.uiVal if found.nvmlReturn == 0 else -found.nvmlReturn
def tried(call, *arguments):
    try: return call(gpu, *arguments)
    except n.NVMLError as error: return str(error)
"""

FOLLOW = (
    BEGIN
    + """
import os, pathlib
from tests.instruments.plantfile import Plant
busy = Plant(pathlib.Path(os.environ["EDGEKIT_PLANT"])).channels["gpu"]
rows, end = [], time.monotonic() + 1.2
while time.monotonic() < end:
    busy.append(float(int(time.monotonic() * 7) % 2))
    before = time.monotonic_ns()
    values = n.nvmlDeviceGetTotalEnergyConsumption(gpu), field(186), field(185), n.nvmlDeviceGetPowerUsage(gpu), field(186, 2)
    rows.append((before, time.monotonic_ns(), *values))
    time.sleep(0.004)
print(json.dumps(rows))
"""
)


@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_energy_and_power_are_those_of_the_sensor_on_the_plant(tmp_path, fraction):
    done = run_python(spec(sampled_fraction=fraction, start_mj=1000), FOLLOW, tmp_path)
    plant, row = done.plant, done.plant.gpus[0]
    ticks = Ticks(period_ns=row.period_ns, jitter_ns=row.jitter_ns, seed=row.seed)
    board = PowerSensor(lambda t: plant.rails.total_j("gpu", plant.epoch_ns + t), ticks, fraction)
    memory = PowerSensor(lambda t: plant.rails.total_j("memory", plant.epoch_ns + t), ticks, fraction)
    rows = [(after - plant.epoch_ns, values) for before, after, *values in done.json() if _same_tick(ticks, plant, before, after)]
    assert len(rows) > 50
    assert len({values[0] for _, values in rows}) > 15
    for t, (energy_mj, instant_mw, average_mw, usage_mw, memory_mw) in rows:
        assert energy_mj == pytest.approx(1000 + 1e3 * board.energy_j(t), abs=2)
        assert instant_mw == pytest.approx(1e3 * board.power_w(t), abs=2)
        assert average_mw == usage_mw == pytest.approx(1e3 * board.average_w(t), abs=2)
        assert memory_mw == pytest.approx(1e3 * memory.power_w(t), abs=2)


def _same_tick(ticks, plant, before, after):
    return ticks.last(before - plant.epoch_ns) == ticks.last(after - plant.epoch_ns)


LOOK = (
    BEGIN
    + """
print(json.dumps({
    "name": n.nvmlDeviceGetName(gpu), "uuid": n.nvmlDeviceGetUUID(gpu), "driver": n.nvmlSystemGetDriverVersion(),
    "count": n.nvmlDeviceGetCount(),
    "mig": n.nvmlDeviceGetMigMode(gpu)[0], "energy": tried(n.nvmlDeviceGetTotalEnergyConsumption),
    "instant": field(186), "module": field(186, 1),
    "clock": n.nvmlDeviceGetClockInfo(gpu, n.NVML_CLOCK_SM), "limit": n.nvmlDeviceGetEnforcedPowerLimit(gpu),
    "temperature": n.nvmlDeviceGetTemperature(gpu, n.NVML_TEMPERATURE_GPU), "throttle": n.nvmlDeviceGetCurrentClocksThrottleReasons(gpu),
    "memory": n.nvmlDeviceGetMemoryInfo(gpu).total, "absent": tried(n.nvmlDeviceGetFanSpeed),
    "processes": len(n.nvmlDeviceGetComputeRunningProcesses(gpu)), "architecture": n.nvmlDeviceGetArchitecture(gpu),
    "same": n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleByUUID(n.nvmlDeviceGetUUID(gpu))),
}))
"""
)


def test_a_gpu_says_what_programs_ask(tmp_path):
    seen = run_python(spec(throttle=0x24, limit_w=650), LOOK, tmp_path).json()
    assert seen["name"].startswith("Emulated")
    assert seen["uuid"].startswith("GPU-")
    assert (seen["driver"], seen["count"], seen["mig"], seen["throttle"], seen["limit"]) == ("580.65.06", 1, 0, 0x24, 650_000)
    assert seen["memory"] == 80 << 30
    assert seen["module"] == -3, "no such rail: not supported"
    assert (seen["absent"], seen["processes"], seen["architecture"], seen["same"]) == ("Function Not Found", 2, 9, 0)


def test_a_gpu_may_lack_what_others_have(tmp_path):
    seen = run_python(spec(has_energy=False, has_instant=False, mig=True), LOOK, tmp_path).json()
    assert (seen["energy"], seen["instant"], seen["mig"]) == ("Not Supported", -3, 1)


FAIL = (
    BEGIN
    + """
import os, pathlib, sys
from tests.instruments.plantfile import Plant
row = Plant(pathlib.Path(os.environ["EDGEKIT_PLANT"])).gpus[0]
time.sleep(0.3)
before = tried(n.nvmlDeviceGetTotalEnergyConsumption)
setattr(row, sys.argv[1] + "_at_ns", time.monotonic_ns())
time.sleep(0.25)
first = tried(n.nvmlDeviceGetTotalEnergyConsumption)
time.sleep(0.25)
print(json.dumps([before, first, tried(n.nvmlDeviceGetTotalEnergyConsumption)]))
"""
)


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        ("lost", lambda before, first, second: first == second == "GPU is lost"),
        ("forbidden", lambda before, first, second: second == "Insufficient Permissions"),
        ("frozen", lambda before, first, second: isinstance(before, int) and before <= first == second),
        ("reset", lambda before, first, second: 0 <= first < second < before),
    ],
)
def test_faults_come_when_told(tmp_path, fault, holds):
    script = FAIL.replace("sys.argv[1]", repr(fault))
    assert holds(*run_python(spec(), script, tmp_path).json())


def test_without_gpus_the_library_says_that_no_driver_is_loaded(tmp_path):
    script = "import pynvml as n\ntry: n.nvmlInit()\nexcept n.NVMLError as error: print(error)"
    empty = {**plants.named("gpu"), "nvml": {"gpus": [], "driver": "1"}}
    assert run_python(empty, script, tmp_path).stdout.strip() == "Driver Not Loaded"
