"""Draw charts as inline SVG with Altair and vl-convert. Every figure in a chart is also in the table below it."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.errors import missing_extra
from edgekit.reports.charts.anchors import where_runs_stand
from edgekit.reports.charts.curves import break_even
from edgekit.reports.charts.frame import Chart, Markup
from edgekit.reports.charts.fronts import fronts
from edgekit.reports.charts.operators import joules_by_operator
from edgekit.reports.charts.runs import energy_by_run
from edgekit.reports.charts.slots import joules_by_slot
from edgekit.reports.charts.tornado import tornado
from edgekit.reports.charts.trace import traces
from edgekit.reports.charts.views import verdict_by_view
from edgekit.reports.model import Report
from edgekit.reports.operators import table_id

__all__ = ["Chart", "Markup", "draw"]

MOST_PROFILED = 2  # charts of operators; the tables hold all


def draw(report: Report) -> dict[str, tuple[Chart, ...]]:
    """Return the charts of a report by the id of the table they stand above; raise SetupError when the extra is missing."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise missing_extra(error.name or "altair", "report", "the charts of the HTML report") from error
    profiled = [row for row in report.runs if row.operators]
    drawn: dict[str, Sequence[Chart | None]] = {
        "slots": [joules_by_slot(report)],
        "views": [verdict_by_view(report)],
        "flips": break_even(report),
        "tornado": [tornado(report)],
        "fronts": [fronts(report)],
        "runs": [energy_by_run(report)],
        "traces": traces(report),
        "anchors": [where_runs_stand(report)],
        **{table_id(number): [joules_by_operator(row, table_id(number))] for number, row in enumerate(profiled[:MOST_PROFILED], 1)},
    }
    found = {name: tuple(chart for chart in charts if chart is not None) for name, charts in drawn.items()}
    return {name: charts for name, charts in found.items() if charts}
