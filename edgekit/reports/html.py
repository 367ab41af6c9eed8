"""Render a report as one self-contained HTML page: no script, no external address, light and dark, paper and phone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from edgekit.core.errors import missing_extra
from edgekit.core.jsonio import dump_record
from edgekit.reports import evidence, findings, operators
from edgekit.reports.charts import Chart, Markup
from edgekit.reports.model import Report
from edgekit.reports.show import Table


@dataclass(frozen=True, slots=True)
class Section:
    """Hold one section of the page: its table and the chart above it."""

    table: Table
    chart: Chart | None = None


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


def render(report: Report, *, template: str, style: str, charts: Mapping[str, Chart]) -> str:
    """Return the page; `template` and `style` are the texts of the assets, `charts` are keyed by the table they belong to.

    Raises:
        SetupError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise missing_extra("jinja2", "report", "the HTML report") from error
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"prose": prose, "opening": opening}
    tables = [
        findings.views(report),
        evidence.runs(report),
        evidence.performance(report),
        findings.flips(report),
        findings.influences(report),
        *operators.tables(report),
        evidence.budgets(report),
        evidence.published(report),
        evidence.assumptions(report),
        evidence.constants(report),
        evidence.environment(report),
    ]
    return environment.from_string(template).render(
        report=report,
        decision=report.decision,
        verdict=report.decision.verdict,
        style=Markup(style),
        family=evidence.family(report),
        figures=findings.key_figures(report),
        totals=findings.totals(report),
        slots=Section(findings.slots(report), charts.get("slots")),
        not_included=findings.not_included(report),
        sections=[Section(table, charts.get(table.id)) for table in tables if table.rows],
        notes=[note for note in report.decision.notes if note not in report.banners],
        data=Markup(dump_record(report).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")),
    )
