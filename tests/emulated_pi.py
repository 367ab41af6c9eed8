"""Make a Raspberry Pi that is not there: aarch64 programs under qemu's user emulation, behind the ssh server of `tests.loopback`.

Its Python, its C library and the engines are those that a Pi runs; the kernel is this machine's. So what comes out of a model is what
comes out on a Pi, and times are worth nothing. `/proc` and `/sys` are this machine's too: what a Pi says about itself stands in files of
its own (`Pi.options`).

The packages are fetched once, without being installed and without rights: Debian's from where this system takes its own, for another
architecture; the engines with pip. Both stay in pytest's cache folder (`make clean` removes it).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.loopback import Loopback, loopback
from tests.runner import trees

QEMU = "qemu-aarch64-static"
SYSTEM = ("python3-venv", "libstdc++6", "libatomic1")
ENGINES = ("ai-edge-litert", "onnxruntime", "numpy")
# pip, told to fetch for another machine, takes only the tags that it is given.
TAGS = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)))
MODEL = "Raspberry Pi 4 Model B Rev 1.4"
CPU = f"""processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

Revision\t: d03114
Model\t\t: {MODEL}"""
VCGENCMD = """#!/bin/sh
case $1 in
  get_throttled) echo throttled=0x0 ;;
  *) echo 'error=1 error_msg="Command not registered"' ;;
