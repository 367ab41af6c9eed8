"""`edgekit doctor`: every check says ok, warn or fail, and what to type."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Origin
from edgekit.flows.doctor import DoctorRequest, doctor
from edgekit.flows.doctor.checkup import Checkup, Status
from edgekit.links.clock import SystemClock
from edgekit.store.calibrations import CalibrationStore
from tests.calibrations import calibration, recording, spec
from tests.conftest import Completed
from tests.fakes import FakeDevice, QuietProgress

Run = Callable[..., Completed]
RAPL = {"usable": True, "channels": [{}], "detail": "powercap"}
CPUTIME = {"usable": True, "channels": [{}]}


@pytest.fixture
def machine(tmp_path: Path) -> DoctorRequest:
    """Return a calm machine whose kernel trees are folders of this test."""
    request = DoctorRequest(folder=tmp_path, proc=tmp_path / "proc", sysfs=tmp_path / "sys")
    write(request.proc / "loadavg", "0.01 0.02 0.00 1/300 4242\n")
    write(request.proc / "stat", "cpu  1000 0 500 8000 10 0 0 0 0 0\ncpu0 1 1 1 1\n")
    write(request.proc / "meminfo", "MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\nSwapTotal: 2000000 kB\nSwapFree: 2000000 kB\n")
    write(request.sysfs / "devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n")
    write(request.sysfs / "class/thermal/thermal_zone0/temp", "41000\n")
    return request


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def examine(
    request: DoctorRequest, *, has: Callable[[str], bool] = lambda _: True, error: HardwareError | None = None, **probes: object
) -> dict[str, Checkup]:
    def connect(spec: DeviceSpec) -> FakeDevice:
        return FakeDevice(spec, probes=probes or {"rapl": RAPL, "cputime": CPUTIME}, facts=DeviceFacts(python="3.11.2"), error=error)

    return {check.name: check for check in doctor(request, progress=QuietProgress(), connect=connect, has=has).checks}


def test_a_calm_machine_has_nothing_to_fix(machine: DoctorRequest) -> None:
    checks = examine(machine)
    assert len(checks) >= 12
    assert {name: check for name, check in checks.items() if check.status is not Status.OK and name != "disk"} == {}


@pytest.mark.parametrize(
    ("path", "text", "name", "words", "command"),
    [
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave", "governor", "powersave", "cpupower"),
        ("proc/loadavg", "64.0 1.0 1.0 1/2 3", "load", "other work", "ps "),
        ("proc/stat", "cpu  100 0 0 100 0 0 0 50 0 0\n", "steal", "20 %", "ssh://"),
        (
            "proc/meminfo",
            "MemAvailable: 500000 kB\nSwapTotal: 8 kB\nSwapFree: 4 kB\n",
            "memory",
            "512 MB available, 4.10 kB in swap",
            "ps ",
        ),
        ("sys/class/thermal/thermal_zone0/temp", "93000", "temperature", "93 degC", "watch"),
        ("edgekit.toml", "rnus = 1", "configuration", "line 1", ""),
    ],
)
def test_what_disturbs_a_measurement_is_named_with_a_command(
    machine: DoctorRequest, path: str, text: str, name: str, words: str, command: str
) -> None:
    write(machine.folder / path, text)
    check = examine(machine)[name]
    assert check.status is not Status.OK
    assert words in check.found
    assert any(command in pasted for _, pasted in check.do)


@pytest.mark.parametrize("name", ["governor", "load", "steal", "memory", "temperature"])
def test_what_a_machine_does_not_tell_is_not_held_against_it(tmp_path: Path, name: str) -> None:
    check = examine(DoctorRequest(folder=tmp_path, proc=tmp_path / "none", sysfs=tmp_path / "none"))[name]
    assert check.status is Status.OK
    assert "not readable" in check.found


def test_a_missing_extra_is_a_warning_and_no_engine_at_all_a_failure(machine: DoctorRequest) -> None:
    checks = examine(machine, has=lambda module: module == "onnxruntime")
    assert checks["extra convert"].status is Status.WARN
    assert checks["extra convert"].do[0][1] == 'pip install "edgekit[convert]" -c constraints.txt'
    assert checks["extra tflite"].status is Status.WARN
    assert examine(machine, has=lambda module: False)["extra tflite"].status is Status.FAIL


def test_counters_that_refuse_keep_their_remedy_and_the_estimate_is_announced(machine: DoctorRequest) -> None:
    refused = {"usable": False, "channels": [], "why": "mode 0o400", "do": [["now:", "sudo chmod"]]}
    checks = examine(machine, rapl=refused, cputime=CPUTIME)
    assert (checks["meter rapl"].status, checks["meter rapl"].do) == (Status.WARN, (("now:", "sudo chmod"),))
    assert "estimated from CPU time" in checks["meters"].found


def test_a_runner_that_does_not_start_is_a_failure(machine: DoctorRequest) -> None:
    checks = examine(machine, error=HardwareError("the runner did not answer", code="runner.silent", do=[("try:", "python3 -V")]))
    assert (checks["runner"].status, checks["runner"].do) == (Status.FAIL, (("try:", "python3 -V"),))


def test_the_command_ends_with_zero_for_warnings_and_six_for_failures(run_edgekit: Run, machine: DoctorRequest) -> None:
    roots = {"EDGEKIT_PROC_ROOT": str(machine.proc), "EDGEKIT_SYS_ROOT": str(machine.sysfs)}
    write(machine.sysfs / "class/thermal/thermal_zone0/temp", "93000")
    done = run_edgekit("doctor", env=roots)
    assert done.returncode == 0, done.stdout
    assert "93 degC" in done.stdout
    write(machine.folder / "edgekit.toml", "rnus = 1")
    done = run_edgekit("doctor", "--json", env=roots)
    assert done.returncode == 6
    assert (done.json()["schema"], done.json()["status"]) == ("edgekit.doctor/1", "failed")


def test_the_rapl_remedy_reaches_the_user(as_ordinary_user: Callable[..., Completed], tmp_path: Path) -> None:
    zone = tmp_path / "class/powercap/intel-rapl:0"
    for name, text in {"name": "package-0", "energy_uj": "1", "max_energy_range_uj": "99"}.items():
        write(zone / name, text)
    (zone / "energy_uj").chmod(0)
    done = as_ordinary_user([sys.executable, "-m", "edgekit", "doctor"], cwd=tmp_path, env={"EDGEKIT_SYS_ROOT": str(tmp_path)})
    assert "sudo chmod a+r /sys/class/powercap" in done.stdout, done.stderr


NVML_ROW = {
    "id": "nvml.gpu0.energy",
    "domain": "gpu",
    "raw_unit": "mJ",
    "measurand": "energy_counter",
    "identity": "GPU-1",
    "driver": "580.1",
}
NVML = {"usable": True, "channels": [NVML_ROW], "detail": "NVML"}


def self_tested(machine: DoctorRequest, data: Path, *, created: str | None, driver: str = "580.1") -> Checkup:
    """Return what doctor says of a GPU that was tested then (None: never) behind `driver`. Its roots are replaced, so it is a rehearsal."""
    write(machine.folder / "edgekit.toml", f'data = "{data}"\n')
    if created:
        tested = spec(origin=Origin.EMULATED, driver=driver)
        CalibrationStore(data / "calibrations").save(calibration(tested, created=created), recording(tested, created), [])
    return examine(machine, nvml=NVML, cputime=CPUTIME)["self-test nvml"]


def test_a_self_test_that_holds_is_ok(machine: DoctorRequest, tmp_path: Path) -> None:
    now = SystemClock().now_utc()
    check = self_tested(machine, tmp_path / "data", created=now)
    assert (check.status, check.found) == (Status.OK, f"done on {now[:10]}: runs use what it found")


@pytest.mark.parametrize(
    ("created", "driver", "words"),
    [
        (None, "580.1", "never done"),
        ("2020-01-01T00:00:00Z", "580.1", "days ago"),
        ("2026-01-01T00:00:00Z", "570.0", "behind driver 570.0; now it is 580.1"),
    ],
)
def test_a_self_test_that_is_due_is_a_warning_with_its_command(
    machine: DoctorRequest, tmp_path: Path, created: str | None, driver: str, words: str
) -> None:
    check = self_tested(machine, tmp_path / "data", created=created, driver=driver)
    assert check.status is Status.WARN
    assert words in check.found
    assert check.do[0][1] == "edgekit meters selftest nvml"


def test_a_damaged_self_test_is_named(machine: DoctorRequest, tmp_path: Path) -> None:
    self_tested(machine, tmp_path / "data", created="2026-01-01T00:00:00Z")
    (stored,) = (tmp_path / "data").glob("calibrations/*/calibration.json")
    stored.write_text("{")
    check = self_tested(machine, tmp_path / "data", created=None)
    assert check.status is Status.WARN
    assert "is not JSON, and is not used" in check.found


def test_the_machine_itself_is_no_rehearsal(tmp_path: Path) -> None:
    """A root that is named counts as replaced; the real ones must not be named, or no self-test would ever be found."""
    asked: list[DeviceSpec] = []

    def connect(device: DeviceSpec) -> FakeDevice:
        asked.append(device)
        return FakeDevice(device)

    doctor(DoctorRequest(folder=tmp_path), progress=QuietProgress(), connect=connect, has=lambda _: True)
    assert [device.options for device in asked] == [{}]
