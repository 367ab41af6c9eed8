"""Emulate a board that prints volts and amperes on a serial line: the mean of each interval, rounded as it prints them."""

from __future__ import annotations

from edgekit.sim.emulators.instrument import Circuit, OwnClock


class PrintedLines:
    """Print a line every `period_ns` of its own clock, after a heading."""

    def __init__(self, circuit: Circuit, *, clock: OwnClock | None = None, seed: int = 0, period_ns: int = 100_000_000) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._period_ns = period_ns
        self._heading = f"# EMULATED meter {seed}\nvolts amps\n".encode()
        self._next = self._clock.at(circuit.start_ns) // period_ns + 1

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take no commands."""
        return b""

    def say(self, t_ns: int) -> bytes:
        """Return the lines that are due."""
        said, self._heading = self._heading, b""
        while (due_ns := self._due_ns(self._next)) <= t_ns:
            before_ns = self._due_ns(self._next - 1)
            amperes = self._circuit.energy_j(before_ns, due_ns) / ((due_ns - before_ns) / 1e9) / self._circuit.voltage_v
            said += f"{self._circuit.voltage_v:.3f} {amperes:.5f}\n".encode()
            self._next += 1
        return said

    def next_ns(self) -> int | None:
        """Return when the next line is due."""
        return self._due_ns(self._next)

    def _due_ns(self, number: int) -> int:
        return self._clock.when(number * self._period_ns)
