"""Keep the bytes that went through a port with their times, and repeat them.

One JSON object a line: first a header, then what was written ("to") and what came ("from") in hexadecimal at `t_ns` since the beginning,
and what the driver made of it (rows with "channel").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.protocols import Clock, Port
from edgekit.links.files import read_text

SCHEMA = "edgekit.capture/1"
Redact = Callable[[bytes], bytes]
Keep = Callable[[dict[str, Any]], None]
_MOST_HELD = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Hold bytes that passed at `t_ns`: written to the instrument (`sent`), or received from it."""

    t_ns: int
    data: bytes
    sent: bool


class TappedPort:
    """Pass bytes on, and hand rows of them to `keep`. `redact` replaces a request, and what came until the next, by as many other bytes."""

    def __init__(self, port: Port, clock: Clock, keep: Keep, *, began_ns: int, redact: Redact) -> None:
        self.name = port.name
        self._port, self._clock, self._keep, self._began_ns, self._redact = port, clock, keep, began_ns, redact
        self._held: list[tuple[int, bytes]] = []

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return what the port returns."""
        data = self._port.read(most, timeout_s)
        if data:
            self._held.append((self._now_ns(), data))
            if sum(len(piece) for _, piece in self._held) > _MOST_HELD:
                self._flush()
        return data

    def write(self, data: bytes) -> None:
        """Send."""
        self._flush()
        self._keep({"t_ns": self._now_ns(), "to": self._redact(data).hex()})
        self._port.write(data)

    def close(self) -> None:
        """Close, with everything handed on."""
        self._flush()
        self._port.close()

    def _flush(self) -> None:
        """Hand on what came since the last request: replies come in pieces, and what is redacted may lie across two."""
        whole = b"".join(data for _, data in self._held)
        clean = self._redact(whole)
        if len(clean) != len(whole):
            raise ValueError("redacted bytes are as many as before")
        for t_ns, data in self._held:
            self._keep({"t_ns": t_ns, "from": clean[: len(data)].hex()})
            clean = clean[len(data) :]
        self._held = []

    def _now_ns(self) -> int:
        return self._clock.now_ns() - self._began_ns


class CapturedPort:
    """Repeat what came when it was captured: what answered a request comes after the same request, as late as it came then."""

    def __init__(self, passed: Sequence[Passed], clock: Clock, *, name: str = "capture") -> None:
        self.name = name
        self._passed, self._clock = passed, clock
        self._next = 0
        self._left = b""
        self._anchor = (clock.now_ns(), 0)  # a time of the clock, and that of the capture which it stands for

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return what is due within `timeout_s`."""
        if not self._left:
            item = self._passed[self._next] if self._next < len(self._passed) else None
            due_ns = None if item is None or item.sent else self._anchor[0] + item.t_ns - self._anchor[1]
            wait_ns = round(timeout_s * 1e9) if due_ns is None else max(0, due_ns - self._clock.now_ns())
            if item is None or due_ns is None or wait_ns > timeout_s * 1e9:
                self._clock.sleep(timeout_s)
                return b""
            self._clock.sleep(wait_ns / 1e9)
            self._left, self._next = item.data, self._next + 1
        data, self._left = self._left[:most], self._left[most:]
        return data

    def write(self, data: bytes) -> None:
        """Go on behind the next request of the capture; raise HardwareError where it was another one."""
        while self._next < len(self._passed) and not self._passed[self._next].sent:
            self._next += 1
        if self._next >= len(self._passed):
            return  # the capture is over: nothing answers any more
        item = self._passed[self._next]
        if item.data != data:
            raise HardwareError(
                f"{self.name} holds another request",
                code="port.failed",
                why=f"{data[:16].hex()} was asked, {item.data[:16].hex()} when it was captured",
            )
        self._next, self._left, self._anchor = self._next + 1, b"", (self._clock.now_ns(), item.t_ns)

    def close(self) -> None:
        """End; harmless."""


def read_capture(path: Path) -> tuple[dict[str, Any], tuple[Passed, ...]]:
    """Return (header, bytes that passed) of a capture; raise UsageError for a file that is none."""
    rows = []
    try:
        rows = [json.loads(line) for line in read_text(path, "the capture").splitlines() if line]
        if not rows or rows[0].get("schema") != SCHEMA:
            raise ValueError(f"its first line is no header of {SCHEMA}")
        passed = tuple(
            Passed(t_ns=row["t_ns"], data=bytes.fromhex(row["to"] if "to" in row else row["from"]), sent="to" in row)
            for row in rows
            if "to" in row or "from" in row
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no capture", code="capture.format", why=str(error)) from error
    return rows[0], passed


def without(serial: str) -> Redact:
    """Return what replaces a serial number, in bytes as it is written, by as many zeros."""
    if not serial:
        return lambda data: data
    pattern = re.compile(re.escape(serial.encode()), re.IGNORECASE)
    return lambda data: pattern.sub(b"0" * len(serial), data)
