"""Open the device of a run, and hold it still where that was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from edgekit.core.errors import UsageError
from edgekit.core.protocols import DeviceSession
from edgekit.core.quantity import Note


@contextmanager
def opened(device: Any, *, prepare: bool) -> Iterator[tuple[DeviceSession, tuple[Note, ...]]]:
    """Connect; yield the session, and what was repaired, changed or found to be so on the machine. It is put back when the context ends."""
    with ExitStack() as stack:
        session = stack.enter_context(device.connect())
        notes: tuple[Note, ...] = tuple(getattr(session, "notes", ()))
        if prepare:
            if not hasattr(session, "prepare"):
                raise unpreparable(device.spec.name, device.spec.kind)
            notes += stack.enter_context(session.prepare())
        yield session, notes


def unpreparable(name: str, kind: str) -> UsageError:
    """Return the refusal of --prepare on a device that has nothing to hold still."""
    return UsageError(
        f"{name} cannot be prepared",
        code="device.no_prepare",
        why=f"a device of kind {kind} has no governor and no services that edgekit could set",
        do=[("leave out --prepare, or see the devices:", "edgekit devices")],
    )
