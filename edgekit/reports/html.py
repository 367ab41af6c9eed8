"""Render a report as one self-contained HTML page: no external address, light and dark, paper and phone, all of it there without scripts.

The one script is a panel that looks between the points of a computed grid; the page's policy names it by its hash, so that no other runs.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from edgekit.core.errors import missing_extra
from edgekit.core.jsonio import as_data
from edgekit.decision.turning.whatif import Plane
from edgekit.reports import evidence, findings, fronts, operators, weighing
from edgekit.reports.charts import Chart, Markup
from edgekit.reports.effort import finding_out
from edgekit.reports.freshness import freshness
from edgekit.reports.metering import picture
from edgekit.reports.model import Report
from edgekit.reports.show import Table, chance


@dataclass(frozen=True, slots=True)
class Section:
    """Hold one section of the page: its table and the charts above it."""

    table: Table
    charts: Sequence[Chart] = ()


_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_FIGURE = re.compile(r"(?<=\d) (?=(?:[nµmk]?(?:J|W|Wh|s|B|g)|%|million|billion|trillion)(?![\w/]))")


def prose(text: str) -> Markup:
    """Return escaped text whose figures stay with their units and whose --options are not broken across lines."""
    escaped = escape(text.replace("CO2e", "CO₂e"), quote=True)
    return Markup(_OPTION.sub(lambda found: f'<span class="whole">{found.group()}</span>', _FIGURE.sub("\u00a0", escaped)))


def opening(text: str) -> str:
    """Return a sentence with a capital at its start, unless it starts with a name or a command."""
    first = text.split(" ", 1)[0].rstrip(":,")
    return text[:1].upper() + text[1:] if first.isalpha() and first != "edgekit" else text


def render(report: Report, *, template: str, style: str, script: str, charts: Mapping[str, Sequence[Chart]]) -> str:
    """Return the page; `template`, `style` and `script` are the texts of the assets, `charts` are keyed by the table they belong to.

    Raises:
        SetupError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise missing_extra("jinja2", "report", "the HTML report") from error
    targets = _targets(report)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"prose": prose, "opening": opening, "chance": chance, "traced": _traced(targets)}
    barred = any(gate.passed is not True for gate in report.decision.gates)
    first = [findings.views(report), weighing.criteria(report), findings.flips(report), weighing.tornado(report), weighing.worth(report)]
    tables = [
        *first,
        *([] if barred else [weighing.gates(report)]),
        weighing.advice(report),
        weighing.alternatives(report),
        weighing.accounts(report),
        evidence.runs(report),
        fronts.table(report),
        evidence.performance(report),
        findings.influences(report),
        evidence.traces(report),
        *operators.tables(report),
        evidence.anchors(report),
        evidence.budgets(report),
        evidence.published(report),
        evidence.assumptions(report),
        evidence.constants(report),
        evidence.environment(report),
    ]
    script = script if report.what_if is not None else ""
    return environment.from_string(template).render(
        report=report,
        decision=report.decision,
        verdict=report.decision.verdict,
        style=Markup(style),
        script=Markup(script),
        script_hash=Markup(_hash(script)) if script else "",
        family=evidence.family(report),
        figures=findings.key_figures(report),
        totals=findings.totals(report),
        gates=weighing.gates(report),
        barred=barred,
        worth=next(iter(report.decision.worth), None),
        effort=finding_out(report),
        slots=Section(findings.slots(report), charts.get("slots", ())),
        not_included=findings.not_included(report),
        metering=picture(report),
        freshness=freshness(report),
        targets=targets,
        planes=[plane_words(plane) for plane in report.what_if.planes] if report.what_if is not None else [],
        sections=[Section(table, charts.get(table.id, ())) for table in tables if table.rows],
        notes=[note for note in report.decision.notes if note not in report.banners],
        data=Markup(_embedded(report)),
    )


def plane_words(plane: Plane) -> str:
    """Return the accounting view of a plane of the what-if grid in words."""
    network = "no network" if plane.network == "none" else f"{plane.network} network"
    return f"{network}, {plane.device} device, {plane.cloud} cloud"


def _targets(report: Report) -> dict[str, str]:
    """Return the place on the page of every run and every constant, by its id."""
    runs = {row.run: f"run-{number}" for number, row in enumerate(report.runs, 1)}
    return runs | {item.id: f"constant-{number}" for number, item in enumerate(report.decision.constants, 1)}


def _traced(targets: Mapping[str, str]) -> Callable[[str], Markup]:
    """Return a filter that makes each known id of a list "a, b" a link to where it stands on the page."""

    def traced(text: str) -> Markup:
        found = []
        for name in text.split(", "):
            shown = escape(name, quote=True)
            found.append(f'<a href="#{targets[name]}">{shown}</a>' if name in targets else shown)
        return Markup(", ".join(found))

    return traced


def _embedded(report: Report) -> str:
    """Return the report's JSON on one line, in letters that cannot end the element it stands in."""
    data = {"schema": Report.SCHEMA, **_lean(report)}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _lean(value: Any) -> Any:
    """Return plain data without the fields that have their default value: reading it back gives the same report."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {field.name: _lean(item) for field, item in fields if field.default is dataclasses.MISSING or item != field.default}
    if isinstance(value, (list, tuple)):
        return [_lean(item) for item in value]
    return as_data(value)


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
