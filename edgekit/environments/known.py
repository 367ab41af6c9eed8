"""Know the environments that edgekit can make."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FOLDER = Path(__file__).parent
LIST = "edgekit env list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Describe one environment: the oldest Python its packages take and the first too new for them, and what is installed into it.

    `package` is the one it is made for; `modules` are imported to see whether it works; `requirements` is a file that pip reads.
    """

    name: str
    purpose: str
    python: tuple[int, int]
    below: tuple[int, int]
    package: str
    requirements: Path
    modules: tuple[str, ...] = field(default=())
    size_bytes: int = 0

    @property
    def pins(self) -> tuple[str, ...]:
        """Return the requirements, one a line of the file."""
        lines = (line.strip() for line in self.requirements.read_text(encoding="utf-8").splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))

    @property
    def digest(self) -> str:
        """Return the sha256 of the pins: an environment made from others is made again."""
        return hashlib.sha256("\n".join(self.pins).encode()).hexdigest()

    @property
    def wanted_python(self) -> str:
        """Return which Python fits, in words."""
        last = f"{self.below[0]}.{self.below[1] - 1}"
        first = ".".join(map(str, self.python))
        return f"Python {first}" if first == last else f"Python {first} to {last}"

    def fits(self, version: tuple[int, int]) -> bool:
        """Return whether a Python of `version` (major, minor) can hold it."""
        return self.python <= version < self.below


def known(folder: Path = _FOLDER) -> Mapping[str, Known]:
    """Return every environment by name."""
    stated = tomllib.loads((folder / "known.toml").read_text(encoding="utf-8"))
    return {
        name: Known(
            name=name,
            purpose=table["purpose"],
            python=_version(table["python"]),
            below=_version(table["below"]),
            package=table["package"],
            requirements=folder / "packages" / f"{name}.txt",
            modules=tuple(table["modules"]),
            size_bytes=int(table["size_bytes"]),
        )
        for name, table in stated.items()
    }


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)
