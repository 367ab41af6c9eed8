"""Bulk transfers, against something that looks like a device of pyusb."""

from __future__ import annotations

import errno
from types import SimpleNamespace as Named
from typing import Any

import pytest

from edgekit.core.errors import EdgekitError, HardwareError
from edgekit.links.usb import UsbPort


class Device:
    """Two interfaces, the second with bulk endpoints and held by a kernel driver."""

    def __init__(self, serial: str = "A1", fail: int | None = None) -> None:
        self.serial_number = serial
        self.fail = fail
        self.held = True
        self.sent: list[tuple[int, bytes]] = []
        self.incoming: list[bytes] = []

    def get_active_configuration(self) -> list[Any]:
        def endpoint(address: int, kind: int) -> Named:
            return Named(bEndpointAddress=address, bmAttributes=kind)

        class Interface(list[Named]):
            bInterfaceNumber = 0  # noqa: N815 -- pyusb calls it so

        hid, bulk = Interface([endpoint(0x85, 3), endpoint(0x05, 3)]), Interface([endpoint(0x81, 2), endpoint(0x01, 2)])
        bulk.bInterfaceNumber = 3
        return [hid, bulk]

    def is_kernel_driver_active(self, number: int) -> bool:
        assert number == 3
        return self.held

    def detach_kernel_driver(self, number: int) -> None:
        if self.fail == errno.EACCES:
            raise OSError(errno.EACCES, "Access denied (insufficient permissions)")
        self.held = False

    def attach_kernel_driver(self, number: int) -> None:
        self.held = True

    def read(self, endpoint: int, size: int, timeout: int) -> bytearray:
        assert endpoint == 0x81
        if self.fail is not None:
            raise OSError(self.fail, "failed")
        if not self.incoming:
            raise OSError(errno.ETIMEDOUT, "Operation timed out")
        return bytearray(self.incoming.pop(0))

    def write(self, endpoint: int, data: bytes, timeout: int) -> None:
        self.sent.append((endpoint, data))


def port(*devices: Device, address: str = "usb://5fc9:0063") -> UsbPort:
    def find(*, find_all: bool, idVendor: int, idProduct: int) -> list[Device]:  # noqa: N803
        assert (find_all, idVendor, idProduct) == (True, 0x5FC9, 0x0063)
        return list(devices)

    return UsbPort(address, find=find)


def test_transfers_go_to_the_bulk_endpoints_and_come_in_pieces_as_asked() -> None:
    device = Device()
    opened = port(device)
    assert not device.held
    device.incoming = [b"hello"]
    opened.write(b"hi")
    assert device.sent == [(0x01, b"hi")]
    assert [opened.read(3, 0.1), opened.read(3, 0.1), opened.read(3, 0.1)] == [b"hel", b"lo", b""]
    opened.close()
    opened.close()
    assert device.held


def test_one_of_several_is_named_by_its_serial_number() -> None:
    first, second = Device("A1"), Device("B2")
    port(first, second, address="usb://5fc9:0063/B2").write(b"x")
    assert (first.sent, second.sent) == ([], [(0x01, b"x")])


@pytest.mark.parametrize(
    ("devices", "address", "code"),
    [
        ([], "usb://5fc9:0063", "port.absent"),
        ([Device("A1")], "usb://5fc9:0063/B2", "port.absent"),
        ([Device(fail=errno.EACCES)], "usb://5fc9:0063", "port.permission"),
        ([Device()], "usb://nothing", "port.usb_address"),
    ],
)
def test_what_cannot_be_opened_is_said(devices: list[Device], address: str, code: str) -> None:
    with pytest.raises(EdgekitError) as refused:
        port(*devices, address=address)
    assert refused.value.code == code


def test_a_device_that_is_pulled_out_is_gone() -> None:
    device = Device()
    opened = port(device)
    device.fail = errno.ENODEV
    with pytest.raises(HardwareError) as gone:
        opened.read(10, 0.1)
    assert gone.value.code == "port.gone"
