"""Read Joulescope JS110, JS220 and JS320: means over short blocks, and joules that the instrument itself adds up."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.errors import HardwareError
from edgekit.core.protocols import Clock, Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, Reading
from edgekit.links.joulescope import JoulescopePort
from edgekit.links.port import PortOpener
from edgekit.meters.joulescope_lines import Block, Levels, parse, parse_levels, told
from edgekit.meters.reading.reader import PortMeter, Readings, silent
from edgekit.meters.reading.settings import number, one_of, wrong
from edgekit.meters.reading.timeline import Timeline
from edgekit.meters.reading.wiring import Tally, changes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PATH: Final = re.compile(rb"(/js\d{3}/)((?!EMUL)[^\"/]+)")
_STATISTICS: Final = "s/stats/value"
_MODELS: Final = ("js110", "js220", "js320")
_INPUTS: Final = ("gpi0", "gpi1", "gpi2", "gpi3")
_ANSWER_S: Final = 2.0
_BLOCK: Final = 65_536
_AGREE: Final = 0.02  # between the accumulated joules and the means, of all joules so far
_JUMP_S: Final = 5.0  # a time of its own that is off by more was set anew


class JoulescopeMeter(PortMeter):
    """Subscribe to the statistics and date each block by the instrument's own counter of samples (S2).

    Options: `rate_hz` is how many blocks a second (1 to 1000), `inputs` ("gpi0") which digital inputs are kept, `power` ("on", "during")
    lets current through to the board, which is left as it is unless told.
    """

    kind = "joulescope"
    bulk_ids = ((0x16D0, 0x10BA), (0x16D0, 0x0E88), (0x16D0, 0x135A))
    options_known = ("rate_hz", "inputs", "power")
    _timeline: Timeline | None = None
    _last: Block | None = None

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = JoulescopePort,
    ) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)
        self._rate_hz = round(number(self.kind, self.options, "rate_hz", 100, low=1, high=1000))
        self._power = one_of(self.kind, self.options, "power", ("", "on", "during"), "")
        self._inputs = tuple(dict.fromkeys(self.options.get("inputs", "").lower().split()))
        if set(self._inputs) - set(_INPUTS):
            raise wrong(self.kind, "inputs", f"its inputs are {', '.join(_INPUTS)}, and several are set apart by blanks")
        self._device = ""
        self._rest = b""

    @property
    def serial(self) -> str:
        """Return the serial number of the instrument that answered, empty before."""
        return self._device.rpartition("/")[2]

    @staticmethod
    def redact(data: bytes) -> bytes:
        """Return published lines with the serial number as zeros; that of an emulator is none."""
        return _PATH.sub(lambda found: found[1] + b"0" * len(found[2]), data)

    @property
    def _model(self) -> str:
        return self._device.split("/")[-2] if self._device.count("/") else ""

    def spec(self) -> MeterSpec:
        """Return the spec of the instrument that answers."""
        self.open()
        emulated = self.options.get("emulated") or self.serial.upper().startswith("EMUL")
        power = Channel(
            id=f"{self.kind}.power",
            meter=self.kind,
            boundary=Boundary.MCU_SUPPLY,
            measurand=Measurand.POWER,
            unit="W",
            origin=Origin.EMULATED if emulated else Origin.MEASURED,
            update_period_s=1 / self._rate_hz,
            averaging_s=1 / self._rate_hz,
            sampled_fraction=1.0,
        )
        blank = replace(power, update_period_s=None, averaging_s=None, sampled_fraction=None)
        return MeterSpec(
            kind=self.kind,
            channels=(
                power,
                replace(blank, id=f"{self.kind}.energy", measurand=Measurand.ENERGY_COUNTER, unit="J", quantum=2.0**-27),
                replace(power, id=f"{self.kind}.voltage", measurand=Measurand.VOLTAGE, unit="V"),
                *(replace(blank, id=f"{self.kind}.{name}", measurand=Measurand.EDGE, unit="1") for name in self._inputs),
            ),
            accuracy=Accuracy(source="maker's class of 0.25 %, unverified", gain_rel=0.0025),
            nominal_hz=float(self._rate_hz),
            effective_hz=float(self._rate_hz),
            integrating=True,
            device_clock=True,
            edge_inputs=len(_INPUTS) if self._model != "js110" else 2,
            max_power_w=45.0,
            identity=f"{self._model.upper()} {self.serial}",
        )

    def _greet(self, port: Port) -> None:
        self._rest, self._timeline, self._tally = b"", None, Tally(self.kind)
        self._last, self._last_ns = None, 0
        self._means_j, self._first_j, self._disagree = 0.0, 0.0, False
        self._levels: dict[str, int] = {}
        self._device = str(self._answer(port, "@/device"))
        if self._model not in _MODELS:
            raise HardwareError(
                f"{self._device} is no Joulescope that is known", code="meter.unknown_model", why=f"they are {', '.join(_MODELS)}"
            )
        self._let_through(port)
        for topic, value in self._set_up():
            self._tell_it(port, topic, value)
        for topic in (_STATISTICS, *(f"s/gpi/{name[3:]}/!data" for name in self._inputs)):
            port.write(_words({"subscribe": topic}))

    def _let_through(self, port: Port) -> None:
        """Let current through where told; raise HardwareError where none comes through and nobody said that it may."""
        topic = "s/i/range/select" if self._model == "js110" else "s/i/range/mode"
        if self._power:
            self._tell_it(port, topic, "auto")
            return
        port.write(_words({"query": topic}))
        if self._answer(port, topic) in (0, "off"):
            raise HardwareError(
                "the Joulescope lets no current through",
                code="meter.off",
                why="its current range is off, and edgekit switches nothing on unless told",
                do=[("let it supply the board:", "edgekit bench ARTIFACT --meter joulescope,power=on")],
            )

    def _set_up(self) -> list[tuple[str, object]]:
        if self._model == "js110":  # its statistics are made of all samples by the library
            on: list[tuple[str, object]] = [(f"s/{name}/ctrl", "on") for name in "ivp"]
            start: list[tuple[str, object]] = [("s/stats/scnt", 2_000_000 // self._rate_hz), ("s/stats/ctrl", "on")]
        else:
            on, start = [], [("s/stats/scnt", 1_000_000 // self._rate_hz), ("s/stats/ctrl", 1)]
        return [*on, *((f"s/gpi/{name[3:]}/ctrl", "on") for name in self._inputs), *start]

    def _tell_it(self, port: Port, topic: str, value: object) -> None:
        port.write(_words({"publish": topic, "value": value}))

    def _answer(self, port: Port, topic: str) -> Any:
        until_ns = self._clock.now_ns() + round(_ANSWER_S * 1e9)
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            for found in self._lines(port, left_ns / 1e9):
                if found[0] == topic:
                    return found[1]
        raise silent(self.kind, self.address, _ANSWER_S)

    def _leave(self, port: Port) -> None:
        self._tell_it(port, "s/stats/ctrl", "off" if self._model == "js110" else 0)
        for name in self._inputs:
            self._tell_it(port, f"s/gpi/{name[3:]}/ctrl", "off")
        if self._power == "during":
            self._tell_it(port, "s/i/range/select" if self._model == "js110" else "s/i/range/mode", "off")

    def _lines(self, port: Port, timeout_s: float) -> list[tuple[str, Any]]:
        data = port.read(_BLOCK, timeout_s)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [found for line in lines if (found := told(line)) is not None]

    def _read(self, port: Port) -> Readings:
        found = self._lines(port, 0.1)
        now_ns = self._clock.now_ns()
        readings = self._dated([block for topic, value in found if topic == _STATISTICS and (block := parse(value))], now_ns)
        names = {f"s/gpi/{name[3:]}/!data": name for name in self._inputs}
        for topic, value in found:
            if topic in names and (levels := parse_levels(names[topic], value)) is not None:
                readings += self._edges(levels)
        return readings

    def _dated(self, blocks: Sequence[Block], now_ns: int) -> list[Reading]:
        """Return the readings of blocks that follow one another; the last of them arrived by now."""
        import numpy as np

        readings: list[Reading] = []
        fresh = self._rising(blocks, now_ns)
        if not fresh:
            return readings
        if self._timeline is None:
            self._timeline, self._origin = Timeline(1e9 / fresh[0].rate_hz), fresh[0].start
        times, bracket_ns = self._timeline.date(np.array([block.end - self._origin for block in fresh], np.int64), now_ns)
        for block, t_ns in zip(fresh, times.tolist(), strict=True):
            lost = 0 if self._last is None else round((block.start - self._last.end) / (block.end - block.start))
            flags = FLAG_GAP if lost or self._after_gap else 0
            self._after_gap = False
            if (note := self._tally.add(1, lost)) is not None:
                self._tell("note", note)
            counted = flags | (0 if self._agrees(block, broken=bool(flags)) else FLAG_INVALID)
            at: dict[str, int] = {"t_ns": t_ns, "bracket_ns": bracket_ns}
            readings.append(Reading(channel=f"{self.kind}.power", value=block.power_w, flags=flags, **at))
            readings.append(Reading(channel=f"{self.kind}.energy", value=block.energy_j, flags=counted, **at))
            readings.append(Reading(channel=f"{self.kind}.voltage", value=block.voltage_v, flags=flags, **at))
            self._last, self._last_ns = block, now_ns
        return readings

    def _rising(self, blocks: Sequence[Block], now_ns: int) -> list[Block]:
        """Return the blocks whose times rise; where its counter began anew, only what follows that, and say so."""
        fresh: list[Block] = []
        last = self._last
        for block in blocks:
            off_s = 0.0 if last is None else (block.end - last.end) / block.rate_hz - (now_ns - self._last_ns) / 1e9
            if last is not None and abs(off_s) > _JUMP_S:
                text = f"meter {self.kind}: its own clock jumped by {off_s:.1f} s; blocks are dated anew"
                self._tell("note", Note(code="meter.clock_jump", text=text, advice="see whether the instrument restarted"))
                self._tell("gap", self._last_ns, now_ns)
                self._timeline, self._last, self._after_gap, fresh, last = None, None, True, [], None
            if last is None or block.start >= last.end:
                fresh.append(block)
                last = block
        return fresh

    def _agrees(self, block: Block, *, broken: bool) -> bool:
        """Return whether the accumulated joules are what the means add up to since the last gap; say so once where they are not."""
        if broken or self._last is None:
            self._means_j, self._first_j = 0.0, block.energy_j
            return not self._disagree
        self._means_j += block.power_w * block.seconds
        off_j = abs(block.energy_j - self._first_j - self._means_j)
        if not self._disagree and off_j > _AGREE * abs(self._means_j) + 1e-6:
            self._disagree = True
            text = f"meter {self.kind}: its joules are not what its watts add up to; they are not used"
            self._tell("note", Note(code="meter.accumulator", text=text, advice="update the instrument's firmware, and report this"))
        return not self._disagree

    def _edges(self, levels: Levels) -> list[Reading]:
        """Return the changes of an input, dated as the blocks are; none before the first block."""
        import numpy as np

        if self._timeline is None or self._last is None:
            return []
        bits: NDArray[np.uint8] = np.unpackbits(np.frombuffer(levels.bits, np.uint8), bitorder="little")
        at = changes(bits, self._levels.get(levels.name))
        self._levels[levels.name] = int(bits[-1])
        readings = []
        for place in at.tolist():
            own_s = (levels.start + place * levels.step) / levels.rate_hz
            t_ns, bracket_ns = self._timeline.place(own_s * self._last.rate_hz - self._origin)
            readings.append(
                Reading(channel=f"{self.kind}.{levels.name}", t_ns=t_ns, bracket_ns=bracket_ns, value=float(bits[place]), flags=0)
            )
        return readings


def _words(asked: Mapping[str, object]) -> bytes:
    return json.dumps(asked).encode() + b"\n"
