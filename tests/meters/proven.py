"""List the emulated meters with what is drawn for each (its errors within what it states, its clock, its line, the load), and what it is.

measured(PROVEN["um25c"], seed) -> what edgekit states, what is true, and how narrow it could have been
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from edgekit.core.quantity import Estimate
from edgekit.core.run import Analysis
from edgekit.energy.uncertainty.budget import expanded
from edgekit.meters.csv_file import CsvMeter
from edgekit.meters.ct3 import Ct3Meter
from edgekit.meters.fnirsi import C1Meter, Fnb48Meter, Fnb48sMeter, FnirsiMeter
from edgekit.meters.km003c import Km003cMeter
from edgekit.meters.lpm01a import Lpm01aMeter
from edgekit.meters.ppk2 import Ppk2Meter
from edgekit.meters.program import ExecMeter, SigrokMeter
from edgekit.meters.scpi import ScpiMeter
from edgekit.meters.serial_lines import SerialLinesMeter
from edgekit.meters.shelly import ShellyMeter
from edgekit.meters.tasmota import TasmotaMeter
from edgekit.meters.tc66 import Tc66Meter
from edgekit.meters.um24c import Um24cMeter
from edgekit.meters.um25c import Um25cMeter
from edgekit.meters.um34c import Um34cMeter
from edgekit.meters.v3pwr import V3PwrMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.curve import Curve
from edgekit.sim.emulators.ct3 import Ct3
from edgekit.sim.emulators.fnirsi import C1, Fnb48, Fnb48s, Fnb58
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.km003c import Km003c
from edgekit.sim.emulators.lines import PrintedLines
from edgekit.sim.emulators.lpm01a import Lpm01a
from edgekit.sim.emulators.plugs import Shelly, ShellyFirst, Tasmota
from edgekit.sim.emulators.ppk2 import Ppk2
from edgekit.sim.emulators.scpi import Keithley2450, RigolDp800, SiglentSpd
from edgekit.sim.emulators.tc66 import Tc66
from edgekit.sim.emulators.um25c import Um24c, Um25c, Um34c
from edgekit.sim.emulators.v3pwr import V3Pwr
from tests.meters.exactly import Knowledge, half_width_j
from tests.meters.rehearsed import Board, Timetable, Wait, rehearse, remembered, timetable, true_j
from tests.meters.scripted import AskedOverHttp, Line, pass_time

USB = Board()
CHIP = Board(rest_w=0.01, base_w=0.02, burst_w=(0.03, 0.1), period_s=(0.004, 0.02))
HOUSE = Board(rest_w=12.0, base_w=15.0, burst_w=(18.0, 40.0), period_s=(0.1, 0.5))


@dataclass(frozen=True, kw_only=True)
class Proven:
    """Hold one kind of meter: its emulator and driver, what it is like, and the run that suits it."""

    emulator: Callable[..., Any]
    meter: type[Any]
    known: Knowledge
    board: Board = USB
    options: dict[str, str] = field(default_factory=dict)
    volts: float = 5.1
    windows: int = 3
    window_s: float = 10.0
    idle_s: float = 2.0
    gap_s: float = 1.0
    lead_s: float = 2.0
    step_s: float = 0.1
    line: Callable[..., Any] = Line
    latency_s: tuple[float, float] = (0.0002, 0.002)

    def timetable(self, draw: random.Random) -> Timetable:
        """Draw one run."""
        times = {"window_s": self.window_s, "idle_s": self.idle_s, "gap_s": self.gap_s, "lead_s": self.lead_s}
        return timetable(draw, self.board, windows=self.windows, **times)


def _chip(emulator: Any, meter: Any, known: Knowledge, **more: Any) -> Proven:
    given: dict[str, Any] = {"board": CHIP, "volts": 3.3, "options": {"voltage": "3.3 V"}, "step_s": 0.015}
    times = {"window_s": 0.5, "idle_s": 0.2, "gap_s": 0.1, "lead_s": 0.6}
    return Proven(emulator=emulator, meter=meter, known=known, **(given | times | more))


class Logger:
    """Write what another program would have logged: watts ten times a second of its own clock, each the mean since the row before."""

    def __init__(self, circuit: Circuit, *, clock: OwnClock, seed: int) -> None:
        self._circuit, self._clock = circuit, clock

    def written(self, path: Path, seconds: float) -> str:
        """Write the file for so long a run, and return its path."""
        start_ns, step_ns = self._circuit.start_ns, 100_000_000
        first = self._clock.at(start_ns) // step_ns + 1
        ends = [self._clock.when((first + place) * step_ns) for place in range(-1, round(10 * seconds))]
        rows = (f"{end},{self._circuit.energy_j(begin, end) * 1e9 / (end - begin):.5f}" for begin, end in pairwise(ends))
        path.write_text("t_ns,watts\n" + "\n".join(rows) + "\n", encoding="utf-8")
        return str(path)


_UM = Knowledge(update_s=0.5, mean_s=0.5, digit_w=0.001, gain_rel=0.002)
_FNIRSI = Knowledge(update_s=0.04, mean_s=0.2, gain_rel=0.001 * 2**0.5)
_STREAM = Knowledge(update_s=0.001, gain_rel=0.001 * 2**0.5)
_PLUG = Knowledge(update_s=1.0, mean_s=1.0, gain_rel=0.01, zero_w=0.5)
_SCPI = Knowledge(update_s=0.2, mean_s=0.2, digit_w=0.005, gain_rel=0.005)
_LINES = Knowledge(update_s=0.1, mean_s=0.1, gain_rel=0.005)
_minute = partial(Proven, board=HOUSE, line=AskedOverHttp, volts=230.0, window_s=61.0, idle_s=20.0, gap_s=3.0, known=_PLUG)
_seconds = partial(Proven, window_s=20.0, gap_s=2.0, step_s=0.1)
_tester = partial(Proven, window_s=6.0, step_s=0.04)
_stream = partial(
    Proven, known=_STREAM, windows=5, window_s=1.1, idle_s=0.4, gap_s=0.2, board=replace(USB, period_s=(0.02, 0.1)), step_s=0.008
)

_lines = partial(Proven, step_s=0.04)

PROVEN: dict[str, Proven] = {
    "um24c": _seconds(emulator=Um24c, meter=Um24cMeter, known=_UM),
    "um25c": _seconds(emulator=Um25c, meter=Um25cMeter, known=_UM),
    "um34c": _seconds(emulator=Um34c, meter=Um34cMeter, known=_UM),
    "tc66": _seconds(window_s=12.0, emulator=Tc66, meter=Tc66Meter, known=_UM),
    "fnb58": _tester(emulator=Fnb58, meter=FnirsiMeter, known=_FNIRSI),
    "fnb48s": _tester(emulator=Fnb48s, meter=Fnb48sMeter, known=replace(_FNIRSI, mean_s=0.12)),
    "fnb48": _tester(emulator=Fnb48, meter=Fnb48Meter, known=_FNIRSI),
    "fnirsi-c1": _tester(emulator=C1, meter=C1Meter, known=replace(_FNIRSI, mean_s=0.5)),
    "ct3": _stream(emulator=Ct3, meter=Ct3Meter),
    "km003c": _stream(emulator=Km003c, meter=Km003cMeter),
    "ppk2": _chip(Ppk2, Ppk2Meter, Knowledge(update_s=1e-5, gain_limit=0.1)),
    "lpm01a": _chip(Lpm01a, Lpm01aMeter, Knowledge(update_s=1e-4, gain_limit=0.02)),
    "lpm01a, energy": _chip(
        Lpm01a,
        Lpm01aMeter,
        Knowledge(update_s=1e-3, mean_s=1e-3, gain_limit=0.02),
        options={"voltage": "3.3 V", "output": "energy", "rate_hz": "1000"},
    ),
    "v3pwr": _chip(V3Pwr, V3PwrMeter, Knowledge(update_s=1e-5, gain_rel=0.005)),
    "shelly": _minute(emulator=Shelly, meter=ShellyMeter),
    "shelly, generation 1": _minute(emulator=ShellyFirst, meter=ShellyMeter),
    "tasmota": _minute(emulator=Tasmota, meter=TasmotaMeter, known=replace(_PLUG, digit_w=1.0)),
    "scpi, siglent-spd": Proven(emulator=SiglentSpd, meter=ScpiMeter, known=_SCPI),
    "scpi, rigol-dp800": Proven(emulator=RigolDp800, meter=ScpiMeter, known=replace(_SCPI, gain_rel=0.003, digit_w=0.001)),
    "scpi, keithley-2450": Proven(
        emulator=Keithley2450,
        meter=ScpiMeter,
        known=Knowledge(update_s=0.1, mean_s=0.02, gain_rel=0.0005),
        windows=10,
        options={"voltage": "5.1 V"},
    ),
    "serial-lines": _lines(emulator=PrintedLines, meter=SerialLinesMeter, known=_LINES, options={"gain_rel": "0.005"}),
    "exec": _lines(emulator=PrintedLines, meter=ExecMeter, known=_LINES, options={"gain_rel": "0.005"}),
    "csv": Proven(emulator=Logger, meter=CsvMeter, known=_LINES, options={"gain_rel": "0.005", "time": "host", "quantities": "watts"}),
    "sigrok": _lines(emulator=PrintedLines, meter=SigrokMeter, known=_LINES, options={"gain_rel": "0.005"}),
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Hold what was stated in one run, in joules per inference, what was true, and the narrowest half-width.

    `seen_j` is the truth with the instrument's own errors of gain and zero, `rest_j` the half-width that is stated without them.
    """

    seed: int
    stated: Estimate
    true_j: float
    exact_j: float
    seen_j: float
    rest_j: float
    channel: str

    @property
    def holds(self) -> bool:
        """Return whether the interval holds the truth."""
        return self.stated.low <= self.true_j <= self.stated.high

    @property
    def keeps(self) -> bool:
        """Return whether timing, sampling and digits stay within what is stated of them: nothing hides behind the gain here."""
        return abs(self.stated.value - self.seen_j) <= self.rest_j

    @property
    def ratio(self) -> float:
        """Return how many times wider than need be the interval is."""
        return (self.stated.high - self.stated.low) / 2 / self.exact_j


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Hold one drawn run before it is measured."""

    table: Timetable
    meter: Any
    clock: ScriptedClock
    wait: Wait
    seen: Curve


def drawn(kind: Proven, seed: int, folder: Path) -> Rehearsal:
    """Return the run of a seed: the errors of the instrument, its clock, its line and the load are drawn, each for itself."""
    draw, clock = random.Random(seed), ScriptedClock()
    table = kind.timetable(draw)
    known = kind.known
    gain = 1 + draw.gauss(0, known.gain_rel) + draw.uniform(-known.gain_limit, known.gain_limit)
    seen = wrong(table.load, gain=gain, zero_w=draw.gauss(0, known.zero_w))
    circuit = Circuit(power=seen, voltage_v=kind.volts, start_ns=clock.now_ns())
    own = OwnClock(offset_ns=draw.randrange(10**9), drift=draw.uniform(-5e-5, 5e-5))
    emulated, latency_ns = kind.emulator(circuit, clock=own, seed=seed), round(1e9 * draw.uniform(*kind.latency_s))
    options = {"emulated": "yes", **kind.options}
    if isinstance(emulated, Logger):
        meter = kind.meter(emulated.written(folder / f"{seed}.csv", table.idles[-1][1] + 1), options, clock=clock)
    else:
        meter = kind.meter("scripted", options, clock=clock, open_port=kind.line(emulated, clock, latency_ns=latency_ns).open)
    wait = partial(_passed, clock, kind.step_s)
    return Rehearsal(table=table, meter=meter, clock=clock, wait=wait, seen=seen)


def _passed(clock: ScriptedClock, step_s: float, seconds: float) -> None:
    pass_time(clock, seconds=seconds, step_s=step_s)


def measured(kind: Proven, seed: int, folder: Path) -> Measured:
    """Measure one drawn run, its readings held in memory, and analyse it as the record of a benchmark is; `folder` is for its files."""
    run = drawn(kind, seed, folder)
    return _judged(kind, run, seed, remembered(run.table, run.meter, run.clock, run.wait))


def benched(kind: Proven, seed: int, *, artifact: Path, runs: Path) -> Measured:
    """Measure the same run by the whole `bench` flow, which keeps everything on the disk."""
    run = drawn(kind, seed, runs.parent)
    record = rehearse(run.table, run.meter, run.clock, run.wait, artifact=artifact, runs=runs)
    assert record.analysis is not None
    return _judged(kind, run, seed, record.analysis)


def _judged(kind: Proven, run: Rehearsal, seed: int, analysis: Analysis) -> Measured:
    stated, truth = analysis.energy_j_per_inference, true_j(run.table)
    assert isinstance(stated, Estimate), stated
    exact_j = half_width_j(kind.known, run.table, truth)
    own = [term for term in stated.budget if term.name not in ("gain", "offset")]
    return Measured(
        seed=seed,
        stated=stated,
        true_j=truth,
        exact_j=exact_j,
        seen_j=true_j(replace(run.table, load=run.seen)),
        rest_j=expanded(own, stated.n),
        channel=analysis.channel or "",
    )


def wrong(load: Curve, *, gain: float, zero_w: float) -> Curve:
    """Return what an instrument that errs takes a load for."""
    return replace(load, power_w=tuple(gain * watts + zero_w for watts in load.power_w))
