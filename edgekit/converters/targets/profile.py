"""Describe a target: the runtimes it has, the recipes it prefers, its memory. One TOML file each, the user's own included."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from edgekit.converters.base import RECIPES
from edgekit.core.errors import EdgekitError, UsageError, unknown_name
from edgekit.core.jsonio import validate

PROFILES: Final = Path(__file__).parent / "profiles"
RUNTIMES: Final = Path(__file__).parent / "runtimes"
_KINDS: Final = ("cpu", "mcu", "npu")
_ACTIVATIONS: Final = ("uint8", "int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Say that a recipe is slow on a target, why, and what to take: for models with any of `operators`, all models where none is named."""

    recipe: str
    why: str
    instead: str
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Describe one target.

    `kind` is cpu, mcu or npu; `runtimes` names a runtime table by format; `recipes` are made when none is named, the best first.
    `flash_bytes` and `ram_bytes` are those of `memory_of`, None where they are no limit; `sources` says where the figures come from.
    """

    name: str
    title: str
    kind: str
    recipes: tuple[str, ...]
    runtimes: Mapping[str, str]
    sources: tuple[str, ...]
    onnx_activations: str = "uint8"
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    memory_of: str | None = None
    accelerator: str | None = None
    slow: tuple[Slow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Hold what a runtime accepts: operators (TFLite Micro), the highest version of each (TFLite), or of operator set and format (ONNX)."""

    runtime: str
    version: str
    operators: tuple[str, ...] = ()
    max_versions: Mapping[str, int] = field(default_factory=dict)
    max_opset: int | None = None
    max_ir: int | None = None

    @property
    def title(self) -> str:
        """Return its name and version."""
        return f"{self.runtime} {self.version}"


def profile_names() -> tuple[str, ...]:
    """Return the names of the targets that ship with edgekit."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def load_profile(target: str) -> Profile:
    """Return the profile of a target by name, or of the user's own TOML file; raise UsageError for neither."""
    own = target.endswith(".toml")
    path = Path(target) if own else PROFILES / f"{target}.toml"
    if not own and target not in profile_names():
        raise unknown_name("target", target, profile_names(), list_command="edgekit targets")
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _not_a_profile(target, str(error)) from error
    if unknown := sorted(set(stated) - {item.name for item in fields(Profile)}):
        raise _not_a_profile(target, f"it has no key {unknown[0]}; known: {', '.join(item.name for item in fields(Profile))}")
    try:
        profile = validate(Profile, {"name": path.stem, **stated}, where=target)
    except EdgekitError as error:
        raise _not_a_profile(target, error.why) from error
    for runtime in profile.runtimes.values():
        load_runtime(runtime)
    known = {recipe.key for recipe in RECIPES}
    for key in profile.recipes:
        if key not in known:
            raise unknown_name("recipe", key, known, list_command="edgekit convert --help")
    if wrong := _wrong(profile):
        raise _not_a_profile(target, wrong)
    return profile


def _wrong(profile: Profile) -> str | None:
    """Return what in a profile cannot be meant; a misspelt kind or a negative size would be believed without a word."""
    sizes = {"ram_bytes": profile.ram_bytes, "flash_bytes": profile.flash_bytes}
    if profile.kind not in _KINDS:
        return f"kind is {profile.kind!r}, and one of {', '.join(_KINDS)} is expected"
    if profile.onnx_activations not in _ACTIVATIONS:
        return f"onnx_activations is {profile.onnx_activations!r}, and one of {', '.join(_ACTIVATIONS)} is expected"
    if not profile.recipes:
        return "recipes is empty"
    if small := [name for name, size in sizes.items() if size is not None and size <= 0]:
        return f"{small[0]} is {sizes[small[0]]}, and above 0 is expected; leave out what is no limit"
    if profile.accelerator is not None and not re.fullmatch(r"ethos-u(55|65|85)-\d+", profile.accelerator):
        return f"accelerator is {profile.accelerator!r}, and a configuration such as ethos-u55-128 is expected"
    return None


def load_runtime(name: str) -> Runtime:
    """Return a runtime table by its name, such as "tflite-runtime-2.14.0"; raise UsageError for an unknown one."""
    known = sorted(path.stem for path in RUNTIMES.glob("*.toml"))
    if name not in known:
        raise unknown_name("runtime", name, known, list_command="edgekit targets")
    return validate(Runtime, tomllib.loads((RUNTIMES / f"{name}.toml").read_text(encoding="utf-8")), where=name)


def _not_a_profile(target: str, why: str) -> UsageError:
    return UsageError(
        f"the target profile {target} cannot be read",
        code="target.profile",
        why=why,
        do=[("start from one that ships with edgekit:", "edgekit targets show pi5 --toml > mine.toml")],
    )
