"""Facts are read, never guessed: what is missing is None with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.runner import facts
from tests.runner import trees

pytestmark = pytest.mark.skipif("sys.platform == 'darwin'", reason="reads sysctl on macOS")

PI = {
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0",
    "proc/meminfo": "MemTotal:        8245696 kB\nMemFree:         1 kB",
    "proc/loadavg": "0.25 0.10 0.05 1/200 1234",
    "proc/stat": "cpu  10 20 30 40 50 60 70 250 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0",
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
    "sys/firmware/devicetree/base/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": 2_400_000,
    "sys/class/thermal/thermal_zone0/temp": 48_300,
    "sys/class/thermal/thermal_zone1/temp": 51_250,
    "sys/class/thermal/thermal_zone2/temp": "",
    "sys/class/thermal/cooling_device0/temp": 99_000,
}


def roots(tmp_path: Path) -> dict[str, str]:
    return {name: str(tmp_path / name) for name in ("proc", "sys", "etc")}


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
    assert [name for name in told["facts"] if told["facts"][name] is None and name not in (fact, "gpu", "throttled")] == []
