"""Serve an emulated instrument, so that a set-up can be rehearsed before the real one is bought."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.protocols import Clock
from edgekit.links.clock import HostClock
from edgekit.links.files import read_text, writing
from edgekit.links.pty import served
from edgekit.links.tcp import served_at_port
from edgekit.sim.curve import Load
from edgekit.sim.emulators.faulty import Faulty, parse_fault
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock
from edgekit.sim.emulators.kinds import Line, emulated_kind, open_emulated
from edgekit.sim.load_words import EXAMPLE, parse_load, parse_table

_MOST_DRIFT_PPM = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulationRequest:
    """Hold what is to be emulated: a kind of meter, the load in words or as a table, its own clock, and what goes wrong when.

    `link` becomes a symbolic link to the pseudo-terminal: a place that stays the same when the instrument is ended and begun again.
    """

    kind: str
    load: str | None = None
    table: Path | None = None
    voltage_v: float | None = None
    faults: Sequence[str] = ()
    link: Path | None = None
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """Hold an instrument that is being served: its `address`, what to write after --meter, and how much its circuit has drawn."""

    kind: str
    address: str
    meter: str
    started_ns: int
    circuit: Circuit

    @property
    def command(self) -> str:
        """Return the command that measures with it."""
        return f"edgekit bench ARTIFACT --device local --meter {shlex.quote(self.meter)}"

    @property
    def look(self) -> str:
        """Return the command that shows what it says."""
        return shlex.join(["edgekit", "meters", "read", self.meter])

    def drawn_j(self, until_ns: int) -> float:
        """Return the exact joules its circuit drew since it began."""
        return self.circuit.energy_j(self.started_ns, until_ns)


@contextlib.contextmanager
def emulated(request: EmulationRequest, *, clock: Clock | None = None) -> Iterator[Emulation]:
    """Serve an instrument while the context is open; raise UsageError for a load, a fault or a kind that cannot be meant."""
    clock = clock or HostClock()
    if not abs(request.drift_ppm) <= _MOST_DRIFT_PPM or not abs(request.offset_s) < 1e6:
        raise UsageError("no instrument's clock is that wrong", code="emulate.clock", why=f"a drift is within {_MOST_DRIFT_PPM:g} ppm")
    kind, begun_ns = emulated_kind(request.kind), clock.now_ns()
    volts = kind.voltage_v if request.voltage_v is None else request.voltage_v
    if not 0.1 <= volts <= 1000:
        raise UsageError(f"--volts {volts:g} is no voltage", code="emulate.volts", why="it must lie between 0.1 and 1000")
    circuit = Circuit(power=_load(request, kind.load or EXAMPLE), voltage_v=volts, start_ns=begun_ns)
    own = OwnClock(offset_ns=round(request.offset_s * 1e9), drift=request.drift_ppm / 1e6)
    instrument: Instrument = open_emulated(request.kind, circuit, clock=own, seed=request.seed)
    if faults := [parse_fault(text, from_ns=begun_ns) for text in request.faults]:
        instrument = Faulty(instrument, faults, seed=request.seed)
    with _line(kind.line, instrument, clock, request.link) as address:
        mark = ",emulated=yes" if kind.line in (Line.TCP, Line.HTTP) else ""  # what sits on a pseudo-terminal is known to be emulated
        told = f",voltage={volts:g}V" if kind.current_only else ""
        meter = f"{request.kind}:{address}{mark}{told}"
        yield Emulation(kind=request.kind, address=address, meter=meter, started_ns=begun_ns, circuit=circuit)


def _load(request: EmulationRequest, usual: str) -> Load:
    if request.table is not None:
        if request.load is not None:
            raise UsageError("a load is given in words or as a table", code="emulate.load", why="--load and --csv exclude each other")
        return parse_table(read_text(request.table, "the load"), where=str(request.table))
    return parse_load(usual if request.load is None else request.load)


@contextlib.contextmanager
def _line(line: Line, instrument: Instrument, clock: Clock, link: Path | None) -> Iterator[str]:
    if line in (Line.SERIAL, Line.HID):
        with served(instrument, clock=clock) as path, _linked(path, link) as address:
            yield address
        return
    with served_at_port(instrument, clock=clock) as (host, port):
        yield f"socket://{host}:{port}" if line is Line.TCP else f"http://{host}:{port}"


@contextlib.contextmanager
def _linked(path: str, link: Path | None) -> Iterator[str]:
    if link is None:
        yield path
        return
    if link.exists() and not link.is_symlink():
        raise UsageError(f"{link} is already there", code="emulate.link", why="only a link of an earlier emulation is replaced")
    with writing(link):
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    try:
        yield str(link.absolute())
    finally:
        link.unlink(missing_ok=True)
