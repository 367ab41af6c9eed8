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
    assert {"local", "cuda", "sim"} <= set(found)
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
    assert list(found)[-1] == "lab"
    assert {"local", "cuda", "sim"} <= set(found)
    assert found["local"].facts == DeviceFacts(cores=4)
    assert (found["lab"].usable, found["lab"].why, found["lab"].do) == (False, "the driver does not answer", (("look:", "nvidia-smi"),))
    assert (found["lab"].source, found["cuda"].source) == ("edgekit.toml", "built in")


def test_one_broken_device_does_not_hide_the_others() -> None:
    def connect(spec: DeviceSpec) -> FakeDevice:
        return FakeDevice(spec, error=HardwareError("gone", code="x.y") if spec.name == "local" else None)

    config = Config(path=None, runs=Path("runs"))
    usable = {item.name: item.usable for item in devices(config, progress=QuietProgress(), connect=connect).devices}
    assert {name for name, answers in usable.items() if not answers} == {"local"}


def test_an_added_device_is_known_from_then_on_and_removed_by_its_name(run_edgekit: Run, tmp_path: Path) -> None:
    file = tmp_path / "edgekit.toml"
    file.write_text("# our lab\n")
    done = run_edgekit("devices", "add", "pi", "ssh://pi@raspberrypi.local", "--option", "threads=4", "--meter", "um25c")
    assert done.returncode == 0, done.stderr
    assert "added pi (pi, ssh://pi@raspberrypi.local, read by um25c)" in done.stdout
    assert "edgekit devices setup pi" in done.stdout
    assert 'threads = "4"' in file.read_text()
    again = run_edgekit("devices", "add", "pi", "ssh://pi@raspberrypi.local")
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert run_edgekit("devices", "remove", "pi").returncode == 0
    assert file.read_text() == "# our lab\n"


def test_changing_a_device_keeps_what_is_not_named(run_edgekit: Run, tmp_path: Path) -> None:
    file = tmp_path / "edgekit.toml"
    file.write_text(
        '[devices.box]\nkind = "jetson"  # on the bench\naddress = "ssh://me@old"\nmeter = "um25c"\nservices = ["cron", "bluetooth"]\n\n'
        '[devices.box.options]\n# two of four\nthreads = "2"\nssh_config = "lab"\n\n[devices.other]\naddress = "local:"\n'
    )
    done = run_edgekit("devices", "add", "box", "ssh://me@new", "--force")
    assert done.returncode == 0, done.stderr
    assert "kept: threads=2; ssh_config=lab; meter um25c; services cron, bluetooth" in done.stdout
    device = parse(file.read_text(), file).devices["box"]
    assert (device.kind, device.address, device.meter) == ("jetson", "ssh://me@new", "um25c")
    assert (dict(device.options), device.services) == ({"threads": "2", "ssh_config": "lab"}, ("cron", "bluetooth"))
    assert all(words in file.read_text() for words in ("# on the bench", "# two of four", "[devices.other]"))
    run_edgekit("devices", "add", "box", "ssh://me@new", "--force", "-o", "threads=4", "--meter", "ppk2", "--kind", "ssh")
    device = parse(file.read_text(), file).devices["box"]
    assert (device.kind, device.meter, dict(device.options)) == ("ssh", "ppk2", {"threads": "4", "ssh_config": "lab"})
    moved = run_edgekit("devices", "add", "box", "local:", "--force")
    assert "dropped, as it is reached in another way now: threads=4; ssh_config=lab" in moved.stdout
    device = parse(file.read_text(), file).devices["box"]
    assert (device.kind, dict(device.options), device.services) == ("local", {}, ("cron", "bluetooth"))


@pytest.mark.parametrize(
    ("option", "told"), [("thread=4", "did you mean threads?"), ("nonsense=1", "known for"), ("threads=x", "whole number")]
)
def test_options_that_a_machine_behind_ssh_does_not_have_are_refused(run_edgekit: Run, tmp_path: Path, option: str, told: str) -> None:
    done = run_edgekit("devices", "add", "pi", "ssh://pi@pi", "-o", option)
    assert (done.returncode, (tmp_path / "edgekit.toml").exists()) == (2, False)
    assert told in done.stderr


def test_an_unknown_device_is_answered_with_the_command_that_adds_it(run_edgekit: Run, model_file: Path) -> None:
    done = run_edgekit("bench", model_file, "--device", "pi")
    assert done.returncode == 2
    assert "edgekit devices add pi ssh://USER@HOST" in done.stderr


def test_adding_a_device_answers_with_data(run_edgekit: Run, tmp_path: Path) -> None:
    data = run_edgekit("--json", "devices", "add", "pi", "ssh://pi@pi").json()["data"]
    assert data["file"] == str(tmp_path / "edgekit.toml")
    assert data["device"] == {"name": "pi", "kind": "pi", "address": "ssh://pi@pi", "options": {}, "meter": None, "services": []}


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
        (["add", "pi", "ssh://pi@pi", "--kind", "gameboy"], "device.kind"),
        (["add", "pi", "ssh://pi@pi", "--meter", "um26c"], "meter.unknown"),
        (["remove", "pi"], "device.unknown"),
        (["remove", "local"], "device.name"),
        (["setup", "pi"], "device.unknown"),
        (["setup", "sim"], "device.no_setup"),
        (["lst"], "command.unknown"),
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
