"""Say which instruments were asked about themselves, when, and whether that still holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.flows.doctor.checkup import Checkup, Status
from edgekit.metering import spec_of
from edgekit.registry import meter_class
from edgekit.store.calibrations import CalibrationStore

DUE_DAYS = 180  # firmware and boards change without telling their driver's version


def checkups(
    probes: Mapping[str, Mapping[str, Any]], facts: DeviceFacts, device: DeviceSpec, *, store: CalibrationStore, today: str
) -> list[Checkup]:
    """Return one check for each usable instrument that says which one it is; `today` is ISO 8601."""
    found = []
    for name, probe in probes.items():
        if not probe.get("usable") or not any(row.get("identity") for row in probe["channels"]):
            continue
        try:
            spec = spec_of(meter_class(name)(), probe, device=device, facts=facts)
        except EdgekitError:
            continue  # what is wrong with the meter itself is told by its own check
        found.append(_checkup(spec, store, today))
    return found


def _checkup(spec: MeterSpec, store: CalibrationStore, today: str) -> Checkup:
    name, known = f"self-test {spec.kind}", store.known(spec)
    do = (("test it (takes less than a minute):", f"edgekit meters selftest {spec.kind}"),)
    if known.notes:
        return Checkup(name=name, status=Status.WARN, found=known.notes[0].text, do=do)
    if known.current is not None:
        day, days = known.current.created[:10], _days(known.current.created, today)
        if days <= DUE_DAYS:
            return Checkup(name=name, status=Status.OK, found=f"done on {day}: runs use what it found")
        return Checkup(name=name, status=Status.WARN, found=f"done on {day}, {days} days ago: sensors and firmware change", do=do)
    if known.others:
        other = known.others[0]
        found = f"done on {other.created[:10]} behind driver {other.driver}; now it is {spec.driver}, so runs do not use it"
        return Checkup(name=name, status=Status.WARN, found=found, do=do)
    found = "never done: what nobody documents about the sensor stays an uncertainty of unknown size"
    return Checkup(name=name, status=Status.WARN, found=found, do=do)


def _days(earlier: str, later: str) -> int:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).days
