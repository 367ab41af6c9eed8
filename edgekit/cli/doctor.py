"""Check this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit.cli.complete import device_names
from edgekit.cli.listing import Row, listing
from edgekit.cli.output import current

_SETUP = 6


def doctor(
    device: Annotated[
        str | None,
        typer.Option(
            help="Look at a device instead: a name of edgekit.toml, or ssh://USER@HOST.", autocompletion=device_names, show_default=False
        ),
    ] = None,
    proc_root: Annotated[Path, typer.Option(envvar="EDGEKIT_PROC_ROOT", hidden=True)] = Path("/proc"),
    sys_root: Annotated[Path, typer.Option(envvar="EDGEKIT_SYS_ROOT", hidden=True)] = Path("/sys"),
) -> None:
    """Check this machine, or a device: what is installed, which meters answer, what would disturb a measurement, and how to fix it.

    Ends with 6 when something stops work; warnings end with 0.
    """
    from edgekit.flows.doctor import DoctorRequest
    from edgekit.flows.doctor import doctor as examine

    ui = current()
    found = examine(DoctorRequest(folder=Path.cwd(), device=device, proc=proc_root, sysfs=sys_root), progress=ui.progress)
    rows = [Row(mark=check.status, name=check.name, text=check.found, do=check.do) for check in found.checks]
    counted = ", ".join(f"{sum(check.status == mark for check in found.checks)} {mark}" for mark in ("ok", "warn", "fail"))
    then = ("try everything on a small model:", "edgekit demo")
    if device is not None:
        then = ("benchmark on it:", f"edgekit bench ARTIFACT --device {device}")
    if found.failed:
        again = "edgekit doctor" if device is None else f"edgekit doctor --device {device}"
        then = ("look again once that is put right:", again)
    ui.result(
        schema="edgekit.doctor/1",
        data=found,
        text=f"{listing(rows)}\n\n{counted}",
        next_commands=[then],
        status="failed" if found.failed else "ok",
        exit_code=_SETUP if found.failed else 0,
    )
