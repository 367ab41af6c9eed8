"""Import through the front door's flow, without a process of its own for each of many bad files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.importing import ImportRequest, ImportResult, import_runs
from edgekit.importers.base import Hints
from edgekit.registry import importer_class


class Silent:
    """Show nothing."""

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None: ...

    def advance(self, done: float, text: str = "") -> None: ...

    def fail(self) -> None: ...

    def note(self, note: object) -> None: ...


@pytest.fixture
def imported(tmp_path: Path):
    """Import what lies at a path into tmp_path/runs."""

    def run(kind: str, path: Path, **hints: object) -> ImportResult:
        request = ImportRequest(path=path, runs_dir=tmp_path / "runs", tags=("made",), hints=Hints(**hints))
        return import_runs(request, importer=importer_class(kind)(), progress=Silent(), now_utc=lambda: "2026-01-02T03:04:05Z")

    return run


@pytest.fixture
def refused(imported, tmp_path: Path):
    """Return the error of an import that is refused, after a look that it left no run behind."""

    def run(kind: str, path: Path, **hints: object) -> UsageError:
        with pytest.raises(UsageError) as caught:
            imported(kind, path, **hints)
        assert list((tmp_path / "runs").glob("*")) == []
        assert caught.value.why
        return caught.value

    return run
