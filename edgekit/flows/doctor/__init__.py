"""Look at this machine the way a measurement would, and say what to fix. Nothing is changed and nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgekit.config import load
from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Device, Progress
from edgekit.flows.doctor import calibration, device, installation, machine
from edgekit.flows.doctor.checkup import Checkup, Status
from edgekit.links.clock import SystemClock
from edgekit.registry import open_device, resolve_device
from edgekit.store.calibrations import CalibrationStore

COUNTERS = ("rapl", "nvml", "jetson", "pmic", "hwmon", "cputime")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRequest:
    """Say where to look: the working folder and the roots of the kernel's trees; or at one `device`, by its name."""

    folder: Path
    device: str | None = None
    proc: Path = Path("/proc")
    sysfs: Path = Path("/sys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Hold all checks in a fixed order."""

    checks: tuple[Checkup, ...]

    @property
    def failed(self) -> bool:
        """Return True when something stops work."""
        return any(check.status is Status.FAIL for check in self.checks)


def doctor(
    request: DoctorRequest,
    *,
    progress: Progress,
    connect: Callable[[DeviceSpec], Device] = open_device,
    has: Callable[[str], bool] = lambda module: find_spec(module) is not None,
    date: SystemClock | None = None,
) -> Diagnosis:
    """Run every check and return what was found; `has` says whether a module is installed without importing it.

    Raises UsageError for a device that nobody knows.
    """
    if request.device is not None:
        spec = resolve_device(request.device, load(request.folder))
        return Diagnosis(checks=device.examine(spec, counters=COUNTERS, progress=progress, connect=connect))
    progress.step("look at this machine")
    config, told = installation.configuration(request.folder)
    checks = [installation.python(), *installation.extras(has), told, *installation.runs_folder(config.runs)]
    store, today = CalibrationStore(config.data / "calibrations"), (date or SystemClock()).now_utc()
    checks += _on_device(connect, request, lambda *found: calibration.checkups(*found, store=store, today=today))
    checks += [
        machine.governor(request.sysfs),
        machine.load(request.proc),
        machine.steal(request.proc),
        machine.memory(request.proc),
        machine.temperature(request.sysfs),
    ]
    return Diagnosis(checks=tuple(checks))


def _on_device(connect: Callable[[DeviceSpec], Device], request: DoctorRequest, tested: Callable[..., list[Checkup]]) -> list[Checkup]:
    local = _local(request)
    try:
        with connect(local).connect() as session:
            facts, probes = session.facts(), session.probe(["rapl", "nvml", "cputime"])
    except EdgekitError as error:
        return [Checkup(name="runner", status=Status.FAIL, found=str(error), do=error.do)]
    python = f"answers with Python {facts.python}" if facts.python else "answers"
    return [Checkup(name="runner", status=Status.OK, found=python), *_meters(probes, facts), *tested(probes, facts, local)]


def _meters(probes: Mapping[str, Mapping[str, Any]], facts: DeviceFacts) -> list[Checkup]:
    rapl, nvml, cputime = (probes.get(name, {}) for name in ("rapl", "nvml", "cputime"))
    checks = [_meter("meter rapl", rapl, there=bool(rapl.get("do"))), _meter("meter nvml", nvml, there=facts.gpu is not None)]
    if not (rapl.get("usable") or nvml.get("usable")):
        last = "energy will be estimated from CPU time, within a factor of three or so" if cputime.get("usable") else "no meter works here"
        status = Status.WARN if cputime.get("usable") else Status.FAIL
        checks.append(Checkup(name="meters", status=status, found=last, do=(("see every meter:", "edgekit meters --all"),)))
    return checks


def _meter(name: str, probe: Mapping[str, Any], *, there: bool) -> Checkup:
    if probe.get("usable"):
        return Checkup(name=name, status=Status.OK, found=f"{len(probe['channels'])} channels, {probe.get('detail', '')}".rstrip(", "))
    do = tuple((str(advice), str(command)) for advice, command in probe.get("do", ()))
    if there:
        return Checkup(name=name, status=Status.WARN, found=str(probe.get("why", "refused")), do=do)
    return Checkup(name=name, status=Status.OK, found=f"not on this machine: {probe.get('why', 'not found')}")


def _local(request: DoctorRequest) -> DeviceSpec:
    if request.sysfs == DoctorRequest(folder=request.folder).sysfs:
        return DeviceSpec(name="local", kind="local")  # a root that is named is one that was replaced, and what it holds an imitation
    roots = {"sys_root": request.sysfs, "powercap_root": request.sysfs / "class/powercap"}
    return DeviceSpec(name="local", kind="local", options={name: str(path) for name, path in roots.items()})
