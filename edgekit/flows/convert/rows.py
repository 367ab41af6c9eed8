"""Turn the answers of the children into artifacts with their records, and write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgekit.converters.base import Recipe
from edgekit.converters.publish import leftovers, publish
from edgekit.core.artifact import ModelArtifact, NpuReport, Operator, SourceModel, TensorSpec, Verification
from edgekit.core.errors import EdgekitError
from edgekit.core.jsonio import dump_record, validate
from edgekit.core.quantity import Note
from edgekit.flows.convert.data import ProofData
from edgekit.flows.convert.request import ConvertRequest
from edgekit.flows.convert.result import ConvertRow, Failure
from edgekit.links.files import sha256_of


def row(
    recipe: Recipe,
    answer: dict[str, Any] | EdgekitError,
    source: SourceModel,
    file: Path,
    data: ProofData,
    facts: Mapping[str, Any],
    request: ConvertRequest,
) -> ConvertRow:
    """Return what became of `recipe`: the record of its artifact, or why there is none."""
    if isinstance(answer, EdgekitError):
        do = advice(answer, request)
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
        operators=tuple(validate(Operator, item, where=where) for item in answer["operators"]),
        opsets=dict(answer["opsets"]),
        calibration=data.calibration_set(request.settings.calibration) if recipe.needs_calibration else None,
        target=request.settings.target,
        npu=validate(NpuReport, answer["npu"], where=where) if answer.get("npu") else None,
        graph_sha256=answer["graph_sha256"],
        kept=tuple(answer.get("kept", ())),
        tools={"edgekit": version("edgekit"), **facts["tools"], **answer["tools"]},
        notes=(
            *(data.calibration_notes if recipe.needs_calibration else ()),
            *data.notes,
            *remarks(facts["notes"]),
            *remarks(answer["notes"]),
        ),
    )
    return ConvertRow(recipe=recipe.name, format=recipe.format, path=str(request.out / file.name), artifact=artifact)


def remarks(data: Sequence[Any]) -> tuple[Note, ...]:
    """Return the remarks that a child wrote down."""
    return tuple(validate(Note, item, where="the converter's answer") for item in data)


def advice(error: EdgekitError, request: ConvertRequest) -> tuple[tuple[str, str], ...]:
    """Return what the error advises, with this request's own command line where converters, which do not know it, wrote dots."""
    lines = []
    for text, command in error.do:
        before, dots, change = command.partition("edgekit convert ...")
        lines.append((text, before + request.command(change.strip()) if dots else command))
    return tuple(lines)


def stale_note(out: Path, source: SourceModel, written: Collection[str], data: ProofData) -> tuple[Note, ...]:
    """Return a remark that names what an earlier conversion left in `out` under the same name."""
    samples = sha256_of(data.samples) if data.samples else None
    stale = leftovers(out, source.name or "", written, source_sha256=source.sha256, samples_sha256=samples)
    if not written or not stale:
        return ()
    text = f"{out} still holds {', '.join(stale)} of an earlier conversion, with other data or of another model"
    return (Note(code="convert.stale", text=text, advice="convert them again in the same command, or delete them"),)


def write(rows: Sequence[ConvertRow], data: ProofData, work: Path, out: Path) -> tuple[str, ...]:
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
