"""Emulate a device whose power and speed are known exactly, on a clock that takes no time: for rehearsal, documentation and tests."""

from __future__ import annotations

import math
import random
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit.core.errors import HardwareError, UsageError, missing_file
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import DeviceSession, ReadingSink, ReadingWatch
from edgekit.core.run import LoadTiming, ProfiledWindow, RunPlan
from edgekit.core.trace import ClockMap
from edgekit.core.window import Latency, Pacing, Phase, Window
from edgekit.energy.latency import BINS_PER_OCTAVE
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.plant import Plant
from edgekit.sim.thermal import Thermal

IDLE_W = 2.0
ACTIVE_W = 5.0
LOAD_S = 0.05
_WARM = {"temperature_c": "40", "warming_c": "20", "thermal_s": "20"}


def seconds_per_inference(size_bytes: int) -> float:
    """Return how long the emulated device takes: 0.1 ms and 10 ns for each byte of the artifact."""
    return 1e-4 + 1e-8 * size_bytes


class SimDevice:
    """Draw 2 W idle and 5 W while inferring; `clock` and `plant` are shared with the meters of the same run.

    Options: idle_w, active_w; spread, by which share the power of a window differs from that of others (seeded); settle_s, the time
    constant of a slow start at which an inference takes twice as long; temperature_c and warming_c, at which it rests and how much
    hotter inferences make it in the end, with time constant thermal_s (20 s).

    With a `script` of recorded windows the device repeats those windows, `shift_ns` later, instead of making its own; `facts` and `load`
    are then what was recorded too.
    """

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        script: Sequence[Window] = (),
        shift_ns: int = 0,
        facts: DeviceFacts | None = None,
        load: LoadTiming | None = None,
    ) -> None:
        self.spec = spec
        self.facts = facts
        self.load = load
        self.clock = ScriptedClock()
        self.script = [_shifted(window, shift_ns) for window in script]
        self.plant = Plant(float(spec.options.get("idle_w", IDLE_W)), self.clock.now_ns())
        self.thermal = _thermal(spec.options, self.clock.now_ns())

    def set_power(self, watts: float, *, busy: bool) -> None:
        """Draw `watts` from now on."""
        now_ns = self.clock.now_ns()
        self.plant.set_power(watts, now_ns)
        if self.thermal is not None:
            self.thermal.set_busy(busy, now_ns)

    @contextmanager
    def connect(self) -> Iterator[DeviceSession]:
        """Open the device."""
        yield _SimSession(self)


