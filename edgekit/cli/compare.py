"""`edgekit compare`: which of these runs takes less, and can they be compared at all?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.folders import from_here
from edgekit.cli.output import current
from edgekit.cli.width import page_width
from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.core.run import RunRecord
    from edgekit.decision.cloud.service import Service
    from edgekit.flows.compare import CompareResult


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN RUN...", help="Runs of one model: folders, ids, starts of ids, or tags.", show_default=False),
    ] = None,
    baseline: Annotated[str | None, typer.Option(metavar="RUN", help="What to compare with.", show_default="the first run")] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Also choose the run that serves so many requests: 200/s.", show_default=False)
    ] = None,
    latency_limit: Annotated[
        str | None,
        typer.Option("--latency-limit", metavar="TIME", help="With --rate: answer 99 of 100 within this time, 50ms.", show_default=False),
    ] = None,
    runs_dir: Annotated[Path | None, typer.Option("--runs", help="Folder of run records.", show_default="./runs, or edgekit.toml")] = None,
) -> None:
    """Compare runs of one model: energy, speed and accuracy against a baseline, with intervals.

    Runs metered at different boundaries are listed as not comparable; runs of different models are refused. `--rate 200/s --latency-limit
    50ms` also says which of them (which batch, say) serves that many requests within the limit at the fewest joules, idle time included.
    """
    from edgekit.config import load
    from edgekit.flows.compare import CompareRequest
    from edgekit.flows.compare import compare as compare_runs

    ui = current()
    typed = list(dict.fromkeys([*([baseline] if baseline is not None else []), *(runs or ())]))
    service = _service(rate, latency_limit)
    request = CompareRequest(runs=tuple(runs or ()), runs_dir=from_here(runs_dir or load().runs), baseline=baseline, service=service)
    result = compare_runs(request, progress=ui.progress)
    command = ["edgekit", "report", *typed, *(["--runs", str(runs_dir)] if runs_dir is not None else [])]
    ui.result(
        schema="edgekit.compare/1",
        data={"baseline": result.baseline.id, "rows": result.rows, "service": result.service},
        text=_text(result, width=page_width()),
        next_commands=[("decide between device and cloud:", shlex.join(command))],
        notes=[note for note in result.notes if ui.json or note.code != "run.flaws"],  # the text says them at their run
    )


def _service(rate: str | None, latency_limit: str | None) -> Service | None:
    """Return what is asked of a service; raise UsageError where half of it is missing."""
    from edgekit.cli.amounts import rate as per_second
    from edgekit.cli.amounts import seconds
    from edgekit.decision.cloud.service import Service

    if rate is None and latency_limit is None:
        return None
    if rate is None or latency_limit is None:
        raise UsageError(
            f"{'--latency-limit needs --rate' if rate is None else '--rate needs --latency-limit'}",
            code="usage.missing",
            why="how many requests may wait for one another follows from both",
            do=[("say both:", "edgekit compare RUN... --rate 200/s --latency-limit 50ms")],
        )
    limit_s = seconds(latency_limit, "--latency-limit")
    if limit_s <= 0:
        raise UsageError(f"--latency-limit {latency_limit} is no time", code="bench.amount", why="nothing is answered within it")
    return Service(rate_per_s=per_second(rate, "--rate"), latency_limit_s=limit_s)


def _text(result: CompareResult, width: int) -> str:
    from edgekit.reports.service import service_text

    text = blocks(result, width)
    return text if result.service is None else f"{text}\n{service_text(result.service, width)}"


def blocks(result: CompareResult, width: int) -> str:
    """Return one block per run, which can be read at any width: its id, then its figures and how they stand against the baseline."""
    from edgekit.decision.comparison.agreement import left_out
    from edgekit.decision.comparison.ratio import flaws
    from edgekit.decision.sides.choose import accuracy_of, energy_of
    from edgekit.reports.show import figure, one_line, points, share
    from edgekit.reports.text import wrapped

    first = result.baseline
    title, *titles = _titles([first, *result.others])
    time = first.analysis.time_s_per_inference if first.analysis is not None else None
    own = [("energy", one_line(figure(energy_of(first))))]
    own += [("time", one_line(figure(time)))] if time is not None else []
    own += [("accuracy", one_line(share(accuracy_of(first))))]
    blocks = [_block(f"{title}: the baseline", first.id, flaws(first), own, width)]
    for title, row in zip(titles, result.rows, strict=True):
        lines = [
            ("energy", one_line(figure(row.energy_j))),
            ("", "; ".join(filter(None, (row.energy_words, left_out(row.energy))))),
            ("time", one_line(figure(row.time_s))),
            ("", row.speed_words),
            ("accuracy", f"{one_line(points(row.accuracy))} against the baseline"),
        ]
        blocks.append(_block(title, row.run, row.flaws, lines, width))
    head = "\n".join(wrapped("Per inference. A factor says how much more or less a run takes than the baseline.", width))
    return "\n\n".join([head, *blocks]) + "\n"


def _titles(runs: Sequence[RunRecord]) -> list[str]:
    """Return a name for each run: its artifact, the batch where there are several, and what of device, meters, session tells it apart."""
    several = len({run.plan.batch for run in runs}) > 1
    titles = [f"{run.artifact.path}, batch {run.plan.batch}" if several else run.artifact.path for run in runs]
    for words in (
        [f" on {run.device.name}" for run in runs],
        [f" read by {' and '.join(spec.kind for spec in run.meters) or 'no meter'}" for run in runs],
        [f", session {run.session}" for run in runs],
    ):
        alike = {title: {word for other, word in zip(titles, words, strict=True) if other == title} for title in titles}
        titles = [title + word if len(alike[title]) > 1 else title for title, word in zip(titles, words, strict=True)]
    return titles


def _block(title: str, run: str, flaws: Sequence[str], lines: Sequence[tuple[str, str]], width: int) -> str:
    from edgekit.reports.text import wrapped

    found = [title, f"  run       {run}", *([f"  !         {', '.join(flaws)}"] if flaws else [])]
    found += [line for label, text in lines for line in wrapped(f"  {label:<8}  {text}", width, rest=" " * 14)]
    return "\n".join(found)
