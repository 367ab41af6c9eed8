"""Report: from run records and a scenario to a decision, written as JSON and in the formats that are rendered from it alone."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path

from edgekit.core.decision import Constant, Side
from edgekit.core.errors import EdgekitError, SetupError, UsageError
from edgekit.core.jsonio import dump_record, load_record
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.core.run import RunRecord, TrainingRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.constants.pack import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from edgekit.decision.sides.choose import side_of
from edgekit.decision.sides.commands import Surroundings
from edgekit.decision.turning.whatif import what_if
from edgekit.exporters.paper import pdf
from edgekit.links.files import read_text, write_atomic, writing
from edgekit.registry import exporter_class
from edgekit.reports import charts, html, markdown
from edgekit.reports.anchors import anchors
from edgekit.reports.model import Report, build
from edgekit.reports.power_trace import PowerTrace, power_trace
from edgekit.reports.stored import intact, load_report
from edgekit.store.runs import find_references, load_runs, open_traces

FORMATS = ("html", "md", "json")  # what is written unless something else is asked for
_SCENARIO_BYTES = 1_000_000
RENDERED = {"html": ".html", "md": ".md", "json": ".json", "pdf": ".pdf"}

LoadRuns = Callable[[str], Mapping[str, RunRecord]]
FindReferences = Callable[[str], Sequence[RunRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Hold what was asked: run names as typed, files, and the cloud side: "auto", "none" or a run.

    `out` is an existing folder (then the files are called report) or the path of the files without their suffix. One `runs` that names a
    report.json is drawn again from it alone. `formats` are names of RENDERED and of exporters.
    """

    runs: tuple[str, ...]
    runs_dir: Path
    out: Path
    scenario: Path | None = None
    training: Path | None = None
    cloud: str = "auto"
    formats: tuple[str, ...] = FORMATS


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Hold what runs are judged by."""

    constants: Mapping[str, Constant]
    scenario: Scenario
    training: TrainingRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Hold everything a decision is made from."""

    runs: tuple[RunRecord, ...]
    cloud_ids: frozenset[str]
    scenario: Scenario
    constants: Mapping[str, Constant]
    training: TrainingRecord | None
    around: Surroundings
    notes: tuple[Note, ...] = ()
    traces: tuple[PowerTrace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportResult:
    """Hold the report and the files it was written to, by kind."""

    report: Report
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Hold the files of a report by format, and why others could not be made."""

    contents: Mapping[str, str | bytes]
    refused: tuple[EdgekitError, ...] = ()


def report(
    request: ReportRequest, *, progress: Progress, load: LoadRuns | None = None, references: FindReferences = find_references
) -> ReportResult:
    """Decide over the runs, write the report in every format that was asked for, and return it.

    A format that cannot be made (an SCI report without carbon) keeps no other from being written: its error is raised after them.

    Raises:
        UsageError: a run, the scenario or the training record cannot be read, the runs are of different models, or a format needs more.
        SetupError: the extra "report" is missing, or the files cannot be written.
    """
    targets = plan(request)
    stored = read_report(request)
    if stored is None:
        frame = read_frame(request)
        progress.step("reading runs")
        material = conduct(request, frame, load=load or partial(load_runs, runs_dir=request.runs_dir), references=references)
        progress.step("deciding")
        made = analyse(material, command=repeat_command(request))
    else:
        made = stored
    progress.step("drawing the report")
    with intact(request.runs[0]) if stored is not None else contextlib.nullcontext():
        drawn = render(made, request.formats)
    for kind, content in drawn.contents.items():
        write_atomic(targets[kind], content)
    if drawn.refused:
        raise _refusal(drawn.refused, {kind: targets[kind] for kind in drawn.contents})
    return ReportResult(report=made, files=targets)


def render(made: Report, formats: Sequence[str]) -> Drawn:
    """Return the files of a report by format, all of them from the report alone, and why others cannot be made.

    Raises:
        SetupError: one of FORMATS cannot be drawn on this machine.
    """
    rendered: dict[str, Callable[[], str | bytes]] = {
        "html": lambda: page(made),
        "md": lambda: markdown.render(made),
        "json": lambda: dump_record(made),
        "pdf": lambda: pdf(page(made)),
    }
    contents: dict[str, str | bytes] = {}
    refused: list[EdgekitError] = []
    for kind in formats:
        try:
            contents[kind] = rendered[kind]() if kind in rendered else exporter_class(kind)().write(made)
        except EdgekitError as error:
            if kind in FORMATS:
                raise
            refused.append(error)
    return Drawn(contents=contents, refused=tuple(refused))


def _refusal(refused: Sequence[EdgekitError], written: Mapping[str, Path]) -> EdgekitError:
    """Return the first refusal, with the reasons of the others and what was written all the same."""
    error = refused[0]
    parts = [error.why, *map(str, refused[1:]), *([f"written all the same: {', '.join(map(str, written.values()))}"] if written else [])]
    error.why = "; ".join(part for part in parts if part)
    error.data["files"] = {kind: str(path) for kind, path in written.items()}
    return error


def page(made: Report) -> str:
    """Return the HTML page of a report."""
    return html.render(
        made, template=asset("report.html.j2"), style=asset("report.css"), script=asset("report.js"), charts=charts.draw(made)
    )


def read_report(request: ReportRequest) -> Report | None:
    """Return the report that is to be drawn again: the one argument is a JSON file that is not a run record; None otherwise."""
    path = Path(request.runs[0])
    if len(request.runs) != 1 or path.suffix != ".json" or path.name == "run.json" or not path.is_file():
        return None
    if request.scenario is not None or request.training is not None or request.cloud != "auto":
        raise UsageError(
            f"{path} is a finished report",
            code="report.finished",
            why="its scenario, training and cloud are settled: only its formats can be chosen",
            do=[("leave the other options out:", shlex.join(["edgekit", "report", str(path), "--format", "html"]))],
        )
    return load_report(read_text(path, "report"), where=str(path))


def plan(request: ReportRequest) -> dict[str, Path]:
    """Return the files to write, by kind."""
    if not request.runs:
        raise UsageError(
            "no run was named",
            code="report.runs",
            why="a report decides over runs, or draws a REPORT.json again",
            do=[("record one:", "edgekit bench ARTIFACT"), ("then:", "edgekit report RUN...")],
        )
    suffixes = {kind: RENDERED[kind] if kind in RENDERED else exporter_class(kind).suffix for kind in request.formats}
    with writing(request.out):  # a name may be too long to look at, a folder above it closed
        stem = request.out / "report" if request.out.is_dir() else request.out
    stem = stem.with_suffix("") if stem.suffix in RENDERED.values() else stem
    targets = {kind: stem.with_name(stem.name + suffix) for kind, suffix in suffixes.items()}
    for path in targets.values():
        if path.is_dir():  # said before any of them is written
            raise SetupError(
                f"cannot write {path}",
                code="output.unwritable",
                why="a folder has this name",
                do=[("write somewhere else:", repeat_command(replace(request, out=Path("elsewhere"))))],
            )
    return targets


def read_frame(request: ReportRequest) -> Frame:
    """Read what the runs are judged by, before any of them is read: a misspelt scenario is said at once."""
    constants = load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
    scenario = default_scenario(constants)
    if request.scenario is not None:
        scenario = parse_scenario(
            read_text(request.scenario, "scenario", most_bytes=_SCENARIO_BYTES), where=str(request.scenario), constants=constants
        )
    training = None
    if request.training is not None:
        training = load_record(TrainingRecord, read_text(request.training, "training record"), where=str(request.training))
    return Frame(constants=constants, scenario=scenario, training=training)


def conduct(request: ReportRequest, frame: Frame, *, load: LoadRuns, references: FindReferences) -> Material:
    """Read the runs from disk."""
    folders: dict[str, str] = {}
    named: dict[str, RunRecord] = {}
    for name in request.runs:
        for folder, run in load(name).items():
            named[run.id] = run
            folders[run.id] = folder
    shipped = tuple(references(next(iter(named.values())).artifact.family))
    runs, cloud_ids, notes = _with_cloud(list(named.values()), request.cloud, load, shipped)
    return Material(
        runs=tuple(runs),
        cloud_ids=cloud_ids,
        scenario=frame.scenario,
        constants=frame.constants,
        training=frame.training,
        around=Surroundings(
            reference=shipped[0].artifact.source.name if shipped else None,
            report=repeat_command(replace(request, cloud="auto")),
            folders=folders,
        ),
        notes=tuple(notes),
        traces=drawn_traces(runs, folders),
    )


def analyse(material: Material, *, command: str) -> Report:
    """Return the report of the decision over what was read. Pure."""
    decision = decide(
        material.runs,
        material.scenario,
        material.constants,
        training=material.training,
        cloud_ids=material.cloud_ids,
        around=material.around,
    )
    decision = replace(decision, notes=(*decision.notes, *material.notes))
    chosen = [material.around.folders[option.run] for option in decision.options if option.chosen and option.run in material.around.folders]
    again = [
        ("repeat the analysis of a run from its raw readings", shlex.join(["edgekit", "bench", "--reanalyse", folder]))
        for folder in chosen[:1]
    ]
    chosen_ids = {option.run for option in decision.options if option.chosen}
    return build(
        decision,
        material.runs,
        commands=[("repeat this report", command), *again],
        traces=[trace for trace in material.traces if trace.run in chosen_ids],
        what_if=what_if(material.runs, material.scenario, material.constants, decision),
        anchors=anchors(asset("published.toml"), [decision.model, *(run.artifact.source.name or "" for run in material.runs)]),
    )


def drawn_traces(runs: Sequence[RunRecord], folders: Mapping[str, str]) -> tuple[PowerTrace, ...]:
    """Return the power over time of every run whose raw readings are there and whole; a report without them is still a report."""
    found = []
    for run in runs:
        if run.id in folders and run.traces:
            with contextlib.suppress(UsageError):
                found.append(power_trace(run, open_traces(Path(folders[run.id]), run)))
    return tuple(trace for trace in found if trace is not None)


def repeat_command(request: ReportRequest) -> str:
    """Return the command that repeats a report."""
    words = ["edgekit", "report", *request.runs]
    words += ["--scenario", str(request.scenario)] if request.scenario is not None else []
    words += ["--training", str(request.training)] if request.training is not None else []
    words += ["--cloud", request.cloud] if request.cloud != "auto" else []
    words += ["--runs", str(request.runs_dir)] if request.runs_dir != Path("runs") else []
    words += ["--out", str(request.out)] if request.out != Path("report") else []
    words += ["--format", ",".join(request.formats)] if request.formats != FORMATS else []
    return shlex.join(words)


def asset(name: str) -> str:
    """Return the text of a file that ships with the renderers."""
    return files("edgekit.reports").joinpath("assets", name).read_text(encoding="utf-8")


def _with_cloud(
    runs: list[RunRecord], cloud: str, load: LoadRuns, references: Sequence[RunRecord]
) -> tuple[list[RunRecord], frozenset[str], list[Note]]:
    """Return the runs with the cloud side added, which of them are the cloud by decree, and what to say about it."""
    if cloud == "none":
        return [run for run in runs if side_of(run) is Side.DEVICE] or runs, frozenset(), []
    if cloud != "auto":
        named = {run.id: run for run in load(cloud).values()}
        return [*(run for run in runs if run.id not in named), *named.values()], frozenset(named), []
    if any(side_of(run) is Side.CLOUD for run in runs):
        return runs, frozenset(), []
    found = [run for run in references if run.id not in {known.id for known in runs}]
    if not found:
        return runs, frozenset(), []
    names = ", ".join(run.id for run in found)
    text = f"the cloud side comes from reference runs that ship with edgekit: {names}"
    note = Note(
        code="cloud.reference", text=text, advice="record your own with edgekit bench --device cuda, or leave it out with --cloud none"
    )
    return [*runs, *found], frozenset(run.id for run in found), [note]
