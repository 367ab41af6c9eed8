"""Convert a float model into verified artifacts: plan the recipes, make the float hubs once, then one child process per recipe."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgekit.converters.base import RECIPES, Recipe, choose
from edgekit.converters.data import Samples, read_samples, synthetic_samples
from edgekit.converters.publish import leftovers, publish, writable_folder
from edgekit.converters.source import Port, Source, recognise
from edgekit.converters.workshop import Workshop, workshop
from edgekit.core.artifact import ModelArtifact, SourceModel, TensorSpec, Verification
from edgekit.core.errors import EdgekitError, GateError, ModelError, UsageError, missing_extra, unknown_name
from edgekit.core.jsonio import dump_record, validate
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.links.files import sha256_of

DEFAULT_OUT = Path("artifacts")
SAMPLES = 64
_LONGEST_NAME = 200  # leaves room for .int8.tflite.json below the 255 bytes of most file systems


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

    def command(self, change: str = "") -> str:
        """Return the command line of this request with the options of `change`, whose formats and recipes take the place of its own."""
        options: list[tuple[str, Iterable[object]]] = [
            ("--to", () if "--to " in change else self.formats),
            ("-r", () if "--to " in change or "-r " in change else self.recipes),
            ("--calib", [self.calibration] if self.calibration else ()),
            ("--eval", [self.evaluation] if self.evaluation else ()),
            ("--out", [self.out] if self.out != DEFAULT_OUT else ()),
            ("--name", [self.name] if self.name else ()),
            ("--min-sqnr", [f"{name}={floor:g}" for name, floor in self.min_sqnr_db.items()]),
        ]
        words = [
            "edgekit",
            "convert",
            str(self.model),
            *(str(word) for option, values in options for value in values for word in (option, value)),
        ]
        return " ".join(filter(None, (shlex.join(words), change)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertPlan:
    """Hold the recipes to make and the name of the files."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the formats whose float hub is needed."""
        return tuple(dict.fromkeys(recipe.format for recipe in self.recipes))

    def file(self, recipe: Recipe) -> str:
        """Return the name of the artifact's file."""
        return f"{self.name}.{recipe.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Hold why one recipe gave no artifact, with the last words of what failed."""

    what: str
    why: str
    code: str
    do: tuple[tuple[str, str], ...] = ()
    log: str = ""


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
        return GateError.exit_code if any(row.artifact and row.artifact.status == "failed" for row in self.rows) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Hold the inputs of the proof, the samples that a benchmark will feed with their origin, and remarks on both."""

    proof: Samples
    samples: Path | None
    origin: str | None
    calibration_notes: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()


def plan(request: ConvertRequest, source_format: str) -> ConvertPlan:
    """Return what will be made; raise UsageError for names that cannot be meant and ModelError for a route that does not exist."""
    for name in request.min_sqnr_db:
        if name not in {recipe.name for recipe in RECIPES}:
            raise unknown_name("recipe", name, {recipe.name for recipe in RECIPES}, list_command="edgekit convert --help")
    formats = request.formats or ((source_format,) if source_format in ("tflite", "onnx") else ())
    recipes = choose(request.recipes, formats, calibrated=request.calibration is not None)
    if source_format in ("tflite", "onnx") and set(formats) != {source_format}:
        raise ModelError(
            f"a .{source_format} model is not converted to {' and '.join(name for name in formats if name != source_format)}",
            code="convert.route",
            why="going through another format loses layout and names; only other precisions of the same format are made",
            do=[("convert from the Keras model instead:", "edgekit convert model.keras")],
        )
    name = request.name or request.model.name.removesuffix(request.model.suffix)
    if Path(name).name != name or name == ".." or not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
        raise UsageError(
            f"--name {name} is not a file name",
            code="usage.value",
            why=f"it is a folder, longer than {_LONGEST_NAME} bytes, or holds what cannot be shown",
            do=[("give a plain name, and the folder with --out:", "edgekit convert MODEL --name NAME --out FOLDER")],
        )
    return ConvertPlan(name=name, recipes=recipes)


def convert(request: ConvertRequest, *, progress: Progress) -> ConvertResult:
    """Convert, verify and write; raise UsageError, ModelError or SetupError when nothing can be made."""
    source = recognise(request.model)
    planned = plan(request, source.format)
    _require_packages(source, planned)
    try:
        with writable_folder(request.out), workshop(source, progress=progress) as shop:
            return conduct(request, planned, shop)
    except EdgekitError as error:
        error.do = _advice(error, request)
        raise


def conduct(request: ConvertRequest, planned: ConvertPlan, shop: Workshop) -> ConvertResult:
    """Make, verify and publish everything planned."""
    data = _prepare_data(request, planned, shop.source.ports or shop.inspect(), shop.folder)
    shapes = {name: list(array.shape[1:]) for name, array in data.proof.inputs.items()}
    facts, failed_hubs = shop.make_hubs(planned.formats, shapes)
    answers = shop.make_recipes(
        planned.recipes, hubs=failed_hubs, floors=request.min_sqnr_db, file=lambda recipe: shop.folder / planned.file(recipe)
    )
    source = SourceModel(
        path=str(request.model),
        sha256=shop.source.sha256,
        format=shop.source.format,
        family=facts["family"],
        weights_sha256=facts["weights_sha256"],
        parameters=facts["parameters"],
        name=planned.name,
    )
    rows = tuple(
        _row(recipe, answers[recipe.key], source, shop.folder / planned.file(recipe), data, facts["tools"], request)
        for recipe in planned.recipes
    )
    shop.progress.step("writing the artifacts")
    written = _publish(rows, data, shop.folder, request.out)
    notes = (*data.calibration_notes, *data.notes, *_stale(request.out, source, written, data))
    return ConvertResult(source=source, rows=rows, notes=notes)


def _prepare_data(request: ConvertRequest, planned: ConvertPlan, ports: Sequence[Port], work: Path) -> _Data:
    """Check the user's data against the inputs of the model and write what the children read."""
    import numpy as np

    calibration = read_samples(request.calibration, ports, option="--calib", labelled=False) if request.calibration else None
    evaluation = read_samples(request.evaluation, ports, option="--eval", labelled=True) if request.evaluation else None
    proof = evaluation or calibration or synthetic_samples(ports)
    np.savez(work / "proof.npz", allow_pickle=False, **proof.inputs)
    calibrated: tuple[Note, ...] = ()
    notes = [*(evaluation.notes if evaluation else ())]
    if calibration:
        np.savez(work / "calib.npz", allow_pickle=False, **calibration.inputs)
        text = f"calibrated on {calibration.count} samples of the --calib file, sha256 {calibration.sha256}"
        calibrated = (*calibration.notes, Note(code="calibration.data", text=text))
    if evaluation and evaluation.labels is not None:
        np.save(work / "labels.npy", evaluation.labels, allow_pickle=False)
        origin = f"{min(SAMPLES, proof.count)} held-out test inputs of the --eval file"
    elif calibration:
        origin = f"{min(SAMPLES, proof.count)} calibration inputs"
        text = "agreement with the source was tested on the calibration inputs"
        notes.append(Note(code="proof.calibration", text=text, advice="give held-out data with --eval"))
    else:
        text = "no data was given: agreement was tested on standard-normal inputs, and no sample inputs are kept for benchmarks"
        notes.append(Note(code="proof.synthetic", text=text, advice="give --calib or --eval"))
        return _Data(proof=proof, samples=None, origin=None, notes=tuple(notes))
    file = work / f"{planned.name}.samples.npz"
    np.savez(file, allow_pickle=False, **{name: array[:SAMPLES] for name, array in proof.inputs.items()})
    return _Data(proof=proof, samples=file, origin=origin, calibration_notes=calibrated, notes=tuple(notes))


