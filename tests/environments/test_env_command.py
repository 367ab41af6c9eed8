"""`edgekit env`: made in one command from a folder of wheels, listed, removed; nothing half made is ever used."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.environments import known, place
from edgekit.environments.place import MARK
from tests.conftest import Completed, clean_environment
from tests.environments.pretending import pretending_python
from tests.environments.wheels import offline, wheel
from tests.processes import descendants, wait_until

NAME = next((name for name, wanted in known().items() if wanted.fits(sys.version_info[:2])), "")
MAKE = ("env", "create", NAME, "--python", sys.executable)

Edgekit = Callable[..., Completed]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with a wheel for every package of the environment; the modules that are imported to see whether it works are in the last."""
    if not NAME:
        pytest.skip("no environment can be made from this Python")
    folder = tmp_path / "wheels"
    folder.mkdir()
    for pin in known()[NAME].pins:
        name, _, version = pin.partition("==")
        wheel(folder, name, version, modules=modules() if name == known()[NAME].package else {})
    return folder


def modules() -> dict[str, str]:
    named = [module.partition(".") for module in known()[NAME].modules]
    return {path: "" for package, _, inner in named for path in (f"{package}/__init__.py", f"{package}/{inner}.py")}


def states(done: Completed) -> dict[str, str]:
    return {item["name"]: item["state"] for item in done.json()["data"]["environments"]}


@pytest.mark.slow
def test_it_is_made_found_used_and_removed(run_edgekit: Edgekit, tmp_path: Path, index: Path) -> None:
    env = {"EDGEKIT_DATA": str(tmp_path / "my data"), **offline(index), "PYTHONPATH": "/nowhere", "PIP_USER": "1"}
    done = run_edgekit(*MAKE, "--json", env=env)
    assert done.returncode == 0, done.stderr
    made = done.json()["data"]
    assert made["made"] is True
    assert made["environment"]["versions"].items() >= dict(pin.split("==") for pin in known()[NAME].pins).items()
    assert "install" in done.stderr
    python = Path(made["environment"]["python"])
    assert python.is_relative_to(tmp_path / "my data" / "environments" / NAME)
    program = "import sys, importlib; [importlib.import_module(name) for name in sys.argv[1:]]; print(sys.prefix)"
    used = subprocess.run([python, "-c", program, *known()[NAME].modules], capture_output=True, text=True, check=True)
    assert used.stdout.strip() == made["environment"]["folder"]
    assert states(run_edgekit("env", "list", "--json", env=env))[NAME] == "ready"

    again = run_edgekit(*MAKE, "--json", env={**env, "PIP_FIND_LINKS": "/nowhere"})
    assert (again.returncode, again.json()["data"]["made"]) == (0, False)
    assert again.json()["notes"][0]["code"] == "environment.ready"

    removed = run_edgekit("env", "remove", NAME, env=env)
    assert removed.returncode == 0
    assert not (tmp_path / "my data" / "environments" / NAME).exists()
    assert run_edgekit("env", "remove", NAME, env=env).returncode == 2


