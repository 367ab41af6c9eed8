"""Hold an artifact against the profile of its target, before anything is copied there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit.converters.contents.found import Contents
from edgekit.converters.targets.memory import activation_bytes
from edgekit.converters.targets.npu import ask_vela
from edgekit.converters.targets.profile import Profile, Runtime, load_runtime
from edgekit.core.artifact import Check, NpuReport
from edgekit.core.quantity import Note
from edgekit.core.units import format_scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Hold how an artifact fits a target: checks that it must pass, remarks, and what the compiler of its NPU says."""

    checks: tuple[Check, ...]
    notes: tuple[Note, ...] = ()
    npu: NpuReport | None = None


def fit(profile: Profile, path: Path, contents: Contents, *, format: str, recipe: str | None = None) -> Fit:  # noqa: A002
    """Return how the artifact at `path` fits; `recipe` is its name without the format, None for a foreign file."""
    if format not in profile.runtimes:
        return Fit(checks=(_no_runtime(profile, format),))
    runtime = load_runtime(profile.runtimes[format])
    checks = [*_runtime_checks(runtime, contents), *_memory_checks(profile, path, format)]
    npu = None
    if profile.accelerator is not None and format == "tflite":
        with tempfile.TemporaryDirectory(prefix="vela-") as folder:
            npu = ask_vela(path, profile.accelerator, Path(folder))
        checks.append(_npu_check(profile, npu, sum(operator.count for operator in contents.operators)))
    return Fit(checks=tuple(checks), notes=tuple(_slow(profile, contents, f"{recipe}.{format}")), npu=npu)


def _no_runtime(profile: Profile, format: str) -> Check:  # noqa: A002
    return Check(
        name="target.runtime",
        passed=False,
        seen=f"{profile.name} has no runtime for .{format}",
        floor=", ".join(f".{name}" for name in profile.runtimes),
        advice=f"convert with --to {next(iter(profile.runtimes))}",
    )


def _runtime_checks(runtime: Runtime, contents: Contents) -> Iterator[Check]:
    if runtime.max_opset is not None:
        yield _at_most("target.opset", contents.opsets.get("", contents.opsets.get("ai.onnx")), runtime.max_opset, runtime, "operator set")
        yield _at_most("target.ir", contents.version, runtime.max_ir, runtime, "format version")
        return
    known = set(runtime.operators or runtime.max_versions)
    absent = sorted({operator.name for operator in contents.operators} - known)
    yield Check(
        name="target.operators",
        passed=not absent,
        seen=f"{', '.join(absent)} not in {runtime.title}" if absent else f"every operator is in {runtime.title}",
        advice="replace these layers, or use another target" if absent else None,
    )
    newer = [
        f"{operator.name} version {operator.version} (it has {runtime.max_versions[operator.name]})"
        for operator in contents.operators
        if (operator.version or 0) > runtime.max_versions.get(operator.name, 1 << 30)
    ]
    if runtime.max_versions:
        yield Check(
            name="target.versions",
            passed=not newer,
            seen=f"{', '.join(newer)} too new for {runtime.title}" if newer else "in versions that it knows",
            advice="on the target: pip install ai-edge-litert; or use a recipe without these operators, such as int8" if newer else None,
        )


def _at_most(name: str, found: int | None, limit: int | None, runtime: Runtime, what: str) -> Check:
    passed = found is None or limit is None or found <= limit
    return Check(
        name=name,
        passed=passed,
        seen=f"{what} {found}",
        floor=f"at most {limit} in {runtime.title}",
        advice=None if passed else f"export with {what} {limit}, or install a newer onnxruntime on the target",
    )


def _memory_checks(profile: Profile, path: Path, format: str) -> Iterator[Check]:  # noqa: A002
    weights = path.stat().st_size
    if profile.flash_bytes is not None:
        yield _fits(profile, "target.flash", weights, profile.flash_bytes, "the model alone needs")
    if profile.ram_bytes is not None:
        working = activation_bytes(path) if format == "tflite" else 0
        needed = working if profile.flash_bytes is not None else weights + working
        what = "activations alone need" if profile.flash_bytes is not None else "weights" + " and activations" * bool(working) + " need"
        yield _fits(profile, "target.memory", needed, profile.ram_bytes, what)


def _fits(profile: Profile, name: str, needed: int, limit: int, what: str) -> Check:
    return Check(
        name=name,
        passed=needed <= limit,
        seen=f"{what} at least {format_scaled(needed, 'B')}",
        floor=f"{format_scaled(limit, 'B')} of {profile.memory_of or profile.name}",
        advice=None if needed <= limit else "use int8, a smaller model or a larger target",
    )


def _npu_check(profile: Profile, npu: NpuReport, operators: int) -> Check:
    return Check(
        name="target.npu",
        passed=npu.on_cpu_count < operators,
        seen=f"{npu.on_cpu_count} of {operators} operators stay on the CPU"
        if npu.on_cpu_count
        else f"all {operators} operators on the NPU",
        floor=f"some on {profile.accelerator}",
        advice=None if npu.on_cpu_count < operators else f"{npu.on_cpu[0]}: use int8-full",
    )


def _slow(profile: Profile, contents: Contents, key: str) -> Iterator[Note]:
    found = {operator.name for operator in contents.operators}
    for slow in profile.slow:
        if slow.recipe == key and (not slow.operators or found & set(slow.operators)):
            text = f"{key} is slow on {profile.name}: {slow.why}"
            yield Note(code="target.slow", text=text, advice=f"use {slow.instead}; measure before you decide: edgekit bench")
