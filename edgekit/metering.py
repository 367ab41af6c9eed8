"""Choose the meters of a run, the ones asked for or the best one the device offers, and describe what they deliver.

How a sensor behaves comes from the stored self-test of this very instrument behind this very driver; without one, from what is documented.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgekit.config import Config, MeterChoice, load
from edgekit.core.calibration import Calibration, ChannelCalibration
from edgekit.core.channel import Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import DeviceSession, HostMeter, ReadingSink, ReadingWatch, TargetMeter
from edgekit.core.quantity import Note, Quantity, Unknown
from edgekit.core.sync import Delay
from edgekit.links.clock import HostClock
from edgekit.meters.discover import Attached, Surroundings, discover, discoverable, is_place, locate
from edgekit.registry import METERS, meter_class
from edgekit.sim.clock import ScriptedClock
from edgekit.store.calibrations import CalibrationStore

WHOLE = 0.85  # a self-test cannot tell a sensor that looks nearly always from one that always does
# By trust: counters that measure come before the estimate from CPU time.
_BEST_FIRST: dict[str, tuple[str, ...]] = {
    "sim": ("sim",),
    "pi": ("pmic", "cputime"),
    "jetson": ("jetson", "cputime"),
    "board": (),  # it has no counters of its own
}
_BEST_FIRST_ON = {"x86": ("rapl", "cputime"), "arm": ("jetson", "pmic", "cputime")}
_BESIDE = {("cuda", "nvml"): "rapl"}  # what the host's processors take while they feed the GPU
_GPU_FIRST_ON = {"x86": ("nvml",), "arm": ("nvml", "jetson")}  # a Jetson's GPU has no power reading in NVML
# What counts less than the board takes in: it is chosen where nothing wider is on the board, and says so.
_UNSTATED = Delay(seconds=0.0, half_s=None, source="nobody states how late its readings arrive")
_PARTIAL = {"jetson": "a meter at the supply sees the carrier board too", "pmic": "a USB meter sees the board's whole input"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Hold the meters of a run: counters read on the device, instruments read on this host, and how they were chosen.

    `specs` have the `calibrations` merged in; `notes` say which calibrations exist and are not used.
    """

    counters: tuple[str, ...]
    hosts: tuple[HostMeter, ...]
    specs: tuple[MeterSpec, ...]
    note: Note
    calibrations: tuple[Calibration, ...] = ()
    notes: tuple[Note, ...] = ()


def choose(names: Sequence[str], *, device: Any, session: DeviceSession, store: CalibrationStore | None = None) -> Chosen:
    """Return the meters called `names`, or the best usable one when there are none; raise HardwareError when it is not usable.

    Self-tests are looked for in `store`, by default the one that the configuration names.
    """
    return _calibrated(_choose(names, device=device, session=session), store)


def require_known(names: Sequence[str]) -> None:
    """Raise UsageError for a meter that does not exist: said before a device is reached, which may take long."""
    config = load()
    for name in names:
        meter_class(meter_choice(name, config).kind)


def calibration_store() -> CalibrationStore:
    """Return the store of self-tests that holds in the working directory."""
    return CalibrationStore(load().data / "calibrations")


def merged(spec: MeterSpec, calibration: Calibration) -> MeterSpec:
    """Return `spec` with what a self-test found out about its channels; what it could not find out stays as documented."""
    found = {item.channel: item for item in calibration.channels}
    channels = tuple(_merged(channel, found.get(channel.id)) for channel in spec.channels)
    periods = [
        item.update_period_s for item in found.values() if any(channel.id == item.channel and _is_power(channel) for channel in channels)
    ]
    known = [period.value for period in periods if period.value is not None]
    zeros = [abs(item.zero_w.value) for item in found.values() if item.zero_w.value is not None]
    stated = spec.accuracy
    offset_w = max([*zeros, *([stated.offset_w] if stated.offset_w is not None else [])], default=None)
    return replace(
        spec,
        channels=channels,
        delay=_delay(spec, calibration),
        accuracy=replace(stated, offset_w=offset_w),
        effective_hz=1 / min(known) if known else spec.effective_hz,
    )


