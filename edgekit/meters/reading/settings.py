"""Check the options that users give to network and generic meters, and say which ones there are."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence

from edgekit.core.boundary import Boundary
from edgekit.core.errors import UsageError

_ALWAYS = ("emulated", "serial")
_NO_PLACE = (Boundary.GRID,)


def check_names(kind: str, options: Mapping[str, str], known: Sequence[str]) -> None:
    """Raise UsageError for an option that the kind does not have; a password is never one."""
    for name in options:
        if name == "password":
            raise wrong(
                kind, name, "a password would stay in records and in the shell's history; name an environment variable: password_env"
            )
        if name not in (*known, *_ALWAYS):
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise wrong(kind, name, f"{meant}it has {', '.join(known) or 'none'}")


def number(kind: str, options: Mapping[str, str], name: str, usual: float, *, low: float, high: float) -> float:
    """Return an option as a number within its limits; raise UsageError for anything else."""
    told = options.get(name)
    if told is None:
        return usual
    try:
        value = float(told)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise wrong(kind, name, f"it is {told!r}; a number from {low:g} to {high:g} is expected")
    return value


def one_of(kind: str, options: Mapping[str, str], name: str, choices: Sequence[str], usual: str) -> str:
    """Return an option that is one of a few words; raise UsageError for another."""
    told = options.get(name, usual)
    if told not in choices:
        raise wrong(kind, name, f"it is {told!r}; one of {', '.join(choices)} is expected")
    return told


def place(kind: str, options: Mapping[str, str], usual: Boundary) -> Boundary:
    """Return the boundary that the option `boundary` names; raise UsageError for one at which no meter sits."""
    return Boundary(one_of(kind, options, "boundary", [str(each) for each in Boundary if each not in _NO_PLACE], str(usual)))


def secret(kind: str, options: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    """Return the password from the environment variable that the option `password_env` names, by default EDGEKIT_<KIND>_PASSWORD.

    Raises UsageError where a variable is named that is not set.
    """
    environment = os.environ if environment is None else environment
    name = options.get("password_env", f"EDGEKIT_{kind.upper().replace('-', '_')}_PASSWORD")
    if "password_env" in options and name not in environment:
        raise wrong(kind, "password_env", "the environment variable that it names is not set")
    return environment.get(name, "")


def wrong(kind: str, name: str, why: str) -> UsageError:
    """Return the error for an option that cannot be meant."""
    return UsageError(
        f"meter {kind} cannot take the option {name}",
        code="meter.option",
        why=why,
        do=[
            ("see what its page says:", "edgekit meters --all"),
            (f"or correct the meter of kind {kind} in edgekit.toml, then:", "edgekit meters"),
        ],
    )
