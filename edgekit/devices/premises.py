"""Reach a machine that has no engine yet: look at its Python, run commands there, bring files."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import HardwareError, SetupError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.devices.keeper import LOOK, Keeper
from edgekit.devices.offers import Site
from edgekit.devices.pack import deploy
from edgekit.devices.remote_python import CACHE, VENV, Found, find
from edgekit.devices.upload import Store
from edgekit.links.process import Finished
from edgekit.links.shell import Console, LocalShell
from edgekit.links.ssh import SshLink

_LOOK_S = 120.0
_PROBE = """
import json, os, platform, shutil, struct, sys
from importlib import metadata, util
base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
place = sys.argv[1]
while not os.path.isdir(place):
    place = os.path.dirname(place) or "."
packages = {}
for name in sys.argv[2:]:
    try:
        packages[name] = str(metadata.version(name))
    except Exception:
        pass
print()
print(json.dumps({
    "python": sys.version_info[:3], "base": base if os.path.exists(base) else sys.executable, "machine": platform.machine(),
    "bits": 8 * struct.calcsize("P"), "libc": platform.libc_ver(), "venv": util.find_spec("ensurepip") is not None,
    "pip": util.find_spec("pip") is not None, "free": shutil.disk_usage(place).free, "packages": packages}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Hold what one Python of a machine says: `base` is the interpreter behind an environment, `packages` those asked for that it has."""

    site: Site
    base: str
    makes_environments: bool
    has_pip: bool
    free_bytes: int
    packages: dict[str, str]


class Premises:
    """Hold an open machine. `told` turns a command into one to paste here that does the same there."""

    def __init__(
        self, console: Console, found: Found, *, spec: DeviceSpec, put: Callable[[Path], str], told: Callable[[Sequence[str]], str]
    ) -> None:
        self._console = console
        self._spec = spec
        self._found = found
        self.put = put
        self.told = told
        self.python = found.python

    def path(self, text: str) -> str:
        """Return a path there, with the user's folder for ~."""
        return self._found.path(text)

    def run(self, argv: Sequence[str], *, timeout_s: float | None = None) -> Finished:
        """Run `argv` there to its end."""
        return self._console.run(argv, timeout_s=timeout_s)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the machine as a benchmark does, so that neither disturbs the other; raise HardwareError that names who has it.

        The connection ends with this. This host is held by nobody: a benchmark here takes no lock either.
        """
        if not isinstance(self._console, SshLink):
            yield
            return
        runner = self.put(deploy())
        look = self._console.address.command(LOOK, config=self._spec.options.get("ssh_config"))
        keeper = Keeper(self._console.take([self.python, runner, "keep"]), device=self._spec.name, typed=self._spec.typed, look=look)
        with contextlib.closing(keeper):
            keeper.hold(self._spec.options.get("lock"))
            yield

    def look(self, python: str, *, place: str, packages: Sequence[str]) -> Inside | None:
        """Return what a Python there says, and how much is free around `place`; None when it does not run."""
        with contextlib.suppress(TimeoutError, SetupError):
            done = self.run([python, "-c", _PROBE, place, *packages], timeout_s=_LOOK_S)
            with contextlib.suppress(ValueError, IndexError, KeyError, TypeError):
                return _inside(json.loads(done.stdout.strip().splitlines()[-1]))
        return None


@contextlib.contextmanager
def premises(device: Any) -> Iterator[Premises]:
    """Open the machine of a device; raise UsageError for one on which nothing can be installed, HardwareError for one without Python."""
    spec: DeviceSpec = device.spec
    if not hasattr(device, "reach"):
        raise UsageError(
            f"nothing can be set up on {spec.name}",
            code="device.no_setup",
            why=f"a device of kind {spec.kind} runs no engine in an environment of its own",
            do=[("see the devices:", "edgekit devices --all")],
        )
    with device.reach() as console:
        found = _python(console, spec)
        address = getattr(console, "address", None)

        def told(argv: Sequence[str]) -> str:
            return shlex.join(argv) if address is None else address.command(shlex.join(argv), config=spec.options.get("ssh_config"))

        yield Premises(console, found, spec=spec, put=_putting(console, found, spec, told), told=told)


def environment(spec: DeviceSpec, named: str | None) -> str:
    """Return the folder of a device's environment: as named now, in its options, or the usual one."""
    return named or spec.options.get("venv") or VENV


def _python(console: Console, spec: DeviceSpec) -> Found:
    """Return the Python that is named for a device, or, where that one does not run (any more), one of the system's."""
    if "python" in spec.options:
        with contextlib.suppress(HardwareError):
            return find(console, {"python": spec.options["python"]}, device=spec.name)
    return find(console, {}, device=spec.name)


def _putting(console: Console, found: Found, spec: DeviceSpec, told: Callable[[Sequence[str]], str]) -> Callable[[Path], str]:
    if isinstance(console, LocalShell):
        return console.put
    return Store(console, python=found.python, folder=found.path(spec.options.get("cache", CACHE)), device=spec.name, told=told).put


def _inside(told: dict[str, Any]) -> Inside:
    library, version = told["libc"]
    return Inside(
        site=Site(
            machine=_machine(told["machine"], told["bits"]),
            python=tuple(told["python"]),
            glibc=tuple(int(part) for part in version.split(".")[:2]) if library == "glibc" else None,
        ),
        base=str(told["base"]),
        makes_environments=bool(told["venv"]),
        has_pip=bool(told["pip"]),
        free_bytes=int(told["free"]),
        packages=dict(told["packages"]),
    )


def _machine(machine: str, bits: int) -> str:
    """Return the processor as wheels name it: many a 32-bit Raspberry Pi OS runs under a 64-bit kernel."""
    names = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}
    plain = names.get(machine.lower(), machine)
    return {"aarch64": "armv7l", "x86_64": "i686"}.get(plain, plain) if bits == 32 else plain


def failed(device: str, step: str, done: Finished, *, again: str) -> HardwareError:
    """Return the error for a command that failed there, with its last words."""
    words = (done.stderr.strip() or done.stdout.strip())[-800:]
    return HardwareError(
        f"setting up {device} stopped: {step} failed",
        code="device.setup",
        why=words or f"exit status {done.exit_code}, and it said nothing",
        do=[("repair that, then go on where it stopped:", again)],
    )
