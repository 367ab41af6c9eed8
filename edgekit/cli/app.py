"""Start edgekit: parse, run one command, and turn whatever happens into an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer

from edgekit.cli import errors
from edgekit.cli.commands import CONTEXT, LazyGroup, set_json, set_style, set_verbose
from edgekit.cli.output import Heedless, Style, Ui, current, install
from edgekit.core.errors import EdgekitError

_HELP = """Should this model run on the device or in the cloud, in which format, and what does one inference cost: and how sure are we?

Four steps with files between them: convert, bench, compare, report. New here? Type: edgekit demo"""

_PATIENCE_S = 10.0
_AGAIN_S = 0.1
_stops: list[float] = []


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: sys.argv) and return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    ui = install(Ui())
    json_wanted, ui.style = _look_ahead(args)
    _prepare_process()
    try:
        return _run(args, ui)
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except BaseException as error:
        ui.json = ui.json or json_wanted
        return _explain(error, ui, args)
    finally:
        ui.close_progress()
        _flush()


def _run(args: list[str], ui: Ui) -> int:
    app = typer.Typer(
        cls=LazyGroup,
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode="rich" if ui.is_rich(sys.stdout) else None,
        context_settings={**CONTEXT, "auto_envvar_prefix": "EDGEKIT"},
    )
    app.callback()(_globals)
    if "_EDGEKIT_COMPLETE" in os.environ:
        app(args=args, prog_name="edgekit", standalone_mode=False)
        return 0
    group = typer.main.get_command(app)
    for option in group.params:
        if option.name in ("install_completion", "show_completion"):
            option.show_envvar = False  # type: ignore[attr-defined]
    try:
        with group.make_context("edgekit", args) as context:
            group.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _print_version(value: bool) -> None:
    if not value:
        return
    from importlib.metadata import version

    found = version("edgekit")
    current().result(schema="edgekit.version/1", data={"edgekit": found, "python": sys.version.split()[0]}, text=f"edgekit {found}")
    raise typer.Exit()


def _globals(
    json: Annotated[
        bool, typer.Option("--json", callback=set_json, is_eager=True, help="Print exactly one JSON document, also on failure.")
    ] = False,
    style: Annotated[
        Style | None, typer.Option("--style", callback=set_style, is_eager=True, help="How to draw: auto is plain where no terminal is.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", callback=set_verbose, is_eager=True, help="Show causes and tracebacks.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, allow_from_autoenv=False, help="Print the version.")
    ] = False,
) -> None:
    pass


def _look_ahead(args: list[str]) -> tuple[bool, Style]:
    """Return what --json and --style seem to say, for failures and help pages that come before they are parsed."""
    ours = args[: args.index("--")] if "--" in args else args
    asked = os.environ.get("EDGEKIT_STYLE", "auto")
    for word, following in pairwise([*ours, ""]):
        if word == "--style":
            asked = following
        elif word.startswith("--style="):
            asked = word.removeprefix("--style=")
    json_wanted = "--json" in ours or os.environ.get("EDGEKIT_JSON", "").lower() in ("1", "true", "yes", "on", "t", "y")
    return json_wanted, Style(asked) if asked in set(Style) else Style.AUTO


def _explain(error: BaseException, ui: Ui, args: list[str]) -> int:
    if isinstance(error, EdgekitError):
        return errors.report(errors.with_advice(error, args), ui)
    if isinstance(error, typer.TyperException):
        if errors.is_help(error) and not ui.json:
            sys.stderr.write(error.format_message() + "\n")
            return 2
        return errors.report(errors.from_typer(error), ui)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return errors.report(errors.with_advice(errors.interrupted(), args), ui)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    unforeseen = errors.from_system(error) if isinstance(error, (OSError, MemoryError)) else errors.bug(error, args)
    return errors.report(unforeseen, ui)


def _prepare_process() -> None:
    """Let a polite kill end like Ctrl-C, keep odd terminals from failing on a micro sign, and keep libraries' warnings to themselves."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    _open_closed_streams()
    if not isinstance(sys.stderr, Heedless):
        sys.stderr = Heedless(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    sys.unraisablehook = _hear_again
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def _open_closed_streams() -> None:
    """Point each closed standard stream nowhere; the next file opened would take its place otherwise, and hear what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            os.dup2(handle, number)
            if handle > 2:
                os.close(handle)
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115 -- for the process's life


def _hear_again(lost: Any, usual: Callable[[Any], Any] = sys.__unraisablehook__) -> None:
    """Send a Ctrl-C again that came where Python drops exceptions, such as in a finalizer; report everything else as usual."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        usual(lost)
        return
    _stops.clear()
    main = threading.main_thread().ident
    if main is not None:
        again = threading.Timer(_AGAIN_S, signal.pthread_kill, (main, signal.SIGINT))
        again.daemon = True
        again.start()


def _stop(number: int, frame: object) -> None:
    """End the command; whoever presses Ctrl-C again is not heard for some seconds, so that everything is put in order first."""
    now = time.monotonic()
    if not _stops or now - _stops[-1] > _PATIENCE_S:
        _stops.append(now)
        raise KeyboardInterrupt


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()


def _drop_stdout() -> None:
    """Point stdout nowhere, so that the interpreter does not complain about a reader that left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
