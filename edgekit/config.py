"""Read and write edgekit.toml: the devices and meters a user named, and where runs live.

    runs = "./runs"

    [devices.pi]
    kind = "ssh"
    address = "ssh://pi@raspberrypi.local"

    [meters.desk]
    kind = "replay"
    address = "traces/desk"
    options = { hz = "10" }

The file is looked for from the working directory upward; EDGEKIT_CONFIG names another one.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgekit.core.errors import SetupError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.links.files import read_text, write_atomic

FILE_NAME = "edgekit.toml"
SCHEMES = {"ssh": "ssh://USER@HOST", "local": "local:", "cuda": "cuda:0", "sim": "sim:"}
BUILT_IN_DEVICES = {name: DeviceSpec(name=name, kind=name, address=f"{name}:") for name in ("local", "cuda", "sim")}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterChoice:
    """Hold a meter the user named: its kind from the registry, where it is reached, and options of that kind."""

    name: str
    kind: str
    address: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Hold what edgekit.toml says; `path` is None where there is no such file. `runs` is absolute."""

    path: Path | None
    runs: Path
    devices: Mapping[str, DeviceSpec] = field(default_factory=dict)
    meters: Mapping[str, MeterChoice] = field(default_factory=dict)


def find(start: Path) -> Path | None:
    """Return the edgekit.toml of `start` or of the nearest folder above it; None where there is none."""
    named = os.environ.get("EDGEKIT_CONFIG")
    if named:
        return Path(named).absolute()
    folders = (start.absolute(), *start.absolute().parents)
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)


def load(start: Path | None = None) -> Config:
    """Return the configuration that holds in `start` (default: the working directory); raise SetupError where a file is wrong."""
    start = start or Path.cwd()
    path = find(start)
    if path is None:
        return Config(path=None, runs=start.absolute() / "runs")
    text = read_text(path, "the configuration")
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """Return the configuration in `text`; raise SetupError that names file, line and key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SetupError(
            f"{path} is not TOML", code="config.syntax", why=str(error), do=[("open it in an editor:", f"${{EDITOR:-vi}} '{path}'")]
        ) from error
    page = _Page(text, path)
    page.check_keys(data, (), ("runs", "devices", "meters"))
    return Config(
        path=path,
        runs=path.parent / page.text_value(data.get("runs", "./runs"), ("runs",)),
        devices={name: _device(page, name, table) for name, table in page.tables(data, "devices")},
        meters={name: _meter(page, name, table) for name, table in page.tables(data, "meters")},
    )


def add_device(name: str, address: str, *, options: Mapping[str, str], start: Path, force: bool = False) -> tuple[Path, DeviceSpec]:
    """Write a device into edgekit.toml, keeping comments and order; return (file, device).

    Raises UsageError for a name or address that cannot be meant or is taken, SetupError for a file that is wrong or not writable.
    """
    import tomlkit

    check_name(name)
    device = DeviceSpec(name=name, kind=kind_of(address), address=address, options=dict(options))
    path = (find(start) or start.absolute() / FILE_NAME).resolve()
    known = parse(read_text(path, "the configuration"), path) if path.exists() else Config(path=None, runs=start)
    if name in known.devices and not force:
        raise UsageError(
            f"a device called {name!r} is already in {path.name}",
            code="device.exists",
            why=f"{path}: its address is {known.devices[name].address}",
            do=[("replace it:", f"edgekit devices add {name} {address} --force")],
        )
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    table = tomlkit.table()
    table.update({"kind": device.kind, "address": address})
    if options:
        inline = tomlkit.inline_table()
        inline.update(options)
        table["options"] = inline
    devices = document.setdefault("devices", tomlkit.table(is_super_table=True))
    devices[name] = table
    write_atomic(path, tomlkit.dumps(document).rstrip("\n") + "\n")
    return path, device


def check_name(name: str) -> None:
    """Raise UsageError for a name that could not be typed or that means something already."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a device", code="device.name", why="a name holds letters, digits, '_', '.' and '-', 64 at most"
        )
    if name in BUILT_IN_DEVICES:
        raise UsageError(f"the device {name!r} is built in", code="device.name", why="it can be used without adding it")


def kind_of(address: str) -> str:
    """Return the device kind that an address asks for; raise UsageError for one that cannot be meant."""
    scheme, colon, rest = address.partition(":")
    if not colon or scheme not in SCHEMES:
        near = difflib.get_close_matches(scheme, SCHEMES, n=1)
        advice = [(f"did you mean {SCHEMES[name]}?", "") for name in near]
        raise UsageError(
            f"{address!r} is not the address of a device",
            code="device.address",
            why=f"it does not begin with one of {', '.join(f'{name}:' for name in SCHEMES)}",
            do=[*advice, ("write it like this:", "edgekit devices add pi ssh://pi@raspberrypi.local")],
        )
    if scheme == "ssh":
        _check_ssh(address)
    if scheme == "cuda" and rest and not rest.isdecimal():
        raise UsageError(
            f"{address!r} is not the address of a GPU", code="device.address", why="after cuda: comes its number, as in cuda:0"
        )
    return scheme


