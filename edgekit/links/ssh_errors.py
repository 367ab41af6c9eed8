"""Say what the program ssh meant: its last words become an error with the next step."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgekit.core.errors import HardwareError
from edgekit.links.ssh_address import SshAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meaning:
    """Hold what a pattern among the words of ssh stands for."""

    code: str
    pattern: str
    what: str


_MEANINGS = (
    _Meaning(code="ssh.host_key_changed", pattern="REMOTE HOST IDENTIFICATION HAS CHANGED", what="shows another host key than it used to"),
    _Meaning(
        code="ssh.host_key_unknown",
        pattern="host key is known for|Host key verification failed",
        what="has a host key that nobody has accepted yet",
    ),
    _Meaning(
        code="ssh.denied",
        pattern="Permission denied|Too many authentication failures|No more authentication methods",
        what="does not let this user in",
    ),
    _Meaning(code="ssh.refused", pattern="Connection refused", what="does not listen for ssh"),
    _Meaning(
        code="ssh.unreachable",
        pattern="Could not resolve|No route to host|unreachable|timed out|Timeout|did not properly respond",
        what="cannot be reached",
    ),
    _Meaning(
        code="ssh.config",
        pattern="[Bb]ad configuration|Can't open user config|Bad owner or permissions",
        what="is described in a way that ssh refuses",
    ),
    _Meaning(code="ssh.sessions", pattern="Session open refused", what="takes no more sessions over one connection"),
)
_FORGET = re.compile(r"""ssh-keygen -f (["'])[^"'\n]+\1 -R (["'])[^"'\n]+\2""")
_UNKNOWN = _Meaning(code="ssh.failed", pattern="", what="cannot be reached over ssh")


def explain(address: SshAddress, words: str, *, config: str | None = None) -> HardwareError:
    """Return the error behind what ssh wrote to its standard error before it gave up."""
    meaning = next((meaning for meaning in _MEANINGS if re.search(meaning.pattern, words)), _UNKNOWN)
    why = "; ".join(line.strip() for line in words.splitlines() if line.strip(" @\t")) or "ssh ended without a word"
    if meaning.code == "ssh.host_key_changed":
        why = f"the key that {address.host} shows is another than the one known for it"
    do = _advice(meaning.code, address, config, words)
    return HardwareError(f"{address.short} {meaning.what}", code=meaning.code, why=why[-600:], do=do)


def lost(address: SshAddress, words: str) -> HardwareError:
    """Return the error for a connection that ended while it was used."""
    why = "; ".join(line.strip() for line in words.splitlines() if line.strip()) or "it ended without a word"
    return HardwareError(
        f"the connection to {address.short} was lost",
        code="ssh.lost",
        why=why[-600:],
        do=[("see whether it is back, and since when it runs:", address.command("uptime"))],
    )


def _advice(code: str, address: SshAddress, config: str | None, words: str) -> list[tuple[str, str]]:
    login = address.command("true", config=config)
    place = address.host if address.port in (None, 22) else f"'[{address.host}]:{address.port}'"
    forget = _FORGET.search(words)  # ssh itself knows the file, and the name behind an alias
    return {
        "ssh.host_key_changed": [
            ("only if you know why (it was installed anew), forget the old key:", forget[0] if forget else f"ssh-keygen -R {place}"),
            ("then compare and accept the new one:", login),
        ],
        "ssh.host_key_unknown": [("compare its fingerprint and accept it once:", login)],
        "ssh.denied": [
            ("see which keys are offered:", "ssh-add -l"),
            ("let this key in (asks for the password once):", address.copy_key(config=config)),
        ],
        "ssh.refused": [("switch ssh on there (Raspberry Pi: raspi-config, Interface Options):", "sudo systemctl enable --now ssh")],
        "ssh.config": [("see what ssh says:", login)],
        "ssh.sessions": [("benchmark fewer artifacts in one command, or raise MaxSessions there:", "man sshd_config")],
    }.get(code, [("see what ssh says by itself:", address.command("-v", "true", config=config))])
