"""Join planning, conducting and analysing into the one flow behind `edgekit bench`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.core.errors import EdgekitError, InterruptedRun, UsageError
from edgekit.core.protocols import DeviceSession, Progress
from edgekit.core.quantity import Note
from edgekit.core.run import TENSORS, RunRecord, RunStatus
from edgekit.core.units import counted
from edgekit.decision.comparison.against import CompareResult, against_first
from edgekit.energy.analyse import analyse
from edgekit.energy.conduct.enough import is_quick
from edgekit.flows.bench.conduct import conduct, load_all
from edgekit.flows.bench.course import Stage
from edgekit.flows.bench.dropped import Dropped
from edgekit.flows.bench.functions import functions_note, with_functions
from edgekit.flows.bench.inputs import Subject, open_subject
from edgekit.flows.bench.limit import require_time, require_windows
from edgekit.flows.bench.plan import BenchPlan, BenchRequest, plan, with_sensors
from edgekit.flows.bench.possible import require_possible
from edgekit.flows.bench.preparing import opened
from edgekit.flows.bench.profiling import timeline_channel
from edgekit.flows.bench.rate import in_step
from edgekit.flows.bench.recorder import Recorder
from edgekit.flows.bench.remarks import engine_notes
from edgekit.flows.bench.replay import Replay
from edgekit.flows.bench.running import Running
from edgekit.flows.bench.sync import with_sync
from edgekit.links.clock import SystemClock
from edgekit.metering import Chosen, choose
from edgekit.store.journal import SessionHeader, measured_windows, opening
from edgekit.store.runs import RECORD, RunStore, open_traces, read_record, write_record


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """Hold the run records of one session, analysed, in the order of the artifacts, and every other one against the first of them.

    There is no comparison of artifacts of different networks, nor of runs of several sessions that are analysed again. `dropped` are the
    artifacts that were not measured, or not to the end; such a run is there where it has a window.
    """

    runs: tuple[RunRecord, ...]
    runs_dir: Path
    notes: tuple[Note, ...] = ()
    comparison: CompareResult | None = None
    dropped: tuple[Dropped, ...] = ()


def bench(
    request: BenchRequest,
    *,
    device: Any,
    progress: Progress,
    date: SystemClock,
    replay: Replay | None = None,
    store: RunStore | None = None,
) -> BenchResult:
    """Benchmark artifacts and return their records; raise InterruptedRun after a Ctrl-C, with the partial records saved.

    One of several artifacts that does not fit, or that its engine refuses, is left out and told; the others are measured.
    """
    subjects = [open_subject(path) for path in request.artifacts]
    store = store or RunStore(request.runs_dir)
    planned = plan(request, kind=device.spec.kind) if replay is None else replay.plan()
    if replay is not None:
        replay.require(subjects[0].artifact)
    else:
        planned = with_functions(planned, request)
        require_possible(planned.run, request, kind=device.spec.kind)
        require_time(planned, request)
    created = date.now_utc()
    steps: list[Note] = []
    session_id: str | None = None
    notes = [*(note for subject in subjects for note in subject.notes), *_recovered(store)]
    try:
        with ExitStack() as stack:
            progress.step(f"connect to {device.spec.name}")
            session, prepared = stack.enter_context(opened(device, prepare=request.prepare))
            for note in prepared:
                progress.note(note)
            chosen = choose(request.meters, device=device, session=session) if replay is None else replay.chosen(device)
            for note in (chosen.note, *chosen.notes):
                progress.note(note)
            if replay is None:
                planned, dating = with_sync(with_sensors(planned, chosen.specs), request, chosen.specs)
                for note in dating:
                    progress.note(note)
                require_windows(planned, request, chosen.specs)
                steps = in_step(planned.run, chosen.specs, window_s=planned.window_s)
                require_time(planned, request)
            subjects, models, others = load_all(session, subjects, planned.run, progress=progress, stack=stack)
            planned = replace(planned, artifacts=len(subjects))
            told = [
                *steps,
                *_unused_delegate(planned, subjects, models),
                *engine_notes(subjects, models),
                *_user_code(planned, device.spec.name, replay),
            ]
            for note in told:
                progress.note(note)
            session_id = store.open_session(created.replace("-", "").replace(":", "").removesuffix("Z"))
            header = _header(
                request, planned, subjects, device=device, session=session, chosen=chosen, models=models, ids=(session_id, created)
            )
            header = replace(header, notes=(*header.notes, *prepared, *told))
            if replay is not None:
                header = replace(header, inference=replay.inference)
            clocks = _clocks(chosen, session, len(subjects))
            running = Running(opening(header), clocks=clocks, clock_map=session.clock_map())
            recorder = Recorder(store.session_folder(session_id), clocks=clocks, tap=running.take)
            stack.callback(recorder.close)
            recorder.header(header)
            names = [subject.path.name for subject in subjects]
            stage = Stage(
                session=session,
                models=models,
                names=names,
                paths=[str(subject.path) for subject in subjects],
                recorder=recorder,
                running=running,
                progress=progress,
                reload=lambda artifact: session.load(subjects[artifact].file, samples=subjects[artifact].samples, plan=planned.run),
                start_c=header.facts.temperature_c,
                host_clock=session.clock_map().target,
            )
            others += conduct(planned, stage=stage, chosen=chosen)
        runs = _measured(store, _close(store, session_id)) if others else _close(store, session_id)
    except KeyboardInterrupt as stop:
        raise _interrupted(store, session_id) from stop
    except EdgekitError as error:
        raise _with_what_is_kept(error, store, session_id) from error.__cause__
    return BenchResult(runs=tuple(runs), runs_dir=request.runs_dir, notes=tuple(notes), comparison=_compared(runs), dropped=tuple(others))


def _measured(store: RunStore, records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the records that have a window, and remove the others: they say nothing, and would stand among runs later."""
    for record in records:
        if not measured_windows(record):
            store.discard(record)
    return [record for record in records if measured_windows(record)]


