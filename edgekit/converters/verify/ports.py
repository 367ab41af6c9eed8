"""Compare the inputs and outputs of an artifact with those of its source: equal but for what a recipe or an exporter declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.converters.base import Recipe
from edgekit.converters.source import Port
from edgekit.converters.verify.evidence import Evidence
from edgekit.core.artifact import Check, TensorSpec
from edgekit.core.quantity import Note

_FREE = (None, -1)
_OTHER = "convert to the other format, or from another source"


def input_check(recipe: Recipe, evidence: Evidence, specs: Sequence[TensorSpec]) -> Check:
    """Return whether the artifact takes what the source takes: names, shapes and dtypes.

    Declared, and so allowed: a batch fixed to 1, the number format of the recipe's inputs, names that the exporter said it gives.
    """
    ports, renamed = evidence.inputs, evidence.renamed
    found = {spec.name: spec for spec in specs}
    problems = [_input_problem(recipe, port, found.pop(renamed.get(port.name, port.name), None)) for port in ports]
    problems += [f"{name} is an input that the source does not have" for name in found]
    return Check(
        name="inputs",
        passed=not any(problems),
        seen="; ".join(filter(None, problems)) or ", ".join(map(_shown, specs)),
        floor=", ".join(_shown(port) for port in ports),
        advice=f"the converter changed the inputs; {_OTHER}" if any(problems) else None,
    )


def output_check(recipe: Recipe, evidence: Evidence, specs: Sequence[TensorSpec], outputs: Sequence[Any]) -> Check:
    """Return whether the artifact gives what the source gives: how many outputs, the shape and dtype of each, their names where known."""
    reference = evidence.reference
    problems = [] if same_shapes(outputs, reference) else [", ".join(str(tuple(output.shape[1:])) for output in outputs) or "none"]
    if not problems:
        named = evidence.outputs if len(evidence.outputs) == len(specs) else [None] * len(specs)
        for spec, expected, source in zip(specs, reference, named, strict=False):
            if spec.dtype != expected.dtype.name and not (spec.dtype == recipe.io and expected.dtype.kind == "f"):
                problems.append(f"{spec.name} is {spec.dtype}")
            if source is not None and spec.name != evidence.renamed.get(source.name, source.name):
                problems.append(f"{source.name} is called {spec.name}")
    shapes = ", ".join(f"{tuple(expected.shape[1:])} {expected.dtype}" for expected in reference)
    return Check(
        name="outputs",
        passed=not problems,
        seen="; ".join(problems) or ", ".join(map(_shown, specs)) or shapes,
        floor=shapes,
        advice=f"the converter changed the outputs; {_OTHER}" if problems else None,
    )


def source_order(evidence: Evidence, specs: Sequence[TensorSpec]) -> list[int]:
    """Return, for each output of the source, its place in the artifact: TFLite lists them by name. As they are where names do not tell."""
    wanted = [evidence.renamed.get(source.name, source.name) for source in evidence.outputs]
    found = [spec.name for spec in specs]
    told = sorted(wanted) == sorted(found) and len(set(found)) == len(found)
    return [found.index(name) for name in wanted] if told else list(range(len(specs)))


def changes(recipe: Recipe, evidence: Evidence, specs: Sequence[TensorSpec]) -> tuple[Note, ...]:
    """Return a remark for each declared change of the inputs and outputs."""
    notes = []
    free = any(port.shape[:1] and port.shape[0] in _FREE for port in evidence.inputs)
    if free and specs and all(spec.shape[:1] == (1,) for spec in specs):
        notes.append(Note(code="io.batch", text="the free batch of the source is fixed to 1"))
    if recipe.io != "float32":
        notes.append(Note(code="io.dtype", text=f"inputs and outputs are {recipe.io}, to be scaled by the factors in the record"))
    pairs = [f"{old} is called {new}" for old, new in evidence.renamed.items() if old != new]
    if pairs:
        notes.append(Note(code="io.renamed", text=f"the exporter gave other names: {', '.join(pairs)}"))
    return tuple(notes)


def same_shapes(outputs: Sequence[Any], reference: Sequence[Any]) -> bool:
    """Return True when there are as many outputs, of the same shapes."""
    return len(outputs) == len(reference) and all(a.shape == b.shape for a, b in zip(outputs, reference, strict=True))


def _input_problem(recipe: Recipe, port: Port, spec: TensorSpec | None) -> str | None:
    if spec is None:
        return f"{port.name} is not an input of the artifact"
    if spec.dtype != port.dtype and not (spec.dtype == recipe.io and port.dtype.startswith("float")):
        return f"{port.name} is {spec.dtype}"
    if _fits(port.shape, spec.shape):
        return None
    moved = sorted(spec.shape[1:]) == sorted(size or 0 for size in port.shape[1:])
    return f"{port.name} is {_sizes(spec.shape)}" + (": its axes were moved" if moved else "")


def _fits(wanted: Sequence[int | None], found: Sequence[int]) -> bool:
    if not wanted or len(wanted) != len(found):
        return tuple(wanted) == tuple(found)
    batch, *sizes = zip(wanted, found, strict=True)
    return batch[1] in (batch[0], -1, 1) and all(size in _FREE or got in (size, -1) for size, got in sizes)


def _shown(port: Port | TensorSpec) -> str:
    return f"{port.name} {_sizes(port.shape)} {port.dtype}"


def _sizes(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("N" if size in _FREE else str(size) for size in shape) + ")"
