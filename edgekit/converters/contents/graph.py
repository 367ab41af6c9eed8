"""Hold the graph of an ONNX model, as its own format or ONNX Runtime's tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Value(NamedTuple):
    """Describe a tensor: number format and shape, free sizes as 1; None where it is not known."""

    format: str | None
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Hold one operator. `inputs` has empty names where one is left out; `version` is None where its operator set is not known."""

    name: str
    domain: str
    version: int | None
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Hold the operators of a model, those inside loops included, its constants and what is known of its other tensors.

    `handed` gives for a name inside a loop the name of what is handed in.
    """

    nodes: Sequence[Node]
    constants: Mapping[str, Value]
    values: Mapping[str, Value]
    handed: Mapping[str, str] = field(default_factory=dict)
