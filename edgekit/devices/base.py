"""Hold a session with a machine through the runner: the same code for local, ssh and GPU devices, over any Shell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.core.errors import EdgekitError, HardwareError, SetupError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Clock, ReadingSink, ReadingWatch
from edgekit.core.quantity import Note
from edgekit.core.run import LoadTiming, ProfiledWindow, RunPlan
from edgekit.core.trace import ClockMap
from edgekit.core.units import format_scaled
from edgekit.core.window import Phase, Window
from edgekit.devices.client import Client, Install
from edgekit.devices.preparing import mended, prepared
from edgekit.devices.processing import shipped
from edgekit.devices.profiling import profiled
from edgekit.devices.sampling import CpuEdges, Sampling
from edgekit.devices.windows import window_of
from edgekit.links.clock import asleep, slept_ns
from edgekit.links.onnx_parts import onnx_parts
from edgekit.links.shell import Shell

LOAD_TIMEOUT_S = 300.0
ROOTS = {
    "proc_root": "proc",
    "sys_root": "sys",
    "etc_root": "etc",
    "powercap_root": "powercap",
    "perf_root": "perf",
    "vcgencmd_root": "vcgencmd",
    "clock_root": "clock",
    "bin_root": "bin",
    "gpus": "gpus",
    "hwmon_boundary": "hwmon_boundary",
}


class RunnerSession:
    """Hold an open machine: one idle runner that answers questions, one more per loaded model, one that samples.

    `on_start` hears the id of every process that is started; `install` says how a package gets there, None for this host's own Python.
    """

    on_gpu = False  # whether the temperature and clock among the facts are those of the GPU

    def __init__(
        self,
        spec: DeviceSpec,
        shell: Shell,
        runner: str,
        *,
        python: str,
        clock: Clock,
        clock_domain: str,
        slept_ns: Callable[[], int] = slept_ns,
        on_start: Callable[[int], None] = lambda pid: None,
        install: Install | None = None,
    ) -> None:
        self.spec = spec
        self._shell = shell
        self._on_start, self._install = on_start, install
        self._argv = (*self._before(), python, runner)
        self._clock = clock
        self._domain = clock_domain
        self._slept_ns = slept_ns
        self._roots = {ROOTS[name]: value for name, value in spec.options.items() if name in ROOTS}
        self._stack = contextlib.ExitStack()
        self._loaded: Mapping[str, Any] = {}
        self._edges = CpuEdges()
        self._control = self._stack.enter_context(contextlib.closing(self._start("infer")))
        self.notes = mended(self._control, self._roots)

    def close(self) -> None:
        """End every process of the session."""
        self._stack.close()

    def facts(self) -> DeviceFacts:
        """Return what can be read on the machine now, with the engine of the model loaded last."""
        reply = self._control.ask("facts", roots=self._roots, timeout_s=60.0)
        known, gpu = dict(reply["facts"]), reply["gpu"]
        if self.on_gpu and gpu:
            known |= {"temperature_c": gpu["temperature_c"], "frequency_hz": gpu["sm_clock_hz"]}
        known |= {name: self._loaded.get(name) for name in ("engine", "engine_version", "delegate", "precision", "threads")}
        return _facts(known, reply["reasons"])

    def condition(self) -> DeviceFacts:
        """Return the facts that change while a run lasts (temperature, clocks, throttling, counters of what disturbs), in milliseconds."""
        reply = self._control.ask("condition", roots=self._roots, timeout_s=60.0)
        return _facts(reply["facts"], reply["reasons"])

    def prepare(self) -> contextlib.AbstractContextManager[tuple[Note, ...]]:
        """Hold the machine still while the context is open: its governor set, the services of its spec stopped; it yields what was done."""
        return prepared(self._start("prepare"), self.spec, self._roots)

    def probe(self, counters: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return what the machine offers for each counter name."""
        found: Mapping[str, Mapping[str, Any]] = self._control.ask("probe", counters=list(counters), roots=self._roots, timeout_s=60.0)[
            "counters"
        ]
        return found

    def load(self, artifact: Path, *, samples: Path | None, plan: RunPlan) -> RunnerModel:
        """Load an artifact into its engine in a process of its own; raise ModelError, UsageError, SetupError or HardwareError."""
        parts = onnx_parts(artifact)
        self._require_memory(artifact, parts)
        request = {
            "artifact": self._shell.put(artifact, parts),
            "samples": self._shell.put(samples) if samples is not None and plan.inputs != "synthetic" else None,
            "threads": self._threads(plan),
            "batch": plan.batch,
            "delegate": plan.delegate,
            "delegate_options": dict(plan.delegate_options),
            "precision": plan.precision,
            **shipped(plan, self._shell),
        }
        candidates = self._candidates(artifact, plan)
        if len(candidates) == 1:
            return self._load(request, candidates[0], plan)
        refusals: list[EdgekitError] = []
        for engine in candidates:
            try:
                return self._load(request, engine, plan)
            except EdgekitError as error:
                if not error.code.startswith(("engine.", "setup.extra")):
                    raise
                refusals.append(error)
        raise SetupError(
            f"no engine on {self.spec.name} can run {artifact.name}",
            code="device.no_engine",
            why="; ".join(str(error) for error in refusals),
            do=list(dict.fromkeys(step for error in refusals for step in error.do)),
        )

    def _require_memory(self, artifact: Path, parts: Sequence[str]) -> None:
        """Raise HardwareError for an artifact that is larger than the machine's memory: it is not even sent there."""
        size = sum((artifact.parent / name).stat().st_size for name in (artifact.name, *parts)) if artifact.is_file() else 0
        memory = self.facts().ram_bytes
        if memory is not None and size > memory:
            raise HardwareError(
                f"{artifact.name} does not fit into the memory of {self.spec.name}",
                code="device.memory",
                why=f"{'its files have' if parts else 'the file has'} {format_scaled(size, 'B')}, the machine {format_scaled(memory, 'B')}",
                do=[("make it smaller:", "edgekit convert MODEL -r int8")],
            )

    def _before(self) -> Sequence[str]:
        """Return what goes before the words that start the runner."""
        return ()

    def _candidates(self, artifact: Path, plan: RunPlan) -> Sequence[str | None]:
        """Return the engines to try for an artifact, the preferred one first; None lets the runner choose by the file's ending."""
        return (plan.engine,)

    def idle(self, index: int, seconds: float) -> Window:
        """Do nothing for `seconds`; return the window on the device's clock, its edges as uncertain as the exchange that read them."""
        before = self._control.clock_map(self._domain, self._clock.domain)
        slept_ns = self._slept_ns()
        start = self._clock.now_ns()
        self._clock.sleep(seconds)
        end = self._clock.now_ns()
        return Window(
            phase=Phase.IDLE,
            index=index,
            clock=self._domain,
            start_ns=start - before.offset_ns,
            end_ns=end - before.offset_ns,
            bracket_ns=before.bracket_ns,
            invalid=asleep(slept_ns, self._slept_ns()),
        )

    @contextlib.contextmanager
    def sample(
        self,
        counters: Sequence[str],
        *,
        hz: float,
        sink: ReadingSink,
        pids: Sequence[int],
        fast: bool = False,
        watch: ReadingWatch | None = None,
    ) -> Iterator[Mapping[str, float]]:
        """Read counters in a second process while the context is open; the mapping is filled with its own cost in seconds at the end.

        `fast` reads at `hz` also where a counter tells nothing new that often.
        """
        cost: dict[str, float] = {}
        probes = self.probe(counters)
        sampling = Sampling(self._start("sample"), watch)
        try:
            sampling.start(counters, hz=hz, pids=pids, roots=self._roots, sink=sink, fast=fast)
            with self._edges.into(sink, enabled=any(probe.get("edges") for probe in probes.values())):
                yield cost
            cost.update(sampling.stop())
        except BaseException:
            with contextlib.suppress(EdgekitError):
                cost.update(sampling.stop())  # an interrupted run keeps the readings that were still under way
            raise
        finally:
            sampling.close()

    def burn(
        self,
        target: str,
        *,
        seconds: float,
        period_s: float,
        duty: float,
        spread: float = 0.0,
        seed: int = 0,
        threads: int = 0,
        stretches: Sequence[tuple[float, float]] = (),
    ) -> Mapping[str, Any]:
        """Load the machine with a square wave of known edges; return {"start_ns", "busy": [from, to, busy for] of each thread, "cpu_s"}."""
        wave: dict[str, Any] = {"seconds": seconds, "period_s": period_s, "duty": duty, "spread": spread, "seed": seed, "threads": threads}
        if stretches:
            wave["stretches"] = [list(pair) for pair in stretches]
        return self._control.ask("burn", target=target, **wave, timeout_s=60.0 + 2 * seconds)

    def clock_map(self) -> ClockMap:
        """Return the map from the device's clock to this host's, measured now."""
        return self._control.clock_map(self._domain, self._clock.domain)

    def _start(self, mode: str) -> Client:
        client = Client(self._shell.spawn([*self._argv, mode]), device=self.spec.name, install=self._install)
        try:
            client.greet()
            self._on_start(int(client.hello["pid"]))
        except BaseException:
            client.close()
            raise
        return client

    def _load(self, request: Mapping[str, Any], engine: str | None, plan: RunPlan) -> RunnerModel:
        client = self._start("infer")
        try:
            self._loaded = client.ask("load", engine=engine, **request, timeout_s=LOAD_TIMEOUT_S)
        except BaseException:
            client.close()
            raise
        model = RunnerModel(
            client,
            self._loaded,
            request,
            again=lambda: self._start("infer"),
            plan=plan,
            clock_domain=self._domain,
            on_window=self._edges.add,
            slept_ns=self._slept_ns,
        )
        self._stack.callback(model.close)
        return model

    def _threads(self, plan: RunPlan) -> int:
        """Return the plan's threads, or the device's own setting where the plan leaves the default of one."""
        stated = self.spec.options.get("threads", "1")
        if not stated.isdecimal() or not 1 <= int(stated) <= 1024:
            raise SetupError(
                f"the option threads of device {self.spec.name} is {stated!r}",
                code="config.invalid",
                why="it is a whole number from 1 to 1024",
                do=[("look at the devices:", "edgekit devices --all")],
            )
        return int(stated) if plan.threads == 1 else plan.threads


