"""Hold a machine still for a run: set the clock governor, stop services, and put everything back, whatever happens meanwhile.

    host closes its end, dies, or the link falls    this process sees its input end, and restores
    this process is killed, the machine restarts    a file says what is left to restore; whoever connects next calls `mend`

The file is written before anything is changed, and locked while this process lives. Needs the right to write the governor's files and to
ask systemd, or `sudo -n` for both.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from .condition import boot
from .counters import FOLDERS
from .counters.files import optional_text
from .wire import Message, Refusal

STATE = "~/.cache/edgekit/prepared.json"
_PATIENCE_S = 30.0
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,200}")
_SEARCH = "/usr/bin:/bin:/usr/sbin:/sbin"


class Preparation:
    """Hold what was changed, from `apply` to `restore` or `close`."""

    def __init__(self) -> None:
        self._lock: Optional[int] = None
        self._roots: Dict[str, str] = {}

    def operations(self) -> Dict[str, Callable[[Message], Message]]:
        """Return the operations by name."""
        return {"apply": self.apply, "restore": self.restore}

    def tick(self) -> None:
        """Wait for nothing but requests."""

    def apply(self, request: Message) -> Message:
        """Set `governor` and stop `services`; return {"told": sentences}. Refuse, with all as it was, where something cannot be done."""
        self._roots = dict(request.get("roots") or {})
        governor, services = str(request["governor"]), [str(name) for name in request.get("services") or []]
        for name in services:
            if not _SERVICE.fullmatch(name):
                raise Refusal("prepare.service", f"{name!r} is not the name of a service", "see: systemctl list-units --type=service")
        self._lock = _locked()
        told = _mended(self._lock, self._roots)
        old = {path: value for path, value in _governors(self._roots).items() if value != governor}
        running = [name for name in services if _active(name, self._roots)]
        state = {"boot": boot_name(self._roots), "wanted": governor, "governors": old, "services": running, "since": time.time()}
        _write(self._lock, state)
        try:
            for path in old:
                _set(path, governor, self._roots)
            for name in running:
                _systemctl("stop", name, self._roots)
        except Refusal:
            _restore(self._lock, state, self._roots)
            self._release()
            raise
        return {"told": told + _said(old, running, services, governor, bool(_governors(self._roots)))}

    def restore(self, request: Message) -> Message:
        """Put everything back; return {"told": sentences, "left": what could not be put back}."""
        if self._lock is None:
            return {"told": [], "left": []}
        told, left = _restore(self._lock, _read(self._lock), self._roots)
        self._release()
        return {"told": told, "left": left}

    def close(self) -> None:
        """Put back what still has to be."""
        self.restore({})

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def mend(request: Message) -> Message:
    """Put back what a run that was killed has left; return {"told": sentences}. What a run that is still there holds is left alone."""
    if not os.path.exists(os.path.expanduser(STATE)):
        return {"told": []}
    try:
        lock = _locked()
    except Refusal:
        return {"told": []}
    try:
        return {"told": _mended(lock, dict(request.get("roots") or {}))}
    finally:
        os.close(lock)


def leave_gently(never: bool = False) -> None:
    """Let a polite kill end this process as the end of its input does; or, while it puts things back, `never`."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if never else lambda *_: sys.exit(0))


def boot_name(roots: Mapping[str, str]) -> Optional[str]:
    """Return the kernel's name for this start of the machine; None where it has none."""
    try:
        return boot(roots.get("proc", "/proc"))
    except (OSError, LookupError):
        return None


def _mended(lock: int, roots: Mapping[str, str]) -> List[str]:
    state = _read(lock)
    if not state:
        return []
    told, left = _restore(lock, state, roots)
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(state.get("since") or 0)))
    return [f"a run of {since} was cut off before it put back what it had changed: " + "; ".join(told + left)] if told or left else []


def _restore(lock: int, state: Mapping[str, Any], roots: Mapping[str, str]) -> Tuple[List[str], List[str]]:
    """Return (what was put back, what could not be); what could not stays in the file."""
    told: List[str] = []
    left: List[str] = []
    kept: Dict[str, Any] = dict(state, governors={}, services=[])
    restarted = state.get("boot") != boot_name(roots)  # then every governor is the system's own again
    there = _governors(roots)
    for path, old in dict(state.get("governors") or {}).items():
        if restarted or there.get(path) != state.get("wanted"):
            continue  # somebody has set another one: it is theirs
        try:
            _set(path, str(old), roots)
        except Refusal as refusal:
            left.append(f"{path} is still {state.get('wanted')}, it was {old} ({refusal.error['why']})")
            kept["governors"][path] = old
    if state.get("governors") and not kept["governors"] and not restarted:
        told.append("governor " + ", ".join(sorted(set(map(str, state["governors"].values())))))
    for name in (name for name in state.get("services") or [] if isinstance(name, str) and _SERVICE.fullmatch(name)):
        try:
            _systemctl("start", name, roots)
            told.append(f"{name} started")
        except Refusal as refusal:
            left.append(f"{name} is still stopped ({refusal.error['why']})")
            kept["services"].append(name)
    _write(lock, kept if left else {})
    return told, left


