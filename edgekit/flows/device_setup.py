"""Set up a machine: an environment of its own with engines that exist for it. Plan (pure), show, ask, do what has not been done before."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.config import load
from edgekit.config.edit import set_options
from edgekit.core.errors import HardwareError, UsageError, missing_file
from edgekit.core.hardware import DeviceSpec
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.core.units import format_scaled
from edgekit.devices.offers import ENGINES, Offer, Site, offers, usual
from edgekit.devices.premises import Inside, Premises, environment, failed, premises
from edgekit.devices.remote_python import VENV

_PACKAGES = ("ai-edge-litert", "tflite-runtime", "onnxruntime", "numpy", "onnxruntime-gpu", "torch", "onnx", "nvidia-ml-py")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_STEP_S = 3600.0  # a Pi Zero on a slow line unpacks for long
_ENVIRONMENT_BYTES = 25e6
_UNPACKING = 1.5  # wheels and what comes out of them are there together for a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRequest:
    """Say what to set up: engines by name (none: the usual ones), the environment's folder there, a folder of wheels here."""

    engines: tuple[str, ...] = ()
    venv: str | None = None
    wheels: Path | None = None
    fresh: bool = False

    def command(self, device: str) -> str:
        """Return the command that asks for the same; one that goes on from there makes nothing anew."""
        options = [word for name in self.engines for word in ("--engine", name)]
        options += [
            word for name, value in (("--wheels", self.wheels), ("--venv", self.venv)) if value is not None for word in (name, str(value))
        ]
        return shlex.join(["edgekit", "devices", "setup", device, *options])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one step: the words to run there, or a file to send there. `done` is set where it has been done before."""

    title: str
    argv: tuple[str, ...] = ()
    send: tuple[Path, ...] = ()
    done: bool = False

    @property
    def command(self) -> str:
        """Return the step as it would be typed there; sending is no command."""
        return shlex.join(self.argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupPlan:
    """Hold the steps for one device; its runner starts with `python` afterwards, which is found unnamed in the `usual` environment."""

    device: str
    site: str
    venv: str
    usual: bool
    python: str
    engines: tuple[str, ...]
    steps: tuple[Step, ...]
    notes: tuple[Note, ...] = ()

    @property
    def needed(self) -> bool:
        """Return whether anything is left to do."""
        return any(not step.done for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """Hold the plan, whether it was carried out now, and what the environment holds, by package."""

    plan: SetupPlan
    changed: bool
    installed: dict[str, str]
    seconds: float = 0.0


def set_up(device: Any, request: SetupRequest, *, progress: Progress, consent: Callable[[SetupPlan], bool], start: Path) -> SetupResult:
    """Plan, ask and install; return what is there. Steps that were done before are not repeated.

    Where the device would not find its environment by itself, its options in the edgekit.toml of `start` are changed to say where it is.

    Raises:
        UsageError: nothing can be set up on such a device, or an engine has no such name.
        HardwareError: no engine exists for the machine, it lacks room or a part of Python, a benchmark runs there, or a step failed there.
    """
    _check(request)
    _require_name(device.spec, start)
    progress.step(f"look at {device.spec.name}")
    with premises(device) as there:
        venv = there.path(environment(device.spec, request.venv))
        base, inside = _look(there, venv)
        before = None if request.fresh else inside
        gpu = device.spec.kind == "cuda" and not device.spec.rehearsed
        plan = plan_setup(device.spec.name, request, base=base, inside=before, venv=venv, told=there.told, gpu=gpu)
        plan = replace(plan, notes=(*plan.notes, *_nameless(device.spec, plan, start)))
        if not plan.needed or not consent(plan):
            return SetupResult(plan=plan, changed=False, installed=inside.packages if inside is not None else {})
        begun_s = time.monotonic()
        with there.held():
            conduct(plan, there, progress=progress, again=request.command(device.spec.name))
            _, inside = _look(there, venv)
    _remember(device.spec, plan, start)
    return SetupResult(plan=plan, changed=True, installed=inside.packages if inside is not None else {}, seconds=time.monotonic() - begun_s)


def plan_setup(
    device: str,
    request: SetupRequest,
    *,
    base: Inside,
    inside: Inside | None,
    venv: str,
    told: Callable[[Sequence[str]], str],
    gpu: bool = False,
) -> SetupPlan:
    """Return the steps for a machine whose system Python is `base` and whose environment is `inside` (None: there is none that works).

    On a `gpu` the usual engine is one that computes there.
    """
    chosen = _chosen(device, request.engines, base.site, gpu=gpu)
    python = f"{venv}/bin/python"
    whole = inside is not None and inside.has_pip and inside.site.python[:2] == base.site.python[:2]
    missing = [offer for offer in chosen if not (whole and inside is not None and _there(offer, inside))]
    wheels = tuple(sorted(request.wheels.glob("*.whl"))) if request.wheels is not None else ()
    if not whole and not base.makes_environments:
        raise HardwareError(
            f"the Python of {device} cannot make environments",
            code="device.no_venv",
            why=f"{base.base} lacks ensurepip, which systems like Debian keep in a package of its own",
            do=[("install it there:", told(["sudo", "apt-get", "install", "-y", "python3-venv"]))],
        )
    _require_room(device, base, missing, fresh=not whole)
    steps = [Step(title="make an environment", argv=(base.base, "-m", "venv", "--clear", venv), done=whole)]
    if missing and wheels:
        steps.append(Step(title=f"send {len(wheels)} wheels", send=wheels))
    if inside is not None and whole and (clashing := [name for offer in missing for name in _in_the_way(offer, inside)]):
        argv = (python, "-m", "pip", "uninstall", "--disable-pip-version-check", "--no-input", "-y", *clashing)
        steps.append(Step(title=f"remove {', '.join(clashing)}, which would be in the way", argv=argv))
    if missing:
        steps.append(Step(title=f"install {', '.join(offer.package for offer in missing)}", argv=_pip(python, missing, request.wheels)))
    imports = "; ".join(f"import {offer.module}" for offer in chosen)
    steps.append(Step(title="see that it works", argv=(python, "-c", imports), done=not missing))
    return SetupPlan(
        device=device,
        site=str(base.site),
        venv=venv,
        usual=venv.endswith(VENV.removeprefix("~")),
        python=python,
        engines=tuple(offer.engine for offer in chosen),
        steps=tuple(steps),
        notes=_notes(chosen, base.site, request),
    )


def conduct(plan: SetupPlan, there: Premises, *, progress: Progress, again: str) -> None:
    """Do what is left to do; raise HardwareError with the last words of what failed. What was done stays, and is not done again."""
    folders: list[str] = []
    for step in plan.steps:
        if step.done:
            continue
        progress.step(step.title, total=len(step.send) or None)
        for count, wheel in enumerate(step.send, 1):
            folders.append(there.put(wheel).rpartition("/")[0])
            progress.advance(count, wheel.name)
        if not step.argv:
            continue
        found = [word for folder in dict.fromkeys(folders) for word in ("--find-links", folder)]
        argv = [word for part in step.argv for word in (found if part == _FOUND else [part])]
        done = there.run(argv, timeout_s=_STEP_S)
        if done.exit_code:
            progress.fail()
            raise failed(plan.device, there.told(argv), done, again=again)


_FOUND = "--find-links=WHEELS"


def _pip(python: str, missing: Sequence[Offer], wheels: Path | None) -> tuple[str, ...]:
    requirements = tuple(dict.fromkeys(word for offer in missing for word in offer.requirements))
    offline = ("--no-index", _FOUND) if wheels is not None else ()
    return (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:", *offline, *requirements)


def _look(there: Premises, venv: str) -> tuple[Inside, Inside | None]:
    inside = there.look(f"{venv}/bin/python", place=venv, packages=_PACKAGES)
    first = there.look(there.python, place=venv, packages=_PACKAGES)
    base = first if first is None or first.base == there.python else there.look(first.base, place=venv, packages=_PACKAGES) or first
    if base is None:
        raise HardwareError(
            "the Python there does not say what it is",
            code="device.setup",
            why=f"{there.python} ran, and answered nothing that could be read",
            do=[("see what it says:", there.told([there.python, "-VV"]))],
        )
    return base, inside


def _there(offer: Offer, inside: Inside) -> bool:
    """Return whether an engine is installed with all that it needs and nothing in its way, and, where it needs an old numpy, that one."""
    old = "numpy<2" not in offer.requirements or inside.packages.get("numpy", "2").split(".")[0] in ("0", "1")
    if offer.engine == "onnxruntime" and "onnxruntime-gpu" in inside.packages:
        return True  # the package for GPUs holds the one for processors
    needed = {found[0] for text in offer.requirements if (found := _NAME.match(text))}
    return needed <= set(inside.packages) and old and not _in_the_way(offer, inside)


def _in_the_way(offer: Offer, inside: Inside) -> list[str]:
    """Return what must go first: packages of the same module, and a build without CUDA of the package itself."""
    other = [name for name in offer.clashes if name in inside.packages]
    torn = bool(other) and offer.package in inside.packages  # what goes takes files of this one along, and pip would think that it is whole
    without_gpu = "cuda" in offer.engine and "+cpu" in inside.packages.get(offer.package, "")
    return [*other, *([offer.package] if torn or without_gpu else [])]


def _chosen(device: str, names: Sequence[str], site: Site, *, gpu: bool) -> list[Offer]:
    there = offers(site)
    absent = [name for name in names if name not in there]
    chosen = [there[name] for name in names] if names and not absent else usual(site, gpu=gpu)
    if chosen and not absent:
        clashing = {package for offer in chosen for package in offer.clashes}
        return [offer for offer in chosen if offer.package not in clashing]
    what = f"{' and '.join(absent)} cannot be installed on {device}" if absent and there else f"no engine exists for {device}"
    do = [("install what there is:", f"edgekit devices setup {device} --engine {next(iter(there))}")] if there else []
    do += [] if there else [("use the 64-bit system, or an older one with Python 3.11:", "")]
    if gpu:  # what else there is computes on the processor, and its environment would become the one that the device uses
        what = f"no engine for the GPU of {device} can be installed" if not names else what
        own = (
            "install one into a Python of yours there, then name that Python:",
            "edgekit devices add NAME ADDRESS --force -o python=PATH",
        )
        do = [own]
    raise HardwareError(what, code="device.no_wheels", why=f"nobody publishes it for {site}", do=do)


def _require_room(device: str, base: Inside, missing: Sequence[Offer], *, fresh: bool) -> None:
    needed = _UNPACKING * sum(offer.size_bytes for offer in missing) + (_ENVIRONMENT_BYTES if fresh else 0)
    if base.free_bytes < needed:
        raise HardwareError(
            f"the disk of {device} is too full",
            code="device.disk_full",
            why=f"the engines need about {format_scaled(needed, 'B')}, and {format_scaled(base.free_bytes, 'B')} are free",
            do=[("install one engine only:", f"edgekit devices setup {device} --engine {missing[0].engine}")] if len(missing) > 1 else [],
        )


def _check(request: SetupRequest) -> None:
    for name in request.engines:
        if name not in ENGINES:
            raise UsageError(
                f"no engine is called {name!r}",
                code="engine.unknown",
                why=f"engines that can be installed: {', '.join(ENGINES)}",
            )
    if request.wheels is not None:
        if not request.wheels.is_dir():
            raise missing_file(request.wheels, "the folder of wheels")
        if not list(request.wheels.glob("*.whl")):
            raise UsageError(
                f"{request.wheels} holds no wheels",
                code="device.wheels",
                why="no file there ends with .whl",
                do=[
                    (
                        "fill it for a 64-bit Raspberry Pi with Python 3.11:",
                        "pip download -d WHEELS --only-binary :all: --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64"
                        " --python-version 3.11 ai-edge-litert onnxruntime",
                    )
                ],
            )


def _notes(chosen: Sequence[Offer], site: Site, request: SetupRequest) -> tuple[Note, ...]:
    notes = []
    if any(offer.engine == "tflite-runtime" for offer in chosen):
        text = "tflite-runtime 2.14 is of 2023: it refuses newer models, and runs int8 several times slower than fp32 on some processors"
        notes.append(Note(code="engine.old", text=text, advice="edgekit convert --target pi-legacy says which models it takes"))
    if site.machine == "armv7l" and request.wheels is None:
        text = "numpy has no 32-bit ARM wheel on PyPI: it comes from the index that Raspberry Pi OS sets up for pip"
        notes.append(Note(code="setup.numpy", text=text, advice="without that index, bring numpy along: --wheels FOLDER"))
    if any("cuda" in offer.engine for offer in chosen):
        text = "wheels for GPUs bring CUDA libraries of their own, gigabytes of them, and the driver must be new enough for these"
        notes.append(
            Note(code="setup.cuda", text=text, advice="nvidia-smi says up to which CUDA the driver goes; earlier wheels: --wheels")
        )
    if unchecked := [offer.package for offer in chosen if not offer.checked]:
        notes.append(Note(code="setup.unchecked", text=f"nobody has checked {', '.join(unchecked)} on {site} for edgekit"))
    return tuple(notes)


def _remember(spec: DeviceSpec, plan: SetupPlan, start: Path) -> None:
    """Write down where the environment is, for a device of edgekit.toml that would look elsewhere."""
    rest = {key: value for key, value in spec.options.items() if key not in ("python", "venv")}
    wanted = rest if _found_anyway(spec, plan) else {**rest, "python": plan.python}
    if wanted != dict(spec.options) and spec.name in load(start).devices:
        set_options(spec.name, wanted, start=start)


def _require_name(spec: DeviceSpec, start: Path) -> None:
    """Raise UsageError for the GPU of this machine while no edgekit.toml names it: it would not use what is installed, gigabytes of it."""
    if spec.kind == "cuda" and not (spec.address or "").startswith("ssh:") and spec.name not in load(start).devices:
        raise UsageError(
            f"{spec.name} stands in no edgekit.toml, and would not use an environment of its own",
            code="device.no_setup",
            why="where its engine is must be written down under a name",
            do=[("give the GPU of this machine a name, then set that up:", "edgekit devices add gpu cuda:0")],
        )


def _found_anyway(spec: DeviceSpec, plan: SetupPlan) -> bool:
    return (spec.address or "").startswith("ssh:") and plan.usual


def _nameless(spec: DeviceSpec, plan: SetupPlan, start: Path) -> tuple[Note, ...]:
    """Return a remark for a device that is not in edgekit.toml, and so cannot remember an environment that is not found by itself."""
    if _found_anyway(spec, plan) or spec.name in load(start).devices:
        return ()
    add = shlex.join(["edgekit", "devices", "add", "NAME", spec.address or f"{spec.kind}:", "-o", f"python={plan.python}"])
    text = f"{spec.name} stands in no edgekit.toml, and would not use that environment: give it a name that does"
    return (Note(code="setup.nameless", text=text, advice=add),)
