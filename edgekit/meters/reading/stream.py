"""Share what testers have in common that stream volts and amperes with times of their own: blocks of both, dated on the host's clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.protocols import Port
from edgekit.core.quantity import Note, Origin
from edgekit.core.trace import FLAG_GAP, Trace
from edgekit.core.units import Unit
from edgekit.links.port import SerialPort
from edgekit.links.usb import UsbPort
from edgekit.meters.reading.reader import PortMeter
from edgekit.meters.reading.timeline import Timeline
from edgekit.meters.reading.wiring import Tally

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BRIDGED = 4  # so many samples may be missing in a row before nothing is drawn across
_JUMP_S = 5.0  # a meter's time that is off by more was set anew


def opened(address: str, baud: int = 0) -> Port:
    """Open bulk endpoints by "usb://VENDOR:PRODUCT[/SERIAL]"; what stands in for them, a pseudo-terminal or a socket, as a serial line."""
    return UsbPort(address) if address.startswith("usb://") else SerialPort(address)


class StreamMeter(PortMeter):
    """Date and deliver what a driver decodes. `tick_ns` is the unit of the meter's own time, `step` the ticks between two samples."""

    options_known = ("reversed",)
    tick_ns = 1e6
    step = 1
    name = ""
    gain_rel = 0.001
    most_w = 240.0

    _timeline: Timeline | None = None
    _last: tuple[int, int] = (0, 0)  # own time and arrival of the last sample
    _first = 0

    def spec(self) -> MeterSpec:
        """Return the spec of the meter that answers."""
        self.open()
        hz = 1e9 / self.tick_ns / self.step
        volts = self._channel("voltage", Measurand.VOLTAGE, "V")
        amperes = self._channel("current", Measurand.CURRENT, "A", times=volts.id)
        return MeterSpec(
            kind=self.kind,
            channels=(volts, amperes),
            accuracy=Accuracy(source=f"maker's class, taken as {self.gain_rel:.1%} of volts and of amperes, unverified"),
            nominal_hz=hz,
            effective_hz=hz,
            integrating=False,
            device_clock=True,
            max_power_w=self.most_w,
            identity=self._identity(),
        )

    def _identity(self) -> str:
        return " ".join(filter(None, (self.name, self.options.get("serial", ""))))

    def _emulated(self) -> bool:
        return bool(self.options.get("emulated"))

    def _channel(self, name: str, measurand: Measurand, unit: Unit, times: str | None = None) -> Channel:
        return Channel(
            id=f"{self.kind}.{name}",
            meter=self.kind,
            boundary=Boundary.USB_INPUT,
            measurand=measurand,
            unit=unit,
            origin=Origin.EMULATED if self._emulated() else Origin.MEASURED,
            quantum=1e-6,
            update_period_s=self.tick_ns * self.step / 1e9,
            times=times,
            gain_rel=self.gain_rel,
        )

    def _begin(self) -> None:
        """Forget the meter's time: it starts anew."""
        self._timeline, self._tally = None, Tally(self.kind)

    def _deliver(self, ticks: Sequence[int], volts: Sequence[float], amperes: Sequence[float]) -> Trace | tuple[()]:
        """Hand the volts to the sink and return the amperes; times that do not rise are dropped, and holes are said."""
        import numpy as np

        now_ns = self._clock.now_ns()
        if not len(ticks):
            return ()
        own = np.asarray(ticks, np.int64)
        anew = self._timeline is None or self._jumped(int(own[0]), now_ns)
        if anew:
            self._timeline, self._first = Timeline(self.tick_ns), int(own[0])
        before = int(own[0]) - self.step if anew else self._last[0]
        steps = np.diff(own, prepend=before)
        good = np.maximum.accumulate(own) == own
        good[1:] &= steps[1:] > 0
        good[0] = steps[0] > 0
        if not good.any():
            return ()
        own, steps = own[good], np.diff(own[good], prepend=before)
        assert self._timeline is not None
        times, bracket_ns = self._timeline.date(own - self._first, now_ns)
        lost = np.maximum(np.rint(steps / self.step).astype(np.int64) - 1, 0)
        flags = np.where(lost >= _BRIDGED, FLAG_GAP, 0).astype(np.uint8)
        if anew or self._after_gap:
            flags[0] |= FLAG_GAP
            self._after_gap = False
        if (note := self._tally.add(len(own), int(lost.sum()))) is not None:
            self._tell("note", note)
        self._last = (int(own[-1]), now_ns)
        brackets, sign = np.full(len(own), bracket_ns, np.int64), -1.0 if self.options.get("reversed") == "yes" else 1.0
        if self._sink is not None:
            self._sink(self._block("voltage", times, brackets, np.asarray(volts, np.float64)[good], flags))
        return self._block("current", times, brackets, sign * np.asarray(amperes, np.float64)[good], flags)

    def _jumped(self, tick: int, now_ns: int) -> bool:
        """Return whether the meter's time is not where it must be by now, as after a restart; say so."""
        off_s = ((tick - self._last[0]) * self.tick_ns - (now_ns - self._last[1])) / 1e9
        if abs(off_s) < _JUMP_S:
            return False
        text = f"meter {self.kind}: its own clock jumped by {off_s:.1f} s; samples are dated anew"
        self._tell("note", Note(code="meter.clock_jump", text=text, advice="see whether the meter restarted"))
        self._tell("gap", self._last[1], now_ns)
        return True

    def _block(
        self, name: str, times: NDArray[np.int64], brackets: NDArray[np.int64], values: NDArray[np.float64], flags: NDArray[np.uint8]
    ) -> Trace:
        return Trace(channel=f"{self.kind}.{name}", clock=self._clock.domain, t_ns=times, bracket_ns=brackets, value=values, flags=flags)
