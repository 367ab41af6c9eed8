"""Draw charts as inline SVG with Altair and vl-convert. Every figure in a chart is also in the table below it."""

from __future__ import annotations

from edgekit.core.errors import missing_extra
from edgekit.reports.charts.frame import Chart, Markup
from edgekit.reports.charts.runs import energy_by_run
from edgekit.reports.charts.slots import joules_by_slot
from edgekit.reports.model import Report

__all__ = ["Chart", "Markup", "draw"]


def draw(report: Report) -> dict[str, Chart]:
    """Return the charts of a report by the id of the table they belong to; raise SetupError when the extra is missing."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise missing_extra(error.name or "altair", "report", "the charts of the HTML report") from error
    charts = {"runs": energy_by_run(report), "slots": joules_by_slot(report)}
    return {name: chart for name, chart in charts.items() if chart is not None}
