"""Turn the sampler's messages into readings: a thread that listens while the flow does other things."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit.core.errors import EdgekitError, HardwareError
from edgekit.core.protocols import ReadingSink, ReadingWatch
from edgekit.core.quantity import Note
from edgekit.core.trace import Reading
from edgekit.devices.client import Client

STOP_TIMEOUT_S = 10.0


class Sampling:
    """Hold one sampler process between start and stop; `watch` hears at once of what goes wrong."""

    def __init__(self, client: Client, watch: ReadingWatch | None = None) -> None:
        self._client = client
        self._watch = watch
        self._channels: list[str] = []
        self._cost: Mapping[str, float] = {}
        self._lost: dict[str, str] = {}
        self._starved = (0, 0.0)
        self._failure: Exception | None = None
        self._closing = False
        self._listener: threading.Thread | None = None

    def start(
        self, counters: Sequence[str], *, hz: float, pids: Sequence[int], roots: Mapping[str, str], sink: ReadingSink, fast: bool = False
    ) -> None:
        """Begin; raise HardwareError when a counter cannot be opened."""
        reply = self._client.ask("start", counters=list(counters), hz=hz, pids=list(pids), roots=dict(roots), fast=fast, timeout_s=30.0)
        self._channels = list(reply["channels"])
        self._listener = threading.Thread(target=self._listen, args=(sink,), daemon=True)
        self._listener.start()

    def stop(self) -> Mapping[str, float]:
        """Let the sampler send what it has; return its cost in seconds, and under "lost" how many channels fell silent.

        Raise HardwareError when all of them did, or when the sampler itself died.
        """
        if self._failure is None:
            with contextlib.suppress(EdgekitError):
                self._client.send("stop")
        if self._listener is not None:
            self._listener.join(timeout=STOP_TIMEOUT_S)
            if self._listener.is_alive():
                raise HardwareError("the sampler did not stop", code="sampler.silent", why=f"no answer within {STOP_TIMEOUT_S:g} s")
        self._sum_up()
        if self._failure is not None:
            raise self._failure
        if self._all_lost:
            raise self._loss()
        return {**self._cost, "lost": float(len(self._lost))} if self._lost else self._cost

    def close(self) -> None:
        """End the process; harmless after stop."""
        self._closing = True
        self._client.close()

    def _listen(self, sink: ReadingSink) -> None:
        try:
            while True:
                message = self._client.receive(None, waiting_for="readings")
                if message.get("event") == "readings":
                    sink([self._reading(row) for row in message["rows"]])
                elif message.get("event") == "lost":
                    self._lose(str(message["channel"]), str(message["why"]))
                elif message.get("event") == "note":
                    self._remark(message)
                elif "id" in message:
                    reply = self._client.checked(message)
                    seen = {str(name): float(value) for name, value in (reply.get("seen") or {}).items()}
                    self._cost = {name: float(reply[name]) for name in ("cpu_s", "wall_s", "reads")} | seen
                    return
        except Exception as error:  # the runner's, or the sink's: raised again where the flow waits
            if not self._closing:
                self._failure = error
                if self._watch is not None:
                    self._watch.failed(error)

    def _lose(self, channel: str, why: str) -> None:
        self._lost[channel] = why
        text = f"channel {channel} could not be read any more: {why}"
        self._tell(Note(code="meter.channel_lost", text=text, advice="`edgekit meters --all` says whether it is back, and the remedy"))
        if self._all_lost and self._watch is not None:
            self._watch.failed(self._loss())

    @property
    def _all_lost(self) -> bool:
        return bool(self._lost) and len(self._lost) == len(self._channels)

    def _loss(self) -> HardwareError:
        why = "; ".join(f"{channel}: {reason}" for channel, reason in self._lost.items())
        do = [("see what can be read now, and the remedy:", "edgekit meters --all")]
        return HardwareError("every counter was lost while it was read", code="meter.lost", why=why, do=do)

    def _remark(self, message: Mapping[str, Any]) -> None:
        """Take what the sampler remarks; how often it was kept waiting is summed up at the end."""
        code = str(message.get("code"))
        length_s = float(message.get("length_ns") or 0) / 1e9
        if code == "sampler.starved":
            self._starved = (self._starved[0] + 1, max(self._starved[1], length_s))
            if self._watch is not None:
                start_ns = int(message["t_ns"])
                self._watch.gap(start_ns, start_ns + int(message["length_ns"]))
        elif code == "sampler.suspended":
            self._tell(Note(code=code, text=f"the machine slept for {length_s:.1f} s while it was measured"))
        elif self._lost.get(str(message.get("channel"))) != message.get("why"):  # what lost a channel is told already
            times = f"{message.get('count') or 1} reading(s) of {message.get('channel')}"
            self._tell(Note(code=code, text=f"{times} could not be used: {message.get('why')}"))

    def _sum_up(self) -> None:
        times, longest_s = self._starved
        if times:
            text = f"the sampler was kept waiting {times} time(s), for up to {longest_s:.2g} s: no readings were taken meanwhile"
            self._tell(Note(code="sampler.starved", text=text, advice="leave it a processor core of its own, or ask for fewer readings"))
        self._starved = (0, 0.0)

    def _tell(self, note: Note) -> None:
        if self._watch is not None:
            self._watch.note(note)

    def _reading(self, row: Sequence[Any]) -> Reading:
        """Return one row [channel index, t_ns, bracket_ns, value] as a reading; a fifth element holds its flags."""
        flags = int(row[4]) if len(row) > 4 else 0
        value = float("nan") if row[3] is None else row[3]
        return Reading(channel=self._channels[int(row[0])], t_ns=int(row[1]), bracket_ns=int(row[2]), value=value, flags=flags)


class CpuEdges:
    """Feed a sink with the processor time that inference processes report at the edges of their windows, where no sampler can read it."""

    def __init__(self) -> None:
        self._sink: ReadingSink | None = None
        self._spent_ns: dict[int, int] = {}

    @contextlib.contextmanager
    def into(self, sink: ReadingSink, *, enabled: bool) -> Iterator[None]:
        """Send edges to `sink` while the context is open."""
        self._sink = sink if enabled else None
        try:
            yield
        finally:
            self._sink = None

    def add(self, pid: int, window: Mapping[str, Any]) -> None:
        """Take one window's reply: the sum over all processes at its start and at its end."""
        rows = []
        for edge in ("start", "end"):
            self._spent_ns[pid] = int(window[f"cpu_ns_{edge}"])
            total = float(sum(self._spent_ns.values()))
            rows.append(Reading(channel="cputime.process", t_ns=window[f"{edge}_ns"], bracket_ns=window["bracket_ns"], value=total))
        if self._sink is not None:
            self._sink(rows)
