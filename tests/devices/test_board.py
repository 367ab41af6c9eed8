"""The board device against the emulated board on a scripted clock: windows, clock, inputs, agreement, and everything a cable does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.config import Config
from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.run import TINY, RunPlan
from edgekit.core.window import Phase
from edgekit.devices.board import BoardDevice, SerialPlace
from edgekit.devices.board_model import BoardModel
from edgekit.energy.clocks.clock import clock_line
from edgekit.metering import choose
from edgekit.registry import resolve_device
from edgekit.sim.emulators.faulty import Fault, FaultKind, Faulty
from edgekit.sim.emulators.instrument import OwnClock
from edgekit.sim.emulators.tiny_board import Firmware
from tests.devices.boards import ARTIFACT, PLAN, Bench, KnownModel, answer
from tests.meters.scripted import Line

ENERGY = Firmware(energy=True, baud=9600)


def _plan(**changes: object) -> RunPlan:
    return RunPlan(**{name: changes.get(name, getattr(PLAN, name)) for name in PLAN.__dataclass_fields__})  # type: ignore[arg-type]


def _codes(model: BoardModel) -> list[str]:
    return [note["code"] for note in model.loaded["notes"]]


def _refused(bench: Bench, act: Callable[[BoardModel], object] | None = None) -> EdgekitError:
    def benchmark() -> None:
        with bench.session() as session:
            model = session.load(ARTIFACT, samples=None, plan=PLAN)
            if act is not None:
                act(model)

    with pytest.raises(EdgekitError) as caught:
        benchmark()
    return caught.value


@pytest.mark.parametrize("baud", [115_200, 921_600, 9600])
def test_the_speed_of_the_line_is_found_and_the_board_named(baud: int) -> None:
    bench = Bench(firmware=Firmware(vendor="NUCLEO-L4R5ZI", baud=baud))
    with bench.session() as session:
        facts = session.facts()
        assert bench.baud == baud
        assert (facts.model, facts.engine, facts.engine_version) == (
            "NUCLEO-L4R5ZI",
            "flashed kws01",
            "ULPMark for tinyML Firmware V0.0.1",
        )
        assert facts.cpu is None
        assert facts.reasons["cpu"] == "the firmware does not tell"


def test_windows_are_on_the_boards_clock_and_last_as_long_as_was_asked() -> None:
    bench = Bench(own=OwnClock(offset_ns=77 * 10**9, drift=3e-5))
    with bench.session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        maps = [session.clock_map()]
        windows = [model.run(Phase.MEASURE, index, seconds=5.0, min_inferences=10) for index in range(3)]
        idle = session.idle(0, 2.0)
        maps.append(session.clock_map())
    line = clock_line(maps, source="board", target="sim")
    busy = [place for place, value in enumerate(bench.board.power._steps[1]) if value == Firmware().active_w][-3:]
    for window, place in zip(windows, busy, strict=True):
        begun_ns, ended_ns = (t + 10**9 for t in bench.board.power._steps[0][place : place + 2])
        assert window.clock == "board"
        assert window.invalid is None
        assert window.duration_s >= 5.0
        assert window.duration_s == pytest.approx((window.inferences or 0) * 0.043, rel=1e-3)
        printing_ns = 2_000_000  # the first lap is stamped, then printed, and only then the first inference begins
        assert -printing_ns - 2 * line.u_ns(window.start_ns) <= line.on_target(window.start_ns) - begun_ns <= 2 * line.u_ns(window.start_ns)
        assert abs(line.on_target(window.end_ns) - ended_ns) <= 2 * line.u_ns(window.end_ns) + 1000
    assert idle.duration_s == pytest.approx(2.0)
    assert bench.board.buffer.overruns == 0
    assert not any(command.startswith("infer") and not command.endswith(" 0") for command in bench.asked), "never ten warm-ups by default"


def test_the_map_of_clocks_holds_the_truth_within_its_bracket() -> None:
    own = OwnClock(offset_ns=10**9, drift=-4e-5)
    bench = Bench(own=own)
    with bench.session() as session:
        for _ in range(10):
            found = session.clock_map()
            here_ns = found.at_ns + found.offset_ns
            shown_ns = own.at(here_ns) - own.at(10**9)
            assert abs(shown_ns - found.at_ns) <= found.bracket_ns
            assert found.bracket_ns < 2_000_000
            bench.clock.sleep(3.0)


def test_windows_survive_the_wrap_of_its_microseconds() -> None:
    bench = Bench()
    with bench.session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        bench.clock.sleep(2**32 / 1e6 - 20)
        windows = [model.run(Phase.MEASURE, index, seconds=6.0, min_inferences=1) for index in range(6)]
        assert session.clock_map().at_ns > windows[-1].end_ns > 2**32 * 1000
    assert all(6.0 <= window.duration_s < 6.5 for window in windows)
    assert all(early.end_ns < late.start_ns for early, late in itertools.pairwise(windows))


def test_an_energy_build_is_dated_by_the_host_within_a_stated_bracket() -> None:
    bench = Bench(firmware=ENERGY)
    with bench.session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        window = model.run(Phase.MEASURE, 0, seconds=5.0, min_inferences=10)
        assert session.clock_map().source == session.clock_map().target == window.clock == "sim"
    times, levels, _ = bench.board.pin._steps
    start_ns, _, end_ns, _ = (t + 10**9 for t in times[-4:])
    assert levels[-4:] == (0.0, 1.0, 0.0, 1.0)
    assert abs(window.start_ns - start_ns) <= window.bracket_ns
    assert abs(window.end_ns - end_ns) <= window.bracket_ns
    assert window.bracket_ns < 20_000_000
    assert bench.asked.count("timestamp") == 1, "each one pulses the pin"


def test_inputs_go_round_between_windows_and_are_sent_once_each_time() -> None:
    bench = Bench(options={"inputs": "3"})
    with bench.session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        loads = bench.board.heard.count("db load 490")
        assert loads == 3
        for index in (0, 1, 2, 3, 3):
            assert model.run(Phase.MEASURE, index, seconds=0.5, min_inferences=1).invalid is None
    assert bench.board.heard.count("db load 490") - loads == 3 + 1 - 1, "what is in the buffer is not sent again"
    pieces = [command for command in bench.board.heard if command.startswith("db ") and "load" not in command]
    assert max(map(len, pieces)) == 3 + 2 * 31
    assert bench.board.buffer.overruns == 0


def test_an_input_that_takes_long_to_send_is_the_only_one() -> None:
    bench = Bench(firmware=Firmware(energy=True, baud=9600, model="vww01", input_bytes=27_648), known=KnownModel(27_648))
    with bench.session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        model.run(Phase.MEASURE, 1, seconds=0.5, min_inferences=1)
    assert bench.board.heard.count("db load 27648") == 1


def test_results_that_agree_are_said_to_and_what_is_flashed_is_named() -> None:
    with Bench().session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        assert _codes(model) == ["board.flashed", "board.agrees"]
        assert "was not uploaded" in model.loaded["notes"][0]["text"]
        assert "5 inputs" in model.loaded["notes"][1]["text"]
        assert model.timing is None
        assert model.loaded["inputs"] == "samples"
        assert model.loaded["inference"] == TINY, "no tensors are set or read within a window"


@pytest.mark.parametrize(
    ("known", "codes"),
    [
        (KnownModel(off=2 / 256), ["board.flashed", "board.agrees"]),
        (KnownModel(off=0.1), ["board.flashed", "board.disagrees"]),
        (KnownModel(results=10), ["board.flashed", "board.disagrees"]),
        (KnownModel(3072), ["board.flashed", "board.other_input", "board.agrees"]),
    ],
)
def test_another_model_than_the_flashed_one_is_noticed(known: KnownModel, codes: list[str]) -> None:
    with Bench(known=known).session() as session:
        assert _codes(session.load(ARTIFACT, samples=None, plan=PLAN)) == codes


def test_without_an_engine_on_the_host_the_board_runs_on_and_it_is_said(tmp_path: Path) -> None:
    from contextlib import contextmanager

    from edgekit.core.errors import missing_extra

    @contextmanager
    def missing(artifact: Path, samples: Path | None):  # type: ignore[no-untyped-def]
        raise missing_extra("ai-edge-litert", "tflite", "this host")
        yield

    bench = Bench()
    device = BoardDevice(bench.device.spec, clock=bench.clock, open_port=bench.line.open, open_model=missing)
    with device.connect() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        assert _codes(model) == ["board.flashed", "board.unchecked"]
        assert model.run(Phase.MEASURE, 0, seconds=1.0, min_inferences=1).inferences
    assert "db load 490" in bench.board.heard, "the benchmark's keyword spotting takes that many"


def test_results_that_change_for_the_same_input_make_a_window_invalid() -> None:
    bench = Bench()
    with bench.session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        bench.board._answer = lambda data: [answer(data)[0] / 2, 0.5]
        assert (
            model.run(Phase.MEASURE, 1, seconds=0.5, min_inferences=1).invalid == "its results differ from those of the same input before"
        )


def test_a_board_whose_clock_runs_wrong_makes_a_window_invalid() -> None:
    with Bench(own=OwnClock(drift=0.2)).session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        reason = model.run(Phase.MEASURE, 0, seconds=5.0, min_inferences=1).invalid or ""
    assert "by the board's clock" in reason


def test_a_board_without_a_named_meter_is_told_to_name_one() -> None:
    bench = Bench()
    with bench.session() as session, pytest.raises(HardwareError) as refused:
        choose((), device=bench.device, session=session)
    assert (refused.value.code, "--meter" in refused.value.why) == ("meter.none", True)


def test_one_board_runs_one_model_but_the_same_one_as_often_as_wanted() -> None:
    with Bench().session() as session:
        session.load(ARTIFACT, samples=None, plan=PLAN)
        session.load(ARTIFACT, samples=None, plan=PLAN)
        with pytest.raises(UsageError) as refused:
            session.load(Path("other.tflite"), samples=None, plan=PLAN)
    assert refused.value.code == "board.one_model"


@pytest.mark.parametrize("option", [{"batch": 4}, {"threads": 2}, {"engine": "litert"}, {"delegate": "x.so"}, {"rate_hz": 5.0}])
def test_what_a_firmware_cannot_be_told_is_refused(option: dict[str, object]) -> None:
    with Bench().session() as session, pytest.raises(UsageError) as refused:
        session.load(ARTIFACT, samples=None, plan=_plan(**option))
    assert refused.value.code == "board.option"


def test_a_board_has_no_counters_and_no_operator_times() -> None:
    with Bench().session() as session:
        assert not session.probe(["rapl"])["rapl"]["usable"]
        with pytest.raises(HardwareError, match="no counters"):
            session.sample(["rapl"], hz=1.0, sink=lambda _: None, pids=())
        with pytest.raises(HardwareError, match="no operator times"):
            session.load(ARTIFACT, samples=None, plan=PLAN).profile(0, seconds=1.0, timeline="t")


def test_a_slow_board_is_waited_for() -> None:
    with Bench(firmware=Firmware(inference_s=20.0)).session() as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        assert model.run(Phase.MEASURE, 0, seconds=5.0, min_inferences=3).inferences == 3


# What goes wrong with cables, supplies and firmware.


def test_a_silent_board_is_said_with_the_speeds_that_were_tried() -> None:
    bench = Bench()
    bench.board._dead = True
    bench.clock.sleep(1.0)
    bench.board.say(bench.clock.now_ns())
    error = _refused(bench)
    assert error.code == "board.silent"
    assert "asked at 115200, 921600, 9600 baud" in error.why


def test_a_board_at_another_speed_than_was_said_speaks_garbage() -> None:
    error = _refused(Bench(options={"baud": "9600"}))
    assert error.code in ("board.garbage", "board.silent")


def test_a_line_that_only_carries_noise_is_garbage() -> None:
    bench = Bench()
    bench.line.instrument = Faulty(bench.board, [Fault(kind=FaultKind.GARBAGE, start_ns=0)])
    error = _refused(bench)
    assert error.code == "board.garbage"
    assert "may run at another speed" in error.why


@pytest.mark.parametrize("firmware", [Firmware(), ENERGY])
def test_a_reset_within_a_window_is_told_from_silence(firmware: Firmware) -> None:
    bench = Bench(firmware=firmware)

    def run(model: BoardModel) -> None:
        bench.board.reset_at(bench.clock.now_ns() + 3 * 10**9)
        model.run(Phase.MEASURE, 0, seconds=10.0, min_inferences=1)

    error = _refused(bench, run)
    assert error.code == "board.reset"
    assert bench.clock.now_ns() < 60 * 10**9, "it is noticed when it happens, not when patience ends"


def test_a_reset_while_idle_is_noticed() -> None:
    bench = Bench()
    with bench.session() as session:
        bench.board.reset_at(bench.clock.now_ns() + 10**9)
        with pytest.raises(HardwareError) as refused:
            session.idle(0, 3.0)
    assert refused.value.code == "board.reset"


def test_silence_within_a_window_ends_soon_after_the_window_should_have() -> None:
    bench = Bench()

    def run(model: BoardModel) -> None:
        start_ns = bench.clock.now_ns()
        bench.line.instrument = Faulty(bench.board, [Fault(kind=FaultKind.SILENT, start_ns=start_ns + 10**9)])
        try:
            model.run(Phase.MEASURE, 0, seconds=10.0, min_inferences=1)
        finally:
            assert bench.clock.now_ns() - start_ns < 20 * 10**9

    error = _refused(bench, run)
    assert error.code == "board.silent"
    assert "infer-start" in error.why


def test_an_unplugged_board_is_gone() -> None:
    bench = Bench()

    def pull(model: BoardModel) -> None:
        bench.line.unplug()
        model.run(Phase.MEASURE, 0, seconds=1.0, min_inferences=1)

    assert _refused(bench, pull).code == "port.gone"


def test_the_boards_own_errors_are_passed_on() -> None:
    bench = Bench()
    with bench.session() as session, pytest.raises(HardwareError) as refused:
        session._line.ask("infer 0%")
    assert (refused.value.code, refused.value.why) == ("board.refused", "Inference iterations must be >0")


def test_an_input_beyond_its_buffer_is_refused_before_a_byte_is_sent() -> None:
    bench = Bench(known=KnownModel(30_000))
    error = _refused(bench)
    assert error.code == "board.input_size"
    assert error.why == "Supplied buffer size 30000 exceeds maximum of 27648"
    assert bench.board.heard[-1] == "db load 30000"


def test_a_lost_byte_of_an_input_is_noticed() -> None:
    bench = Bench()

    class Losing:
        """Lose one byte of the third piece of an input."""

        def __init__(self) -> None:
            self.pieces = 0

        def hear(self, data: bytes, t_ns: int) -> bytes:
            self.pieces += data.startswith(b"db ") and b"load" not in data
            return bench.board.hear(data.replace(b"db ", b"db", 1) if self.pieces == 3 else data, t_ns)

        def say(self, t_ns: int) -> bytes:
            return bench.board.say(t_ns)

        def next_ns(self) -> int | None:
            return bench.board.next_ns()

    bench.line.instrument = Losing()
    assert _refused(bench).code == "board.refused"


def test_a_board_that_was_left_in_the_middle_of_a_command_is_found() -> None:
    bench = Bench()
    bench.clock.sleep(1.0)
    bench.board.hear(b"db 01020", bench.clock.now_ns())
    with bench.session() as session:
        assert session.facts().model == "EMULATED board"


def test_a_board_that_starts_when_its_line_is_opened_is_waited_for() -> None:
    bench = Bench(firmware=Firmware(boot_s=1.5))
    bench.board.reset_at(bench.clock.now_ns() + 10)
    with bench.session() as session:
        assert session.facts().engine == "flashed kws01"


# Where it is.


def test_an_address_may_carry_options() -> None:
    config = Config(path=None, runs=Path("runs"))
    spec = resolve_device("board:/dev/ttyACM3,baud=9600,inputs=2", config)
    assert (spec.name, spec.kind, spec.address) == ("board", "board", "board:/dev/ttyACM3")
    assert spec.options == {"baud": "9600", "inputs": "2"}
    assert resolve_device("board", config).kind == "board"


@pytest.mark.parametrize("options", [{"baud": "fast"}, {"inputs": "0"}, {"protocol": "morse"}, {"speed": "1"}])
def test_options_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        BoardDevice(DeviceSpec(name="b", kind="board", options=options))
    assert refused.value.code == "board.options"


PORTS = [
    SerialPlace(address="/dev/ttyACM0", vendor=0x0483, product=0x374B, text="STM32 STLink"),
    SerialPlace(address="/dev/ttyACM1", vendor=0x1915, product=0xC00A, text="PPK2"),
    SerialPlace(address="/dev/ttyACM2", vendor=0x0483, product=0x5740, text="PowerShield"),
    SerialPlace(address="/dev/ttyS0", vendor=None, product=None, text="ttyS0"),
]


def _found(ports: list[SerialPlace]) -> str:
    bench, opened = Bench(), []

    def open_port(address: str, baud: int) -> object:
        opened.append(address)
        return bench.line.open(address, baud)

    spec = DeviceSpec(name="board", kind="board", address="board:")
    device = BoardDevice(spec, clock=bench.clock, open_port=open_port, open_model=bench._open_model, ports=lambda: ports)  # type: ignore[arg-type]
    with device.connect():
        return str(opened[0])


def test_without_an_address_the_only_debug_probe_is_asked_and_no_meter() -> None:
    assert _found(PORTS) == "/dev/ttyACM0"
    with pytest.raises(HardwareError) as absent:
        _found(PORTS[1:])
    assert absent.value.code == "board.absent"
    with pytest.raises(UsageError) as several:
        _found([*PORTS, SerialPlace(address="/dev/ttyACM4", vendor=0x1366, product=0x1015, text="J-Link")])
    assert several.value.code == "board.several"


def test_a_port_without_a_board_names_ports_and_not_meters(tmp_path: Path) -> None:
    spec = DeviceSpec(name="board", kind="board", address=f"board:{tmp_path}/none")
    with pytest.raises(HardwareError) as absent, BoardDevice(spec).connect():
        pass
    assert (absent.value.code, next(command for _, command in absent.value.do)) == ("port.absent", "python -m serial.tools.list_ports -v")


def test_a_line_with_latency_changes_nothing_but_the_bracket() -> None:
    bench = Bench()
    bench.line = Line(bench.board, bench.clock, latency_ns=10_000_000)
    with bench.session() as session:
        found = session.clock_map()
        assert abs(found.at_ns + found.offset_ns - bench.clock.now_ns()) < 100_000_000
        assert 5_000_000 < found.bracket_ns < 20_000_000
