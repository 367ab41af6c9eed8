"""Stand in for Joulescope's own library with one emulated instrument: what is published when, with the library's topics and fields.

Names and behaviour are those of pyjoulescope_driver.Driver. Nothing runs of its own accord: `pass_until` says how late it is, and callbacks
are called within. `edgekit.links.joulescope` takes this in the place of the library.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgekit.sim.curve import Load
from edgekit.sim.emulators.instrument import Circuit, OwnClock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COUNTS_HZ = 2_000_000  # of the counter that dates everything
_INPUT_STEP = 2  # of it from one level of an input to the next
_INPUT_NS = 20_000_000  # levels that travel together
_LSB_J, _LSB_C = 2.0**-27, 2.0**-31

Heard = Callable[[str, Any], object]


class JoulescopeLibrary:
    """Answer as the library does with one instrument plugged in; a block arrives up to `late_s` after its end.

    `gain` is what it measures of the truth, `marks` the level of input 0 over time. `powered` is whether current comes through at first.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: OwnClock | None = None,
        gain: float = 1.0,
        model: str = "js220",
        serial: str = "EMUL0001",
        powered: bool = True,
        marks: Load | None = None,
        late_s: tuple[float, float] = (0.001, 0.006),
        seed: int = 0,
    ) -> None:
        self.path = f"u/{model}/{serial}"
        self.published: list[tuple[str, Any]] = []
        self.busy = False
        self._circuit, self._clock, self._gain = circuit, clock or OwnClock(), gain
        self._model, self._marks, self._late_s = model, marks, late_s
        self._random = random.Random(seed)  # noqa: S311 -- a scatter, not a secret
        self._plugged, self._open = True, False
        self._values: dict[str, Any] = {"s/i/range/mode": 4 if powered else 0, "s/i/range/select": 128 if powered else "off"}
        self._subscribed: list[tuple[str, Heard]] = []
        self._now_ns = 0
        self._block = 1_000_000  # counts
        self._next = self._next_levels = 0
        self._due_ns: int | None = None
        self._energy_j = self._charge_c = 0.0
        self._skip = self._ahead = 0
        self.wrong_joules = 1.0

    # What the library offers.

    def device_paths(self, timeout: float | None = None) -> list[str]:
        """List what is connected."""
        return [self.path] if self._plugged else []

    def open(self, device_prefix: str, mode: str | int | None = None, timeout: float | None = None) -> None:
        """Open; "defaults" lets current through."""
        if self.busy or self._open:
            raise RuntimeError(f"jsdrv_open failed 12 BUSY | Resource is busy | {device_prefix}")
        self._open = True
        if mode in ("defaults", 0, None):
            self._values["s/i/range/mode"] = 4

    def close(self, device_prefix: str, timeout: float | None = None) -> None:
        """Close."""
        self._open = False

    def finalize(self, timeout: float | None = None) -> None:
        """End."""
        self._open, self._due_ns = False, None
        self._subscribed = []

    def query(self, topic: str, timeout: float | None = None) -> Any:
        """Return a retained value."""
        value = self._values.get(self._own(topic))
        if value is None:
            raise RuntimeError(f"jsdrv_query failed 5 NOT_FOUND | {topic}")
        return value

    def publish(self, topic: str, value: Any, timeout: float | None = None) -> None:
        """Set a value."""
        name = self._own(topic)
        self.published.append((name, value))
        self._values[name] = {"auto": 4, "off": 0}.get(value, value) if name == "s/i/range/mode" else value
        if name == "s/stats/scnt":
            self._block = value * (1 if self._model == "js110" else 2)
        elif name == "s/stats/ctrl":
            self._switch(value in (1, "on"))

    def subscribe(self, topic: str, flags: str | int, fn: Heard, timeout: float | None = None) -> None:
        """Call a function for each value of a topic."""
        self._subscribed.append((topic, fn))

    def unsubscribe(self, topic: str, fn: Heard, timeout: float | None = None) -> None:
        """Call it no more; the function is known by its identity."""
        self._subscribed = [(name, known) for name, known in self._subscribed if name != topic or known is not fn]

    # What makes it an emulator.

    def pass_until(self, t_ns: int) -> None:
        """Publish what is due until a time."""
        self._now_ns = t_ns
        while self._due_ns is not None and self._due_ns <= t_ns:
            end = self._next + self._block
            if self._skip:
                self._skip -= 1
            else:
                self._tell_inputs(end)
                self._tell(f"{self.path}/s/stats/value", self._statistics(self._next, end))
            self._next = end
            self._plan()

    def next_ns(self) -> int | None:
        """Return when it publishes next."""
        return self._due_ns

    def remove(self) -> None:
        """Unplug it."""
        self._plugged, self._open, self._due_ns = False, False, None
        self._tell("@/!remove", self.path)

    def plug(self) -> None:
        """Plug it in again: its counters begin anew."""
        self._plugged = True
        self._energy_j = self._charge_c = 0.0

    def lose(self, blocks: int) -> None:
        """Publish nothing of the next blocks."""
        self._skip += blocks

    def jump(self, seconds: float) -> None:
        """Set its counter ahead."""
        self._ahead += round(seconds * _COUNTS_HZ)

    def _own(self, topic: str) -> str:
        if not self._plugged:
            raise RuntimeError(f"jsdrv_publish failed 9 UNAVAILABLE | {topic}")
        return topic.removeprefix(f"{self.path}/")

    def _switch(self, on: bool) -> None:
        self._due_ns = None
        if on:
            self._next = self._next_levels = self._clock.at(self._now_ns) * _COUNTS_HZ // 10**9
            self._plan()

    def _plan(self) -> None:
        late_ns = round(self._random.uniform(*self._late_s) * 1e9)
        self._due_ns = max(self._when(self._next + self._block) + late_ns, self._due_ns or 0)  # in their order

    def _when(self, count: int) -> int:
        return self._clock.when(count * 10**9 // _COUNTS_HZ)

    def _tell(self, topic: str, value: Any) -> None:
        for name, fn in list(self._subscribed):
            if name == topic:
                fn(topic, value)

    def _statistics(self, start: int, end: int) -> dict[str, Any]:
        first_ns, last_ns = self._when(start), self._when(end)
        seconds, volts = (end - start) / _COUNTS_HZ, self._circuit.voltage_v  # of its own clock, by which it adds up
        watts = (
            self._gain * self._circuit.energy_j(first_ns, last_ns) / ((last_ns - first_ns) / 1e9) if self._values["s/i/range/mode"] else 0.0
        )
        amperes = watts / volts
        self._energy_j += watts * seconds * self.wrong_joules
        self._charge_c += amperes * seconds
        shown = [start + self._ahead, end + self._ahead]
        return {
            "time": {
                "samples": {"value": shown, "units": "samples"},
                "sample_freq": {"value": _COUNTS_HZ, "units": "Hz"},
                "range": {"value": [count / _COUNTS_HZ for count in shown], "units": "s"},
                "delta": {"value": seconds, "units": "s"},
                "decimate_factor": {"value": _INPUT_STEP, "units": "samples"},
                "decimate_sample_count": {"value": (end - start) // _INPUT_STEP, "units": "samples"},
            },
            "signals": {
                "current": _signal(amperes, "A", seconds, "C"),
                "voltage": _signal(volts, "V"),
                "power": _signal(watts, "W", seconds, "J"),
            },
            "accumulators": {
                "charge": _counter(self._charge_c, _LSB_C, "C"),
                "energy": _counter(self._energy_j, _LSB_J, "J"),
            },
            "source": "sensor",
        }

    def _tell_inputs(self, until: int) -> None:
        topic = f"{self.path}/s/gpi/0/!data"
        if self._values.get("s/gpi/0/ctrl") not in ("on", 1):
            self._next_levels = until
            return
        while self._next_levels < until:
            number = min(until - self._next_levels, _INPUT_NS * _COUNTS_HZ // 10**9) // (8 * _INPUT_STEP) * 8
            if not number:
                return
            start, self._next_levels = self._next_levels, self._next_levels + number * _INPUT_STEP
            self._tell(
                topic,
                {
                    "sample_id": start + self._ahead,
                    "sample_rate": _COUNTS_HZ,
                    "decimate_factor": _INPUT_STEP,
                    "data": self._bits(start, number),
                },
            )

    def _bits(self, start: int, number: int) -> NDArray[np.uint8]:
        import numpy as np

        from edgekit.sim.emulators.samples import powers_w

        if self._marks is None:
            return np.zeros(number // 8, np.uint8)
        first_ns, last_ns = (self._when(start + place * _INPUT_STEP) - self._circuit.start_ns for place in (0, number - 1))
        levels = powers_w(self._marks, np.rint(np.linspace(first_ns, last_ns, number)).astype(np.int64)) > 0.5
        return np.packbits(levels, bitorder="little")


def _signal(mean: float, units: str, seconds: float | None = None, whole: str = "") -> dict[str, Any]:
    shown = {name: {"value": mean, "units": units} for name in ("avg", "min", "max")}
    shown |= {name: {"value": 0.0, "units": units} for name in ("std", "p2p")}
    return shown if seconds is None else {**shown, "integral": {"value": mean * seconds, "units": whole}}


def _counter(value: float, lsb: float, units: str) -> dict[str, Any]:
    counts = math.floor(value / lsb)
    return {"value": counts * lsb, "int_value": counts, "int_scale": lsb, "units": units}
