"""Repeat a recorded run: its windows on the emulated device, its readings through the replay meter, analysed anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.artifact import ModelArtifact
from edgekit.core.errors import HardwareError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.quantity import Note
from edgekit.core.run import TENSORS, RunRecord
from edgekit.core.window import Phase, Window
from edgekit.devices.sim import SimDevice
from edgekit.flows.bench.plan import BenchPlan, Step
from edgekit.metering import Chosen
from edgekit.meters.replay import ReplayMeter
from edgekit.store.runs import RunStore, load_run, read_traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Hold a recorded run and how far its times are moved to start on the scripted clock."""

    record: RunRecord
    folder: Path
    shift_ns: int

    @property
    def _script(self) -> list[Window]:
        """Return the windows that are repeated; operators are not timed again, for no engine runs."""
        return [window for window in self.record.windows if window.phase is not Phase.PROFILE]

    def device(self) -> SimDevice:
        """Return the emulated device that repeats the recorded windows."""
        spec = DeviceSpec(name=self.record.device.name, kind=self.record.device.kind, options={"replay": self.record.id})
        return SimDevice(spec, script=self._script, shift_ns=self.shift_ns, facts=self.record.facts_before, load=self.record.load)

    @property
    def inference(self) -> str:
        """Return what one inference was on the recorded device; what the plan put around it comes from the plan again."""
        return self.record.unit_of_work if self.record.plan.unit_of_work() == TENSORS else TENSORS

    def plan(self) -> BenchPlan:
        """Return the plan of the recording, step by step as it happened, with the status in which it ended."""
        steps = tuple(
            Step(phase=window.phase, index=window.index, seconds=window.duration_s, artifact=None if window.phase is Phase.IDLE else 0)
            for window in self._script
        )
        return BenchPlan(run=self.record.plan, artifacts=1, script=steps, status=self.record.status)

    def chosen(self, device: Any) -> Chosen:
        """Return the meters that deliver the recorded readings, with the specs and origins they were captured with."""
        traces = read_traces(self.folder, self.record)
        meters = tuple(ReplayMeter(spec=spec, traces=traces, clock=device.clock, shift_ns=self.shift_ns) for spec in self.record.meters)
        note = Note(code="meter.replay", text=f"readings and windows are replayed from run {self.record.id}")
        return Chosen(counters=(), hosts=meters, specs=self.record.meters, note=note)

    def require(self, artifact: ModelArtifact) -> None:
        """Raise UsageError when `artifact` is not the one that was recorded: its joules would be those of another model."""
        if artifact.sha256 != self.record.artifact.sha256:
            raise UsageError(
                f"run {self.record.id} was not recorded with {artifact.path}",
                code="bench.replay_artifact",
                why=f"the run is of {self.record.artifact.path} with sha256 {self.record.artifact.sha256[:12]}, "
                f"the file has {artifact.sha256[:12]}",
            )


def open_replay(name: str, runs_dir: Path) -> Replay:
    """Return the replay of the run that `name` means."""
    folder = RunStore(runs_dir).find(name)
    record = load_run(folder, runs_dir)
    if not record.meters:
        raise HardwareError(f"run {record.id} holds no readings to replay", code="meter.replay_empty")
    traces = read_traces(folder, record)
    first_ns = min((int(trace.t_ns[0]) for trace in traces.values() if len(trace)), default=0)
    start_ns = SimDevice(DeviceSpec(name="sim", kind="sim")).clock.now_ns()
    return Replay(record=record, folder=folder, shift_ns=start_ns + 10_000_000_000 - first_ns)
