"""Emulate an ST X-NUCLEO-LPM01A: commands with acknowledgements, text or words on its own clock, a time each second, the edges of D7."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from edgekit.sim.curve import Load
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.samples import powers_w

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETTINGS = ("acqtime", "trigdelay", "trigsrc", "eventsrc", "output", "format", "freq", "volt", "lcd")
_VERBS = frozenset((*_SETTINGS, "htc", "hrc", "powershield", "version", "status", "pwr", "start", "stop", "psrst", "power_monitor"))
_MOST = 100_000  # samples that are made at a time


class Lpm01a:
    """Answer commands and stream what the circuit draws, times `gain`, with relative noise.

    `marks` is the level of D7 over time, a load that is 0 or 1. Above `limit_a` it says so; it ends there unless `goes_on`. `old` firmware
    knows no `eventsrc`.
    """

    identity = "powershield EMULATED-LPM01A"
    prompt = "PowerShield > "
    limit_a = 0.05
    over_frame = b"\xf0\xf5\xff\xff"

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        seed: int = 0,
        gain: float = 1.0,
        noise_rel: float = 0.003,
        marks: Load | None = None,
        goes_on: bool = False,
        old: bool = False,
    ) -> None:
        self.circuit = circuit
        self.heard: list[str] = []
        self._clock = clock or OwnClock()
        self._gain, self._noise_rel, self._seed = gain, noise_rel, seed
        self._marks, self._goes_on, self._old = marks, goes_on, old
        self._line = b""
        self._settings = {"freq": "1k", "format": "ascii_dec", "output": "current"}
        self._powered = True
        self._start_ns: int | None = None
        self._made = self._events = self._drop = self._drop_bytes = 0
        self._level = 1.0
        self._random: np.random.Generator | None = None

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take commands, each a line."""
        *lines, self._line = (self._line + data).split(b"\n")
        return b"".join(self._obey(line.decode("ascii", errors="replace").strip(), t_ns) for line in lines)

    def _obey(self, command: str, t_ns: int) -> bytes:
        self.heard.append(command)
        verb, _, value = command.partition(" ")
        if verb not in _VERBS or (verb == "eventsrc" and self._old):
            return f"{self.prompt}error {command}\r\n".encode()
        if verb == "start":
            self._start_ns, self._made = self._clock.at(t_ns), 0
        elif verb == "stop":
            ended, self._start_ns = self._end() if self._start_ns is not None else b"", None
            return f"{self.prompt}ack stop\r\n".encode() + ended
        elif verb == "pwr":
            self._powered = not value.endswith("off")
        elif verb == "powershield":
            return f"{self.prompt}ack {self.identity}\r\n\r\n".encode()
        else:
            self._settings[verb] = value
        return f"{self.prompt}ack {command}\r\n\r\n".encode()

    @property
    def rate_hz(self) -> int:
        """Return the samples per second that were asked for."""
        text = self._settings["freq"]
        return int(text[:-1]) * 1000 if text.endswith("k") else int(text)

    def say(self, t_ns: int) -> bytes:
        """Return the samples that are due."""
        if self._start_ns is None:
            return b""
        ready = (self._clock.at(t_ns) - self._start_ns) * self.rate_hz // 10**9
        number = min(_MOST, ready - self._made)
        return self._stream(number) if number > 0 else b""

    def next_ns(self) -> int | None:
        """Return when the next samples are due: every 10 ms, or every sample where they are slower."""
        if self._start_ns is None:
            return None
        few = max(1, self.rate_hz // 100)
        return self._clock.when(self._start_ns + (self._made // few + 1) * few * 10**9 // self.rate_hz) + 1

    def lose(self, samples: int) -> None:
        """Drop the next samples; the times go on."""
        self._drop += samples

    def lose_bytes(self, number: int) -> None:
        """Drop the next bytes of a stream of words."""
        self._drop_bytes += number

    def _stream(self, number: int) -> bytes:
        import numpy as np

        numbers = self._made + np.arange(number, dtype=np.int64)
        t_ns = self._outer(numbers)
        values = self._values(t_ns)
        over = np.flatnonzero(values > self.limit_a) if self._settings["output"] == "current" else np.zeros(0, np.int64)
        if len(over) and not self._goes_on:
            number = int(over[0]) + 1
            values, numbers, t_ns = values[:number], numbers[:number], t_ns[:number]
        told = {int(at): b"" for at in np.flatnonzero(numbers % self.rate_hz == 0)}
        for at in told:
            told[at] = self._time(int(numbers[at]) * 1000 // self.rate_hz)
        for at in self._falls(t_ns):
            told[at] = told.get(at, b"") + self._event()
        for at in over[:1] if not self._goes_on else over:
            told[int(at)] = told.get(int(at), b"") + self._over()
        self._made += number
        dropped, self._drop = min(self._drop, number), self._drop - min(self._drop, number)
        said = self._told(values, told, dropped)
        if len(over) and not self._goes_on:
            self._start_ns, self._powered = None, False
            said += self._end()
        torn, self._drop_bytes = min(self._drop_bytes, len(said)), 0
        return said[: len(said) // 2] + said[len(said) // 2 + torn :]

    def _told(self, values: NDArray[np.float64], told: dict[int, bytes], dropped: int) -> bytes:
        places = [*sorted(told), len(values)]
        parts = [self._encoded(values[dropped : max(dropped, places[0])])]
        for place, until in pairwise(places):
            parts += [told[place], self._encoded(values[max(dropped, place) : max(dropped, until)])]
        return b"".join(parts)

    def _outer(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when samples are made, on the outer clock, counted from the circuit's start."""
        import numpy as np

        first, last = (self._clock.when((self._start_ns or 0) + int(n) * 10**9 // self.rate_hz) for n in (numbers[0], numbers[-1]))
        times: NDArray[np.int64] = np.rint(np.linspace(0, last - first, len(numbers))).astype(np.int64)
        return times + (first - self.circuit.start_ns)

    def _values(self, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        import numpy as np

        self._random = self._random or np.random.default_rng(self._seed)
        if not self._powered:
            return np.zeros(len(t_ns))
        noise = self._gain * (1 + self._noise_rel * self._random.standard_normal(len(t_ns)))
        if self._settings["output"] == "current":
            return powers_w(self.circuit.power, t_ns) / self.circuit.voltage_v * noise
        step_ns = 10**9 // self.rate_hz
        totals = np.array([self.circuit.power.total_j(t) for t in (int(t_ns[0]) - step_ns, *t_ns.tolist())])
        return np.diff(totals) * noise

    def _falls(self, t_ns: NDArray[np.int64]) -> list[int]:
        import numpy as np

        if self._marks is None or "eventsrc" not in self._settings or self._words:
            return []
        levels = powers_w(self._marks, t_ns)
        before, self._level = np.concatenate(([self._level], levels[:-1])), float(levels[-1])
        return [int(at) for at in np.flatnonzero((levels < 0.5) & (before >= 0.5))]

    @property
    def _words(self) -> bool:
        return self._settings["format"].startswith("bin")

    def _encoded(self, values: NDArray[np.float64]) -> bytes:
        import numpy as np

        if self._words:
            powers = np.clip(np.floor(np.log(4095 / np.maximum(values, 1e-15)) / np.log(16.0)), 0, 14)
            digits = np.minimum(4095, np.rint(values * 16.0**powers)).astype(np.uint16)
            said: bytes = (digits | powers.astype(np.uint16) << 12).astype(">u2").tobytes()
            return said
        tens = np.maximum(-12, np.floor(np.log10(np.maximum(values, 1e-15))) - 3)
        shown = np.rint(values / 10.0**tens)
        tens, shown = np.where(shown > 9999, tens + 1, tens), np.where(shown > 9999, 1000, shown)
        lines = zip(shown.astype(int).tolist(), tens.astype(int).tolist(), strict=True)
        return "".join(f"{digit:04d}{ten:+03d}\r\n" for digit, ten in lines).encode()

    def _time(self, ms: int) -> bytes:
        if self._words:
            return b"\xf0\xf3" + ms.to_bytes(4, "big") + b"\x01\xff\xff"
        return f"TimeStamp: {ms // 1000:03d}s {ms % 1000:03d}ms, buff 01%\r\n".encode()

    def _event(self) -> bytes:
        self._events += 1
        return f"event {self._events % 100:02d} ris\r\n".encode()

    def _over(self) -> bytes:
        return self.over_frame if self._words else f"{self.prompt}error overcurrent\r\n".encode()

    def _end(self) -> bytes:
        return b"\xf0\xf4\xff\xff" if self._words else b"Acquisition completed\r\nend\r\n"
