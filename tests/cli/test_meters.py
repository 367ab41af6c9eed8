"""`edgekit meters`: a counter that refuses is shown with its remedy, one that is absent only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.config import Config, MeterChoice
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.flows.meters import State, meters
from edgekit.meters.discover import SerialEntry, Surroundings
from edgekit.registry import meter_names
from edgekit.store.calibrations import CalibrationStore
from tests.calibrations import calibration, recording, spec
from tests.conftest import Completed
from tests.fakes import FakeDevice, QuietProgress

Run = Callable[..., Completed]
LOCAL = DeviceSpec(name="local", kind="local")
EMPTY = Config(path=None, runs=Path("runs"))
PACKAGE = {
    "id": "rapl.package-0",
    "domain": "package",
    "parent": None,
    "wrap": 2**32,
    "quantum": 61,
    "raw_unit": "uJ",
    "measurand": "energy_counter",
}


def host(*ports: SerialEntry, may_open: bool = True, root: Path = Path("/nowhere")) -> Surroundings:
    """Return a host that has these serial ports and nothing else."""
    return Surroundings(
        sys=root, proc=root, dev=root, ports=lambda: ports, exists=lambda path: path != "/dev/none", may_open=lambda path: may_open
    )


def listed(
    probes: dict[str, object], facts: DeviceFacts | None = None, *, config: Config = EMPTY, around: Surroundings | None = None
) -> dict[str, object]:
    found = meters(
        config,
        LOCAL,
        progress=QuietProgress(),
        connect=lambda spec: FakeDevice(spec, probes=probes, facts=facts),
        around=around or host(),
    )
    return {meter.name: meter for meter in found.meters}


def test_a_usable_counter_states_place_and_origin() -> None:
    meter = listed({"rapl": {"usable": True, "channels": [PACKAGE], "detail": "powercap"}})["rapl"]
    assert (meter.state, meter.boundaries, meter.origins, meter.detail) == (State.USABLE, ("cpu_package",), ("measured",), "powercap")


def test_a_refused_counter_keeps_its_remedy() -> None:
    probe = {"usable": False, "channels": [], "why": "mode 0o400", "do": [["until the next boot:", "sudo chmod ..."]]}
    meter = listed({"rapl": probe})["rapl"]
    assert (meter.state, meter.why, meter.do) == (State.REFUSED, "mode 0o400", (("until the next boot:", "sudo chmod ..."),))


def test_nvml_is_absent_without_a_gpu_and_refused_with_one() -> None:
    probe = {"usable": False, "channels": [], "why": "the GPU is split", "do": [["look:", "nvidia-smi"]]}
    assert listed({"nvml": probe})["nvml"].state is State.ABSENT
    assert listed({"nvml": probe}, DeviceFacts(gpu="H100"))["nvml"].state is State.REFUSED


def test_every_name_that_can_be_given_to_bench_is_listed() -> None:
    assert set(listed({})) == set(meter_names())


def test_an_instrument_on_this_host_is_listed_where_it_is() -> None:
    found = listed({}, around=host(SerialEntry(device="/dev/rfcomm0")))
    meter = found["um25c:/dev/rfcomm0"]
    assert (meter.state, meter.kind, meter.detail) == (State.USABLE, "um25c", "um25c at /dev/rfcomm0")
    assert "um25c" not in found
    refused = listed({}, around=host(SerialEntry(device="/dev/rfcomm0"), may_open=False))["um25c:/dev/rfcomm0"]
    assert (refused.state, refused.do[0][1]) == (State.REFUSED, "edgekit meters udev | sudo sh")


def test_an_instrument_that_is_not_there_can_be_rehearsed() -> None:
    meter = listed({})["um25c"]
    assert (meter.state, meter.do[0][1]) == (State.ABSENT, "edgekit meters emulate um25c")


@pytest.mark.parametrize(
    ("address", "state"), [("/dev/there", "usable"), ("/dev/none", "refused"), ("socket://box:5025", "usable"), (None, "absent")]
)
def test_a_configured_instrument_is_judged_at_its_place(address: str | None, state: str) -> None:
    choice = MeterChoice(name="desk", kind="um25c", address=address)
    assert listed({}, config=Config(path=None, runs=Path("runs"), meters={"desk": choice}))["desk"].state == state


@pytest.fixture
def machine_with_rapl(tmp_path: Path) -> Path:
    """Write a configuration whose device reads counters from a folder of this test."""
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in {"name": "package-0", "energy_uj": "123456", "max_energy_range_uj": "262143328850"}.items():
        (zone / name).write_text(text)
    (tmp_path / "edgekit.toml").write_text(f'[devices.box]\nkind = "local"\noptions = {{ powercap_root = "{tmp_path}/powercap" }}\n')
    return tmp_path


def test_counters_are_found_through_the_runner(run_edgekit: Run, machine_with_rapl: Path) -> None:
    document = run_edgekit("meters", "--device", "box", "--json").json()
    rapl = next(meter for meter in document["data"]["meters"] if meter["name"] == "rapl")
    assert (rapl["state"], rapl["boundaries"], rapl["origins"]) == ("usable", ["cpu_package"], ["emulated"])
    assert "emulated at cpu_package" in run_edgekit("meters", "--device", "box").stdout


@pytest.mark.slow
def test_what_is_absent_is_shown_only_when_asked_for(run_edgekit: Run, tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text(f'[devices.box]\nkind = "local"\noptions = {{ powercap_root = "{tmp_path}/none" }}\n')
    short, long = run_edgekit("meters", "--device", "box"), run_edgekit("meters", "--device", "box", "--all")
    assert "rapl" not in short.stdout
    assert "edgekit meters --all" in short.stdout
    assert "cannot be listed" in long.stdout


@pytest.mark.slow
def test_a_configured_name_stands_for_its_kind(run_edgekit: Run, tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text('[meters.mine]\nkind = "sim"\n[meters.odd]\nkind = "siim"\n')
    found = {meter["name"]: meter for meter in run_edgekit("meters", "--device", "sim", "--json").json()["data"]["meters"]}
    assert (found["mine"]["kind"], found["mine"]["state"], found["mine"]["origins"]) == ("sim", "usable", ["emulated"])
    assert found["odd"]["state"] == "absent"
    (tmp_path / "m.tflite").write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    done = run_edgekit("bench", "m.tflite", "--device", "sim", "--meter", "mine", "--quick", "--json")
    assert done.returncode == 0, done.stderr


def test_an_unknown_device_is_a_usage_error(run_edgekit: Run) -> None:
    done = run_edgekit("meters", "--device", "pie", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "device.unknown")
    assert "edgekit devices add pie ssh://USER@HOST" in [step["command"] for step in done.json()["data"]["do"]]


def test_an_ssh_device_that_cannot_be_reached_is_refused_in_plain_words(run_edgekit: Run, tmp_path: Path) -> None:
    run_edgekit("devices", "add", "pi", "ssh://pi@pi")
    done = run_edgekit("meters", "--device", "pi", "--json", env={"EDGEKIT_SSH_CONFIG": str(tmp_path / "none")})
    assert (done.returncode, done.json()["data"]["code"]) == (4, "ssh.config")


def test_a_self_test_is_shown_with_its_date(tmp_path: Path) -> None:
    row = {
        "id": "nvml.gpu0.energy",
        "domain": "gpu",
        "raw_unit": "mJ",
        "measurand": "energy_counter",
        "identity": "GPU-1",
        "driver": "580.1",
    }
    CalibrationStore(tmp_path / "calibrations").save(calibration(spec()), recording(spec()), [])
    config = Config(path=None, runs=Path("runs"), data=tmp_path)
    nvml = {"usable": True, "channels": [row], "detail": "NVML"}
    found = meters(config, LOCAL, progress=QuietProgress(), connect=lambda spec: FakeDevice(spec, probes={"nvml": nvml}), around=host())
    assert {meter.name: meter.calibrated for meter in found.meters if meter.calibrated} == {"nvml": "2026-11-22"}


def test_a_self_test_of_what_has_no_sensor_is_refused(run_edgekit: Run) -> None:
    done = run_edgekit("meters", "selftest", "sim", "--device", "sim", "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (2, "selftest.no_sensor")
