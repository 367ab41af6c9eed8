"""List power meters, and let one test itself."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli.capture import capture, udev
from edgekit.cli.complete import device_names, meter_names
from edgekit.cli.emulate import emulate
from edgekit.cli.listing import Row, listing
from edgekit.cli.output import current
from edgekit.cli.read import read
from edgekit.core.boundary import sees

if TYPE_CHECKING:
    from edgekit.flows.meters import ListedMeter
    from edgekit.flows.selftest import SelftestResult

app = typer.Typer(invoke_without_command=True)
app.command(short_help="Look at an instrument while it reads.")(read)
app.command(short_help="Store the bytes that an instrument sends.")(capture)
app.command(short_help="Print what lets ordinary users open meters.")(udev)
app.command(short_help="Rehearse with an instrument that is not there.")(emulate)


@app.callback()
def meters(
    context: typer.Context,
    show_all: Annotated[bool, typer.Option("--all", help="Also list what the device does not have, with the reason.")] = False,
    device: Annotated[str, typer.Option("--device", help="Whose meters.", autocompletion=device_names)] = "local",
) -> None:
    """List the meters of a device: what each one counts, and what to do where one refuses."""
    if context.invoked_subcommand is not None:
        return
    from edgekit.config import load
    from edgekit.flows.meters import State
    from edgekit.flows.meters import meters as ask
    from edgekit.registry import resolve_device

    ui = current()
    settings = load()
    found = ask(settings, resolve_device(device, settings), progress=ui.progress)
    shown = [item for item in found.meters if show_all or item.state is not State.ABSENT]
    rows = [Row(mark="yes" if item.state is State.USABLE else "no", name=item.name, text=_sentence(item), do=item.do) for item in shown]
    absent = len(found.meters) - len(shown)
    next_commands = [("benchmark with one:", "edgekit bench ARTIFACT --meter NAME")]
    if absent:
        next_commands.append((f"see the {absent} this device does not have:", "edgekit meters --all"))
    ui.result(
        schema="edgekit.meters/1",
        data={"device": found.device, "meters": found.meters},
        text=f"meters of {found.device}\n" + listing(rows),
        next_commands=next_commands,
        notes=found.notes,
    )


@app.command(short_help="Ask a sensor how it behaves, and keep what it says.")
def selftest(
    meter: Annotated[
        str | None, typer.Argument(help="Which meter.", show_default="the best one usable", autocompletion=meter_names)
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Whose meter.", autocompletion=device_names)] = "local",
    seconds: Annotated[float, typer.Option(help="How long the steps take together; more makes intervals narrower.")] = 40.0,
    load: Annotated[str, typer.Option(help="What is driven: cpu, cuda, none, or auto for what the meter sees.")] = "auto",
    zero: Annotated[bool, typer.Option("--zero", help="Only find its zero: nothing is connected to its output.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Also write the raw readings into this folder.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random load.")] = 0,
) -> None:
    """Find out how a sensor behaves: its update period, which share of the time it looks at, its averaging, noise and read cost.

    The machine idles, works at random, steadily and in a square wave whose phase sweeps over the sensor's updates, while the sensor is read
    fast. What is found is stored for this instrument and driver, and every later run uses it.
    """
    from edgekit.config import load as load_config
    from edgekit.flows.selftest import SelftestRequest
    from edgekit.flows.selftest import selftest as test
    from edgekit.links.clock import SystemClock
    from edgekit.metering import calibration_store
    from edgekit.registry import open_device, resolve_device

    ui = current()
    settings = load_config()
    request = SelftestRequest(meter=meter, seconds=seconds, load=load, keep=keep, seed=seed, zero=zero)
    opened = open_device(resolve_device(device, settings))
    _show_selftest(test(request, device=opened, store=calibration_store(), progress=ui.progress, date=SystemClock()), device, meter)


def _show_selftest(result: SelftestResult, device: str, meter: str | None) -> None:
    from rich.console import Group

    from edgekit.reports.calibrations import calibration_table, findings, sentences

    table = calibration_table(result.calibration, result.meter)
    if not current().is_rich(sys.stdout):
        table.box, table.pad_edge = None, False
    name = meter or result.calibration.meter
    where = "" if device == "local" else f" --device {shlex.quote(device)}"
    current().result(
        schema="edgekit.meters.selftest/1",
        data={
            "calibration": result.calibration,
            "verdicts": dict(sentences(result.calibration, result.meter)),
            "stored": result.stored,
            "kept": result.kept,
        },
        text=Group(table, "", findings(result.calibration, result.meter)),
        next_commands=[("measure with what is known now:", f"edgekit bench ARTIFACT --meter {shlex.quote(name)}{where}")],
        notes=result.notes,
    )


def _sentence(item: ListedMeter) -> str:
    if item.why:
        return item.why
    what = ", ".join(item.origins)
    where = ", ".join(f"{place}: {sees(place)}" if len(item.boundaries) == 1 else str(place) for place in item.boundaries)
    tested = f"calibrated {item.calibrated}" if item.calibrated else ""
    return "; ".join(part for part in (f"{what} at {where}" if where else what, item.detail, tested) if part)
