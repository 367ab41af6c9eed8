"""`edgekit inspect`: what is in this model file, and does its record still hold for it?"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.output import current
from edgekit.core.errors import GateError
from edgekit.core.quantity import Estimate, Note
from edgekit.core.units import format_between, format_number, format_scaled

if TYPE_CHECKING:
    from edgekit.core.artifact import Check, ModelArtifact, Operator, TensorSpec, Verification
    from edgekit.flows.inspect import Inspection

_LABEL = 14
_WIDEST = 120
_VERSIONED = {"tflite": "schema", "onnx": "IR"}
_TITLES = {"tflite": "TFLite", "onnx": "ONNX", "ort": "ONNX Runtime"}


def inspect(
    artifact: Annotated[Path, typer.Argument(metavar="ARTIFACT", help="A .tflite, .onnx or .ort file, whoever made it.")],
    target: Annotated[
        str | None, typer.Option(help="Also hold it against this target: a name of `edgekit targets`, or a .toml.", show_default=False)
    ] = None,
) -> None:
    """Show what a model file holds: number formats, operators and their versions, inputs and outputs, and its record if it has one.

    The file is read, never run. Exit status 3: it does not fit the target.
    """
    from edgekit.flows.inspect import InspectRequest
    from edgekit.flows.inspect import inspect as look

    ui = current()
    found = look(InspectRequest(path=artifact, target=target), progress=ui.progress)
    width = min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)
    ui.result(
        schema="edgekit.inspect/1",
        data=found,
        text=_text(found, width),
        next_commands=[("measure what one inference costs:", f"edgekit bench {shlex.quote(found.path)}")] if found.fits_target else [],
        notes=(*found.notes, *_failed(found)),
        status="ok" if found.fits_target else "failed",
        exit_code=0 if found.fits_target else GateError.exit_code,
    )


def _text(found: Inspection, width: int) -> str:
    from edgekit.reports.text import wrapped

    lines = [f"{found.path}: {_TITLES[found.format]}, {format_scaled(found.size_bytes, 'B')}"]
    for label, text in _facts(found):
        lines += wrapped(f"  {label:<{_LABEL}}{text}", width, rest=" " * (_LABEL + 2))
    return "\n".join(lines)


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "scheme", found.scheme
    yield "weights", f"{_grouped(found.parameters)} elements, {_counts(found.contents.weights)}"
    if found.macs is not None:
        yield "compute", f"{_grouped(found.macs)} multiply-accumulates per inference, {_counts(found.contents.compute)}"
    yield from _listed("inputs", [_port(port) for port in found.outside.inputs])
    yield from _listed("outputs", [_port(port) for port in found.outside.outputs])
    yield from _listed("operators", [_operator(item) for item in found.contents.operators])
    yield "versions", ", ".join(_versions(found)) or "not told"
    yield from _listed("metadata", [f"{name}: {value}" for name, value in found.outside.metadata.items()])
    yield "sha256", found.sha256
    if found.graph_sha256 is not None:
        yield "graph", f"{found.graph_sha256} (the same for equal graphs and weights)"
    if found.record is None:
        yield "record", "none beside it"
    else:
        yield "record", f"{'of this file' if found.record.fits else 'of ANOTHER file'}: {found.record.path}"
        yield from _record(found.record.artifact)
    yield from _listed("target", [_check(check) for check in (found.fit.checks if found.fit else ())])
    if found.fit is not None and found.fit.npu is not None:
        from edgekit.cli.converted import npu_facts

        yield from _listed("", npu_facts(found.fit.npu))


def _record(artifact: ModelArtifact) -> Iterator[tuple[str, str]]:
    source = artifact.source
    yield "  source", f"{source.path} ({source.format}), family {source.family}, sha256 {source.sha256[:16]}"
    yield "  recipe", f"{artifact.recipe}: {artifact.scheme_requested}; {artifact.status}"
    if artifact.kept:
        yield "  kept", f"{', '.join(artifact.kept)} in float"
    if artifact.calibration is not None:
        known = artifact.calibration
        yield "  calibration", f"{known.samples} samples, {known.method}, sha256 {known.sha256[:16]}"
    if artifact.verification is not None:
        yield from _proof(artifact.verification)
    yield "  tools", ", ".join(f"{name} {version}" for name, version in artifact.tools.items())


def _proof(proof: Verification) -> Iterator[tuple[str, str]]:
    sqnr = next((check.seen for check in proof.checks if check.name == "sqnr"), "not compared")
    top1 = "" if proof.top1_agreement is None else f", same top-1 {proof.top1_agreement:.1%}"
    beside = "" if proof.calibration_sqnr_db is None else f"; on calibration inputs {proof.calibration_sqnr_db:.1f} dB"
    yield "  proof", f"{sqnr}{top1} on {proof.samples} {proof.data or ''} inputs in {proof.runtime}{beside}"
    if isinstance(proof.accuracy, Estimate):
        yield "  accuracy", f"{_share(proof.accuracy)} on {proof.accuracy.n} samples"
    if isinstance(proof.accuracy_change, Estimate):
        p = "" if proof.mcnemar_p is None else f", McNemar p {format_number(proof.mcnemar_p)}"
        yield "  change", f"{proof.accuracy_change.value:+.2%} ({proof.accuracy_change.low:+.2%} to {proof.accuracy_change.high:+.2%}){p}"
    yield from _listed("  failed", [_check(check) for check in proof.checks if not check.passed])


def _operator(item: Operator) -> str:
    return f"{item.count:>4}  {item.name}" + ("" if item.version is None else f" version {item.version}")


def _versions(found: Inspection) -> Iterator[str]:
    """Yield the versions of the format and of the operator sets in use: quantizers declare some that they do not use."""
    if found.contents.version is not None:
        yield f"{_VERSIONED.get(found.format, 'format')} {found.contents.version}"
    for name, version in found.contents.opsets.items():
        if name == "ai.onnx" or any(item.name.startswith(f"{name}.") for item in found.contents.operators):
            yield f"operator set {name} {version}"


def _listed(label: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for place, text in enumerate(texts):
        yield label if place == 0 else "", text


def _port(port: TensorSpec) -> str:
    sizes = ", ".join("N" if size < 0 else str(size) for size in port.shape)
    coded = "" if port.scale is None else f", scale {format_number(port.scale, 5)}, zero point {port.zero_point}"
    return f"{port.name} ({sizes}) {port.dtype}{f' {port.layout}' if port.layout else ''}{coded}"


def _check(check: Check) -> str:
    return f"{'ok' if check.passed else 'NO'}  {check.name}: {check.seen}" + (f" ({check.floor})" if check.floor else "")


def _failed(found: Inspection) -> list[Note]:
    checks = found.fit.checks if found.fit else ()
    return [
        Note(code=f"gate.{check.name}", text=f"{check.name}: {check.seen}", advice=check.advice) for check in checks if not check.passed
    ]


def _counts(counts: Mapping[str, int]) -> str:
    from edgekit.converters.contents.found import words

    return words(counts) if counts else "none"


def _share(value: Estimate) -> str:
    return format_between(value.value, value.low, value.high)


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")
