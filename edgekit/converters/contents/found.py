"""Hold what was found in a model file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgekit.converters.base import scheme
from edgekit.core.artifact import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Count weight elements, layers with weights and multiply-accumulates by number format, and list the operators.

    A layer is an operator that multiplies and adds: convolutions, matrix products, recurrent layers. `weights` are its constants of two
    or more dimensions and the tables of lookups, in elements, however they are packed; biases do not count. `activations` counts layers
    with weights by the format in which they are computed: "dynamic int8" where a layer quantizes its float inputs to eight bits as it
    goes, "float32" where its weights are only stored in fewer bits. `compute` counts multiply-accumulates of one inference (a batch of
    one where it is free, what a loop repeats once) by the same formats, and leaves out layers whose shapes are not known.
    `operators` gives names and versions in the format's own words, `opsets` the version of each operator set (ONNX), `version` that of
    the file format: TFLite's schema or ONNX's IR.
    """

    weights: Mapping[str, int]
    activations: Mapping[str, int]
    compute: Mapping[str, int] = field(default_factory=dict)
    operators: tuple[Operator, ...] = ()
    opsets: Mapping[str, int] = field(default_factory=dict)
    version: int | None = None

    @property
    def scheme(self) -> str:
        """Return what was achieved, in the words of a recipe's scheme."""
        return scheme(words(self.weights), words(self.activations))


def words(counts: Mapping[str, int]) -> str:
    """Return the number formats in `counts`, the most frequent first, with their shares where there are several."""
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return " + ".join(name if count == total else f"{count / total:.1%} {name}" for name, count in ranked) or "no"


def histogram(operators: Iterable[tuple[str, int | None]]) -> tuple[Operator, ...]:
    """Return how often each (name, version) stands in `operators`, by name and version."""
    counts: dict[tuple[str, int | None], int] = {}
    for key in operators:
        counts[key] = counts.get(key, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or 0))
    return tuple(Operator(name=name, version=version, count=count) for (name, version), count in ranked)
