"""Say what PyTorch and its exporters mean when they refuse a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from edgekit.core.errors import EdgekitError, ModelError

_TO: Final = {"tflite": "TFLite", "onnx": "ONNX"}
_OPERATORS: Final = (
    re.compile(r"Lowering not found: (?P<name>[\w.:]+)"),
    re.compile(r"No ONNX function found for <OpOverload\(op='(?P<name>[\w.:]+)'"),
    re.compile(r"failed to legalize operation '(?P<name>[\w.]+)'"),
    re.compile(r"Unsupported ir element type: (?P<name>[\w<>]+)"),
    re.compile(r"translating node %\w+ : .*?target=(?:torch\.ops\.)?(?P<name>[\w.]+)"),
)
_BRANCHES: Final = ("DataDependent", "data-dependent", "torch._check")


@contextmanager
def exporting(format: str, what: str) -> Iterator[None]:  # noqa: A002
    """Raise what an exporter to `format` raises as a ModelError that names the operator."""
    try:
        yield
    except EdgekitError:
        raise
    except Exception as error:
        words = "\n".join(_chain(error))
        found = next(filter(None, (pattern.search(words) for pattern in _OPERATORS)), None)
        if found is None:
            raise
        other = next(name for name in _TO if name != format)
        raise ModelError(
            f"{what} does not become {_TO[format]}",
            code="model.operator",
            why=f"{found['name']} has no form there that the exporter knows",
            do=[
                ("convert to the other format:", f"edgekit convert ... --to {other}"),
                ("or write it with other operators, then:", "edgekit convert ..."),
            ],
            data={"log": words},
        ) from error


@contextmanager
def tracing(what: str) -> Iterator[None]:
    """Raise a ModelError where the operators of a model cannot be listed because they depend on its data, or are none of PyTorch's."""
    try:
        yield
    except EdgekitError:
        raise
    except Exception as error:
        words = "\n".join(_chain(error))
        branches = any(word in words for word in _BRANCHES)
        why = "which operators it runs depends on the values in its inputs" if branches else words.splitlines()[0][:200]
        do = ("choose with torch.where, or with torch.cond, in place of if:", "torch.where(x.sum() > 0, 2 * x, x)")
        raise ModelError(
            f"the operators of {what} cannot be listed",
            code="model.untraceable",
            why=why,
            do=[do if branches else ("see what PyTorch says of it:", "torch.export.draft_export(model, inputs)")],
            data={"log": words},
        ) from error


def _chain(error: BaseException | None) -> Iterator[str]:
    """Yield what an error says, and those that led to it."""
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__
