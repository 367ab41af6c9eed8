"""List the meters of a device, and the instruments on this host: what can be used, what is there but refuses, and what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from edgekit.config import Config, MeterChoice
from edgekit.core.boundary import Boundary
from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Device, Progress
from edgekit.core.quantity import Note, Origin
from edgekit.metering import spec_of
from edgekit.meters.discover import Attached, Surroundings, discover, discoverable, is_place, judged
from edgekit.registry import added_classes, meter_class, meter_names, open_device
from edgekit.sim.emulators.kinds import EMULATED
from edgekit.store.calibrations import CalibrationStore


class State(StrEnum):
    """Say whether a meter can be used: a refused one is there, but something must be done first."""

    USABLE = "usable"
    REFUSED = "refused"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMeter:
    """Say what one meter counts, where, and whether it can be used now; `calibrated` is the date of its self-test, where there is one."""

    name: str
    kind: str
    state: State
    boundaries: tuple[Boundary, ...] = ()
    origins: tuple[Origin, ...] = ()
    detail: str = ""
    calibrated: str = ""
    why: str = ""
    do: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterList:
    """Hold all meters of one device; `notes` name the plug-ins that were skipped."""

    device: str
    meters: tuple[ListedMeter, ...]
    notes: tuple[Note, ...] = ()


_ON_HOST = {
    "sim": ListedMeter(
        name="sim",
        kind="sim",
        state=State.USABLE,
        boundaries=(Boundary.USB_INPUT,),
        origins=(Origin.EMULATED,),
        detail="goes with device sim: edgekit bench ARTIFACT --device sim --meter sim",
    ),
    "replay": ListedMeter(
        name="replay", kind="replay", state=State.USABLE, detail="repeats the readings of an earlier run: --meter replay:RUN"
    ),
}


def meters(
    config: Config,
    device: DeviceSpec,
    *,
    progress: Progress,
    connect: Callable[[DeviceSpec], Device] = open_device,
    around: Surroundings | None = None,
) -> MeterList:
    """Ask `device` for its counters and this host for its instruments; raise HardwareError when the device cannot be reached."""
    added, notes = added_classes("meter")
    classes = {name: meter_class(name) for name in meter_names() if name not in added and name not in _ON_HOST} | added
    counters = {name: kind.counter for name, kind in classes.items() if hasattr(kind, "counter")}
    progress.step(f"ask {device.name} for its meters")
    with connect(device).connect() as session:
        probes, facts = session.probe(sorted(set(counters.values()))), session.facts()
    store = CalibrationStore(config.data / "calibrations")
    on_target = [describe(name, classes[name], probes[counter], facts, device, store) for name, counter in counters.items()]
    elsewhere = [ListedMeter(name=name, kind=name, state=State.USABLE, detail="from a plug-in") for name in added if name not in counters]
    drivers = {name: kind for name, kind in classes.items() if name not in counters and name not in added}
    here = _on_this_host(drivers, around or Surroundings())
    found = {meter.name: meter for meter in (*on_target, *here, *elsewhere, *_ON_HOST.values())}
    named = [_configured(choice, found, drivers, around or Surroundings()) for choice in config.meters.values()]
    return MeterList(device=device.name, meters=(*found.values(), *named), notes=notes)


def describe(
    name: str, kind: type[Any], probe: Mapping[str, Any], facts: DeviceFacts, device: DeviceSpec, store: CalibrationStore
) -> ListedMeter:
    """Return what a probe says about one meter that is read on the device."""
    if not probe.get("usable"):
        do = tuple((str(advice), str(command)) for advice, command in probe.get("do", ()))
        there = bool(do) and (name != "nvml" or facts.gpu is not None)
        return ListedMeter(name=name, kind=name, state=State.REFUSED if there else State.ABSENT, why=_why(probe), do=do)
    try:
        spec = spec_of(kind(), probe, device=device, facts=facts)
    except EdgekitError as error:
        return ListedMeter(name=name, kind=name, state=State.REFUSED, why=error.why or error.what, do=error.do)
    tested = store.known(spec).current
    return ListedMeter(
        name=name,
        kind=name,
        state=State.USABLE,
        boundaries=tuple(dict.fromkeys(channel.boundary for channel in spec.channels)),
        origins=tuple(dict.fromkeys(channel.origin for channel in spec.channels)),
        detail=spec.detail,
        calibrated=tested.created[:10] if tested else "",
    )


def _on_this_host(drivers: Mapping[str, type[Any]], around: Surroundings) -> list[ListedMeter]:
    """Return each connected instrument, and one line for each kind of which none is."""
    attached = discover(drivers, around)
    present = {item.kind for item in attached}
    absent = [
        ListedMeter(name=kind, kind=kind, state=State.ABSENT, why=_not_found(driver), do=_rehearse(kind))
        for kind, driver in drivers.items()
        if kind not in present
    ]
    return [*map(_listed, attached), *absent]


def _listed(item: Attached) -> ListedMeter:
    state = State.REFUSED if item.why else State.USABLE
    detail = " ".join(part for part in (item.product or item.kind, "at", item.address) if part)
    return ListedMeter(name=item.word, kind=item.kind, state=state, detail=detail, why=item.why, do=item.do)


def _not_found(driver: type[Any]) -> str:
    return "none is connected" if discoverable(driver) else "it is not looked for: say where it is"


def _rehearse(kind: str) -> tuple[tuple[str, str], ...]:
    return (("rehearse without one:", f"edgekit meters emulate {kind}"),) if kind in EMULATED else ()


def _configured(
    choice: MeterChoice, found: Mapping[str, ListedMeter], drivers: Mapping[str, type[Any]], around: Surroundings
) -> ListedMeter:
    driver = drivers.get(choice.kind)
    if driver is None or not choice.address:
        first = next((meter for meter in found.values() if meter.kind == choice.kind), None)
        return _renamed(choice, found.get(choice.kind) or first)
    if discoverable(driver) and not is_place(choice.address):
        return _renamed(choice, found.get(f"{choice.kind}:{choice.address}") or found.get(choice.kind))
    if not choice.address.startswith("/"):  # what is reached over a network is asked when it is used
        return _renamed(choice, ListedMeter(name=choice.name, kind=choice.kind, state=State.USABLE))
    return _renamed(choice, _listed(judged(Attached(kind=choice.kind, address=choice.address), around)))


def _renamed(choice: MeterChoice, kind: ListedMeter | None) -> ListedMeter:
    if kind is None:
        return ListedMeter(name=choice.name, kind=choice.kind, state=State.ABSENT, why=f"no meter kind is called {choice.kind!r}")
    return replace(kind, name=choice.name, detail=" ".join(part for part in (choice.kind, choice.address) if part))


def _why(probe: Mapping[str, Any]) -> str:
    why, detail = str(probe.get("why", "")), str(probe.get("detail", ""))
    return f"{why} ({detail})" if why and detail else why or detail
