"""Names become classes only when used; another package's broken plug-in is told and skipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.config import Config, parse
from edgekit.core.errors import UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.devices.ssh import SshDevice
from edgekit.registry import DEVICES, METERS, device_class, device_names, meter_class, meter_names, open_device, resolve_device
from tests.conftest import clean_environment

EMPTY = Config(path=None, runs=Path("runs"))


@pytest.mark.parametrize("kind", METERS)
def test_every_meter_of_the_table_exists(kind: str) -> None:
    assert meter_class(kind).kind == kind


@pytest.mark.parametrize("kind", DEVICES)
def test_every_device_of_the_table_exists_and_opens_from_a_spec(kind: str) -> None:
    spec = DeviceSpec(name="mine", kind=kind)
    assert isinstance(open_device(spec), device_class(kind))
    assert open_device(spec).spec == spec


def test_names_begin_with_what_ships() -> None:
    assert meter_names()[: len(METERS)] == tuple(METERS)
    assert device_names()[: len(DEVICES)] == tuple(DEVICES)


def test_an_unknown_device_is_told_the_nearest_and_how_to_add_it() -> None:
    config = parse('[devices.kitchen]\naddress = "ssh://pi@kitchen"', Path("edgekit.toml"))
    with pytest.raises(UsageError) as caught:
        resolve_device("kichen", config)
    assert caught.value.do[0][0] == "did you mean kitchen?"
    assert caught.value.do[-1][1] == "edgekit devices add kichen ssh://USER@HOST"


def test_an_unknown_kind_of_device_is_told_as_a_kind() -> None:
    with pytest.raises(UsageError) as refused:
        open_device(DeviceSpec(name="desk", kind="teapot", address="ssh://a@b"))
    assert (refused.value.code, refused.value.what) == ("device.kind", "no kind of device is called 'teapot'")
    assert "pi" in refused.value.why


def test_an_unknown_meter_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        meter_class("raple")
    assert (caught.value.code, caught.value.do[0][0]) == ("meter.unknown", "did you mean rapl?")


def test_a_configured_name_comes_before_a_built_in_one_and_an_address_needs_no_name() -> None:
    config = parse('[devices.local]\nkind = "sim"', Path("edgekit.toml"))
    assert resolve_device("local", config).kind == "sim"
    assert resolve_device("local", EMPTY).kind == "local"
    assert resolve_device("cuda:1", EMPTY) == DeviceSpec(name="cuda:1", kind="cuda", address="cuda:1")


def test_a_machine_behind_ssh_needs_no_name() -> None:
    spec = resolve_device("ssh://pi@raspberrypi.local:2222?jump=me@gate", EMPTY)
    assert (spec.name, spec.kind) == ("pi@raspberrypi.local:2222", "ssh")
    assert "/" not in spec.name, "it becomes part of the folders of its runs"
    assert isinstance(open_device(spec), SshDevice)
    with pytest.raises(UsageError):
        resolve_device("ssh://-oProxyCommand=x", EMPTY)


PLUGIN = {
    "edgekit_lab/__init__.py": "class Scope:\n    kind = 'scope'\n",
    "edgekit_lab-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: edgekit-lab\nVersion: 1\n",
    "edgekit_lab-1.dist-info/entry_points.txt": (
        "[edgekit.meters]\nscope = edgekit_lab:Scope\nbroken = edgekit_absent:Meter\nodd = edgekit_lab:__name__\n"
    ),
}


def test_another_package_can_add_a_meter_and_a_broken_one_is_skipped_with_a_note(tmp_path: Path) -> None:
    for name, text in PLUGIN.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    program = (
        "from edgekit.registry import added_classes, meter_names; classes, notes = added_classes('meter'); "
        "print(*meter_names()[-3:], *classes); print(*[n.code + ' ' + n.text for n in notes], sep='\\n')"
    )
    environment = clean_environment({"PYTHONPATH": str(tmp_path)})
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    names, broken, odd = done.stdout.splitlines()
    assert names == "broken odd scope scope"
    assert "plugin.broken" in broken
    assert "'broken' of edgekit-lab cannot be loaded and is skipped: ModuleNotFoundError" in broken
    assert "is not a class" in odd
