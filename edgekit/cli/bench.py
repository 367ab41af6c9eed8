"""`edgekit bench`: what does one inference cost on this device?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekit.cli import amounts
from edgekit.cli.amounts import seconds, setting, share, temperature
from edgekit.cli.benched import show, show_plan
from edgekit.cli.complete import device_names, meter_names
from edgekit.cli.folders import from_here
from edgekit.cli.output import current
from edgekit.cli.swept import sweep
from edgekit.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.config import Config
    from edgekit.core.sync import SyncPlan
    from edgekit.flows.bench import BenchRequest, BenchResult


def bench(
    artifacts: Annotated[
        list[Path] | None, typer.Argument(help="Artifacts (.tflite, .onnx, .ort); several are interleaved.", show_default=False)
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where to run: local, cuda, sim, or a name from edgekit.toml.", autocompletion=device_names)
    ] = "local",
    meter: Annotated[
        list[str] | None,
        typer.Option(
            help="What to read; repeatable. Default: the best one usable on the device.", autocompletion=meter_names, show_default=False
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer, shorter windows: a first impression, marked as such.")] = False,
    windows: Annotated[
        int | None, typer.Option(help="Measured windows per artifact; with --until the least.", show_default="10, quick 3, --until 5")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Add windows until the interval of every artifact is within this share: 2%.", show_default=False
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option("--max-time", metavar="TIME", help="Begin no round that would not end in time: 10m.", show_default="1h with --until"),
    ] = None,
    window: Annotated[float | None, typer.Option(help="Least seconds of a window.", show_default="10, quick 2, cuda 60")] = None,
    idle: Annotated[float | None, typer.Option(help="Seconds of idle before and after.", show_default="10, quick 3, cuda 60")] = None,
    idle_between: Annotated[
        float | None,
        typer.Option("--idle-between", help="Seconds of idle after every third round of windows.", show_default="2, quick 0, cuda 5"),
    ] = None,
    warmup: Annotated[
        float | None,
        typer.Option(
            help="Least seconds of warm-up per artifact; up to 5 times as long until its speed has settled. 0: none.",
            show_default="3, quick 1, cuda 10",
        ),
    ] = None,
    cooldown: Annotated[float | None, typer.Option(help="Seconds between windows.", show_default="1, quick 0.2")] = None,
    batch: Annotated[
        str,
        typer.Option(
            metavar="N|N,N,...|sweep[:N]",
            help="Inputs per invocation; each counts as one inference. Several: one run each; sweep: 1, 2, 4, ... up to N or the memory.",
            show_default="1",
        ),
    ] = "1",
    precision: Annotated[
        str | None,
        typer.Option(metavar="fp32|tf32|fp16|int8", help="How a GPU computes 32-bit floats.", show_default="fp32, int8 if quantized"),
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of the engine.")] = 1,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Engine on the device: litert, tflite_runtime, onnxruntime[-cuda|-tensorrt], torch_onnx[-cuda], torch_pt2[-cuda].",
            show_default="by format",
        ),
    ] = None,
    delegate: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="LiteRT delegate: a shared library on the device, such as libedgetpu.so.1.", show_default=False),
    ] = None,
    delegate_option: Annotated[
        list[str] | None,
        typer.Option("--delegate-option", metavar="KEY=VALUE", help="Option of the delegate; repeatable.", show_default=False),
    ] = None,
    sample_hz: Annotated[
        float | None, typer.Option("--sample-hz", help="Readings per second of on-device counters.", show_default="100, cuda 20")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Then time each operator in a window of its own: joules per operator.")
    ] = False,
    runs: Annotated[Path | None, typer.Option(help="Folder of run records.", show_default="./runs, or edgekit.toml")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Name to find the runs by; repeatable.", show_default=False)] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", metavar="RATE", help="Infer at this rate instead of back to back: 10/s, 600/min.", show_default=False),
    ] = None,
    spin: Annotated[
        float, typer.Option(help="With --rate: seconds of busy waiting before each inference, for less lateness.", show_default="0")
    ] = 0.0,
    cool_to: Annotated[
        str | None,
        typer.Option("--cool-to", metavar="TEMP", help="Cool to 45C before each window; +2C: above the start's.", show_default="off"),
    ] = None,
    cool_at_most: Annotated[
        str | None, typer.Option("--cool-at-most", metavar="TIME", help="Longest wait for that temperature.", show_default="2m")
    ] = None,
    cold_starts: Annotated[
        int | None,
        typer.Option("--cold-starts", help="Loads of each artifact anew, timed and metered apart.", show_default="3, quick 1"),
    ] = None,
    pre: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:FUNC", help="Your function that makes the model's inputs; part of each inference.", show_default=False
        ),
    ] = None,
    post: Annotated[
        str | None,
        typer.Option(metavar="FILE.py:FUNC", help="Your function that takes the outputs; part of each inference.", show_default=False),
    ] = None,
    raw: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Arrays that --pre is given.", show_default="the artifact's samples")
    ] = None,
    sync: Annotated[
        str | None,
        typer.Option(metavar="auto|marker|none", help="Drive a marker load that dates the meter's readings: where needed, always, never."),
    ] = None,
    max_sync_error: Annotated[
        str | None,
        typer.Option(
            "--max-sync-error",
            metavar="TIME|SHARE",
            help="State no energy of windows whose ends are known less well: 5ms, 1%.",
            show_default="1%, or edgekit.toml",
        ),
    ] = None,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Set the governor to performance and stop the services of edgekit.toml meanwhile; put back afterwards."
        ),
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print the steps and how long they take; do none of them.")] = False,
    reanalyse: Annotated[
        str | None, typer.Option(metavar="RUN", help="Repeat the analysis of a stored run instead.", show_default=False)
    ] = None,
) -> None:
    """Measure joules, milliseconds and watts per inference, and keep the raw readings.

    Warm-up, idle, then measured windows with the artifacts in turn, then idle again. Every run is kept in the runs folder,
    also when it is interrupted. `--until 2% --max-time 10m` measures until the intervals are within 2 %, ten minutes at most.
    `--plan` says what would be done and how long it takes.
    """
    from edgekit.config import load
    from edgekit.flows.bench import BenchRequest
    from edgekit.flows.bench import reanalyse as analyse_again
    from edgekit.flows.bench.sweep import batches
    from edgekit.metering import meter_choice
    from edgekit.registry import meter_class, resolve_meter

    settings = load()
    runs_dir = from_here(runs or settings.runs)
    if reanalyse is not None:
        if artifacts:
            raise UsageError("--reanalyse takes no artifacts", code="bench.reanalyse", why="it repeats the analysis of one stored run")
        show(analyse_again(reanalyse, runs_dir=runs_dir), again=False)
        return
    meant = [(name, resolve_meter(name, settings)) for name in meter or _usual_meter(device, settings)]
    for _, kind in meant:
        meter_class(meter_choice(kind, settings).kind)  # an unknown one is refused before anything starts
    meters = tuple(kind if kind.startswith("replay:") else name for name, kind in meant)
    replayed = [name.removeprefix("replay:") for name in meters if name.startswith("replay:")]
    if not artifacts:
        raise UsageError(
            "bench needs an artifact",
            code="bench.no_artifact",
            why="no file was named",
            do=[("make one:", "edgekit convert MODEL"), ("see them:", "ls *.tflite *.onnx")],
        )
    cool_to_c, cool_within_c = (None, None) if cool_to is None else temperature(cool_to, "--cool-to")
    request = BenchRequest(
        artifacts=tuple(artifacts),
        device=device,
        meters=meters,
        runs_dir=runs_dir,
        quick=quick,
        windows=windows,
        window_s=window,
        idle_s=idle,
        warmup_s=warmup,
        cooldown_s=cooldown,
        idle_between_s=idle_between,
        until_rel=None if until is None else share(until, "--until"),
        max_time_s=None if max_time is None else seconds(max_time, "--max-time"),
        threads=threads,
        engine=engine,
        precision=precision,
        delegate=delegate,
        delegate_options=_delegate_options(delegate_option or (), delegate),
        sample_hz=sample_hz,
        profile=profile,
        tags=tuple(tag or ()),
        rate_hz=None if rate is None else amounts.rate(rate, "--rate"),
        spin_s=spin,
        cool_to_c=cool_to_c,
        cool_within_c=cool_within_c,
        cool_at_most_s=None if cool_at_most is None else seconds(cool_at_most, "--cool-at-most"),
        cold_starts=cold_starts,
        pre=pre,
        post=post,
        raw=raw,
        prepare=prepare,
        sync=_sync(settings.sync, sync, max_sync_error),
    )
    sizes = batches(batch)
    if plan:
        _plan(replace(request, batch=sizes[0]), replayed, sizes)
        return
    if len(sizes) > 1 and not replayed:
        sweep(request, sizes)
        return
    request = replace(request, batch=sizes[0])
    show(_replay(request, replayed[0]) if replayed else _run(request))


def _usual_meter(device: str, settings: Config) -> tuple[str, ...]:
    """Return the meter that edgekit.toml names for a device; the flow looks for one where there is none."""
    spec = settings.devices.get(device)
    return (spec.meter,) if spec is not None and spec.meter is not None else ()


def _plan(request: BenchRequest, replayed: Sequence[str], sizes: Sequence[int]) -> None:
    from edgekit.config import load
    from edgekit.flows.bench import preview
    from edgekit.registry import resolve_device

    if replayed:
        raise UsageError("a replay has no plan", code="bench.replay", why="it repeats a recorded run step by step")
    show_plan(preview(request, kind=resolve_device(request.device, load()).kind), sizes)


def _sync(stated: SyncPlan, method: str | None, max_error: str | None) -> SyncPlan:
    """Return what edgekit.toml says of dating windows, with what was typed instead; raise UsageError for what cannot be read."""
    from edgekit.core.sync import METHODS, read_error

    if method is not None and method not in METHODS:
        raise UsageError(
            f"no way to date windows is called {method!r}",
            code="usage.value",
            why=f"known: {', '.join(METHODS)}",
            do=[("find markers where they are needed:", "--sync auto")],
        )
    found = stated if method is None else replace(stated, method=method)
    if max_error is None:
        return found
    try:
        most_s, most_rel = read_error(max_error)
    except ValueError as error:
        raise UsageError(f"--max-sync-error {max_error!r} cannot be read", code="usage.value", why=str(error)) from error
    return replace(found, max_error_s=most_s, max_error_rel=found.max_error_rel if most_rel is None else most_rel)


def _delegate_options(stated: Sequence[str], delegate: str | None) -> dict[str, str]:
    if stated and delegate is None:
        raise UsageError("--delegate-option needs --delegate", code="usage.missing", why="no delegate was named that could take it")
    return dict(setting(text, of="a delegate", example="--delegate-option device=usb") for text in stated)


def _run(request: BenchRequest) -> BenchResult:
    from edgekit.config import load
    from edgekit.flows.bench import bench as measure
    from edgekit.links.clock import SystemClock
    from edgekit.registry import open_device, resolve_device

    device = open_device(resolve_device(request.device, load()))
    return measure(request, device=device, progress=current().progress, date=SystemClock())


def _replay(request: BenchRequest, name: str) -> BenchResult:
    from edgekit.flows.bench import bench as measure
    from edgekit.flows.bench.replay import open_replay
    from edgekit.links.clock import SystemClock

    if len(request.artifacts) != 1 or len(request.meters) != 1:
        raise UsageError("a replay takes one artifact and one meter", code="bench.replay", why="a recorded run has one of each")
    replay = open_replay(name, request.runs_dir)
    return measure(request, device=replay.device(), progress=current().progress, date=SystemClock(), replay=replay)