@pytest.fixture
def pretending(tmp_path: Path) -> tuple[str, ...]:
    """The command that makes an environment with a Python that only pretends, and takes no time."""
    return ("env", "create", "onnx2tf", "--python", str(pretending_python(tmp_path)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PRETEND_PIP", "ERROR: No matching distribution found for onnx2tf==2.6.9"),
        ("PRETEND_IMPORT", "echo 'ImportError: libsomething.so.1: cannot open shared object file' >&2; exit 1"),
    ],
)
def test_what_cannot_be_installed_or_does_not_work_leaves_nothing(
    run_edgekit: Edgekit, tmp_path: Path, pretending: tuple[str, ...], name: str, words: str
) -> None:
    done = run_edgekit(*pretending, "--json", env={"EDGEKIT_DATA": str(tmp_path / "data"), name: words})
    assert done.returncode == 6
    error = done.json()["data"]
    assert error["code"] == "environment.failed"
    assert error["why"] in words
    assert len(error["why"]) > 40
    assert not place("onnx2tf", tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_stopped_half_way_it_is_not_used_and_can_be_made_again(
    run_edgekit: Edgekit, tmp_path: Path, pretending: tuple[str, ...], ending: signal.Signals
) -> None:
    begun, env = tmp_path / "begun", {"EDGEKIT_DATA": str(tmp_path / "data")}
    slow = clean_environment({**env, "PRETEND_IMPORT": f"touch {begun}; sleep 600"})
    child = subprocess.Popen([sys.executable, "-m", "edgekit", *pretending], env=slow, cwd=tmp_path, stderr=subprocess.DEVNULL)
    below: set[int] = set()
    try:
        wait_until(begun.exists, "the last step of making it")
        assert run_edgekit(*pretending, "--json", env=env).json()["data"]["code"] == "environment.busy"
        below = set(descendants(child.pid))
        child.send_signal(ending)
        child.wait(timeout=60)
    finally:
        child.kill()
        child.wait()
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert child.returncode == (130 if ending is signal.SIGINT else -9)
    assert not (place("onnx2tf", tmp_path / "data") / MARK).exists()
    assert states(run_edgekit("env", "list", "--json", env=env))["onnx2tf"] == ("absent" if ending is signal.SIGINT else "unfinished")
    again = run_edgekit(*pretending, "--json", env=env)
    assert (again.returncode, again.json()["data"]["environment"]["state"]) == (0, "ready")


def test_force_makes_a_ready_one_anew(run_edgekit: Edgekit, tmp_path: Path, pretending: tuple[str, ...]) -> None:
    env = {"EDGEKIT_DATA": str(tmp_path / "data")}
    assert run_edgekit(*pretending, env=env).returncode == 0
    left = place("onnx2tf", tmp_path / "data") / "left over"
    left.touch()
    assert run_edgekit(*pretending, "--json", env=env).json()["data"]["made"] is False
    assert left.exists()
    assert run_edgekit(*pretending, "--force", "--json", env=env).json()["data"]["made"] is True
    assert not left.exists()


def test_a_disk_without_room_is_refused_before_anything_is_made(run_edgekit: Edgekit, tiny_disk: Path) -> None:
    done = run_edgekit("env", "create", NAME, "--python", sys.executable, "--json", env={"EDGEKIT_DATA": str(tiny_disk)})
    assert done.json()["data"]["code"] == "environment.no_room"
    assert [path.name for path in (tiny_disk / "environments").iterdir()] == [f"{NAME}.lock"]


def test_a_python_that_does_not_fit_is_refused(run_edgekit: Edgekit, tmp_path: Path) -> None:
    other = next(name for name, wanted in known().items() if not wanted.fits(sys.version_info[:2]))
    done = run_edgekit("env", "create", other, "--python", sys.executable, env={"EDGEKIT_DATA": str(tmp_path)})
    assert done.returncode == 6
    assert "[environment.no_python]" in done.stderr
    assert f"it is Python {sys.version_info[0]}.{sys.version_info[1]}" in done.stderr
    assert list(tmp_path.glob("environments/*/*")) == []


def test_the_list_says_what_each_is_for_and_how_to_make_it(run_edgekit: Edgekit, tmp_path: Path) -> None:
    done = run_edgekit("env", "list", env={"EDGEKIT_DATA": str(tmp_path)})
    for name, wanted in known().items():
        assert f"edgekit env create {name}" in done.stdout
        assert wanted.wanted_python in " ".join(done.stdout.split())


def test_one_place_serves_all_projects_whatever_their_configuration_says(run_edgekit: Edgekit, tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text('data = "./here"\n')
    listed = run_edgekit("env", "list", "--json", env={"EDGEKIT_DATA": "", "XDG_DATA_HOME": str(tmp_path / "share")})
    folders = {Path(item["folder"]) for item in listed.json()["data"]["environments"]}
    assert folders
    assert not any(folder.is_relative_to(tmp_path / "here") for folder in folders)


def test_a_name_nobody_knows_gets_the_nearest(run_edgekit: Edgekit) -> None:
    done = run_edgekit("env", "create", "onnx2ft", "--json")
    assert done.returncode == 2
    assert done.json()["data"]["code"] == "environment.unknown"
    assert json.dumps(done.json()).count("did you mean onnx2tf?") == 1
