"""Write one run in the format of BoAmps (Boavizta): what an inference consumed, on what, read how; only what the record knows is stated.

Fields and units follow github.com/Boavizta/BoAmps, model/report_schema.json (draft-04): energy in kWh, time in seconds, dates in UTC.
"""

from __future__ import annotations

from typing import Any

from edgekit.core.errors import UsageError
from edgekit.core.jsonio import dumps
from edgekit.core.quantity import Estimate, Origin
from edgekit.decision.numerals import amount, spread
from edgekit.reports.model import Report, RunRow

_J_PER_KWH = 3.6e6
_WEAK = frozenset({Origin.EMULATED, Origin.ESTIMATED, Origin.MODELED, Origin.SOURCED})
_SCHEMA = "https://raw.githubusercontent.com/Boavizta/BoAmps/main/model/report_schema.json"


class BoampsExporter:
    """Write the run that a report chose for the device (else for the cloud, else its first) as one BoAmps report of one inference."""

    suffix = ".boamps.json"
    of_runs = True

    def write(self, report: Report, *, runs_only: bool = False) -> bytes:
        """Return the file; raise UsageError when the energy of the run is unknown."""
        row = _subject(report)
        if not isinstance(row.energy_j, Estimate):
            raise UsageError(
                f"run {row.run} cannot be written as BoAmps",
                code="export.unknown",
                why=f"its energy is unknown: {row.energy_j.reason}",
                do=[("name a run whose energy is known:", "edgekit export boamps RUN")],
            )
        country = (
            None if runs_only else report.decision.scenario.device_region if row.side == "device" else report.decision.scenario.cloud_region
        )
        return dumps(_document(row, row.energy_j, report.decision.model, country)).encode()


def _subject(report: Report) -> RunRow:
    chosen = [row for row in report.runs if row.chosen]
    return min(chosen, key=lambda row: row.side != "device", default=report.runs[0])


def _document(row: RunRow, energy: Estimate, model: str, country: str | None) -> dict[str, Any]:
    facts = row.facts
    found: dict[str, Any] = {
        "header": {
            "formatVersionSpecificationUri": _SCHEMA,
            "reportId": row.run,
            "reportDatetime": row.created.replace("T", " ").removesuffix("Z"),
            "reportStatus": "final" if row.status == "complete" else "draft",
        },
        "task": {
            "taskStage": "inference",
            "taskFamily": f"not stated (model {model})",
            "nbRequest": 1,
            "algorithms": [_algorithm(row, model)],
            "dataset": [
                {"dataUsage": "input", "dataType": "other", "dataQuantity": 1},
                {"dataUsage": "output", "dataType": "other", "dataQuantity": 1},
            ],
            "taskDescription": f"{row.unit_of_work}; gross energy of one inference{_windows(row)}",
        },
        "measures": [_measure(row, energy)],
        "infrastructure": {"infraType": "other", "components": _components(row)},
        "quality": _quality(energy),
    }
    if isinstance(row.accuracy, Estimate):
        found["task"]["measuredAccuracy"] = row.accuracy.value
    if facts.os is not None:
        found["system"] = {"os": facts.os}
    if facts.python is not None:
        found["software"] = {"language": "python", "version": facts.python}
    if country is not None:
        found["environment"] = {"country": country}
    return found


def _windows(row: RunRow) -> str:
    return f", mean of {row.windows} windows of {row.window_s:g} s" if row.windows else ""


def _algorithm(row: RunRow, model: str) -> dict[str, Any]:
    engine = {"framework": row.facts.engine, "frameworkVersion": row.facts.engine_version}
    known = {key: value for key, value in engine.items() if value is not None}
    return {"algorithmType": "neural network", "algorithmName": model, "quantization": row.recipe, **known}


def _measure(row: RunRow, energy: Estimate) -> dict[str, Any]:
    place = energy.boundary.value if energy.boundary is not None else "an unknown place"
    interval = spread(energy.low, energy.high, "J", energy.value)
    how = f"edgekit, {', '.join(energy.origins)} at {place} by {', '.join(row.meters) or 'no meter'}"
    found: dict[str, Any] = {
        "measurementMethod": f"{how}: {amount(energy.value, 'J', energy.low, energy.high)} ({interval})",
        "powerConsumption": energy.value / _J_PER_KWH,
        "measurementDateTime": row.created.replace("T", " ").removesuffix("Z"),
    }
    if version := row.tool.get("edgekit"):
        found["version"] = version
    if isinstance(row.time_s, Estimate):
        found["measurementDuration"] = row.time_s.value
    return found


def _components(row: RunRow) -> list[dict[str, Any]]:
    facts = row.facts
    named = (("gpu", facts.gpu), ("cpu", facts.cpu))
    found: list[dict[str, Any]] = [{"componentName": name, "componentType": kind, "nbComponent": 1} for kind, name in named if name]
    return found or [{"componentName": facts.model or row.device, "componentType": "board", "nbComponent": 1}]


def _quality(energy: Estimate) -> str:
    """Return the class of BoAmps: high within 10 %, medium within 25 %; what no instrument read is low, however narrow its interval."""
    half = max(energy.high - energy.value, energy.value - energy.low)
    share = half / energy.value if energy.value > 0 else 1.0
    if _WEAK & set(energy.origins):
        return "low"
    return "high" if share <= 0.10 else "medium" if share <= 0.25 else "low"
