"""Conduct a planned benchmark: every effect of the flow is in here. Whatever stops it, what was recorded until then is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from edgekit.core.errors import EdgekitError
from edgekit.core.protocols import DeviceSession, HostMeter, LoadedModel, Progress
from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan, RunStatus
from edgekit.core.window import Phase
from edgekit.flows.bench.inputs import Subject
from edgekit.flows.bench.plan import BenchPlan, Step
from edgekit.flows.bench.recorder import Recorder
from edgekit.metering import Chosen
from edgekit.store.journal import ENGINE_FACTS

_SETTLE_S = 0.3  # readings go on this long after the last window, so that its end lies between two of them


def load_all(
    session: DeviceSession, subjects: Sequence[Subject], plan: RunPlan, *, progress: Progress, stack: ExitStack
) -> list[LoadedModel]:
    """Load every artifact into a process of its own; they end with `stack`."""
    models = []
    for subject in subjects:
        progress.step(f"load {subject.path.name}")
        model = session.load(subject.path, samples=subject.samples, plan=plan)
        stack.callback(model.close)
        models.append(model)
    return models


def conduct(
    plan: BenchPlan,
    *,
    session: DeviceSession,
    models: Sequence[LoadedModel],
    names: Sequence[str],
    chosen: Chosen,
    recorder: Recorder,
    progress: Progress,
) -> None:
    """Run every step while the meters are read; record each window as it ends. Interruptions and failures are recorded and raised again."""
    for index, model in enumerate(models):
        recorder.event(
            "load", {"artifact": index, "timing": model.timing, "engine": {name: model.loaded.get(name) for name in ENGINE_FACTS}}
        )
    recorder.event("clock_map", session.clock_map())
    try:
        with _reading(plan.run, session=session, models=models, chosen=chosen, recorder=recorder):
            _steps(plan, session=session, models=models, names=names, recorder=recorder, progress=progress)
            session.idle(-1, _SETTLE_S)
        recorder.check()
        recorder.event("clock_map", session.clock_map())
        recorder.event("facts_after", session.facts())
    except KeyboardInterrupt:
        recorder.event("end", RunStatus.INTERRUPTED)
        raise
    except EdgekitError as error:
        recorder.event("note", Note(code=error.code, text=f"the run ended early: {error}"))
        recorder.event("end", RunStatus.FAILED)
        raise
    recorder.event("end", RunStatus.COMPLETE)


def _steps(
    plan: BenchPlan, *, session: DeviceSession, models: Sequence[LoadedModel], names: Sequence[str], recorder: Recorder, progress: Progress
) -> None:
    progress.step(f"measure on {len(models)} artifact(s)", plan.expected_s)
    done = 0.0
    for step in plan.steps:
        progress.advance(done, _title(step, names))
        _one(step, plan.run, session=session, models=models, recorder=recorder)
        recorder.check()
        done += step.seconds
    progress.advance(done)


def _title(step: Step, names: Sequence[str]) -> str:
    subject = names[step.artifact] if step.artifact is not None else ""
    return f"{step.phase} {step.index + 1} {subject}".rstrip()


def _one(step: Step, plan: RunPlan, *, session: DeviceSession, models: Sequence[LoadedModel], recorder: Recorder) -> None:
    if step.artifact is not None:
        least = plan.min_inferences if step.phase is Phase.MEASURE else 1
        window = models[step.artifact].run(step.phase, step.index, seconds=step.seconds, min_inferences=least)
        recorder.window(window, step.artifact)
    elif step.phase is Phase.IDLE:
        recorder.window(session.idle(step.index, step.seconds), None)
    else:
        session.idle(step.index, step.seconds)


@contextmanager
def _reading(plan: RunPlan, *, session: DeviceSession, models: Sequence[LoadedModel], chosen: Chosen, recorder: Recorder) -> Iterator[None]:
    """Read every meter while the context is open, and record what the sampler itself cost."""
    cost: Mapping[str, Any] = {}
    with ExitStack() as stack:
        for meter in chosen.hosts:
            _start(meter, recorder, stack)
        if chosen.counters:
            pids = [model.pid for model in models if model.pid is not None]
            cost = stack.enter_context(session.sample(chosen.counters, hz=plan.sample_hz, sink=recorder.sink, pids=pids))
        yield
    recorder.event("sampler", dict(cost))


def _start(meter: HostMeter, recorder: Recorder, stack: ExitStack) -> None:
    stack.callback(meter.stop)
    meter.start(recorder.sink)
