"""Benchmarks on a machine behind ssh: an ssh server on this machine stands for it. What runs there is the real thing."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.links.run import one_round
from edgekit.core.errors import EdgekitError, HardwareError, SetupError
from edgekit.core.hardware import DeviceSpec
from edgekit.core.run import RunPlan
from edgekit.core.window import Phase
from edgekit.devices.client import Client
from edgekit.devices.ssh import SshDevice
from tests.clocks import moved_clocks
from tests.loopback import Loopback, loopback
from tests.processes import wait_until
from tests.relay import relay
from tests.tiny import write_onnx

QUICK = ("--windows", "3", "--window", "0.3", "--idle", "0.3", "--warmup", "0.2", "--cooldown", "0.05", "--idle-between", "0")
PLAN = RunPlan(windows=1, window_s=0.1, min_inferences=10, idle_s=0.1, warmup_s=0.1, cooldown_s=0.0)


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


def device(server: Loopback, *, port: int | None = None, options: dict[str, str] | None = None, **more) -> SshDevice:
    """Return the machine, reached through another port when one is given."""
    config = server.config if port is None else server.through(port)
    address = server.address if port is None else "ssh://localhost"
    given = {"ssh_config": str(config), **(options or {})}
    return SshDevice(DeviceSpec(name="bench", kind="ssh", address=address, options=given), cache_dir=server.folder / "here", **more)


def refused(server: Loopback, **options: str) -> EdgekitError:
    with pytest.raises(EdgekitError) as caught, device(server, options=options).connect():
        pass
    assert caught.value.do, "what to do next"
    wait_until(lambda: not server.sessions(), "the end of every process there", seconds=10)
    return caught.value


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_an_artifact_is_measured_over_ssh_and_nothing_is_left_behind(run_edgekit, tmp_path, there):
    model = write_onnx(tmp_path / "a model.onnx")
    done = run_edgekit("--json", "bench", model, "--device", there.address, "--meter", "cputime", *QUICK, env=there.env)
    assert done.returncode == 0, done.stderr
    (run,) = done.json()["data"]["runs"]
    assert run["status"] == "complete"
    assert run["device"]["kind"] == "ssh"
    assert run["analysis"]["energy_j_per_inference"]["value"] > 0
    clocks = {window["clock"] for window in run["windows"]}
    assert len(clocks) == 1
    assert clocks != {"host"}, "what happens there is on the clock of that machine"
    assert len(run["clock_maps"]) >= 5, "one before, one after, and one for each round"
    assert all(item["bracket_ns"] < 5_000_000 for item in run["clock_maps"])
    assert not there.sessions()
    kept = sorted(path.name for path in there.home.rglob("*") if path.is_file())
    assert [name for name in kept if name.endswith((".onnx", ".part"))] == ["a model.onnx"]
    assert sum(name.endswith(".pyz") for name in kept) == 1
    assert not (there.home / ".ssh").exists(), "nothing of the user's is written"


def test_the_offset_of_its_clock_is_known_within_a_millisecond_and_the_bracket_covers_the_truth(there, tmp_path):
    library = moved_clocks(tmp_path, "static long shift_s(clockid_t id) { return id == CLOCK_MONOTONIC ? 1000 : 0; }")
    python = program(tmp_path / "python", f'LD_PRELOAD={shlex.quote(str(library))} exec {shlex.quote(sys.executable)} "$@"')
    with device(there, options={"python": python}).connect() as session:
        maps = [session.clock_map() for _ in range(20)]
        window = session.idle(0, 0.05)
        here_ns = time.monotonic_ns()
    errors = [item.offset_ns + 1000 * 10**9 for item in maps]
    assert max(map(abs, errors)) < 1_000_000
    assert [error for error, item in zip(errors, maps, strict=True) if abs(error) > item.bracket_ns] == []
    assert 0 < here_ns - (window.end_ns - 1000 * 10**9) < 1_000_000_000


@pytest.mark.slow
def test_a_second_benchmark_is_told_who_has_the_machine_until_that_one_is_gone(there, tmp_path):
    holding = f"""
import sys, time
from pathlib import Path
from edgekit.core.hardware import DeviceSpec
from benchmarks.links.run import one_round
from edgekit.devices.ssh import SshDevice
spec = DeviceSpec(name="bench", kind="ssh", address={there.address!r}, options={there.options!r})
with SshDevice(spec, cache_dir=Path({str(tmp_path)!r})).connect():
    print("held", flush=True)
    time.sleep(60)
