"""Show what became of a conversion: one table of proofs, one of runtimes, and a remark for each thing that went wrong."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from edgekit.cli.output import current
from edgekit.core.quantity import Estimate, Note, Quantity, Unknown
from edgekit.core.units import format_number, format_scaled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from edgekit.core.artifact import Agreement, Layers, NpuReport, Verification
    from edgekit.flows.convert import ConvertResult, ConvertRow, Failure

_UNTOLD: Final = ("io.batch", "io.dtype")  # they are in the record, and surprise nobody
_COLUMNS: Final = ("artifact\nsize, status", "SQNR\ntop-1", "weights\ncompute")
_WORST: Final = 12  # layers that are listed; a deep network has a hundred
_LABELLED: Final = ("accuracy\n95 % interval", "change\n95 % interval")


def tables(result: ConvertResult) -> RenderableType:
    """Return the proofs, with accuracy where it is known, and below them how far other runtimes agree; 80 columns are enough."""
    from rich.console import Group

    proofs = _proofs(result)
    agreements = {row.artifact.path: found for row in result.rows if row.artifact and (found := _agreements(row))}
    return Group(proofs, *([_runtimes(agreements)] if agreements else []), *map(_layers, result.layers), *_fits(result))


def _fits(result: ConvertResult) -> Iterator[str]:
    """Yield how each artifact fits the target it was made for, where one was named."""
    for artifact in (row.artifact for row in result.rows if row.artifact and row.artifact.target and row.artifact.verification):
        checks = [check for check in artifact.verification.checks if check.name.startswith("target.")] if artifact.verification else []
        seen = "; ".join(check.seen for check in checks)
        yield f"{artifact.path}: {'fits' if all(check.passed for check in checks) else 'does not fit'} {artifact.target}: {seen}"
        if artifact.npu is not None:
            yield from (f"  {fact}" for fact in npu_facts(artifact.npu))


def npu_facts(npu: NpuReport) -> list[str]:
    """Return what stays on the CPU and why, and the compiler's estimates."""
    sizes = f"{format_scaled(npu.sram_bytes, 'B')} SRAM, {format_scaled(npu.flash_bytes, 'B')} flash"
    estimate = f"{npu.tool} estimates {npu.cycles:,} cycles and {sizes} for {npu.system}; nothing is measured"
    more = [f"and {len(npu.on_cpu) - _WORST} more reasons, all in --json"] if len(npu.on_cpu) > _WORST else []
    return [*(f"on the CPU: {reason}" for reason in npu.on_cpu[:_WORST]), *more, estimate]


def _layers(found: Layers) -> Table:
    """Return the layers that lose most when they alone are quantized."""
    from rich.table import Table

    title = f"{found.recipe}.{found.format}: each of {len(found.layers)} layers quantized alone; all together {found.joint_db:.1f} dB"
    table = Table(title=title, title_justify="left", padding=(0, 1), caption=_mixed(found), caption_justify="left")
    for column in ("layer", "weights", "SQNR", "stays float"):
        table.add_column(column, justify="left" if column == "layer" else "right", no_wrap=column != "layer", overflow="fold")
    for loss in found.layers[:_WORST]:
        stays = "yes" if loss.layer in (found.kept or ()) else ""
        table.add_row(loss.layer.partition(";")[0], f"{loss.weights:,}", f"{loss.sqnr_db:.1f} dB", stays)  # fused ones have several names
    if len(found.layers) > _WORST:
        table.add_row(f"and {len(found.layers) - _WORST} better ones, all in --json", "", "", "")
    return table


def _mixed(found: Layers) -> str | None:
    return None if found.mixed_db is None else f"{len(found.kept or ())} in float: {found.mixed_db:.1f} dB together"


def status(result: ConvertResult) -> str:
    """Return "ok", "partial" where a recipe gave nothing, or "failed"."""
    if result.exit_code == 0:
        return "ok"
    made = any(row.artifact for row in result.rows)
    return "partial" if made and any(row.failure for row in result.rows) else "failed"


def _proofs(result: ConvertResult) -> Table:
    from rich.table import Table

    proofs = [row.artifact.verification for row in result.rows if row.artifact and row.artifact.verification]
    source = next((proof.source_accuracy for proof in proofs if proof.source_accuracy is not None), None)
    labelled = isinstance(source, Estimate)
    table = Table(title=f"{result.source.path}, family {result.source.family}", title_justify="left", padding=(0, 1))
    for column in (*_COLUMNS[:2], *(_LABELLED if labelled else ()), _COLUMNS[2]):  # the figures fit 80 columns; only a long name is folded
        first = column is _COLUMNS[0]
        table.add_column(column, justify="left" if first else "right", no_wrap=not first, overflow="fold")
    if labelled:
        table.add_row("(source)", "", _accuracy(source), "", "")
    for row in result.rows:
        table.add_row(*_cells(row, labelled=labelled))
    return table


