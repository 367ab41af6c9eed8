"""Lay out the evidence of a report as tables: runs, uncertainty, assumptions, constants, environment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from string import hexdigits

from edgekit.core.boundary import Boundary, sees
from edgekit.core.quantity import BudgetTerm, Estimate, Quantity
from edgekit.core.units import format_scaled, scale_for
from edgekit.decision.comparison.agreement import FIGURES, Agreement
from edgekit.decision.numerals import amount, size
from edgekit.reports.model import Report, RunRow
from edgekit.reports.remarks import run_remarks, whose
from edgekit.reports.show import Cell, Column, Remark, Table, figure, marked, percent, share, tags


def runs(report: Report) -> Table:
    """Return the energy of every run, chosen ones first."""
    rows = [
        (
            Cell(
                row.artifact,
                detail=f"{row.role}, {row.device}; {', '.join(row.meters) or 'no meter'}",
                tone="chosen" if row.chosen else "",
                ref=row.run,
            ),
            figure(row.energy_j),
            figure(row.net_j),
            figure(row.idle_w),
            _standing(row),
        )
        for row in report.runs
    ]
    columns = (
        Column("artifact, side, meter"),
        Column("J per inference", number=True),
        Column("net of idle", number=True),
        Column("idle power", number=True),
        Column("standing", prose=True),
    )
    return marked(Table("runs", "Every run", columns, tuple(rows), intro=_boundaries(report)))


def performance(report: Report) -> Table:
    """Return latency, accuracy and size of every run."""
    rows = [
        (
            Cell(row.artifact, detail=f"on {row.device}{f', batch {row.batch}' if row.batch > 1 else ''}", ref=row.run),
            _latency(row),
            _of_batch(row, row.latency_p90_s),
            _of_batch(row, row.latency_p99_s),
            share(row.accuracy),
            Cell(f"{row.sqnr_db:.1f} dB", tags=("measured",))
            if row.sqnr_db is not None
            else Cell("unknown", "not verified", tone="unknown"),
            Cell(size(row.size_bytes), tags=("measured",))
            if row.size_bytes is not None
            else Cell("unknown", "the file was never seen", tone="unknown"),
            Cell(_plan(row), detail=_quality(row)),
        )
        for row in report.runs
    ]
    columns = (
        Column("artifact"),
        Column("latency p50", number=True),
        Column("p90", number=True),
        Column("p99", number=True),
        Column("accuracy", number=True),
        Column("SQNR", number=True),
        Column("size", number=True),
        Column("plan and quality"),
    )
    return marked(Table("performance", "Latency, accuracy and size", columns, tuple(rows), remarks=run_remarks(report.runs)))


def budgets(report: Report) -> Table:
    """Return the uncertainty budget of each chosen run (of every run where none is), largest term first, and what no interval holds."""
    chosen = [row for row in report.runs if row.chosen] or report.runs
    rows: list[tuple[Cell, ...]] = []
    for row in chosen:
        if isinstance(row.energy_j, Estimate):
            weights = {term: _weight(term, row.energy_j) for term in row.energy_j.budget}
            total = math.fsum(weight**2 for weight in weights.values())
            rows += [
                _term(row, row.energy_j, term, weight**2 / total if total else 0.0, index == 0)
                for index, (term, weight) in enumerate(sorted(weights.items(), key=lambda pair: -pair[1]))
            ]
    columns = (
        Column("run"),
        Column("term"),
        Column("standard uncertainty", number=True),
        Column("share of variance", number=True),
        Column("what shrinks it", prose=True),
    )
    intro = (
        "After the GUM (JCGM 100). Type A comes from the spread of repeated windows, type B from everything else. "
        "A term of unknown size is not in the interval."
    )
    return Table("budget", "Uncertainty of the measured energy", columns, tuple(rows), intro=intro, remarks=_left_out(report.runs))


def _left_out(rows: Sequence[RunRow]) -> tuple[Remark, ...]:
    """Return a remark for each thing that the intervals of some runs do not hold."""
    runs: dict[str, list[str]] = {}
    for row in rows:
        for term in row.energy_j.budget if isinstance(row.energy_j, Estimate) else ():
            if isinstance(row.energy_j, Estimate) and term.name in row.energy_j.unknown_terms:
                runs.setdefault(f"the interval does not hold the {term.name}: {term.reason or 'nobody states it'}", []).append(row.run)
    return tuple(Remark(f"{whose(names, rows)}: {text}") for text, names in runs.items())


def published(report: Report) -> Table:
    """Return what others published of imported runs, beside edgekit's own figure from the same readings."""
    rows = [
        (
            Cell(row.artifact, detail=row.device, ref=row.run),
            Cell(FIGURES.get(item.figure, item.figure), detail=item.source),
            Cell(_exact(item.published, item), tags=("sourced",)),
            Cell(_exact(item.own, item), tags=_tags(row, item)) if item.own is not None else Cell("not computed", tone="unknown"),
            Cell(f"{100 * item.relative_difference:+.4f} %" if item.relative_difference is not None else ""),
        )
        for row in report.runs
        for item in row.agreements
    ]
    columns = (
        Column("run"),
        Column("figure"),
        Column("as published", number=True),
        Column("edgekit's own", number=True),
        Column("difference", number=True),
    )
    intro = "Both from the same readings: the difference is one of arithmetic, and says nothing of the meter."
    return Table("published", "What was published of these runs", columns, tuple(rows), intro=intro)


