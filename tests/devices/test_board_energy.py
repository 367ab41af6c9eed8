"""A whole benchmark of a board beside an edge-capable meter, on a scripted clock: the joules are those that were drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import EdgekitError, HardwareError, InterruptedRun
from edgekit.core.quantity import Estimate, Origin
from edgekit.core.run import RunRecord, RunStatus
from edgekit.core.sync import SyncMethod
from edgekit.core.window import Phase
from edgekit.flows.bench import BenchRequest, bench
from edgekit.links.clock import SystemClock
from edgekit.meters.lpm01a import Lpm01aMeter
from edgekit.meters.ppk2 import Ppk2Meter
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.lpm01a import Lpm01a
from edgekit.sim.emulators.ppk2 import Ppk2
from edgekit.sim.emulators.tiny_board import Firmware
from edgekit.store.runs import RECORD, read_record
from tests.devices.boards import Bench, Script, Stepping
from tests.fakes import QuietProgress
from tests.meters.scripted import Line

DRAWN_J = 0.043 * 0.042  # of one inference
ENERGY = Firmware(energy=True, baud=9600)


def _meter(bench_: Bench, kind: str) -> Any:
    start_ns = bench_.clock.now_ns()
    circuit = Circuit(power=bench_.board.power, voltage_v=3.3, start_ns=start_ns)
    if kind == "ppk2":
        emulated: Any = Ppk2(circuit, clock=OwnClock(drift=3e-5), inputs={0: bench_.board.pin})
        made: Any = Ppk2Meter
    else:
        emulated = Lpm01a(circuit, clock=OwnClock(drift=3e-5), marks=bench_.board.pin)
        made = Lpm01aMeter
    line = Line(emulated, bench_.clock)
    return made("scripted", {"voltage": "3.3 V", "emulated": "yes"}, clock=bench_.clock, open_port=line.open)


def _run(board: Bench, kind: str, artifact: Path, runs: Path) -> RunRecord:
    script: Any = Script(meter=_meter(board, kind))
    request = BenchRequest(artifacts=(artifact,), runs_dir=runs, device="nucleo")
    result = bench(request, device=board.device, progress=QuietProgress(), date=SystemClock(), replay=script)
    return result.runs[0]


@pytest.mark.parametrize(
    ("firmware", "kind", "method"),
    [
        (Firmware(), "ppk2", SyncMethod.EXCHANGE),
        (ENERGY, "ppk2", SyncMethod.EDGE),
        (ENERGY, "lpm01a", SyncMethod.EDGE),
    ],
)
def test_the_joules_are_those_that_were_drawn(tmp_path: Path, model_file: Path, firmware: Firmware, kind: str, method: SyncMethod) -> None:
    run = _run(Bench(firmware=firmware, clock=Stepping()), kind, model_file, tmp_path / "runs")
    assert run.analysis is not None
    found = run.analysis.energy_j_per_inference
    assert isinstance(found, Estimate), found
    assert found.value == pytest.approx(DRAWN_J, rel=4e-3)
    assert found.low < DRAWN_J < found.high
    assert found.origins == (Origin.EMULATED,)
    assert run.analysis.channels[0].sync[0].method is method
    assert run.facts_before.engine == "flashed kws01"
    assert run.load is None
    assert {note.code for note in run.notes} >= {"board.flashed", "board.agrees"}


@pytest.mark.parametrize("fault", ["reset", "unplug", "interrupt"])
def test_what_was_measured_until_it_failed_is_kept(tmp_path: Path, model_file: Path, fault: str) -> None:
    board = Bench(clock=Stepping())
    meter = _meter(board, "ppk2")
    begun: list[int] = []

    def strike(_from_ns: int, to_ns: int) -> None:
        measured = [command for command in board.board.heard if command.startswith("infer ")]
        if len(measured) > 10 and not begun:
            begun.append(to_ns)
            if fault == "reset":
                board.board.reset_at(to_ns + 500_000_000)
            elif fault == "unplug":
                board.line.unplug()
            else:
                raise KeyboardInterrupt

    board.clock.subscribe(strike)
    script: Any = Script(meter=meter, windows=6)
    request = BenchRequest(artifacts=(model_file,), runs_dir=tmp_path / "runs", device="nucleo")
    with pytest.raises(EdgekitError) as stopped:
        bench(request, device=board.device, progress=QuietProgress(), date=SystemClock(), replay=script)
    error = stopped.value
    assert isinstance(error, InterruptedRun if fault == "interrupt" else HardwareError)
    assert error.code == {"reset": "board.reset", "unplug": "port.gone", "interrupt": "bench.interrupted"}[fault]
    (name,) = error.data["runs"]  # type: ignore[misc]
    kept = read_record(tmp_path / "runs" / str(name) / RECORD)
    assert kept.status is (RunStatus.INTERRUPTED if fault == "interrupt" else RunStatus.FAILED)
    assert sum(window.phase is Phase.MEASURE for window in kept.windows) >= 1
    assert kept.analysis is not None
    assert kept.analysis.energy_j_per_inference.value == pytest.approx(DRAWN_J, rel=1e-2)
