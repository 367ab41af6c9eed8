"""Change edgekit.toml: what is not meant stays as it was written, comments and order included. Names and addresses are checked first."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit.config import BUILT_IN_DEVICES, FILE_NAME, NAME, NAMES_HOLD, Config, find, parse
from edgekit.config.address import kind_of
from edgekit.core.errors import UsageError, unknown_name
from edgekit.core.hardware import DeviceSpec
from edgekit.links.files import read_text, write_atomic

_KINDS_OF = {"ssh": ("ssh", "pi", "jetson", "cuda")}  # a scheme says how a machine is reached; what it is may be more
_JETSON = re.compile(r"jetson|orin|xavier|tegra|jetpack", re.IGNORECASE)
_PI = re.compile(r"(?<![a-z])(r?pi(?![a-z])|rpi|raspberry)", re.IGNORECASE)


def add_device(
    name: str,
    address: str,
    *,
    options: Mapping[str, str],
    start: Path,
    force: bool = False,
    kind: str | None = None,
    meter: str | None = None,
) -> tuple[Path, DeviceSpec]:
    """Write a device into edgekit.toml; return (file, device). `kind` None: guessed from name and address.

    With `force`, what was written for a device of that name and is not named now stays: services, meter and comments, and, while it
    is reached in the same way, its kind and its options.

    Raises UsageError for a name, kind or address that cannot be meant or is taken, SetupError for a file that is wrong or not writable.
    """
    import tomlkit

    check_name(name)
    stated = _kind(name, address, kind)
    path = (find(start) or start.absolute() / FILE_NAME).resolve()
    known = _known(path, start)
    before = known.devices.get(name)
    if before is not None and not force:
        command = ["edgekit", "devices", "add", name, address, *(word for pair in options.items() for word in ("-o", "=".join(pair)))]
        command += [word for option, value in (("--kind", kind), ("--meter", meter)) if value is not None for word in (option, value)]
        raise UsageError(
            f"a device called {name!r} is already in {path.name}",
            code="device.exists",
            why=f"{path}: its address is {before.address}",
            do=[("change what is named here, and keep the rest:", shlex.join([*command, "--force"]))],
        )
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    devices = document.setdefault("devices", tomlkit.table(is_super_table=True))
    device = _joined(before, DeviceSpec(name=name, kind=stated, address=address, options=dict(options), meter=meter), named=kind)
    table = devices[name] if before is not None else tomlkit.table()
    table.update({"kind": device.kind, "address": address, **({"meter": device.meter} if device.meter is not None else {})})
    if before is None or device.options != before.options:
        table.pop("options", None)
        if device.options:
            table["options"] = _inline(device.options)
    devices[name] = table
    write_atomic(path, tomlkit.dumps(document).rstrip("\n") + "\n")
    return path, device


def _joined(before: DeviceSpec | None, now: DeviceSpec, *, named: str | None) -> DeviceSpec:
    """Return the device with what was written before and is not named now: kind and options, where it is reached as before."""
    if before is None:
        return now
    device = replace(now, meter=now.meter or before.meter, services=before.services)
    if _scheme(before.address) != _scheme(now.address):
        return device
    return replace(device, kind=now.kind if named is not None else before.kind, options={**before.options, **now.options})


def _scheme(address: str | None) -> str:
    return (address or "").partition(":")[0]


def set_options(name: str, options: Mapping[str, str], *, start: Path) -> Path:
    """Replace the options of a configured device; raise UsageError where there is no such device, SetupError for a file that is wrong."""

    def change(devices: Any) -> None:
        devices[name].pop("options", None)
        if options:
            devices[name]["options"] = _inline(options)

    return _changed(name, start, change)


def remove_device(name: str, *, start: Path) -> Path:
    """Take a device out of edgekit.toml; raise UsageError where there is no such device, SetupError for a file that is wrong."""
    return _changed(name, start, lambda devices: devices.__delitem__(name))


def check_name(name: str) -> None:
    """Raise UsageError for a name that could not be typed or that means something already."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a device", code="device.name", why=NAMES_HOLD)
    if name in BUILT_IN_DEVICES:
        raise UsageError(f"the device {name!r} is built in", code="device.name", why="it can be used without adding it")


def _kind(name: str, address: str, stated: str | None) -> str:
    scheme = kind_of(address)
    kinds = _KINDS_OF.get(scheme, (scheme,))
    if stated is not None and stated not in kinds:
        raise UsageError(
            f"a device at {address} is not of kind {stated!r}",
            code="device.kind",
            why=f"kinds of devices at {scheme}: are {', '.join(kinds)}",
        )
    if stated is not None or scheme != "ssh":
        return stated or scheme
    words = f"{name} {address.rpartition('@')[2]}"
    return "jetson" if _JETSON.search(words) else "pi" if _PI.search(words) else "ssh"


def _changed(name: str, start: Path, change: Callable[[Any], None]) -> Path:
    import tomlkit

    found = find(start)
    path = (found or start.absolute() / FILE_NAME).resolve()
    known = _known(path, start)
    if name not in known.devices:
        if name in BUILT_IN_DEVICES:
            raise UsageError(f"the device {name!r} is built in", code="device.name", why=f"{path.name} does not hold it")
        raise unknown_name("device", name, known.devices, list_command="edgekit devices --all")
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    change(document["devices"])
    write_atomic(path, tomlkit.dumps(document).rstrip("\n") + "\n")
    return path


def _known(path: Path, start: Path) -> Config:
    return parse(read_text(path, "the configuration"), path) if path.exists() else Config(path=None, runs=start)


def _inline(options: Mapping[str, str]) -> Any:
    import tomlkit

    inline = tomlkit.inline_table()
    inline.update(options)
    return inline
