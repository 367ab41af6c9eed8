"""Find a Python that an environment can be made from. What does not start or does not fit is passed over, and told if none is left."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import EdgekitError, SetupError
from edgekit.environments.known import Known
from edgekit.links.shell import Shell

_ASK = "import json, sys, ensurepip, venv; print(json.dumps([sys.version_info[:3], sys.platform]))"
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """Hold an interpreter that can make environments, and its version."""

    path: Path
    version: tuple[int, int, int]

    @property
    def release(self) -> str:
        """Return the version as text."""
        return ".".join(map(str, self.version))


def choose(wanted: Known, *, named: Path | None, shell: Shell, path: str | None = None, own: str = sys.executable) -> Python:
    """Return a Python that fits: `named` and no other if it is given, else this process's own, else the oldest found on `path` (PATH).

    Raises:
        SetupError: none fits; it says of each that was tried why not.
    """
    refused: list[str] = []
    search = os.environ.get("PATH", os.defpath) if path is None else path
    candidates = iter([named]) if named is not None else _candidates(wanted, search, own)
    for candidate in candidates:
        python, why = ask(candidate, shell)
        if python is not None and wanted.fits(python.version[:2]):
            return python
        refused.append(f"{candidate}: " + (f"it is Python {python.release}" if python is not None else why))
    raise SetupError(
        f"no {wanted.wanted_python} was found for the environment {wanted.name}"
        if named is None
        else f"the environment {wanted.name} cannot be made with {named}",
        code="environment.no_python",
        why="\n".join([f"{wanted.package} needs {wanted.wanted_python}", *refused]),
        do=[
            ("install one beside this Python (your system's packages, pyenv or uv), then name it:", ""),
            ("", f"edgekit env create {wanted.name} --python /path/to/python{wanted.python[0]}.{max(wanted.python[1], 11)}"),
        ],
    )


def ask(candidate: Path, shell: Shell) -> tuple[Python | None, str]:
    """Return the Python behind a path, or None and why it cannot be used."""
    try:
        with contextlib.closing(shell.spawn([str(candidate), "-I", "-c", _ASK])) as process:
            line = process.read_line(_PATIENCE_S)
            complaints = process.complaints().splitlines() if line is None else []
    except TimeoutError:
        return None, f"it did not answer within {_PATIENCE_S:g} s"
    except EdgekitError as error:
        return None, error.why
    if line is None:
        lacking = next(
            (module for module in ("ensurepip", "venv") if any(f"No module named '{module}'" in said for said in complaints)), None
        )
        return None, f"its module {lacking} is missing (Debian and Ubuntu: python3-venv)" if lacking else _first(complaints)
    try:
        version, _ = json.loads(line)
        return Python(path=candidate, version=(int(version[0]), int(version[1]), int(version[2]))), ""
    except (ValueError, TypeError, LookupError):
        return None, f"it answered {shlex.quote(line[:80])}"


def _first(complaints: list[str]) -> str:
    return next((line.strip() for line in complaints if line.strip()), "it ended without a word")


def _candidates(wanted: Known, path: str, own: str) -> Iterator[Path]:
    """Yield this Python, then each pythonX.Y that would fit in the order of age, then whatever is called python3."""
    releases = [f"python{wanted.python[0]}.{minor}" for minor in range(wanted.python[1], wanted.below[1])]
    folders = [Path(folder) for folder in dict.fromkeys(path.split(os.pathsep)) if folder]
    found = [
        Path(own),
        *(folder / name for name in releases for folder in _with_versions(folders)),
        *(folder / "python3" for folder in folders),
    ]
    seen: set[Path] = set()
    for candidate in found:
        if candidate not in seen and os.access(candidate, os.X_OK) and candidate.is_file():
            seen.add(candidate)
            yield candidate


def _with_versions(folders: list[Path]) -> list[Path]:
    """Return the folders; behind one of pyenv's shims come the Pythons it could start if it were told to."""
    behind = [version for folder in folders if folder.name == "shims" for version in sorted(folder.parent.glob("versions/*/bin"))]
    return [*folders, *behind]