def _governors(roots: Mapping[str, str]) -> Dict[str, str]:
    """Return the governor of each policy, by the path of its file."""
    cpu = glob.escape(roots.get("sys", "/sys")) + "/devices/system/cpu"
    paths = glob.glob(f"{cpu}/cpufreq/policy*/scaling_governor") or glob.glob(f"{cpu}/cpu[0-9]*/cpufreq/scaling_governor")
    found = {path: optional_text(path) for path in sorted(paths)}
    return {path: value for path, value in found.items() if value}


def _set(path: str, governor: str, roots: Mapping[str, str]) -> None:
    offered = optional_text(os.path.join(os.path.dirname(path), "scaling_available_governors")).split()
    if offered and governor not in offered:
        raise Refusal("prepare.governor", f"this machine has no governor {governor}", "it offers " + ", ".join(offered))
    try:
        with open(path, "w") as file:
            file.write(governor)
    except OSError as error:
        why = _as_root(["tee", path], governor, roots)
        if why is not None:
            folder = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
            do = [["let this user set it, until the machine starts anew:", f'sudo chown "$USER" {folder}']]
            do.append(["or set it by hand, and leave out --prepare:", f"echo {governor} | sudo tee {folder}"])
            raise Refusal("prepare.refused", "the governor may not be set", f"{path}: {error.strerror}; {why}", do=do) from error
    if optional_text(path) != governor:
        raise Refusal("prepare.refused", "the governor did not take", f"{path} says {optional_text(path)!r}")


def _systemctl(verb: str, name: str, roots: Mapping[str, str]) -> None:
    """Stop or start one service, without waiting for it to be up."""
    words = ["systemctl", verb, *(["--no-block"] if verb == "start" else []), "--", name]
    why = _run(words, "", roots)
    if why is not None and os.geteuid() != 0:
        why = _as_root(words, "", roots)
    if why is not None:
        allowed = f"$(command -v systemctl) stop -- {name}, $(command -v systemctl) start --no-block -- {name}"
        do = [[f"{verb} it by hand:", f"sudo systemctl {verb} {name}"]]
        do.append(["or let this user do it:", f'echo "$USER ALL=(root) NOPASSWD: {allowed}" | sudo tee /etc/sudoers.d/edgekit-{name}'])
        raise Refusal("prepare.refused", f"the service {name} could not be told to {verb}", why, do=do)


def _active(name: str, roots: Mapping[str, str]) -> bool:
    return _run(["systemctl", "is-active", "--quiet", "--", name], "", roots) is None


def _as_root(words: List[str], given: str, roots: Mapping[str, str]) -> Optional[str]:
    return _run(["sudo", "-n", *words], given, roots)


def _run(words: List[str], given: str, roots: Mapping[str, str]) -> Optional[str]:
    """Run one command; return None when it ended well, else why not. Where folders are replaced, so must be the one of programs."""
    replaced = bool(FOLDERS & set(roots))
    search = roots.get("bin") if replaced else os.environ.get("PATH", "") + os.pathsep + _SEARCH
    program = shutil.which(words[0], path=search) if search else None
    if program is None:
        return f"{words[0]} is not there"
    try:
        done = subprocess.run([program, *words[1:]], input=given, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{words[0]}: {error}"
    return None if done.returncode == 0 else (done.stderr.strip() or f"{' '.join(words[:3])} ended with {done.returncode}")[:300]


def _said(old: Mapping[str, str], running: List[str], services: List[str], governor: str, scaled: bool) -> List[str]:
    told = [f"governor {', '.join(sorted(set(old.values())))} set to {governor} on {len(old)} of its clocks"] if old else []
    told += [] if old else [f"the governor is {governor} already" if scaled else "this machine has no clock governor"]
    told += [f"{name} stopped" for name in running]
    return told + [f"{name} was not running" for name in services if name not in running]


def _locked() -> int:
    """Return the open state file with its lock; raise Refusal where another run holds it, or it cannot be written."""
    path = os.path.expanduser(STATE)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unwritable(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise Refusal("prepare.busy", "another run has prepared this machine", f"{path} is in use") from error
    return lock


def _read(lock: int) -> Dict[str, Any]:
    with contextlib.suppress(ValueError):
        state = json.loads(os.pread(lock, 1 << 20, 0).partition(b"\n")[0].decode("utf-8", "replace"))
        if isinstance(state, dict):
            return state
    return {}


def _write(lock: int, state: Mapping[str, Any]) -> None:
    """Write the state so that it survives whatever comes next; nothing to restore leaves an empty file, which keeps its lock."""
    data = json.dumps(state).encode() + b"\n" if state else b""  # the line end says that all of it is there
    try:
        os.pwrite(lock, data, 0)
        os.ftruncate(lock, len(data))
        os.fsync(lock)
    except OSError as error:
        raise _unwritable(str(error.strerror)) from error


def _unwritable(why: str) -> Refusal:
    return Refusal("prepare.state", "what would be changed cannot be written down, so nothing is", why)
