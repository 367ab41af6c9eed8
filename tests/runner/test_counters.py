"""Counters: which place each channel is, what contains what, when it wraps, and what to do when it may not be read."""

from __future__ import annotations

import os
import pwd
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgekit.runner import counters
from edgekit.runner.counters import cputime, nvml, rapl
from tests.runner import trees
from tests.runner.talk import runner

FAKE_NVML = Path(__file__).resolve().parents[1] / "fakes" / "nvml"


def probed(root: Path) -> dict[str, Any]:
    return counters.probe("rapl", {"powercap": str(root)})


def parents(found: dict[str, Any]) -> dict[str, str | None]:
    return {channel["id"]: channel["parent"] for channel in found["channels"]}


def test_rapl_zones_nest_and_dram_is_not_inside_its_package(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", trees.LAPTOP))
    assert found["usable"]
    assert parents(found) == {
        "rapl.package-0": "rapl.psys",
        "rapl.package-0.core": "rapl.package-0",
        "rapl.package-0.uncore": "rapl.package-0",
        "rapl.package-0.dram": "rapl.psys",
        "rapl.psys": None,
    }


def test_rapl_without_psys_has_packages_and_dram_side_by_side(tmp_path: Path) -> None:
    zones = {f"intel-rapl:{n}": (f"package-{n}-die-1", 5) for n in (0, 1)} | {f"intel-rapl:{n}:0": ("dram", 5) for n in (0, 1)}
    found = probed(trees.powercap(tmp_path / "powercap", zones))
    assert parents(found) == {
        "rapl.package-0-die-1": None,
        "rapl.package-0-die-1.dram": None,
        "rapl.package-1-die-1": None,
        "rapl.package-1-die-1.dram": None,
    }
    assert {channel["domain"] for channel in found["channels"]} == {"package", "dram"}


@pytest.mark.parametrize(
    ("maximum", "modulus", "unit"), [(trees.INTEL_MAX_UJ, 262_143_328_911, 61), (trees.AMD_MAX_UJ, 65_532_611_002, 15)]
)
def test_rapl_wraps_one_unit_after_its_maximum(tmp_path: Path, maximum: int, modulus: int, unit: int) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 1)}, maximum))
    assert (found["channels"][0]["wrap"], found["channels"][0]["quantum"]) == (modulus, unit)
    assert modulus == 2**32 * round(maximum * 1000 / (2**32 - 1)) // 1000


def test_rapl_without_a_maximum_has_an_unknown_modulus(tmp_path: Path) -> None:
    found = probed(trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 1)}, maximum=None))
    assert found["usable"]
    assert found["channels"][0]["wrap"] is None


def test_mmio_twins_are_skipped_and_reported(tmp_path: Path) -> None:
    zones = trees.LAPTOP | {"intel-rapl-mmio:0": ("package-0", 1_000_001)}
    found = probed(trees.powercap(tmp_path / "powercap", zones))
    assert len(found["channels"]) == len(trees.LAPTOP)
    assert found["notes"] == ["intel-rapl-mmio:0 repeats a zone of intel-rapl and is skipped"]


def test_a_zone_that_cannot_be_read_is_left_out_with_a_note(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    (root / "intel-rapl:1" / "energy_uj").write_text("")
    found = probed(root)
    assert "rapl.psys" not in parents(found)
    assert parents(found)["rapl.package-0"] is None
    assert "intel-rapl:1" in found["notes"][0]


@pytest.mark.parametrize("zones", [None, {}, {"intel-rapl-mmio:0": ("package-0", 1)}])
def test_a_machine_without_rapl_says_so(tmp_path: Path, zones: Any) -> None:
    root = tmp_path / "powercap"
    if zones is not None:
        trees.powercap(root, zones)
    found = probed(root)
    assert not found["usable"]
    assert str(root) in found["why"]


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Give up root for a while, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_forbidden_counter_names_file_mode_rule_and_remedies() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = trees.powercap(Path(folder, "powercap"), trees.LAPTOP)
        for zone in trees.LAPTOP:
            (root / zone / "energy_uj").chmod(0o400 if os.geteuid() == 0 else 0o000)
        with ordinary_user():
            found = probed(root)
    assert not found["usable"]
    assert "intel-rapl:0/energy_uj has mode 0o" in found["why"]
    assert "CVE-2020-8694" in found["detail"]
    commands = " ".join(command for _, command in found["do"])
    for remedy in ("chmod a+r", "udev", "tmpfiles", "sudo -E"):
        assert remedy in commands


def test_rapl_is_read_anew_each_time(tmp_path: Path) -> None:
    root = trees.powercap(tmp_path / "powercap", {"intel-rapl:0": ("package-0", 123)})
    zones = rapl.start({"powercap": str(root)}, [])
    ((identity, read),) = zones.readers
    assert (identity, read()) == ("rapl.package-0", 123)
    (root / "intel-rapl:0" / "energy_uj").write_text("456\n")
    assert read() == 456
    zones.close()


def test_cpu_time_is_that_of_the_process_and_all_its_threads() -> None:
    counter = cputime.start({}, [os.getpid()])
    if not counter.readers:
        pytest.skip("no CPU clocks of other processes on this system")
    ((_, read),) = counter.readers
    before, started = read(), time.process_time_ns()
    while time.process_time_ns() - started < 30_000_000:
        pass
    spent = read() - before
    assert 29_000_000 <= spent <= 200_000_000


def test_cpu_time_from_proc_counts_user_and_system_ticks(tmp_path: Path) -> None:
    stat = "(a name) with) S 1 1 1 0 -1 4194304 5 0 0 0 {user} {system} 7 7 20 0 1 0 100 0 0"
    for pid, user, system in ((os.getpid(), 0, 0), (77, 120, 30), (78, 1, 2)):
        trees.write(tmp_path, {f"{pid}/stat": f"{pid} " + stat.format(user=user, system=system)})
    roots = {"proc": str(tmp_path)}
    tick_ns = 10**9 // os.sysconf("SC_CLK_TCK")
    assert counters.probe("cputime", roots)["channels"][0]["quantum"] == tick_ns
    counter = cputime.start(roots, [77, 78])
    assert counter.readers[0][1]() == 153 * tick_ns


def test_cpu_time_of_an_ended_process_stays_what_it_was(tmp_path: Path) -> None:
    row = "77 (x) S 1 1 1 0 -1 0 0 0 0 0 {} 0 0 0 20 0 1 0 1 0 0"
    trees.write(tmp_path, {"77/stat": row.format(5)})
    ((_, read),) = cputime.start({"proc": str(tmp_path)}, [77]).readers
    alive = read()
    (tmp_path / "77" / "stat").unlink()
    assert read() == alive > 0


def test_cpu_time_without_proc_is_unusable_and_says_why(tmp_path: Path) -> None:
    found = counters.probe("cputime", {"proc": str(tmp_path)})
    assert not found["usable"]
    assert str(tmp_path) in found["why"]


def test_an_unknown_counter_is_unusable_and_lists_the_known() -> None:
    found = counters.probe("ina219", {})
    assert not found["usable"]
    assert "rapl, nvml, cputime" in found["detail"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, [0, 1, 2]),
        ("1", [1]),
        ("2,0", [2, 0]),
        ("GPU-b", [1]),
        ("GPU-c1,GPU-a", [2, 0]),
        ("", []),
        ("-1", []),
        ("0,9,1", [0]),
        ("GPU-x,1", []),
        ("MIG-1", []),
    ],
)
def test_cuda_visible_devices_is_honoured(wanted: str | None, chosen: list[int]) -> None:
    assert nvml.visible(["GPU-a1", "GPU-b1", "GPU-c1"], wanted) == chosen