class _SimSession:
    def __init__(self, device: SimDevice) -> None:
        self._device = device
        options = device.spec.options
        self._active_w = float(options.get("active_w", ACTIVE_W))
        self._spread = float(options.get("spread", 0.0))
        self._settle_s = float(options.get("settle_s", 0.0))

    def facts(self) -> DeviceFacts:
        thermal, now_ns = self._device.thermal, self._device.clock.now_ns()
        unknown = ("cpu", "cores", "ram_bytes", "os", "governor", *(("temperature_c",) if thermal is None else ()))
        return self._device.facts or DeviceFacts(
            model="emulated device",
            engine="sim",
            engine_version="1",
            threads=1,
            throttled=False,
            temperature_c=None if thermal is None else thermal.temperature_c(now_ns),
            reasons=dict.fromkeys(unknown, "the device is emulated"),
        )

    def condition(self) -> DeviceFacts:
        return self.facts()

    def probe(self, counters: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {name: {"usable": False, "channels": [], "why": "the device is emulated", "do": []} for name in counters}

    def load(self, artifact: Path, *, samples: Path | None, plan: RunPlan) -> _SimModel:
        if not artifact.is_file():
            raise missing_file(artifact, "artifact")
        if plan.delegate is not None and not self._device.script:
            raise UsageError(
                "the emulated device takes no delegate",
                code="engine.delegate_unsupported",
                why="it emulates inferences as a whole, whatever computes them",
                do=[("use this machine:", f"edgekit bench ARTIFACT --delegate {shlex.quote(plan.delegate)}")],
            )
        if (plan.pre or plan.post) is not None and not self._device.script:
            raise UsageError(
                "the emulated device runs no functions",
                code="processing.unsupported",
                why="it emulates inferences as a whole, and executes nothing",
                do=[("use this machine:", "edgekit bench ARTIFACT --device local --pre FILE.py:FUNCTION")],
            )
        seconds = seconds_per_inference(artifact.stat().st_size) * plan.batch
        timing = self._cold_start(seconds)
        inputs = plan.inputs if self._device.script else "samples" if samples else "synthetic"
        loaded = {name: getattr(self.facts(), name) for name in ("engine", "engine_version", "delegate", "threads")}
        return _SimModel(
            self._device,
            seconds=seconds,
            active_w=self._active_w,
            spread=self._spread,
            settle_s=self._settle_s,
            plan=plan,
            loaded={**loaded, "inputs": inputs},
            timing=timing,
        )

    def _cold_start(self, seconds: float) -> LoadTiming:
        """Load and infer once, at the power of inferences."""
        clock, plant = self._device.clock, self._device.plant
        start_ns = clock.now_ns()
        idle_w = plant.power_w(start_ns)
        self._device.set_power(self._active_w, busy=True)
        clock.sleep(LOAD_S)
        first_ns = clock.now_ns()
        clock.sleep(seconds)
        self._device.set_power(idle_w, busy=False)
        return LoadTiming(load_s=LOAD_S, first_inference_s=seconds, load_start_ns=start_ns, first_start_ns=first_ns)

    def idle(self, index: int, seconds: float) -> Window:
        if self._device.script:
            return _repeat(self._device, Phase.IDLE)
        clock = self._device.clock
        start_ns = clock.now_ns()
        clock.sleep(seconds)
        return Window(phase=Phase.IDLE, index=index, clock=clock.domain, start_ns=start_ns, end_ns=clock.now_ns())

    def sample(
        self,
        counters: Sequence[str],
        *,
        hz: float,
        sink: ReadingSink,
        pids: Sequence[int],
        fast: bool = False,
        watch: ReadingWatch | None = None,
    ) -> AbstractContextManager[Mapping[str, float]]:
        raise HardwareError(
            "the emulated device has no counters of its own",
            code="device.sim_counters",
            why=f"asked for {', '.join(counters)}",
            do=[("use the emulated meter:", "edgekit bench ARTIFACT --device sim --meter sim")],
        )

    def clock_map(self) -> ClockMap:
        return ClockMap(source="sim", target="sim", offset_ns=0, bracket_ns=0, at_ns=self._device.clock.now_ns())


class _SimModel:
    pid: int | None = None

    def __init__(
        self,
        device: SimDevice,
        *,
        seconds: float,
        active_w: float,
        spread: float,
        settle_s: float,
        plan: RunPlan,
        loaded: Mapping[str, Any],
        timing: LoadTiming,
    ) -> None:
        self.loaded = loaded
        self._device = device
        self._steady_ns = round(seconds * 1e9)
        self._active_w = active_w
        self._spread = spread
        self._settle_s = settle_s
        self._busy_s = 0.0
        self._draw = random.Random(0)  # noqa: S311 -- a load, not a secret
        self._plan = plan
        self.timing = device.load or timing

    def run(self, phase: Phase, index: int, *, seconds: float, min_inferences: int) -> Window:
        if self._device.script:
            return _repeat(self._device, phase)
        each_ns = self._invocation_ns()
        least = -(-min_inferences // self._plan.batch)
        if self._plan.period_s is not None and phase is Phase.MEASURE:
            return self._at_rate(index, each_ns, max(math.ceil(seconds / self._plan.period_s), least), round(1e9 * self._plan.period_s))
        invocations = max(-(-round(seconds * 1e9) // each_ns), least)
        start_ns = self._device.clock.now_ns()
        self._draw_power(invocations * each_ns, self._power_w())
        self._busy_s += invocations * each_ns / 1e9
        return self._window(phase, index, start_ns, invocations, each_ns)

    def _at_rate(self, index: int, each_ns: int, invocations: int, period_ns: int) -> Window:
        """Infer once a period, in its middle; where one takes longer than a period they run back to back and are late."""
        clock, watts = self._device.clock, self._power_w()
        start_ns = clock.now_ns()
        due, late, latest = start_ns + max(0, period_ns - each_ns) // 2, 0, 0
        for _ in range(invocations):
            clock.advance(max(0, due - clock.now_ns()))
            behind = clock.now_ns() - due
            late, latest = late + (behind > period_ns // 10), max(latest, behind)
            self._draw_power(each_ns, watts)
            due += period_ns
        clock.advance(max(0, start_ns + invocations * period_ns - clock.now_ns()))
        self._busy_s += invocations * each_ns / 1e9
        pacing = Pacing(period_ns=period_ns, invocations=invocations, late=late, latest_ns=latest, busy_ns=invocations * each_ns)
        return replace(self._window(Phase.MEASURE, index, start_ns, invocations, each_ns), pacing=pacing)

    def _power_w(self) -> float:
        return self._active_w * max(0.0, 1 + self._spread * self._draw.gauss(0, 1))

    def _draw_power(self, length_ns: int, watts: float) -> None:
        clock, plant = self._device.clock, self._device.plant
        idle_w = plant.power_w(clock.now_ns())
        self._device.set_power(watts, busy=True)
        clock.advance(length_ns)
        self._device.set_power(idle_w, busy=False)

    def _window(self, phase: Phase, index: int, start_ns: int, invocations: int, each_ns: int) -> Window:
        clock = self._device.clock
        return Window(
            phase=phase,
            index=index,
            clock=clock.domain,
            start_ns=start_ns,
            end_ns=clock.now_ns(),
            inferences=invocations * self._plan.batch,
            latency=Latency(
                group_size=1,
                total_ns=invocations * each_ns,
                min_ns=each_ns,
                max_ns=each_ns,
                histogram=((_bin(each_ns), invocations),),
            ),
        )

    def _invocation_ns(self) -> int:
        slow = math.exp(-self._busy_s / self._settle_s) if self._settle_s > 0 else 0.0
        return round(self._steady_ns * (1 + slow))

    def profile(self, index: int, *, seconds: float, timeline: str) -> ProfiledWindow:
        """Refuse: what is emulated is an inference as a whole."""
        raise HardwareError(
            "the emulated device has no operator times",
            code="profile.unsupported",
            why="it emulates inferences as a whole, whatever the model",
            do=[("profile on this machine:", "edgekit bench ARTIFACT --profile")],
        )

    def close(self) -> None:
        """Do nothing: an emulated model holds no process."""


def _thermal(options: Mapping[str, str], now_ns: int) -> Thermal | None:
    if "temperature_c" not in options:
        return None
    rest_c, warming_c, tau_s = (float(options.get(name, usual)) for name, usual in _WARM.items())
    return Thermal(rest_c, warming_c, tau_s, now_ns)


def _bin(latency_ns: int) -> int:
    return math.floor(BINS_PER_OCTAVE * math.log2(latency_ns))


def _shifted(window: Window, shift_ns: int) -> Window:
    return replace(window, clock="sim", start_ns=window.start_ns + shift_ns, end_ns=window.end_ns + shift_ns)


def _repeat(device: SimDevice, phase: Phase) -> Window:
    window = device.script.pop(0)
    if window.phase is not phase:
        raise HardwareError(
            f"the recorded run has a {window.phase} window where {phase} was planned",
            code="device.replay_order",
            why="a replay follows the plan of the recording",
        )
    device.clock.advance(max(0, window.end_ns - device.clock.now_ns()))
    return window
