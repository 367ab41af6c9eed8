"""Say what kind of device an address asks for."""

from __future__ import annotations

import difflib
import re

from edgekit.core.errors import UsageError
from edgekit.links.ssh_address import ssh_address

SCHEMES = {"ssh": "ssh://USER@HOST", "local": "local:", "cuda": "cuda:0", "sim": "sim:", "board": "board:/dev/ttyACM0"}


def kind_of(address: str) -> str:
    """Return the device kind that an address asks for; raise UsageError for one that cannot be meant."""
    scheme, colon, rest = address.partition(":")
    if not colon or scheme not in SCHEMES:
        near = difflib.get_close_matches(scheme, SCHEMES, n=1)
        advice = [(f"did you mean {SCHEMES[name]}?", "") for name in near]
        raise UsageError(
            f"{address!r} is not the address of a device",
            code="device.address",
            why=f"it does not begin with one of {', '.join(f'{name}:' for name in SCHEMES)}",
            do=[*advice, ("write it like this:", "edgekit devices add pi ssh://pi@raspberrypi.local")],
        )
    if scheme == "ssh":
        ssh_address(address)
    if scheme in ("local", "sim") and rest:
        raise UsageError(
            f"{address!r} is not the address of a device",
            code="device.address",
            why=f"nothing comes after {scheme}:",
            do=[("use it as it is:", f"edgekit bench ARTIFACT --device {scheme}")],
        )
    if scheme == "cuda" and rest and not (rest.isascii() and rest.isdecimal()):
        raise UsageError(
            f"{address!r} is not the address of a GPU", code="device.address", why="after cuda: comes its number, as in cuda:0"
        )
    return scheme


def with_options(address: str) -> tuple[str, dict[str, str]]:
    """Return (address, options) of "board:/dev/ttyACM0,baud=115200": what follows the place of a device that needs no name."""
    bare, options = address, dict[str, str]()
    while found := re.fullmatch(r"(?P<rest>.*),(?P<key>[a-z][a-z0-9_]*)=(?P<value>[^,]*)", bare):
        bare, options = found["rest"], {found["key"]: found["value"], **options}
    return bare, options
