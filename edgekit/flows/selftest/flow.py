"""Join planning, conducting, analysing and storing into the one flow behind `edgekit meters selftest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.calibration import Calibration, ChannelCalibration, SelftestRecording
from edgekit.core.channel import MeterSpec
from edgekit.core.errors import HardwareError, InterruptedRun, UsageError
from edgekit.core.protocols import DeviceSession, Progress
from edgekit.core.quantity import Note, Origin
from edgekit.energy.sensors.response import Load, load_of
from edgekit.flows.selftest.analyse import analyse, channels_of, update_periods
from edgekit.flows.selftest.conduct import Conductor
from edgekit.flows.selftest.plan import SelftestRequest, check, first_look, marker, reading_hz, second_look, target_of
from edgekit.links.clock import SystemClock
from edgekit.links.files import require_writable
from edgekit.metering import Chosen, choose
from edgekit.store.calibrations import RECORDING_BYTES, CalibrationStore, identity_of, write_recording

if TYPE_CHECKING:
    from edgekit.core.trace import Trace

_SMALL_W, _SMALL_SHARE = 0.05, 0.002  # what may be a zero: watts, or a share of the instrument's range
_CROWDED = 0.9  # a load that got less of the processor than this shared it with other work


@dataclass(frozen=True, slots=True, kw_only=True)
class SelftestResult:
    """Hold what was found out, about which instrument, and where it is stored (None: nowhere)."""

    calibration: Calibration
    meter: MeterSpec
    stored: Path | None
    kept: Path | None
    notes: tuple[Note, ...] = ()


def selftest(request: SelftestRequest, *, device: Any, store: CalibrationStore, progress: Progress, date: SystemClock) -> SelftestResult:
    """Test one meter of a device; raise InterruptedRun after a Ctrl-C, with nothing stored."""
    check(request)
    created = date.now_utc()
    try:
        progress.step(f"connect to {device.spec.name}")
        with device.connect() as session:
            chosen = choose([request.meter] if request.meter else [], device=device, session=session, store=store)
            spec = _sensor(chosen)
            _require_place(request, spec, store)
            progress.note(_announcement(request, spec))
            recorded, notes = _record(request, session, chosen, spec, progress)
    except KeyboardInterrupt as stop:
        raise InterruptedRun("the self-test was stopped", code="selftest.interrupted", why="nothing of it is stored") from stop
    progress.step("find out how the sensor behaves")
    calibration = Calibration(
        meter=spec.kind,
        identity=identity_of(spec),
        driver=spec.driver,
        created=created,
        device=device.spec.name,
        channels=_channels(request, spec, recorded, store),
        tool={"edgekit": version("edgekit")},
        notes=tuple(notes),
    )
    return _stored(request, calibration, spec, recorded, store)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    traces: Mapping[str, Trace]
    stretches: tuple[Any, ...]
    load: Load | None
    clock: str


def _sensor(chosen: Chosen) -> MeterSpec:
    spec = chosen.specs[0]
    if spec.kind in ("sim", "replay") or not any(channel.origin in (Origin.MEASURED, Origin.EMULATED) for channel in channels_of(spec)):
        raise UsageError(
            f"meter {spec.kind} has no sensor to test",
            code="selftest.no_sensor",
            why="its figures are assumed, exact by construction or recorded: nothing of them depends on an instrument's habits",
            do=[("see the meters that have one:", "edgekit meters")],
        )
    return spec


def _require_place(request: SelftestRequest, spec: MeterSpec, store: CalibrationStore) -> None:
    """Raise SetupError now for a place where nothing can be stored: after minutes of load it would be too late to say so."""
    if identity_of(spec):
        store.require_writable(spec)
    if request.keep:
        require_writable(request.keep, size=RECORDING_BYTES)


def _announcement(request: SelftestRequest, spec: MeterSpec) -> Note:
    emulated = " (emulated)" if any(channel.origin is Origin.EMULATED for channel in spec.channels) else ""
    text = f"self-test of meter {spec.kind}{emulated} in about {request.seconds + 5:.0f} s: leave the machine alone meanwhile"
    if request.zero:
        text = f"zero of meter {spec.kind}{emulated} in about {request.seconds + 5:.0f} s: nothing may be connected to its output"
    return Note(code="selftest.announced", text=text)


def _record(
    request: SelftestRequest, session: DeviceSession, chosen: Chosen, spec: MeterSpec, progress: Progress
) -> tuple[_Recorded, list[Note]]:
    clock = session.clock_map().source
    target = target_of(request, spec)
    conductor = Conductor(session, chosen, target=target, threads=request.threads, seed=request.seed, progress=progress)
    progress.step("warm up")
    refused = conductor.warm_up()
    notes = [refused] if refused else []
    loaded = target is not None and refused is None
    channels = channels_of(spec)
    traces = conductor.conduct(first_look(request.seconds, loaded=loaded), hz=reading_hz(channels), clock=clock)
    if loaded:
        found = [item.value for item in update_periods(spec, traces).values() if item.value is not None]
        steps = (*second_look(request.seconds, found), *marker(spec, found))
        traces = conductor.conduct(steps, hz=reading_hz(channels, found), clock=clock)
        notes += _crowded(conductor.busy)
    load = load_of(conductor.busy) if loaded else None
    return _Recorded(traces=traces, stretches=tuple(conductor.stretches), load=load, clock=clock), notes


def _crowded(busy: Sequence[Sequence[Sequence[int]]]) -> list[Note]:
    rows = [row for own in busy for row in own]
    share = sum(row[2] for row in rows) / max(1, sum(row[1] - row[0] for row in rows))
    if share >= _CROWDED:
        return []
    text = f"the load got {100 * share:.0f} % of the processor time it asked for: other work ran meanwhile, and intervals are wider for it"
    return [Note(code="selftest.crowded", text=text, advice="close other programs and repeat")]


def _channels(request: SelftestRequest, spec: MeterSpec, recorded: _Recorded, store: CalibrationStore) -> tuple[ChannelCalibration, ...]:
    """Return what was found; a look at the zero alone adds it to what an earlier self-test found of the same channels."""
    found = analyse(spec, recorded.traces, recorded.stretches, recorded.load, seed=request.seed)
    current = store.known(spec).current
    earlier = {item.channel: item for item in current.channels} if current is not None else {}
    if request.zero:
        _require_zero(found, spec)
        return tuple(replace(earlier.get(item.channel, item), zero_w=item.idle_w) for item in found)
    return tuple(replace(item, zero_w=earlier[item.channel].zero_w) if item.channel in earlier else item for item in found)


def _require_zero(found: Sequence[ChannelCalibration], spec: MeterSpec) -> None:
    """Raise HardwareError where so much was read that something must be connected."""
    most_w = max(_SMALL_W, _SMALL_SHARE * spec.max_power_w)
    for item in found:
        if item.idle_w.value is not None and abs(item.idle_w.value) > most_w:
            raise HardwareError(
                f"{item.channel} reads {item.idle_w.value:.3g} W, which is no zero",
                code="selftest.not_zero",
                why=f"with nothing connected an instrument of its range shows less than {most_w:.3g} W",
                do=[("unplug what it measures, then repeat:", f"edgekit meters selftest {spec.kind} --zero")],
            )


def _stored(
    request: SelftestRequest, calibration: Calibration, spec: MeterSpec, recorded: _Recorded, store: CalibrationStore
) -> SelftestResult:
    recording = SelftestRecording(created=calibration.created, meter=spec, stretches=recorded.stretches)
    traces = [*recorded.traces.values(), *([_load_trace(recorded.load, recorded.clock)] if recorded.load else [])]
    notes = list(calibration.notes)
    stored = store.save(calibration, recording, traces) if calibration.identity else None
    if stored is None:
        text = "this meter does not say which instrument it is: the result is shown and not stored, for it could be taken for another's"
        notes.append(Note(code="selftest.no_identity", text=text))
    kept = write_recording(request.keep, recording, traces) if request.keep else None
    return SelftestResult(calibration=calibration, meter=spec, stored=stored, kept=kept, notes=tuple(notes))


def _load_trace(load: Load, clock: str) -> Trace:
    import numpy as np

    from edgekit.core.trace import Trace

    none = np.zeros(len(load.t_ns), np.int64)
    return Trace(
        channel="load", clock=clock, t_ns=load.t_ns.astype(np.int64), bracket_ns=none, value=load.share, flags=none.astype(np.uint8)
    )
