"""Look at a machine before anything is there: its Python (the one that was stated, the one that `edgekit devices setup` made, or the
system's own), the user's folder, and when it started.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.core.errors import HardwareError
from edgekit.links.shell import Console

CACHE = "~/.cache/edgekit"
VENV = "~/.cache/edgekit/venv"
OLDEST = (3, 9)
_NAMES = ("python3", *(f"python3.{minor}" for minor in range(14, 8, -1)))
_LOOK = """
printf 'home=%s\\n' "$HOME"
printf 'boot='; cat {boot} 2>/dev/null || echo
for p in "$@"; do
  case $p in "~/"*) p=$HOME/${p#"~/"} ;; esac
  v=$("$p" -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info[:2] < {oldest})' </dev/null 2>/dev/null)
  fit=$?
  [ -n "$v" ] && printf 'python=%s %s\\n' "$v" "$p"
  [ $fit = 0 ] && break
done
exit 0
"""
_VERSION = re.compile(r"\d+\.\d+ ")
_BOOT = "/sys/kernel/random/boot_id"  # another one after each start


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hold where Python and the user's own folder are on a machine."""

    python: str
    version: tuple[int, int]
    home: str
    boot: str

    def path(self, text: str) -> str:
        """Return a path there with ~ replaced by the user's folder."""
        return f"{self.home}/{text[2:]}" if text.startswith("~/") else text


def find(shell: Console, options: Mapping[str, str], *, device: str) -> Found:
    """Return the Python to use; raise HardwareError when there is none, or none that is new enough."""
    if "python" in options:
        candidates: tuple[str, ...] = (options["python"],)
    elif "venv" in options:
        candidates = (f"{options['venv']}/bin/python",)
    else:
        candidates = (f"{VENV}/bin/python", *_NAMES)
    rows = _rows(shell, options, candidates)
    known = {key: value for key, value in rows if key != "python"}
    found = [_found(value, known) for key, value in rows if key == "python" and _VERSION.match(value)]
    fit = next((item for item in found if item.version >= OLDEST), None)
    if fit is not None:
        return fit
    needs = f"the runner needs Python {OLDEST[0]}.{OLDEST[1]} or newer"
    install = ("install it there:", "sudo apt-get install python3 python3-venv")
    other = ("or name another one:", "edgekit devices add NAME ssh://USER@HOST -o python=/usr/local/bin/python3.11")
    if found:
        seen = ", ".join(f"{item.python} is {item.version[0]}.{item.version[1]}" for item in found)
        raise HardwareError(f"the Python of {device} is too old", code="device.python_too_old", why=f"{seen}; {needs}", do=[install, other])
    tried = ", ".join(candidates[:2])
    raise HardwareError(f"{device} has no Python", code="device.no_python", why=f"tried {tried}; {needs}", do=[install, other])


def boot(shell: Console, options: Mapping[str, str]) -> str:
    """Return which start of the machine this is; nothing where it does not say."""
    return dict(_rows(shell, options, ())).get("boot", "")


def _rows(shell: Console, options: Mapping[str, str], candidates: tuple[str, ...]) -> list[tuple[str, str]]:
    boot_id = shlex.quote(options.get("proc_root", "/proc") + _BOOT)
    look = _LOOK.replace("{boot}", boot_id).replace("{oldest}", str(OLDEST))
    lines = shell.run(["sh", "-c", look, "sh", *candidates], timeout_s=60).stdout.splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def _found(text: str, known: Mapping[str, str]) -> Found:
    version, _, python = text.partition(" ")
    major, _, minor = version.partition(".")
    return Found(python=python, version=(int(major), int(minor)), home=known.get("home", ""), boot=known.get("boot", ""))
