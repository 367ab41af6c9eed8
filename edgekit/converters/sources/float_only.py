"""Refuse models whose float values are gone."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import ModelError


def already_quantized(path: Path, found: str) -> ModelError:
    """Return the refusal of a model that holds `found` instead of float32."""
    return ModelError(
        f"{path} is already quantized",
        code="model.quantized",
        why=f"it holds {found}; its float values are gone",
        do=[("convert from the float model instead:", "edgekit convert model.keras"), ("see what it holds:", f"edgekit inspect {path}")],
    )


def fixed_batch(path: Path, name: str, shape: tuple[int | None, ...]) -> ModelError:
    """Return the refusal of a model whose input does not take one sample at a time."""
    return ModelError(
        f"input {name} of {path} has the shape {['N' if size is None else size for size in shape]}",
        code="model.batch",
        why="the first axis counts samples, and has to be 1 or free",
        do=[("export the model again with a batch of 1 or a free one:", "torch.export.export(model, (example[:1],))")],
    )
