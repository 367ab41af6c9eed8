"""Hold a session with a board that speaks the protocol of MLPerf Tiny: idle windows, clock, and the one model that is flashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.protocols import Clock, ReadingSink, ReadingWatch
from edgekit.core.run import RunPlan
from edgekit.core.trace import ClockMap
from edgekit.core.window import Phase, Window
from edgekit.devices.board_clock import BoardClock, Identity
from edgekit.devices.board_inputs import Feed, OpenHostModel, feed
from edgekit.devices.board_limits import require_one, require_plain
from edgekit.devices.board_line import BoardLine
from edgekit.devices.board_model import BoardModel


class BoardSession:
    """Hold an open board. The model is part of its firmware: an artifact cannot be loaded, only held against what is flashed."""

    def __init__(
        self, spec: DeviceSpec, line: BoardLine, identity: Identity, *, clock: Clock, open_model: OpenHostModel, most_inputs: int
    ) -> None:
        self.spec = spec
        self._line = line
        self._identity = identity
        self._clock = clock
        self._open_model = open_model
        self._most_inputs = most_inputs
        self._time = BoardClock(line, clock, energy=identity.energy)
        self._time.map()
        self._loaded: tuple[Path, Feed] | None = None

    def facts(self) -> DeviceFacts:
        """Return what the board says of itself; it can be asked for nothing else."""
        said = self._identity
        unasked = ("cpu", "arch", "cores", "ram_bytes", "governor", "frequency_hz", "temperature_c", "throttled")
        return DeviceFacts(
            model=said.name,
            os=f"MLPerf Tiny reference firmware, {'energy' if said.energy else 'performance'} build",
            engine=f"flashed {said.model}",
            engine_version=said.profile,
            threads=1,
            reasons=dict.fromkeys(unasked, "the firmware does not tell"),
        )

    def condition(self) -> DeviceFacts:
        """Return the same: nothing that a board says of itself changes."""
        return self.facts()

    def probe(self, counters: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return that a board has no counters of its own."""
        do = _host_meters(self._line.device)
        return {name: {"usable": False, "channels": [], "why": "a board has no counters of its own", "do": do} for name in counters}

    def load(self, artifact: Path, *, samples: Path | None, plan: RunPlan) -> BoardModel:
        """Hold an artifact against what is flashed: its inputs run on the board and on this host. Raise UsageError or HardwareError."""
        require_plain(plan, self.spec.name, self._line.device)
        if self._loaded is not None and self._loaded[0] != artifact:
            require_one([str(self._loaded[0]), str(artifact)], self.spec.name)
        if self._loaded is None:
            wanted = samples if plan.inputs != "synthetic" else None
            said = self._identity
            found = feed(artifact, wanted, said.model, self._open_model, most=self._most_inputs, baud=said.baud)
            self._loaded = artifact, found
        model = BoardModel(self._line, self._time, self._clock, self._loaded[1], artifact=artifact.name, identity=self._identity)
        model.check()
        return model

    def idle(self, index: int, seconds: float) -> Window:
        """Do nothing for `seconds`; return the window on the clock that dates the others. Raise HardwareError where it began anew."""
        found = self._time.map()
        start_ns = self._clock.now_ns()
        self._clock.sleep(seconds)
        end_ns = self._clock.now_ns()
        self._line.hear_out()
        return Window(
            phase=Phase.IDLE,
            index=index,
            clock=self._time.domain,
            start_ns=start_ns - found.offset_ns,
            end_ns=end_ns - found.offset_ns,
            bracket_ns=found.bracket_ns,
        )

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
        """Refuse: there is nothing to read on the board."""
        do = _host_meters(self._line.device)
        raise HardwareError("a board has no counters of its own", code="board.counters", why=f"asked for {', '.join(counters)}", do=do)

    def clock_map(self) -> ClockMap:
        """Return the map from the board's clock to this host's, measured now; an energy build's windows are on the host's clock already."""
        return self._time.map()


def _host_meters(device: str) -> tuple[tuple[str, str], ...]:
    return (
        ("measure with an instrument that it is supplied through:", f"edgekit bench ARTIFACT --device {device} --meter ppk2,voltage=3.3V"),
        ("or rehearse without one:", "edgekit devices emulate board --model ARTIFACT --meter ppk2"),
    )
