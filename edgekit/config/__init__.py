"""Read edgekit.toml: the devices and meters a user named, where runs live, and where what is known of instruments is kept.

    runs = "./runs"
    data = "~/.local/share/edgekit"

    [devices.pi]
    kind = "pi"
    address = "ssh://pi@raspberrypi.local"
    meter = "desk"                  # what `bench` reads when no --meter is given
    services = ["bluetooth"]        # what `bench --prepare` stops meanwhile

    [meters.desk]
    kind = "replay"
    address = "traces/desk"
    options = { hz = "10" }

    [convert.floors]       # of `edgekit convert`, in dB by recipe
    int8 = 18

    [bench]                # what `edgekit bench` asks of every window
    max_sync_error = "1%"
    max_lost = "1%"
    min_updates = 10
    sync = "auto"

The file is looked for from the working directory upward; EDGEKIT_CONFIG names another one. EDGEKIT_DATA comes before `data`; without
either it is the user's data folder.
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.config.page import Page
from edgekit.config.sync import sync_plan
from edgekit.core.errors import SetupError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.sync import SyncPlan
from edgekit.links.files import read_text
from edgekit.links.folders import data_folder
from edgekit.links.ssh_address import ssh_address

FILE_NAME = "edgekit.toml"
BUILT_IN_DEVICES = {name: DeviceSpec(name=name, kind=name, address=f"{name}:") for name in ("local", "cuda", "sim")}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NAMES_HOLD = "a name holds letters, digits, '_', '.' and '-', 64 at most"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterChoice:
    """Hold a meter the user named: its kind from the registry, where it is reached, and options of that kind."""

    name: str
    kind: str
    address: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Hold what edgekit.toml says; `path` is None where there is no such file. `runs` and `data` are absolute.

    `floors` are least signal-to-noise ratios in dB by the name of a recipe, `sync` what is asked of every window of a benchmark.
    """

    path: Path | None
    runs: Path
    data: Path = field(default_factory=lambda: data_folder(None))
    devices: Mapping[str, DeviceSpec] = field(default_factory=dict)
    meters: Mapping[str, MeterChoice] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    sync: SyncPlan = field(default_factory=SyncPlan)


def find(start: Path) -> Path | None:
    """Return the edgekit.toml of `start` or of the nearest folder above it, whatever it is; None where there is none."""
    named = os.environ.get("EDGEKIT_CONFIG")
    if named:
        return Path(named).absolute()
    folders = (start.absolute(), *start.absolute().parents)
    return next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).exists()), None)


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
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SetupError(
            f"{path} is not TOML",
            code="config.syntax",
            why=str(error),
            do=[("open it in an editor:", f"${{EDITOR:-vi}} {shlex.quote(str(path))}")],
        ) from error
    page = Page(text, path)
    page.check_keys(data, (), ("runs", "data", "devices", "meters", "convert", "bench"))
    return Config(
        path=path,
        runs=path.parent / page.text_value(data.get("runs", "./runs"), ("runs",)),
        data=data_folder(path.parent / Path(page.text_value(data["data"], ("data",))).expanduser() if "data" in data else None),
        devices={name: _device(page, name, table) for name, table in page.tables(data, "devices")},
        meters={name: _meter(page, name, table) for name, table in page.tables(data, "meters")},
        floors=_floors(page, dict(page.tables(data, "convert"))),
        sync=sync_plan(page, data.get("bench", {})),
    )


def _device(page: Page, name: str, table: Mapping[str, Any]) -> DeviceSpec:
    where = ("devices", name)
    if not NAME.fullmatch(name):  # a name becomes part of the folders of its runs
        raise page.wrong(where, f"{name!r} cannot be the name of a device: {NAMES_HOLD}")
    page.check_keys(table, where, ("kind", "address", "meter", "services", "options"))
    address = page.text_value(table["address"], (*where, "address")) if "address" in table else None
    kind = table.get("kind") or (address.partition(":")[0] if address else None)
    if address is not None and address.startswith("ssh:"):
        try:
            ssh_address(address)
        except UsageError as error:
            raise page.wrong((*where, "address"), f"{error.what}: {error.why}") from error
    if kind is None:
        raise page.wrong(where, f"the device {name!r} has neither a kind nor an address")
    return DeviceSpec(
        name=name,
        kind=page.text_value(kind, (*where, "kind")),
        address=address,
        options=page.options(table, where),
        meter=page.text_value(table["meter"], (*where, "meter")) if "meter" in table else None,
        services=page.texts(table.get("services", []), (*where, "services")),
    )


def _floors(page: Page, convert: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    page.check_keys(convert, ("convert",), ("floors",))
    floors = convert.get("floors", {})
    for name, floor in floors.items():
        if isinstance(floor, bool) or not isinstance(floor, (int, float)) or not -1000 < floor < 1000:
            raise page.wrong(("convert", "floors", name), f"it is {floor!r}; a number of decibels is expected")
    return {name: float(floor) for name, floor in floors.items()}


def _meter(page: Page, name: str, table: Mapping[str, Any]) -> MeterChoice:
    where = ("meters", name)
    page.check_keys(table, where, ("kind", "address", "options"))
    if "kind" not in table:
        raise page.wrong(where, f"the meter {name!r} has no kind")
    address = page.text_value(table["address"], (*where, "address")) if "address" in table else None
    return MeterChoice(
        name=name, kind=page.text_value(table["kind"], (*where, "kind")), address=address, options=page.options(table, where)
    )
