"""Keep a benchmark within --max-time: refuse what cannot end in time, before it begins and before its first round. Pure."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note
from edgekit.core.units import counted
from edgekit.flows.bench.plan import IDLE_EVERY, QUICK, WARMUP_CAP, BenchPlan, BenchRequest


def require_time(planned: BenchPlan, request: BenchRequest) -> None:
    """Raise UsageError where --max-time leaves no room for a single round."""
    most_s = planned.run.max_time_s
    if most_s is None or most_s >= planned.least_s:
        return
    least_s, run = math.ceil(planned.least_s), planned.run
    warm = f"{planned.artifacts} x {run.warmup_s:g} s of warm-up, " if run.warmup_s else ""
    do = [("allow that much:", _command(request, ("--max-time", f"{least_s}s")))]
    shorter = replace(planned, run=replace(run, window_s=QUICK.window_s, idle_s=QUICK.idle_s, warmup_s=QUICK.warmup_s, cooldown_s=0.2))
    if not request.quick and shorter.least_s <= most_s:
        plain = replace(request, window_s=None, idle_s=None, warmup_s=None, cooldown_s=None)
        do.append(("or take a first impression:", _command(plain, ("--quick", "--max-time", f"{most_s:g}s"))))
    raise UsageError(
        f"--max-time {most_s:g} s is less than the {least_s} s that the shortest run of this plan takes",
        code="bench.max_time",
        why=f"{warm}2 x {run.idle_s:g} s of idle and {counted(planned.artifacts, 'window')} of {planned.window_s:g} s"
        + (f", and as {'many' if planned.artifacts > 1 else 'long'} to time operators" if planned.profile else ""),
        do=do,
    )


def require_windows(planned: BenchPlan, request: BenchRequest, specs: Sequence[MeterSpec]) -> None:
    """Raise UsageError where the windows are too short for every meter of the run: none would state an energy."""
    least_s = min((spec.least_window_s or 0.0 for spec in specs), default=0.0)
    if planned.run.window_s >= least_s:
        return
    kinds = ", ".join(spec.kind for spec in specs)
    raise UsageError(
        f"meter {kinds} cannot tell the energy of windows of {planned.run.window_s:g} s",
        code="bench.window_short",
        why=f"its values are renewed so slowly and in such steps that it needs {least_s:g} s or more",
        do=[("measure longer windows:", _command(replace(request, window_s=None, quick=False), ("--window", f"{least_s:g}")))],
    )


def _command(request: BenchRequest, more: Sequence[str]) -> str:
    """Return the command line of a request, with other options for its time."""
    given = {
        "--device": request.device if request.device != "local" else None,
        "--windows": request.windows,
        "--window": request.window_s,
        "--idle": request.idle_s,
        "--warmup": request.warmup_s,
        "--cooldown": request.cooldown_s,
        "--idle-between": request.idle_between_s,
        "--until": None if request.until_rel is None else f"{100 * request.until_rel:g}%",
        "--batch": request.batch if request.batch != 1 else None,
        "--threads": request.threads if request.threads != 1 else None,
        "--engine": request.engine,
        "--delegate": request.delegate,
        "--precision": request.precision,
        "--sample-hz": request.sample_hz,
        "--rate": None if request.rate_hz is None else f"{request.rate_hz:g}/s",
        "--spin": request.spin_s or None,
        "--cool-to": cool_words(request.cool_to_c, request.cool_within_c),
        "--cool-at-most": request.cool_at_most_s,
        "--cold-starts": request.cold_starts,
        "--pre": request.pre,
        "--post": request.post,
        "--raw": None if request.raw is None else str(request.raw),
        "--sync": None if request.sync.method == "auto" else request.sync.method,
        "--max-sync-error": None if request.sync.max_error_s is None else f"{1000 * request.sync.max_error_s:g}ms",
    }
    texts = {name: value if isinstance(value, str) else f"{value:g}" for name, value in given.items() if value is not None}
    words = [word for pair in texts.items() for word in pair]
    settings = [f"{key}={value}" for key, value in request.delegate_options.items()]
    several = (("--delegate-option", settings), ("--meter", request.meters), ("--tag", request.tags))
    words += [word for name, each in several for value in each for word in (name, value)]
    words += [name for name, on in (("--quick", request.quick), ("--profile", request.profile), ("--prepare", request.prepare)) if on]
    words += ["--runs", str(request.runs_dir)] if request.runs_dir != Path("runs") else []
    return shlex.join(["edgekit", "bench", *map(str, request.artifacts), *words, *more])


def cool_words(to_c: float | None, within_c: float | None) -> str | None:
    """Return what a window is cooled to the way it is typed: "45C" or "+2C"; None where it is not."""
    if to_c is not None:
        return f"{to_c:g}C"
    return None if within_c is None else f"+{within_c:g}C"


def warmup_cap_s(planned: BenchPlan, artifact: int, *, elapsed_s: float) -> float:
    """Return the most that an artifact may warm up: five times what is planned, as far as --max-time leaves room for a round after it."""
    warmup_s, most_s = planned.run.warmup_s, planned.run.max_time_s
    if most_s is None:
        return WARMUP_CAP * warmup_s
    before_s = artifact * warmup_s  # of the time so far; what is planned for the others stays theirs
    return min(WARMUP_CAP * warmup_s, max(warmup_s, warmup_s + most_s - planned.least_s - (elapsed_s - before_s)))


def require_round(planned: BenchPlan, paces_s: Sequence[float], *, elapsed_s: float) -> None:
    """Raise UsageError where inferences are so slow, as the warm-up has shown in seconds for each artifact, that no round ends in time."""
    run = planned.run
    longer_s = sum(max(0.0, run.min_inferences * pace_s - planned.window_s) for pace_s in paces_s)
    needed_s = elapsed_s + planned.round_s + longer_s + planned.closing_s
    if run.max_time_s is None or longer_s == 0 or needed_s <= run.max_time_s:
        return
    raise UsageError(
        f"--max-time {run.max_time_s:g} s is too short for one round on this device",
        code="bench.max_time",
        why=f"a window holds {run.min_inferences} inferences or more, one takes {max(paces_s):.3g} s: a round ends after {needed_s:.0f} s",
        do=[("allow at least:", f"--max-time {math.ceil(1.1 * needed_s)}s")],
    )


def round_and_rest_s(planned: BenchPlan, last_s: float, *, done: int) -> float:
    """Return what another round takes when it takes as long as the last one, with the pauses around it and all that follows it."""
    resting_s = planned.run.idle_between_s if done % IDLE_EVERY == 0 else 0.0
    return last_s + resting_s + 2 * planned.run.cooldown_s + planned.artifacts * planned.run.dephase_s + planned.closing_s


def overrun(planned: BenchPlan, *, elapsed_s: float) -> Note | None:
    """Return what is to be said of a run that took longer than it was allowed; None where it did not."""
    most_s = planned.run.max_time_s
    if most_s is None or elapsed_s <= most_s:
        return None
    text = f"the run took {elapsed_s:.0f} s, longer than --max-time {most_s:g} s: steps took longer than planned"
    return Note(code="run.overrun", text=text)
