"""Lose a float hub in each way there is, with children that do what a script says, and see which way is taken next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgekit.converters.process import Children, Ended, describe
from edgekit.converters.routes import DETOURS
from edgekit.converters.settings import Settings
from edgekit.converters.source import Source
from edgekit.converters.workshop import Workshop
from edgekit.core.errors import EdgekitError, ModelError, SetupError
from tests.fakes import QuietProgress

pytestmark = pytest.mark.skipif(DETOURS["keras"].missing() is not None, reason="the torch extra is not installed")

BROKEN = ModelError(
    "ONNX has no counterpart for Erfc", code="model.operator", why="nothing does the same", do=[("or try:", "x --to tflite")]
)
SLOW = ModelError("converting took too long", code="convert.limit", why="it met its limit")
Stage = Callable[[Mapping[str, Any], str], EdgekitError | int | None]


class Scripted(Children):
    """Do hub jobs as `at` says: None makes the hub, an error is answered for it, a number is the status with which the child ends."""

    def __init__(self, folder: Path, at: Stage) -> None:
        super().__init__()
        self.jobs: list[Mapping[str, Any]] = []
        self._folder, self._at = folder, at

    def run(self, command: Sequence[str], *, job: Mapping[str, Any] | None = None, on_event: Any, on_process: Any = None) -> Ended:
        assert job is not None
        self.jobs.append(job)
        failures = {}
        for stage in ("loading", *job["stages"]):
            on_event({"stage": stage})
            met = self._at(job, stage)
            if isinstance(met, int):
                return Ended(status=met, tail="")
            if isinstance(met, EdgekitError) and (stage == "loading" or isinstance(met, SetupError)):
                on_event({"error": describe(met)})
                return Ended(status=0, tail="")
            if met is not None:
                on_event({"stage": "failed"})
                failures[stage] = describe(met)
            elif stage == "reference":
                (self._folder / "facts.json").write_text("{}")
            elif stage != "loading":
                (self._folder / f"hub.{stage}.json").write_text(json.dumps({"tools": {}, "notes": []}))
        on_event({"result": {"failures": failures}})
        return Ended(status=0, tail="")


@contextmanager
def shop(folder: Path, at: Stage, kind: str = "keras") -> Iterator[tuple[Workshop, Scripted]]:
    source = Source(path=Path(f"m.{kind}"), format=kind, sha256="0" * 64)
    with ThreadPoolExecutor(2) as pool, Scripted(folder, at) as children:
        yield Workshop(source=source, folder=folder, children=children, pool=pool, progress=QuietProgress(), settings=Settings()), children


def hubs(folder: Path, at: Stage, kind: str = "keras") -> tuple[dict[str, EdgekitError], list[Mapping[str, Any]]]:
    """Return what failed, and the jobs of the detour."""
    with shop(folder, at, kind) as (work, children):
        _, failures = work.make_hubs(("tflite", "onnx"), {"x": (4,)})
    return failures, [job for job in children.jobs if "route" in job]


def at(name: str, met: EdgekitError | int, *, detour: EdgekitError | int | None = None, where: str = "") -> Stage:
    """Fail `name` with `met`; on the detour, fail it (or the stage `where`) with `detour`."""

    def happens(job: Mapping[str, Any], stage: str) -> EdgekitError | int | None:
        if "route" in job:
            return detour if stage == (where or name) else None
        return met if stage == name else None

    return happens


@pytest.mark.parametrize(("name", "met", "because"), [("onnx", BROKEN, BROKEN.what), ("onnx", -11, "SIGSEGV"), ("tflite", -11, "SIGSEGV")])
def test_a_hub_that_cannot_be_made_is_made_another_way(name: str, met: EdgekitError | int, because: str, tmp_path: Path) -> None:
    failures, detours = hubs(tmp_path, at(name, met))
    assert failures == {}
    (job,) = detours
    assert (job["route"], job["through"], job["stages"]) == ("torch", "Keras on PyTorch", [name])
    assert because in job["because"][name]


@pytest.mark.parametrize("where", ["onnx", "loading"])
def test_when_the_other_way_fails_too_both_reasons_are_told(where: str, tmp_path: Path) -> None:
    other = ModelError("it failed", code="convert.failed", why="no such kernel")
    failures, detours = hubs(tmp_path, at("onnx", BROKEN, detour=other, where=where))
    assert len(detours) == 1
    assert failures["onnx"].why == "nothing does the same; Keras on PyTorch failed as well: no such kernel"
    assert failures["onnx"].code == "model.operator"
    assert failures["onnx"].do == (), "TFLite was made, and need not be advised"


def test_a_limit_that_was_met_is_not_tried_again(tmp_path: Path) -> None:
    failures, detours = hubs(tmp_path, at("onnx", SLOW))
    assert (list(failures), detours) == (["onnx"], [])


def test_a_source_without_another_way_keeps_its_failure(tmp_path: Path) -> None:
    failures, detours = hubs(tmp_path, at("onnx", BROKEN), kind="saved_model")
    assert (failures["onnx"].what, detours) == (BROKEN.what, [])


def test_a_full_disk_ends_the_conversion(tmp_path: Path) -> None:
    full = SetupError("the disk is full", code="output.disk_full")
    with pytest.raises(SetupError):
        hubs(tmp_path, at("tflite", full))


def test_a_source_that_cannot_be_run_ends_the_conversion(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="crashed"):
        hubs(tmp_path, at("reference", -11))
