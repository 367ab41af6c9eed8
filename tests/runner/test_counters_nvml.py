"""NVML: which GPUs are read, what stands in for what is missing, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.runner.counters import nvml
from tests.runner.talk import runner

FAKE_NVML = Path(__file__).resolve().parents[1] / "fakes" / "nvml"


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


def probe(cache: Path, roots: dict[str, str] | None = None, **scene: str) -> dict[str, Any]:
    """Return the probe of a runner that finds a scripted NVML in place of NVIDIA's."""
    with runner("infer", cache, options=(), env={"PYTHONPATH": str(FAKE_NVML), **scene}) as talk:
        return talk.ask("probe", counters=["nvml"], roots=roots or {})["counters"]["nvml"]  # type: ignore[no-any-return]


def ids(found: dict[str, Any]) -> list[str]:
    return [channel["id"] for channel in found["channels"]]


def test_the_gpus_that_no_engine_runs_on_are_left_out(tmp_path: Path) -> None:
    found = probe(tmp_path, CUDA_VISIBLE_DEVICES="1,0")
    assert {identity.split(".")[1] for identity in ids(found)} == {"gpu1"}
    assert found["notes"] == ["GPU 0 is not read: engines run on GPU 1"]


@pytest.mark.parametrize(("gpus", "read"), [("all", {"gpu0", "gpu1"}), ("0,1", {"gpu0", "gpu1"}), ("1", {"gpu1"})])
def test_more_gpus_are_read_when_asked_for(tmp_path: Path, gpus: str, read: set[str]) -> None:
    found = probe(tmp_path, {"gpus": gpus})
    assert {identity.split(".")[1] for identity in ids(found)} == read
    assert len({channel["identity"] for channel in found["channels"]}) == len(read)
    assert "emulated" not in found, "an option is no replaced root"


def test_a_gpu_that_is_not_visible_cannot_be_asked_for(tmp_path: Path) -> None:
    found = probe(tmp_path, {"gpus": "0,7"}, CUDA_VISIBLE_DEVICES="0")
    assert not found["usable"]
    assert found["why"] == "the option gpus names 7; visible: 0"


def test_energy_and_instant_power_of_the_visible_gpu_are_offered(tmp_path: Path) -> None:
    found = probe(tmp_path, CUDA_VISIBLE_DEVICES="1")
    assert found["usable"]
    assert [(channel["id"], channel["raw_unit"]) for channel in found["channels"]] == [
        ("nvml.gpu1.energy", "mJ"),
        ("nvml.gpu1.power", "mW"),
    ]
    assert found["channels"][0]["gpu"] == "Scripted GPU"
    assert found["channels"][0]["identity"] == "GPU-1111"
    assert found["channels"][0]["driver"] == "999.1"


def test_without_an_energy_counter_power_is_offered_and_that_is_said(tmp_path: Path) -> None:
    found = probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_NO_ENERGY="1")
    assert ids(found) == ["nvml.gpu0.power"]
    assert "no energy reading" in found["notes"][0]


def test_a_counter_that_stands_still_while_power_flows_is_not_used(tmp_path: Path) -> None:
    found = probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_FROZEN="1")
    assert ids(found) == ["nvml.gpu0.power"]
    assert "energy counter that stood still for 1 s while power flowed" in found["notes"][0]


def test_a_counter_may_stand_still_where_no_power_flows(tmp_path: Path) -> None:
    assert "nvml.gpu0.energy" in ids(probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_FROZEN="1", FAKE_NVML_OFF="1"))


def test_an_average_is_read_only_where_instant_power_is_missing_and_called_one(tmp_path: Path) -> None:
    found = probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_FIELDS="185/0", FAKE_NVML_NO_ENERGY="1")
    (row,) = found["channels"]
    assert (row["id"], row["averaging_s"]) == ("nvml.gpu0.power_average", 1.0)
    assert [note for note in found["notes"] if "mean of the second before it" in note]
    assert "nvml.gpu0.power_average" not in ids(probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_FIELDS="185/0 186/0"))


