"""VISA names: messages against something with the names and habits of pyvisa, and pyvisa-py itself on a socket."""

from __future__ import annotations

import time
from typing import Any

import pytest

from edgekit.core.errors import HardwareError, UsageError
from edgekit.links.tcp import served_at_port
from edgekit.links.visa import VisaPort
from edgekit.meters.scpi import ScpiMeter
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.scpi import RigolDp800, SiglentSpd
from edgekit.sim.load import constant
from tests.meters.scripted import Heard

NAME = "USB0::0x1AB1::0x0E11::DP8A::INSTR"
STEADY = Circuit(power=constant(6.0), voltage_v=5.0)


class IoError(Exception):
    """What pyvisa.errors.VisaIOError is: no OSError, with an abbreviation."""

    def __init__(self, abbreviation: str) -> None:
        super().__init__(f"{abbreviation} (-1): described")
        self.abbreviation = abbreviation


class Resource:
    """What open_resource returns for a message-based instrument."""

    def __init__(self) -> None:
        self.answers: list[bytes | Exception] = []
        self.written: list[bytes] = []
        self.cleared = self.closed = 0
        self.timeout = 0
        self.read_termination = ""

    def read_raw(self, size: int | None = None) -> bytes:
        assert self.read_termination == "\n"
        assert self.timeout > 0
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def write_raw(self, message: bytes) -> int:
        self.written.append(message)
        return len(message)

    def clear(self) -> None:
        self.cleared += 1

    def close(self) -> None:
        self.closed += 1


class Manager:
    def __init__(self, found: Resource | Exception) -> None:
        self.found = found

    def open_resource(self, resource_name: str, *, open_timeout: int = 0) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_an_answer_is_fetched_only_where_a_question_was_sent() -> None:
    resource = Resource()
    port = VisaPort(NAME, manager=Manager(resource))
    assert port.read(99, 1.0) == b"", "and the instrument was left in peace"
    resource.answers = [b"5.0"]  # a message of USBTMC ends without a mark
    port.write(b"MEAS:VOLT?\n")
    assert (port.read(99, 0.0), port.read(2, 1.0), port.read(99, 1.0), port.read(99, 1.0)) == (b"", b"5.", b"0\n", b"")


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next() -> None:
    resource = Resource()
    resource.answers = [IoError("VI_ERROR_TMO"), b"1.2\n"]
    port = VisaPort(NAME, manager=Manager(resource))
    port.write(b"MEAS:VOLT?\n")
    assert (port.read(99, 0.5), resource.cleared, resource.timeout) == (b"", 1, 500)
    port.write(b"MEAS:CURR?\n")
    assert port.read(99, 0.5) == b"1.2\n"


@pytest.mark.parametrize(
    ("abbreviation", "code"),
    [
        ("VI_ERROR_RSRC_NFOUND", "port.absent"),
        ("VI_ERROR_RSRC_BUSY", "port.busy"),
        ("VI_ERROR_NPERMISSION", "port.permission"),
        ("VI_ERROR_LIBRARY_NFOUND", "port.failed"),
    ],
)
def test_what_cannot_be_opened_is_said(abbreviation: str, code: str) -> None:
    with pytest.raises(HardwareError) as refused:
        VisaPort(NAME, manager=Manager(IoError(abbreviation)))
    assert refused.value.code == code


def test_a_connection_that_is_lost_is_said() -> None:
    resource = Resource()
    resource.answers = [IoError("VI_ERROR_CONN_LOST")]
    port = VisaPort(NAME, manager=Manager(resource))
    port.write(b"*IDN?\n")
    with pytest.raises(HardwareError) as gone:
        port.read(99, 0.5)
    assert gone.value.code == "port.gone"
    port.close()


@pytest.mark.parametrize(
    ("address", "options", "opened"),
    [(NAME, {}, NAME), ("", {"resource": NAME}, NAME), ("TCPIP::bench::5025::SOCKET", {}, "TCPIP::bench::5025::SOCKET")],
)
def test_a_visa_name_is_taken_as_it_is(address: str, options: dict[str, str], opened: str) -> None:
    assert ScpiMeter(address, options).address == opened


def test_a_name_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError):
        ScpiMeter("FOO::bench::INSTR")


@pytest.mark.parametrize("emulator", [SiglentSpd, RigolDp800])
def test_an_instrument_is_read_through_pyvisa_on_a_socket(emulator: type[SiglentSpd]) -> None:
    pytest.importorskip("pyvisa_py", reason="pyvisa-py is not installed")
    heard = Heard()
    with served_at_port(emulator(STEADY)) as (host, port):
        meter = ScpiMeter(f"TCPIP::{host}::{port}::SOCKET")
        assert "EMULATED" in meter.spec().identity
        meter.start(heard.sink, heard)
        until = time.monotonic() + 20
        while len(heard.readings) < 6 and not heard.errors and time.monotonic() < until:
            time.sleep(0.02)
        meter.stop()
    assert not heard.errors
    found = {name: set(heard.trace(f"scpi.{name}", clock="host").value) for name in ("voltage", "current", "power")}
    assert found in ({"voltage": {5.0}, "current": {1.2}, "power": set()}, {"voltage": set(), "current": set(), "power": {6.0}})
