"""Let an emulated instrument misbehave between two moments, as cables and firmware do."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgekit.core.errors import UsageError
from edgekit.sim.emulators.instrument import Instrument


class FaultKind(StrEnum):
    """Name what goes wrong: nothing is said, bytes are random, or answers lack their end."""

    SILENT = "silent"
    GARBAGE = "garbage"
    SHORT = "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Hold one fault and when it acts, in nanoseconds of the server's clock; for ever without an end."""

    kind: FaultKind
    start_ns: int
    end_ns: int | None = None

    def acts(self, t_ns: int) -> bool:
        """Return whether it acts at a time."""
        return self.start_ns <= t_ns and (self.end_ns is None or t_ns < self.end_ns)


def parse_fault(text: str, *, from_ns: int, others: Sequence[str] = ()) -> Fault:
    """Return "silent@5s" or "silent@5s+3s" (for 3 s) as a fault counted from `from_ns`; raise UsageError for anything else.

    `others` are kinds that the caller reads itself, named where KIND cannot be read.
    """
    found = re.fullmatch(r"(\w+)@(\d+(?:\.\d+)?)s?(?:\+(\d+(?:\.\d+)?)s?)?", text.strip())
    if found is None or found[1] not in set(FaultKind):
        raise UsageError(
            f"the fault {text!r} cannot be read",
            code="emulate.fault",
            why=f"it reads KIND@SECONDS or KIND@SECONDS+SECONDS, and KIND is {', '.join((*FaultKind, *others))}",
            do=[("write it like this:", "--fault silent@5s+3s")],
        )
    start_ns = from_ns + round(float(found[2]) * 1e9)
    return Fault(kind=FaultKind(found[1]), start_ns=start_ns, end_ns=start_ns + round(float(found[3]) * 1e9) if found[3] else None)


class Faulty:
    """Speak for an instrument, and change what it says while a fault acts."""

    def __init__(self, instrument: Instrument, faults: Sequence[Fault], *, seed: int = 0) -> None:
        self._instrument = instrument
        self._faults = faults
        self._random = random.Random(seed)  # noqa: S311 -- noise, not a secret

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take bytes; return what is answered at once, as the fault leaves it."""
        return self._spoilt(self._instrument.hear(data, t_ns), t_ns)

    def say(self, t_ns: int) -> bytes:
        """Return what is due, as the fault leaves it."""
        return self._spoilt(self._instrument.say(t_ns), t_ns)

    def next_ns(self) -> int | None:
        """Return when it will say something of its own accord."""
        return self._instrument.next_ns()

    def _spoilt(self, said: bytes, t_ns: int) -> bytes:
        acting = {fault.kind for fault in self._faults if fault.acts(t_ns)}
        if FaultKind.SILENT in acting:
            return b""
        if FaultKind.GARBAGE in acting:
            said = self._random.randbytes(len(said))
        return said[: max(0, len(said) - 5)] if FaultKind.SHORT in acting else said