def nvml_probe(cache: Path, **scene: str) -> dict[str, Any]:
    """Return the probe of a runner that finds a scripted NVML in place of NVIDIA's."""
    with runner("infer", cache, options=(), env={"PYTHONPATH": str(FAKE_NVML), **scene}) as talk:
        return talk.ask("probe", counters=["nvml"])["counters"]["nvml"]  # type: ignore[no-any-return]


def test_nvml_leaves_out_the_gpus_that_no_engine_runs_on(tmp_path: Path) -> None:
    found = nvml_probe(tmp_path, CUDA_VISIBLE_DEVICES="1,0")
    assert {channel["id"].split(".")[1] for channel in found["channels"]} == {"gpu1"}
    assert found["notes"] == ["GPU 0 is not read: engines run on GPU 1"]


def test_nvml_offers_energy_and_instant_power_of_the_visible_gpu(tmp_path: Path) -> None:
    found = nvml_probe(tmp_path, CUDA_VISIBLE_DEVICES="1")
    assert found["usable"]
    assert [(channel["id"], channel["raw_unit"]) for channel in found["channels"]] == [
        ("nvml.gpu1.energy", "mJ"),
        ("nvml.gpu1.power", "mW"),
    ]
    assert found["channels"][0]["gpu"] == "Scripted GPU"
    assert found["channels"][0]["uuid"] == "GPU-1111"
    assert found["channels"][0]["driver"] == "999.1"


def test_nvml_without_an_energy_counter_offers_power_and_says_so(tmp_path: Path) -> None:
    found = nvml_probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_NO_ENERGY="1")
    assert [channel["id"] for channel in found["channels"]] == ["nvml.gpu0.power"]
    assert "no energy reading" in found["notes"][0]


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        ({"FAKE_NVML_MIG": "1"}, "MIG"),
        ({"FAKE_NVML_MISSING": "1"}, "NVML does not answer"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "no GPU is visible: 2 present"),
        ({"FAKE_NVML_NO_ENERGY": "1", "FAKE_NVML_NO_POWER": "1"}, "no power reading"),
    ],
)
def test_nvml_that_cannot_be_used_says_why(tmp_path: Path, scene: dict[str, str], why: str) -> None:
    found = nvml_probe(tmp_path, **scene)
    assert not found["usable"]
    assert why in found["why"]
    assert found["do"]


def test_nvml_without_bindings_names_the_package(tmp_path: Path) -> None:
    with runner("infer", tmp_path, options=("-I", "-S")) as talk:
        found = talk.ask("probe", counters=["nvml"])["counters"]["nvml"]
    assert "nvidia-ml-py" in found["do"][0][1]


def test_gpu_facts_name_the_board_and_what_throttles_it(tmp_path: Path) -> None:
    with runner("infer", tmp_path, options=(), env={"PYTHONPATH": str(FAKE_NVML), "CUDA_VISIBLE_DEVICES": "0"}) as talk:
        reply = talk.ask("facts")
    assert reply["facts"]["gpu"] == "Scripted GPU (driver 999.1)"
    assert reply["facts"]["throttled"] is True
    assert reply["gpu"]["throttle_reasons"] == ["sw_power_cap", "sw_thermal"]
    assert reply["gpu"]["temperature_c"] == 55.0
    assert reply["gpu"]["sm_clock_hz"] == 1_980_000_000
