"""The board device drives a board of another make: a program in C that was written from the protocol alone, on a pseudo-terminal."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.window import Phase
from edgekit.devices.board import BoardDevice
from edgekit.devices.board_session import BoardSession
from edgekit.devices.host_model import Expected
from edgekit.links.port import SerialPort
from tests.devices.boards import ARTIFACT, PLAN

SOURCE = Path(__file__).resolve().parents[1] / "boards" / "tiny.c"

Open = Callable[..., contextlib.AbstractContextManager[str]]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Return what starts a board and yields the path of its line."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("this machine has no C compiler")
    program = tmp_path_factory.mktemp("board") / "tiny"
    subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o", program, SOURCE], check=True)

    @contextlib.contextmanager
    def start(*options: str) -> Iterator[str]:
        with subprocess.Popen([program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            try:
                yield running.stdout.readline().strip()
            finally:
                running.kill()

    return start


class SummingModel:
    """Compute what the program computes."""

    inputs, samples, engine = "samples", 3, "known 1"

    def expected(self, index: int, model: str) -> Expected:
        """Return one input of 100 bytes, and the sums of every fourth."""
        wire = bytes((index * 7 + place * 11) % 256 for place in range(100))
        return Expected(wire=wire, results=tuple(sum(wire[first::4]) % 250 / 1000 for first in range(4)), step=None)


@contextlib.contextmanager
def _model(artifact: Path, samples: Path | None) -> Iterator[SummingModel]:
    yield SummingModel()


@contextlib.contextmanager
def _session(path: str) -> Iterator[BoardSession]:
    spec = DeviceSpec(name="c", kind="board", address=f"board:{path}")
    with BoardDevice(spec, open_model=_model).connect() as session:  # type: ignore[arg-type]
        yield session


@pytest.mark.parametrize("energy", [False, True])
def test_a_board_of_another_make_is_driven(tiny: Open, energy: bool) -> None:
    with tiny("-u", "2000", *(["-e"] if energy else [])) as path, _session(path) as session:
        assert session.facts().model == "EMULATED in C"
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        assert [note["code"] for note in model.loaded["notes"]] == ["board.flashed", "board.agrees"]
        windows = [model.run(Phase.MEASURE, index, seconds=0.3, min_inferences=10) for index in range(2)]
        assert session.spec.rehearsed
        idle = session.idle(0, 0.05)
    for window in windows:
        assert window.invalid is None
        assert window.duration_s >= 0.3
        assert (window.inferences or 0) * 0.002 == pytest.approx(window.duration_s, abs=0.06)
        assert window.clock == idle.clock == ("host" if energy else "board")


@pytest.mark.slow
def test_its_counter_wraps_and_the_clocks_still_join(tiny: Open) -> None:
    with tiny("-u", "1000", "-w", str(2**32 - 3_000_000)) as path, _session(path) as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        before = session.clock_map()
        windows = [model.run(Phase.MEASURE, index, seconds=1.0, min_inferences=1) for index in range(3)]
        after = session.clock_map()
    assert all(early.end_ns < late.start_ns for early, late in itertools.pairwise(windows))
    assert after.at_ns > 2**32 * 1000
    assert abs(after.offset_ns - before.offset_ns) <= after.bracket_ns + before.bracket_ns + 1_000_000


def test_its_reset_within_a_window_is_noticed(tiny: Open) -> None:
    with tiny("-u", "1000", "-r", "8") as path, _session(path) as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        with pytest.raises(HardwareError) as refused:
            [model.run(Phase.WARMUP, index, seconds=0.1, min_inferences=1) for index in range(20)]
    assert refused.value.code == "board.reset"


def test_it_ends_while_it_is_asked(tiny: Open) -> None:
    with tiny("-u", "1000") as path, _session(path) as session:
        model = session.load(ARTIFACT, samples=None, plan=PLAN)
        session._line.port.close()
        with pytest.raises(HardwareError) as refused:
            model.run(Phase.WARMUP, 0, seconds=0.1, min_inferences=1)
    assert refused.value.code == "port.gone"


SAME = (
    "name",
    "nonsense",
    "infer 0",
    "infer 1 -1",
    "db",
    "db load",
    "db load 0",
    "db load 30000",
    "db load 10",
    "db 012",
    "db 0g",
    "db 000102030405060708",
    "db 09ff",
    "db print",
)


def test_both_boards_answer_alike(tiny: Open) -> None:
    """Ask the program and the emulated board of the package the same, and compare what they say but for their names."""
    from tests.sim.test_tiny_board import Talk

    talk, said = Talk(), []
    with tiny() as path, contextlib.closing(SerialPort(path, 115_200)) as port:
        for command in SAME:
            port.write(f"{command}%".encode())
            answer = b""
            while not answer.endswith(b"m-ready\r\n"):
                got = port.read(4096, 5.0)
                assert got, command
                answer += got
            said.append(answer.decode().replace("EMULATED in C", "a board"))
    assert said == [talk.ask(command + "%") for command in SAME]
