"""Reach instruments by USB bulk transfers through pyusb (extra `usb`)."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable
from typing import Any, Final

from edgekit.core.errors import HardwareError, UsageError, missing_extra
from edgekit.links.port import lost, refused

Find = Callable[..., Any]
"""Return the devices that fit: (find_all=True, idVendor=, idProduct=), as usb.core.find."""

_SHAPE: Final = re.compile(r"usb://([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?:/(.+))?")
_LONGEST: Final = 16_384
_WRITE_MS: Final = 1000


class UsbPort:
    """Exchange bulk transfers with the first vendor or data interface of a device: "usb://5fc9:0063" or "usb://5fc9:0063/SERIAL".

    A kernel driver that holds the interface is set aside until the port is closed. One transfer is asked for at a time.
    """

    def __init__(self, address: str, *, find: Find | None = None) -> None:
        self.name = address
        vendor, product, serial = _wanted(address)
        found = list((find or _find())(find_all=True, idVendor=vendor, idProduct=product))
        self._device: Any = next((one for one in found if serial in (None, _serial(one))), None)
        if self._device is None:
            raise refused(address, FileNotFoundError(errno.ENOENT, "No such file"))
        self._waiting = b""
        try:
            self._claim()
        except NotImplementedError:  # not on this system
            pass
        except OSError as error:  # usb.core.USBError is one
            raise refused(address, error) from error

    def _claim(self) -> None:
        interface = _bulk_interface(self._device)
        self._number = int(interface.bInterfaceNumber)
        self._out, self._in = _endpoints(interface)
        self._detached = False
        if self._device.is_kernel_driver_active(self._number):
            self._device.detach_kernel_driver(self._number)
            self._detached = True

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return what one transfer brought, up to `most`; none after `timeout_s`; raise HardwareError when the instrument is gone."""
        if not self._waiting:
            with lost(self.name):
                try:
                    self._waiting = bytes(self._device.read(self._in, _LONGEST, max(1, round(timeout_s * 1000))))
                except OSError as error:
                    if error.errno not in (errno.ETIMEDOUT, 110, 60):
                        raise
        got, self._waiting = self._waiting[:most], self._waiting[most:]
        return got

    def write(self, data: bytes) -> None:
        """Send all of `data` as one transfer."""
        with lost(self.name):
            self._device.write(self._out, data, _WRITE_MS)

    def close(self) -> None:
        """Give the interface back to its driver; harmless when called twice."""
        with contextlib.suppress(OSError, NotImplementedError):
            if self._detached:
                self._device.attach_kernel_driver(self._number)
                self._detached = False


def _find() -> Find:
    try:
        import usb.core
    except ImportError as error:
        raise missing_extra("pyusb", "usb", "a meter with bulk transfers") from error

    def find(**wanted: Any) -> Any:
        try:
            return usb.core.find(**wanted)
        except usb.core.NoBackendError as error:
            raise HardwareError(
                "the system library libusb is missing",
                code="port.no_libusb",
                why="pyusb finds no backend",
                do=[("install it, on Debian or Raspberry Pi OS:", "sudo apt install libusb-1.0-0")],
            ) from error

    return find


def _wanted(address: str) -> tuple[int, int, str | None]:
    found = _SHAPE.fullmatch(address)
    if found is None:
        raise UsageError(
            f"{address!r} names no USB device",
            code="port.usb_address",
            why="it reads usb://VENDOR:PRODUCT or usb://VENDOR:PRODUCT/SERIAL, in hexadecimal",
            do=[("see which there are:", "lsusb")],
        )
    return int(found[1], 16), int(found[2], 16), found[3]


def _serial(device: Any) -> str | None:
    try:
        number: str | None = device.serial_number
    except (OSError, ValueError):  # not allowed to ask, or the device has none
        return None
    return number


def _bulk_interface(device: Any) -> Any:
    """Return the first interface with a bulk endpoint each way."""
    for interface in device.get_active_configuration():
        with contextlib.suppress(StopIteration):
            _endpoints(interface)
            return interface
    raise OSError(errno.ENODEV, "no interface with bulk transfers both ways")


def _endpoints(interface: Any) -> tuple[int, int]:
    """Return the addresses of the bulk endpoints (out, in)."""
    bulk = [int(endpoint.bEndpointAddress) for endpoint in interface if int(endpoint.bmAttributes) & 3 == 2]
    return next(address for address in bulk if not address & 0x80), next(address for address in bulk if address & 0x80)
