"""Run the steps of one conversion in child processes: facts and hubs first, then one child per recipe."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgekit.converters.base import Recipe
from edgekit.converters.limits import Limits, default_limits
from edgekit.converters.process import Children, run_worker
from edgekit.converters.settings import Settings
from edgekit.converters.source import Port, Source
from edgekit.converters.verify.evidence import Demands
from edgekit.core.errors import EdgekitError, SetupError, UsageError
from edgekit.core.jsonio import as_data, validate
from edgekit.core.protocols import Progress

_TITLES: Final = {
    "loading": "loading the source model and its framework",
    "reference": "running the source model",
    "tflite": "exporting float TFLite",
    "onnx": "exporting float ONNX",
}

Answer = dict[str, Any] | EdgekitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Hold one source, the temporary folder in which it is worked on, and the processes that do it.

    The folder holds calib.npz, proof.npz, labels.npy and evidence.json (written by the flow), then facts.json, reference.npz,
    calib_reference.npz, the hubs and the artifacts.
    """

    source: Source
    folder: Path
    children: Children
    pool: ThreadPoolExecutor
    progress: Progress
    settings: Settings

    def inspect(self) -> tuple[Port, ...]:
        """Return the inputs of the source as its own runtime tells them; raise ModelError when it cannot be read."""
        self.progress.step("reading the source model")
        answer = self._work({"task": "inspect"}, what=f"reading {self.source.path}")
        return tuple(validate(Port, port, where="the converter's answer") for port in answer["ports"])

    def make_hubs(self, formats: Sequence[str], shapes: Mapping[str, Sequence[int]]) -> tuple[dict[str, Any], dict[str, EdgekitError]]:
        """Run the source and make its float hubs in one child; return the facts of the source and the formats that failed.

        A hub that ends the child is given up, and a new child makes the rest. Raises when the source itself cannot be run.
        """
        remaining = ["reference", *formats]
        failures: dict[str, EdgekitError] = {}
        what = f"converting {self.source.path}"
        while remaining:
            begun: list[str] = []

            def hear(stage: str, begun: list[str] = begun) -> None:
                begun.append(stage)
                self.progress.step(_TITLES[stage])

            try:
                self._work({"task": "hub", "stages": remaining, "shapes": shapes}, what=what, on_stage=hear)
                break
            except EdgekitError as error:
                if not begun or begun[-1] not in formats or isinstance(error, SetupError):
                    raise
                failures[begun[-1]] = error
                self.progress.fail()
                remaining = remaining[remaining.index(begun[-1]) + 1 :]
        facts: dict[str, Any] = json.loads((self.folder / "facts.json").read_text())
        return facts, failures

    def make_recipes(
        self,
        recipes: Sequence[Recipe],
        *,
        hubs: Mapping[str, EdgekitError],
        demands: Callable[[Recipe], Demands],
        file: Callable[[Recipe], Path],
    ) -> dict[str, Answer]:
        """Make and verify `recipes`, one child each and as many at a time as there are cores; return an answer or an error per key.

        What ends one child is that recipe's answer and nobody else's. Raises SetupError and UsageError, which concern all.
        """
        answers: dict[str, Answer] = {recipe.key: hubs[recipe.hub] for recipe in recipes if recipe.hub in hubs}
        wanted = [recipe for recipe in recipes if recipe.key not in answers]
        self.progress.step("making and verifying the recipes", total=len(wanted))
        futures = {}
        for recipe in wanted:
            job = {"task": "produce", "recipe": recipe.key, "out": str(file(recipe)), "demands": as_data(demands(recipe))}
            futures[self.pool.submit(self._work, job, what=f"recipe {recipe.key}")] = recipe
        for done, future in enumerate(as_completed(futures), start=1):
            try:
                answers[futures[future].key] = future.result()
            except (SetupError, UsageError):
                raise
            except EdgekitError as error:
                answers[futures[future].key] = error
            self.progress.advance(done, futures[future].key)
        return answers

    def _work(self, job: Mapping[str, Any], *, what: str, on_stage: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        common: dict[str, Any] = {"source": str(self.source.path), "format": self.source.format, "work": str(self.folder), "what": what}
        common["settings"] = as_data(self.settings)
        return run_worker(self.children, {**common, **job}, on_stage=on_stage, what=what)


def _limits(settings: Settings) -> Limits:
    usual = default_limits()
    return Limits(memory_bytes=settings.memory_bytes or usual.memory_bytes, time_s=settings.time_s or usual.time_s)


@contextmanager
def workshop(source: Source, *, progress: Progress, settings: Settings) -> Iterator[Workshop]:
    """Open a workshop; leaving ends its children first, then waits for the threads that heard them, then removes the folder."""
    with (
        tempfile.TemporaryDirectory(prefix="edgekit-") as folder,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        Children(
            {**os.environ, "TMPDIR": folder}, limits=_limits(settings)
        ) as children,  # what a converter leaves when it is ended goes with the folder
    ):
        yield Workshop(source=source, folder=Path(folder), children=children, pool=pool, progress=progress, settings=settings)
