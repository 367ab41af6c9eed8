"""`edgekit meters read`: look at an instrument while it reads."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.complete import meter_names
from edgekit.cli.output import current
from edgekit.core.units import format_number, format_scaled

if TYPE_CHECKING:
    from edgekit.core.channel import MeterSpec
    from edgekit.energy.tally import Totals
    from edgekit.flows.read import ReadResult, Show

_SPAN_S, _HEIGHT, _LINE_S = 30.0, 8, 1.0


def read(
    meter: Annotated[
        str, typer.Argument(help="Which meter: a kind, KIND:SERIAL, KIND:ADDRESS, or a name from edgekit.toml.", autocompletion=meter_names)
    ],
    seconds: Annotated[float | None, typer.Option(help="Read for so long.", show_default="until Ctrl-C")] = None,
) -> None:
    """Show what an instrument on this host reads: watts, running joules and milliampere-hours, and how often its values are new."""
    from edgekit.config import load
    from edgekit.flows.read import read as look
    from edgekit.metering import meter_choice, open_host_meter

    opened = open_host_meter(meter_choice(meter, load()))
    with _display() as show:
        result = look(opened, seconds=seconds, show=show)
    _print(result, meter, early=result.stopped and seconds is not None)


def _print(result: ReadResult, name: str, *, early: bool) -> None:
    ui = current()
    data = {
        "meter": name,
        "kind": result.meter.kind,
        "boundaries": sorted({channel.boundary for channel in result.meter.channels}),
        "origins": sorted({channel.origin for channel in result.meter.channels}),
        "detail": result.meter.detail,
        **{field: getattr(result.totals, field) for field in result.totals.__slots__},
    }
    if result.failure is not None:
        if not ui.json:
            ui.close_progress()
            sys.stdout.write(summary(result.totals, result.meter) + "\n")
        result.failure.data["read"] = data
        raise result.failure
    ui.result(
        schema="edgekit.meters.read/1",
        status="interrupted" if early else "ok",
        data=data,
        text=summary(result.totals, result.meter),
        next_commands=[("measure with it:", f"edgekit bench ARTIFACT --meter {shlex.quote(name)}")],
        notes=result.notes,
        exit_code=130 if early else 0,
    )


def summary(totals: Totals, spec: MeterSpec) -> str:
    """Return what was read as lines for people."""
    power, energy, effective = totals.power_w, totals.energy_j, totals.effective_hz
    rate = "unknown" if totals.rate_hz is None else f"{format_number(totals.rate_hz)} Hz"
    rows = [
        ("mean power", str(power) if power.value is not None else f"unknown: {power.reason}"),
        ("least, most", _pair(totals.least_w, totals.most_w)),
        ("energy", str(energy) if energy.value is not None else f"unknown: {energy.reason}"),
        ("its counter", "" if totals.counter_j is None else format_scaled(totals.counter_j, "J")),
        ("charge", "" if totals.charge_mah is None else f"{format_number(totals.charge_mah, 4)} mAh"),
        ("readings", f"{totals.readings} in {totals.seconds:.1f} s, {rate}{_losses(totals)}"),
        ("values are new", f"{format_number(effective.value)} Hz" if effective.value is not None else f"unknown: {effective.reason}"),
    ]
    width = max(len(name) for name, _ in rows)
    head = f"{spec.kind} {spec.identity}".strip()
    doubt = "" if spec.accuracy.verified or "unverified" in spec.accuracy.source else ", unverified"
    lines = [f"{head}: {spec.accuracy.source}{doubt}"]
    lines += [f"  {name:<{width}}  {text}" for name, text in rows if text]
    lines += [f"  {note.text}" for note in effective.notes]
    return "\n".join(lines)


def _pair(least: float | None, most: float | None) -> str:
    return "" if least is None or most is None else f"{format_scaled(least, 'W')}, {format_scaled(most, 'W')}"


def _losses(totals: Totals) -> str:
    unusable = f", {totals.unusable} unusable" if totals.unusable else ""
    return unusable + (f", {totals.gaps} gaps" if totals.gaps else "")


def _running(totals: Totals) -> str:
    joules = "" if totals.energy_j.value is None else f"  {format_scaled(totals.energy_j.value, 'J')}"
    charge = "" if totals.charge_mah is None else f"  {format_number(totals.charge_mah)} mAh"
    now = "no reading yet" if totals.last_w is None else format_scaled(totals.last_w, "W")
    return f"{totals.seconds:6.1f} s  {now}{joules}{charge}"


@contextmanager
def _display() -> Iterator[Show]:
    """Yield what shows readings on stderr: a chart on a terminal, a line each second elsewhere, nothing under --json."""
    ui = current()
    if ui.json:
        yield lambda totals, points: None
    elif ui.is_rich(sys.stderr):
        with _live() as show:
            yield show
    else:
        yield _Lines().show


class _Lines:
    def __init__(self) -> None:
        self._next = time.monotonic() + _LINE_S

    def show(self, totals: Totals, points: list[tuple[float, float]]) -> None:
        if time.monotonic() >= self._next:
            self._next += _LINE_S
            sys.stderr.write(_running(totals) + "\n")
            sys.stderr.flush()


@contextmanager
def _live() -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stderr)
    with Live(Text("waiting for the first reading"), console=console, auto_refresh=False, transient=True) as live:
        yield lambda totals, points: live.update(Text(frame(totals, points, width=console.width)), refresh=True)


def frame(totals: Totals, points: list[tuple[float, float]], *, width: int) -> str:
    """Return the chart of the last half minute with the running figures below it."""
    from edgekit.cli.plot import chart, columns, round_top

    values = columns(points, width=max(10, width - 12), span_s=_SPAN_S)
    top = round_top(max((value for value in values if value is not None), default=1.0))
    labels = [format_scaled(top, "W"), *[""] * (_HEIGHT - 2), "0 W"]
    bars = [f"{label:>9} {line}" for label, line in zip(labels, chart(values, height=_HEIGHT, top=top), strict=True)]
    return "\n".join([*bars, f"{'':10}last {_SPAN_S:.0f} s", _running(totals)])
