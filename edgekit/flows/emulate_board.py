"""Serve an emulated board that runs a real model, and the meter it is supplied through, so that a set-up can be rehearsed."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.core.errors import EdgekitError, UsageError
from edgekit.core.protocols import Clock
from edgekit.devices.host_model import HostModel, host_model
from edgekit.devices.tiny_protocol import INPUT_BYTES
from edgekit.links.clock import HostClock
from edgekit.links.files import require_file
from edgekit.links.pty import line_speed, served
from edgekit.links.tcp import served_at_port
from edgekit.sim.emulators.faulty import Faulty, parse_fault
from edgekit.sim.emulators.instrument import Circuit, Instrument, OwnClock
from edgekit.sim.emulators.kinds import Line, emulated_kind, open_emulated
from edgekit.sim.emulators.tiny_board import Firmware, TinyBoard


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRequest:
    """Hold what is to be emulated: the model, the build, how fast and hungry it is, the meter beside it, and what goes wrong when.

    `model_id` is what the firmware calls the model; None takes the benchmark's model with an input of that size, else the file's name.
    A `baud` of None is that of the build. With `at_socket` the board is reached through TCP instead of a pseudo-terminal.
    """

    model: Path
    meter: str | None = None
    energy: bool = False
    model_id: str | None = None
    inference_s: float = 0.043
    active_w: float = 0.042
    idle_w: float = 0.012
    baud: int | None = None
    voltage_v: float | None = None
    drift_ppm: float = 0.0
    faults: Sequence[str] = ()
    at_socket: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedBoard:
    """Hold a board that is being served: where it and its meter are, as written after --device and --meter."""

    device: str
    meter: str | None
    model: Path
    board: TinyBoard

    @property
    def command(self) -> str:
        """Return the command that measures with both."""
        words = ["edgekit", "bench", str(self.model), "--device", self.device, *(["--meter", self.meter] if self.meter else [])]
        return shlex.join(words) + ("" if self.meter else " --meter METER")


@contextlib.contextmanager
def emulated_board(request: BoardRequest, *, clock: Clock | None = None) -> Iterator[EmulatedBoard]:
    """Serve a board while the context is open; raise UsageError, ModelError or SetupError for what cannot be emulated."""
    clock = clock or HostClock()
    _check(request)
    require_file(request.model, "artifact")
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(host_model(request.model, None))
        firmware = _firmware(request, host)
        begun_ns = clock.now_ns()
        place: list[str] = []  # of its pseudo-terminal, once there is one
        board = TinyBoard(
            firmware,
            _answers(host, firmware.model),
            start_ns=begun_ns,
            clock=OwnClock(drift=request.drift_ppm / 1e6),
            speed=lambda: line_speed(place[0]) if place else None,
        )
        told = _with_faults(board, request, begun_ns)
        if request.at_socket:
            host_name, port = stack.enter_context(served_at_port(told, clock=clock))
            device = f"board:socket://{host_name}:{port},baud={firmware.baud}"
        else:
            path = stack.enter_context(served(told, clock=clock))
            place.append(path)
            device = f"board:{path}"
        meter = stack.enter_context(_meter(request, board, clock, begun_ns)) if request.meter else None
        yield EmulatedBoard(device=device, meter=meter, model=request.model, board=board)


@contextlib.contextmanager
def _meter(request: BoardRequest, board: TinyBoard, clock: Clock, begun_ns: int) -> Iterator[str]:
    """Serve the meter that supplies the board, with the board's pin on its input where both have one."""
    name = request.meter or ""
    kind = emulated_kind(name)
    volts = kind.voltage_v if request.voltage_v is None else request.voltage_v
    circuit = Circuit(power=board.power, voltage_v=volts, start_ns=begun_ns)
    pin = board.pin if request.energy else None
    instrument = open_emulated(name, circuit, clock=OwnClock(), seed=request.seed, pin=pin)
    told = f",voltage={volts:g}V" if kind.current_only else ""
    if kind.line in (Line.SERIAL, Line.HID):
        with served(instrument, clock=clock) as path:
            yield f"{name}:{path}{told}"
        return
    with served_at_port(instrument, clock=clock) as (host, port):
        yield f"{name}:{'socket' if kind.line is Line.TCP else 'http'}://{host}:{port},emulated=yes{told}"


def _firmware(request: BoardRequest, host: HostModel) -> Firmware:
    size = len(host.expected(0, "").wire)
    by_size = {bytes_: name for name, bytes_ in reversed(INPUT_BYTES.items())} | {640: "ad01"}
    model = request.model_id or by_size.get(size, request.model.name.split(".")[0])
    usual = Firmware(model=model, energy=request.energy, inference_s=request.inference_s, active_w=request.active_w, idle_w=request.idle_w)
    baud = request.baud or (9600 if request.energy else usual.baud)
    return replace(usual, baud=baud, input_bytes=len(host.expected(0, model).wire))


def _answers(host: HostModel, model: str) -> Callable[[bytes], Sequence[float]]:
    def answer(wire: bytes) -> Sequence[float]:
        try:
            return host.results(wire, model)
        except EdgekitError:  # bytes that no input of this model can be: a board prints something, or nothing
            return ()

    return answer


def _with_faults(board: TinyBoard, request: BoardRequest, begun_ns: int) -> Instrument:
    resets = [text for text in request.faults if text.startswith("reset@")]
    for text in resets:
        found = re.fullmatch(r"reset@(\d+(?:\.\d+)?)s?", text)
        if found is None:
            why = "it reads reset@SECONDS"
            raise UsageError(
                f"the fault {text!r} cannot be read", code="emulate.fault", why=why, do=[("write it like this:", "--fault reset@12s")]
            )
        board.reset_at(begun_ns + round(float(found[1]) * 1e9))
    faults = [parse_fault(text, from_ns=begun_ns, others=("reset",)) for text in request.faults if text not in resets]
    return Faulty(board, faults, seed=request.seed) if faults else board


def _check(request: BoardRequest) -> None:
    limits = (
        ("--inference-ms", 1000 * request.inference_s, 0.01, 600_000),
        ("--active-mw", 1000 * request.active_w, 0, 100_000),
        ("--idle-mw", 1000 * request.idle_w, 0, 100_000),
        ("--drift-ppm", request.drift_ppm, -10_000, 10_000),
        ("--baud", request.baud or 9600, 300, 4_000_000),
        ("--volts", request.voltage_v or 3.3, 0.1, 1000),
    )
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise UsageError(f"{name} {value:g} cannot be meant", code="emulate.board", why=f"it lies between {low:g} and {high:g}")
