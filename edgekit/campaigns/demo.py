"""Take one small model from training to a verdict: five edgekit commands, joined by their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.campaigns.jobs import Job, Outcome, run_job
from edgekit.core.errors import GateError
from edgekit.links.files import bundled, write_atomic

MODEL = "digits_cnn"
STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Hold what the demo made: the verdict in a few words and as a sentence, the report files, the run ids, the commands that made them."""

    headline: str
    verdict: str
    report: dict[str, str]
    runs: tuple[str, ...]
    commands: tuple[str, ...]
    notes: tuple[Any, ...]


def demo(
    out: Path, *, device: str, meter: str | None, announce: Callable[[str], None], run: Callable[[Job], Outcome] = run_job
) -> DemoResult:
    """Build, convert, benchmark, compare and report into `out`; raise the error of the first command that fails.

    `announce` is told each command before it runs.
    """
    model, artifacts, runs = out / "model", out / "artifacts", out / "runs"
    done: list[str] = []

    def act(title: str, *arguments: str | Path) -> Any:
        job = Job(title=title, arguments=tuple(map(str, arguments)))
        announce(f"[{len(done) + 1}/{STEPS}] {title}: {job.command()}")
        outcome = run(job)
        if outcome.status != "ok":
            raise GateError(
                f"`{job.command()}` did not fully succeed",
                code="demo.step_failed",
                why=f"it ended with status {outcome.status}",
                do=[("see what it says:", job.command())],
            )
        done.append(job.command())
        return outcome.data

    metered = ("--meter", meter) if meter else ()
    act("train", "models", "build", MODEL, "--out", model, "--device", "local")
    source = model / f"{MODEL}.keras"
    data = ("--calib", model / f"{MODEL}.calib.npz", "--eval", model / f"{MODEL}.test.npz")
    converted = act("convert", "convert", source, *data, "--out", artifacts)
    files = [artifacts / row["artifact"]["path"] for row in converted["rows"]]
    measured = act("benchmark", "bench", *files, "--device", device, *metered, "--quick", "--runs", runs, "--tag", "demo")
    ids = [record["id"] for record in measured["runs"]]
    folders = [runs / run_id for run_id in ids]
    act("compare", "compare", *folders)
    scenario = out / "scenario.toml"
    if not scenario.exists():  # a copy of its own, so that it can be edited and the report made again
        write_atomic(scenario, (bundled("models") / MODEL / "scenario.toml").read_text(encoding="utf-8"))
    training = model / f"{MODEL}.training.json"
    decided = act("report", "report", *folders, "--scenario", scenario, "--training", training, "--out", out / "report")
    return DemoResult(
        headline=decided["headline"],
        verdict=decided["verdict"],
        report={kind: str(path) for kind, path in decided["files"].items()},
        runs=tuple(ids),
        commands=tuple(done),
        notes=tuple(decided.get("notes", ())),
    )
