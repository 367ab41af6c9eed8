"""Wait until a framework has finished what it was given, so that its work lies inside the region that gave it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from edgekit.core.errors import UsageError

Sync = Callable[[], object]
NAMES = ("torch", "tensorflow")


def resolve(sync: str | Sync | None) -> Sync | None:
    """Return the function to call at both edges of a region; raise UsageError for a framework that nobody knows.

    Nothing is imported: a framework that the program has not imported has no work to wait for.
    """
    if sync is None or callable(sync):
        return sync
    if sync not in NAMES:
        raise UsageError(
            f"no framework {sync!r} is known to edgekit.measure",
            code="measure.sync",
            why=f"known: {', '.join(NAMES)}; any function without arguments does as well",
            do=[("pass a function:", f"edgekit.measure(..., sync={sync}.synchronize)")],
        )
    return {"torch": _torch, "tensorflow": _tensorflow}[sync]


def _torch() -> None:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        used = getattr(torch._C, "_cuda_hasPrimaryContext", lambda index: index == torch.cuda.current_device())
        for index in range(torch.cuda.device_count()):
            if used(index):  # asking an unused GPU would take memory there
                torch.cuda.synchronize(index)
    mps = getattr(torch, "mps", None)
    if mps is not None and torch.backends.mps.is_available():
        mps.synchronize()


def _tensorflow() -> None:
    tensorflow: Any = sys.modules.get("tensorflow")
    if tensorflow is not None:
        tensorflow.test.experimental.sync_devices()
