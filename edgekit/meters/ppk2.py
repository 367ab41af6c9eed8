"""Read a Nordic PPK2: current at a set or told voltage, 100 000 samples a second, logic inputs in the same stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.protocols import Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.trace import FLAG_GAP, FLAG_OVER, Trace
from edgekit.meters.ppk2_words import ADC_TOP, UNCALIBRATED, Framer, Metadata, Spikes, Words, amperes_by_code, parse_metadata, smoothed
from edgekit.meters.reading.reader import PortMeter, Readings, silent
from edgekit.meters.reading.timeline import Timeline
from edgekit.meters.reading.wiring import Tally, changes, volts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

START, STOP, POWER, VOLTAGE, MODE, FILTER, NO_FILTER, TELL = 0x06, 0x07, 0x0C, 0x0D, 0x11, 0x15, 0x16, 0x19
RATE_HZ: Final = 100_000
_MODES = {"ampere": b"\x01", "source": b"\x02"}
_TELL_S = 2.0
_PINNED = 4 << 14 | ADC_TOP  # the highest range, and nothing above
_MOST_A = 1.0
_BLOCK, _FEW, _MOST = 65_536, 4_000, 1_048_576  # bytes
_WAIT_S, _REST_S = 0.05, 0.01


class Ppk2Meter(PortMeter):
    """Stream amperes, which the channel's scale turns into watts, and the changes of the logic inputs.

    Options: `voltage` ("3.3 V") is what the instrument is to supply, or, in ampere mode, what the user says is there; `mode` ("ampere",
    "source") is left as it is unless told; so is the power of what it supplies (`power` = "on", or "during": off again at the end).
    `inputs` ("d0", "d0 d3"), `spike_filter` ("on"), and `uncalibrated` ("accept") for a unit that states no calibration.
    """

    kind = "ppk2"
    baud = 115_200
    usb_ids = ((0x1915, 0xC00A),)
    usb_port = 0
    options_known = ("voltage", "mode", "power", "inputs", "spike_filter", "uncalibrated")
    _voltage_v = 0.0

    @property
    def voltage_v(self) -> float:
        """Return the volts at which it measures amperes, 0 before it was opened."""
        return self._voltage_v

    def spec(self) -> MeterSpec:
        """Return the spec; the instrument is opened and asked first."""
        self.open()
        origin = Origin.EMULATED if self.options.get("emulated") or "EDGEKIT" in self._metadata.lines else Origin.MEASURED
        power = Channel(
            id=f"{self.kind}.power",
            meter=self.kind,
            boundary=Boundary.MCU_SUPPLY,
            measurand=Measurand.POWER,
            unit="W",
            origin=origin,
            scale=self._voltage_v,
            update_period_s=1 / RATE_HZ,
            sampled_fraction=1.0,
        )
        edges = tuple(
            Channel(
                id=f"{self.kind}.d{line}",
                meter=self.kind,
                boundary=Boundary.MCU_SUPPLY,
                measurand=Measurand.EDGE,
                unit="1",
                origin=origin,
            )
            for line in self._lines
        )
        uncalibrated = f", without calibration ({', '.join(self._metadata.missing[:4])} ...)" if self._metadata.missing else ""
        return MeterSpec(
            kind=self.kind,
            channels=(power, *edges),
            # +-10 % is a limit; as a rectangular distribution its standard uncertainty is a root of three smaller (JCGM 100, 4.3.7)
            accuracy=Accuracy(source=f"Nordic's typical 10 %, as a limit{uncalibrated}", gain_rel=None if uncalibrated else 0.1 / 3**0.5),
            nominal_hz=float(RATE_HZ),
            integrating=False,
            device_clock=True,
            edge_inputs=8,
            max_power_w=5.0,
            detail=f"hardware {self._metadata.lines.get('HW', '?')}, {self._mode} mode at {self._voltage_v:g} V{uncalibrated}",
            identity=self.options.get("serial", ""),
        )

    def _greet(self, port: Port) -> None:
        self._lines = _lines(self.options.get("inputs", "d0"))
        port.write(bytes([STOP]))
        while port.read(65_536, 0.02):  # a stream that an earlier program left on
            pass
        self._metadata = self._ask(port)
        if self._metadata.missing and self.options.get("uncalibrated") != "accept":
            raise _uncalibrated(self._metadata.missing)
        self._mode, self._voltage_v = self._set_up(port)
        self._amperes = amperes_by_code({**UNCALIBRATED, **self._metadata.factors}, self._voltage_v)
        self._framer, self._timeline, self._tally = Framer(), Timeline(1e9 / RATE_HZ), Tally(self.kind)
        self._spikes = Spikes() if self.options.get("spike_filter") == "on" else None
        self._number, self._levels, self._was_over = 0, -1, False
        port.write(bytes([FILTER if self._spikes else NO_FILTER, START]))

    def _set_up(self, port: Port) -> tuple[str, float]:
        """Set what the user told; return (mode, volts); raise UsageError where nobody says the voltage."""
        lines = self._metadata.lines
        mode = self.options.get("mode") or {"1": "ampere", "2": "source"}.get(lines.get("mode", ""), "ampere")
        if mode not in _MODES:
            raise UsageError(f"a PPK2 has no mode {mode!r}", code="meter.options", why=f"its modes are {' and '.join(_MODES)}")
        stated = lines.get("VDD", "") if mode == "source" else ""
        voltage_v = volts(self.options.get("voltage"), stated_mv=stated, kind=self.kind, low_v=0.8, high_v=5.0)
        if "mode" in self.options:
            port.write(bytes([MODE]) + _MODES[mode])
        if mode == "source" and "voltage" in self.options:
            port.write(bytes([VOLTAGE]) + round(voltage_v * 1000).to_bytes(2, "big"))
        if self.options.get("power") in ("on", "during"):
            port.write(bytes([POWER, 1]))
        return mode, voltage_v

    def _ask(self, port: Port) -> Metadata:
        """Return the metadata, however many pieces it comes in."""
        port.write(bytes([TELL]))
        text, until_ns = b"", self._clock.now_ns() + round(_TELL_S * 1e9)
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            text += port.read(4096, left_ns / 1e9)
            if (found := parse_metadata(text)) is not None:
                return found
        if text:
            raise _uncalibrated(("END",))
        raise silent(self.kind, self.address, _TELL_S)

    def _read(self, port: Port) -> Readings:
        import numpy as np

        data = port.read(_BLOCK, _WAIT_S)
        if 0 < len(data) < _FEW:  # small blocks cost as much as large ones
            self._clock.sleep(_REST_S)
        while data and (more := port.read(_BLOCK, 0.0)):
            data += more
            if len(data) > _MOST:
                break
        arrival_ns = self._clock.now_ns()
        found = self._framer.feed(data)
        if not len(found):
            return ()
        lost = found.lost.copy()
        lost[0] += self._timeline.missing(self._number)
        numbers = self._number + np.arange(len(found)) + np.cumsum(lost)
        self._number = int(numbers[-1]) + 1
        if self._timeline.settles(self._number, arrival_ns):
            return ()
        times, bracket_ns = self._timeline.date(numbers, arrival_ns)
        self._tell_edges(found, times, bracket_ns)
        flags = np.where(lost > 0, np.uint8(FLAG_GAP), np.uint8(0))
        flags[0] |= FLAG_GAP if self._after_gap else 0
        self._after_gap = False
        values = self._values(found)
        over = (values > _MOST_A) | ((found.words & 0x1FFFF) == _PINNED)
        flags[over] |= FLAG_OVER
        self._tell_faults(found, int(lost.sum()), bool(over.any()))
        return self._block("power", times, bracket_ns, values, flags)

    def _values(self, found: Words) -> NDArray[np.float64]:
        import numpy as np

        values = self._amperes[found.words & 0x1FFFF]
        return values if self._spikes is None else smoothed(values, (found.words >> 14 & 7).astype(np.uint32), self._spikes)

    def _tell_edges(self, found: Words, times: NDArray[np.int64], bracket_ns: int) -> None:
        """Deliver the changes of each input, the first level as one."""
        import numpy as np

        logic = (found.words >> 24).astype(np.uint8)
        before, self._levels = self._levels, int(logic[-1])
        if before == self._levels and not (logic != logic[0]).any():
            return
        for line in self._lines:
            levels = (logic >> line & 1).astype(np.uint8)
            at = changes(levels, None if before < 0 else before >> line & 1)
            if len(at) and self._sink is not None:
                self._sink(self._block(f"d{line}", times[at], bracket_ns, levels[at].astype(np.float64), np.zeros(len(at), np.uint8)))

    def _tell_faults(self, found: Words, lost: int, over: bool) -> None:
        if found.skipped and self._tally.samples:
            text = f"meter ppk2: {found.skipped} bytes were out of step with its words; it was found again"
            self._tell("note", Note(code="meter.misaligned", text=text, advice="use a port of the computer itself, not a hub"))
        if over and not self._was_over:
            text = "meter ppk2: the current was above 1 A, the end of its range; windows that hold such samples have no energy"
            self._tell("note", Note(code="meter.over_range", text=text, advice="use a meter with a wider range"))
        self._was_over = over
        if (note := self._tally.add(len(found), lost)) is not None:
            self._tell("note", note)

    def _block(self, name: str, times: NDArray[np.int64], bracket_ns: int, values: NDArray[np.float64], flags: NDArray[np.uint8]) -> Trace:
        import numpy as np

        brackets = np.full(len(times), bracket_ns, np.int64)
        return Trace(channel=f"{self.kind}.{name}", clock=self._clock.domain, t_ns=times, bracket_ns=brackets, value=values, flags=flags)

    def _leave(self, port: Port) -> None:
        port.write(bytes([STOP]))
        if self.options.get("power") == "during":
            port.write(bytes([POWER, 0]))


def _lines(text: str) -> tuple[int, ...]:
    """Return the numbers of logic inputs in "d0 d3"; raise UsageError for others."""
    words = text.lower().replace(",", " ").split()
    if any(word not in {f"d{line}" for line in range(8)} for word in words):
        raise UsageError(f"a PPK2 has no inputs {text!r}", code="meter.options", why="its inputs are d0 to d7")
    return tuple(dict.fromkeys(int(word[1]) for word in words))


def _uncalibrated(missing: tuple[str, ...]) -> HardwareError:
    return HardwareError(
        "the PPK2 states no usable calibration",
        code="meter.uncalibrated",
        why=f"its metadata lacks {', '.join(missing[:6])}{' and more' if len(missing) > 6 else ''}; nominal values measure wrong",
        do=[
            ("plug it in again and repeat:", "edgekit meters"),
            ("or take nominal values, which the result then says:", "edgekit bench ARTIFACT --meter ppk2:PORT,uncalibrated=accept"),
        ],
    )
