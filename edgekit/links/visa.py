"""Reach instruments by VISA names through pyvisa (extra `visa`): USBTMC, VXI-11, raw sockets, GPIB.

pyvisa-py, in plain Python, is the backend; where another is installed, the variable PYVISA_LIBRARY names it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Any, Final

from edgekit.core.errors import HardwareError, missing_extra
from edgekit.links.port import refused

NAME: Final = re.compile(r"(?:USB|TCPIP|GPIB|ASRL|VICP|PXI|VXI)\d*::\S+", re.IGNORECASE)
_OPEN_MS: Final = 5000


class VisaPort:
    """Exchange messages with "USB0::0x1AB1::0x0E11::SERIAL::INSTR" or "TCPIP::HOST::5025::SOCKET".

    An answer is fetched only where a question was sent: an instrument of USBTMC or VXI-11 that is asked for what it does not have reports
    an error and beeps. One that comes too late is dropped, so that it is not taken for the next one. `manager` is what
    pyvisa.ResourceManager makes.
    """

    def __init__(self, address: str, baud: int = 0, *, manager: Any = None) -> None:
        self.name = address
        self._waiting, self._owed = b"", False
        manager = manager or _manager()
        try:
            self._resource = manager.open_resource(address, open_timeout=_OPEN_MS)
            self._resource.read_termination = "\n"
        except Exception as error:  # pyvisa-py lets those of every layer through
            raise _refused(address, error) from error

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return the answer that is owed, none after `timeout_s` or where none is; raise HardwareError when the instrument is gone."""
        if not self._waiting and self._owed and timeout_s > 0:
            self._owed = False
            self._fetch(round(timeout_s * 1000))
        got, self._waiting = self._waiting[:most], self._waiting[most:]
        return got

    def _fetch(self, timeout_ms: int) -> None:
        try:
            self._resource.timeout = max(1, timeout_ms)
            message = bytes(self._resource.read_raw())
        except Exception as error:
            if getattr(error, "abbreviation", "") != "VI_ERROR_TMO":
                raise self._lost(error) from error
            with suppress(Exception):  # not every instrument can be cleared
                self._resource.clear()
            return
        self._waiting = message if message.endswith(b"\n") else message + b"\n"  # the end of a message needs no mark in it

    def write(self, data: bytes) -> None:
        """Send one message."""
        try:
            self._resource.write_raw(data)
        except Exception as error:
            raise self._lost(error) from error
        self._waiting, self._owed = b"", True

    def close(self) -> None:
        """Close; harmless when called twice."""
        with suppress(Exception):
            self._resource.close()

    def _lost(self, error: Exception) -> HardwareError:
        remedy = [("connect it again, then see what it says:", f"edgekit meters read scpi:{self.name}")]
        return HardwareError(f"{self.name} is gone", code="port.gone", why=str(error), do=remedy)


def _refused(address: str, error: Exception) -> HardwareError:
    known = {"VI_ERROR_RSRC_NFOUND": "No such file", "VI_ERROR_RSRC_BUSY": "busy", "VI_ERROR_NPERMISSION": "Permission denied"}
    what = known.get(getattr(error, "abbreviation", ""), "")
    return refused(address, OSError(f"{what}: {error}" if what else str(error)))


def _manager() -> Any:
    try:
        import pyvisa
    except ImportError as error:
        raise missing_extra("pyvisa", "visa", "an instrument that is named as VISA does") from error
    return pyvisa.ResourceManager(os.environ.get("PYVISA_LIBRARY", "@py"))
