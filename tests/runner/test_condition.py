"""What changes while a run lasts is decoded bit by bit, compared with care, and None with a reason where nothing tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.runner import condition
from tests.runner import trees

NAMES = tuple(condition.THROTTLE_BITS.values())


@given(now=st.sets(st.sampled_from(NAMES)), since=st.sets(st.sampled_from(NAMES)), other=st.integers(0, 0xFFF))
def test_each_bit_says_now_or_since_boot_and_unknown_bits_say_nothing(now: set[str], since: set[str], other: int) -> None:
    word = sum(1 << bit for bit, name in condition.THROTTLE_BITS.items() if name in now)
    word += sum(1 << 16 + bit for bit, name in condition.THROTTLE_BITS.items() if name in since)
    assert tuple(map(set, condition.decoded(word | other << 4))) == (now, since)


def firmware(folder: Path, answer: str, status: int = 0) -> dict[str, str]:
    trees.write(folder, {"answer": answer, "proc/loadavg": "0.1 0 0 1/2 3"})
    (folder / "vcgencmd").write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] || exit 9\ncat "{folder}/answer"\nexit {status}\n')
    (folder / "vcgencmd").chmod(0o755)
    return {"vcgencmd": str(folder), "sys": str(folder / "sys"), "proc": str(folder / "proc")}


@pytest.mark.parametrize(
    ("answer", "throttled", "under_voltage", "reasons"),
    [
        ("throttled=0x0", False, False, ()),
        ("throttled=0x50000", False, False, ()),
        ("throttled=0x50005", True, True, ("under_voltage", "throttled")),
        ("throttled=0x1", False, True, ("under_voltage",)),
        ("throttled=0x80008", True, False, ("soft_temperature_limit",)),
    ],
)
def test_the_firmware_of_a_pi_is_asked(tmp_path: Path, answer: str, throttled: bool, under_voltage: bool, reasons: tuple[str, ...]) -> None:
    known, _ = condition.read(firmware(tmp_path, answer))
    assert (known["throttled"], known["under_voltage"], tuple(known["throttle_reasons"])) == (throttled, under_voltage, reasons)


@pytest.mark.parametrize(("answer", "status"), [("error=1", 0), ("throttled=0xnone", 0), ("VCHI initialization failed", 255), ("", 0)])
def test_a_firmware_that_does_not_answer_leaves_the_flags_unknown(tmp_path: Path, answer: str, status: int) -> None:
    known, reasons = condition.read(firmware(tmp_path, answer, status))
    assert (known["throttled"], known["throttle_reasons"], known["throttle_since_boot"], known["under_voltage"]) == (None,) * 4
    assert reasons["throttled"]


def test_without_the_firmware_the_kernel_s_voltage_alarm_still_counts(tmp_path: Path) -> None:
    roots = {"sys": str(tmp_path / "sys")}
    trees.write(tmp_path, {"sys/class/hwmon/hwmon3/name": "rpi_volt", "sys/class/hwmon/hwmon3/in0_lcrit_alarm": 1})
    known, reasons = condition.read(roots)
    assert (known["throttled"], known["under_voltage"]) == (None, True)
    assert "throttled" in reasons


def test_events_that_processors_and_boards_count_are_added_up(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu/cpu{}/thermal_throttle/{}_throttle_count"
    trees.write(tmp_path, {cpu.format(0, "core"): 2, cpu.format(1, "core"): 3, cpu.format(0, "package"): 4})
    trees.write(tmp_path, {"sys/class/hwmon/hwmon1/oc1_event_cnt": 1})
    assert condition.read({"sys": str(tmp_path / "sys")})[0]["throttle_events"] == 10


def test_governors_that_differ_are_all_named(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
    trees.write(tmp_path, {cpu.format(0): "performance", cpu.format(1): "ondemand"})
    assert condition.read({"sys": str(tmp_path / "sys")})[0]["governor"] == "ondemand,performance"


def test_two_looks_at_a_clock_that_nobody_steps_agree_to_a_tenth_of_a_millisecond() -> None:
    looks = [condition.clock_offset_ns() for _ in range(20)]
    assert sorted(looks)[10] - min(looks) < 1e5


def test_the_clock_of_another_machine_is_not_taken_for_this_one_s(tmp_path: Path) -> None:
    known, reasons = condition.read({"proc": str(tmp_path)})
    assert known["clock_synchronised"] is None
    assert "replaced" in reasons["clock_synchronised"]
