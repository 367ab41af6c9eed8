"""Go on without an artifact that does not fit the machine or that its engine refuses: the others are still measured, and it is told why."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.errors import EdgekitError
from edgekit.core.quantity import Note

# What concerns one artifact and its process alone; whatever else fails, such as a connection or a meter, ends the run.
_ITS_OWN = ("model.", "samples.", "engine.", "setup.extra", "device.no_engine", "device.memory", "device.disk_full", "runner.died")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Hold an artifact that was not measured, or not to the end, as its path was given, and the error behind it."""

    artifact: str
    phase: str
    code: str
    what: str
    why: str
    do: tuple[tuple[str, str], ...]
    exit_code: int

    @property
    def note(self) -> Note:
        """Return a remark that says so."""
        advice = f"{self.do[0][0].rstrip(':')}: `{self.do[0][1]}`" if self.do and self.do[0][1] else None
        failed = {"load": "was not measured", "warmup": "was not measured: its warm-up failed"}.get(
            self.phase, "was not measured to the end"
        )
        return Note(code=self.code, text=f"{self.artifact} {failed}: {self.what}" + (f" ({self.why})" if self.why else ""), advice=advice)


def dropped(artifact: str, phase: str, error: EdgekitError) -> Dropped | None:
    """Return the artifact without which a run can go on after `error`; None where the error does not concern it alone."""
    if not error.code.startswith(_ITS_OWN):
        return None
    return Dropped(
        artifact=artifact, phase=phase, code=error.code, what=error.what, why=error.why, do=error.do, exit_code=type(error).exit_code
    )