def reanalyse(name: str, *, runs_dir: Path) -> BenchResult:
    """Repeat the analysis of the stored runs that `name` means, from their raw data, and save it there; same data, same bytes.

    Raises:
        UsageError: the run has no raw data (a modeled one), or its raw data is damaged; what is stored stays as it is.
    """
    folders = RunStore(runs_dir).find_all(name)
    runs = tuple(map(_reanalysed, folders))
    together = len({run.session for run in runs}) == 1
    return BenchResult(runs=runs, runs_dir=folders[0].parent, comparison=_compared(runs) if together else None)


def _reanalysed(folder: Path) -> RunRecord:
    record = read_record(folder / RECORD)
    if not record.meters:
        raise UsageError(
            f"run {record.id} has no raw data to analyse",
            code="run.no_raw_data",
            why="no meter was read: its figures are modeled, and analysing nothing would erase them",
        )
    analysed = replace(record, analysis=analyse(record, open_traces(folder, record)))
    write_record(folder, analysed)
    return analysed


def _recovered(store: RunStore) -> list[Note]:
    """Fold the sessions that killed processes left behind; one that cannot be folded is left where it is and does not stop this run."""
    notes = []
    for session in store.abandoned():
        try:
            records = [_analysed(store, record) for record in store.close_session(session)]
        except Exception as error:
            text = f"a session that was cut off earlier cannot be recovered: {error}"
            advice = f"look into {store.session_folder(session)}, and remove it when nothing in it is needed"
            notes.append(Note(code="run.unrecoverable", text=text, advice=advice))
            continue
        for record in records:
            notes.append(Note(code="run.recovered", text=f"run {record.id}, cut off earlier, was recovered: status {record.status}"))
    return notes


def _compared(runs: Sequence[RunRecord]) -> CompareResult | None:
    """Return every run against the first; None for a single one, and for different networks, whose joules answer no one question."""
    if len({run.artifact.family for run in runs}) != 1 or len(runs) < 2:
        return None
    return against_first(runs)


def _run_ids(session_id: str, subjects: Sequence[Subject], device: str) -> tuple[str, ...]:
    """Return one id for each artifact; files of one name in different folders are numbered."""
    names = [subject.path.name for subject in subjects]
    repeats = [names[:index].count(name) for index, name in enumerate(names)]
    return tuple(f"{session_id}-{name}{f'-{n + 1}' if n else ''}-{device}" for name, n in zip(names, repeats, strict=True))


def _clocks(chosen: Chosen, session: DeviceSession, artifacts: int) -> dict[str, str]:
    clocks = session.clock_map()
    on_host = {channel.id for meter in chosen.hosts for channel in meter.spec().channels}
    known = {channel.id: clocks.target if channel.id in on_host else clocks.source for spec in chosen.specs for channel in spec.channels}
    return known | {timeline_channel(artifact): clocks.source for artifact in range(artifacts)}


