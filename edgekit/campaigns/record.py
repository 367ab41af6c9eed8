"""Record the cloud side of a reference model on a GPU: build, convert, benchmark at each batch, keep the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from edgekit.campaigns.jobs import Job, Outcome, run_job
from edgekit.core.errors import EdgekitError

T = TypeVar("T")


def prepare(name: str, *, work: Path, announce: Callable[[str], None], run: Callable[[Job], Outcome] = run_job) -> Path:
    """Build model `name` and export it to float ONNX in `work`; return the artifact."""
    _act(run, announce, "models", "build", name, "--out", work)
    data: list[Any] = ["--calib", work / f"{name}.calib.npz"]
    if (work / f"{name}.test.npz").is_file():  # an untrained model has no test set, and no accuracy
        data += ["--eval", work / f"{name}.test.npz"]
    converted = _act(run, announce, "convert", work / f"{name}.keras", "-r", "fp32", "--to", "onnx", *data, "--out", work)
    return work / str(converted["rows"][0]["artifact"]["path"])


def record(
    artifact: Path,
    *,
    device: str,
    batches: Sequence[int],
    timing: Sequence[str],
    runs: Path,
    announce: Callable[[str], None],
    run: Callable[[Job], Outcome] = run_job,
) -> tuple[str, ...]:
    """Benchmark `artifact` at each batch that the memory of `device` holds; return the run ids. `timing` are options of `edgekit bench`."""
    sizes = ",".join(map(str, batches))
    measured = _act(run, announce, "bench", artifact, "--device", device, "--batch", sizes, *timing, "--runs", runs, "--tag", "reference")
    return tuple(str(item["id"]) for item in measured["runs"])


def each(names: Sequence[str], one: Callable[[str], T]) -> tuple[list[T], list[EdgekitError]]:
    """Return what `one` makes of each name, and the errors of those it cannot do; raise the first error where it can do none of them."""
    made: list[T] = []
    refused: list[EdgekitError] = []
    for name in names:
        try:
            made.append(one(name))
        except EdgekitError as error:
            error.what = f"{name}: {error.what}" if len(names) > 1 else error.what
            refused.append(error)
    if not made and refused:
        raise refused[0]
    return made, refused


def _act(run: Callable[[Job], Outcome], announce: Callable[[str], None], *arguments: Any) -> Any:
    job = Job(title=str(arguments[0]), arguments=tuple(map(str, arguments)))
    announce(job.command())
    return run(job).data
