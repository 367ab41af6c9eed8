"""Offer edgekit to Python programs: the four flows as functions, the records they make, and `measure` for a program's own code.

    import edgekit

    made = edgekit.convert("model.keras", out="artifacts", calibration="calib.npz", evaluation="test.npz")
    runs = edgekit.bench([row.path for row in made.rows], device="local", quick=True).runs
    print(runs[0].analysis.energy_j_per_inference)

    with edgekit.measure("decode", meter="rapl") as m:
        decode()
    print(m)

Every function raises `edgekit.EdgekitError` with `what`, `why` and `do`; heavy packages are imported when a function is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import EdgekitError
from edgekit.region.measure import measure

if TYPE_CHECKING:
    from edgekit.core.protocols import Progress
    from edgekit.core.quantity import Estimate, Note, Quantity, Unknown
    from edgekit.core.run import RunRecord
    from edgekit.flows.bench import BenchResult
    from edgekit.flows.compare import CompareResult
    from edgekit.flows.convert import ConvertResult
    from edgekit.flows.report import ReportResult
    from edgekit.flows.when import WhenResult

__all__ = [
    "EdgekitError",
    "Estimate",
    "Quantity",
    "RunRecord",
    "Unknown",
    "bench",
    "compare",
    "convert",
    "load_run",
    "measure",
    "report",
    "when",
]

_RECORDS = {"Estimate": "quantity", "Quantity": "quantity", "Unknown": "quantity", "RunRecord": "run"}


def __getattr__(name: str) -> Any:
    """Return a record class, loaded when it is first asked for: a program that measures itself needs none at its start."""
    from importlib import import_module

    if name not in _RECORDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"edgekit.core.{_RECORDS[name]}"), name)


class Silent:
    """Show no progress."""

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None:
        """Ignore the beginning of a step."""

    def advance(self, done: float, text: str = "") -> None:
        """Ignore how far a step is."""

    def fail(self) -> None:
        """Ignore that a step came to nothing; results say so themselves."""

    def note(self, note: Note) -> None:
        """Ignore a remark; results carry their notes themselves."""


def convert(
    model: str | Path,
    *,
    out: str | Path,
    recipes: Sequence[str] = (),
    formats: Sequence[str] = (),
    calibration: str | Path | None = None,
    evaluation: str | Path | None = None,
    progress: Progress | None = None,
) -> ConvertResult:
    """Convert a float model and verify every artifact; a row without `artifact` holds the failure of its recipe."""
    from edgekit.flows.convert import ConvertRequest
    from edgekit.flows.convert import convert as flow

    request = ConvertRequest(
        model=Path(model),
        out=Path(out),
        recipes=tuple(recipes),
        formats=tuple(formats),
        calibration=_path(calibration),
        evaluation=_path(evaluation),
    )
    return flow(request, progress=progress or Silent())


def bench(
    artifacts: Sequence[str | Path],
    *,
    device: str = "local",
    meters: Sequence[str] = (),
    runs_dir: str | Path = "runs",
    progress: Progress | None = None,
    **options: Any,
) -> BenchResult:
    """Benchmark artifacts on a device; `options` are further fields of `edgekit.flows.bench.BenchRequest` (quick, windows, batch, ...)."""
    from edgekit.config import load
    from edgekit.flows.bench import BenchRequest
    from edgekit.flows.bench import bench as flow
    from edgekit.links.clock import SystemClock
    from edgekit.registry import open_device, resolve_device

    paths = tuple(Path(path) for path in artifacts)
    request = BenchRequest(artifacts=paths, device=device, meters=tuple(meters), runs_dir=Path(runs_dir), **options)
    opened = open_device(resolve_device(device, load()))
    return flow(request, device=opened, progress=progress or Silent(), date=SystemClock())


def compare(runs: Sequence[str | Path], *, runs_dir: str | Path = "runs", progress: Progress | None = None) -> CompareResult:
    """Set every run against the first one."""
    from edgekit.flows.compare import CompareRequest
    from edgekit.flows.compare import compare as flow

    return flow(CompareRequest(runs=tuple(map(str, runs)), runs_dir=Path(runs_dir)), progress=progress or Silent())


def report(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    scenario: str | Path | None = None,
    training: str | Path | None = None,
    cloud: str = "auto",
    runs_dir: str | Path = "runs",
    progress: Progress | None = None,
) -> ReportResult:
    """Decide between device and cloud, and write the report as HTML, Markdown and JSON."""
    from edgekit.flows.report import ReportRequest
    from edgekit.flows.report import report as flow

    request = ReportRequest(
        runs=tuple(map(str, runs)),
        runs_dir=Path(runs_dir),
        out=Path(out),
        scenario=_path(scenario),
        training=_path(training),
        cloud=cloud,
    )
    return flow(request, progress=progress or Silent())


def when(
    duration_s: float,
    *,
    deadline_s: float = 86400.0,
    region: str | None = None,
    figures: str | Path | None = None,
    energy_j: float | None = None,
    **options: Any,
) -> WhenResult:
    """Say when work that can wait costs the least CO2e; `options` are further fields of `edgekit.flows.when.WhenRequest` (start, ...).

    `figures` is a CSV of hourly intensities or a profile; without it that of the `region` is used. The saving is in `.advice`.
    """
    from edgekit.flows.when import WhenRequest
    from edgekit.flows.when import when as flow

    request = WhenRequest(
        duration_s=duration_s,
        deadline_s=deadline_s,
        region=region,
        figures=_path(figures),
        energy_j=energy_j,
        **_paths(options, "marginal"),
    )
    return flow(request)


def load_run(name: str | Path, runs_dir: str | Path = "runs") -> RunRecord:
    """Return a stored run by folder, id, the start of an id, or tag."""
    from edgekit.store.runs import load_run as load

    return load(name, Path(runs_dir))


def _paths(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: _path(value) if name in names else value for name, value in options.items()}


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)
