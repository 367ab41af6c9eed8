"""Emulate bench instruments that are asked in SCPI: lines in, lines out; values renewed a few times a second, rounded as they print."""

from __future__ import annotations

import random
import re

from edgekit.sim.emulators.instrument import Circuit, OwnClock

_MOST = 4096


class SiglentSpd:
    """Answer as a Siglent SPD3303X: one value for each question. `delay_s` is how long it thinks, drawn anew for each answer."""

    identity = "Siglent Technologies,SPD3303X,EMULATED,1.01.01.02.05,V3.0"
    refresh_ns = 200_000_000
    step = 0.001

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        seed: int = 0,
        gain: float = 1.0,
        delay_s: tuple[float, float] = (0.001, 0.01),
    ) -> None:
        self._circuit = circuit
        self._clock = clock or OwnClock()
        self._gain = gain
        self._delay_s = delay_s
        self._random = random.Random(seed)  # noqa: S311 -- a scatter, not a secret
        self._waiting = b""
        self._due: list[tuple[int, bytes]] = []
        self.asked: list[str] = []

    def hear(self, data: bytes, t_ns: int) -> bytes:
        """Take lines; answers come a moment later."""
        *lines, self._waiting = (self._waiting + data)[-_MOST:].split(b"\n")
        for line in lines:
            query = line.decode("ascii", "replace").strip()
            self.asked.append(query)
            answer = self._answer(query, t_ns)
            if answer is not None:
                self._due.append((t_ns + round(self._random.uniform(*self._delay_s) * 1e9), answer.encode() + b"\n"))
        return b""

    def say(self, t_ns: int) -> bytes:
        """Return the answers that are due."""
        said = b"".join(answer for due_ns, answer in self._due if due_ns <= t_ns)
        self._due = [item for item in self._due if item[0] > t_ns]
        return said

    def next_ns(self) -> int | None:
        """Return when the next answer is due."""
        return min((due_ns for due_ns, _ in self._due), default=None)

    def amperes(self, t_ns: int) -> float:
        """Return the mean current of the renewal period before the last renewal."""
        renewed_ns = self._clock.when(self._clock.at(t_ns) // self.refresh_ns * self.refresh_ns)
        joules = self._circuit.energy_j(renewed_ns - self.refresh_ns, renewed_ns)
        return self._gain * joules / (self.refresh_ns / 1e9) / self._circuit.voltage_v

    def _answer(self, query: str, t_ns: int) -> str | None:
        if query.upper() == "*IDN?":
            return self.identity
        if query.upper() in ("SYST:ERR?", ":SYST:ERR?"):
            return "0  No Error"
        return self._measured(query.upper(), t_ns)

    def _measured(self, query: str, t_ns: int) -> str | None:
        found = re.fullmatch(r"MEAS(?:URE)?:(VOLT(?:AGE)?|CURR(?:ENT)?|POWE(?:R)?)\? CH1", query)
        if found is None:
            return None
        amperes, volts = self.amperes(t_ns), self._circuit.voltage_v
        return f"{ {'V': volts, 'C': amperes, 'P': volts * amperes}[found[1][0]]:.3f}"


class RigolDp800(SiglentSpd):
    """Answer as a Rigol DP832: volts, amperes and watts at once."""

    identity = "RIGOL TECHNOLOGIES,DP832,EMULATED,00.01.16"

    def _measured(self, query: str, t_ns: int) -> str | None:
        if query not in (":MEAS:ALL? CH1", "MEAS:ALL? CH1"):
            return None
        amperes, volts = self.amperes(t_ns), self._circuit.voltage_v
        return f"{volts:.4f},{amperes:.4f},{volts * amperes:.3f}"


class Keithley2450(SiglentSpd):
    """Answer as a Keithley 2450: amperes alone, in scientific notation."""

    identity = "KEITHLEY INSTRUMENTS,MODEL 2450,EMULATED,1.7.12b"
    refresh_ns = 20_000_000

    def _measured(self, query: str, t_ns: int) -> str | None:
        return f"{self.amperes(t_ns):.6E}" if query in (":MEAS:CURR?", "MEAS:CURR?") else None
