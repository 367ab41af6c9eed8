"""Facts are read, never guessed: what is missing is None with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.runner import facts
from tests.runner import trees

pytestmark = pytest.mark.skipif("sys.platform == 'darwin'", reason="reads sysctl on macOS")

PI = {
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0",
    "proc/meminfo": "MemTotal:        8245696 kB\nMemFree:         1 kB\nSwapTotal:  204800 kB\nSwapFree:  200704 kB",
    "proc/vmstat": "nr_free_pages 1\npswpin 17\npswpout 4",
    "proc/sys/kernel/random/boot_id": "0b1e6f0e-6c57-4b1c-9d8f-aaaaaaaaaaaa",
    "proc/loadavg": "0.25 0.10 0.05 1/200 1234",
    "proc/stat": "cpu  10 20 30 40 50 60 70 250 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0",
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
    "sys/firmware/devicetree/base/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": 2_400_000,
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50008",
    "clock/offset_ns": 1_700_000_000_000_000_000,
    "sys/class/thermal/thermal_zone0/temp": 48_300,
    "sys/class/thermal/thermal_zone1/temp": 51_250,
    "sys/class/thermal/thermal_zone2/temp": "",
    "sys/class/thermal/cooling_device0/temp": 99_000,
}


def roots(tmp_path: Path) -> dict[str, str]:
    return {name: str(tmp_path / name) for name in ("proc", "sys", "etc", "clock")}


def test_a_raspberry_pi_is_read_in_full(tmp_path: Path) -> None:
    trees.write(tmp_path, PI)
    known = facts.read(roots(tmp_path))["facts"]
    assert known["model"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert known["cpu"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert known["ram_bytes"] == 8_443_592_704
    assert known["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert known["governor"] == "ondemand"
    assert known["frequency_hz"] == 2.4e9
    assert known["temperature_c"] == 51.25
    assert known["load_1m"] == 0.25
    assert known["steal_s"] == pytest.approx(2.5)
    assert (known["swap_used_bytes"], known["swap_in_pages"], known["swap_out_pages"]) == (4_194_304, 17, 4)
    assert (known["clock_source"], known["clock_offset_ns"]) == ("arch_sys_counter", 1_700_000_000_000_000_000)
    assert known["boot"] == "0b1e6f0e-6c57-4b1c-9d8f-aaaaaaaaaaaa"
    assert (known["throttled"], known["throttle_reasons"]) == (True, ["soft_temperature_limit"])
    assert (known["under_voltage"], known["throttle_since_boot"]) == (False, ["under_voltage", "throttled"])


@pytest.mark.parametrize(
    ("fact", "files"),
    [
        ("cpu", ["proc/cpuinfo"]),
        ("ram_bytes", ["proc/meminfo"]),
        ("os", ["etc/os-release"]),
        ("model", ["sys/firmware/devicetree/base/model"]),
        ("governor", ["sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"]),
        ("frequency_hz", ["sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"]),
        ("temperature_c", ["sys/class/thermal/thermal_zone0/temp", "sys/class/thermal/thermal_zone1/temp"]),
        ("load_1m", ["proc/loadavg"]),
        ("steal_s", ["proc/stat"]),
        ("swap_in_pages", ["proc/vmstat"]),
        ("clock_source", ["sys/devices/system/clocksource/clocksource0/current_clocksource"]),
        ("clock_offset_ns", ["clock/offset_ns"]),
        ("boot", ["proc/sys/kernel/random/boot_id"]),
    ],
)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_an_unreadable_fact_is_none_with_a_reason_and_the_others_stay(tmp_path: Path, fact: str, files: list[str], how: str) -> None:
    trees.write(tmp_path, PI)
    for name in files:
        (tmp_path / name).unlink() if how == "absent" else (tmp_path / name).write_text("")
    told = facts.read(roots(tmp_path))
    assert told["facts"][fact] is None
    assert told["reasons"][fact]
    with_it = {"swap_in_pages": {"swap_out_pages"}, "ram_bytes": {"swap_used_bytes"}}  # of the same file
    elsewhere = {"gpu", "throttle_events", "clock_synchronised", *with_it.get(fact, ())}
    assert {name for name in told["facts"] if told["facts"][name] is None} - elsewhere == {fact}
