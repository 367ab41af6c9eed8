"""Ctrl-C, typed at a terminal, in each phase of a benchmark on a machine behind ssh: nothing is lost here, and nothing is left there.

Phases are told apart by what the benchmark itself says of them; each lasts so long that the key is pressed in its middle.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgekit.store.runs import read_record
from tests.conftest import clean_environment
from tests.faults.scene import measured
from tests.loopback import Loopback, loopback
from tests.powercap import drawing
from tests.processes import descendants, wait_until
from tests.relay import relay
from tests.stillness import Machine

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the folders are those of Linux")]

PLAN = {"--windows": "9", "--window": "0.4", "--idle": "0.3", "--warmup": "0.1", "--cooldown": "0.05", "--cold-starts": "0"}
# A terminal of its own, in which Ctrl-C reaches everything in the foreground; whoever starts the tests may have had it ignored.
_ENTER = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "edgekit", *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Phase:
    """Hold a phase: what makes it long, what is said when it is reached, and how many windows are measured by then."""

    said: str
    plan: dict[str, str]
    windows: int = 0


PHASES = {
    "connect": Phase(r"connect to bench", {}),
    "upload": Phase(r"load large\.onnx", {}),
    "warm-up": Phase(r"warm up for 60 s", {"--warmup": "60"}),
    "idle": Phase(r"idle for 60 s", {"--idle": "60"}),
    "window": Phase(r"measure 3 of 9", {"--window": "1"}, windows=2),
    "cool-down": Phase(r"measure 1 of 9", {"--cooldown": "60"}, windows=1),
    "idle at the end": Phase(r"(?s)measure 1 of 1.*idle for 2 s", {"--windows": "1", "--idle": "2"}, windows=1),
    "cold start": Phase(r"start tiny\.onnx cold", {"--windows": "1", "--cold-starts": "500"}, windows=1),
}


class Terminal:
    """Run `edgekit ARGS` at a terminal of its own, and read along."""

    def __init__(self, args: list[str], *, cwd: Path, env: dict[str, str]) -> None:
        self._keys, theirs = os.openpty()
        self.said = ""
        environment = clean_environment({"TERM": "xterm", **env})
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ENTER, *args],
            cwd=cwd,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def reaches(self, pattern: str) -> None:
        """Wait until it has said what matches."""
        wait_until(lambda: bool(re.search(pattern, self.said)) or self.process.poll() is not None, f"saying {pattern!r}")
        assert self.process.poll() is None, self.said

    def press_ctrl_c(self) -> None:
        os.write(self._keys, b"\x03")

    def ends(self) -> int:
        """Return its exit status."""
        status = self.process.wait(30)
        self._reader.join(5)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        os.close(self._keys)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # that is how a terminal ends
            while data := os.read(self._keys, 1 << 16):
                self.said += data.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Offer a machine with governors and a service to hold still, and a counter of joules."""
    with drawing(tmp_path / "powercap", 5.0):
        yield Machine(tmp_path / "machine")


def is_free(server: Loopback) -> bool:
    """Return whether nobody holds the machine's lock."""
    with (server.home / "tmp/edgekit.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@pytest.mark.parametrize("name", PHASES)
def test_ctrl_c_in_each_phase_loses_nothing_and_leaves_nothing_there(there, tiny, tmp_path, machine, name):
    phase, model = PHASES[name], tiny
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(loopback(login="sleep 60")) if name == "connect" else there
        options = {f"{root}_root": path for root, path in machine.roots.items()} | {"powercap_root": str(tmp_path / "powercap")}
        toml = server.toml(**options)
        if name == "upload":
            model = tmp_path / "large.onnx"
            model.write_bytes(os.urandom(5_000_000))
            between = stack.enter_context(relay(there.port, rate=2e6))
            toml = there.toml(address="ssh://localhost", **{**options, "ssh_config": str(there.through(between.port))})
        (tmp_path / "edgekit.toml").write_text(toml.replace("\n\n", '\nservices = ["cron"]\n\n', 1))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ek-t-")))  # a name short enough for a socket
        times = [word for pair in {**PLAN, **phase.plan}.items() for word in pair]
        bench = Terminal(
            ["--style", "rich", "bench", str(model), "--device", "bench", "--meter", "rapl", "--prepare", "--idle-between", "0", *times],
            cwd=tmp_path,
            env={"TMPDIR": str(scratch)},
        )
        stack.callback(bench.close)
        bench.reaches(phase.said)
        if name == "connect":
            wait_until(lambda: any("sleep 60" in line for line in server.sessions().values()), "the login", seconds=10)
        elif name == "upload":
            wait_until(lambda: bool(list(there.home.rglob("large.onnx.part"))), "the first bytes of the model")
        elif name == "cool-down":  # nothing is drawn when a window ends; that it is kept tells
            (journal,) = tmp_path.glob("runs/.open/*/journal.jsonl")
            wait_until(lambda: '"phase": "measure"' in journal.read_text(), "the end of the window")
        assert name == "connect" or machine.still, "the machine is prepared"
        ours = descendants(bench.process.pid)
        bench.press_ctrl_c()
        assert bench.ends() == 130, bench.said
        assert "Traceback" not in bench.said
        wait_until(lambda: not server.sessions(), "the end of every process there", seconds=10)
        assert not [line for pid, line in descendants(1).items() if ours.get(pid) == line], "nothing runs on here"
        assert not list(scratch.iterdir()), "no socket and no folder is left here"
        assert machine.as_it_was
        if name != "connect":
            assert is_free(there)
            assert not (there.home / ".cache/edgekit/prepared.json").read_text()
        kept = [read_record(path) for path in tmp_path.glob("runs/*/run.json")]
        assert not (tmp_path / "runs/.open").exists()
        assert len(kept) == bool(phase.windows), "a run without a window says nothing"
        for record in kept:
            assert (record.status, len(measured(record)) >= phase.windows) == ("interrupted", True)
            assert f"{len(measured(record))} measured window" in " ".join(bench.said.split())
