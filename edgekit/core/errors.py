"""Hold the error tree. Every error says what happened, why, and what to do next, under a stable code.

    EdgekitError
    +-- UsageError        2    the command line, a name or a file the user gave
    +-- GateError         3    the result exists but fails its gate
    +-- HardwareError     4    a device or a meter
    +-- ModelError        5    a model that cannot be read, converted or run
    +-- SetupError        6    something missing or not writable on this machine
    +-- InconclusiveError 7    a gate whose interval straddles the threshold
    +-- InterruptedRun  130    stopped by the user; the partial record is kept

Exit status 1 is kept for bugs in edgekit itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import ClassVar


class EdgekitError(Exception):
    """Carry one failure in three parts: `what` happened, `why`, and `do`: pairs of (advice, command to paste)."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, code: str, why: str = "", do: Iterable[tuple[str, str]] = (), data: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.do = tuple(do)
        self.code = code
        self.data = dict(data or {})

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what


class UsageError(EdgekitError):
    """Report a command line, name or input file that cannot be meant."""

    exit_code = 2


class GateError(EdgekitError):
    """Report a result that was written but fails its gate."""

    exit_code = 3


class HardwareError(EdgekitError):
    """Report a device or meter that is absent, refused, silent or lost."""

    exit_code = 4


class ModelError(EdgekitError):
    """Report a model that cannot be read, converted or run."""

    exit_code = 5


class SetupError(EdgekitError):
    """Report something missing, misconfigured or not writable on this machine."""

    exit_code = 6


class InconclusiveError(EdgekitError):
    """Report a gate that the interval neither passes nor fails."""

    exit_code = 7


class InterruptedRun(EdgekitError):
    """Report a run stopped by the user after its partial record was saved."""

    exit_code = 130


def exit_class(exit_code: int) -> type[EdgekitError]:
    """Return the error class that ends a process with `exit_code`; EdgekitError itself for any other status."""
    classes = (UsageError, GateError, HardwareError, ModelError, SetupError, InconclusiveError, InterruptedRun)
    return next((cls for cls in classes if cls.exit_code == exit_code), EdgekitError)


def unknown_name(kind: str, name: str, known: Iterable[str], *, list_command: str) -> UsageError:
    """Return the error for a name nobody knows, with the nearest known names. `kind` is "device", "meter", "recipe", ..."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=2, cutoff=0.6)
    do = [(f"did you mean {match}?", "") for match in near]
    do.append((f"list every {kind}:", list_command))
    return UsageError(f"no {kind} is called {name!r}", code=f"{kind}.unknown", why=f"known: {', '.join(choices) or 'none'}", do=do)


def missing_extra(package: str, extra: str, purpose: str) -> SetupError:
    """Return the error for an optional dependency that is not installed."""
    return SetupError(
        f"{purpose} needs the package {package}",
        code="setup.extra",
        why=f"{package} is not installed in this environment",
        do=[("install the extra:", f'pip install "edgekit[{extra}]" -c constraints.txt')],
    )


def missing_file(path: object, what: str) -> UsageError:
    """Return the error for an input file that does not exist."""
    return UsageError(
        f"{what} {path} does not exist",
        code="file.missing",
        why="no file or folder has this name",
        do=[("look at what is there:", "ls -l")],
    )
