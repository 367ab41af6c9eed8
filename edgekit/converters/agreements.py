"""Ask several runtimes for the outputs of finished artifacts, each in a child process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgekit.converters.process import run_worker
from edgekit.converters.runtimes.agreement import OTHERS, TITLES
from edgekit.converters.workshop import Workshop
from edgekit.core.artifact import Agreement
from edgekit.core.errors import EdgekitError
from edgekit.core.jsonio import validate


def ask_runtimes(shop: Workshop, files: Mapping[str, Path]) -> dict[str, tuple[Agreement, ...]]:
    """Return how far the outputs of each file (by recipe key) in other runtimes are from those in its usual one.

    A runtime that is missing, refuses the model or crashes is a reason in its Agreement and takes nothing else down.
    """
    asked = [(key, name) for key in files for name in OTHERS.get(_format(key), ())]
    shop.progress.step("running the artifacts in other runtimes", total=len(asked))
    futures = [(key, shop.pool.submit(_ask, shop, _format(key), files[key], name)) for key, name in asked]
    found: dict[str, tuple[Agreement, ...]] = {}
    for done, (key, future) in enumerate(futures, start=1):
        found[key] = (*found.get(key, ()), future.result())
        shop.progress.advance(done, key)
    return found


def _ask(shop: Workshop, format: str, path: Path, name: str) -> Agreement:  # noqa: A002
    job = {"task": "agree", "path": str(path), "format": format, "runtime": name, "work": str(shop.folder)}
    try:
        answer = run_worker(shop.children, job, on_stage=lambda _: None, what=f"{path.name} in {TITLES[name]}")
    except EdgekitError as error:
        return Agreement(runtime=TITLES[name], reason=f"{error.what}: {error.why}")
    return validate(Agreement, answer, where="the answer of a runtime")


def _format(key: str) -> str:
    return key.rpartition(".")[2]
