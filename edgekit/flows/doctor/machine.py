"""Look at what would disturb a measurement: clocks that change, other work, other virtual machines, memory, heat."""

from __future__ import annotations

import os
from pathlib import Path

from edgekit.core.units import format_scaled
from edgekit.flows.doctor.checkup import Checkup, Status, text_of

BUSY_SHARE = 0.2  # of all cores; other work of this size shows in every window
_STEAL_SHARE = 0.01
HOT_C = 80.0  # laptops and boards begin to throttle between 80 and 100 degC
_MEMORY_WARN_BYTES = 2e9  # a conversion with tensorflow needs about as much


def governor(sysfs: Path) -> Checkup:
    """Say whether the processor's clock is held still."""
    files = sorted((sysfs / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    found = sorted({text for text in map(text_of, files) if text})
    if not found:
        return Checkup(name="governor", status=Status.OK, found="not readable: a virtual machine, or no frequency scaling")
    if found == ["performance"]:
        return Checkup(name="governor", status=Status.OK, found="performance")
    do = (("hold the clock for a measurement:", "sudo cpupower frequency-set -g performance"),)
    return Checkup(name="governor", status=Status.WARN, found=f"{', '.join(found)}: the clock may change during a window", do=do)


def load(proc: Path) -> Checkup:
    """Say how busy the machine is with other work."""
    text = text_of(proc / "loadavg")
    if text is None:
        return Checkup(name="load", status=Status.OK, found="not readable here")
    one_minute, cores = float(text.split()[0]), os.cpu_count() or 1
    found = f"{one_minute:.2f} over the last minute on {cores} cores"
    if one_minute <= BUSY_SHARE * cores:
        return Checkup(name="load", status=Status.OK, found=found)
    return Checkup(
        name="load",
        status=Status.WARN,
        found=f"{found}: other work will be measured too",
        do=(("see what runs:", "ps -eo pcpu,comm --sort=-pcpu | head"),),
    )


def steal(proc: Path) -> Checkup:
    """Return the share of CPU time that the hypervisor gave to others since boot (proc(5): the eighth figure of the line cpu)."""
    text = text_of(proc / "stat")
    ticks = [int(word) for word in text.splitlines()[0].split()[1:]] if text and text.startswith("cpu ") else []
    if len(ticks) < 8 or not sum(ticks[:8]):
        return Checkup(name="steal", status=Status.OK, found="not readable here")
    share = ticks[7] / sum(ticks[:8])
    found = f"{100 * share:.2g} % of CPU time since boot went to other virtual machines"
    if share <= _STEAL_SHARE:
        return Checkup(name="steal", status=Status.OK, found=found)
    return Checkup(
        name="steal",
        status=Status.WARN,
        found=found,
        do=(("use a machine of your own for figures that matter:", "edgekit devices add NAME ssh://USER@HOST"),),
    )


def memory(proc: Path) -> Checkup:
    """Say whether a conversion has the memory it needs."""
    rows = dict(line.split(":", 1) for line in (text_of(proc / "meminfo") or "").splitlines() if ":" in line)
    if "MemAvailable" not in rows:
        return Checkup(name="memory", status=Status.OK, found="not readable here")
    available, total, free_swap = (1024 * int(rows.get(key, "0 kB").split()[0]) for key in ("MemAvailable", "SwapTotal", "SwapFree"))
    swapped = total - free_swap
    found = f"{format_scaled(available, 'B')} available, {format_scaled(swapped, 'B') if swapped else 'nothing'} in swap"
    if available < _MEMORY_WARN_BYTES:
        do = (("see what uses it:", "ps -eo rss,comm --sort=-rss | head"),)
        return Checkup(
            name="memory", status=Status.WARN, found=f"{found}: conversions need about {format_scaled(_MEMORY_WARN_BYTES, 'B')}", do=do
        )
    return Checkup(name="memory", status=Status.OK, found=found)


def temperature(sysfs: Path) -> Checkup:
    """Say whether the machine is too hot to keep its clock."""
    readings = [text_of(path) for path in sorted((sysfs / "class/thermal").glob("thermal_zone*/temp"))]
    degrees = [int(text) / 1000 for text in readings if text and text.lstrip("-").isdigit()]
    if not degrees:
        return Checkup(name="temperature", status=Status.OK, found="not readable: no thermal zone")
    hottest = max(degrees)
    if hottest < HOT_C:
        return Checkup(name="temperature", status=Status.OK, found=f"{hottest:.0f} degC at most")
    return Checkup(
        name="temperature",
        status=Status.WARN,
        found=f"{hottest:.0f} degC: the clock may be throttled",
        do=(("watch it cool down:", "watch -n 5 cat /sys/class/thermal/thermal_zone*/temp"),),
    )