def _facts(known: Mapping[str, Any], reasons: Mapping[str, str]) -> DeviceFacts:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    return DeviceFacts(**fields, reasons={name: reason for name, reason in reasons.items() if known.get(name) is None})


class RunnerModel:
    """Run windows of one artifact in its own process. `loaded` holds engine, version, delegate, threads, and where inputs came from."""

    def __init__(
        self,
        client: Client,
        loaded: Mapping[str, Any],
        request: Mapping[str, Any],
        *,
        again: Callable[[], Client],
        plan: RunPlan,
        clock_domain: str,
        on_window: Callable[[int, Mapping[str, Any]], None],
        slept_ns: Callable[[], int] = slept_ns,
    ) -> None:
        self._client = client
        self._request = request
        self._again = again
        self._plan = plan
        self._domain = clock_domain
        self._on_window = on_window
        self._slept_ns = slept_ns
        self.loaded = loaded

    @property
    def timing(self) -> LoadTiming:
        """Return the cold start."""
        return LoadTiming(
            load_s=self.loaded["load_s"],
            first_inference_s=self.loaded["first_inference_s"],
            load_start_ns=self.loaded.get("load_start_ns"),
            first_start_ns=self.loaded.get("first_start_ns"),
        )

    @property
    def pid(self) -> int | None:
        """Return the process that infers, on the device."""
        return self._client.pid

    def run(self, phase: Phase, index: int, *, seconds: float, min_inferences: int) -> Window:
        """Infer for at least `seconds` and `min_inferences`: measured windows at the plan's rate, others back to back."""
        slept_ns = self._slept_ns()
        patience_s = 60.0 + 2 * seconds + 3 * min_inferences * self.timing.first_inference_s
        asked: dict[str, Any] = {"seconds": seconds, "min_inferences": min_inferences, "group_min_ns": self._plan.group_min_ns}
        if self._plan.rate_hz is not None and phase is Phase.MEASURE:
            asked |= {"rate_hz": self._plan.rate_hz, "spin_s": self._plan.spin_s}
            patience_s += 2 * min_inferences / self._plan.rate_hz
        reply = self._client.ask("run", **asked, timeout_s=patience_s)
        self._on_window(self.pid or 0, reply)
        return window_of(reply, phase, index, clock=self._domain, invalid=asleep(slept_ns, self._slept_ns()))

    def profile(self, index: int, *, seconds: float, timeline: str) -> ProfiledWindow:
        """Time each operator in a process of its own, so that nothing it does or breaks reaches the measured one."""
        with contextlib.closing(self._again()) as client:
            return profiled(
                client,
                {**self._request, "engine": self.loaded.get("engine")},
                index=index,
                seconds=seconds,
                timeline=timeline,
                sample_hz=self._plan.sample_hz,
                clock_domain=self._domain,
            )

    def close(self) -> None:
        """End the inference process."""
        self._client.close()
