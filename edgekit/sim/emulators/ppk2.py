"""Emulate a Nordic PPK2: metadata with a calibration of its own, five ranges, a stream of 100 000 words a second on its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from edgekit.sim.curve import Load
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.samples import powers_w

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERIOD_NS: Final = 10_000
_PACKET, _WAKE = 100, 1_000  # words that leave together, and after how many it asks to be heard of its own accord
_MOST = 200_000  # words that are made at a time; who asks late gets them in several pieces
_TOP = 0x3FFF
_VOLTS_PER_COUNT = 4 * 1.8 / 163_840
_LIMITS_A = (50e-6, 500e-6, 5e-3, 60e-3)  # above each it takes the next range

# One unit as its factory might have left it; no reading of anybody's.
FACTORS: Final[Mapping[str, tuple[float, ...]]] = {
    "R": (1003.1, 101.62, 10.31, 0.957, 0.0561),
    "GS": (0.0, 98.0, 17.2, 2.31, 0.071),
    "GI": (1.0, 0.9712, 0.9604, 0.9533, 0.9597),
    "O": (111.8, 74.6, 63.9, 51.2, 86.4),
    "S": (4.7e-8, 5.9e-7, 5.2e-6, 6.1e-5, 2.9e-3),
    "I": (-1.1e-7, -8.0e-7, -7.2e-6, -9.8e-5, -3.9e-3),
    "UG": (1.0, 1.0, 1.0, 1.0, 1.0),
}


class Ppk2:
    """Answer opcodes and, once started, stream: what the circuit draws, times `gain`, with ADC noise of `noise_counts`.

    `inputs` are the levels of D0 to D7 over time, as loads that are 0 or 1. `factors` without a name leave that factor out of the metadata;
    `metadata_pieces` splits the reply over so many packets. `lose(n)` drops the next n words, `lose_bytes(n)` tears the stream anywhere.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        seed: int = 0,
        gain: float = 1.0,
        noise_counts: float = 1.0,
        inputs: Mapping[int, Load] | None = None,
        factors: Mapping[str, tuple[float, ...]] = FACTORS,
        metadata_pieces: int = 1,
        spikes: bool = False,
    ) -> None:
        self.circuit = circuit
        self.heard = b""
        self.powered = True
        self._clock = clock or OwnClock()
        self._seed, self._gain, self._noise_counts = seed, gain, noise_counts
        self._inputs = dict(inputs or {})
        self._factors = factors
        self._pieces = metadata_pieces
        self._spikes = spikes
        self._voltage_v = circuit.voltage_v
        self._due: list[tuple[int, bytes]] = []
        self._start_ns: int | None = None  # on its own clock
        self._made = 0
        self._count = 0
        self._range = -1
        self._after = 0
        self._drop_words = self._drop_bytes = 0
        self._noise: NDArray[np.float64] | None = None

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take opcodes of one to three bytes."""
        self.heard += data
        pending = data
        while pending:
            length = {0x0C: 2, 0x0D: 3, 0x11: 2, 0x25: 6}.get(pending[0], 1)
            self._obey(pending[:length], t_ns)
            pending = pending[length:]
        return b""

    def _obey(self, order: bytes, t_ns: int) -> None:
        if order[0] == 0x06 and self._start_ns is None:
            self._start_ns, self._made = self._clock.at(t_ns), 0
        elif order[0] == 0x07:
            self._start_ns = None
        elif order[0] == 0x0C and len(order) == 2:
            self.powered = order[1] == 1
        elif order[0] == 0x0D and len(order) == 3:
            self._voltage_v = int.from_bytes(order[1:], "big") / 1000
        elif order[0] == 0x15:
            self._spikes = False
        elif order[0] == 0x19:
            text, self._due = self.metadata(), []
            size = -(-len(text) // self._pieces)
            self._due = [(t_ns + (1 + i) * 3_000_000, text[i * size : (i + 1) * size]) for i in range(self._pieces)]

    def metadata(self) -> bytes:
        """Return what it says of itself."""
        lines = ["Calibrated: 0"]
        lines += [f"{name}{r}: {value:.10g}" for name, values in self._factors.items() for r, value in enumerate(values)]
        lines += [f"VDD: {round(self._voltage_v * 1000)}", "HW: 9173", "mode: 2", "IA: 56", "EDGEKIT: emulated", "END"]
        return ("\n".join(lines) + "\n").encode()

    def say(self, t_ns: int) -> bytes:
        """Return what is due: pieces of the metadata, then whole packets of words."""
        said = b"".join(piece for due_ns, piece in self._due if due_ns <= t_ns)
        self._due = [(due_ns, piece) for due_ns, piece in self._due if due_ns > t_ns]
        if self._start_ns is None:
            return said
        ready = (self._clock.at(t_ns) - self._start_ns) // (PERIOD_NS * _PACKET) * _PACKET
        number = min(_MOST, ready - self._made)
        return said + self._stream(number) if number > 0 else said

    def next_ns(self) -> int | None:
        """Return when the next packet is due."""
        due = [due_ns for due_ns, _ in self._due]
        if self._start_ns is not None:
            due.append(self._clock.when(self._start_ns + (self._made // _WAKE + 1) * _WAKE * PERIOD_NS) + 1)
        return min(due, default=None)

    def lose(self, words: int) -> None:
        """Drop the next words, as a full buffer does: the counter goes on."""
        self._drop_words += words

    def lose_bytes(self, number: int) -> None:
        """Drop the next bytes, as a host that was late does: what follows is out of step with the words."""
        self._drop_bytes += number

    def _stream(self, number: int) -> bytes:
        import numpy as np

        own_ns = (self._start_ns or 0) + (self._made + np.arange(number, dtype=np.int64)) * PERIOD_NS
        t_ns = self._outer(own_ns) - self.circuit.start_ns
        amperes = powers_w(self.circuit.power, t_ns) * (self._gain / self.circuit.voltage_v) if self.powered else np.zeros(number)
        places = np.searchsorted(np.array(_LIMITS_A), amperes, side="right")
        words = self._codes(amperes, places) | places.astype(np.uint32) << 14
        words |= ((self._count + np.arange(number, dtype=np.uint32)) & 63) << 18
        for line, level in self._inputs.items():
            words |= (powers_w(level, t_ns) > 0.5).astype(np.uint32) << (24 + line)
        self._made += number
        self._count = (self._count + number) & 63
        dropped, self._drop_words = min(self._drop_words, number), self._drop_words - min(self._drop_words, number)
        said = words[dropped:].astype("<u4").tobytes()
        torn, self._drop_bytes = min(self._drop_bytes, len(said)), self._drop_bytes - min(self._drop_bytes, len(said))
        middle = len(said) // 2 if torn else 0
        return said[: middle - middle % 4 + 1] + said[middle - middle % 4 + 1 + torn :] if torn else said

    def _outer(self, own_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the times of the outer clock: a straight line between the first and the last, as the clock's drift is constant."""
        first, last = self._clock.when(int(own_ns[0])), self._clock.when(int(own_ns[-1]))
        if len(own_ns) < 2 or last - first == own_ns[-1] - own_ns[0]:
            return own_ns + (first - int(own_ns[0]))
        import numpy as np

        moved: NDArray[np.int64] = first + np.rint((own_ns - own_ns[0]) * ((last - first) / float(own_ns[-1] - own_ns[0]))).astype(np.int64)
        return moved

    def _codes(self, amperes: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the ADC values that the calibration turns into `amperes`, with noise: the inverse of its parabola."""
        import numpy as np

        r, gs, gi, offset, s, i, ug = (np.array(self._full(name))[places] for name in ("R", "GS", "GI", "O", "S", "I", "UG"))
        rest = amperes / ug - s * self._voltage_v - i
        x = 2 * rest / (gi + np.sqrt(np.maximum(0.0, gi * gi + 4 * gs * rest)))
        counts = x * (r / _VOLTS_PER_COUNT) + offset / 4
        if self._noise_counts:
            counts += self._noise_counts * self._draw(len(counts))
        if self._spikes:
            counts[self._switched(places)] *= 1.5
        codes: NDArray[np.uint32] = np.clip(np.rint(counts), 0, _TOP).astype(np.uint32)
        return codes

    def _full(self, name: str) -> tuple[float, ...]:
        return self._factors.get(name, FACTORS[name])

    def _draw(self, number: int) -> NDArray[np.float64]:
        """Return noise from a store that is drawn once, each time from another place: fresh noise would take longer than all the rest."""
        import numpy as np

        if self._noise is None:
            self._noise = np.random.default_rng(self._seed).standard_normal(_MOST + 65_537)
        start = self._made * 31 % 65_537
        return self._noise[start : start + number]

    def _switched(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which samples are one of the three after a change of range."""
        import numpy as np

        before = np.concatenate(([self._range if self._range >= 0 else places[0]], places[:-1]))
        self._range = int(places[-1])
        changed = places != before
        spikes: NDArray[np.bool_] = changed.copy()
        for later in (1, 2):
            spikes[later:] |= changed[:-later]
        return spikes
