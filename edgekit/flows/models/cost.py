"""Keep the energy of a build beside the model that it made."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgekit.core.channel import MeterSpec
from edgekit.core.hardware import DeviceFacts
from edgekit.core.jsonio import dump_record
from edgekit.core.quantity import Note, Quantity
from edgekit.core.run import TrainingRecord
from edgekit.flows.models.build import BuildResult
from edgekit.links.files import write_atomic


class Measured(Protocol):
    """Hold what a meter said of the building process."""

    @property
    def energy_j(self) -> Quantity:
        """Return the joules at a boundary."""

    @property
    def duration_s(self) -> float:
        """Return the seconds."""

    @property
    def meter(self) -> MeterSpec | None:
        """Return what was read."""

    @property
    def facts(self) -> DeviceFacts:
        """Return what is known of the machine."""


def record_training(built: BuildResult, measured: Measured, *, created: str) -> Path:
    """Write the cost of a build beside the model as NAME.training.json and return its path; `created` is ISO 8601 in UTC."""
    record = TrainingRecord(
        model=built.model.name,
        created=created,
        source=Path(built.source).name,
        source_sha256=built.source_sha256,
        family=built.family,
        energy_j=measured.energy_j,
        duration_s=measured.duration_s,
        meter=measured.meter,
        facts=measured.facts,
        notes=(Note(code="training.scope", text="the whole building process: loading its framework, training, testing and writing"),),
    )
    path = Path(built.source).with_name(f"{built.model.name}.training.json")
    write_atomic(path, dump_record(record))
    return path