"""
    first = subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(HardwareError) as caught, device(there).connect():
            pass
        assert caught.value.code == "device.busy"
        assert f"(process {first.pid} there)" in caught.value.why
        assert "since 20" in caught.value.why
        look, again = (command for _, command in caught.value.do)
        assert look.startswith("ssh ")
        assert look.endswith("pgrep -af runner-'")
        assert again.startswith("edgekit doctor --device ")
    finally:
        first.kill()
        first.communicate()
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)
    with device(there).connect() as session:
        assert session.facts().python


@pytest.mark.slow
def test_what_is_there_is_not_sent_again_and_what_was_cut_off_goes_on(there, tmp_path):
    model = tmp_path / "large.onnx"
    model.write_bytes(os.urandom(3_000_000))
    with relay(there.port, rate=2e6) as between:

        def send() -> None:
            with device(there, port=between.port).connect() as session:
                enough = between.passed + 1_000_000
                _cut_when(lambda: between.passed > enough, between.cut)
                session.load(model, samples=None, plan=PLAN)

        with pytest.raises(HardwareError) as caught:
            send()
        assert caught.value.code == "ssh.lost"
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)
    (part,) = there.home.rglob("large.onnx.part")
    have = part.stat().st_size
    assert 0 < have < 3_000_000
    with relay(there.port) as between, device(there, port=between.port).connect() as session:
        before = between.passed
        with pytest.raises(EdgekitError) as refusal:
            session.load(model, samples=None, plan=PLAN)
        assert refusal.value.code == "model.refused", "it arrived, and random bytes are no model"
        assert 3_000_000 - have <= between.passed - before < 3_000_000 - have + 300_000
        before = between.passed
        with pytest.raises(EdgekitError):
            session.load(model, samples=None, plan=PLAN)
        assert between.passed - before < 300_000, "it was there"
    (whole,) = there.home.rglob("large.onnx")
    assert whole.read_bytes() == model.read_bytes()
    assert not part.exists()


@pytest.mark.slow
def test_a_model_whose_weights_are_in_another_file_runs_there_and_here(run_edgekit, there, tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model = onnx.load(write_onnx(tmp_path / "whole.onnx", width=512))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    weights, places = tmp_path / "m.onnx.data", []
    with device(there).connect() as session:
        for _ in range(2):
            loaded = session.load(tmp_path / "m.onnx", samples=None, plan=PLAN)
            assert loaded.run(Phase.MEASURE, 0, seconds=0.05, min_inferences=1).inferences
            loaded.close()
            places = sorted(there.home.rglob("m.onnx.data"))
            assert weights.read_bytes() in [path.read_bytes() for path in places]
            weights.write_bytes(weights.read_bytes()[::-1])  # other weights for the same graph: none may stand in for the others
    assert len(places) == 2
    assert all((path.parent / "m.onnx").read_bytes() == (tmp_path / "m.onnx").read_bytes() for path in places)
    done = run_edgekit("--json", "bench", tmp_path / "m.onnx", "--meter", "cputime", "--cold-starts", "0", *QUICK)
    assert done.returncode == 0, done.stderr
    artifact = done.json()["data"]["runs"][0]["artifact"]
    assert artifact["size_bytes"] > weights.stat().st_size
    weights.unlink()
    refused_ = run_edgekit("--json", "bench", tmp_path / "m.onnx", "--device", there.address, "--meter", "cputime", env=there.env)
    assert (refused_.returncode, refused_.json()["data"]["code"]) == (5, "model.external_data")


@pytest.mark.slow
def test_a_part_that_was_damaged_there_is_sent_anew(there, tmp_path):
    model = write_onnx(tmp_path / "damaged.onnx", width=512)
    with device(there).connect() as session:
        path = Path(session._shell.put(model))
        path.with_name(path.name + ".part").write_bytes(b"x" * 100)
        path.unlink()
        session.load(model, samples=None, plan=PLAN).close()
        assert path.read_bytes() == model.read_bytes()
        path.write_bytes(b"x" * path.stat().st_size)  # a card that loses bits
        session.load(model, samples=None, plan=PLAN).close()
        assert path.read_bytes() == model.read_bytes()


def test_a_disk_that_is_too_small_is_found_before_anything_is_sent(there, tiny_disk):
    error = refused(there, cache=str(tiny_disk / "cache"))
    assert error.code == "device.disk_full"
    assert "are free in" in error.why
    assert error.do[0][1].startswith("ssh "), "what is pasted here looks there, and removes nothing"
    assert not list(tiny_disk.rglob("*.part"))


def test_a_model_larger_than_the_memory_is_not_sent(there, tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 512 kB\n")
    model = tmp_path / "big.onnx"
    model.write_bytes(bytes(600_000))
    with pytest.raises(HardwareError) as caught, device(there, options={"proc_root": str(tmp_path / "proc")}).connect() as session:
        session.load(model, samples=None, plan=PLAN)
    assert caught.value.code == "device.memory"
    assert not list(there.home.rglob("big.onnx*"))


def test_an_ordinary_user_without_a_folder_of_its_own_is_told(tmp_path):
    rights = "-dac_override,-dac_read_search,-fowner,-chown,-setuid"
    wrap = f"setpriv --bounding-set={rights} --inh-caps={rights}" if os.geteuid() == 0 else ""
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    with loopback(wrap=wrap) as server:
        error = refused(server, cache=str(closed / "cache"))
    assert error.code == "device.permission"
    assert str(closed) in error.why


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("exit 127", "device.no_python"),
        ("echo no; exit 0", "device.no_python"),
        ("echo 3.8", "device.python_too_old"),
        ("echo 2.7; exit 1", "device.python_too_old"),
    ],
)
def test_a_python_that_does_not_do_is_named(there, tmp_path, answer, code):
    error = refused(there, python=program(tmp_path / "python", answer))
    assert error.code == code
    assert str(tmp_path / "python") in error.why


def test_a_machine_without_python_says_so(tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "cat"):
        (bare / name).symlink_to(Path("/bin") / name)
    with loopback(path=str(bare)) as server:
        error = refused(server)
    assert error.code == "device.no_python"
    assert any("apt-get install python3" in command for _, command in error.do)


def test_a_newer_python_beside_an_old_one_is_found(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "python3", "echo 3.7; exit 1")
    program(folder / "python3.12", f'exec {shlex.quote(sys.executable)} "$@"')
    with loopback(path=f"{folder}:/usr/bin:/bin") as server, device(server).connect() as session:
        assert session.facts().python


@pytest.mark.slow
def test_the_environment_that_setup_made_comes_before_the_systems_python(tmp_path):
    with loopback() as server:
        venv = server.home / ".cache" / "edgekit" / "venv" / "bin"
        venv.mkdir(parents=True)
        program(venv / "python", f'echo used >> {shlex.quote(str(tmp_path / "used"))}; exec {shlex.quote(sys.executable)} "$@"')
        with device(server).connect():
            assert (tmp_path / "used").exists()
        error = refused(server, venv="~/.cache/edgekit/nowhere")
    assert error.code == "device.no_python", "a stated environment is not replaced in silence"


def test_an_engine_that_is_missing_there_is_named_with_the_command_that_installs_it(there, tmp_path):
    python = program(tmp_path / "python", f'exec {shlex.quote(sys.executable)} -S "$@"')
    with device(there, options={"python": python}).connect() as session, pytest.raises(SetupError) as caught:
        session.load(write_onnx(tmp_path / "m.onnx"), samples=None, plan=PLAN)
    assert caught.value.code == "setup.extra"
    assert caught.value.do == (("install it there:", "edgekit devices setup bench"),)  # where a run goes on without it, it is told so too


@pytest.mark.parametrize(("what", "package"), [("onnxruntime fell back from cuda", "onnxruntime-gpu"), ("torch sees no GPU", "torch")])
def test_an_engine_without_cuda_is_replaced_where_it_runs(what, package):
    refusal = {"ok": False, "error": {"code": "engine.no_cuda", "what": what}}
    for install, advice in ((None, f"pip install {package}"), (lambda name: ("there:", f"setup {name}"), f"setup {package}")):
        with pytest.raises(HardwareError) as caught:
            Client(None, device="gpu", install=install).checked(refusal)
        assert caught.value.do[-1][1] == advice


def test_a_runner_of_another_protocol_is_refused(there, tmp_path):
    answer = (
        '{"id":1,"ok":false,"error":{"code":"protocol.mismatch","what":"this runner speaks another protocol","why":"runner 9, host 1"}}'
    )
    python = program(
        tmp_path / "python",
        f'case "$2" in infer) read -r line; echo {shlex.quote(answer)};; *) exec {shlex.quote(sys.executable)} "$@";; esac',
    )
    with pytest.raises(HardwareError) as caught, device(there, options={"python": python}).connect():
        pass
    assert caught.value.code == "protocol.mismatch"
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)


@pytest.mark.slow
def test_a_runner_that_is_killed_costs_its_model_and_leaves_the_machine(there, tmp_path):
    with device(there).connect() as session:
        model = session.load(write_onnx(tmp_path / "m.onnx"), samples=None, plan=PLAN)
        assert model.pid is not None
        assert model.run(Phase.MEASURE, 0, seconds=0.05, min_inferences=1).inferences
        os.kill(model.pid, signal.SIGKILL)
        with pytest.raises(HardwareError) as caught:
            model.run(Phase.MEASURE, 1, seconds=0.05, min_inferences=1)
        assert (caught.value.code, "signal 9" in caught.value.why) == ("runner.died", True)
        assert session.facts().python, "the rest of the session goes on"


@pytest.mark.slow
def test_a_cable_that_is_pulled_is_noticed_here_and_everything_ends_there(there, tmp_path):
    with relay(there.port) as between:
        quick = {"alive_s": 1, "beat_s": 0.3, "silence_s": 2.0}

        def pull() -> None:
            with device(there, port=between.port, **quick).connect() as session:
                model = session.load(write_onnx(tmp_path / "m.onnx"), samples=None, plan=PLAN)
                between.hush()
                model.run(Phase.MEASURE, 0, seconds=600, min_inferences=1)

        began = time.monotonic()
        with pytest.raises(HardwareError) as caught:
            pull()
        assert caught.value.code == "ssh.lost"
        assert time.monotonic() - began < 30
        left = lambda: [line for line in there.sessions().values() if ".pyz" in line]  # noqa: E731
        wait_until(lambda: not left(), "the end of every runner there, with the link still silent", seconds=15)


@pytest.mark.slow
def test_a_machine_that_starts_anew_is_told_from_a_lost_link(there, tmp_path):
    (tmp_path / "sys" / "kernel" / "random").mkdir(parents=True)
    start = tmp_path / "sys" / "kernel" / "random" / "boot_id"
    start.write_text("one\n")

    def reset() -> None:
        with device(there, options={"proc_root": str(tmp_path)}).connect() as session:
            model = session.load(write_onnx(tmp_path / "m.onnx"), samples=None, plan=PLAN)
            start.write_text("two\n")
            threading.Timer(0.3, there.reset).start()
            model.run(Phase.MEASURE, 0, seconds=60, min_inferences=1)

    with pytest.raises(HardwareError) as caught:
        reset()
    assert caught.value.code == "ssh.lost"
    assert "has started anew" in caught.value.why
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)


@pytest.mark.slow
def test_a_slow_link_changes_no_window_and_the_brackets_say_that_it_is_slow(there, tmp_path):
    with relay(there.port, rate=1e6, delay_s=0.02) as between, device(there, port=between.port).connect() as session:
        model = session.load(write_onnx(tmp_path / "m.onnx"), samples=None, plan=PLAN)
        clocks = session.clock_map()
        window = model.run(Phase.MEASURE, 0, seconds=0.3, min_inferences=1)
        idle = session.idle(0, 0.3)
    assert 0.02e9 <= clocks.bracket_ns < 0.2e9
    assert abs(clocks.offset_ns) <= clocks.bracket_ns, "both clocks are one"
    assert window.bracket_ns < 1_000_000, "read there, not here"
    assert 0.3 <= window.duration_s < 0.4
    assert idle.bracket_ns >= 0.02e9
    assert idle.start_ns > window.end_ns - clocks.bracket_ns


@pytest.mark.slow
def test_two_models_and_a_sampler_share_the_connection(there, tmp_path):
    readings = []
    with device(there).connect() as session:
        models = [session.load(write_onnx(tmp_path / f"{n}.onnx", width=n), samples=None, plan=PLAN) for n in (8, 16)]
        pids = [model.pid for model in models if model.pid is not None]
        with session.sample(["cputime"], hz=50, sink=readings.extend, pids=pids):
            windows = [model.run(Phase.MEASURE, 0, seconds=0.2, min_inferences=1) for model in models]
    assert windows[0].end_ns <= windows[1].start_ns
    assert readings


def _cut_when(condition: Callable[[], bool], cut: Callable[[], None]) -> None:
    def watch() -> None:
        with contextlib.suppress(AssertionError):
            wait_until(condition, "the upload", seconds=20)
        cut()

    threading.Thread(target=watch, daemon=True).start()


@pytest.mark.slow
def test_the_link_does_not_touch_the_numbers(there, tmp_path):
    model = write_onnx(tmp_path / "m.onnx", width=512)
    ratios = [one_round(model, None, there, slices=6, seconds=0.05)[2] for _ in range(3)]
    assert 0.85 < statistics.median(ratios) < 1.15, "benchmarks/links holds it to 2 % on a quiet machine"
