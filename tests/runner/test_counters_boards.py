"""Boards with sensors of their own: the rails of a Jetson by label, and the PMIC of a Raspberry Pi 5."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edgekit.meters.jetson import JetsonMeter
from edgekit.runner.counters import jetson, pmic
from tests.runner import trees


def probe(sysfs: Path) -> dict[str, Any]:
    return jetson.probe({"sys": str(sysfs)})


def places(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {row["id"]: (row["domain"], row["parent"]) for row in found["channels"]}


def test_the_modules_input_contains_the_other_rails(tmp_path: Path) -> None:
    trees.ina3221(tmp_path, 3, {"VDD_IN": (5000, 1200), "VDD_CPU_GPU_CV": (5000, 400), "VDD_SOC": (5000, 300)})
    found = probe(tmp_path)
    assert places(found) == {
        "jetson.VDD_IN": ("module", None),
        "jetson.VDD_CPU_GPU_CV": ("soc_rail", "jetson.VDD_IN"),
        "jetson.VDD_SOC": ("soc_rail", "jetson.VDD_IN"),
    }
    assert "without carrier board" in found["detail"]
    rails = jetson.start({"sys": str(tmp_path)}, [], found)
    assert {identity: read() for identity, read in rails.readers}["jetson.VDD_IN"] == 6_000_000, "5 V x 1.2 A in µW"
    rails.close()


def test_the_step_of_a_rail_is_that_of_its_shunt(tmp_path: Path) -> None:
    trees.ina3221(tmp_path, 0, {"VDD_IN": (5000, 1200)})
    (row,) = probe(tmp_path)["channels"]
    assert row["quantum"] == 8 * 5000, "40 µV over 5 mOhm are 8 mA, times 5 V"
    assert row["update_period_s"] == 0.02


@pytest.mark.parametrize(
    ("model", "most_w"),
    [
        ("NVIDIA Jetson Xavier NX Developer Kit", 40.0),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", 80.0),
        ("NVIDIA Jetson AGX Orin Developer Kit", 150.0),
        ("NVIDIA Jetson AGX Thor Developer Kit", 163.8),  # no more than 163.8 mV over 5 mOhm, at 5 V
        ("a carrier nobody knows", 163.8),
    ],
)
def test_no_more_is_plausible_than_the_module_may_draw_or_its_shunt_can_show(tmp_path: Path, model: str, most_w: float) -> None:
    trees.ina3221(tmp_path, 0, {"VDD_IN": (5000, 1200), "VDD_SOC": (5000, 300)})
    (tmp_path / "firmware/devicetree/base").mkdir(parents=True)
    (tmp_path / "firmware/devicetree/base/model").write_text(model + "\0")
    assert JetsonMeter().spec(probe(tmp_path)).max_power_w == pytest.approx(most_w)


@pytest.mark.parametrize(
    ("chips", "total"),
    [
        ({"6-0040": ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"]}, "POM_5V_IN"),  # Nano
        ({"0-0040": ["VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI"], "0-0041": ["VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR"]}, "VDD_IN"),  # TX2
        ({"1-0040": ["GPU", "CPU", "SOC"], "1-0041": ["CV", "VDDRQ", "SYS5V"]}, None),  # AGX Xavier
    ],
)
def test_old_systems_name_their_rails_elsewhere(tmp_path: Path, chips: dict[str, list[str]], total: str | None) -> None:
    for number, (address, labels) in enumerate(chips.items()):
        trees.ina3221x(tmp_path, number, dict.fromkeys(labels, 1500), address=address)
    found = probe(tmp_path)
    everything = [label for labels in chips.values() for label in labels]
    assert sorted(places(found)) == sorted(f"jetson.{label}" for label in everything)
    parents = {parent for identity, (_, parent) in places(found).items() if identity != f"jetson.{total}"}
    assert parents == {f"jetson.{total}" if total else None}
    assert {row["raw_unit"] for row in found["channels"]} == {"mW"}


def test_agx_orin_has_no_total_and_its_doubtful_rail_is_named(tmp_path: Path) -> None:
    trees.ina3221(tmp_path, 0, {"VDD_GPU_SOC": (5000, 1), "VDD_CPU_CV": (5000, 1), "VIN_SYS_5V0": (5000, 1)})
    trees.ina3221(tmp_path, 1, {"NC": (0, 0), "VDDQ_VDD2_1V8AO": (5000, 1)}, address="1-0041")
    found = probe(tmp_path)
    assert set(places(found).values()) == {("soc_rail", None)}
    assert len(found["channels"]) == 4, "NC is no rail"
    assert "regulator losses" in found["detail"]
    assert [note for note in found["notes"] if "the truth lies between the sum with it and the sum without it" in note]


def test_thor_takes_its_input_from_an_ina238(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "ina238", {"power1_input": 40_000_000, "in1_label": "VIN"}, address="2-0044")
    trees.ina3221(tmp_path, 1, {"VDD_GPU": (5000, 1), "VDD_CPU_SOC_MSS": (5000, 1), "VIN_SYS_5V0": (5000, 1)})
    found = probe(tmp_path)
    assert places(found)["jetson.VIN"] == ("module", None)
    assert places(found)["jetson.VIN_SYS_5V0"] == ("soc_rail", "jetson.VIN")


def test_an_unlabelled_sensor_makes_no_jetson(tmp_path: Path) -> None:
    trees.hwmon(tmp_path, 0, "ina3221", {"in1_input": 1, "curr1_input": 1}, driver="ina3221")
    found = probe(tmp_path)
    assert not found["usable"]
    assert "label of a Jetson rail" in found["why"]


ANSWER = """\
  3V7_WL_SW_A current(0)=0.10000000A
   VDD_CORE_A current(7)=2.50000000A
  3V7_WL_SW_V volt(8)=3.70000000V
   VDD_CORE_V volt(15)=0.80000000V
     EXT5V_V volt(24)=5.10532200V
      BATT_V volt(25)=0.00610500V
