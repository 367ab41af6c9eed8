"""Find the instruments that are connected to this host, and say of each whether it can be opened.

A driver class says what it looks like: `usb_ids` ((vendor, product), ...) of a serial port, `hid_ids` of a HID interface,
`bulk_ids` of a device that only bulk transfers reach, `products` (texts
of which the product string holds one, where ids are shared), `serial_names` (beginnings of the names of ports without ids, as Bluetooth's),
`usb_port` (which of its several ports measures, 0 for the lowest interface).
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgekit.core.errors import HardwareError, SetupError, UsageError
from edgekit.sim.emulators.kinds import EMULATED

Remedy = tuple[tuple[str, str], ...]
_UDEV: Remedy = (("allow it for good:", "edgekit meters udev | sudo sh"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Hold one instrument that is connected: the `kind` that reads it, where, and `why` it cannot be read now (empty when it can).

    `node` is the file behind an address that is none itself.
    """

    kind: str
    address: str
    serial: str = ""
    product: str = ""
    why: str = ""
    do: Remedy = ()
    node: str = ""

    @property
    def word(self) -> str:
        """Return what names it for good in a command: by its serial number where it has one."""
        return f"{self.kind}:{self.serial or self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialEntry:
    """Hold what the system says of one serial port; `interface` is the number of its USB interface, `place` where the device is plugged."""

    device: str
    vendor: int | None = None
    product_id: int | None = None
    serial: str = ""
    product: str = ""
    interface: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Say where to look: the file systems of this host, its serial ports, and, where it has no hidraw, its HID interfaces."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    ports: Callable[[], Iterable[SerialEntry]] = field(default=lambda: _serial_ports())  # noqa: PLW0108 -- defined below
    hids: Callable[[], Iterable[Mapping[str, Any]]] = field(default=lambda: _hid_interfaces())  # noqa: PLW0108 -- defined below
    exists: Callable[[str], bool] = field(default=os.path.exists)
    may_open: Callable[[str], bool] = field(default=lambda path: os.access(path, os.R_OK | os.W_OK))


def discover(classes: Mapping[str, type[Any]], around: Surroundings | None = None) -> tuple[Attached, ...]:
    """Return every connected instrument that one of the driver `classes` (by kind) reads."""
    around = around or Surroundings()
    listed = around.ports() if any(map(_by_serial, classes.values())) else ()
    ports = sorted(listed, key=lambda port: (port.place, port.interface, port.device))
    found: list[Attached] = []
    for kind, driver in classes.items():
        found += _serial_instruments(kind, driver, ports, around)
        found += _hid_instruments(kind, driver, around)
        found += _bulk_instruments(kind, driver, around)
    return tuple(judged(item, around) for item in found)


def discoverable(driver: type[Any]) -> bool:
    """Return whether a driver says what its instruments look like when they are connected."""
    return _by_serial(driver) or bool(getattr(driver, "hid_ids", ()) or getattr(driver, "bulk_ids", ()))


def locate(kind: str, wanted: str | None, found: Sequence[Attached], driver: type[Any] | None = None) -> Attached:
    """Return the one instrument of a kind, or the one whose serial number is `wanted`; raise HardwareError or UsageError.

    `driver` is the class that reads the kind, which knows what its addresses look like.
    """
    here = [item for item in found if item.kind == kind]
    if wanted:
        here = [item for item in here if item.serial == wanted]
    ready = [item for item in here if not item.why]
    if len(ready) == 1:
        return ready[0]
    if ready:
        raise UsageError(
            f"{len(ready)} meters of kind {kind} are connected",
            code="meter.several",
            why=", ".join(f"{item.product or item.kind} at {item.address}" for item in ready),
            do=[("name one:", f"edgekit bench ARTIFACT --meter {item.word}") for item in ready],
        )
    if here:
        raise HardwareError(f"meter {kind} is connected and cannot be used", code="meter.refused", why=here[0].why, do=here[0].do)
    what = f"with the serial number {wanted}" if wanted else "on this machine"
    raise HardwareError(
        f"no meter of kind {kind} was found {what}",
        code="meter.absent",
        why="no port of this machine looks like one",
        do=[
            ("see what is present:", "edgekit meters --all"),
            ("or say where it is:", f"edgekit bench ARTIFACT --meter {kind}:{_example(driver)}"),
            *([("or rehearse without one:", f"edgekit meters emulate {kind}")] if kind in EMULATED else []),
        ],
    )


def _example(driver: type[Any] | None) -> str:
    """Return what an address of such an instrument looks like: a serial port, a Bluetooth one, a HID interface, a USB device."""
    if names := getattr(driver, "serial_names", ()):
        return f"/dev/{names[0]}0" if names[0] == "rfcomm" else f"/dev/{names[0]}"
    if getattr(driver, "hid_ids", ()):
        return "/dev/hidraw0"
    if not getattr(driver, "usb_ids", ()) and (ids := getattr(driver, "bulk_ids", ())):
        return f"usb://{ids[0][0]:04x}:{ids[0][1]:04x}/SERIAL"
    return "/dev/ttyACM0"


def is_place(address: str) -> bool:
    """Return whether an address says where an instrument is, and not which one: a path, a URL, a COM port."""
    return "/" in address or "://" in address or re.fullmatch(r"COM\d+", address) is not None


def _by_serial(driver: type[Any]) -> bool:
    return bool(getattr(driver, "usb_ids", ()) or getattr(driver, "serial_names", ()))


