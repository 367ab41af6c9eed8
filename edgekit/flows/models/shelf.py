"""Read what is stated of the reference models: models/NAME/model.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekit.core.errors import unknown_name
from edgekit.core.jsonio import validate
from edgekit.links.files import bundled


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPort:
    """Describe one input or output of a model: its shape without the batch, and what its values mean."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelData:
    """Say what data a model is trained or calibrated on, where it comes from and under which licence."""

    name: str
    source: str
    licence: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceModel:
    """Describe one model that ships as code.

    `architecture` is where the graph was published, `recipes` what it is meant to be converted to, `training` whether it is trained on
    data that is at hand, `images` whether a folder of images can train it. `references` counts its stored run records. `int8_floor_db` is
    the least SQNR that fits random weights, where the usual floor, which is that of trained networks, would fail at int8.
    """

    name: str
    title: str
    task: str
    architecture: str
    kind: Literal["classifier", "autoencoder"]
    images: bool
    parameters: int
    family: str
    recipes: tuple[str, ...]
    inputs: tuple[ModelPort, ...]
    outputs: tuple[ModelPort, ...]
    training: bool
    seconds: float
    accuracy: str
    needs: tuple[str, ...]
    files: tuple[str, ...]
    data: ModelData
    int8_floor_db: float | None = None
    references: int = 0


def list_models(root: Path | None = None) -> tuple[ReferenceModel, ...]:
    """Return every model under `root` (default: the folder that ships with edgekit), by name."""
    folder = root or bundled("models")
    return tuple(_read(path.parent) for path in sorted(folder.glob("*/model.toml")))


def find_model(name: str, root: Path) -> ReferenceModel:
    """Return the model called `name`; raise UsageError with the nearest names."""
    known = {model.name: model for model in list_models(root)}
    if name not in known:
        raise unknown_name("model", name, known, list_command="edgekit models list")
    return known[name]


def _read(folder: Path) -> ReferenceModel:
    path = folder / "model.toml"
    stated = tomllib.loads(path.read_text(encoding="utf-8"))
    references = len(list(folder.glob("references/*/run.json")))
    return validate(ReferenceModel, {**stated, "references": references}, where=str(path))