"""


def vcgencmd(folder: Path, answer: str, status: int = 0) -> dict[str, str]:
    """Install a stub; return the roots under which it is found."""
    (folder / "answer").write_text(answer)
    (folder / "vcgencmd").write_text(f'#!/bin/sh\ncat "{folder}/answer"\nexit {status}\n')
    (folder / "vcgencmd").chmod(0o755)
    return {"vcgencmd": str(folder), "sys": str(folder / "sys")}


def test_rails_are_volts_times_amperes_and_the_rest_is_no_power() -> None:
    watts, volts = pmic.rails(ANSWER)
    assert watts == {"3V7_WL_SW": pytest.approx(0.37), "VDD_CORE": pytest.approx(2.0)}
    assert set(volts) == {"EXT5V", "BATT"}


def test_the_pmic_says_that_its_rails_are_not_the_input(tmp_path: Path) -> None:
    found = pmic.probe(vcgencmd(tmp_path, ANSWER))
    assert {row["id"] for row in found["channels"]} == {"pmic.3V7_WL_SW", "pmic.VDD_CORE"}
    assert {row["domain"] for row in found["channels"]} == {"soc_rail"}
    assert "rails, not input power" in found["detail"]
    assert [note for note in found["notes"] if note.startswith("EXT5V has a voltage but no current")]
    assert [note for note in found["notes"] if "are not the board's input" in note]


def test_one_command_serves_all_rails_and_a_failure_spoils_them_all(tmp_path: Path) -> None:
    roots = vcgencmd(tmp_path, ANSWER)
    counter = pmic.start(roots, [])
    assert counter.shared
    assert counter.max_hz == 20.0
    assert [read() for _, read in counter.readers] == pytest.approx([0.37, 2.0])
    (tmp_path / "answer").write_text("VDD_CORE_A current(7)=1.0A\n")
    for _, read in counter.readers:
        with pytest.raises(ValueError, match="lacks"):
            read()


@pytest.mark.parametrize(
    ("answer", "status", "why", "remedy"),
    [
        ('error=1 error_msg="Command not registered"', 255, "Command not registered", ""),
        ("Can't open device file: /dev/vcio", 1, "/dev/vcio", "sudo usermod -aG video"),
        ("", 0, "names no rail", ""),
    ],
)
def test_another_board_or_a_user_without_the_right_is_refused(tmp_path: Path, answer: str, status: int, why: str, remedy: str) -> None:
    found = pmic.probe(vcgencmd(tmp_path, answer, status))
    assert not found["usable"]
    assert why in found["why"]
    assert "only the Raspberry Pi 5 and CM5 measure their rails" in found["detail"]
    assert remedy in " ".join(command for _, command in found["do"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("exec yes '   VDD_CORE_A current(7)=1.0A'", "its answer does not end: it is longer than 65536 bytes"),
        ("exec sleep 60", "its answer did not end within 2 s"),
        ("exec >&- 2>&-; exec sleep 60", "timed out"),
    ],
)
def test_a_command_that_never_ends_is_stopped_and_refused(tmp_path: Path, does: str, why: str) -> None:
    roots = vcgencmd(tmp_path, "")
    (tmp_path / "vcgencmd").write_text(f'#!/bin/sh\necho $$ >> "{tmp_path}/pid"\n{does}\n')
    began = time.monotonic()
    found = pmic.probe(roots)
    assert time.monotonic() - began < 10
    assert not found["usable"]
    assert why in found["why"]
    for pid in (tmp_path / "pid").read_text().split():
        assert not Path("/proc", pid).exists()


def test_a_machine_without_the_command_is_no_pi(tmp_path: Path) -> None:
    assert "vcgencmd is not installed" in pmic.probe({"vcgencmd": str(tmp_path)})["why"]


@pytest.mark.parametrize("volts", ["...", "3.7.7", "9" * 400, "nan"])
def test_a_rail_of_no_number_is_passed_over(tmp_path: Path, volts: str) -> None:
    found = pmic.probe(vcgencmd(tmp_path, ANSWER + f"   BAD_A current(20)=0.1A\n   BAD_V volt(21)={volts}V\n"))
    assert found["usable"]
    assert "BAD" not in {row["label"] for row in found["channels"]}
