"""Make, list and remove the environments of tools that cannot live beside edgekit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import unknown_name
from edgekit.core.protocols import Progress
from edgekit.environments import Environment, Known, State, known, look, place
from edgekit.environments.known import LIST
from edgekit.environments.make import make
from edgekit.environments.make import remove as clear
from edgekit.environments.pythons import choose
from edgekit.links.clock import SystemClock
from edgekit.links.shell import LocalShell, Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Hold one environment that can be made, and how far it is: `python` and what follows are None unless its state is ready."""

    name: str
    purpose: str
    state: State
    folder: Path
    needs: str
    python: Path | None = None
    python_version: str | None = None
    created: str | None = None
    size_bytes: int | None = None
    versions: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """Hold an environment that is ready; `made` is False when it was there already."""

    environment: Listed
    made: bool


def create(
    name: str,
    *,
    data: Path,
    python: Path | None,
    progress: Progress,
    again: bool = False,
    shell: Shell | None = None,
    date: SystemClock | None = None,
) -> Created:
    """Make the environment `name` unless it is ready; `again` makes it anew. `python` names the interpreter to make it from.

    Raises:
        UsageError: no environment has this name.
        SetupError: no fitting Python was found, or making it failed; nothing is left of it then.
    """
    wanted = _known(name)
    state, found = look(wanted, data)
    if found is not None and not again:
        return Created(environment=_listed(wanted, state, found, data), made=False)
    shell, date = shell or LocalShell(), date or SystemClock()
    progress.step(f"look for {wanted.wanted_python}")
    chosen = choose(wanted, named=python, shell=shell)
    made = make(wanted, chosen, data=data, shell=shell, progress=progress, created=date.now_utc())
    return Created(environment=_listed(wanted, State.READY, made, data), made=True)


def listed(*, data: Path) -> tuple[Listed, ...]:
    """Return every environment that edgekit can make, with its state."""
    return tuple(_listed(wanted, *look(wanted, data), data) for wanted in known().values())


def remove(name: str, *, data: Path) -> Path:
    """Remove the environment `name`; return the folder it was in. Raises UsageError where there is none."""
    return clear(_known(name), data=data)


def _known(name: str) -> Known:
    table = known()
    if name not in table:
        raise unknown_name("environment", name, table, list_command=LIST)
    return table[name]


def _listed(wanted: Known, state: State, found: Environment | None, data: Path) -> Listed:
    base = Listed(name=wanted.name, purpose=wanted.purpose, state=state, folder=place(wanted.name, data), needs=wanted.wanted_python)
    if found is None:
        return base
    return Listed(
        name=base.name,
        purpose=base.purpose,
        state=state,
        folder=base.folder,
        needs=base.needs,
        python=found.python,
        python_version=found.python_version,
        created=found.created,
        size_bytes=found.size_bytes,
        versions=found.versions,
    )
