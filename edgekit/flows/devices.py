"""List the devices a user can name, with whether each can be used now; add one to edgekit.toml."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.config import BUILT_IN_DEVICES, Config, load
from edgekit.config.edit import add_device, remove_device
from edgekit.core.errors import EdgekitError, HardwareError, UsageError, unknown_name
from edgekit.core.hardware import REHEARSAL, DeviceFacts, DeviceSpec
from edgekit.core.protocols import Device, Progress
from edgekit.core.quantity import Note
from edgekit.registry import added_classes, meter_names, open_device

_FAR_OPTIONS = ("python", "venv", "cache", "threads", "ssh_config", "host_keys", "lock", "gpu", REHEARSAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDevice:
    """Say whether one device can be used now: facts when it answers, else why not and what to do."""

    name: str
    kind: str
    address: str | None
    source: str
    usable: bool
    why: str = ""
    do: tuple[tuple[str, str], ...] = ()
    facts: DeviceFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList:
    """Hold all devices; `notes` name the plug-ins that were skipped."""

    devices: tuple[ListedDevice, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedDevice:
    """Hold a device that was written to a configuration file; `kept` and `gone` name what stood there before and was not named now."""

    device: DeviceSpec
    file: Path
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def plan(config: Config) -> list[tuple[DeviceSpec, str]]:
    """Return every device with where its name comes from; a configured name hides a built-in one."""
    built_in = [(spec, "built in") for name, spec in BUILT_IN_DEVICES.items() if name not in config.devices]
    return [*built_in, *((spec, str(config.path)) for spec in config.devices.values())]


def devices(config: Config, *, progress: Progress, connect: Callable[[DeviceSpec], Device] = open_device) -> DeviceList:
    """Connect to every device and return what it says; a device that cannot be used is listed with the reason."""
    asked = plan(config)
    listed = []
    progress.step("ask each device", total=len(asked))
    for done, (spec, source) in enumerate(asked, 1):
        listed.append(_ask(spec, source, connect))
        progress.advance(done, spec.name)
    _, notes = added_classes("device")
    return DeviceList(devices=tuple(listed), notes=notes)


def add(
    name: str, address: str, *, options: dict[str, str], start: Path, force: bool, kind: str | None = None, meter: str | None = None
) -> AddedDevice:
    """Write a device into edgekit.toml; raise UsageError or SetupError, leaving the file as it was."""
    if meter is not None:
        known_meter(meter, load(start))
    if address.startswith("ssh:"):
        check_options(options)
    before = load(start).devices.get(name)
    file, device = add_device(name, address, options=options, start=start, force=force, kind=kind, meter=meter)
    had = _rest(before, options, meter) if before is not None else ()
    left = _rest(device, options, meter)
    return AddedDevice(
        device=device, file=file, kept=tuple(word for word in had if word in left), gone=tuple(word for word in had if word not in left)
    )


def _rest(device: DeviceSpec, options: Mapping[str, str], meter: str | None) -> tuple[str, ...]:
    """Return what a device has beside what is named, as people write it."""
    found = [f"{key}={value}" for key, value in device.options.items() if key not in options]
    found += [f"meter {device.meter}"] if meter is None and device.meter is not None else []
    return (*found, *([f"services {', '.join(device.services)}"] if device.services else ()))


def remove(name: str, *, start: Path) -> Path:
    """Take a device out of edgekit.toml; return the file. Its runs stay."""
    return remove_device(name, start=start)


def check_options(options: Mapping[str, str]) -> None:
    """Raise UsageError for an option that a machine behind ssh does not have, or a number of threads that is none."""
    from edgekit.devices.base import ROOTS

    known = (*_FAR_OPTIONS, *ROOTS)
    for name in options:
        if name not in known:
            do = [(f"did you mean {match}?", "") for match in difflib.get_close_matches(name, known, n=2)]
            raise UsageError(
                f"a device has no option {name!r}",
                code="usage.value",
                why=f"known for a machine behind ssh: {', '.join(_FAR_OPTIONS)}",
                do=do,
            )
    threads = options.get("threads", "1")
    if not (threads.isascii() and threads.isdecimal() and 1 <= int(threads) <= 1024):
        why = "it is a whole number from 1 to 1024"
        raise UsageError(f"threads is {threads!r}", code="usage.value", why=why, do=[("write it like this:", "-o threads=4")])


def known_meter(name: str, config: Config) -> None:
    """Raise UsageError for a meter that nobody knows: neither a name of edgekit.toml nor a kind, with an address or without."""
    kind = name.partition(":")[0]
    if name not in config.meters and kind not in meter_names():
        raise unknown_name("meter", name, {*meter_names(), *config.meters}, list_command="edgekit meters --all")


def _ask(spec: DeviceSpec, source: str, connect: Callable[[DeviceSpec], Device]) -> ListedDevice:
    try:
        with connect(spec).connect() as session:
            facts = session.facts()
    except EdgekitError as error:
        return ListedDevice(
            name=spec.name, kind=spec.kind, address=spec.address, source=source, usable=False, why=_reason(error), do=error.do
        )
    return ListedDevice(name=spec.name, kind=spec.kind, address=spec.address, source=source, usable=True, facts=facts)


def _reason(error: EdgekitError) -> str:
    return error.why or error.what if isinstance(error, HardwareError) else str(error)
