"""What an optional package is for is said where it is missing, with the extra that brings it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from edgekit.core.errors import SetupError
from edgekit.links.hid import HidApiPort
from edgekit.links.joulescope import JoulescopePort
from edgekit.links.usb import UsbPort
from edgekit.links.visa import VisaPort


@pytest.mark.parametrize(
    ("package", "extra", "port", "address"),
    [
        ("pyjoulescope_driver", "joulescope", JoulescopePort, ""),
        ("hid", "hid", HidApiPort, "hid://2e3c:5558"),
        ("pyvisa", "visa", VisaPort, "TCPIP::127.0.0.1::1::SOCKET"),
        ("usb.core", "usb", UsbPort, "usb://5fc9:0063"),
    ],
)
def test_a_missing_package_names_its_extra(
    package: str, extra: str, port: Callable[[str], object], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SetupError) as missing:
        port(address)
    assert missing.value.code == "setup.extra"
    assert f"edgekit[{extra}]" in missing.value.do[0][1]
