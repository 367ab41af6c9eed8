"""Reach HID instruments through hidapi (extra `hid`), where there is no hidraw: macOS and Windows."""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from typing import Any, Final

from edgekit.core.errors import UsageError, missing_extra
from edgekit.links.port import lost, refused

_SHAPE: Final = re.compile(r"hid://([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?:/(.+))?")
_REPORT_BYTES: Final = 64


class HidApiPort:
    """Exchange HID reports of 64 bytes with "hid://2e3c:5558" or "hid://2e3c:5558/SERIAL"; report 0 is understood.

    `hid` is the module of that name: enumerate(vendor, product), and device() with open_path, read, write, set_nonblocking, error, close.
    """

    def __init__(self, address: str, *, hid: Any = None) -> None:
        self.name = address
        vendor, product, serial = _wanted(address)
        module = hid or hidapi()
        found = [one for one in module.enumerate(vendor, product) if serial in (None, one["serial_number"])]
        if not found:
            raise refused(address, FileNotFoundError(errno.ENOENT, "No such file"))
        self._device: Any = module.device()
        try:
            self._device.open_path(found[0]["path"])
            self._device.set_nonblocking(1)
        except OSError as error:  # it says "open failed" whether another program has it or this user may not
            raise refused(address, error) from error

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return one report, none after `timeout_s`; raise HardwareError when the instrument is gone."""
        with lost(self.name):
            try:
                wait = (max(1, round(timeout_s * 1000)),) if timeout_s > 0 else ()  # without a time it returns at once
                return bytes(self._device.read(min(most, _REPORT_BYTES), *wait))
            except ValueError as error:  # "not open"
                raise OSError(errno.ENODEV, str(error)) from error

    def write(self, data: bytes) -> None:
        """Send one report."""
        with lost(self.name):
            try:
                sent = self._device.write(b"\0" + data)
            except ValueError as error:
                raise OSError(errno.ENODEV, str(error)) from error
            if sent < 0:
                raise OSError(errno.EIO, str(self._device.error()))

    def close(self) -> None:
        """Close; harmless when called twice."""
        with suppress(OSError, ValueError):
            self._device.close()


def hidapi() -> Any:
    """Return the module `hid`; raise SetupError where it is not installed."""
    try:
        import hid
    except ImportError as error:
        raise missing_extra("hidapi", "hid", "a HID meter on this system") from error
    return hid


def _wanted(address: str) -> tuple[int, int, str | None]:
    found = _SHAPE.fullmatch(address)
    if found is None:
        raise UsageError(
            f"{address!r} names no HID device",
            code="port.hid_address",
            why="it reads hid://VENDOR:PRODUCT or hid://VENDOR:PRODUCT/SERIAL, in hexadecimal; on Linux /dev/hidrawN",
            do=[("see which there are:", "edgekit meters --all")],
        )
    return int(found[1], 16), int(found[2], 16), found[3]
