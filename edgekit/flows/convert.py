"""Convert a float model into verified artifacts: plan the recipes, make the float hubs once, then one child process per recipe."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgekit.converters.base import RECIPES, Recipe, choose
from edgekit.converters.data import Samples, read_samples, synthetic_samples
from edgekit.converters.process import Children, run_worker
from edgekit.converters.publish import publish, writable_folder
from edgekit.converters.source import Port, Source, recognise
from edgekit.core.artifact import ModelArtifact, SourceModel, TensorSpec, Verification
from edgekit.core.errors import EdgekitError, ModelError, SetupError, UsageError, missing_extra, unknown_name
from edgekit.core.jsonio import dump_record, validate
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.links.files import sha256_of

SAMPLES = 64

_TITLES = {
    "starting": "starting the converter",
    "loading": "loading the source model and its framework",
    "reference": "running the source model",
    "tflite": "exporting float TFLite",
    "onnx": "exporting float ONNX",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """Hold what to convert. `calibration` and `evaluation` are .npz or .npy files; `min_sqnr_db` moves floors by recipe name."""

    model: Path
    out: Path
    recipes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    calibration: Path | None = None
    evaluation: Path | None = None
    name: str | None = None
    min_sqnr_db: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Hold why one recipe gave no artifact."""

    what: str
    why: str
    code: str
    do: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRow:
    """Hold what became of one recipe: an artifact with the path of its file, or a failure."""

    recipe: str
    format: str
    path: str | None = None
    artifact: ModelArtifact | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertResult:
    """Hold what became of every recipe. Exit code: 5 when one gave no artifact, else 3 when one failed its gate."""

    source: SourceModel
    rows: tuple[ConvertRow, ...]
    notes: tuple[Note, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return the exit status for the whole conversion."""
        if any(row.failure for row in self.rows):
            return ModelError.exit_code
        return 3 if any(row.artifact and row.artifact.status == "failed" for row in self.rows) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertPlan:
    """Hold the recipes to make and the name of the files."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the formats whose float hub is needed."""
        return tuple(dict.fromkeys(recipe.format for recipe in self.recipes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Hold what the steps of one conversion share."""

    request: ConvertRequest
    plan: ConvertPlan
    source: Source
    work: Path
    progress: Progress
    children: Children


def plan(request: ConvertRequest, source_format: str) -> ConvertPlan:
    """Return what will be made; raise UsageError for recipes, formats or floors that cannot be meant."""
    for name in request.min_sqnr_db:
        if name not in {recipe.name for recipe in RECIPES}:
            raise unknown_name("recipe", name, {recipe.name for recipe in RECIPES}, list_command="edgekit convert --help")
    formats = request.formats or ((source_format,) if source_format in ("tflite", "onnx") else ())
    if source_format in ("tflite", "onnx") and set(formats) != {source_format}:
        raise ModelError(
            f"a .{source_format} model is not converted to {' and '.join(name for name in formats if name != source_format)}",
            code="convert.route",
            why="going through another format loses layout and names; only new precisions of the same format are made",
            do=[("convert from the Keras model instead:", "edgekit convert model.keras")],
        )
    recipes = choose(request.recipes, formats, calibrated=request.calibration is not None)
    return ConvertPlan(name=request.name or request.model.name.removesuffix(request.model.suffix), recipes=recipes)


def convert(request: ConvertRequest, *, progress: Progress) -> ConvertResult:
    """Convert, verify and write; raise UsageError, ModelError or SetupError when nothing can be made."""
    source = recognise(request.model)
    planned = plan(request, source.format)
    _require_packages(source, planned)
    with writable_folder(request.out), tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        # the pool is outside: leaving ends the children first, then waits for the threads that heard them
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool, Children() as children:
            job = _Job(request=request, plan=planned, source=source, work=Path(folder), progress=progress, children=children)
            return conduct(job, pool)


def conduct(job: _Job, pool: ThreadPoolExecutor) -> ConvertResult:
    """Make, verify and publish everything planned."""
    ports = job.source.ports or _inspect(job)
    proof, samples, notes = _prepare_data(job, ports)
    facts, failures = _make_hubs(job, proof)
    source = SourceModel(
        path=str(job.source.path),
        sha256=job.source.sha256,
        format=job.source.format,
        family=facts["family"],
        weights_sha256=facts["weights_sha256"],
        parameters=facts["parameters"],
        name=job.plan.name,
    )
    results = _make_recipes(job, pool, failures)
    rows = []
    files: dict[str, Path | bytes] = {}
    for recipe in job.plan.recipes:
        answer = results[recipe.key]
        if isinstance(answer, EdgekitError):
            failure = Failure(what=answer.what, why=answer.why, code=answer.code, do=answer.do)
            rows.append(ConvertRow(recipe=recipe.name, format=recipe.format, failure=failure))
            continue
        name = f"{job.plan.name}.{recipe.key}"
        artifact = _describe(recipe, answer, source, job.work / name, samples, {**facts["tools"], **answer["tools"]}, notes)
        files[name] = job.work / name
        files[f"{name}.json"] = dump_record(artifact).encode()
        rows.append(ConvertRow(recipe=recipe.name, format=recipe.format, path=str(job.request.out / name), artifact=artifact))
    if files and samples:
        files[samples.file.name] = samples.file
    job.progress.step("writing the artifacts")
    publish(files, job.request.out)
    return ConvertResult(source=source, rows=tuple(rows), notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """Hold the inputs that a benchmark will feed, and where they came from."""

    file: Path
    origin: str


def _prepare_data(job: _Job, ports: Sequence[Port]) -> tuple[Samples, _Samples | None, tuple[Note, ...]]:
    """Check the user's data, write what the children read, and return the inputs of the proof and the samples for benchmarks."""
    import numpy as np

    request = job.request
    calibration = read_samples(request.calibration, ports, option="--calib", labelled=False) if request.calibration else None
    evaluation = read_samples(request.evaluation, ports, option="--eval", labelled=True) if request.evaluation else None
    notes = [*(calibration.notes if calibration else ()), *(evaluation.notes if evaluation else ())]
    if calibration:
        np.savez(job.work / "calib.npz", **calibration.inputs)
        notes.append(Note(code="calibration.data", text=f"calibrated on {calibration.count} samples, sha256 {calibration.sha256}"))
    proof = evaluation or calibration or synthetic_samples(ports)
    np.savez(job.work / "proof.npz", **proof.inputs)
    if evaluation:
        np.save(job.work / "labels.npy", evaluation.labels)
        origin = f"{min(SAMPLES, proof.count)} held-out test inputs of the --eval file"
    elif calibration:
        origin = f"{min(SAMPLES, proof.count)} calibration inputs"
        notes.append(Note(code="proof.calibration", text="agreement was tested on the calibration inputs", advice="give --eval with held-out data"))
    else:
        text = "no data was given: agreement was tested on standard-normal inputs, and no sample inputs are kept"
        notes.append(Note(code="proof.synthetic", text=text, advice="give --calib or --eval"))
        return proof, None, tuple(notes)
    file = job.work / f"{job.plan.name}.samples.npz"
    np.savez(file, **{name: array[:SAMPLES] for name, array in proof.inputs.items()})
    return proof, _Samples(file=file, origin=origin), tuple(notes)


def _inspect(job: _Job) -> tuple[Port, ...]:
    """Return the inputs of a source that only its runtime can tell."""
    what = f"reading {job.source.path}"
    answer = run_worker(job.children, {"task": "inspect", **_source(job), "what": what}, on_stage=lambda _: None, what=what)
    return tuple(validate(Port, port, where="the converter's answer") for port in answer["ports"])


def _make_hubs(job: _Job, proof: Samples) -> tuple[dict[str, Any], dict[str, EdgekitError]]:
    """Make the float hubs in one child; a hub that crashes it is given up and a new child makes the rest."""
    shapes = {name: list(array.shape[1:]) for name, array in proof.inputs.items()}
    remaining = ["reference", *job.plan.formats]
    failures: dict[str, EdgekitError] = {}
    tools: dict[str, str] = {"edgekit": version("edgekit")}
    while remaining:
        begun: list[str] = []

        def hear(stage: str, begun: list[str] = begun) -> None:
            begun.append(stage)
            job.progress.step(_TITLES.get(stage, stage))

        what = f"converting {job.source.path}"
        order = {"task": "hub", **_source(job), "work": str(job.work), "stages": remaining, "shapes": shapes, "what": what}
        try:
            tools |= run_worker(job.children, order, on_stage=hear, what=what)["tools"]
            break
        except EdgekitError as error:
            stage = begun[-1] if begun else "starting"
            if stage not in job.plan.formats or isinstance(error, SetupError):
                raise
            failures[stage] = error
            remaining = remaining[remaining.index(stage) + 1 :]
    facts: dict[str, Any] = json.loads((job.work / "facts.json").read_text())
    return {**facts, "tools": tools | facts["tools"]}, failures


def _make_recipes(job: _Job, pool: ThreadPoolExecutor, hubs: Mapping[str, EdgekitError]) -> dict[str, dict[str, Any] | EdgekitError]:
    """Make every recipe whose hub exists, one child each; a crash is that recipe's answer and nobody else's."""
    answers: dict[str, dict[str, Any] | EdgekitError] = {}
    wanted = []
    for recipe in job.plan.recipes:
        if recipe.format in hubs:
            answers[recipe.key] = hubs[recipe.format]
        else:
            wanted.append(recipe)
    job.progress.step("making and verifying the recipes", total=len(wanted))
    futures = {pool.submit(_make_recipe, job, recipe): recipe for recipe in wanted}
    for done, future in enumerate(as_completed(futures), start=1):
        recipe = futures[future]
        try:
            answers[recipe.key] = future.result()
        except (SetupError, UsageError):
            raise
        except EdgekitError as error:
            answers[recipe.key] = error
        job.progress.advance(done, recipe.key)
    return answers


def _make_recipe(job: _Job, recipe: Recipe) -> dict[str, Any]:
    what = f"recipe {recipe.key}"
    order = {
        "task": "produce",
        "recipe": recipe.key,
        "work": str(job.work),
        "out": str(job.work / f"{job.plan.name}.{recipe.key}"),
        "min_sqnr_db": job.request.min_sqnr_db.get(recipe.name),
        "what": what,
    }
    return run_worker(job.children, order, on_stage=lambda _: None, what=what)


def _describe(
    recipe: Recipe,
    answer: Mapping[str, Any],
    source: SourceModel,
    file: Path,
    samples: _Samples | None,
    tools: Mapping[str, str],
    notes: tuple[Note, ...],
) -> ModelArtifact:
    where = "the converter's answer"
    verification = validate(Verification, answer["verification"], where=where)
    return ModelArtifact(
        path=file.name,
        sha256=sha256_of(file),
        size_bytes=file.stat().st_size,
        format=recipe.format,
        recipe=recipe.name,
        scheme_requested=recipe.scheme,
        scheme_achieved=answer["scheme"],
        source=source,
        inputs=tuple(validate(TensorSpec, item, where=where) for item in answer["inputs"]),
        outputs=tuple(validate(TensorSpec, item, where=where) for item in answer["outputs"]),
        status="verified" if verification.passed else "failed",
        verification=verification,
        samples=samples.file.name if samples else None,
        samples_sha256=sha256_of(samples.file) if samples else None,
        samples_origin=samples.origin if samples else None,
        tools=tools,
        notes=notes,
    )


def _require_packages(source: Source, planned: ConvertPlan) -> None:
    """Raise SetupError for the first package that is missing, before anything is started."""
    needed = ["tensorflow"] if source.format in ("keras", "h5") else []
    if "tflite" in planned.formats:
        needed += ["ai_edge_litert", "ai_edge_quantizer"]
    if "onnx" in planned.formats:
        needed += ["onnx", "onnxruntime", *(["tf2onnx"] if "tensorflow" in needed else [])]
    for package in needed:
        if find_spec(package) is None:
            raise missing_extra(package, "convert", "this conversion")


def _source(job: _Job) -> dict[str, str]:
    return {"source": str(job.source.path.absolute()), "format": job.source.format}
