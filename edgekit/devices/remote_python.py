"""Find the Python of a machine: the one that was stated, the environment that `edgekit devices setup` made, or the system's own."""

from __future__ import annotations

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
for p in "$@"; do
  case $p in "~/"*) p=$HOME/${p#"~/"} ;; esac
  v=$("$p" -c 'import sys; print("%d.%d" % sys.version_info[:2])' </dev/null 2>/dev/null) && printf 'python=%s %s\\n' "$v" "$p"
done
exit 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hold where Python and the user's own folder are on a machine."""

    python: str
    version: tuple[int, int]
    home: str

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
    lines = shell.run(["sh", "-c", _LOOK, "sh", *candidates], timeout_s=60).stdout.splitlines()
    rows = [line.partition("=")[::2] for line in lines]
    home = next((value for key, value in rows if key == "home"), "")
    found = [_found(value, home) for key, value in rows if key == "python"]
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


def _found(text: str, home: str) -> Found:
    version, _, python = text.partition(" ")
    major, _, minor = version.partition(".")
    return Found(python=python, version=(int(major), int(minor)), home=home)
