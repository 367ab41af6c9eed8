"""Enter a private mount namespace and put folders on real paths of it: nothing outside this process and its children sees them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEWNS, _NEWUSER = 0x0002_0000, 0x1000_0000
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_PDEATHSIG = 1

SENSORS = ("class/powercap", "class/hwmon", "bus/iio/devices", "bus/event_source/devices", "bus/i2c/drivers", "devices/virtual/powercap")
"""What this machine's own sensors may be found by; hidden where nothing emulated is put in their place."""


class Refused(Exception):
    """Say why a private namespace with emulated files cannot be had."""


def enter() -> None:
    """Unshare the mount namespace, as an ordinary user together with the user namespace; raise Refused."""
    uid, gid = os.geteuid(), os.getegid()
    flags = _NEWNS if uid == 0 else _NEWNS | _NEWUSER
    _call("unshare", _LIBC.unshare(flags))
    if uid != 0:
        for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path(f"/proc/self/{name}").write_text(line)
    mount("none", "/", "", _REC | _PRIVATE)


def mount(source: str, target: str | Path, kind: str, flags: int = 0, data: str = "") -> None:
    """Call mount(2); raise Refused."""
    status = _LIBC.mount(source.encode(), str(target).encode(), kind.encode(), flags, data.encode())
    _call(f"mount {kind or 'bind'} on {target}", status)


def mount_fuse(target: Path) -> int:
    """Mount a FUSE file system on `target` and return the device that its server answers on; raise Refused."""
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"/dev/fuse cannot be opened: {error.strerror}") from error
    options = f"fd={device},rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions"
    mount("edgekit", target, "fuse.edgekit", _NOSUID | _NODEV | _NOEXEC, options)
    return device


def graft(served: Path, tops: Iterable[str], room: Path) -> None:
    """Put the folders `tops` of `served` on their paths below /sys; an overlay makes room where a folder does not exist. Raise Refused."""
    targets = {Path("/sys") / top: served / top for top in tops}
    mount("tmpfs", room, "tmpfs", 0, "mode=0755")
    make_room((target for target in targets if not target.is_dir()), room)
    empty = room / "empty"
    empty.mkdir()
    for hidden in (Path("/sys") / sensor for sensor in SENSORS):
        if hidden.is_dir() and hidden not in targets:
            mount(str(empty), hidden, "", _BIND)
    for target, source in targets.items():
        target.mkdir(parents=True, exist_ok=True)
        mount(str(source), target, "", _BIND)


def make_room(targets: Iterable[Path], room: Path) -> None:
    """Let `targets` be created for this process alone: lay an overlay with its writable part in `room` over the nearest folder of each."""
    parents = {next(parent for parent in target.parents if parent.is_dir()) for target in targets}
    for parent in sorted(parents):  # an outer overlay first: it would cover what is mounted further in
        upper, work = (room / kind / str(parent).strip("/").replace("/", "-") for kind in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        mount("overlay", parent, "overlay", 0, f"lowerdir={parent},upperdir={upper},workdir={work}")


def top_of(path: str) -> str:
    """Return the folder that is grafted for a file of /sys: class/X, bus/X/Y, devices/virtual/X, devices/platform/X or devices/X."""
    parts = path.split("/")
    deep = parts[0] == "bus" or parts[1] in ("virtual", "platform")
    return "/".join(parts[: 3 if deep else 2])


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _LIBC.prctl(_PDEATHSIG, 9, 0, 0, 0)


def _call(what: str, status: int) -> None:
    if status != 0:
        raise Refused(f"{what}: {os.strerror(ctypes.get_errno())}")
