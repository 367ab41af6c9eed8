"""Let windows be as long as a slow meter needs, and drive a marker load where nothing else dates its readings well enough.

warm-up, marker, idle, round 1, round 2, ..., idle, marker          marker: rest, 13 chips of inferring or not, rest
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.protocols import DeviceSession, LoadedModel
from edgekit.core.quantity import Note
from edgekit.core.window import Phase, Window
from edgekit.energy.clocks.marker import PAD_CHIPS, marker_s, stretches
from edgekit.energy.conduct.enough import is_short
from edgekit.flows.bench.plan import BenchPlan, BenchRequest

UPDATES, QUICK_UPDATES = 100, 30  # of a meter in one window: an edge that is an update off is 1 % off then
MOST_S, QUICK_MOST_S = 300.0, 60.0  # a window grows to by itself
CHIP_S, LONGEST_CHIP_S = 0.25, 1.0


def with_sync(planned: BenchPlan, request: BenchRequest, specs: Sequence[MeterSpec]) -> tuple[BenchPlan, list[Note]]:
    """Return the plan with windows long enough for the slowest meter and with markers where they are needed, and what is to be said of it.

    Lengths that the user gave stay. Raise UsageError for a marker that would date nothing.
    """
    longer, notes = _longer(planned, request, specs)
    chip_s, why = _chip_s(longer, specs, quick=request.quick)
    if why is not None:
        notes.append(why)
    return replace(longer, run=replace(longer.run, sync=replace(longer.run.sync, chip_s=chip_s))), notes


def growth(planned: BenchPlan, request: BenchRequest) -> str | None:
    """Return when windows grow with a meter that nobody has opened yet; None where the user has said how long they are."""
    updates, most_s = (QUICK_UPDATES, QUICK_MOST_S) if request.quick else (UPDATES, MOST_S)
    window_s = planned.run.window_s
    if request.window_s is not None or window_s >= most_s:
        return None
    return (
        f"longer windows for a meter that renews its values less often than every {window_s / updates:.2g} s "
        f"({updates} updates, {most_s:g} s at most): meters are not opened for a plan"
    )


def drive(model: LoadedModel, session: DeviceSession, index: int, chip_s: float) -> Iterator[Window]:
    """Infer and rest in the pattern of a marker; yield each window of inferring."""
    session.idle(-1, PAD_CHIPS * chip_s)
    for busy, seconds in stretches(chip_s):
        if busy:
            yield model.run(Phase.MARKER, index, seconds=seconds, min_inferences=1)
        else:
            session.idle(-1, seconds)
    session.idle(-1, PAD_CHIPS * chip_s)


def _longer(planned: BenchPlan, request: BenchRequest, specs: Sequence[MeterSpec]) -> tuple[BenchPlan, list[Note]]:
    run = planned.run
    updates, most_s = (QUICK_UPDATES, QUICK_MOST_S) if request.quick else (UPDATES, MOST_S)
    needs = {spec.kind: max(spec.least_window_s or 0.0, min(most_s, updates * _update_s(spec))) for spec in specs}
    kind = max(needs, key=lambda name: needs[name], default="")
    if request.window_s is not None or not needs or needs[kind] <= run.window_s:
        return planned, []
    slow = next(spec for spec in specs if spec.kind == kind)
    longer = replace(run, window_s=needs[kind], idle_s=run.idle_s if request.idle_s is not None else max(run.idle_s, needs[kind]))
    longer = replace(longer, quick=is_short(longer))
    text = f"windows of {longer.window_s:g} s instead of {run.window_s:g} s: meter {kind} renews its values every {_update_s(slow):.3g} s"
    note = Note(code="plan.window", text=text, advice="choose their length yourself with --window and --idle")
    return replace(planned, run=longer), [note]


def _update_s(spec: MeterSpec) -> float:
    """Return how often the slowest power of a meter is new, in seconds."""
    usual_s = 1 / hz if (hz := spec.effective_hz or spec.nominal_hz) else 0.0
    return max((channel.update_period_s or usual_s for channel in spec.channels if _is_read(channel)), default=0.0)


def _is_read(channel: Channel) -> bool:
    return channel.measurand in (Measurand.POWER, Measurand.CURRENT)


def _chip_s(planned: BenchPlan, specs: Sequence[MeterSpec], *, quick: bool) -> tuple[float, Note | None]:
    """Return the length of a marker's chips, 0 for none, and why markers are driven without being asked for."""
    method = planned.run.sync.method
    arriving = [spec for spec in specs if spec.delay is not None and any(_is_read(channel) for channel in spec.channels)]
    if method == "none" or planned.script:
        return 0.0, None
    if method == "marker" and not arriving:
        raise UsageError(
            "--sync marker dates the readings of an instrument on this host",
            code="bench.sync",
            why=f"the run reads {', '.join(spec.kind for spec in specs)}, which has a clock of its own or shares the device's",
            do=[("leave it out:", "edgekit bench ARTIFACT")],
        )
    meant = arriving if method == "marker" else [] if quick else [spec for spec in arriving if _is_vague(spec, planned)]
    if not meant:
        return 0.0, None
    looks = [max(_update_s(spec), *(channel.averaging_s or 0.0 for channel in spec.channels)) for spec in meant]
    chip_s = min(LONGEST_CHIP_S, max(CHIP_S, *looks))
    if method == "marker":
        return chip_s, None
    text = (
        f"how late readings of meter {meant[0].kind} arrive is not known well enough: a marker load of {marker_s(chip_s):.2g} s before and "
    )
    text += "after the windows finds out"
    return chip_s, Note(
        code="sync.marked", text=text, advice="run `edgekit meters selftest` once instead, or leave it out with --sync none"
    )


def _is_vague(spec: MeterSpec, planned: BenchPlan) -> bool:
    """Return whether arrivals date a meter's readings too badly for the windows, and a marker could do better."""
    assert spec.delay is not None
    if any(channel.measurand is Measurand.EDGE for channel in spec.channels):
        return False
    half_s = spec.delay.half_s
    u_s = float("inf") if half_s is None else half_s / 3**0.5
    return 1.96 * u_s > planned.run.sync.allowed_s(planned.window_s) and _update_s(spec) / 12**0.5 < u_s