def _serial_instruments(kind: str, driver: type[Any], ports: Sequence[SerialEntry], around: Surroundings) -> Iterator[Attached]:
    places: dict[tuple[str, str], int] = {}
    names = tuple(getattr(driver, "serial_names", ()))
    for port in ports:
        if _looks_like(driver, "usb_ids", (port.vendor, port.product_id), port.product):
            one = Attached(kind=kind, address=port.device, serial=port.serial, product=port.product)
            which = (port.serial, port.place)
            places[which] = places.get(which, -1) + 1
            if places[which] != getattr(driver, "usb_port", 0):
                why = "this interface of the instrument does not measure; it is reached through another"
                one = replace(one, why=why, do=(("see which:", "edgekit meters"),))
            yield one
        elif names and Path(port.device).name.startswith(names):
            yield Attached(kind=kind, address=port.device, serial=_bluetooth_address(port.device, around), product=port.product)


def _hid_instruments(kind: str, driver: type[Any], around: Surroundings) -> Iterator[Attached]:
    if not getattr(driver, "hid_ids", ()):
        return
    for folder in sorted((around.sys / "class" / "hidraw").glob("hidraw*")):
        facts = dict(line.split("=", 1) for line in _text(folder / "device" / "uevent").splitlines() if "=" in line)
        ids = re.fullmatch(r"[0-9A-Fa-f]+:([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8})", facts.get("HID_ID", ""))
        if ids and _looks_like(driver, "hid_ids", (int(ids[1], 16), int(ids[2], 16)), facts.get("HID_NAME", "")):
            address = str(around.dev / folder.name)
            yield Attached(kind=kind, address=address, serial=facts.get("HID_UNIQ", ""), product=facts.get("HID_NAME", ""))
    for entry in around.hids():
        vendor, number, product = int(entry["vendor_id"]), int(entry["product_id"]), entry.get("product_string") or ""
        if _looks_like(driver, "hid_ids", (vendor, number), product):
            serial = entry.get("serial_number") or ""
            address = f"hid://{vendor:04x}:{number:04x}" + (f"/{serial}" if serial else "")
            yield Attached(kind=kind, address=address, serial=serial, product=product)


def _bulk_instruments(kind: str, driver: type[Any], around: Surroundings) -> Iterator[Attached]:
    if not getattr(driver, "bulk_ids", ()):
        return
    for folder in sorted((around.sys / "bus" / "usb" / "devices").glob("*")):
        facts = {name: _text(folder / name).strip() for name in ("idVendor", "idProduct", "serial", "product", "busnum", "devnum")}
        ids = re.fullmatch(r"([0-9a-f]{4}) ([0-9a-f]{4})", f"{facts['idVendor']} {facts['idProduct']}")
        if ids and _looks_like(driver, "bulk_ids", (int(ids[1], 16), int(ids[2], 16)), facts["product"]):
            address = f"usb://{ids[1]}:{ids[2]}" + (f"/{facts['serial']}" if facts["serial"] else "")
            node = around.dev / "bus" / "usb" / facts["busnum"].zfill(3) / facts["devnum"].zfill(3)
            yield Attached(kind=kind, address=address, serial=facts["serial"], product=facts["product"], node=str(node))


def _looks_like(driver: type[Any], which: str, ids: tuple[int | None, int | None], product: str) -> bool:
    products = tuple(getattr(driver, "products", ()))
    alike = any(vendor == ids[0] and number in (None, ids[1]) for vendor, number in getattr(driver, which, ()))
    return alike and (not products or any(text.lower() in product.lower() for text in products))


def judged(item: Attached, around: Surroundings) -> Attached:
    """Return the instrument with the reason why it cannot be opened, where there is one."""
    path = item.node or item.address
    if item.why or "://" in path:
        return item
    if not around.exists(path):
        return replace(item, why=f"{path} does not exist: no instrument is connected there")
    if not around.may_open(path):
        return replace(item, why=f"{path} may not be opened by this user", do=_UDEV)
    if user := _user_of(path, around):
        return replace(item, why=f"{path} is in use by {user}", do=(("see by what:", f"fuser -v {path}"),))
    return item


def _user_of(path: str, around: Surroundings) -> str:
    """Return which other process holds a port open, as far as this user may see; opening it to find out could reset the instrument."""
    real, own = os.path.realpath(path), str(os.getpid())
    for folder in around.proc.glob("[0-9]*"):
        if folder.name == own:
            continue
        try:
            if any(str(entry.readlink()) == real for entry in (folder / "fd").iterdir()):
                return f"{_text(folder / 'comm').strip() or 'process'} ({folder.name})"
        except OSError:  # another user's process, or one that just ended
            continue
    return ""


def _bluetooth_address(device: str, around: Surroundings) -> str:
    return _text(around.sys / "class" / "tty" / Path(device).name / "address").strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _hid_interfaces() -> Sequence[Mapping[str, Any]]:
    """Return what hidapi lists where it is needed and there."""
    if platform.system() == "Linux":
        return ()
    from edgekit.links.hid import hidapi

    try:
        return list(hidapi().enumerate(0, 0))
    except SetupError:
        return ()


def _serial_ports() -> Iterator[SerialEntry]:
    from serial.tools.list_ports import comports

    for port in comports():
        place, _, interface = (port.location or "").partition(":")
        number = re.search(r"(\d+)$", interface)
        yield SerialEntry(
            device=port.device,
            vendor=port.vid,
            product_id=port.pid,
            serial=port.serial_number or "",
            product=port.product or port.description or "",
            interface=int(number[1]) if number else 0,
            place=place,
        )
