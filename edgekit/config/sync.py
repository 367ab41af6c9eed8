"""Read from edgekit.toml what is asked of the windows of every benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.config.page import Page
from edgekit.core.sync import METHODS, SyncPlan, read_error

_KEYS = ("sync", "max_sync_error", "max_lost", "min_updates")


def sync_plan(page: Page, table: Any) -> SyncPlan:
    """Return what `[bench]` says; raise SetupError that names the key that cannot be meant."""
    if not isinstance(table, Mapping):
        raise page.wrong(("bench",), f"it is {table!r}; write [bench]")
    page.check_keys(table, ("bench",), _KEYS)
    method, updates = table.get("sync", "auto"), table.get("min_updates", 0)
    if method not in METHODS:
        raise page.wrong(("bench", "sync"), f"it is {method!r}; known: {', '.join(METHODS)}")
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 0:
        raise page.wrong(("bench", "min_updates"), f"it is {updates!r}; a number of updates is expected")
    error_s, error_rel = _error(page, table, "max_sync_error", "1%")
    lost_s, lost_rel = _error(page, table, "max_lost", "1%")
    if lost_s is not None or lost_rel is None:
        raise page.wrong(("bench", "max_lost"), 'a share of the readings is expected, as in "0.1%"')
    usual = SyncPlan()
    return SyncPlan(
        method=method,
        max_error_s=error_s,
        max_error_rel=usual.max_error_rel if error_rel is None else error_rel,
        max_lost_rel=lost_rel,
        least_updates=updates,
    )


def _error(page: Page, table: Mapping[str, Any], key: str, usual: str) -> tuple[float | None, float | None]:
    try:
        return read_error(page.text_value(table.get(key, usual), ("bench", key)))
    except ValueError as error:
        raise page.wrong(("bench", key), str(error)) from error
