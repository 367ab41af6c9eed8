"""`edgekit when`: at what time should deferrable work run?"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgekit.cli.amounts import seconds
from edgekit.cli.complete import region_names
from edgekit.cli.output import current
from edgekit.cli.width import page_width
from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    from edgekit.core.quantity import Quantity
    from edgekit.decision.timing.waiting import Waiting
    from edgekit.flows.when import WhenResult

app = typer.Typer(invoke_without_command=True)

_Zone = Annotated[str | None, typer.Option(help="Time zone of timestamps without one: Europe/Amsterdam.", show_default="UTC")]
_Column = Annotated[str | None, typer.Option(help="Column of the CSV that holds g CO2e/kWh.", show_default="the one that is named so")]
_Unit = Annotated[
    str | None, typer.Option(help="What the values are in: kg/MWh, lb/kWh.", show_default="what the column's name says, else g/kWh")
]
_Ends = Annotated[bool, typer.Option("--ends", help="Timestamps mark the end of their interval, not its beginning.")]


@app.callback()
def when(
    ctx: typer.Context,
    region: Annotated[
        str | None, typer.Option(help="Grid that has a profile: GB.", show_default=False, autocompletion=region_names)
    ] = None,
    duration: Annotated[str, typer.Option(metavar="TIME", help="How long the work takes: 4h, 90m.")] = "1h",
    deadline: Annotated[str, typer.Option(metavar="TIME", help="Within what time it must be done: 24h.")] = "24h",
    profile: Annotated[
        Path | None, typer.Option(help="Hourly figures: a CSV (timestamp, g CO2e/kWh) or a profile.", show_default="that of the region")
    ] = None,
    marginal: Annotated[
        Path | None, typer.Option(help="Marginal figures, judged beside: they may choose other hours.", show_default=False)
    ] = None,
    energy: Annotated[str | None, typer.Option(help="What the work takes in all: 2kWh.", show_default=False)] = None,
    power: Annotated[str | None, typer.Option(help="What it draws while it runs: 300W.", show_default=False)] = None,
    start: Annotated[str | None, typer.Option(help="Earliest start: 2026-03-01T22:00.", show_default="now")] = None,
    zone: _Zone = None,
    column: _Column = None,
    unit: _Unit = None,
    ends: _Ends = False,
) -> None:
    """Say when work that can wait costs the least CO2e: the best window, what it saves with its spread, or that waiting is not worth it.

    Figures come from your own CSV, a profile made of one by `edgekit when profile`, or a shipped one (GB); nothing is fetched. With
    a CSV of past hours the saving is that of its days of the same month; a CSV that reaches until the deadline is followed as a forecast.
    """
    if ctx.invoked_subcommand is not None:
        return
    from edgekit.core.jsonio import as_data
    from edgekit.decision.timing.waiting import FLEXIBLE, INFLEXIBLE
    from edgekit.flows.when import WhenRequest
    from edgekit.flows.when import when as find

    ui = current()
    duration_s = seconds(duration, "--duration")
    request = WhenRequest(
        duration_s=duration_s,
        deadline_s=seconds(deadline, "--deadline"),
        region=region,
        figures=profile,
        marginal=marginal,
        energy_j=_energy_j(energy, power, duration_s),
        start=start,
        zone=zone,
        column=column,
        unit=unit,
        ends=ends,
    )
    result = find(request)
    used = result.profile
    ui.result(
        schema="edgekit.when/1",
        data={
            "kind": result.advice.kind,
            "sentence": result.advice.sentence,
            "start_utc": _moment(result.start_s),
            "best_start_utc": _moment(result.advice.placement.start_s),
            "best_end_utc": _moment(result.advice.placement.end_s),
            "advice": result.advice,
            "marginal": result.marginal,
            "energy_j": request.energy_j,
            "figures": {name: as_data(getattr(used, name)) for name in ("region", "years", "source", "licence", "scope", "days", "filled")},
            "flexible": FLEXIBLE,
            "not_flexible": INFLEXIBLE,
        },
        text=_text(result, _display_zone(zone), width=page_width()),
        notes=result.notes,
    )


@app.command("profile", short_help="Condense a year of hourly figures to a small profile that can be shared.")
def condense(
    csv: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A timestamp and g CO2e/kWh in each line, a year of them.")],
    region: Annotated[str, typer.Option(help="Name of the grid: NL.")],
    source: Annotated[str, typer.Option(help="Who published the figures.")],
    licence: Annotated[str, typer.Option(help="On what terms: CC-BY-4.0.")],
    scope: Annotated[str, typer.Option(help="What they count: direct or life cycle, average or marginal.")] = "not stated",
    out: Annotated[Path | None, typer.Option(help="Where to write it.", show_default="your data folder, for --region")] = None,
    zone: _Zone = None,
    column: _Column = None,
    unit: _Unit = None,
    ends: _Ends = False,
) -> None:
    """Condense a year of hourly figures to 24 hours x 12 months (median, P10, P90), with what following them would have saved.

    Source and licence stand in the profile. Whether it may be passed on is for the licence to say.
    """
    from edgekit.flows.when import ProfileRequest, make_profile

    request = ProfileRequest(
        csv=csv, region=region, source=source, licence=licence, scope=scope, out=out, zone=zone, column=column, unit=unit, ends=ends
    )
    made = make_profile(request)
    used = shlex.join(["--profile", str(made.path)] if out is not None else ["--region", region])
    current().result(
        schema="edgekit.when.profile/1",
        data={"path": str(made.path), "region": region, "years": made.profile.years, "days": made.profile.days},
        text=f"{made.path}: {region}, {made.profile.years}, {made.profile.days} days",
        next_commands=[("ask when to run work:", f"edgekit when {used} --duration 4h --deadline 24h")],
        notes=made.notes,
    )


def _energy_j(energy: str | None, power: str | None, duration_s: float) -> float | None:
    from edgekit.decision.units import UnitProblem, parse

    if energy is None and power is None:
        return None
    if energy is not None and power is not None:
        raise UsageError("--energy and --power say the same twice", code="usage.arguments", why="one of them follows from the other")
    option, text, unit = ("--energy", energy, "joule") if energy is not None else ("--power", power, "watt")
    try:
        found = parse(text, unit)
    except UnitProblem as problem:
        raise UsageError(f"{option} {text!r} cannot be read", code="bench.amount", why=str(problem)) from problem
    if found <= 0:
        raise UsageError(f"{option} {text!r} cannot be read", code="bench.amount", why="work takes more than nothing")
    return found if energy is not None else found * duration_s


def _text(result: WhenResult, zone: tzinfo | None, width: int) -> str:
    from edgekit.decision.timing.intensity import KG_PER_J
    from edgekit.decision.timing.waiting import FLEXIBLE, INFLEXIBLE
    from edgekit.reports.text import wrapped

    advice, place, used = result.advice, result.advice.placement, result.profile
    g = [f"{value / KG_PER_J:.0f}" for value in (place.kg_per_j, place.now_kg_per_j, place.mean_kg_per_j)]
    lines = [
        ("window", _span(place.start_s, place.end_s, zone)),
        ("intensity", f"{g[0]} g CO2e/kWh expected; {g[1]} starting now, {g[2]} on average until the deadline"),
        ("saving", f"{_share(advice.vs_now)} against starting now; {_share(advice.vs_mean)} against the mean"),
        *_saved(advice),
        ("captured", _captured(advice)),
        *_days(advice),
        ("figures", _figures(advice, used)),
    ]
    if result.marginal is not None:
        other = result.marginal
        span = _span(other.placement.start_s, other.placement.end_s, zone)
        lines.append(("marginal", f"{span}: {other.sentence} Average and marginal figures may choose different hours."))
    lines += [("can wait", ", ".join(FLEXIBLE)), ("cannot", INFLEXIBLE)]
    found = [*wrapped(advice.sentence, width), ""]
    for label, text in lines:
        found += wrapped(f"  {label:<9}  {text}", width, rest=" " * 13)
    return "\n".join(found) + "\n"


def _saved(advice: Waiting) -> list[tuple[str, str]]:
    from edgekit.core.units import format_scaled
    from edgekit.decision.numerals import spread

    saved = advice.saved_kg
    if saved.value is None:
        return [("", "say --energy 2kWh or --power 300W to see grams")]
    interval = f" ({spread(saved.low, saved.high, 'kg', saved.value)})" if saved.high > saved.low else ""
    return [("", f"{format_scaled(saved.value, 'kg')} of CO2e{interval} against starting now")]


def _share(found: Quantity) -> str:
    if found.value is None:
        return str(found)
    interval = f" (P5 to P95 of days: {found.low:.0%} to {found.high:.0%})" if found.high > found.low else ""
    return f"{found.value:.0%}{interval}"


def _captured(advice: Waiting) -> str:
    found = advice.captured
    return f"unknown: {found.reason}" if found.value is None else f"{found.value:.0%} of what perfect foresight would have saved"


def _days(advice: Waiting) -> list[tuple[str, str]]:
    if advice.worse.value is None:
        return []
    text = f"on {advice.worse.value:.0%} of {advice.starts} days starting at once would have been better (tried on the days it was made of)"
    return [("days", text)]


def _figures(advice: Waiting, used: Any) -> str:
    what = "followed as a forecast" if advice.basis == "forecast" else f"typical hours of {used.days} days"
    return f"{used.region}, {used.years}: {used.source}, licence: {used.licence}, scope: {used.scope}; {what}"


def _span(start_s: float, end_s: float, zone: tzinfo | None) -> str:
    """Return a window in UTC and, where one is named, in a zone."""

    def one(of: tzinfo) -> str:
        first, last = (datetime.fromtimestamp(round(at), of) for at in (start_s, end_s))
        return (
            f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}" if first.date() == last.date() else f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
        )

    return f"{one(UTC)} UTC" + (f" ({one(zone)} {zone})" if zone is not None else "")


def _moment(at_s: float) -> str:
    return f"{datetime.fromtimestamp(round(at_s), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _display_zone(name: str | None) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    return None if name is None else ZoneInfo(name)
