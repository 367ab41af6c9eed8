"""Run a command on emulated instruments: python -m tests.instruments.run --plant SPEC -- COMMAND...

SPEC is a JSON file or the name of a plant in plants.py. The command sees the plant's powercap, perf, hwmon and IIO trees on their real
paths (in a mount namespace of its own), its libnvidia-ml.so.1 by LD_LIBRARY_PATH, and its vcgencmd by PATH. The exit status is the
command's; 125 means that nothing could be emulated here. `--out DIR` keeps the plant: its truth can be asked for afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.instruments import activity, hwmon, inplace, namespace, nvml, perf, plants, pmic, powercap, truth
from tests.instruments.faults import FILE as FAULTS
from tests.instruments.faults import Faults
from tests.instruments.files import File, Link, Tree
from tests.instruments.fuse import Server
from tests.instruments.plantfile import VARIABLE, Plant, create

NOTHING = 125
SERVED = "EDGEKIT_INSTRUMENTS"
ORDINARY = "-dac_override,-dac_read_search,-fowner,-chown,-setuid"
SOMEONE_ELSE = 65534


def main(argv: Sequence[str] | None = None) -> int:
    """Emulate, run, and return the command's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.instruments.run", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--plant", required=True, help="a JSON file, or one of: " + ", ".join(plants.NAMES))
    parser.add_argument("--out", type=Path, help="keep the plant and truth.json in this folder")
    parser.add_argument("--in-place", action="store_true", help="write ordinary files instead of mounting a file system")
    parser.add_argument(
        "--as-ordinary-user", action="store_true", help="let files belong to someone else, and give up root's right to read them"
    )
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(argv)
    try:
        spec = _read(options.plant)
    except (OSError, ValueError) as error:
        known = ", ".join(plants.NAMES)
        parser.error(f"--plant {options.plant} is neither a plant of plants.py ({known}) nor a JSON file with a plant: {error}")
    with contextlib.ExitStack() as stack:
        folder = options.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgekit-plant-")))
        try:
            return emulate(spec, folder.absolute(), options.command, in_place=options.in_place, ordinary=options.as_ordinary_user)
        except (namespace.Refused, nvml.NoCompiler) as error:
            sys.stderr.write(f"cannot emulate here: {error}\n")
            return NOTHING


def _read(name: str) -> dict[str, Any]:
    if name in plants.NAMES:
        return plants.named(name)
    spec = json.loads(Path(name).read_text())
    if not isinstance(spec, dict) or "rails" not in spec:
        raise ValueError("it names no rails")
    return {"name": Path(name).stem, **spec}


def emulate(spec: Mapping[str, Any], folder: Path, command: Sequence[str], *, in_place: bool = False, ordinary: bool = False) -> int:
    """Set the plant up in `folder`, run `command` on it, write the truth, and return the command's exit status."""
    environment = dict(os.environ)
    if spec.get("nvml"):
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(nvml.library()), environment.get("LD_LIBRARY_PATH")]))
    plant = create(folder, spec)
    (folder / FAULTS).write_text(json.dumps(spec.get("faults", [])))
    served, stubs = folder / "served", folder / "bin"
    served.mkdir()
    stubs.mkdir()
    system, rest = trees(spec, plant)
    if in_place:
        inplace.lay_out(served, {**system, **rest})
        server = _serve(lambda: inplace.keep(served, {**system, **rest}), plant, folder)
    else:
        namespace.enter()
        server = _mounted(served, {**system, **rest}, plant, folder, SOMEONE_ELSE if ordinary else 0)
        room = folder / "room"
        room.mkdir()
        namespace.graft(served, {namespace.top_of(path) for path in system}, room)
        _place({Path(path): text for path, text in spec.get("files", {}).items()}, room)
    if spec.get("pmic"):
        pmic.install(stubs, served)
    for name, text in {**_smi(plant), **spec.get("stubs", {})}.items():
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    environment |= {
        VARIABLE: str(folder),
        SERVED: str(served),
        "EDGEKIT_EMULATED": f"plant {spec.get('name', '')}".strip(),
        "PATH": f"{stubs}{os.pathsep}{environment['PATH']}",
    }
    try:
        return _run([*(_setpriv() if ordinary else []), *command], environment, plant)
    finally:
        truth.write(plant)
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        if not in_place:
            _unmount(folder)


def trees(spec: Mapping[str, Any], plant: Plant) -> tuple[Tree, Tree]:
    """Return the files that belong below /sys, and the others."""
    seed = int(spec.get("seed", 1))
    system: dict[str, File | Link] = {}
    rest: dict[str, File | Link] = {}
    if spec.get("powercap"):
        system.update(powercap.tree(spec["powercap"], plant.rails, seed))
    if spec.get("perf"):
        found, streams = perf.tree(spec["perf"], plant.rails, seed)
        system.update(found)
        rest.update(streams)
    if spec.get("hwmon"):
        system.update(hwmon.tree(spec["hwmon"], plant.rails, seed))
    if spec.get("pmic"):
        rest.update(pmic.tree(spec["pmic"], plant.rails))
    return system, rest


def _smi(plant: Plant) -> dict[str, str]:
    """Return the program by which some tools decide whether there is an NVIDIA driver at all."""
    rows = [f"GPU {index}: {gpu.name.decode()} (UUID: {gpu.uuid.decode()})" for index, gpu in enumerate(plant.gpus)]
    return {"nvidia-smi": "#!/bin/sh\ncat <<'END'\n" + "\n".join(rows) + "\nEND\n"} if rows else {}


def _place(files: Mapping[Path, str], room: Path) -> None:
    namespace.make_room(files, room)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _mounted(served: Path, tree: Tree, plant: Plant, folder: Path, owner: int) -> int:
    device = namespace.mount_fuse(served)
    faults = Faults(folder / FAULTS, tree, plant.epoch_ns)
    process = _serve(Server(device, tree, fault=faults, owner=owner).serve, plant, folder)
    os.close(device)
    return process


def _serve(answer: Any, plant: Plant, folder: Path) -> int:
    """Fork the process that serves and watches; it holds none of this one's streams and dies with it."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        namespace.die_with_parent()
        os.setsid()
        with contextlib.suppress(OSError):  # a real counter answers at once: where allowed, the server does not wait for its turn
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
        log = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        for stream, source in ((0, null), (1, log), (2, log)):
            os.dup2(source, stream)
        threading.Thread(target=activity.follow, args=(plant,), daemon=True).start()
        answer()
        status = 0
    except BaseException as error:  # the child must not run on into its parent's code
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _run(command: Sequence[str], environment: Mapping[str, str], plant: Plant) -> int:
    # A Ctrl-C reaches the command by itself, and the plant must outlive it. (A handler, unlike SIG_IGN, is not inherited.)
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        with subprocess.Popen(command, env=environment) as process:
            signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
            plant.head.watch_pid = process.pid
            status = process.wait()
    except FileNotFoundError as error:
        sys.stderr.write(f"cannot run: {error}\n")
        return 127
    finally:
        signal.signal(signal.SIGINT, before)
    time.sleep(0.002)  # the last activity takes effect
    return 128 - status if status < 0 else status


def _setpriv() -> list[str]:
    if shutil.which("setpriv") is None:
        raise namespace.Refused("setpriv (util-linux) is not installed")
    return ["setpriv", f"--bounding-set={ORDINARY}", f"--inh-caps={ORDINARY}"] if os.geteuid() == 0 else []


def _unmount(folder: Path) -> None:
    for place in ("room", "served"):  # the grafts vanish with the namespace
        subprocess.run(["umount", "-l", str(folder / place)], check=False, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