def _delay(spec: MeterSpec, calibration: Calibration) -> Delay | None:
    """Return how late readings arrive as a self-test found it, where it knows that better than what is documented."""
    found = [item.delay_s for item in calibration.channels if item.delay_s.value is not None]
    if spec.delay is None or not found:
        return spec.delay
    best = min(found, key=lambda item: item.high - item.low)
    half_s = (best.high - best.low) / 2 * 3**0.5 / 1.96  # of a rectangle with the standard uncertainty of the interval
    if spec.delay.half_s is not None and spec.delay.half_s <= half_s:
        return spec.delay
    return Delay(seconds=best.value, half_s=half_s, source=f"the self-test of {calibration.created[:10]}", verified=True)


def _is_power(channel: Channel) -> bool:
    return channel.measurand is Measurand.POWER


def _merged(channel: Channel, found: ChannelCalibration | None) -> Channel:
    if found is None:
        return channel
    share, share_range = _share(found.sampled_fraction, channel)
    averaging_s = _or(found.averaging_s, channel.averaging_s) if channel.measurand is Measurand.POWER else channel.averaging_s
    return replace(
        channel,
        update_period_s=_or(found.update_period_s, channel.update_period_s),
        sampled_fraction=share,
        sampled_fraction_range=share_range,
        averaging_s=averaging_s,
    )


def _share(found: Quantity, channel: Channel) -> tuple[float | None, tuple[float, float] | None]:
    """Return the share of the time at which a sensor looks, with its interval; one that cannot be told from the whole is taken for it."""
    if isinstance(found, Unknown):
        return channel.sampled_fraction, channel.sampled_fraction_range
    if found.high >= 1 and found.low >= WHOLE:
        return 1.0, None
    return found.value, (max(0.0, found.low), min(1.0, found.high))


def _or(found: Quantity, documented: float | None) -> float | None:
    return documented if found.value is None else found.value


def _calibrated(chosen: Chosen, store: CalibrationStore | None) -> Chosen:
    if not any(spec.identity for spec in chosen.specs):
        return chosen
    store = store or calibration_store()
    known = [store.known(spec) for spec in chosen.specs]
    specs = tuple(merged(spec, item.current) if item.current else spec for spec, item in zip(chosen.specs, known, strict=True))
    notes = [note for item in known for note in item.notes]
    for spec, item in zip(chosen.specs, known, strict=True):
        if item.current is None and item.others:
            notes.append(_other_driver(spec, item.others[0]))
    used = tuple(item.current for item in known if item.current is not None)
    return replace(chosen, specs=specs, calibrations=used, notes=tuple(notes))


def _other_driver(spec: MeterSpec, stored: Calibration) -> Note:
    found = f"the self-test of meter {spec.kind} ({stored.created[:10]}) is not used"
    return Note(
        code="calibration.other_driver",
        text=f"{found}: it was made behind {stored.driver}, now it is {spec.driver}",
        advice=f"repeat it: `edgekit meters selftest {spec.kind}`",
    )


def _choose(names: Sequence[str], *, device: Any, session: DeviceSession) -> Chosen:
    kind = device.spec.kind
    if names:
        return _open(names, device=device, session=session, why="asked for")
    refused = []
    for name in _best_first(kind, session):
        try:
            chosen = _open([name], device=device, session=session, why="the best available")
        except HardwareError as error:
            refused.append(f"{name}: {error.why}")
            continue
        chosen = _with_beside(chosen, _BESIDE.get((kind, name)), name, device=device, session=session)
        return chosen if not refused else _with_reason(chosen, refused)
    raise HardwareError(
        f"device {device.spec.name} offers no usable meter",
        code="meter.none",
        why="; ".join(refused) or "it has no counters of its own: name the instrument that supplies it with --meter",
        do=[
            ("name the instrument in its supply line:", f"edgekit bench ARTIFACT --device {shlex.quote(device.spec.name)} --meter um25c"),
            ("or see every meter and its remedy:", "edgekit meters --all"),
        ],
    )