def _check_ssh(address: str) -> None:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"{address!r} is not an ssh address", code="device.address", why=str(error)) from error
    bare = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")
    if parts.path not in ("", "/") or parts.query or parts.password or not host or not _HOST.fullmatch(bare):
        raise UsageError(
            f"{address!r} is not an ssh address",
            code="device.address",
            why="it reads ssh://USER@HOST or ssh://USER@HOST:PORT, without a path or a password (keys and passwords stay with ssh)",
            do=[("try the address with ssh itself:", "ssh USER@HOST true")],
        )


def _device(page: _Page, name: str, table: Mapping[str, Any]) -> DeviceSpec:
    where = ("devices", name)
    page.check_keys(table, where, ("kind", "address", "options"))
    address = page.text_value(table["address"], (*where, "address")) if "address" in table else None
    kind = table.get("kind") or (address.partition(":")[0] if address else None)
    if kind is None:
        raise page.wrong(where, f"the device {name!r} has neither a kind nor an address")
    return DeviceSpec(name=name, kind=page.text_value(kind, (*where, "kind")), address=address, options=page.options(table, where))


def _meter(page: _Page, name: str, table: Mapping[str, Any]) -> MeterChoice:
    where = ("meters", name)
    page.check_keys(table, where, ("kind", "address", "options"))
    if "kind" not in table:
        raise page.wrong(where, f"the meter {name!r} has no kind")
    address = page.text_value(table["address"], (*where, "address")) if "address" in table else None
    return MeterChoice(
        name=name, kind=page.text_value(table["kind"], (*where, "kind")), address=address, options=page.options(table, where)
    )


class _Page:
    """Know the text of one configuration, so that a complaint can name the line."""

    def __init__(self, text: str, path: Path) -> None:
        self._lines = text.splitlines()
        self._path = path

    def wrong(self, where: tuple[str, ...], why: str, do: tuple[tuple[str, str], ...] = ()) -> SetupError:
        """Return the error for the key `where`."""
        line = self._line_of(where)
        place = f"{self._path}, line {line}" if line else str(self._path)
        edit = ("open it there:", f"${{EDITOR:-vi}} {f'+{line} ' if line else ''}'{self._path}'")
        return SetupError(f"{place}: {'.'.join(where)} is wrong", code="config.invalid", why=why, do=[*do, edit])

    def check_keys(self, table: Mapping[str, Any], where: tuple[str, ...], allowed: tuple[str, ...]) -> None:
        """Raise SetupError for the first key that nobody reads."""
        for key in table:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                do = tuple((f"did you mean {match}?", "") for match in near)
                raise self.wrong((*where, key), f"no setting has this name; known here: {', '.join(allowed)}", do)

    def tables(self, data: Mapping[str, Any], section: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the named tables of a section."""
        found = data.get(section, {})
        if not isinstance(found, dict):
            raise self.wrong((section,), f"it is a {type(found).__name__}; write [{section}.NAME]")
        for name, table in found.items():
            if not isinstance(table, dict):
                raise self.wrong((section, name), f"it is a {type(table).__name__}; write [{section}.{name}]")
        return list(found.items())

    def text_value(self, value: Any, where: tuple[str, ...]) -> str:
        """Return `value` when it is text."""
        if not isinstance(value, str):
            raise self.wrong(where, f"it is {value!r}; text in quotes is expected")
        return value

    def options(self, table: Mapping[str, Any], where: tuple[str, ...]) -> dict[str, str]:
        """Return the options of a device or meter as text."""
        found = table.get("options", {})
        if not isinstance(found, dict) or any(isinstance(value, (dict, list)) for value in found.values()):
            raise self.wrong((*where, "options"), "options is a table of single values")
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in found.items()}

    def _line_of(self, where: tuple[str, ...]) -> int | None:
        """Return the line of a key, or of the nearest table around it that can be found."""
        for depth in range(len(where), 0, -1):
            header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(_key_pattern(part) for part in where[:depth]) + r"\s*\]")
            if (line := self._first(header)) is not None:
                rest = where[depth:]
                return self._first(re.compile(rf"\s*{_key_pattern(rest[0])}\s*[=.]"), line) or line if rest else line
        return self._first(re.compile(rf"\s*{_key_pattern(where[0])}\s*[=.]")) or self._first(
            re.compile(rf"\s*\[\s*{_key_pattern(where[0])}")
        )

    def _first(self, pattern: re.Pattern[str], after: int = 0) -> int | None:
        return next((number for number, line in enumerate(self._lines, 1) if number > after and pattern.match(line)), None)


def _key_pattern(key: str) -> str:
    return rf"[\"']?{re.escape(key)}[\"']?"
