"""Say which rule keeps RAPL from being read, and give remedies to paste."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Tuple

from . import refused
from .files import optional_number, optional_text

CAP_SYS_ADMIN, CAP_PERFMON = 21, 38

_UDEV_ALL = 'SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chmod a+r /sys%p/energy_uj"'
_UDEV_GROUP = 'SUBSYSTEM=="powercap", ACTION=="add", RUN+="/bin/chgrp energy /sys%p/energy_uj", RUN+="/bin/chmod g+r /sys%p/energy_uj"'
_TMPFILES = "z /sys/class/powercap/intel-rapl:*/energy_uj 0444 - - -"
_RULES = "/etc/udev/rules.d/99-rapl.rules"
_RELOAD = "sudo udevadm control --reload && sudo udevadm trigger -s powercap -c add"


def forbidden(path: str) -> Dict[str, Any]:
    """Return the refusal for a counter that only root may read."""
    mode = oct(os.stat(path).st_mode & 0o777)
    return refused(
        f"{path} has mode {mode} and this user may not read it",
        "since Linux 5.10 only root may (CVE-2020-8694: the counters leak what other programs compute)",
        [
            ("until the next boot:", "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"),
            (
                "at every boot, for one group of users, with udev:",
                f"sudo groupadd -f energy && sudo usermod -aG energy $USER && echo '{_UDEV_GROUP}' | sudo tee {_RULES} && {_RELOAD}"
                "   # then log in again",
            ),
            ("at every boot, for everyone, with udev:", f"echo '{_UDEV_ALL}' | sudo tee {_RULES} && {_RELOAD}"),
            (
                "at every boot, with systemd-tmpfiles:",
                f"echo '{_TMPFILES}' | sudo tee /etc/tmpfiles.d/rapl.conf && sudo systemd-tmpfiles --create",
            ),
            ("or run this one command as root:", "sudo -E $(command -v edgekit) bench ..."),
        ],
    )


def masked(link: str) -> Dict[str, Any]:
    """Return the refusal for a zone whose link leads nowhere, as in a container that masks /sys/devices/virtual/powercap."""
    return refused(
        f"{link} points to {os.readlink(link)}, which does not exist",
        "a container masks /sys/devices/virtual/powercap (CVE-2020-8694), so every zone is a link to nothing",
        [
            ("in Docker, start the container with:", "docker run --security-opt systempaths=unconfined ..."),
            ("in Podman, start the container with:", "podman run --security-opt unmask=/sys/devices/virtual/powercap ..."),
            ("or measure outside the container:", "edgekit meters --all"),
        ],
    )


def perf_forbidden(error: OSError, roots: Mapping[str, str]) -> Tuple[str, List[Tuple[str, str]]]:
    """Return why the kernel refused perf_event_open, with the values that decide, and what to do."""
    proc = roots.get("proc", "/proc")
    level = optional_number(f"{proc}/sys/kernel/perf_event_paranoid")
    held = capabilities(proc)
    may = "CAP_PERFMON" if held >> CAP_PERFMON & 1 else "CAP_SYS_ADMIN" if held >> CAP_SYS_ADMIN & 1 else ""
    shown = "unknown" if level is None else f"{level:g}"
    if may or (level is not None and level <= 0):
        why = f"kernel.perf_event_paranoid is {shown}{' and this process has ' + may if may else ''}, yet the call was refused"
        do = [("in Docker, allow the call:", "docker run --cap-add PERFMON --security-opt seccomp=unconfined ...")]
        return f"perf_event_open failed: {error.strerror}; {why}: a seccomp filter or another security module forbids it", do
    why = f"kernel.perf_event_paranoid is {shown} (above 0) and this process has neither CAP_PERFMON nor CAP_SYS_ADMIN"
    return f"perf_event_open failed: {error.strerror}; {why}", [
        ("allow machine-wide events until the next boot:", "sudo sysctl kernel.perf_event_paranoid=0"),
        ("or let this Python, and every program it runs, do it:", 'sudo setcap cap_perfmon=ep "$(readlink -f "$(command -v python3)")"'),
    ]


def capabilities(proc: str) -> int:
    """Return the effective capabilities of this process as bits; 0 where they are not shown."""
    for line in optional_text(f"{proc}/self/status").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
