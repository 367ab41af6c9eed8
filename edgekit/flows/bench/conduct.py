"""Conduct a planned benchmark. Whatever stops it, what was recorded until then is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from edgekit.core.errors import EdgekitError
from edgekit.core.protocols import DeviceSession, LoadedModel, Progress
from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan, RunStatus
from edgekit.flows.bench.course import Course, Stage
from edgekit.flows.bench.dropped import Dropped, dropped
from edgekit.flows.bench.inputs import Subject
from edgekit.flows.bench.plan import SETTLE_S, BenchPlan
from edgekit.flows.bench.recorder import Recorder
from edgekit.metering import Chosen, begin
from edgekit.store.journal import ENGINE_FACTS


def load_all(
    session: DeviceSession, subjects: Sequence[Subject], plan: RunPlan, *, progress: Progress, stack: ExitStack
) -> tuple[list[Subject], list[LoadedModel], list[Dropped]]:
    """Load every artifact into a process of its own; they end with `stack`. Return those that loaded, their models, and the others.

    Raises what the first of them met where none can be loaded.
    """
    models: list[LoadedModel] = []
    loaded: list[Subject] = []
    others: list[Dropped] = []
    first: EdgekitError | None = None
    for subject in subjects:
        progress.step(f"load {subject.path.name}")
        try:
            model = session.load(subject.file, samples=subject.samples, plan=plan)
        except EdgekitError as error:
            found = dropped(str(subject.path), "load", error)
            if found is None or len(subjects) == 1:
                raise
            first = first or error
            others.append(found)
            progress.fail()
            progress.note(found.note)
            continue
        stack.callback(model.close)
        models.append(model)
        loaded.append(subject)
    if first is not None and not models:
        raise first
    return loaded, models, others


def conduct(plan: BenchPlan, *, stage: Stage, chosen: Chosen) -> Sequence[Dropped]:
    """Run every step while the meters are read; record each window as it ends, and return the artifacts that failed on the way.

    Interruptions, and failures that no artifact is left after or that concern all, are recorded and raised again.
    """
    session, recorder = stage.session, stage.recorder
    course = Course(plan, stage)
    try:
        for index, model in enumerate(stage.models):
            recorder.event(
                "load", {"artifact": index, "timing": model.timing, "engine": {name: model.loaded.get(name) for name in ENGINE_FACTS}}
            )
        recorder.event("clock_map", session.clock_map())
        with _reading(plan.run, stage=stage, chosen=chosen):
            course.run()
            session.idle(-1, SETTLE_S)
        recorder.check()
        recorder.event("clock_map", session.clock_map())
        recorder.event("facts_after", session.facts())
    except KeyboardInterrupt:
        _end(recorder, RunStatus.INTERRUPTED)
        raise
    except EdgekitError as error:
        _end(recorder, RunStatus.FAILED, Note(code=error.code, text=f"the run ended early: {error}"))
        raise
    recorder.event("end", plan.status)
    return course.dropped


def _end(recorder: Recorder, status: RunStatus, note: Note | None = None) -> None:
    """Record how the run ended where that is still possible: on a full disk it is not, and a session without an end is interrupted."""
    with suppress(EdgekitError):
        if note is not None:
            recorder.event("note", note)
        recorder.event("end", status)


@contextmanager
def _reading(plan: RunPlan, *, stage: Stage, chosen: Chosen) -> Iterator[None]:
    """Read every meter while the context is open, and record what the sampler itself cost."""
    cost: Mapping[str, Any] = {}
    recorder = stage.recorder
    with ExitStack() as stack:
        for meter in chosen.hosts:
            stack.callback(meter.stop)
            begin(meter, recorder.sink, recorder.on_host(stage.host_clock))
        if chosen.counters:
            pids = [model.pid for model in stage.models if model.pid is not None]
            sampling = stage.session.sample(chosen.counters, hz=plan.sample_hz, sink=recorder.sink, pids=pids, watch=recorder)
            cost = stack.enter_context(sampling)
        yield
    recorder.event("sampler", dict(cost))
