"""Hold what was found in a model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.converters.base import scheme
from edgekit.core.artifact import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Count weight elements, layers with weights and their multiply-accumulates by number format, and list the operators.

    `activations` counts by the format in which a layer is computed: "dynamic int8" where it quantizes its float inputs as it goes.
    `opsets` gives the version of each operator set (ONNX), `version` that of the file format: TFLite's schema or ONNX's IR.
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