def _row(
    recipe: Recipe,
    answer: dict[str, Any] | EdgekitError,
    source: SourceModel,
    file: Path,
    data: _Data,
    tools: Mapping[str, str],
    request: ConvertRequest,
) -> ConvertRow:
    if isinstance(answer, EdgekitError):
        do = _advice(answer, request)
        failure = Failure(what=answer.what, why=answer.why, code=answer.code, do=do, log=str(answer.data.get("log", "")))
        return ConvertRow(recipe=recipe.name, format=recipe.format, failure=failure)
    where = "the converter's answer"
    verification = validate(Verification, answer["verification"], where=where)
    artifact = ModelArtifact(
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
        samples=data.samples.name if data.samples else None,
        samples_sha256=sha256_of(data.samples) if data.samples else None,
        samples_origin=data.origin,
        tools={"edgekit": version("edgekit"), **tools, **answer["tools"]},
        notes=(*(data.calibration_notes if recipe.needs_calibration else ()), *data.notes),
    )
    return ConvertRow(recipe=recipe.name, format=recipe.format, path=str(request.out / file.name), artifact=artifact)


def _advice(error: EdgekitError, request: ConvertRequest) -> tuple[tuple[str, str], ...]:
    """Return what the error advises, with this request's own command line where converters, which do not know it, wrote dots."""
    advice = []
    for text, command in error.do:
        before, dots, change = command.partition("edgekit convert ...")
        advice.append((text, before + request.command(change.strip()) if dots else command))
    return tuple(advice)


def _stale(out: Path, source: SourceModel, written: Collection[str], data: _Data) -> tuple[Note, ...]:
    """Return a remark that names what an earlier conversion left in `out` under the same name."""
    samples = sha256_of(data.samples) if data.samples else None
    stale = leftovers(out, source.name or "", written, source_sha256=source.sha256, samples_sha256=samples)
    if not written or not stale:
        return ()
    text = f"{out} still holds {', '.join(stale)} of an earlier conversion, with other data or of another model"
    return (Note(code="convert.stale", text=text, advice="convert them again in the same command, or delete them"),)


def _publish(rows: Sequence[ConvertRow], data: _Data, work: Path, out: Path) -> tuple[str, ...]:
    """Write the artifacts, their records and the samples into `out`; return the names of the files."""
    files: dict[str, Path | bytes] = {}
    for artifact in (row.artifact for row in rows if row.artifact):
        files[artifact.path] = work / artifact.path
        files[f"{artifact.path}.json"] = dump_record(artifact).encode()
    if files and data.samples:
        files[data.samples.name] = data.samples
    if files:
        publish(files, out)
    return tuple(files)


def _require_packages(source: Source, planned: ConvertPlan) -> None:
    """Raise SetupError for the first package that is missing, before anything is started."""
    needed = ["tensorflow"] if source.format in ("keras", "h5") else []
    if "tflite" in planned.formats:
        needed += ["ai_edge_litert", "ai_edge_quantizer"]
    if "onnx" in planned.formats:
        needed += ["onnx", "onnxruntime", *(["tf2onnx"] if "tensorflow" in needed else [])]
    for package in needed:
        if find_spec(package) is None:
            raise missing_extra(package.replace("_", "-"), "convert", "this conversion")
