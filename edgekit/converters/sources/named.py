"""Import what the user named as "package.module:name": code of the user's, loaded in a child process only."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from edgekit.core.errors import UsageError


def load_named(reference: str, option: str) -> Any:
    """Return what `reference` names; modules of the current folder are found too.

    Raises UsageError naming `option` when it is not of that form, cannot be imported, or holds no such name.
    """
    module, name = named(reference, option)
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:  # whatever the user's module does while it is imported
        raise _wrong(reference, option, f"importing {module} failed: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise _wrong(reference, option, f"{module} holds no {name}")
        found = getattr(found, part)
    return found


def named(reference: str, option: str) -> tuple[str, str]:
    """Return (module, name) of `reference`; raise UsageError naming `option` when it is not of that form."""
    module, _, name = reference.partition(":")
    if not module or not name:
        raise _wrong(reference, option, "it does not name a module and something in it")
    return module, name


def _wrong(reference: str, option: str, why: str) -> UsageError:
    return UsageError(
        f"{option} {reference} cannot be used",
        code="custom.import",
        why=why,
        do=[("name a module that Python finds from here, and a class in it:", f"{option} package.module:Class")],
    )
