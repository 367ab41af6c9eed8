"""Show what setting up a device would do, ask, and say what came of it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgekit.cli.output import between_words, current
from edgekit.cli.width import line_width
from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    from edgekit.flows.device_setup import SetupPlan, SetupResult


def set_up_device(
    name: str, *, engines: tuple[str, ...], wheels: Path | None, venv: str | None, fresh: bool, plan_only: bool, yes: bool
) -> None:
    """Do what `edgekit devices setup` does; raise UsageError where nobody can be asked."""
    from edgekit.config import load
    from edgekit.flows.device_setup import SetupRequest, set_up
    from edgekit.registry import open_device, resolve_device

    ui = current()
    device = open_device(resolve_device(name, load()))

    def consent(planned: SetupPlan) -> bool:
        return not plan_only and (yes or _asked(planned, name))

    request = SetupRequest(engines=engines, wheels=wheels, venv=venv, fresh=fresh)
    result = set_up(device, request, progress=ui.progress, consent=consent, start=Path.cwd())
    ui.result(
        schema="edgekit.devices.setup/1",
        data=result,
        text=_text(result),
        next_commands=_next(result, name, again=request.command(name) + (" --fresh" if fresh else "")),
        notes=result.plan.notes,
    )


def _asked(planned: SetupPlan, name: str) -> bool:
    ui = current()
    if ui.json or not sys.stdin.isatty():
        raise UsageError(
            f"setting up {name} changes that machine, and nobody can be asked",
            code="device.consent",
            why="this is no terminal",
            do=[
                ("look at every command:", f"edgekit devices setup {name} --plan"),
                ("agree beforehand:", f"edgekit devices setup {name} --yes"),
            ],
        )
    ui.close_progress()
    typer.echo(_steps(planned), err=True)
    return typer.confirm("do this?", err=True)


def _text(result: SetupResult) -> str:
    plan = result.plan
    there = ", ".join(f"{package} {version}" for package, version in sorted(result.installed.items()))
    if plan.needed and not result.changed:
        return f"{_steps(plan)}\nnothing was changed"
    verb = f"{plan.device} is ready" if result.changed else f"{plan.device} was ready: nothing to do"
    return "\n".join([*_sentence(f"{verb}: {there}"), *_sentence(f"{plan.site}, environment {plan.venv}")])


def _sentence(text: str, rest: str = "  ") -> list[str]:
    """Return a sentence in lines that fit the terminal; commands are never broken, and a log keeps one line for each."""
    width = line_width(sys.stdout)
    return [text] if width is None else between_words(text, width, rest)


def _steps(plan: SetupPlan) -> str:
    lines = _sentence(f"{plan.device}: {plan.site}; the environment will be {plan.venv}")
    for number, step in enumerate(plan.steps, 1):
        lines += _sentence(f"  {number}. {step.title}{' (done before)' if step.done else ''}", rest="     ")
        lines += [f"       {shlex.quote(str(wheel))}" for wheel in step.send]
        lines += [f"       {step.command}"] if step.argv else []
    return "\n".join(lines)


def _next(result: SetupResult, name: str, *, again: str) -> list[tuple[str, str]]:
    if result.plan.needed and not result.changed:
        return [("do it:", f"{again} --yes")]
    return [
        ("see what is not right there:", f"edgekit doctor --device {name}"),
        ("benchmark on it:", f"edgekit bench ARTIFACT --device {name}"),
    ]
