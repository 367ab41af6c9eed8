"""Look at one device the way a run would, and say what is not right there, each with a command that can be pasted here."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Device, DeviceSession, Progress
from edgekit.core.units import format_scaled
from edgekit.devices.preparing import there
from edgekit.energy.conduct.validity import STOLEN_LEAST_S, STOLEN_SHARE
from edgekit.flows.doctor.checkup import Checkup, Do, Status
from edgekit.flows.doctor.machine import BUSY_SHARE, HOT_C

_GOVERNORS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_RUNNER_ONLY = ("sim", "board")  # they have no engine, governor or clock of their own that could be wrong


def examine(
    spec: DeviceSpec, *, counters: Sequence[str], progress: Progress, connect: Callable[[DeviceSpec], Device]
) -> tuple[Checkup, ...]:
    """Return the checks of one device; one that cannot be reached has a single failed one, with what its error advises."""
    progress.step(f"look at {spec.name}")
    try:
        with connect(spec).connect() as session:
            first, probes, facts = _condition(session), session.probe(counters), session.facts()
            notes = tuple(getattr(session, "notes", ()))
    except EdgekitError as error:
        return (Checkup(name="reached", status=Status.FAIL, found=str(error), do=error.do),)
    found = [_reached(spec, facts)]
    found += [Checkup(name="earlier run", status=Status.WARN, found=note.text) for note in notes]
    if spec.kind in _RUNNER_ONLY:
        return (*found, _meter(spec, probes))
    return (*found, *checkups(spec, facts, first=first), _meter(spec, probes))


def checkups(spec: DeviceSpec, facts: DeviceFacts, *, first: DeviceFacts | None = None) -> list[Checkup]:
    """Return what the facts of a machine say; `first` are those of a moment before, for what is counted.

    What a machine does not tell is not held against it.
    """
    return [
        _engine(spec, facts),
        _governor(spec, facts),
        _throttled(facts),
        _voltage(facts),
        _temperature(spec, facts),
        _load(spec, facts),
        _steal(facts, first),
        _swap(spec, facts),
        _clock(spec, facts),
    ]


def _condition(session: DeviceSession) -> DeviceFacts | None:
    look = getattr(session, "condition", None)
    found: DeviceFacts | None = look() if look is not None else None
    return found


def _reached(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    known = (facts.model, facts.os, f"Python {facts.python}" if facts.python else None)
    said = ", ".join(part for part in known if part)
    found = f"{spec.kind} at {spec.address or 'this machine'} answers{f': {said}' if said else ''}"
    return Checkup(name="reached", status=Status.OK, found=found)


def _engine(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    if facts.engines:
        listed = ", ".join(f"{name} {version}" for name, version in facts.engines.items())
        return Checkup(name="engine", status=Status.OK, found=listed)
    do: Do = (("install one there (it shows every command first):", f"edgekit devices setup {spec.typed}"),)
    if spec.name == "local":
        do = (("install one here:", 'pip install "edgekit[tflite,onnx]" -c constraints.txt'),)
    return Checkup(name="engine", status=Status.FAIL, found=f"none is installed for its Python {facts.python or ''}".rstrip(), do=do)


def _governor(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    if facts.governor is None:
        return _untold("governor", facts, "a virtual machine, or no frequency scaling")
    if facts.governor == "performance":
        return Checkup(name="governor", status=Status.OK, found="performance")
    do = (
        ("hold the clock during a run, and put it back:", f"edgekit bench ARTIFACT --device {spec.name} --prepare"),
        ("or set it by hand:", there(spec, f"echo performance | sudo tee {_GOVERNORS}")),
    )
    return Checkup(name="governor", status=Status.WARN, found=f"{facts.governor}: the clock may change during a window", do=do)


def _throttled(facts: DeviceFacts) -> Checkup:
    if facts.throttled is None:
        return _untold("throttling", facts, "this machine has no such flag", fact="throttled")
    now = ", ".join(reason for reason in facts.throttle_reasons or () if reason != "under_voltage").replace("_", " ")
    earlier = ", ".join(reason for reason in facts.throttle_since_boot or () if reason != "under_voltage").replace("_", " ")
    cool: Do = (("let it cool, give it a heat sink or a fan, or a supply that holds its voltage", ""),)
    if facts.throttled:
        return Checkup(name="throttling", status=Status.WARN, found=f"the clock is held back now{f': {now}' if now else ''}", do=cool)
    if earlier:
        return Checkup(name="throttling", status=Status.WARN, found=f"not now, but since the machine started: {earlier}", do=cool)
    return Checkup(name="throttling", status=Status.OK, found="none, now or since the machine started")


def _voltage(facts: DeviceFacts) -> Checkup:
    if facts.under_voltage is None:
        return _untold("supply voltage", facts, "nothing here tells of low voltage", fact="under_voltage")
    do: Do = (("use the board's own supply and a short, thick cable; a meter in line takes some of the voltage too", ""),)
    if facts.under_voltage:
        return Checkup(name="supply voltage", status=Status.WARN, found="too low now", do=do)
    if "under_voltage" in (facts.throttle_since_boot or ()):
        return Checkup(name="supply voltage", status=Status.WARN, found="fell too low since the machine started", do=do)
    return Checkup(name="supply voltage", status=Status.OK, found="high enough")


def _temperature(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    if facts.temperature_c is None:
        return _untold("temperature", facts, "no sensor", fact="temperature_c")
    found = f"{facts.temperature_c:.0f} degC"
    if facts.temperature_c < HOT_C:
        return Checkup(name="temperature", status=Status.OK, found=found)
    do = (("watch it cool down:", there(spec, "cat /sys/class/thermal/thermal_zone*/temp")),)
    return Checkup(name="temperature", status=Status.WARN, found=f"{found}: the clock may be held back", do=do)


def _load(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    if facts.load_1m is None:
        return _untold("load", facts, "", fact="load_1m")
    found = f"{facts.load_1m:.2f} over the last minute on {facts.cores or 'unknown'} cores"
    if facts.load_1m <= BUSY_SHARE * (facts.cores or 1):
        return Checkup(name="load", status=Status.OK, found=found)
    do = (("see what runs:", there(spec, "ps -eo pcpu,comm --sort=-pcpu | head")),)
    return Checkup(name="load", status=Status.WARN, found=f"{found}: other work will be measured too", do=do)


def _steal(facts: DeviceFacts, first: DeviceFacts | None) -> Checkup:
    if first is None or facts.steal_s is None or first.steal_s is None or facts.read_ns is None or first.read_ns is None:
        return _untold("steal", facts, "", fact="steal_s")
    elapsed_s, stolen_s = max(1e-3, (facts.read_ns - first.read_ns) / 1e9), facts.steal_s - first.steal_s
    if stolen_s < STOLEN_LEAST_S or stolen_s / elapsed_s <= STOLEN_SHARE:
        return Checkup(name="steal", status=Status.OK, found="no CPU time goes to other virtual machines now")
    found = f"{100 * stolen_s / elapsed_s:.2g} % of one core goes to other virtual machines now"
    return Checkup(name="steal", status=Status.WARN, found=found, do=(("measure on a machine of your own, or later", ""),))


def _swap(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    if facts.swap_used_bytes is None:
        return _untold("swap", facts, "", fact="swap_used_bytes")
    if not facts.swap_used_bytes:
        return Checkup(name="swap", status=Status.OK, found="not in use")
    do = (
        ("see what uses the memory:", there(spec, "ps -eo rss,comm --sort=-rss | head")),
        ("bring it back into memory, where there is room:", there(spec, "sudo swapoff -a && sudo swapon -a")),
    )
    used = format_scaled(facts.swap_used_bytes, "B")
    return Checkup(name="swap", status=Status.WARN, found=f"{used} in use: a run may wait for the disk", do=do)


def _clock(spec: DeviceSpec, facts: DeviceFacts) -> Checkup:
    source = f", counted by {facts.clock_source}" if facts.clock_source else ""
    if facts.clock_synchronised is None:
        return _untold("clock", facts, "", fact="clock_synchronised")
    if facts.clock_synchronised:
        return Checkup(name="clock", status=Status.OK, found=f"follows a time server{source}")
    do = (("let it follow a time server:", there(spec, "sudo timedatectl set-ntp true")),)
    found = f"follows no time server{source}: dates may be wrong, and it may be stepped during a run"
    return Checkup(name="clock", status=Status.WARN, found=found, do=do)


def _meter(spec: DeviceSpec, probes: Mapping[str, Mapping[str, Any]]) -> Checkup:
    usable = [name for name, probe in probes.items() if probe.get("usable")]
    if spec.meter is not None:
        do: Do = (("see that it answers:", f"edgekit meters read {spec.meter}"),)
        return Checkup(name="meter", status=Status.OK, found=f"{spec.meter}, as edgekit.toml says", do=do)
    real = [name for name in usable if name != "cputime"]
    if real or spec.kind in _RUNNER_ONLY:
        return Checkup(name="meter", status=Status.OK, found=f"counters there: {', '.join(real)}" if real else "emulated, or on this host")
    far = ("--kind", spec.kind) if (spec.address or "").startswith("ssh:") and spec.kind != spec.name else ()
    options = [word for pair in spec.options.items() for word in ("-o", "=".join(pair))]
    again = shlex.join(["edgekit", "devices", "add", spec.name, spec.address or "local:", *far, *options, "--force", "--meter", "um25c"])
    do = (("see the meters on this host:", "edgekit meters --all"), ("name the one in its supply line:", again))
    estimated = " but an estimate from CPU time, within a factor of three or so" if "cputime" in usable else ""
    return Checkup(name="meter", status=Status.WARN if usable else Status.FAIL, found=f"none{estimated}", do=do)


def _untold(name: str, facts: DeviceFacts, otherwise: str, *, fact: str | None = None) -> Checkup:
    why = otherwise or facts.reasons.get(fact or name) or "the device does not tell"
    return Checkup(name=name, status=Status.OK, found=f"not readable: {why}")
