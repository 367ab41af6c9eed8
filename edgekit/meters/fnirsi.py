"""Read FNIRSI FNB48, FNB48S, FNB58 and C1 through HID reports of 64 bytes. Layout: shared by two public programs.

AA 04 | 4 x { V u32 x 1e-5, A u32 x 1e-5, D+ u16, D- u16, 1, temperature u16 x 0.1 } | - | crc8      little endian, every 40 ms
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.protocols import Clock, Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.sync import Delay
from edgekit.core.trace import FLAG_GAP, Reading
from edgekit.core.units import Unit
from edgekit.links.hid import HidApiPort
from edgekit.links.port import HidPort, PortOpener
from edgekit.meters.reading.reader import PortMeter, Readings, silent

REPORT_BYTES: Final = 64
_SAMPLE: Final = struct.Struct("<IIHHBH")
_SPACING_NS: Final = 10_000_000
_BRACKET_NS: Final = 5_000_000  # half of what lies between two samples
_DELAY: Final = Delay(seconds=0.02, half_s=0.02, source="0 to 40 ms of HID and the meter's buffer")
_QUIET_NS: Final = 500_000_000
_SETTLE_NS: Final = 1_000_000_000  # its first reports may be anything
_ANSWER_S: Final = 3.0
_BUNCH: Final = 64 * REPORT_BYTES
_MOST_W: Final = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Hold one sample: volts, amperes without a sign, volts of both data lines, degrees Celsius."""

    voltage_v: float
    current_a: float
    dp_v: float
    dn_v: float
    temperature_c: float


def _crc_table() -> bytes:
    table = list(range(256))
    for _ in range(8):
        table = [(value << 1 ^ 0x39) & 0xFF if value & 0x80 else value << 1 for value in table]
    return bytes(table)


_CRC: Final = _crc_table()


def crc8(data: bytes) -> int:
    """Return the check byte of a report's bytes 1 to 62: polynomial 0x39, beginning with 0x42."""
    value = 0x42
    for byte in data:
        value = _CRC[value ^ byte]
    return value


def command(code: int) -> bytes:
    """Return the report that gives a command."""
    body = bytes((code,)).ljust(REPORT_BYTES - 2, b"\0")
    return b"\xaa" + body + bytes((crc8(body),))


def parse(report: bytes) -> tuple[Sample, ...] | None:
    """Return the four samples of a report, none for one that holds other data, None for what is no report."""
    if len(report) != REPORT_BYTES or report[0] != 0xAA or report[63] != crc8(report[1:63]):
        return None
    if report[1] != 0x04:
        return ()
    samples = []
    for place in range(2, 62, _SAMPLE.size):
        volts, amperes, dp, dn, _, tenths = _SAMPLE.unpack_from(report, place)
        samples.append(
            Sample(voltage_v=volts / 1e5, current_a=amperes / 1e5, dp_v=dp / 1e3, dn_v=dn / 1e3, temperature_c=tenths / 10),
        )
    return tuple(samples)


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return (whole reports, what is left), where reports come as a stream; bytes that begin none are dropped."""
    reports = []
    place = 0
    while len(data) - place >= REPORT_BYTES:
        report = data[place : place + REPORT_BYTES]
        if parse(report) is None:
            found = data.find(b"\xaa", place + 1)
            place = found if found >= 0 else len(data)
        else:
            reports.append(report)
            place += REPORT_BYTES
    return reports, data[place:]


def opened(address: str, baud: int = 0) -> Port:
    """Open a HID interface, which has no baud rate: hidraw's node on Linux, "hid://VENDOR:PRODUCT" through hidapi elsewhere."""
    return HidApiPort(address) if address.startswith("hid://") else HidPort(address)


