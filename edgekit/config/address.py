"""Say what kind of device an address asks for."""

from __future__ import annotations

import difflib
import re
from urllib.parse import urlsplit

from edgekit.core.errors import UsageError

SCHEMES = {"ssh": "ssh://USER@HOST", "local": "local:", "cuda": "cuda:0", "sim": "sim:"}
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\]")


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
        check_ssh(address)
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


def check_ssh(address: str) -> None:
    """Raise UsageError for an address that cannot be meant, or whose parts the program ssh would take for options."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"{address!r} is not an ssh address", code="device.address", why=str(error)) from error
    user, at, bare = parts.netloc.rpartition("@")
    user, bare = user if at else "anyone", bare.removesuffix(f":{parts.port}")
    if (
        parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or parts.password
        or not host
        or not _HOST.fullmatch(bare)
        or not _USER.fullmatch(user)
    ):
        raise UsageError(
            f"{address!r} is not an ssh address",
            code="device.address",
            why="it reads ssh://USER@HOST or ssh://USER@HOST:PORT, without a path or a password (keys and passwords stay with ssh)",
            do=[("try the address with ssh itself:", "ssh USER@HOST true")],
        )