def _header(
    request: BenchRequest,
    planned: BenchPlan,
    subjects: Sequence[Subject],
    *,
    device: Any,
    session: DeviceSession,
    chosen: Chosen,
    models: Sequence[Any],
    ids: tuple[str, str],
) -> SessionHeader:
    from importlib.metadata import version

    session_id, created = ids
    return SessionHeader(
        session=session_id,
        created=created,
        run_ids=_run_ids(session_id, subjects, device.spec.name),
        artifacts=tuple(subject.artifact for subject in subjects),
        device=device.spec,
        plan=planned.run,
        meters=chosen.specs,
        facts=session.facts(),
        inputs=tuple(str(model.loaded.get("inputs", "synthetic")) for model in models),
        tool={"edgekit": version("edgekit")},
        tags=request.tags,
        notes=(chosen.note, *chosen.notes),
        calibrations=chosen.calibrations,
        inference=str(models[0].loaded.get("inference", TENSORS)),
    )


def _unused_delegate(planned: BenchPlan, subjects: Sequence[Subject], models: Sequence[Any]) -> list[Note]:
    """Return a remark for each artifact of which the delegate took nothing: its figures are those of the processor."""
    return [
        Note(
            code="engine.delegate_unused",
            text=f"the delegate {planned.run.delegate} took no operator of {subject.path.name}: the processor computes all of it",
            advice="accelerators take models made for them, such as int8 ones; the vendor's compiler says which operators",
        )
        for subject, model in zip(subjects, models, strict=True)
        if (model.loaded.get("delegate_took") or [1])[0] == 0
    ]


def _user_code(planned: BenchPlan, device: str, replay: Replay | None) -> list[Note]:
    note = functions_note(planned, device) if replay is None else None
    return [] if note is None else [note]


def _close(store: RunStore, session_id: str | None) -> list[RunRecord]:
    """Fold the session into analysed records; none when it ended before anything was known. What was stopped half-way is done again."""
    if session_id is None:
        return []
    records = store.close_session(session_id) if store.session_folder(session_id).is_dir() else []
    records = records or [read_record(path) for path in sorted(store.root.glob(f"{session_id}-*/{RECORD}"))]
    return [_analysed(store, record) for record in records]


def _analysed(store: RunStore, record: RunRecord) -> RunRecord:
    # What counts is what was measured: a run may end early, and one with --until ends when it likes. Imported runs have rules of their own.
    own = record if record.plan.whole_windows else replace(record, plan=replace(record.plan, quick=is_quick(record.windows, record.plan)))
    analysed = replace(own, analysis=analyse(own, open_traces(store.root / record.id, own)))
    store.save(analysed)
    return analysed


def _with_what_is_kept(error: EdgekitError, store: RunStore, session_id: str | None) -> EdgekitError:
    """Return the error with the ids of the partial records in its data; where they cannot be written now, the next benchmark does it."""
    try:
        records = _close(store, session_id)
    except EdgekitError:
        records = []
        error.do = (*error.do, ("what was recorded is kept, and recovered by the next:", "edgekit bench ARTIFACT"))
    if windows := sum(measured_windows(record) for record in records):
        kept = f"{counted(windows, 'measured window')} {'is' if windows == 1 else 'are'} kept; analyse what is there:"
        error.do = (*error.do, (kept, _again(store, records)))
    error.data["runs"] = [record.id for record in records]
    return error


def _again(store: RunStore, records: Sequence[RunRecord]) -> str:
    return reanalyse_command(records, store.root)


def reanalyse_command(runs: Sequence[RunRecord], runs_dir: Path) -> str:
    """Return the command that analyses all runs of one session again: the one by its folder, several by what their ids begin with."""
    if len(runs) == 1:
        return shlex.join(["edgekit", "bench", "--reanalyse", str(runs_dir / runs[0].id)])
    return shlex.join(["edgekit", "bench", "--reanalyse", runs[0].session, "--runs", str(runs_dir)])


def _interrupted(store: RunStore, session_id: str | None) -> InterruptedRun:
    """Return what is to be said of a run that was stopped. One without a single window says nothing, and would stand among others later."""
    records = _measured(store, _close(store, session_id))
    windows = sum(measured_windows(record) for record in records)
    kept = [record.id for record in records]
    return InterruptedRun(
        "the benchmark was stopped",
        code="bench.interrupted",
        why=f"{counted(windows, 'measured window')} and all readings are kept: {', '.join(kept)}"
        if windows
        else "no window had been measured yet, so nothing is kept",
        do=[("analyse what is there:", _again(store, records))] if windows else [],
        data={"runs": kept, "status": records[0].status if records else RunStatus.INTERRUPTED},
    )