def _cells(row: ConvertRow, *, labelled: bool) -> tuple[str, ...]:
    if row.artifact is None or row.artifact.verification is None:
        return f"{row.recipe}.{row.format}\nnot made", "", *(("", "") if labelled else ()), ""
    proof, size = row.artifact.verification, row.artifact.size_bytes
    sqnr = next((check.seen for check in proof.checks if check.name == "sqnr"), "-").partition(",")[0]
    agreement = f"{sqnr if proof.sqnr_db is not None or sqnr == 'identical' else '-'}\n{_share(proof.top1_agreement, 1)}"
    return (
        f"{row.artifact.path}\n{'' if size is None else format_scaled(size, 'B') + ', '}{row.artifact.status}",
        agreement,
        *((_accuracy(proof.accuracy), _change(proof)) if labelled else ()),
        f"{_share(proof.quantized_share)}\n{_share(proof.computed_share)}",
    )


def _share(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def _accuracy(value: Quantity | None) -> str:
    return f"{value.value:.1%}\n{100 * value.low:.1f} to {value.high:.1%}" if isinstance(value, Estimate) else "-"


def _change(proof: Verification) -> str:
    change = proof.accuracy_change
    return f"{change.value:+.1%}\n{100 * change.low:+.1f} to {change.high:+.1%}" if isinstance(change, Estimate) else "-"


def _agreements(row: ConvertRow) -> tuple[Agreement, ...]:
    return row.artifact.verification.agreements if row.artifact is not None and row.artifact.verification is not None else ()


def _runtimes(agreements: Mapping[str, Sequence[Agreement]]) -> Table:
    from rich.table import Table

    table = Table(title="\nOutputs of the same file in other runtimes", title_justify="left", padding=(0, 1))
    table.add_column("artifact and runtime", overflow="fold")
    table.add_column("values that differ", justify="right", no_wrap=True)
    table.add_column("by at most", justify="right", no_wrap=True)
    for path, found in agreements.items():
        table.add_row(path, "", "")
        for item in found:
            known = item.reason is None
            table.add_row(
                f"  {item.runtime}" if known else f"  {item.runtime}: {item.reason}",
                f"{item.differing} of {item.values}" if known else "-",
                _distance(item) if known else "-",
            )
    return table


def _distance(item: Agreement) -> str:
    """Return the largest difference: in steps of a quantized output, else as a number."""
    if item.max_steps is not None:
        return f"{item.max_steps:g} step{'s' if item.max_steps != 1 else ''}"
    return "-" if item.max_abs is None else format_number(item.max_abs)


def remarks(result: ConvertResult) -> list[Note]:
    """Return one note per failed check, one per failure with the recipes it took, and why accuracy is not told."""
    notes = _failures(result)
    for artifact in (row.artifact for row in result.rows if row.artifact):
        notes.extend(note for note in artifact.notes if note.code == "target.slow")
        for note in artifact.verification.notes if artifact.verification else ():
            if note.code not in _UNTOLD:
                notes.append(Note(code=note.code, text=f"{artifact.path}: {note.text}", advice=note.advice))
        for check in artifact.verification.checks if artifact.verification else ():
            if not check.passed:
                floor = f", the floor is {check.floor}" if check.floor else ""
                text = f"{artifact.path}: {check.name}: {check.seen}{floor}"
                notes.append(Note(code=f"gate.{check.name}", text=text, advice=check.advice))
    accuracy = [row.artifact.verification.source_accuracy for row in result.rows if row.artifact and row.artifact.verification]
    reasons = dict.fromkeys(value.reason for value in accuracy if isinstance(value, Unknown))
    return [*notes, *(Note(code="accuracy.unknown", text=f"accuracy is not computed: {reason}") for reason in reasons)]


def _failures(result: ConvertResult) -> list[Note]:
    taken: dict[Failure, list[str]] = {}
    for row in result.rows:
        if row.failure is not None:
            taken.setdefault(row.failure, []).append(f"{row.recipe}.{row.format}")
    notes = []
    for failure, recipes in taken.items():
        advice = "; ".join(f"{text} {command}".rstrip() for text, command in failure.do) or None
        if failure.log and current().verbose:
            notes.append(Note(code="convert.log", text=failure.log))
        notes.append(Note(code=failure.code, text=f"{', '.join(recipes)}: {failure.what}: {failure.why}", advice=advice))
    return notes


def next_commands(result: ConvertResult) -> list[tuple[str, str]]:
    """Return the benchmark of what was verified; what was not is not proposed."""
    good = [row.path for row in result.rows if row.path is not None and row.artifact is not None and row.artifact.status == "verified"]
    left = len(result.rows) - len(good)
    if good and any(row.artifact and row.artifact.target and _is_small(row.artifact.target) for row in result.rows):
        return [("see what is in it, and feed it with these scales:", f"edgekit inspect {shlex.quote(good[0])}")]
    advice = "measure what one inference costs" + (f" (without the {left} that failed):" if left else ":")
    return [(advice, f"edgekit bench {shlex.join(good)}")] if good else []


def _is_small(target: str) -> bool:
    """Return True for a target that this machine cannot stand in for: a microcontroller, an NPU."""
    from edgekit.converters.targets.profile import load_profile

    return load_profile(target).kind != "cpu"
