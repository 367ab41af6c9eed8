"""Find the user's functions that belong to the unit of work. Their file travels to the device by its content and is not run here."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note
from edgekit.core.run import UserFunction
from edgekit.flows.bench.plan import BenchPlan, BenchRequest
from edgekit.links.files import read_bytes, require_file, sha256_of

_EXAMPLE = "prep.py:prepare"


def with_functions(planned: BenchPlan, request: BenchRequest) -> BenchPlan:
    """Return the plan with the functions and raw inputs that a request names; raise UsageError for what cannot be found."""
    pre = open_function(request.pre, "--pre") if request.pre is not None else None
    post = open_function(request.post, "--post") if request.post is not None else None
    run = replace(planned.run, pre=pre, post=post)
    if request.raw is not None:
        if pre is None:
            raise UsageError("--raw needs --pre", code="usage.missing", why="raw inputs are what --pre makes the model's inputs of")
        require_file(request.raw, "the raw inputs")
        run = replace(run, raw=str(request.raw), raw_sha256=sha256_of(request.raw))
    return replace(planned, run=run)


def open_function(text: str, option: str, *, search: Sequence[str] | None = None) -> UserFunction:
    """Return the function that "FILE.py:FUNCTION" or "MODULE:FUNCTION" names; a module is looked for here and on Python's path.

    Raises:
        UsageError: the text names no function, its file is not there, or is no Python.
    """
    place, colon, function = text.rpartition(":")
    if not colon or not place or not function.isidentifier():
        raise UsageError(f"{option} {text!r} names no function", code="bench.function", why=f"it reads FILE.py:FUNCTION, as in {_EXAMPLE}")
    is_file = place.endswith(".py") or "/" in place
    path = Path(place) if is_file else _module(place, option, [".", *(sys.path if search is None else search)])
    require_file(path, f"the file of {option}")
    source = read_bytes(path, f"the file of {option}")
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, str(path), "exec")
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"{option} {text!r} is no Python",
            code="bench.function",
            why=str(error),
            do=[("see what Python says of it:", shlex.join(["python", "-m", "py_compile", str(path)]))],
        ) from error
    return UserFunction(file=str(path), function=function, sha256=sha256_of(path))


def _module(name: str, option: str, search: Sequence[str]) -> Path:
    parts = name.split(".")
    if all(part.isidentifier() for part in parts):
        for folder in search:
            path = Path(folder or ".", *parts).with_suffix(".py")
            if path.is_file():
                return path
    raise UsageError(
        f"{option}: no module {name} is found",
        code="bench.function",
        why=f"there is no {'/'.join(parts)}.py in this folder or on Python's path",
        do=[("name the file:", f"edgekit bench ARTIFACT {option} FILE.py:FUNCTION")],
    )


def functions_note(planned: BenchPlan, device: str) -> Note | None:
    """Return what is to be said of a run that executes code of the user's; None where it does not."""
    named = {one.file: None for one in (planned.run.pre, planned.run.post) if one is not None}
    if not named:
        return None
    text = f"{' and '.join(named)} runs on {device} as part of every inference: your code, with your rights there, unchecked"
    return Note(code="bench.user_code", text=text)
