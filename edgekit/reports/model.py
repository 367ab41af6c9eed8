"""Build the report model: the one JSON document that every renderer reads and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from edgekit.core.decision import Decision, Side
from edgekit.core.hardware import DeviceFacts
from edgekit.core.quantity import Note, Quantity, Unknown
from edgekit.core.run import OperatorEnergy, RunRecord
from edgekit.decision.comparison.agreement import Agreement, agreements_of
from edgekit.decision.turning.whatif import WhatIf
from edgekit.energy.conduct.enough import usable
from edgekit.reports.anchors import Anchor
from edgekit.reports.power_trace import PowerTrace
from edgekit.reports.readings import readings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """Hold what a report shows of one run: figures with interval, boundary and origins as they were recorded, and what explains them."""

    run: str
    created: str
    side: Side
    chosen: bool
    eligible: bool
    reason: str
    artifact: str
    artifact_sha256: str
    artifact_status: str
    recipe: str
    format: str
    size_bytes: int | None
    weights_sha256: str
    device: str
    device_kind: str
    meters: tuple[str, ...]
    status: str
    windows: int
    window_s: float
    batch: int
    threads: int
    quick: bool
    unit_of_work: str
    energy_j: Quantity
    net_j: Quantity
    idle_w: Quantity
    time_s: Quantity
    latency_p50_s: Quantity
    latency_p90_s: Quantity
    latency_p99_s: Quantity
    accuracy: Quantity
    sqnr_db: float | None
    facts: DeviceFacts
    tool: Mapping[str, str]
    notes: tuple[Note, ...]
    operators: tuple[OperatorEnergy, ...] = ()
    attribution: str | None = None
    readings: tuple[str, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    model: str | None = None

    @property
    def imported(self) -> bool:
        """Return True for what others measured: of it only what they published is known."""
        return self.device_kind == "imported"

    @property
    def role(self) -> str:
        """Return the side that the run speaks for; an imported one, of a board or of a server, speaks for none."""
        return "published measurement" if self.imported else self.side.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Hold a whole report. `created` is the date of the newest run: rendering the same input twice gives the same bytes."""

    SCHEMA: ClassVar[str] = "edgekit.report/1"

    title: str
    created: str
    decision: Decision
    runs: tuple[RunRow, ...]
    banners: tuple[Note, ...]
    commands: tuple[tuple[str, str], ...] = field(default=())
    traces: tuple[PowerTrace, ...] = ()
    what_if: WhatIf | None = None
    anchors: tuple[Anchor, ...] = ()


BANNERS = frozenset({"origin.emulated", "run.interrupted", "plan.quick"})


def build(
    decision: Decision,
    runs: Sequence[RunRecord],
    *,
    commands: Sequence[tuple[str, str]] = (),
    traces: Sequence[PowerTrace] = (),
    what_if: WhatIf | None = None,
    anchors: Sequence[Anchor] = (),
) -> Report:
    """Return the report of a decision and the runs behind it; `commands` repeat it, `traces`, `what_if` and `anchors` are drawn."""
    by_id = {run.id: run for run in runs}
    return Report(
        title=f"{decision.model}: device or cloud?",
        created=max(run.created for run in runs),
        decision=decision,
        runs=tuple(_row(by_id[option.run], option.side, option.chosen, option.eligible, option.reason) for option in decision.options),
        banners=tuple(note for note in decision.notes if note.code in BANNERS),
        commands=tuple(commands),
        traces=tuple(traces),
        what_if=what_if,
        anchors=tuple(anchors),
    )


def _row(run: RunRecord, side: Side, chosen: bool, eligible: bool, reason: str) -> RunRow:
    analysis, proof = run.analysis, run.artifact.verification
    channel = next((item for item in analysis.channels if item.channel == analysis.channel), None) if analysis is not None else None
    return RunRow(
        run=run.id,
        created=run.created,
        side=side,
        chosen=chosen,
        eligible=eligible,
        reason=reason,
        artifact=run.artifact.path,
        artifact_sha256=run.artifact.sha256,
        artifact_status=run.artifact.status,
        recipe=run.artifact.recipe,
        format=run.artifact.format,
        size_bytes=run.artifact.size_bytes,
        weights_sha256=run.artifact.source.weights_sha256,
        device=run.device.name,
        device_kind=run.device.kind,
        meters=tuple(f"{meter.kind} ({meter.detail})" if meter.detail else meter.kind for meter in run.meters),
        status=run.status.value,
        windows=len(usable(run.windows)) if run.windows else run.plan.windows,
        window_s=run.plan.window_s,
        batch=run.plan.batch,
        threads=run.plan.threads,
        quick=run.plan.quick,
        unit_of_work=run.unit_of_work,
        energy_j=analysis.energy_j_per_inference if analysis is not None else _unanalysed("J"),
        net_j=channel.net_j_per_inference if channel is not None else _unanalysed("J"),
        idle_w=channel.idle_w if channel is not None else _unanalysed("W"),
        time_s=analysis.time_s_per_inference if analysis is not None else _unanalysed("s"),
        latency_p50_s=analysis.latency_p50_s if analysis is not None else _unanalysed("s"),
        latency_p90_s=analysis.latency_p90_s if analysis is not None else _unanalysed("s"),
        latency_p99_s=analysis.latency_p99_s if analysis is not None else _unanalysed("s"),
        accuracy=proof.accuracy
        if proof is not None and proof.accuracy is not None
        else Unknown(reason="not verified on labelled data", unit="1"),
        sqnr_db=proof.sqnr_db if proof is not None else None,
        facts=run.facts_before,
        tool=run.tool,
        notes=(*run.notes, *(analysis.notes if analysis is not None else ())),
        operators=analysis.operators if analysis is not None else (),
        attribution=analysis.attribution if analysis is not None else None,
        readings=readings(analysis) if analysis is not None else (),
        agreements=tuple(agreements_of(run)),
        model=run.artifact.source.name,
    )


def _unanalysed(unit: str) -> Unknown:
    return Unknown(reason="the run was not analysed", unit=unit)  # type: ignore[arg-type]
