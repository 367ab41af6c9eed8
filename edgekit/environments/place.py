"""Find an environment on disk and say in which state it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from edgekit.environments.known import Known, known
from edgekit.links.folders import data_folder

MARK = "edgekit-environment.json"


class State(StrEnum):
    """Say whether an environment can be used.

    An unfinished one was interrupted; an outdated one holds other packages than are wanted now; a broken one was moved (its commands name
    the Python of the old place), or the Python it was made from is gone.
    """

    READY = "ready"
    ABSENT = "absent"
    UNFINISHED = "unfinished"
    OUTDATED = "outdated"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Hold one environment that can be used: its Python, the folder of its commands, and the version of each package in it.

    `python_version` is the release of that Python, `created` ISO 8601 in UTC.
    """

    SCHEMA: ClassVar[str] = "edgekit.environment/1"

    name: str
    folder: Path
    python_version: str
    versions: Mapping[str, str]
    created: str
    digest: str
    size_bytes: int | None = None

    @property
    def python(self) -> Path:
        """Return the interpreter."""
        return self.bin / "python"

    @property
    def bin(self) -> Path:
        """Return the folder of its commands, which goes in front of PATH where one of them starts others."""
        return self.folder / "bin"


def place(name: str, data: Path | None = None) -> Path:
    """Return where the environment `name` lives, whether it is there or not; `data` None is the user's data folder."""
    return (data or data_folder()) / "environments" / name


def find(name: str, data: Path | None = None) -> Environment | None:
    """Return the environment `name` if it is ready to be used, else None; raises nothing."""
    try:
        wanted = known().get(name)
        return None if wanted is None else look(wanted, data)[1]
    except (OSError, ValueError, LookupError):
        return None


def look(wanted: Known, data: Path | None = None) -> tuple[State, Environment | None]:
    """Return the state of an environment, and what is in it where it is ready."""
    folder = place(wanted.name, data)
    if not folder.is_dir():
        return State.ABSENT, None
    found = _read(folder)
    if found is None:
        return State.UNFINISHED, None
    if found.digest != wanted.digest:
        return State.OUTDATED, None
    if found.folder.resolve() != folder.resolve() or not found.python.exists():
        return State.BROKEN, None
    return State.READY, found


def dump(environment: Environment) -> str:
    """Return an environment as the text of its mark."""
    stated: dict[str, Any] = {"schema": Environment.SCHEMA}
    stated |= {name: getattr(environment, name) for name in ("name", "created", "python_version", "digest", "size_bytes")}
    stated["folder"] = str(environment.folder)
    return json.dumps({**stated, "versions": dict(environment.versions)}, indent=1) + "\n"


def _read(folder: Path) -> Environment | None:
    try:
        stated = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return Environment(
            name=str(stated["name"]),
            folder=Path(stated["folder"]),
            python_version=str(stated["python_version"]),
            versions={str(name): str(version) for name, version in stated["versions"].items()},
            created=str(stated["created"]),
            digest=str(stated["digest"]),
            size_bytes=stated.get("size_bytes"),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
