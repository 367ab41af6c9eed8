"""Run a source on samples, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters.port import Port
from edgekit.core.errors import ModelError

_BATCH: Final = 32
_BATCH_BYTES: Final = 5_000_000  # of inputs: a framework holds many times as much, and fresh memory costs more than the calls it saves


def run_batches(
    function: Callable[[Mapping[str, Any]], Sequence[Any]], ports: Sequence[Port], names: Sequence[str], inputs: Mapping[str, Any]
) -> list[Any]:
    """Return the outputs, called `names`, of `function` for all samples (first axis); one sample at a time where the batch is fixed.

    Raises ModelError for an output that does not hold one row per sample.
    """
    import numpy as np

    count = len(next(iter(inputs.values())))
    sample_bytes = sum(array.nbytes for array in inputs.values()) // count
    step = max(1, min(_BATCH, _BATCH_BYTES // max(1, sample_bytes))) if all(port.shape[:1] == (None,) for port in ports) else 1
    parts: list[list[Any]] = [[] for _ in names]
    for start in range(0, count, step):
        batch = {name: array[start : start + step] for name, array in inputs.items()}
        for name, part, output in zip(names, parts, function(batch), strict=True):
            array = np.asarray(output)
            if array.shape[:1] != (len(next(iter(batch.values()))),):
                raise ModelError(
                    f"output {name} of the model cannot be compared",
                    code="model.output",
                    why=f"its shape is {array.shape} for {len(next(iter(batch.values())))} samples: it has no axis of samples",
                    do=[("give one result per sample, batch axis first, then save again:", "model.save('model.keras')")],
                )
            part.append(array)
    return [np.concatenate(part) for part in parts]


def require_batch(ports: Sequence[Port], path: Path) -> None:
    """Raise ModelError for an input whose first axis does not count samples: it has to be free or 1."""
    for port in ports:
        if port.shape[:1] not in ((None,), (1,)):
            raise ModelError(
                f"input {port.name} of {path} has the shape {list(port.shape)}",
                code="model.batch",
                why="the first axis counts samples, and has to be free or 1",
                do=[("build it with a free batch, then save again:", "model.save('model.keras')")],
            )