def _tags(row: RunRow, item: Agreement) -> tuple[str, ...]:
    return tags(row.energy_j) if item.unit == "J" and isinstance(row.energy_j, Estimate) else ()


def _exact(value: float, item: Agreement) -> str:
    """Return a figure with as many digits as are published of it, for a difference that is far below its uncertainty."""
    divisor, unit = scale_for(value, item.unit)
    return f"{value / divisor:.7g} {unit.replace('Hz', '/s') if item.figure == 'throughput_hz' else unit}"


def anchors(report: Report) -> Table:
    """Return the published figures that runs are held against."""
    rows = tuple(
        (
            Cell(item.system, detail=item.runtime),
            Cell(format_scaled(item.energy_j, "J"), tags=("sourced", f"at {item.boundary.value}")),
            Cell(item.title, detail=item.round),
            Cell(item.source),
        )
        for item in report.anchors
    )
    columns = (Column("system"), Column("J per inference", number=True), Column("benchmark", prose=True), Column("source", prose=True))
    same = any(item.same_model for item in report.anchors)
    what = "of the same benchmark, as others published them" if same else "of other models, published by others: orders of magnitude only"
    intro = f"Figures {what}. Joules at different boundaries do not compare: a wall meter reads more than a rail."
    return Table("anchors", "Where your runs stand", columns, rows, intro=intro, fold=8)


def traces(report: Report) -> Table:
    """Return which readings the drawn power comes from."""
    rows = tuple(
        (
            Cell(item.run, code=True, ref=item.run),
            Cell(item.channel, tags=(item.origin.value, f"at {item.boundary.value}")),
            Cell(f"{item.readings:,}"),
            Cell(f"{len(item.t_s):,}"),
            Cell(f"{item.t_s[-1]:.4g} s"),
        )
        for item in report.traces
    )
    columns = (
        Column("run"),
        Column("channel"),
        Column("readings", number=True),
        Column("points drawn", number=True),
        Column("length", number=True),
    )
    intro = "Drawn from few points; every figure of this report comes from all readings, which the run's folder holds."
    return Table("traces", "Power over time", columns, rows, intro=intro)


def assumptions(report: Report) -> Table:
    """Return every line of the scenario with its source."""
    rows = [
        (
            Cell(item.name, code=True),
            Cell(item.value),
            Cell(_source(item.source), tone="user" if item.source == "user" else ""),
            Cell(item.detail),
        )
        for item in report.decision.assumptions
        if item.source != "none"
    ]
    missing = [item.name for item in report.decision.assumptions if item.source == "none"]
    intro = f"Scenario: {report.decision.scenario.source}."
    rest = (Remark(f"Not stated: {', '.join(missing)}"),) if missing else ()
    columns = (Column("line"), Column("value", prose=True), Column("source", prose=True), Column("meaning", prose=True))
    return Table("assumptions", "Assumptions", columns, tuple(rows), intro=intro, remarks=rest)


def constants(report: Report) -> Table:
    """Return every published number that was used, with its source."""
    rows = [
        (
            Cell(item.id, code=True),
            Cell(item.shown, tags=("sourced",)),
            Cell(str(item.year), detail="stale" if item.stale else "", tone="open" if item.stale else ""),
            Cell(item.scope),
            Cell(item.source, detail=f"{item.licence}; {item.evidence}"),
        )
        for item in report.decision.constants
    ]
    columns = (Column("constant"), Column("value", number=True), Column("year"), Column("scope", prose=True), Column("source", prose=True))
    intro = "Stale: older than 24 months at the date of the newest run." if any(item.stale for item in report.decision.constants) else ""
    return Table("constants", "Published numbers used", columns, tuple(rows), intro=intro)


