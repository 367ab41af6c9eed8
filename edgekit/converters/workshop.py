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
from edgekit.converters.hub import FAILED, NAMES
from edgekit.converters.limits import Limits, default_limits
from edgekit.converters.process import Children, rebuild, run_worker
from edgekit.converters.routes import DETOURS, FINAL, FRAMEWORKS, Detour, advise, both, reason, without_moot
from edgekit.converters.settings import Settings
from edgekit.converters.source import Port, Source
from edgekit.converters.verify.evidence import Demands
from edgekit.core.artifact import Layers
from edgekit.core.errors import EdgekitError, ModelError, SetupError, UsageError
from edgekit.core.jsonio import as_data, validate
from edgekit.core.protocols import Progress

_TITLES: Final = {
    "loading": "loading the source model and its framework",
    "reference": "running the source model",
    "tflite": "exporting float TFLite",
    "onnx": "exporting float ONNX",
}

_SHORT: Final = {"tflite": "TFLite", "onnx": "ONNX"}

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
        """Run the source and make its float hubs; return the facts of the source and the formats that failed.

        Where the usual way to a hub fails and there is another, that one is tried. Raises when the source itself cannot be run.
        """
        failures = self._export_all(formats, {"shapes": shapes})
        detour = DETOURS.get(self.source.format)
        if detour is not None and failures:
            failures = self._take(detour, failures, shapes)
        failures = without_moot(failures, formats)
        facts: dict[str, Any] = {"notes": [], **json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))}
        return facts, failures

    def hub(self, format: str) -> dict[str, Any]:  # noqa: A002
        """Return what its exporter said of a float hub: tools and notes; nothing where there is no such hub."""
        said = self.folder / f"hub.{format}.json"
        found: dict[str, Any] = json.loads(said.read_text(encoding="utf-8")) if said.exists() else {"tools": {}, "notes": []}
        return found

    def _take(self, detour: Detour, failures: dict[str, EdgekitError], shapes: Mapping[str, Sequence[int]]) -> dict[str, EdgekitError]:
        """Try the other way for the hubs that failed; return those that are still missing, with what both ways said."""
        lost = [name for name, error in failures.items() if error.code not in FINAL]
        if (package := detour.missing()) is not None:
            return failures | {name: advise(failures[name], detour, package) for name in lost}
        if not lost:
            return failures
        because = {name: reason(failures[name]) for name in lost}
        common = {"shapes": shapes, "route": detour.route, "through": detour.through, "because": because}
        try:
            again = self._export(lost, common, by=f" by {detour.through}")
        except ModelError as error:  # the model cannot even be loaded there
            again = dict.fromkeys(lost, error)
        lasting = {name: error for name, error in failures.items() if name not in lost or name in again}
        return {name: both(error, again[name], detour) if name in again else error for name, error in lasting.items()}

    def _export_all(self, formats: Sequence[str], common: Mapping[str, Any]) -> dict[str, EdgekitError]:
        """Run the source and make its hubs, one child for each format; return the formats that failed.

        Loading a framework twice costs less than waiting for one export after the other, where there are cores for both.
        """
        if len(formats) == 1 or self.source.format not in FRAMEWORKS or (os.cpu_count() or 1) == 1:
            return self._export(["reference", *formats], common)
        self.progress.step(f"running the source model, exporting float {' and '.join(_SHORT[name] for name in formats)}")
        chains = [["reference", formats[-1]], *([name] for name in formats[:-1])]
        futures = [self.pool.submit(self._export, chain, common, tell=False) for chain in chains]
        failures: dict[str, EdgekitError] = {}
        for future in futures:
            failures.update(future.result())
        if failures:
            self.progress.fail()
        return failures

    def _export(self, stages: Sequence[str], common: Mapping[str, Any], by: str = "", *, tell: bool = True) -> dict[str, EdgekitError]:
        """Do the stages of a hub job in one child; return the formats that failed.

        After a hub that ends the child, a new one makes the rest. Raises what is not the fault of one hub.
        """
        remaining = [*stages]
        failures: dict[str, EdgekitError] = {}
        while remaining:
            begun: list[str] = []

            def hear(stage: str, begun: list[str] = begun) -> None:
                if stage != FAILED:
                    begun.append(stage)
                if not tell:
                    return
                if stage == FAILED:
                    self.progress.fail()
                else:
                    self.progress.step(_TITLES[stage] + (by if stage in NAMES else ""))

            try:
                job = {**common, "task": "hub", "stages": remaining}
                answer = self._work(job, what=f"converting {self.source.path}", on_stage=hear)
                return failures | {name: rebuild(error) for name, error in answer["failures"].items()}
            except EdgekitError as error:
                if not begun or begun[-1] not in NAMES or isinstance(error, (SetupError, UsageError)):
                    raise
                failures[begun[-1]] = error
                if tell:
                    self.progress.fail()
                remaining = remaining[remaining.index(begun[-1]) + 1 :]
        return failures

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
        for recipe in sorted(wanted, key=_effort, reverse=True):  # what takes longest first, so that no core waits for it at the end
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

    def weigh_layers(self, recipe: Recipe, *, floor_db: float | None) -> Layers:
        """Return what each layer loses by `recipe`, with a floor also which to keep in float; raise ModelError where that is unknown."""
        self.progress.step(f"weighing the layers for {recipe.key}")
        task = {"task": "sensitivity"} if floor_db is None else {"task": "mix", "floor_db": floor_db}
        answer = self._work({**task, "recipe": recipe.key}, what=f"weighing the layers for {recipe.key}")
        return validate(Layers, {"recipe": recipe.name, "format": recipe.format, **answer}, where="the converter's answer")

    def _work(self, job: Mapping[str, Any], *, what: str, on_stage: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        common: dict[str, Any] = {"source": str(self.source.path), "format": self.source.format, "work": str(self.folder), "what": what}
        common["settings"] = as_data(self.settings)
        return run_worker(self.children, {**common, **job}, on_stage=on_stage, what=what)


def _effort(recipe: Recipe) -> tuple[bool, bool]:
    """Return what tells how long a recipe takes: calibration most, and ONNX Runtime's longer than LiteRT's."""
    return recipe.needs_calibration, recipe.hub == "onnx"


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
