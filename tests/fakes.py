"""Stand in for a device at its own interface, with whatever facts and probes a test wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from edgekit.core.errors import EdgekitError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.quantity import Note


class QuietProgress:
    """Show nothing."""

    def step(self, title: str, total: float | None = None, *, still: bool = False) -> None: ...
    def advance(self, done: float, text: str = "") -> None: ...
    def fail(self) -> None: ...
    def note(self, note: Note) -> None: ...


class FakeDevice:
    """Answer with the given facts and probes, or refuse with the given error."""

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        facts: DeviceFacts | None = None,
        probes: Mapping[str, Mapping[str, Any]] | None = None,
        error: EdgekitError | None = None,
    ) -> None:
        self.spec = spec
        self._facts = facts or DeviceFacts()
        self._probes = probes or {}
        self._error = error

    @contextmanager
    def connect(self) -> Iterator[Any]:
        if self._error is not None:
            raise self._error
        yield self

    def facts(self) -> DeviceFacts:
        return self._facts

    def condition(self) -> DeviceFacts:
        return self._facts

    def probe(self, counters: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        absent = {"usable": False, "channels": [], "why": "no such counter", "do": []}
        return {name: self._probes.get(name, absent) for name in counters}