esac
"""
_APT = """APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
Dir::State "{0}";
Dir::State::status "{0}/status";
Dir::State::lists "{0}/lists";
Dir::Cache "{0}";
Dir::Cache::archives "{0}/archives";
"""
_PYTHON = """#!/bin/sh
export QEMU_CPU=cortex-a72
exec {qemu} -L {root} -0 "$0" {python} "$@"
"""


@dataclass(frozen=True, slots=True)
class Pi:
    """Hold a running Pi: how it is reached, the options that a device needs for it, and a folder of wheels that fit it."""

    server: Loopback
    machine: Path
    wheels: Path

    @property
    def options(self) -> dict[str, str]:
        """Return the device options: ssh's configuration, and where this Pi's own /proc, /sys, /etc and firmware are."""
        roots = {f"{name}_root": str(self.machine / name) for name in ("proc", "sys", "etc")}
        return {**self.server.options, **roots, "vcgencmd_root": str(self.machine / "bin")}


@contextlib.contextmanager
def emulated_pi(cache: Path, folder: Path) -> Iterator[Pi]:
    """Start a Pi that has nothing but Python and ssh; skip with the reason where its packages cannot be had.

    `cache` keeps what was fetched, `folder` is this Pi's own.
    """
    made = _made(cache)
    machine = raspberry(folder / "machine")
    here = folder / "bin"
    here.mkdir()
    (here / "python3").write_text(f'#!/bin/sh\nexec {shlex.quote(str(made / "root/usr/bin/python3"))} "$@"\n')
    (here / "python3").chmod(0o755)
    quiet = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONSTRAINT": ""}  # a machine without network
    # Byte code of what is imported is kept there, and of nothing else: an emulated processor takes seconds to compile numpy.
    quiet |= {"PIP_NO_COMPILE": "1", "PYTHONDONTWRITEBYTECODE": ""}
    with loopback(path=f"{here}:/usr/bin:/bin", env=quiet) as server:
        yield Pi(server=server, machine=machine, wheels=made / "wheels")


def raspberry(folder: Path) -> Path:
    """Write what a Raspberry Pi 4 says about itself: the device tree, its clocks, its temperature, its firmware."""
    cpufreq, zone = "sys/devices/system/cpu/cpu0/cpufreq", "sys/class/thermal/thermal_zone0"
    files: dict[str, str | int] = {
        "proc/cpuinfo": CPU,
        "proc/meminfo": "MemTotal: 3884364 kB\nSwapTotal: 102396 kB\nSwapFree: 102396 kB",
        "proc/loadavg": "0.08 0.03 0.01 1/140 900",
        "proc/stat": "cpu  100 0 100 9000 10 0 5 0 0 0",
        "proc/vmstat": "pswpin 0\npswpout 0",
        "proc/sys/kernel/random/boot_id": "5f0b4c1e-0000-4000-8000-000000000004",
        "sys/firmware/devicetree/base/model": MODEL,
        f"{cpufreq}/scaling_governor": "ondemand",
        f"{cpufreq}/scaling_cur_freq": 1_500_000,
        f"{zone}/type": "cpu-thermal",
        f"{zone}/temp": 48_200,
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
        "bin/vcgencmd": VCGENCMD,
    }
    trees.write(folder, files)
    (folder / "bin/vcgencmd").chmod(0o755)
    return folder


def _made(cache: Path) -> Path:
    """Return the folder that holds the Pi's system in `root` and what fits it in `wheels`, made when nobody has made it yet."""
    missing = [name for name in (QEMU, "apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"an emulated Raspberry Pi needs {', '.join(missing)} (make ci-packages, on Debian or Ubuntu)")
    told = [Path(__file__).read_bytes(), (REPOSITORY / "constraints.txt").read_bytes(), os.fsencode(cache)]  # scripts name the folder
    recipe = hashlib.sha256(b"".join(told)).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker of the tests makes it, the others wait
        made = cache / recipe
        if not made.exists():
            for old in cache.glob("*/"):
                shutil.rmtree(old)
            part = cache / "part"
            (part / "wheels").mkdir(parents=True)
            _fetch_engines(part / "wheels", _fetch_system(part))
            _wrap(part / "root", made / "root")
            part.rename(made)
    return made


def _fetch_system(folder: Path) -> str:
    """Fill `root` with the packages of a small system; return the version of its Python."""
    apt, root = folder / "apt", folder / "root"
    for name in ("lists/partial", "archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()  # nothing is installed there
    (apt / "conf").write_text(_APT.format(apt))
    env = {**os.environ, "APT_CONFIG": str(apt / "conf"), "LC_ALL": "C"}
    _fetch(["apt-get", "update", "-qq"], env)
    _fetch(["apt-get", "install", "-y", "-qq", "--download-only", "--no-install-recommends", *SYSTEM], env)
    root.mkdir()
    for package in sorted((apt / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    shutil.rmtree(apt)
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")  # newer systems leave this to a package that is nobody's dependency
    # Without an ARM processor in this file, XNNPACK and ONNX Runtime read the x86 one of this machine, and crash.
    trees.write(root, {"proc/cpuinfo": CPU})
    return _python(root).name.removeprefix("python")


def _wrap(root: Path, final: Path) -> None:
    """Put a script in the place of Python that lets qemu start it where `final` is what `root` will be called.

    With -0, Python takes the script for itself, so that environments are made of it, and start it again.
    """
    python = _python(root)
    python.rename(root / "usr/lib/python.aarch64")
    words = {"qemu": QEMU, "root": shlex.quote(str(final)), "python": shlex.quote(str(final / "usr/lib/python.aarch64"))}
    python.write_text(_PYTHON.format(**words))
    python.chmod(0o755)


def _fetch_engines(folder: Path, version: str) -> None:
    tags = [word for tag in TAGS for word in ("--platform", tag)]
    pinned = ["--constraint", str(REPOSITORY / "constraints.txt")]  # the versions that run here, so that outputs can be compared
    fitting = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", version, *tags]
    _fetch([sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), *fitting, *pinned, *ENGINES], dict(os.environ))


def _fetch(command: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        what = "packages for aarch64" if command[0] == "apt-get" else "wheels for aarch64"
        pytest.skip(f"{what} cannot be had: {last[:200]}")


def _python(root: Path) -> Path:
    return next(path for path in sorted((root / "usr/bin").glob("python3.*")) if path.suffix[1:].isdigit())