def _with_beside(chosen: Chosen, other: str | None, name: str, *, device: Any, session: DeviceSession) -> Chosen:
    """Return the choice with the meter that is read beside it, or with the reason why that one cannot be used."""
    if other is None:
        return chosen
    try:
        return _open([name, other], device=device, session=session, why="the best available, and the host's processors beside it")
    except HardwareError as error:
        return _with_reason(chosen, [f"{other}: {error.why}"])


def _best_first(kind: str, session: DeviceSession) -> tuple[str, ...]:
    if kind in _BEST_FIRST:
        return _BEST_FIRST[kind]
    family = "arm" if (session.facts().arch or "").startswith(("arm", "aarch")) else "x86"
    return (_GPU_FIRST_ON if kind == "cuda" else _BEST_FIRST_ON)[family]


def _open(names: Sequence[str], *, device: Any, session: DeviceSession, why: str) -> Chosen:
    targets: list[TargetMeter] = []
    hosts: list[HostMeter] = []
    for choice in (meter_choice(name, load()) for name in names):
        meter = meter_class(choice.kind)
        if hasattr(meter, "counter"):
            targets.append(meter())
        else:
            hosts.append(_host_meter(choice, meter, device))
    specs = [*_target_specs(targets, device=device, session=session), *(_dated(meter.spec()) for meter in hosts)]
    places = ", ".join(sorted({f"{channel.boundary} ({channel.origin})" for spec in specs for channel in spec.channels}))
    partial = [f"{spec.detail}; {_PARTIAL[spec.kind]}" for spec in specs if spec.kind in _PARTIAL]
    return Chosen(
        counters=tuple(meter.counter for meter in targets),
        hosts=tuple(hosts),
        specs=tuple(specs),
        note=Note(code="meter.chosen", text=f"meter {', '.join(names)}, {why}: {'; '.join([places, *partial])}"),
    )


def _dated(spec: MeterSpec) -> MeterSpec:
    """Return what an instrument on this host delivers; one that states nothing about how late that is may be late by anything."""
    scripted = spec.kind in ("sim", "replay")
    return spec if scripted or spec.device_clock or spec.delay is not None else replace(spec, delay=_UNSTATED)


def _target_specs(targets: Sequence[TargetMeter], *, device: Any, session: DeviceSession) -> list[MeterSpec]:
    if not targets:
        return []
    probes = session.probe([meter.counter for meter in targets])
    facts = session.facts()
    return [spec_of(meter, probes[meter.counter], device=device.spec, facts=facts) for meter in targets]


def spec_of(meter: TargetMeter, probe: Mapping[str, Any], *, device: DeviceSpec, facts: DeviceFacts) -> MeterSpec:
    """Return what a meter makes of a probe on this device; raise HardwareError when it is not usable."""
    # Counters read below a replaced root ("powercap_root = ...") are a rehearsal: whatever they say was not measured.
    rehearsal = {"emulated": True} if any(name.endswith("_root") for name in device.options) else {}
    return meter.spec({**probe, "arch": facts.arch or "", "kernel": facts.kernel or "", **rehearsal})


def meter_choice(name: str, config: Config) -> MeterChoice:
    """Return the meter that edgekit.toml calls `name`, else the one of that kind; "KIND:ADDRESS,OPTION=VALUE" needs no name."""
    bare, options = name, dict[str, str]()
    while found := re.fullmatch(r"(?P<rest>.*),(?P<key>[a-z][a-z0-9_]*)=(?P<value>[^,]*)", bare):
        bare, options = found["rest"], {found["key"]: found["value"], **options}
    named = config.meters.get(bare)
    if named is not None:
        return replace(named, options={**named.options, **options})
    kind, _, address = bare.partition(":")
    return MeterChoice(name=bare, kind=kind, address=address or None, options=options)