class FnirsiMeter(PortMeter):
    """Start the stream, keep it alive, and start it again when it stops; volts and amperes form the power.

    A sample is dated back from the arrival of its report. Three of the four samples look interpolated: some 25 a second tell something new.
    """

    kind = "fnb58"
    model = "FNB58"
    hid_ids: tuple[tuple[int, int], ...] = ((0x2E3C, 0x5558),)
    starts: tuple[int, ...] = (0x81, 0x82, 0x82)
    alive_ns = 1_000_000_000
    smoothing_s = 0.5  # the largest that was seen, on a C1; nobody measured this model's

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = opened,
    ) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)
        self._rest = b""
        self._kept_ns = self._armed_ns = self._report_ns = self._last_ns = 0

    def spec(self) -> MeterSpec:
        """Return the spec of the model."""
        self.open()

        def channel(name: str, measurand: Measurand, unit: Unit, gain_rel: float, times: str | None = None) -> Channel:
            return Channel(
                id=f"{self.kind}.{name}",
                meter=self.kind,
                boundary=Boundary.USB_INPUT,
                measurand=measurand,
                unit=unit,
                origin=Origin.EMULATED if self.options.get("emulated") else Origin.MEASURED,
                quantum=1e-5,
                update_period_s=0.04,
                averaging_s=self.smoothing_s,
                times=times,
                gain_rel=gain_rel,
            )

        volts = channel("voltage", Measurand.VOLTAGE, "V", 0.001)
        amperes = channel("current", Measurand.CURRENT, "A", 0.001, times=volts.id)
        return MeterSpec(
            kind=self.kind,
            channels=(volts, amperes),
            accuracy=Accuracy(source="maker's statement of about 0.03 % of volts and 0.05 % of amperes, taken as 0.1 %, unverified"),
            nominal_hz=100.0,
            effective_hz=25.0,
            smoothing_s=self.smoothing_s,
            integrating=False,
            max_power_w=_MOST_W,
            delay=_DELAY,
            identity=" ".join(filter(None, (self.model, self.options.get("serial", "")))),
        )

    def _greet(self, port: Port) -> None:
        self._rest, begun_ns, heard = b"", self._clock.now_ns(), False
        self._arm(port)
        while (now_ns := self._clock.now_ns()) - begun_ns < (_SETTLE_NS if heard else _ANSWER_S * 1e9):
            heard |= bool(self._samples(port, 0.1))
            if not heard and now_ns - self._armed_ns > _QUIET_NS:
                self._arm(port)
        if not heard:
            raise silent(self.kind, self.address, _ANSWER_S)
        self._report_ns = 0

    def _leave(self, port: Port) -> None:
        """Nothing is known that ends the stream: it ends when nobody keeps it alive."""

    def _arm(self, port: Port) -> None:
        for code in self.starts:
            port.write(command(code))
        self._armed_ns = self._kept_ns = self._clock.now_ns()

    def _read(self, port: Port) -> Readings:
        if not self._report_ns:  # what waited since the greeting has lost its time
            while port.read(_BUNCH, 0.0):
                pass
            self._rest, self._report_ns = b"", self._clock.now_ns()
            self._arm(port)
            return ()
        samples = self._samples(port, 0.1)
        now_ns = self._clock.now_ns()
        if not samples:
            if now_ns - max(self._report_ns, self._armed_ns) > _QUIET_NS:
                self._arm(port)
            return ()
        lost = now_ns - self._report_ns > _QUIET_NS
        if lost:
            self._tell("gap", self._report_ns, now_ns)
            text = f"meter {self.kind} stopped sending for {(now_ns - self._report_ns) / 1e9:.1f} s and was started again"
            self._tell("note", Note(code="meter.rearmed", text=text))
        self._report_ns = now_ns
        flags, self._after_gap = FLAG_GAP if lost or self._after_gap else 0, False
        return self._dated(samples, now_ns, flags)

    def _samples(self, port: Port, timeout_s: float) -> Sequence[Sample]:
        """Wait for a report, keeping the stream alive meanwhile; return the samples of all that are there."""
        until_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while (now_ns := self._clock.now_ns()) < until_ns:
            if now_ns - self._kept_ns >= self.alive_ns:
                port.write(command(0x83))
                self._kept_ns = now_ns
            wait_ns = min(until_ns, self._kept_ns + self.alive_ns) - now_ns
            data = port.read(REPORT_BYTES, wait_ns / 1e9)
            while data and len(data) < _BUNCH and (more := port.read(REPORT_BYTES, 0.0)):  # what waited while the host was busy
                data += more
            reports, self._rest = split(self._rest + data)
            if samples := [sample for report in reports for sample in parse(report) or ()]:
                return samples
        return ()

    def _dated(self, samples: Sequence[Sample], now_ns: int, flags: int) -> Readings:
        """Return readings 10 ms apart, the last of them now, and none before the one that was last: reports may arrive in a bunch."""
        readings = []
        for place, sample in enumerate(samples):
            t_ns = max(now_ns - (len(samples) - 1 - place) * _SPACING_NS, self._last_ns + 1)
            at: dict[str, int] = {"t_ns": t_ns, "bracket_ns": _BRACKET_NS, "flags": flags if place == 0 else 0}
            readings.append(Reading(channel=f"{self.kind}.voltage", value=sample.voltage_v, **at))
            readings.append(Reading(channel=f"{self.kind}.current", value=sample.current_a, **at))
            self._last_ns = t_ns
        return readings


class Fnb48sMeter(FnirsiMeter):
    """Read an FNB48S."""

    kind = "fnb48s"
    model = "FNB48S"
    hid_ids = ((0x2E3C, 0x0049),)
    smoothing_s = 0.12


class Fnb48Meter(FnirsiMeter):
    """Read an FNB48, which wants another start and to be kept alive all the time."""

    kind = "fnb48"
    model = "FNB48"
    hid_ids = ((0x0483, 0x003A),)
    starts = (0x81, 0x82, 0x83)
    alive_ns = 3_000_000


class C1Meter(Fnb48Meter):
    """Read a C1."""

    kind = "fnirsi-c1"
    model = "C1"
    hid_ids = ((0x0483, 0x003B),)
