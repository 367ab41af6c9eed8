"""Map names to lazily imported classes: what ships with edgekit, and what other packages add through entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from edgekit.config import BUILT_IN_DEVICES, Config
from edgekit.config.address import kind_of, with_options
from edgekit.core.errors import SetupError, UsageError, unknown_name
from edgekit.core.hardware import DeviceSpec
from edgekit.core.protocols import Device
from edgekit.core.quantity import Note
from edgekit.links.ssh_address import ssh_address

METERS: Final[Mapping[str, str]] = {
    "rapl": "edgekit.meters.rapl:RaplMeter",
    "nvml": "edgekit.meters.nvml:NvmlMeter",
    "jetson": "edgekit.meters.jetson:JetsonMeter",
    "pmic": "edgekit.meters.pmic:PmicMeter",
    "hwmon": "edgekit.meters.hwmon:HwmonMeter",
    "cputime": "edgekit.meters.cputime:CpuTimeMeter",
    "um24c": "edgekit.meters.um24c:Um24cMeter",
    "um25c": "edgekit.meters.um25c:Um25cMeter",
    "um34c": "edgekit.meters.um34c:Um34cMeter",
    "tc66": "edgekit.meters.tc66:Tc66Meter",
    "fnb58": "edgekit.meters.fnirsi:FnirsiMeter",
    "fnb48s": "edgekit.meters.fnirsi:Fnb48sMeter",
    "fnb48": "edgekit.meters.fnirsi:Fnb48Meter",
    "fnirsi-c1": "edgekit.meters.fnirsi:C1Meter",
    "ct3": "edgekit.meters.ct3:Ct3Meter",
    "km003c": "edgekit.meters.km003c:Km003cMeter",
    "joulescope": "edgekit.meters.joulescope:JoulescopeMeter",
    "ppk2": "edgekit.meters.ppk2:Ppk2Meter",
    "lpm01a": "edgekit.meters.lpm01a:Lpm01aMeter",
    "v3pwr": "edgekit.meters.v3pwr:V3PwrMeter",
    "shelly": "edgekit.meters.shelly:ShellyMeter",
    "tasmota": "edgekit.meters.tasmota:TasmotaMeter",
    "scpi": "edgekit.meters.scpi:ScpiMeter",
    "csv": "edgekit.meters.csv_file:CsvMeter",
    "exec": "edgekit.meters.program:ExecMeter",
    "sigrok": "edgekit.meters.program:SigrokMeter",
    "serial-lines": "edgekit.meters.serial_lines:SerialLinesMeter",
    "sim": "edgekit.meters.sim:SimMeter",
    "replay": "edgekit.meters.replay:ReplayMeter",
}
DEVICES: Final[Mapping[str, str]] = {
    "local": "edgekit.devices.local:LocalDevice",
    "cuda": "edgekit.devices.cuda:CudaDevice",
    "ssh": "edgekit.devices.ssh:SshDevice",
    "pi": "edgekit.devices.pi:PiDevice",
    "jetson": "edgekit.devices.jetson:JetsonDevice",
    "board": "edgekit.devices.board:BoardDevice",
    "sim": "edgekit.devices.sim:SimDevice",
}
IMPORTERS: Final[Mapping[str, str]] = {
    "mlperf-tiny": "edgekit.importers.mlperf_tiny:MlperfTinyImporter",
    "ptdaemon": "edgekit.importers.ptdaemon:PtdaemonImporter",
}
EXPORTERS: Final[Mapping[str, str]] = {
    "csv": "edgekit.exporters.tidy:CsvExporter",
    "parquet": "edgekit.exporters.tidy:ParquetExporter",
    "sci": "edgekit.exporters.sci:SciExporter",
    "boamps": "edgekit.exporters.boamps:BoampsExporter",
}
_LISTS = {
    "meter": "edgekit meters --all",
    "device": "edgekit devices --all",
    "importer": "edgekit import --help",
    "exporter": "edgekit export --help",
}
_BUILT_IN: Final[Mapping[str, Mapping[str, str]]] = {"meter": METERS, "device": DEVICES, "importer": IMPORTERS, "exporter": EXPORTERS}


def meter_names() -> tuple[str, ...]:
    """Return every meter kind, built in first; nothing is imported."""
    return _names("meter")


def device_names() -> tuple[str, ...]:
    """Return every device kind, built in first; nothing is imported."""
    return _names("device")


def importer_names() -> tuple[str, ...]:
    """Return every kind of published measurement, built in first; nothing is imported."""
    return _names("importer")


def exporter_names() -> tuple[str, ...]:
    """Return every format that reports are exported to, built in first; nothing is imported."""
    return _names("exporter")


def meter_class(kind: str) -> type[Any]:
    """Return the class of a meter kind; raise UsageError for an unknown one, SetupError for a broken plug-in."""
    return _class("meter", kind)


def device_class(kind: str) -> type[Any]:
    """Return the class of a device kind; raise UsageError for an unknown one, SetupError for a broken plug-in."""
    if kind not in device_names():
        raise UsageError(
            f"no kind of device is called {kind!r}",
            code="device.kind",
            why=f"known: {', '.join(device_names())}",
            do=[("state another one in edgekit.toml:", "edgekit devices add NAME ADDRESS --kind KIND --force")],
        )
    return _class("device", kind)


def importer_class(kind: str) -> type[Any]:
    """Return the class of an importer; raise UsageError for an unknown one, SetupError for a broken plug-in."""
    return _class("importer", kind)


def exporter_class(kind: str) -> type[Any]:
    """Return the class of an exporter; raise UsageError for an unknown one, SetupError for a broken plug-in."""
    return _class("exporter", kind)


def added_classes(group: str) -> tuple[dict[str, type[Any]], tuple[Note, ...]]:
    """Return (classes that other packages add, one note for each that cannot be loaded and is skipped)."""
    classes: dict[str, type[Any]] = {}
    notes: list[Note] = []
    for name in sorted(_added(group)):
        try:
            classes[name] = _class(group, name)
        except SetupError as error:
            notes.append(Note(code=error.code, text=f"{error.what} and is skipped: {error.why}", advice=error.do[0][1]))
    return classes, tuple(notes)


def resolve_device(name: str, config: Config) -> DeviceSpec:
    """Return the device the user calls `name`: configured first, then built in; raise UsageError for an unknown name."""
    if name in config.devices:
        return config.devices[name]
    if name in BUILT_IN_DEVICES:
        return BUILT_IN_DEVICES[name]
    scheme, colon, _ = name.partition(":")
    if scheme == "board":  # not listed: finding out whether one is there would write to whatever sits at the port
        place, options = with_options(name if colon else "board:")
        return DeviceSpec(name=scheme, kind=scheme, address=place, options=options)
    if colon and scheme in DEVICES:  # `--device cuda:1` needs no name
        kind_of(name)
        shown = ssh_address(name).short if scheme == "ssh" else name
        return DeviceSpec(name=shown, kind=scheme, address=name)
    error = unknown_name("device", name, {*BUILT_IN_DEVICES, *config.devices}, list_command=_LISTS["device"])
    error.do = (*error.do, ("or add it:", f"edgekit devices add {name} ssh://USER@HOST"))
    raise error


def resolve_meter(name: str, config: Config) -> str:
    """Return what the user means by the meter `name`: the kind of a configured one ("replay:RUN" for a recording), or `name` itself."""
    chosen = config.meters.get(name)
    if chosen is None:
        return name
    return f"{chosen.kind}:{chosen.address}" if chosen.address else chosen.kind


def open_device(spec: DeviceSpec) -> Device:
    """Return the device that `spec` describes; nothing is started yet."""
    device: Device = device_class(spec.kind)(spec)
    return device


def _names(group: str) -> tuple[str, ...]:
    return (*_BUILT_IN[group], *sorted(_added(group)))


def _class(group: str, kind: str) -> type[Any]:
    target = _BUILT_IN[group].get(kind)
    if target is not None:
        module, _, name = target.partition(":")
        found: type[Any] = getattr(import_module(module), name)
        return found
    added = _added(group)
    if kind not in added:
        raise unknown_name(group, kind, (*_BUILT_IN[group], *added), list_command=_LISTS[group])
    try:
        loaded = added[kind].load()
    except Exception as error:  # another package's import may fail in any way
        raise _broken(group, kind, added[kind], f"{type(error).__name__}: {error}") from error
    if not isinstance(loaded, type):
        raise _broken(group, kind, added[kind], f"{added[kind].value} is not a class")
    return loaded


def _broken(group: str, kind: str, entry: Any, why: str) -> SetupError:
    package = entry.dist.name if entry.dist is not None else "its package"
    return SetupError(
        f"the {group} plug-in {kind!r} of {package} cannot be loaded",
        code="plugin.broken",
        why=why,
        do=[("update or remove the package:", f"pip install --upgrade {package}")],
    )


def _added(group: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=f"edgekit.{group}s") if entry.name not in _BUILT_IN[group]}
