"""Read an instrument that speaks over a port: open, greet, read in turns, survive what happens to cables, end cleanly.

A driver says what is particular to its instrument: `spec`, `_greet`, `_read`, `_leave`. Its parser is a pure function of bytes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from edgekit.core.channel import MeterSpec
from edgekit.core.errors import EdgekitError, HardwareError
from edgekit.core.protocols import Clock, Port, ReadingSink, ReadingWatch
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading, Trace
from edgekit.links.clock import HostClock
from edgekit.links.port import PortOpener, SerialPort
from edgekit.meters.reading.settings import check_names
from edgekit.sim.clock import ScriptedClock

Readings = Sequence[Reading] | Trace
_STOP_S = 3.0
_AGAIN_S = 1.0  # between attempts to open a port that was pulled out


class PortMeter:
    """Read one instrument over a port, on a thread of its own (on a scripted clock: whenever the clock moves).

    `options_known` names the options that it takes. `silent_s` is how long it may say nothing usable, `lost_s` how long a port that is gone
    is waited for before the readings end. With `fast`, a self-test asks an instrument that answers requests more often than it has anything
    new to tell.
    """

    kind = ""
    baud = 9600
    silent_s = 3.0
    lost_s = 30.0
    fast = False
    options_known: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = SerialPort,
    ) -> None:
        self.address = address or ""
        self.options = dict(options or {})
        check_names(self.kind, self.options, self.options_known)
        self._clock = clock or HostClock()
        self._open_port = open_port
        self._port: Port | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._heard_ns = 0
        self._after_gap = False
        self._busy = False
        self._watch: ReadingWatch | None = None
        self._sink: ReadingSink | None = None  # for readings of a second channel beside the block that `_read` returns

    # What a driver says.

    def spec(self) -> MeterSpec:
        """Return what the instrument delivers; it is opened and identified first."""
        raise NotImplementedError

    def _greet(self, port: Port) -> None:
        """Bring an opened instrument to where it can be read; raise HardwareError when it is none of this kind."""

    def _read(self, port: Port) -> Readings:
        """Return the next readings, none when there was nothing for a moment; do not wait longer than a tenth of a second."""
        raise NotImplementedError

    def _leave(self, port: Port) -> None:
        """Bring the instrument back to rest."""

    # What they have in common.

    def open(self) -> Port:
        """Return the open and greeted port; raise HardwareError when it cannot be opened or nobody answers."""
        if self._port is None:
            port = self._open_port(self.address, self.baud)
            try:
                self._greet(port)
            except BaseException:
                port.close()
                raise
            self._port = port
        return self._port

    def start(self, sink: ReadingSink, watch: ReadingWatch | None = None) -> None:
        """Begin to deliver; raise HardwareError when started twice or when the instrument cannot be opened."""
        if self._thread is not None or self._unsubscribe is not None:
            raise HardwareError(f"meter {self.kind} is already started", code="meter.started_twice")
        self.open()
        self._watch, self._sink = watch, sink
        self._end.clear()
        self._heard_ns = self._clock.now_ns()
        if isinstance(self._clock, ScriptedClock):
            self._unsubscribe = self._clock.subscribe(lambda _from, _to: self._scripted(sink))
            return
        self._thread = threading.Thread(target=self._run, args=(sink,), name=f"meter-{self.kind}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and close the port; harmless when not started."""
        self._end.set()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None
        if self._port is not None:
            with contextlib.suppress(HardwareError):
                self._leave(self._port)
            self._port.close()
            self._port = None

    def _scripted(self, sink: ReadingSink) -> None:
        if self._busy:  # a driver that waits for an answer lets scripted time pass within its own turn
            return
        self._busy = True
        try:
            self._turn(sink)
        finally:
            self._busy = False

    def _run(self, sink: ReadingSink) -> None:
        while not self._end.is_set():
            try:
                self._turn(sink)
            except EdgekitError as error:
                self._tell("failed", error)
                return
            except Exception as error:  # nothing may end the thread in silence
                self._tell(
                    "failed", HardwareError(f"meter {self.kind} failed", code="meter.failed", why=f"{type(error).__name__}: {error}")
                )
                return

    def _turn(self, sink: ReadingSink) -> None:
        """Read once; wait for the instrument to come back when it is gone; raise when it stays silent or away for too long."""
        try:
            readings = self._read(self.open())
        except HardwareError as error:
            if error.code != "port.gone":
                raise
            self._reopen(error)
            return
        now_ns = self._clock.now_ns()
        if len(readings):
            self._heard_ns = now_ns
            sink(readings)
        elif now_ns - self._heard_ns > self.silent_s * 1e9:
            raise silent(self.kind, self.address, self.silent_s)

    def _reopen(self, error: HardwareError) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None
        gone_ns = self._heard_ns
        self._tell("note", Note(code="meter.unplugged", text=f"meter {self.kind}: {error.what}: {error.why}", advice="plug it in again"))
        until_ns = self._clock.now_ns() + self.lost_s * 1e9
        while not self._end.wait(_AGAIN_S):
            with contextlib.suppress(HardwareError):
                self.open()
                now_ns = self._clock.now_ns()
                self._tell("gap", gone_ns, now_ns)
                self._tell("note", Note(code="meter.replugged", text=f"meter {self.kind} was away for {(now_ns - gone_ns) / 1e9:.1f} s"))
                self._heard_ns, self._after_gap = now_ns, True
                return
            if self._clock.now_ns() > until_ns:
                raise error

    def _tell(self, what: str, *values: Any) -> None:
        if self._watch is not None:
            getattr(self._watch, what)(*values)


def silent(kind: str, address: str, seconds: float) -> HardwareError:
    """Return the error for an instrument that says nothing usable."""
    return HardwareError(
        f"meter {kind} sent nothing usable for {seconds:g} s",
        code="meter.silent",
        why=f"{address} is open",
        do=[("switch the meter on and connect it; list what is present:", "edgekit meters --all")],
    )