def begin(meter: HostMeter, sink: ReadingSink, watch: ReadingWatch | None = None) -> None:
    """Start an instrument; one of another package may know nothing of a watch."""
    if len(inspect.signature(meter.start).parameters) > 1:
        meter.start(sink, watch)
    else:
        meter.start(sink)


def open_host_meter(choice: MeterChoice, around: Surroundings | None = None) -> HostMeter:
    """Return the instrument on this host that is meant, found where no place is given; raise UsageError or HardwareError."""
    meter = meter_class(choice.kind)
    if hasattr(meter, "counter") or choice.kind in ("sim", "replay"):
        raise UsageError(
            f"meter {choice.kind} is not an instrument on this host",
            code="meter.not_on_host",
            why="it is read on the device, by a benchmark",
            do=[("measure with it:", f"edgekit bench ARTIFACT --meter {choice.kind}")],
        )
    return _added_meter(located(choice, meter, around), meter)


def located(choice: MeterChoice, meter: type[Any], around: Surroundings | None = None) -> MeterChoice:
    """Return the choice with the place of the instrument; what sits behind a pseudo-terminal is marked as emulated."""
    if discoverable(meter) and not (choice.address and is_place(choice.address)):
        found: Attached = locate(choice.kind, choice.address, discover({choice.kind: meter}, around), meter)
        serial = {"serial": found.serial} if found.serial else {}
        return replace(choice, address=found.address, options={**serial, **choice.options})
    if choice.address and os.path.realpath(choice.address).startswith("/dev/pts/"):
        return replace(choice, options={"emulated": "yes", **choice.options})
    return choice


def _host_meter(choice: MeterChoice, meter: Any, device: Any) -> HostMeter:
    clock, name = getattr(device, "clock", HostClock()), choice.kind
    if name == "sim" and isinstance(clock, ScriptedClock):
        opened: HostMeter = meter(plant=device.plant, clock=clock)
        return opened
    if name == "sim":
        raise HardwareError(
            "meter sim goes with device sim only",
            code="meter.sim_alone",
            why="it reads an emulated plant, which a real device does not touch",
            do=[("rehearse with both:", "edgekit bench ARTIFACT --device sim --meter sim")],
        )
    if name == "replay":
        raise UsageError(
            "meter replay needs the run to replay",
            code="meter.replay_what",
            why="it repeats recorded readings",
            do=[("name the run:", "edgekit bench ARTIFACT --meter replay:RUN")],
        )
    if isinstance(clock, ScriptedClock) and name in METERS:
        raise HardwareError(
            f"meter {name} does not go with device {device.spec.name}",
            code="meter.real_alone",
            why="the device is emulated on a clock of its own, which no instrument follows",
            do=[("rehearse on this machine:", f"edgekit bench ARTIFACT --device local --meter {choice.name}")],
        )
    return open_host_meter(choice)


def _added_meter(choice: MeterChoice, meter: Any) -> HostMeter:
    """Open a meter of another package, with its address and options where the user gave any."""
    given = {"address": choice.address, "options": dict(choice.options)}
    given = {key: value for key, value in given.items() if value}
    try:
        inspect.signature(meter).bind(**given)
    except TypeError as error:
        raise UsageError(
            f"meter {choice.kind} takes no {' and no '.join(given)}",
            code="meter.options",
            why=f"{choice.name} was given {', '.join(f'{key} {value!r}' for key, value in given.items())}",
            do=[("use it without:", f"edgekit bench ARTIFACT --meter {choice.kind}")],
        ) from error
    opened: HostMeter = meter(**given)
    return opened


def _with_reason(chosen: Chosen, refused: Sequence[str]) -> Chosen:
    text = f"{chosen.note.text}; not usable: {'; '.join(refused)}"
    note = Note(code=chosen.note.code, text=text, advice="`edgekit meters --all` shows how to make a better meter usable")
    return replace(chosen, note=note)
