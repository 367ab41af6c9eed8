"""Hold what one look at the machine found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Do = tuple[tuple[str, str], ...]


class Status(StrEnum):
    """Say how a check ended: a warning costs precision, a failure stops work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Hold one check: what was looked at, what was found, and pairs of (advice, command)."""

    name: str
    status: Status
    found: str
    do: Do = ()


def text_of(path: Path) -> str | None:
    """Return the text of a file of the kernel; None where there is none or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
