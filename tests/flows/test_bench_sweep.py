"""One batch after another: what they are called, where a sweep ends, and what stays of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgekit.core.errors import HardwareError, InterruptedRun, ModelError, UsageError
from edgekit.flows.bench.dropped import dropped
from edgekit.flows.bench.plan import BenchRequest
from edgekit.flows.bench.sweep import batches, sweep
from edgekit.links.clock import SystemClock


class Quiet:
    """Show nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: None


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("1", (1,)),
        ("4, 1,2,4", (1, 2, 4)),
        ("sweep:8", (1, 2, 4, 8)),
        ("SWEEP:100", (1, 2, 4, 8, 16, 32, 64, 100)),
        ("sweep:1", (1,)),
        ("sweep", tuple(2**power for power in range(11))),
    ],
)
def test_batches_are_written_as_people_write_them(text: str, sizes: tuple[int, ...]) -> None:
    assert batches(text) == sizes


@pytest.mark.parametrize("text", ["", "0", "-1", "1,", "1.5", "sweep:0", "sweep:", "all", "9999999999", "2000000"])
def test_what_is_no_batch_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        batches(text)
    assert caught.value.code == "bench.amount"


def swept(*answers: Any, sizes: tuple[int, ...] = (1, 2, 4)) -> tuple[Any, list[BenchRequest]]:
    """Sweep with scripted benchmarks: each answer is a run's id, or an error."""
    asked: list[BenchRequest] = []

    def measure(request: BenchRequest, **_: Any) -> Any:
        asked.append(request)
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(runs=(SimpleNamespace(id=answer),), notes=(), dropped=())

    request = BenchRequest(artifacts=(Path("m.onnx"),), tags=("mine",))
    return sweep(request, sizes, device=None, progress=Quiet(), date=SystemClock(), measure=measure), asked  # type: ignore[arg-type]


def memory(batch: int) -> ModelError:
    return ModelError(f"the model with a batch of {batch} does not fit into the memory", code="model.memory", why="out of memory")


def test_every_batch_is_a_run_and_one_tag_names_them_all() -> None:
    result, asked = swept("a", "b", "c")
    assert [run.id for run in result.runs] == ["a", "b", "c"]
    assert [request.batch for request in asked] == [1, 2, 4]
    assert {request.tags for request in asked} == {("mine", result.tag)}
    assert result.tag.startswith("sweep-2")
    assert result.ended is None


def test_where_memory_ends_the_sweep_ends_and_keeps_what_it_has() -> None:
    result, asked = swept("a", memory(2))
    assert [run.id for run in result.runs] == ["a"]
    assert (result.ended.batch, result.ended.code, result.ended.why) == (2, "model.memory", "out of memory")
    assert len(asked) == 2, "a larger batch does not fit either"
    assert [note.code for note in result.notes] == ["sweep.ended"]


def test_a_process_that_is_killed_for_its_memory_ends_a_sweep_too() -> None:
    result, _ = swept("a", HardwareError("the engine was killed while it loaded the model", code="device.memory"))
    assert ([run.id for run in result.runs], result.ended.batch) == (["a"], 2)


def test_a_fixed_batch_ends_a_sweep_with_the_remedy() -> None:
    do = [("convert it with a free batch:", "edgekit convert MODEL --to onnx")]
    result, _ = swept("a", ModelError("the model's batch is fixed at 1", code="model.batch", do=do))
    assert "`edgekit convert MODEL --to onnx`" in (result.notes[0].advice or "")


@pytest.mark.parametrize("answers", [(memory(1),), ("a", HardwareError("gone", code="meter.lost"))])
def test_what_has_nothing_to_do_with_the_batch_is_an_error(answers: tuple[Any, ...]) -> None:
    with pytest.raises((ModelError, HardwareError)):
        swept(*answers)


def test_after_a_ctrl_c_the_runs_so_far_are_named() -> None:
    with pytest.raises(InterruptedRun) as caught:
        swept("a", InterruptedRun("stopped", code="bench.interrupted", data={"runs": ["b"]}))
    assert caught.value.data["runs"] == ["a", "b"]


@pytest.mark.slow
def test_a_sweep_from_the_command_line_and_the_batch_that_serves(run_edgekit: Any, model_file: Path, tmp_path: Path) -> None:
    done = run_edgekit("--json", "bench", model_file, "--device", "sim", "--batch", "1,4,16", "--quick")
    assert done.returncode == 0, done.stderr
    data = done.json()["data"]
    assert [run["plan"]["batch"] for run in data["runs"]] == [1, 4, 16]
    assert data["ended"] is None
    told = run_edgekit("--json", "compare", data["tag"], "--rate", "2/s", "--latency-limit", "3s")
    assert told.returncode == 0, told.stderr
    service = told.json()["data"]["service"]
    assert [item["point"]["batch"] for item in service["points"]] == [1, 4, 16]
    assert service["best"] in [run["id"] for run in data["runs"]]
    assert "would wait 7.50 s" in service["points"][2]["point"]["reason"]
    words = run_edgekit("compare", data["tag"], "--rate", "2/s", "--latency-limit", "3s").stdout
    assert [line for line in words.splitlines() if line.startswith("model.tflite")] == [
        "model.tflite, batch 1: the baseline",
        "model.tflite, batch 4",
        "model.tflite, batch 16",
    ]
    assert "Service of 2 requests/s within 3.00 s (p99): batch" in " ".join(words.split())
    table = run_edgekit("bench", model_file, "--device", "sim", "--batch", "1,4", "--quick")
    assert "edgekit compare sweep-" in table.stdout
    half = run_edgekit("--json", "compare", data["tag"], "--rate", "2/s")
    assert (half.returncode, half.json()["data"]["code"]) == (2, "usage.missing")


def test_an_artifact_that_ends_early_leaves_the_sweep_to_the_others() -> None:
    asked: list[tuple[int, tuple[str, ...]]] = []

    def measure(request: BenchRequest, **_: Any) -> Any:
        asked.append((request.batch, tuple(map(str, request.artifacts))))
        gone = [dropped("b.onnx", "load", memory(2))] if request.batch == 2 else []
        return SimpleNamespace(runs=tuple(SimpleNamespace(id=str(path)) for path in request.artifacts), notes=(), dropped=gone)

    request = BenchRequest(artifacts=(Path("a.onnx"), Path("b.onnx")))
    result = sweep(request, (1, 2, 4), device=None, progress=Quiet(), date=SystemClock(), measure=measure)  # type: ignore[arg-type]
    assert asked == [(1, ("a.onnx", "b.onnx")), (2, ("a.onnx", "b.onnx")), (4, ("a.onnx",))]
    assert [item.artifact for item in result.dropped] == ["b.onnx"]
    assert "from batch 2 on" in result.notes[0].text
    assert not result.absent
    whole = sweep(request, (2, 4), device=None, progress=Quiet(), date=SystemClock(), measure=measure)  # type: ignore[arg-type]
    assert [item.artifact for item in whole.absent] == ["b.onnx"], "no batch measured it: the command fails, as without a sweep"
