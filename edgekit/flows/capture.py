"""Store what an instrument sends, byte for byte and decoded, so that its driver can be tested where the instrument is not."""

from __future__ import annotations

import inspect
import json
import shlex
import threading
from collections.abc import Sequence, Set
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from edgekit.config import MeterChoice
from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.jsonio import as_data
from edgekit.core.protocols import Clock, Port, Progress
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading, Trace, single
from edgekit.links.captured import SCHEMA, TappedPort, without
from edgekit.links.clock import HostClock, SystemClock
from edgekit.links.files import writing
from edgekit.metering import located
from edgekit.registry import meter_class

_LONGEST_S = 3600.0
_TOLD_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureResult:
    """Hold where the capture is and what is in it; `failure` is what ended it before its time, if anything did."""

    path: Path
    kind: str
    seconds: float
    received_bytes: int
    readings: int
    stopped: bool
    failure: Exception | None
    notes: tuple[Note, ...]


class _Capture:
    """Write rows as they come, from the reading thread and from the port alike."""

    def __init__(self, file: IO[str], began_ns: int) -> None:
        self._file, self._began_ns = file, began_ns
        self._lock = threading.Lock()
        self.received_bytes = self.readings = 0
        self.notes: list[Note] = []
        self.failure: Exception | None = None

    def row(self, row: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(row) + "\n")
            self.received_bytes += len(row.get("from", "")) // 2

    def sink(self, readings: Sequence[Reading] | Trace) -> None:
        if isinstance(readings, Trace):
            columns = {"t_ns": (readings.t_ns - self._began_ns).tolist(), "bracket_ns": readings.bracket_ns.tolist()}
            self.row({"channel": readings.channel, **columns, "value": readings.value.tolist(), "flags": readings.flags.tolist()})
        else:
            for reading in single(readings):
                self.row({**as_data(reading), "t_ns": reading.t_ns - self._began_ns})
        self.readings += len(readings)

    def note(self, note: Note) -> None:
        self.notes.append(note)
        self.row({"note": as_data(note)})

    def gap(self, start_ns: int, end_ns: int) -> None:
        self.row({"gap": [start_ns - self._began_ns, end_ns - self._began_ns]})

    def failed(self, error: Exception) -> None:
        self.failure = error


def capture(
    choice: MeterChoice, *, seconds: float, out: Path, progress: Progress, clock: Clock | None = None, date: SystemClock | None = None
) -> CaptureResult:
    """Read an instrument for `seconds` and write everything to `out`; what came before a failure or a Ctrl-C is kept.

    Raises:
        UsageError: `seconds` cannot be meant, `out` exists, or the meter is not read through a port.
        HardwareError: the instrument cannot be opened.
        SetupError: `out` cannot be written.
    """
    if not 0 < seconds <= _LONGEST_S:
        raise UsageError(f"--seconds {seconds:g} cannot be meant", code="read.seconds", why=f"it must lie between 0 and {_LONGEST_S:g}")
    if out.exists():
        raise UsageError(
            f"{out} exists already",
            code="capture.exists",
            why="a capture takes no file's place: it may be one that cannot be made again",
            do=[("look at it, then move it or name another:", f"ls -l {shlex.quote(str(out))}")],
        )
    clock, driver = clock or HostClock(), meter_class(choice.kind)
    if "open_port" not in inspect.signature(driver).parameters:
        raise UsageError(
            f"meter {choice.kind} sends no bytes that could be captured",
            code="capture.no_port",
            why="it is not read through a serial line, HID reports or a socket",
            do=[("look at what it reads:", f"edgekit meters read {choice.kind}")],
        )
    found = located(choice, driver)
    serial = found.options.get("serial", "")
    opener = inspect.signature(driver).parameters["open_port"].default
    redact = getattr(driver, "redact", None) or without(serial)
    began_ns, stopped = clock.now_ns(), False
    with writing(out), out.open("w", encoding="utf-8") as file:
        kept = _Capture(file, began_ns)

        def tapped(*args: Any, **kwargs: Any) -> Port:
            return TappedPort(opener(*args, **kwargs), clock, kept.row, began_ns=began_ns, redact=redact)

        meter = driver(found.address, dict(found.options), clock=clock, open_port=tapped)
        options = {name: value for name, value in found.options.items() if name != "serial"}
        created = (date or SystemClock()).now_utc()
        kept.row({"schema": SCHEMA, "kind": choice.kind, "created": created, "tool": {"edgekit": version("edgekit")}, "options": options})
        try:
            spec = as_data(meter.spec())
            kept.row({"spec": {**spec, "identity": _anonymous(spec["identity"], {serial, getattr(meter, "serial", "")})}})
            meter.start(kept.sink, kept)
            progress.step(f"capture {choice.kind} for {seconds:g} s", seconds)
            while kept.failure is None and (left_s := seconds - (clock.now_ns() - began_ns) / 1e9) > 0:
                clock.sleep(min(_TOLD_S, left_s))
                progress.advance(seconds - left_s, f"{kept.readings} readings")
        except KeyboardInterrupt:
            stopped = True
        except EdgekitError:
            if not kept.received_bytes:
                out.unlink()
            raise
        finally:
            meter.stop()
    if kept.failure is not None and not isinstance(kept.failure, HardwareError):
        raise kept.failure
    return CaptureResult(
        path=out,
        kind=choice.kind,
        seconds=(clock.now_ns() - began_ns) / 1e9,
        received_bytes=kept.received_bytes,
        readings=kept.readings,
        stopped=stopped,
        failure=kept.failure,
        notes=tuple(kept.notes),
    )


def _anonymous(identity: str, numbers: Set[str]) -> str:
    """Return an identity without the words that tell this instrument from another of its kind."""
    return " ".join(word for word in identity.split() if word not in numbers)
