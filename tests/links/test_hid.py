"""HID reports through hidapi, against something with the names and habits of its module `hid`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import EdgekitError, HardwareError
from edgekit.links.hid import HidApiPort
from edgekit.meters.discover import Surroundings, discover
from edgekit.meters.fnirsi import FnirsiMeter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.fnirsi import Fnb58
from edgekit.sim.emulators.instrument import Circuit, Instrument
from edgekit.sim.load import constant
from tests.meters.scripted import Heard, pass_time

ENTRY = {"vendor_id": 0x2E3C, "product_id": 0x5558, "product_string": "FNB-58", "interface_number": 3}


class Device:
    """What hid.device() is: reads are lists of integers, a closed one raises ValueError, errors are OSError or -1."""

    def __init__(self, module: Hid) -> None:
        self._module = module
        self._path: bytes | None = None
        self._blocks = True

    def open_path(self, device_path: bytes) -> None:
        if self._module.refuses:
            raise OSError("open failed")
        self._path = device_path

    def set_nonblocking(self, v: int) -> int:
        self._blocks = not v
        return 0

    def read(self, max_length: int, timeout_ms: int = 0) -> list[int]:
        self._require()
        assert timeout_ms or not self._blocks, "this would wait for ever"
        return list(self._module.answer(max_length, timeout_ms))

    def write(self, buff: Any) -> int:
        self._require()
        return self._module.take(bytes(buff))

    def error(self) -> str:
        return "Success" if self._module.plugged else "No such device"

    def close(self) -> None:
        self._path = None

    def _require(self) -> None:
        if self._path is None:
            raise ValueError("not open")
        if not self._module.plugged:
            raise OSError("read error")


class Hid:
    """What the module is, with one instrument that lives on a scripted clock."""

    def __init__(self, instrument: Instrument, clock: ScriptedClock, serials: tuple[str, ...] = ("A1",)) -> None:
        self.instrument, self.clock, self.serials = instrument, clock, serials
        self.plugged, self.refuses = True, False
        self._waiting = b""

    def enumerate(self, vendor_id: int = 0, product_id: int = 0) -> list[dict[str, Any]]:
        assert (vendor_id, product_id) in {(0x2E3C, 0x5558), (0, 0)}
        return [{**ENTRY, "path": serial.encode(), "serial_number": serial} for serial in self.serials if self.plugged]

    def device(self) -> Device:
        return Device(self)

    def take(self, data: bytes) -> int:
        assert len(data) == 65, "the number of the report, then 64 bytes"
        self._waiting += self.instrument.hear(data, self.clock.now_ns())
        return len(data)

    def answer(self, most: int, timeout_ms: int) -> bytes:
        until_ns = self.clock.now_ns() + timeout_ms * 1_000_000
        while True:
            self._waiting = self._waiting or self.instrument.say(self.clock.now_ns())
            if self._waiting or self.clock.now_ns() >= until_ns:
                report, self._waiting = self._waiting[:most], self._waiting[most:]
                return report
            due_ns = self.instrument.next_ns()
            self.clock.advance(max(1, min(until_ns, due_ns or until_ns) - self.clock.now_ns()))


def emulated(**given: Any) -> Hid:
    return Hid(Fnb58(Circuit(power=constant(6.0), voltage_v=5.0)), ScriptedClock(), **given)


def test_a_tester_is_read_through_it() -> None:
    hid, heard = emulated(), Heard()
    meter = FnirsiMeter("hid://2e3c:5558", clock=hid.clock, open_port=lambda address, baud: HidApiPort(address, hid=hid))
    meter.start(heard.sink, heard)
    pass_time(hid.clock, seconds=3.0, step_s=0.02)
    meter.stop()
    meter.stop()
    amperes = heard.trace("fnb58.current")
    assert heard.codes == []
    assert set(amperes.value.tolist()) == {1.2}
    assert len(amperes) == pytest.approx(300, abs=8)


def test_one_of_several_is_named_by_its_serial_number() -> None:
    hid = emulated(serials=("A1", "B2"))
    assert HidApiPort("hid://2e3c:5558/B2", hid=hid).name.endswith("B2")
    with pytest.raises(HardwareError) as absent:
        HidApiPort("hid://2e3c:5558/C3", hid=hid)
    assert absent.value.code == "port.absent"


def test_what_cannot_be_opened_is_said() -> None:
    hid = emulated()
    hid.refuses = True
    for address, code in (("hid://2e3c:5558", "port.failed"), ("hid://nothing", "port.hid_address")):
        with pytest.raises(EdgekitError) as refused:
            HidApiPort(address, hid=hid)
        assert refused.value.code == code


def test_a_tester_that_is_pulled_out_or_closed_is_gone() -> None:
    hid = emulated()
    port = HidApiPort("hid://2e3c:5558", hid=hid)
    assert port.read(64, 0.0) == b""
    port.close()
    for use in (lambda: port.read(64, 0.1), lambda: port.write(bytes(64))):
        with pytest.raises(HardwareError) as gone:
            use()
        assert gone.value.code == "port.gone"
    port = HidApiPort("hid://2e3c:5558", hid=hid)
    hid.take = lambda data: -1  # type: ignore[method-assign]  # as hidapi tells a failed transfer
    with pytest.raises(HardwareError) as gone:
        port.write(bytes(64))
    assert gone.value.code == "port.gone"


def test_interfaces_that_hidapi_lists_are_found(tmp_path: Path) -> None:
    nowhere = {name: tmp_path / name for name in ("sys", "proc", "dev")}
    hid = emulated(serials=("A1", ""))
    found = discover({"fnb58": FnirsiMeter}, Surroundings(**nowhere, ports=lambda: (), hids=lambda: hid.enumerate(0, 0)))
    assert [(item.address, item.serial, item.why) for item in found] == [("hid://2e3c:5558/A1", "A1", ""), ("hid://2e3c:5558", "", "")]


def test_the_stand_in_has_the_names_of_the_module() -> None:
    hid = pytest.importorskip("hid", reason="hidapi is not installed")
    for name in ("open_path", "set_nonblocking", "read", "write", "error", "close"):
        assert hasattr(hid.device, name)
    with pytest.raises(ValueError, match="not open"):
        hid.device().read(64, 1)
    with pytest.raises(OSError, match="open failed"):
        hid.device().open_path(b"/dev/no-such-interface")
    assert list(inspect.signature(Hid.enumerate).parameters)[1:] == ["vendor_id", "product_id"]
