"""Read the address of a machine that is reached over ssh: ssh://USER@HOST:PORT?jump=USER@HOST."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from edgekit.core.errors import UsageError

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9a-fA-F:]+\]")
_READS = "it reads ssh://USER@HOST or ssh://USER@HOST:PORT, without a path or a password (keys and passwords stay with ssh)"

_TRY = [("try the address with ssh itself:", "ssh USER@HOST true")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAddress:
    """Hold where a machine is. What is None or empty is left to the user's own ssh configuration, where `host` may also be an alias."""

    host: str
    user: str | None = None
    port: int | None = None
    jump: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Return the arguments of ssh that name the machine."""
        port = ("-p", str(self.port)) if self.port is not None else ()
        user = ("-l", self.user) if self.user is not None else ()
        jump = ("-J", self.jump) if self.jump is not None else ()
        return (*port, *user, *jump, "--", self.host)

    @property
    def short(self) -> str:
        """Return user, host and port for people, and for the folders of runs."""
        user = f"{self.user}@" if self.user is not None else ""
        return f"{user}{self.host}" + (f":{self.port}" if self.port is not None else "")

    def command(self, *words: str, config: str | None = None) -> str:
        """Return an ssh command to paste, for this machine."""
        return shlex.join(["ssh", *(("-F", config) if config else ()), *(word for word in self.words if word != "--"), *words])

    def copy_key(self, *, config: str | None = None) -> str:
        """Return the command to paste that lets a key in; ssh-copy-id knows neither -l nor -J."""
        to = self.host if self.user is None else f"{self.user}@{self.host}"
        port = ("-p", str(self.port)) if self.port is not None else ()
        jump = ("-o", f"ProxyJump={self.jump}") if self.jump is not None else ()
        return shlex.join(["ssh-copy-id", *(("-F", config) if config else ()), *port, *jump, to])


def ssh_address(text: str) -> SshAddress:
    """Return the address; raise UsageError for one that cannot be meant, or whose parts the program ssh would take for options."""
    try:
        parts = urlsplit(text)
        port, query = parts.port, parse_qsl(parts.query, strict_parsing=True) if parts.query else []
    except ValueError as error:
        raise UsageError(f"{text!r} is not an ssh address", code="device.address", why=_READS, do=_TRY) from error
    user, at, bare = parts.netloc.rpartition("@")
    bare = bare.removesuffix(f":{port}")
    jumps = [value for key, value in query if key == "jump"]
    if (
        parts.scheme != "ssh"
        or parts.path not in ("", "/")
        or parts.fragment
        or (at and not _USER.fullmatch(user))
        or not _HOST.fullmatch(bare)
        or len(jumps) != len(query)
        or len(jumps) > 1
        or not all(_is_jump(hop) for jump in jumps for hop in jump.split(","))
    ):
        raise UsageError(
            f"{text!r} is not an ssh address",
            code="device.address",
            why=_READS,
            do=_TRY,
        )
    return SshAddress(host=bare.strip("[]"), user=user if at else None, port=port, jump=jumps[0] if jumps else None)


def _is_jump(hop: str) -> bool:
    user, at, place = hop.rpartition("@")
    host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    if not colon:
        host = place
    return bool((not at or _USER.fullmatch(user)) and _HOST.fullmatch(host) and (not colon or port.isdecimal()))
