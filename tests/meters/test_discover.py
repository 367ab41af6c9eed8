"""What is connected: found by ids and names below roots of the test's own, told apart by serial number, refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.errors import HardwareError, UsageError
from edgekit.meters.discover import Attached, SerialEntry, Surroundings, discover, locate
from edgekit.registry import meter_class


class Profiler:
    usb_ids = ((0x1915, 0xC00A),)


class Tester:
    hid_ids = ((0x2E3C, 0x5558), (0x0483, 0x003A))


class Shared:
    usb_ids = ((0x0483, 0x374B),)
    products = ("CT-3",)


class Wireless:
    serial_names = ("rfcomm",)


CLASSES = {"profiler": Profiler, "tester": Tester, "shared": Shared, "wireless": Wireless}


def port(
    device: str, serial: str = "", *, interface: int = 0, place: str = "1-1", ids: tuple[int, int] = (0x1915, 0xC00A), product: str = ""
) -> SerialEntry:
    return SerialEntry(device=device, vendor=ids[0], product_id=ids[1], serial=serial, product=product, interface=interface, place=place)


def around(tmp_path: Path, *ports: SerialEntry, **given: object) -> Surroundings:
    facts = {
        "sys": tmp_path / "sys",
        "proc": tmp_path / "proc",
        "dev": tmp_path / "dev",
        "exists": lambda path: True,
        "may_open": lambda path: True,
    }
    return Surroundings(ports=lambda: ports, **{**facts, **given})  # type: ignore[arg-type]


def hidraw(tmp_path: Path, number: int, ids: str, serial: str) -> None:
    folder = tmp_path / "sys" / "class" / "hidraw" / f"hidraw{number}" / "device"
    folder.mkdir(parents=True)
    (folder / "uevent").write_text(f"DRIVER=hid-generic\nHID_ID=0003:{ids}\nHID_NAME=FNIRSI FNB-58\nHID_UNIQ={serial}\n")


def test_of_two_interfaces_the_lower_one_measures(tmp_path: Path) -> None:
    found = discover(CLASSES, around(tmp_path, port("/dev/ttyACM1", "A", interface=3), port("/dev/ttyACM0", "A", interface=1)))
    assert [(item.address, bool(item.why)) for item in found] == [("/dev/ttyACM0", False), ("/dev/ttyACM1", True)]
    assert locate("profiler", None, found).address == "/dev/ttyACM0"


def test_two_of_a_kind_are_told_apart_by_serial_number(tmp_path: Path) -> None:
    found = discover(CLASSES, around(tmp_path, port("/dev/ttyACM0", "A"), port("/dev/ttyACM1", "B", place="1-2")))
    assert locate("profiler", "B", found).address == "/dev/ttyACM1"
    with pytest.raises(UsageError) as refused:
        locate("profiler", None, found)
    assert [command for _, command in refused.value.do] == [f"edgekit bench ARTIFACT --meter profiler:{name}" for name in "AB"]


def test_nothing_connected_says_how_to_rehearse(tmp_path: Path) -> None:
    with pytest.raises(HardwareError) as refused:
        locate("profiler", None, discover(CLASSES, around(tmp_path)))
    assert refused.value.code == "meter.absent"
    assert not any("emulate" in command for _, command in refused.value.do), "nothing emulates it"


@pytest.mark.parametrize(
    ("kind", "address", "emulated"),
    [
        ("um25c", "/dev/rfcomm0", True),
        ("ppk2", "/dev/ttyACM0", True),
        ("fnb58", "/dev/hidraw0", True),
        ("km003c", "usb://5fc9:0063/SERIAL", True),
        ("joulescope", "usb://16d0:10ba/SERIAL", False),
    ],
)
def test_an_absent_meter_shows_what_its_address_looks_like_and_what_can_be_rehearsed(kind: str, address: str, emulated: bool) -> None:
    with pytest.raises(HardwareError) as refused:
        locate(kind, None, (), meter_class(kind))
    commands = [command for _, command in refused.value.do]
    assert f"edgekit bench ARTIFACT --meter {kind}:{address}" in commands
    assert (f"edgekit meters emulate {kind}" in commands) is emulated


def test_hid_instruments_are_found_below_sys(tmp_path: Path) -> None:
    hidraw(tmp_path, 0, "0000046D:0000C52B", "mouse")
    hidraw(tmp_path, 3, "00002E3C:00005558", "S1")
    (item,) = discover(CLASSES, around(tmp_path))
    assert item == Attached(kind="tester", address=str(tmp_path / "dev" / "hidraw3"), serial="S1", product="FNIRSI FNB-58")


def test_shared_ids_count_only_with_the_right_product(tmp_path: Path) -> None:
    ids = (0x0483, 0x374B)
    found = discover(
        CLASSES,
        around(tmp_path, port("/dev/ttyACM0", ids=ids, product="STM32 STLink"), port("/dev/ttyACM1", ids=ids, product="AVHzY CT-3")),
    )
    assert [item.address for item in found] == ["/dev/ttyACM1"]


def test_a_bluetooth_port_has_its_address_for_a_serial_number(tmp_path: Path) -> None:
    folder = tmp_path / "sys" / "class" / "tty" / "rfcomm0"
    folder.mkdir(parents=True)
    (folder / "address").write_text("00:11:22:33:44:55\n")
    (item,) = discover(CLASSES, around(tmp_path, SerialEntry(device="/dev/rfcomm0")))
    assert item.word == "wireless:00:11:22:33:44:55"
    assert locate("wireless", "00:11:22:33:44:55", [item]) == item


def test_a_port_that_may_not_be_opened_is_shown_with_the_remedy(tmp_path: Path) -> None:
    found = discover(CLASSES, around(tmp_path, port("/dev/ttyACM0", "A"), may_open=lambda path: False))
    assert found[0].do[0][1] == "edgekit meters udev | sudo sh"
    with pytest.raises(HardwareError) as refused:
        locate("profiler", None, found)
    assert (refused.value.code, refused.value.do) == ("meter.refused", found[0].do)


def test_a_port_in_use_names_the_program(tmp_path: Path) -> None:
    folder = tmp_path / "proc" / "4711"
    (folder / "fd").mkdir(parents=True)
    (folder / "fd" / "5").symlink_to("/dev/ttyACM0")
    (folder / "comm").write_text("nrfconnect\n")
    (item,) = discover(CLASSES, around(tmp_path, port("/dev/ttyACM0", "A")))
    assert item.why == "/dev/ttyACM0 is in use by nrfconnect (4711)"


class Bulk:
    bulk_ids = ((0x5FC9, 0x0063),)


def test_a_meter_that_only_bulk_transfers_reach_is_found_and_its_node_is_judged(tmp_path: Path) -> None:
    folder = tmp_path / "sys" / "bus" / "usb" / "devices" / "1-2"
    folder.mkdir(parents=True)
    facts = {"idVendor": "5fc9", "idProduct": "0063", "serial": "007965", "product": "POWER-Z", "busnum": "1", "devnum": "7"}
    for name, text in facts.items():
        (folder / name).write_text(text + "\n")
    (folder.parent / "1-2:1.0").mkdir()
    (found,) = discover({"bulk": Bulk}, around(tmp_path))
    assert (found.address, found.serial, found.why) == ("usb://5fc9:0063/007965", "007965", "")
    (refused,) = discover({"bulk": Bulk}, around(tmp_path, may_open=lambda path: False))
    assert f"{tmp_path}/dev/bus/usb/001/007 may not be opened" in refused.why
