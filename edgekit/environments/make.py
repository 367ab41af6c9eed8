"""Make and remove environments. One that is half made carries no mark and is not used; it is removed at once, or by the next attempt."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.core.errors import SetupError, UsageError
from edgekit.core.protocols import Progress
from edgekit.environments.known import LIST, Known
from edgekit.environments.place import MARK, Environment, State, dump, look, place
from edgekit.environments.pythons import Python
from edgekit.links.files import write_atomic, writing
from edgekit.links.lock import lock
from edgekit.links.shell import Process, Shell

_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX")
_TOLD = ("Collecting ", "Processing ", "  Downloading ", "Installing ")
_LAST_WORDS = 6
_VERSIONS = """
import importlib, importlib.metadata, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps({found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}))
"""


def make(wanted: Known, python: Python, *, data: Path | None, shell: Shell, progress: Progress, created: str) -> Environment:
    """Make an environment anew and return it; `created` is ISO 8601 in UTC. What was there before is removed first.

    Raises:
        SetupError: another process makes it, the disk has no room, pip refuses (its last lines say why), or what was installed fails.
    """
    folder = place(wanted.name, data)
    with _held(folder):
        _require_room(wanted, folder)
        _clear(folder)
        try:
            made = _made(wanted, python, folder, shell, progress)
            done = replace(made, created=created)
            write_atomic(folder / MARK, dump(done))
        except BaseException:
            _clear(folder)
            raise
    return done


def remove(wanted: Known, *, data: Path | None) -> Path:
    """Remove an environment, also an unfinished one, and return where it was; raise UsageError where there is none."""
    folder = place(wanted.name, data)
    if look(wanted, data)[0] is State.ABSENT:
        raise UsageError(
            f"there is no environment {wanted.name} to remove",
            code="environment.absent",
            why=f"{folder} is no folder",
            do=[("see which there are:", LIST)],
        )
    with _held(folder):
        _clear(folder)
    return folder


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other processes from making or removing the same environment while the context is open."""
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = lock(folder.parent / f"{folder.name}.lock")
    if held is None:
        raise SetupError(
            f"the environment {folder.name} cannot be changed now",
            code="environment.busy",
            why=f"another process makes or removes it, or {folder.parent} may not be written",
            do=[("see whether it is there a little later:", LIST)],
        )
    with held:
        yield


def _require_room(wanted: Known, folder: Path) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < wanted.size_bytes:
        raise SetupError(
            f"there is no room for the environment {wanted.name}",
            code="environment.no_room",
            why=f"it takes {wanted.size_bytes / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free in {folder.parent}",
            do=[("make it elsewhere:", f"EDGEKIT_DATA=/path/to/room edgekit env create {wanted.name}")],
        )


def _clear(folder: Path) -> None:
    """Remove the folder, its mark first: whatever stops this, what is left is not used."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        with writing(folder):
            (folder / MARK).unlink(missing_ok=True)
            shutil.rmtree(folder)


def _made(wanted: Known, python: Python, folder: Path, shell: Shell, progress: Progress) -> Environment:
    progress.step(f"a virtual environment with Python {python.release}")
    _run([str(python.path), "-I", "-m", "venv", str(folder)], shell, wanted)
    own = str(folder / "bin" / "python")
    progress.step(f"install {wanted.package} and what it needs: {wanted.size_bytes / 1e6:.0f} MB", total=len(wanted.pins))
    _install(
        [own, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"], shell, wanted, progress
    )
    progress.step("see whether it works")
    words = _run([own, "-I", "-c", _VERSIONS, *wanted.modules], shell, wanted)
    progress.step("count what it takes")
    return Environment(
        name=wanted.name,
        folder=folder,
        python_version=python.release,
        versions=dict(sorted(json.loads(words[-1]).items())),
        created="",
        digest=wanted.digest,
        size_bytes=_size_bytes(folder),
    )


def _install(pip: Sequence[str], shell: Shell, wanted: Known, progress: Progress) -> None:
    met = 0
    with contextlib.closing(_start([*pip, "--requirement", str(wanted.requirements)], shell)) as process:
        while (line := process.read_line(None)) is not None:
            met += line.startswith(("Collecting ", "Processing "))
            if line.startswith(_TOLD):
                progress.advance(min(met, len(wanted.pins)), line.strip()[:60])
        _require_success(process, "pip could not install", wanted)


def _run(argv: Sequence[str], shell: Shell, wanted: Known) -> list[str]:
    """Run a command of the making to its end; return the lines it printed."""
    words = []
    with contextlib.closing(_start(argv, shell)) as process:
        while (line := process.read_line(None)) is not None:
            words.append(line)
        _require_success(process, "a step failed that makes", wanted)
    return words


def _start(argv: Sequence[str], shell: Shell) -> Process:
    """Start a command that sees nothing of the environment edgekit runs in, but the user's own settings of pip."""
    unset = [word for name in _FOREIGN if name in os.environ for word in ("-u", name)]
    return shell.spawn(["env", *unset, *argv], env={"PYTHONNOUSERSITE": "1", "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"})


def _require_success(process: Process, what: str, wanted: Known) -> None:
    process.close(60.0)
    if process.returncode == 0:
        return
    said = [line for line in process.complaints().splitlines() if line.strip()]
    raise SetupError(
        f"{what} the environment {wanted.name}",
        code="environment.failed",
        why="\n".join(said[-_LAST_WORDS:]) or f"exit status {process.returncode}, and it said nothing",
        do=[
            (
                "with no way to the package index, a mirror or a folder of wheels will do:",
                f"PIP_INDEX_URL=... edgekit env create {wanted.name}",
            ),
            ("try what pip says by itself:", f"pip download --no-deps {shlex.quote(_own_pin(wanted))}"),
        ],
        data={"log": "\n".join(said) + "\n"},
    )


def _own_pin(wanted: Known) -> str:
    return next((pin for pin in wanted.pins if pin.partition("==")[0] == wanted.package), wanted.package)


def _size_bytes(folder: Path) -> int:
    return sum(entry.stat(follow_symlinks=False).st_size for root, _, names in os.walk(folder) for entry in map(Path(root).joinpath, names))
