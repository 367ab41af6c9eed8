"""Reach instruments by bytes: serial lines and sockets through pyserial, HID reports through Linux's hidraw."""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Callable
from typing import Any

from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Port

PortOpener = Callable[..., Port]
"""Open a port: (address, baud=9600) -> Port."""

_REPORT_BYTES = 64


class SerialPort:
    """Exchange bytes through anything that pyserial opens: /dev/ttyACM0, COM3, socket://HOST:PORT, rfc2217://HOST:PORT, a pty."""

    def __init__(self, address: str, baud: int = 9600) -> None:
        import serial

        self.name = address
        try:
            self._serial: Any = serial.serial_for_url(address, baudrate=baud, timeout=0, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise refused(address, error) from error

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return up to `most` bytes as soon as there are any, none after `timeout_s`; raise HardwareError when the instrument is gone."""
        with lost(self.name):
            self._serial.timeout = timeout_s
            first: bytes = self._serial.read(1)
            waiting = min(most - 1, self._serial.in_waiting) if first else 0
            return first + (self._serial.read(waiting) if waiting > 0 else b"")

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        with lost(self.name):
            self._serial.write(data)
            self._serial.flush()

    def close(self) -> None:
        """Close; harmless when called twice."""
        with contextlib.suppress(OSError):
            self._serial.close()


class HidPort:
    """Exchange HID reports of 64 bytes with /dev/hidrawN; report 0 is understood."""

    def __init__(self, address: str) -> None:
        import fcntl  # not on Windows, which has no hidraw either

        self.name = address
        self._fd = -1
        try:
            self._fd = os.open(address, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # two readers would take each other's reports
        except OSError as error:
            self.close()
            raise refused(address, error) from error

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return one report, none after `timeout_s`; raise HardwareError when the instrument is gone."""
        with lost(self.name):
            ready, _, _ = select.select([self._fd], [], [], timeout_s)
            report = os.read(self._fd, min(most, _REPORT_BYTES)) if ready else b""
            if ready and not report:
                raise OSError(errno.ENODEV, "end of file")
            return report

    def write(self, data: bytes) -> None:
        """Send one report."""
        with lost(self.name):
            os.write(self._fd, b"\0" + data)

    def close(self) -> None:
        """Close; harmless when called twice."""
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._fd = -1


def refused(address: str, error: Exception) -> HardwareError:
    """Return why a port could not be opened, with the remedy."""
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT or "No such file" in text:
        return HardwareError(
            f"{address} does not exist",
            code="port.absent",
            why="no instrument is connected there",
            do=[("see what is present:", "edgekit meters --all")],
        )
    if number in (errno.EACCES, errno.EPERM) or "Permission denied" in text:
        return HardwareError(
            f"{address} may not be opened",
            code="port.permission",
            why=text,
            do=[("allow it for good:", "edgekit meters udev | sudo sh"), ("or for this session:", f"sudo chmod a+rw {address}")],
        )
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in text or "busy" in text.lower():
        return HardwareError(
            f"{address} is in use", code="port.busy", why="another program has it open", do=[("see which:", f"fuser -v {address}")]
        )
    return HardwareError(f"{address} cannot be opened", code="port.failed", why=text, do=[("see what is present:", "edgekit meters --all")])


@contextlib.contextmanager
def lost(name: str) -> Any:
    """Turn the system's errors while an instrument is used into the one that says it is gone."""
    try:
        yield
    except (OSError, TypeError) as error:  # pyserial reads from a closed descriptor as TypeError
        raise HardwareError(
            f"{name} is gone",
            code="port.gone",
            why=str(error),
            do=[("plug it in again, then see what is present:", "edgekit meters --all")],
        ) from error