def environment(report: Report) -> Table:
    """Return the fingerprint of what each run ran on."""
    rows = [
        (
            Cell(row.run, detail=row.created, code=True),
            _machine(row),
            _software(row),
            Cell(_digest(row.artifact_sha256), detail=f"weights {_digest(row.weights_sha256)}", code=True),
        )
        for row in report.runs
    ]
    columns = (Column("run"), Column("machine", prose=True), Column("software", prose=True), Column("artifact sha256"))
    intro = f"Model family {family(report)}."
    return marked(Table("environment", "Environment", columns, tuple(rows), intro=intro))


def family(report: Report) -> str:
    """Return a family's name, or the beginning of its digest."""
    return _digest(report.decision.family)


def _digest(name: str) -> str:
    return name[:12] if len(name) >= 40 and all(letter in hexdigits for letter in name) else name


def _standing(row: RunRow) -> Cell:
    if row.chosen:
        return Cell("chosen", detail=row.reason, tone="good")
    return Cell("considered" if row.eligible else "left out", detail=row.reason, tone="" if row.eligible else "warn")


def _boundaries(report: Report) -> str:
    places = dict.fromkeys(row.energy_j.boundary for row in report.runs if row.energy_j.boundary is not None)
    return " ".join(f"{place.value}: {sees(place)}." for place in places if isinstance(place, Boundary))


def _latency(row: RunRow) -> Cell:
    """Return the median latency, or the mean time of an inference where no latencies were recorded."""
    if isinstance(row.latency_p50_s, Estimate) or not isinstance(row.time_s, Estimate):
        return _of_batch(row, row.latency_p50_s)
    mean = figure(row.time_s)
    return replace(mean, detail=f"the mean: no latencies were recorded{f'; {mean.detail}' if mean.detail else ''}")


def _of_batch(row: RunRow, latency: Quantity) -> Cell:
    """Return a latency, which is that of a whole batch; the time of an inference is stated apart from it."""
    cell = figure(latency)
    if row.batch == 1 or not isinstance(latency, Estimate):
        return cell
    return replace(cell, detail="; ".join(part for part in (f"of a batch of {row.batch}", cell.detail) if part))


def _plan(row: RunRow) -> str:
    if not row.windows:
        return "not timed"
    if row.imported:  # how many threads it took is not known
        return f"{row.windows} x {row.window_s:.4g} s"
    return f"{row.windows} x {row.window_s:g} s, {row.threads} thread{'s' if row.threads > 1 else ''}"


def _quality(row: RunRow) -> str:
    words = ("quick" if row.quick else "", row.energy_j.quality.value, row.artifact_status, row.status if row.status != "complete" else "")
    return "; ".join((", ".join(word for word in words if word), *row.readings))


def _weight(term: BudgetTerm, energy: Estimate) -> float:
    if term.factor:
        return math.log(term.factor) * abs(energy.value) / 2
    return term.u or 0.0


def _term(row: RunRow, energy: Estimate, term: BudgetTerm, portion: float, first: bool) -> tuple[Cell, ...]:
    tags = ("type " + term.kind, *(origin.value for origin in energy.origins))
    known = Cell(percent(portion), detail="dominates" if first and portion > 0 else "", tone="warn" if first and portion > 0 else "")
    if term.factor:
        size = Cell(f"within a factor of {term.factor:g}", tags=tags)
    elif term.u is None:
        size = Cell("unknown", detail=term.reason or "nobody states it", tags=tags, tone="unknown")
        known = Cell("unknown", tone="unknown")
    else:
        size = Cell(amount(term.u, "J") if term.u >= 1e-14 or term.u == 0 else "< 0.01 pJ", tags=tags)
    return (
        Cell(row.artifact, detail=row.run if first else "", ref=row.run),
        Cell(term.name, detail=term.instrument or ""),
        size,
        known,
        Cell(term.shrink or ""),
    )


def _source(source: str) -> str:
    return {"user": "your scenario", "default": "default", "derived": "derived from the runs and the scenario"}.get(
        source, f"constant {source}"
    )


def _machine(row: RunRow) -> Cell:
    facts = row.facts
    name = facts.gpu or facts.cpu or facts.model
    if name is None:
        return Cell("unknown", detail="the run names no machine", tone="unknown")
    parts = (
        facts.model,
        facts.arch,
        f"{facts.cores} cores" if facts.cores else None,
        facts.os,
        f"governor {facts.governor}" if facts.governor else None,
    )
    return Cell(name, detail=", ".join(part for part in parts if part and part != name))


def _software(row: RunRow) -> Cell:
    facts = row.facts
    engine = " ".join(part for part in (facts.engine, facts.engine_version) if part)
    parts = [part for part in (engine, facts.delegate, *(f"{name} {version}" for name, version in row.tool.items())) if part]
    return Cell(", ".join(parts)) if parts else Cell("unknown", detail="the run names no software", tone="unknown")
