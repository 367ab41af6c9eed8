"""Say in words how runs would serve a rate of requests within a latency limit, and which of them takes the fewest joules."""

from __future__ import annotations

from edgekit.core.quantity import Estimate
from edgekit.core.units import format_scaled
from edgekit.decision.cloud.service import Point, ServicePoint, ServiceView
from edgekit.decision.numerals import multiple
from edgekit.reports.show import figure, one_line
from edgekit.reports.text import wrapped


def service_text(view: ServiceView, width: int) -> str:
    """Return the answer in a sentence, then every run: what it takes per request, or why it cannot serve."""
    lines = wrapped(_answer(view), width)
    for item in view.points:
        mark = "best" if item.run == view.best else "fits" if item.point.feasible else "no"
        lines += wrapped(f"  {mark:<8}  {_title(item)}: {_words(item.point)}", width, rest=" " * 14)
    lines += wrapped(
        "Requests are taken to arrive evenly; per request: the joules of its inference, and its share of the idle power in between.", width
    )
    return "\n".join(lines) + "\n"


def _answer(view: ServiceView) -> str:
    rate = view.service.rate_per_s
    asked = f"{multiple(rate, 4) if rate >= 1000 else f'{rate:g}'} requests/s within {format_scaled(view.service.latency_limit_s, 's')}"
    chosen = next((item for item in view.points if item.run == view.best), None)
    if chosen is None:
        return f"None of these runs serves {asked} (p99) on one machine."
    rivals = [f"batch {item.point.batch}" for item in view.points if item.run in view.rivals]
    close = f" What was measured does not tell it apart from {' and '.join(rivals)}." if rivals else ""
    energy = one_line(figure(chosen.point.energy_j))
    return f"Service of {asked} (p99): {_title(chosen)} takes the least, {energy} per request{_idle(chosen.point)}.{close}"


def _title(item: ServicePoint) -> str:
    return f"batch {item.point.batch} of {item.artifact}"


def _words(point: Point) -> str:
    if point.reason is not None:
        return point.reason
    energy = one_line(figure(point.energy_j)) if isinstance(point.energy_j, Estimate) else "unknown"
    busy = f", busy for {100 * point.utilisation:.3g} % of the time" if point.utilisation is not None else ""
    answered = f", answered within {format_scaled(point.latency_s, 's')}" if point.latency_s is not None else ""
    return f"{energy} per request{_idle(point)}{answered}{busy}"


def _idle(point: Point) -> str:
    share = point.idle_share or 0.0
    if share < 0.005:
        return ""
    return ", nearly all of it idle" if share > 0.995 else f", {100 * share:.2g} % of it idle"
