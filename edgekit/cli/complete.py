"""Offer the names a shell can complete. A broken configuration offers the built-in ones: completion never fails."""

from __future__ import annotations

from edgekit.core.errors import EdgekitError


def device_names(incomplete: str) -> list[str]:
    """Return the devices whose name begins with `incomplete`."""
    from edgekit.config import BUILT_IN_DEVICES, load

    try:
        configured = load().devices
    except EdgekitError:
        configured = {}
    return _starting(incomplete, [*BUILT_IN_DEVICES, *configured])


def meter_names(incomplete: str) -> list[str]:
    """Return the meters whose name begins with `incomplete`."""
    from edgekit.config import load
    from edgekit.registry import meter_names as kinds

    try:
        configured = load().meters
    except EdgekitError:
        configured = {}
    return _starting(incomplete, [*kinds(), *configured])


def importer_names(incomplete: str) -> list[str]:
    """Return the kinds of published measurements whose name begins with `incomplete`."""
    from edgekit.registry import importer_names as kinds

    return _starting(incomplete, list(kinds()))


def exporter_names(incomplete: str) -> list[str]:
    """Return the formats of exports whose name begins with `incomplete`."""
    from edgekit.registry import exporter_names as kinds

    return _starting(incomplete, list(kinds()))


def environment_names(incomplete: str) -> list[str]:
    """Return the environments that can be made whose name begins with `incomplete`."""
    from edgekit.environments import known

    return _starting(incomplete, list(known()))


def region_names(incomplete: str) -> list[str]:
    """Return the grids that have a profile and whose name begins with `incomplete`."""
    from edgekit.flows.when import regions
    from edgekit.links.folders import data_folder

    return _starting(incomplete, sorted(regions(data_folder() / "profiles")))


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
