"""`edgekit devices`: what can be used, why not, and adding one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.config import Config, parse
from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.flows.devices import devices
from tests.conftest import Completed
from tests.fakes import FakeDevice, QuietProgress

Run = Callable[..., Completed]


def test_this_machine_and_the_emulated_device_can_be_used(run_edgekit: Run) -> None:
    document = run_edgekit("devices", "--json").json()
    assert (document["schema"], document["status"]) == ("edgekit.devices/1", "ok")
    found = {item["name"]: item for item in document["data"]["devices"]}
    assert set(found) == {"local", "cuda", "sim"}
    assert found["local"]["usable"]
    assert found["local"]["facts"]["python"]
    assert found["sim"]["usable"]


def test_a_device_that_cannot_be_used_is_listed_with_the_reason_and_the_remedy() -> None:
    def connect(spec: DeviceSpec) -> FakeDevice:
        if spec.kind == "cuda":
            refusal = HardwareError("no GPU", code="x.y", why="the driver does not answer", do=[("look:", "nvidia-smi")])
            return FakeDevice(spec, error=refusal)
        return FakeDevice(spec, facts=DeviceFacts(cores=4))

    config = parse('[devices.lab]\naddress = "cuda:1"', Path("edgekit.toml"))
    found = {item.name: item for item in devices(config, progress=QuietProgress(), connect=connect).devices}
    assert list(found) == ["local", "cuda", "sim", "lab"]
    assert found["local"].facts == DeviceFacts(cores=4)
    assert (found["lab"].usable, found["lab"].why, found["lab"].do) == (False, "the driver does not answer", (("look:", "nvidia-smi"),))
    assert (found["lab"].source, found["cuda"].source) == ("edgekit.toml", "built in")


def test_one_broken_device_does_not_hide_the_others() -> None:
    def connect(spec: DeviceSpec) -> FakeDevice:
        return FakeDevice(spec, error=HardwareError("gone", code="x.y") if spec.name == "local" else None)

    config = Config(path=None, runs=Path("runs"))
    assert [item.usable for item in devices(config, progress=QuietProgress(), connect=connect).devices] == [False, True, True]


def test_an_added_device_is_listed_from_then_on(run_edgekit: Run, tmp_path: Path) -> None:
    done = run_edgekit("devices", "add", "pi", "ssh://pi@raspberrypi.local", "--option", "threads=4")
    assert done.returncode == 0
    assert "added pi (ssh, ssh://pi@raspberrypi.local)" in done.stdout
    assert "edgekit bench ARTIFACT --device pi" in done.stdout
    assert 'threads = "4"' in (tmp_path / "edgekit.toml").read_text()
    text = run_edgekit("devices", env={"EDGEKIT_SSH_CONFIG": str(tmp_path / "none")}).stdout
    assert "pi" in text
    assert "open user config file" in " ".join(text.split()), "ssh itself is asked, and its words are shown"


def test_adding_a_device_answers_with_data(run_edgekit: Run, tmp_path: Path) -> None:
    data = run_edgekit("--json", "devices", "add", "pi", "ssh://pi@pi").json()["data"]
    assert data["file"] == str(tmp_path / "edgekit.toml")
    assert data["device"] == {"name": "pi", "kind": "ssh", "address": "ssh://pi@pi", "options": {}}


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["add", "pi", "raspberrypi.local"], "device.address"),
        (["add", "a b", "local:"], "device.name"),
        (["add", "../up", "local:"], "device.name"),
        (["add", "pi", "local:/../../x"], "device.address"),
        (["add", "pi", "ssh://-oProxyCommand=x"], "device.address"),
        (["add", "pi", "ssh://-oProxyCommand=x@host"], "device.address"),
        (["add", "pi", "ssh://$(x)@host"], "device.address"),
        (["add", "sim", "sim:"], "device.name"),
        (["add", "pi", "local:", "--option", "threads"], "usage.value"),
        (["lst"], "usage.arguments"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error_and_writes_nothing(run_edgekit: Run, tmp_path: Path, args: list[str], code: str) -> None:
    done = run_edgekit("devices", *args, "--json")
    assert (done.returncode, done.json()["data"]["code"]) == (2, code)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_configuration_is_a_setup_error_that_names_the_line(run_edgekit: Run, tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text('[devices.pi]\nadress = "local:"\n')
    done = run_edgekit("devices")
    assert done.returncode == 6
    assert "edgekit.toml, line 2: devices.pi.adress is wrong" in done.stderr
    assert "did you mean address?" in done.stderr


def test_a_folder_that_may_not_be_written_is_a_setup_error(as_ordinary_user: Callable[..., Completed], tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = as_ordinary_user([sys.executable, "-m", "edgekit", "devices", "add", "pi", "local:"], cwd=tmp_path)
    assert done.returncode == 6, done.stderr
    assert "[output.permission]" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_whole(run_edgekit: Run, tiny_disk: Path) -> None:
    config = tiny_disk / "edgekit.toml"
    config.write_text('# ours\n[devices.one]\naddress = "local:"\n')
    before = config.read_text()
    free = 64 * 1024
    while free:
        try:
            with (tiny_disk / "filler").open("ab") as file:
                file.write(b"x" * free)
        except OSError:
            free //= 2
    done = run_edgekit("devices", "add", "pi", "local:", cwd=tiny_disk)
    assert done.returncode == 6
    assert "[output.disk_full]" in done.stderr
    assert config.read_text() == before
    assert sorted(path.name for path in tiny_disk.iterdir()) == ["edgekit.toml", "filler"]
