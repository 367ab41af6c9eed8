"""Run what is flashed on a microcontroller board that speaks the serial protocol of MLPerf Tiny's reference firmware."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.hardware import REHEARSAL, DeviceSpec
from edgekit.core.protocols import Clock, Port
from edgekit.devices.board_clock import Identity
from edgekit.devices.board_inputs import OpenHostModel
from edgekit.devices.board_line import BoardLine
from edgekit.devices.board_session import BoardSession
from edgekit.devices.host_model import host_model
from edgekit.devices.tiny_protocol import BAUDS, Said
from edgekit.links.clock import HostClock
from edgekit.links.port import PortOpener, SerialPort

PROTOCOL: Final = "mlperf-tiny"
_INPUTS = 5  # the benchmark's own number
_FIRST_S = 2.5  # opening the line resets some boards, whose boot loader waits first
_OPTIONS = ("protocol", "baud", "inputs", REHEARSAL)
_PROBES: Final = (0x0483, 0x1366, 0x0D28, 0x2341, 0x2A03, 0x1FC9, 0x045B)  # ST-LINK, J-Link, DAPLink, Arduino, Arduino, NXP, Renesas
_NOT_BOARDS: Final = ((0x0483, 0x5740),)  # an LPM01A
_LOOK: Final = (
    ("see which ports there are:", "python -m serial.tools.list_ports -v"),
    ("say where it is:", "edgekit bench ARTIFACT --device board:/dev/ttyACM0"),
    ("or rehearse without one:", "edgekit devices emulate board --model ARTIFACT"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPlace:
    """Hold one serial port of this host: where it is, and the USB vendor and product behind it."""

    address: str
    vendor: int | None
    product: int | None
    text: str


class BoardDevice:
    """Reach one board. Options: `protocol` ("mlperf-tiny"), `baud` (found by asking), `inputs` (different ones that are fed, 5).

    The address is a serial port or "socket://HOST:PORT"; without one the only board that is connected is taken.
    """

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = SerialPort,
        open_model: OpenHostModel = host_model,
        ports: Callable[[], Iterable[SerialPlace]] | None = None,
    ) -> None:
        self.spec = spec
        self.clock = clock or HostClock()
        self._open_port = open_port
        self._open_model = open_model
        self._ports = ports or _serial_places
        _check_options(spec)

    @contextlib.contextmanager
    def connect(self) -> Iterator[BoardSession]:
        """Open the line and find the board's speed; leaving the context closes it. Raise HardwareError where no board answers."""
        address = _place(self.spec) or _only(self._ports())
        port, baud = self._answering(address)
        with contextlib.closing(port):
            line = BoardLine(port, self.clock, name=self.spec.name)
            identity = _identity(line, baud)
            if os.path.realpath(address).startswith("/dev/pts/") or "EMULATED" in identity.name:
                self.spec = replace(self.spec, options={**self.spec.options, REHEARSAL: "an emulated board"})
            yield BoardSession(
                self.spec,
                line,
                identity,
                clock=self.clock,
                open_model=self._open_model,
                most_inputs=int(self.spec.options.get("inputs", _INPUTS)),
            )

    def _answering(self, address: str) -> tuple[Port, int]:
        """Return the open port at the speed at which the board answers its name, and that speed."""
        stated = self.spec.options.get("baud")
        speeds = (int(stated),) if stated else BAUDS[:1] if "://" in address else BAUDS
        refusals: list[EdgekitError] = []
        for baud in speeds:
            port = self._opened(address, baud)
            try:
                _greet(BoardLine(port, self.clock, name=self.spec.name))
            except EdgekitError as error:
                port.close()
                if error.code not in ("board.silent", "board.garbage"):
                    raise
                refusals.append(error)
            except BaseException:
                port.close()
                raise
            else:
                return port, baud
        told = next((error for error in refusals if error.code == "board.garbage"), refusals[0])
        if len(speeds) > 1:
            told.why = f"{told.why}; asked at {', '.join(map(str, speeds))} baud"
        raise told

    def _opened(self, address: str, baud: int) -> Port:
        try:
            return self._open_port(address, baud)
        except HardwareError as error:
            if error.code == "port.absent":
                error.why, error.do = "no board is connected there", _LOOK
            raise


def _greet(line: BoardLine) -> None:
    """Make a board that was in the middle of anything ready: what an earlier program left of a command spoils the first one."""
    line.settle()
    try:
        line.ask("name%", timeout_s=_FIRST_S)
    except HardwareError as error:
        if error.code not in ("board.refused", "board.reset"):
            raise
        line.settle()
        line.ask("name%")


def _identity(line: BoardLine, baud: int) -> Identity:
    name, about = line.ask("name%").one(Said.NAME), line.ask("profile%")
    return Identity(
        name=name.value,
        profile=about.one(Said.PROFILE).value,
        model=about.one(Said.MODEL).value,
        energy=not line.ask("timestamp%").all(Said.LAP),
        baud=baud,
    )


def _check_options(spec: DeviceSpec) -> None:
    options = spec.options
    wrong = [f"no option is called {name!r}" for name in options if name not in _OPTIONS]
    if options.get("protocol", PROTOCOL) != PROTOCOL:
        wrong.append(f"the protocol {options['protocol']!r} is not known; {PROTOCOL} is")
    for name, most in (("baud", 4_000_000), ("inputs", 256)):
        text = options.get(name, "1")
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
            wrong.append(f"{name} is {text!r}; it is a whole number from 1 to {most}")
    if wrong:
        raise UsageError(
            f"board {spec.name} cannot have such options" if spec.name != "board" else "a board cannot have such options",
            code="board.options",
            why="; ".join(wrong),
            do=[("write them like this:", "edgekit devices add nucleo board:/dev/ttyACM0 -o baud=115200 -o inputs=5")],
        )


def _place(spec: DeviceSpec) -> str:
    return (spec.address or "").removeprefix("board:")


def _only(ports: Iterable[SerialPlace]) -> str:
    """Return the port of the only board that is connected, by the debug probe it carries; nothing is written to any other."""
    found = [one for one in ports if one.vendor in _PROBES and (one.vendor, one.product) not in _NOT_BOARDS]
    if len(found) == 1:
        return found[0].address
    if found:
        raise UsageError(
            f"{len(found)} ports may be that of the board",
            code="board.several",
            why=", ".join(f"{one.text} at {one.address}" for one in found),
            do=[("name one:", f"edgekit bench ARTIFACT --device board:{one.address}") for one in found],
        )
    raise HardwareError(
        "no board was found on this machine",
        code="board.absent",
        why="no serial port belongs to a debug probe that is known",
        do=_LOOK,
    )


def _serial_places() -> Iterator[SerialPlace]:
    from serial.tools.list_ports import comports

    for port in comports():
        yield SerialPlace(address=port.device, vendor=port.vid, product=port.pid, text=port.product or port.description or "a port")
