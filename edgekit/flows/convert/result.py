"""Hold what became of a conversion."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.artifact import Layers, ModelArtifact, SourceModel
from edgekit.core.errors import GateError, ModelError
from edgekit.core.quantity import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Hold why one recipe gave no artifact, with the last words of what failed."""

    what: str
    why: str
    code: str
    do: tuple[tuple[str, str], ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRow:
    """Hold what became of one recipe: an artifact with the path of its file, or a failure."""

    recipe: str
    format: str
    path: str | None = None
    artifact: ModelArtifact | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertResult:
    """Hold what became of every recipe, and what was found out about the layers where that was asked.

    Exit code: 5 when one gave no artifact, else 3 when one failed its gate.
    """

    source: SourceModel
    rows: tuple[ConvertRow, ...]
    notes: tuple[Note, ...] = ()
    layers: tuple[Layers, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return the exit status for the whole conversion."""
        if any(row.failure for row in self.rows):
            return ModelError.exit_code
        return GateError.exit_code if any(row.artifact and row.artifact.status == "failed" for row in self.rows) else 0
