"""Counters as a program meets them: on emulated instruments that lie on their real paths (tests/instruments), through no replaced root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.instruments import plants
from tests.instruments.emulated import run_python

PROBE = """
import json
from edgekit.runner import counters
print(json.dumps(counters.probe("{name}", {{}})))
"""


def probe(name: str, plant: str, tmp_path: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = run_python(plants.named(plant), PROBE.format(name=name), tmp_path, *options).json()
    assert found["emulated"] is True
    return found


@pytest.mark.parametrize(
    ("name", "plant", "channels", "note"),
    [
        ("rapl", "laptop", 5, "intel-rapl-mmio:0 (package-0) repeats intel-rapl:0"),
        ("rapl", "server", 4, ""),
        ("rapl", "amd", 2, "intel-rapl:1 (package-0-die-1) shows the counter of intel-rapl:0 (package-0-die-0) once more"),
        ("nvml", "gpu", 3, ""),
        ("jetson", "jetson", 3, ""),
        ("pmic", "pi5", 12, "EXT5V has a voltage but no current"),
    ],
)
def test_every_instrument_is_found_with_its_duplicates_named(name: str, plant: str, channels: int, note: str, tmp_path: Path) -> None:
    found = probe(name, plant, tmp_path)
    assert found["usable"], found["why"]
    assert len(found["channels"]) == channels
    assert note in "; ".join(found["notes"])


def test_an_ordinary_user_is_told_the_rule_and_the_remedies(tmp_path: Path) -> None:
    found = probe("rapl", "laptop", tmp_path, "--as-ordinary-user")
    assert "energy_uj has mode 0o400 and this user may not read it" in found["why"]
    assert "CVE-2020-8694" in found["detail"]


BOTH = """
import json, os, time
from edgekit.runner.counters import rapl
EVENTS = {2: "energy-pkg", 3: "energy-ram"}
folder = os.environ["EDGEKIT_INSTRUMENTS"] + "/perf"

def opener(kind, config, cpu):
    return os.open(f"{folder}/{EVENTS[config]}-{cpu}", os.O_RDONLY)

tree = {"powercap": "/sys/class/powercap"}
events = {**tree, "perf": "/sys/bus/event_source/devices/power", "sys": "/sys"}
found = rapl.probe(events, opener=opener)
scale = {row["id"]: row["scale"] for row in found["channels"]}
perf, zones = rapl.start(events, [], found, opener), rapl.start(tree, [])

def read():
    return {i: r() * scale[i] for i, r in perf.readers}, {i: r() * 1e-6 for i, r in zones.readers}

before = read()
time.sleep(0.7)
after = read()
print(json.dumps([{i: b[i] - a[i] for i in a} for a, b in zip(before, after)]))
"""


def test_perf_and_powercap_count_the_same_joules(tmp_path: Path) -> None:
    perf, zones = run_python(plants.named("server"), BOTH, tmp_path).json()
    assert set(perf) <= set(zones)
    assert len(perf) >= 2
    for identity, joules in perf.items():
        assert joules == pytest.approx(zones[identity], rel=0.03), identity
        assert joules > 1


READ = """
import json
from edgekit.runner import counters
opened = counters.start("{name}", {{}}, [])
print(json.dumps({{identity: read() for identity, read in opened.readers}}))
opened.close()
"""


def test_a_jetsons_rails_show_the_plants_watts(tmp_path: Path) -> None:
    watts = run_python(plants.named("jetson"), READ.format(name="jetson"), tmp_path).json()
    assert watts["jetson.VDD_SOC"] * 1e-6 == pytest.approx(1.5, abs=0.03)
    assert watts["jetson.VDD_IN"] > watts["jetson.VDD_SOC"] + watts["jetson.VDD_CPU_GPU_CV"]


def test_the_pmics_rails_show_the_plants_watts(tmp_path: Path) -> None:
    watts = run_python(plants.named("pi5"), READ.format(name="pmic"), tmp_path).json()
    assert 0.29 <= watts["pmic.DDR_VDD2"] <= 1.2
    assert watts["pmic.HDMI"] == 0.0


TICKS = """
import json, time
from edgekit.runner.sample import Sampler
sent = []
sampler = Sampler(sent.append, aside=lambda pids: None)
channels = sampler.start({"counters": ["nvml"], "hz": 20})["channels"]
end = time.monotonic() + 6
while time.monotonic() < end:
    time.sleep(sampler.tick())
cost = sampler.stop({})
rows = [row for message in sent if message["event"] == "readings" for row in message["rows"]]
rows = [row for row in rows if channels[row[0]] == "nvml.gpu0.energy" and row[1] > rows[0][1] + 2.5e9]
apart = [new[1] + new[2] - old[1] + old[2] for old, new in zip(rows, rows[1:]) if new[3] != old[3]]
print(json.dumps({"apart_ns": sorted(apart)[len(apart) // 2], "ticks": len(apart), "hz": cost["reads"] / cost["wall_s"] / len(channels)}))
"""


@pytest.mark.slow
def test_the_updates_of_a_gpus_counter_are_dated_sharply(tmp_path: Path) -> None:
    """At an even 20 Hz each update of the emulated library (100 ms, 1 ms of jitter) is known to 50 ms."""
    seen = run_python(plants.named("gpu"), TICKS, tmp_path).json()
    assert seen["ticks"] > 25
    assert seen["apart_ns"] < 20_000_000
    assert seen["hz"] < 1.3 * 20
