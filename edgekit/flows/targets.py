"""List the targets that a model can be converted for, and show one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekit.converters.targets.profile import PROFILES, Profile, Runtime, load_profile, load_runtime, profile_names


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTarget:
    """Hold a profile, the runtimes it names, by format, and its TOML text where it ships with edgekit."""

    profile: Profile
    runtimes: dict[str, Runtime]
    toml: str


def list_targets() -> tuple[Profile, ...]:
    """Return every target that ships with edgekit, by name."""
    return tuple(load_profile(name) for name in profile_names())


def show_target(name: str) -> ShownTarget:
    """Return one target, or the user's own TOML file; raise UsageError for neither."""
    profile = load_profile(name)
    path = Path(name) if name.endswith(".toml") else PROFILES / f"{name}.toml"
    runtimes = {kind: load_runtime(runtime) for kind, runtime in profile.runtimes.items()}
    return ShownTarget(profile=profile, runtimes=runtimes, toml=path.read_text(encoding="utf-8"))