def test_module_power_stands_in_on_grace_hopper_with_a_note(tmp_path: Path) -> None:
    found = probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_FIELDS="186/1")
    assert [(row["id"], row["domain"]) for row in found["channels"]] == [("nvml.gpu0.energy", "gpu"), ("nvml.gpu0.power", "gpu_module")]
    assert [note for note in found["notes"] if "the processor beside the GPU is included" in note]


def test_the_memorys_power_is_inside_the_boards(tmp_path: Path) -> None:
    row = probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_FIELDS="186/0 186/2")["channels"][-1]
    assert (row["id"], row["domain"], row["parent"]) == ("nvml.gpu0.memory", "gpu_memory", "nvml.gpu0.energy")


def test_an_emulated_gpu_says_so_by_its_name(tmp_path: Path) -> None:
    assert probe(tmp_path, CUDA_VISIBLE_DEVICES="0", FAKE_NVML_NAME="Emulated H100")["emulated"] is True


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        ({"FAKE_NVML_MIG": "1"}, "MIG"),
        ({"FAKE_NVML_MISSING": "1"}, "NVML does not answer"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "no GPU is visible: 2 present"),
        ({"FAKE_NVML_NO_ENERGY": "1", "FAKE_NVML_NO_POWER": "1"}, "no power reading"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, scene: dict[str, str], why: str) -> None:
    found = probe(tmp_path, **scene)
    assert not found["usable"]
    assert why in found["why"]
    assert found["do"]


def test_without_bindings_the_package_is_named(tmp_path: Path) -> None:
    with runner("infer", tmp_path, options=("-I", "-S")) as talk:
        found = talk.ask("probe", counters=["nvml"])["counters"]["nvml"]
    assert "nvidia-ml-py" in found["do"][0][1]


def test_a_gpu_that_falls_off_the_bus_is_lost_and_the_other_goes_on(tmp_path: Path) -> None:
    scene = {"PYTHONPATH": str(FAKE_NVML), "FAKE_NVML_LOST_AFTER": "30"}
    with runner("sample", tmp_path, options=(), env=scene) as talk:
        started = talk.ask("start", counters=["nvml"], hz=500, fast=True, roots={"gpus": "all"})
        lost = talk.hear()
        while lost is not None and lost.get("event") != "lost":
            lost = talk.hear()
        assert lost is not None
        assert (lost["channel"], lost["why"]) == ("nvml.gpu1.energy", "Gone: GPU is lost")
        after, index = lost["t_ns"], started["channels"].index("nvml.gpu0.energy")
        rows = talk.hear()
        while rows is not None and not [row for row in rows.get("rows", []) if row[0] == index and row[1] > after]:
            rows = talk.hear()
        assert rows is not None
        assert talk.ask("stop")["ok"]


def test_gpu_facts_name_the_board_and_what_throttles_it(tmp_path: Path) -> None:
    with runner("infer", tmp_path, options=(), env={"PYTHONPATH": str(FAKE_NVML), "CUDA_VISIBLE_DEVICES": "0"}) as talk:
        reply = talk.ask("facts")
    assert reply["facts"]["gpu"] == "Scripted GPU (driver 999.1)"
    assert reply["facts"]["throttled"] is True
    assert reply["gpu"]["throttle_reasons"] == ["sw_power_cap", "sw_thermal"]
    assert reply["gpu"]["temperature_c"] == 55.0
    assert reply["gpu"]["sm_clock_hz"] == 1_980_000_000


def test_each_board_says_which_power_it_keeps_to(tmp_path: Path) -> None:
    found = probe(tmp_path, {"gpus": "all"}, FAKE_NVML_LIMITS_MW="70000,450000")
    assert {channel["id"].split(".")[1]: channel["power_limit_w"] for channel in found["channels"]} == {"gpu0": 70.0, "gpu1": 450.0}


def test_a_board_without_a_power_limit_is_read_all_the_same(tmp_path: Path) -> None:
    assert {channel["power_limit_w"] for channel in probe(tmp_path)["channels"]} == {None}
