"""Put an emulated board on a scripted clock, with a model whose answers are known: results are made of the first byte of the input."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.core.hardware import DeviceSpec
from edgekit.core.quantity import Note
from edgekit.core.run import TINY, RunPlan
from edgekit.core.window import Phase
from edgekit.devices.board import BoardDevice
from edgekit.devices.board_session import BoardSession
from edgekit.devices.host_model import Expected
from edgekit.flows.bench.plan import BenchPlan, Step
from edgekit.metering import Chosen
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import OwnClock
from edgekit.sim.emulators.tiny_board import Firmware, TinyBoard
from tests.meters.scripted import Line

PLAN = RunPlan(windows=1, window_s=1.0, min_inferences=10, idle_s=0.1, warmup_s=0.1, cooldown_s=0.0)
ARTIFACT = Path("kws.int8.tflite")


def answer(data: bytes) -> tuple[float, float]:
    """Return what the firmware makes of an input."""
    return data[0] / 256, 1 - data[0] / 256


class KnownModel:
    """Stand in for the artifact on the host."""

    inputs, samples, engine = "samples", 9, "known 1"

    def __init__(self, size: int = 490, *, off: float = 0.0, results: int = 2) -> None:
        self._size, self._off, self._results = size, off, results

    def expected(self, index: int, model: str) -> Expected:
        """Return one input and what should come of it."""
        wire = bytes((index * 40 + place) % 256 for place in range(self._size))
        values = [value + self._off for value in answer(wire)] * 5
        return Expected(wire=wire, results=tuple(values[: self._results]), step=1 / 256)


@dataclass(kw_only=True)
class Bench:
    """Hold an emulated board, the line to it and the device that drives it."""

    firmware: Firmware = field(default_factory=Firmware)
    clock: ScriptedClock = field(default_factory=ScriptedClock)
    own: OwnClock = field(default_factory=lambda: OwnClock(drift=2e-5))
    options: dict[str, str] = field(default_factory=dict)
    known: Any = field(default_factory=KnownModel)
    board: TinyBoard = field(init=False)
    line: Line = field(init=False)
    baud: int = 0  # at which the device opened the line last

    def __post_init__(self) -> None:
        self.board = TinyBoard(self.firmware, answer, start_ns=self.clock.now_ns(), clock=self.own, speed=lambda: self.baud or None)
        self.line = Line(self.board, self.clock)

    def _open(self, address: str, baud: int) -> Any:
        self.baud = baud
        return self.line.open(address, baud)

    @contextlib.contextmanager
    def _open_model(self, artifact: Path, samples: Path | None) -> Iterator[Any]:
        yield self.known

    @property
    def device(self) -> BoardDevice:
        """Return the device."""
        spec = DeviceSpec(name="nucleo", kind="board", address="board:/dev/scripted", options=self.options)
        return BoardDevice(spec, clock=self.clock, open_port=self._open, open_model=self._open_model)

    @contextlib.contextmanager
    def session(self) -> Iterator[BoardSession]:
        """Connect."""
        with self.device.connect() as session:
            yield session

    @property
    def asked(self) -> list[str]:
        """Return the commands the board heard, but for the bytes of inputs."""
        return [command for command in self.board.heard if not command.startswith("db ")]


class Stepping(ScriptedClock):
    """Let time pass in steps of 20 ms, so that a meter beside the board reads while the board is waited for."""

    def advance(self, step_ns: int) -> None:
        """Advance by `step_ns`."""
        while step_ns > 20_000_000:
            super().advance(20_000_000)
            step_ns -= 20_000_000
        super().advance(step_ns)


@dataclass(frozen=True, kw_only=True)
class Script:
    """Stand where a recorded run stands that is repeated: a few windows, and the meter that is given."""

    meter: Any
    windows: int = 3
    window_s: float = 2.0
    inference: str = TINY

    def plan(self) -> BenchPlan:
        """Return idle, the windows, idle."""
        run = RunPlan(windows=self.windows, window_s=self.window_s, min_inferences=1, idle_s=1.0, warmup_s=0.0, cooldown_s=0.0)
        measured = [Step(phase=Phase.MEASURE, index=index, seconds=self.window_s, artifact=0) for index in range(self.windows)]
        pauses = [Step(phase=Phase.IDLE, index=1 + index, seconds=1.0) for index in range(self.windows)]
        steps = [Step(phase=Phase.IDLE, index=0, seconds=1.0), *(step for pair in zip(measured, pauses, strict=True) for step in pair)]
        return BenchPlan(run=run, artifacts=1, script=tuple(steps))

    def chosen(self, device: Any) -> Chosen:
        """Return the meter."""
        return Chosen(counters=(), hosts=(self.meter,), specs=(self.meter.spec(),), note=Note(code="meter.chosen", text="scripted"))

    def require(self, artifact: Any) -> None:
        """Take any artifact."""
