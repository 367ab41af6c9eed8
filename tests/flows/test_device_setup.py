"""Setting up a machine: what would be done is shown, asked for, done once, and goes on where it stopped."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import HardwareError
from edgekit.devices.offers import Site, offers, usual
from edgekit.devices.premises import Inside
from edgekit.flows.device_setup import SetupPlan, SetupRequest, plan_setup
from tests.environments.wheels import offline, wheel

VENV = "/srv/pi/.cache/edgekit/venv"


def site(machine: str = "aarch64", python: tuple[int, ...] = (3, 11, 2), glibc: tuple[int, ...] | None = (2, 36)) -> Site:
    return Site(machine=machine, python=python, glibc=glibc)


@pytest.mark.parametrize(
    ("where", "packages"),
    [
        (site(python=(3, 9, 2), glibc=(2, 31)), ["ai-edge-litert", "onnxruntime"]),
        (site(), ["ai-edge-litert", "onnxruntime"]),
        (site(python=(3, 13, 5), glibc=(2, 41)), ["ai-edge-litert", "onnxruntime"]),
        (site("x86_64", (3, 14, 0), (2, 41)), ["ai-edge-litert", "onnxruntime"]),
        (site("armv7l"), ["tflite-runtime"]),
        (site("armv7l", (3, 9, 2), (2, 31)), ["tflite-runtime"]),
        (site("armv7l", (3, 13, 5), (2, 41)), []),
        (site("armv6l"), []),
        (site(glibc=None), []),
        (site("riscv64"), []),
        (site(python=(3, 15, 0)), []),
    ],
    ids=str,
)
def test_each_system_gets_the_engines_that_exist_for_it(where: Site, packages: list[str]) -> None:
    assert [offer.package for offer in usual(where)] == packages


def test_the_old_runtime_comes_with_the_old_numpy_and_can_be_asked_for_on_64_bits() -> None:
    assert offers(site())["tflite-runtime"].requirements == ("tflite-runtime==2.14.0", "numpy<2")
    assert "tflite-runtime" not in offers(site(python=(3, 13, 0)))


def base(where: Site | None = None, **change: Any) -> Inside:
    usual: dict[str, Any] = {"makes_environments": True, "has_pip": True, "free_bytes": 8_000_000_000, "packages": {}}
    return Inside(site=where or site(), base="/usr/bin/python3.11", **{**usual, **change})


def planned(request: SetupRequest | None = None, *, at: Inside | None = None, inside: Inside | None = None) -> SetupPlan:
    return plan_setup("pi", request or SetupRequest(), base=at or base(), inside=inside, venv=VENV, told=shlex.join)


def test_a_bare_machine_needs_all_steps_and_each_is_a_command_to_read() -> None:
    plan = planned()
    assert [step.done for step in plan.steps] == [False, False, False]
    assert plan.steps[0].command == f"/usr/bin/python3.11 -m venv --clear {VENV}"
    assert plan.steps[1].command.startswith(f"{VENV}/bin/python -m pip install")
    assert "'ai-edge-litert>=2.1,<3' 'onnxruntime>=1.19,<2'" in plan.steps[1].command
    assert plan.steps[2].command == f"{VENV}/bin/python -c 'import ai_edge_litert.interpreter; import onnxruntime'"


def test_what_is_there_is_not_done_again() -> None:
    whole = planned(inside=base(packages={"ai-edge-litert": "2.3.0", "onnxruntime": "1.31.1", "numpy": "2.1.0"}))
    assert not whole.needed
    half = planned(inside=base(packages={"ai-edge-litert": "2.3.0", "numpy": "2.1.0"}))
    assert [step.title for step in half.steps if not step.done] == ["install onnxruntime", "see that it works"]


@pytest.mark.parametrize("inside", [base(has_pip=False), base(site(python=(3, 9, 2)))])
def test_an_environment_that_was_left_unfinished_or_is_of_another_python_is_made_anew(inside: Inside) -> None:
    assert not planned(inside=inside).steps[0].done


def test_the_old_runtime_beside_numpy_2_is_not_taken_for_ready() -> None:
    there = {"tflite-runtime": "2.14.0", "numpy": "2.0.1"}
    assert planned(at=base(site("armv7l")), inside=base(site("armv7l"), packages=there)).needed
    there["numpy"] = "1.26.4"
    assert not planned(at=base(site("armv7l")), inside=base(site("armv7l"), packages=there)).needed


@pytest.mark.parametrize(
    ("request_", "at", "code", "advice"),
    [
        (SetupRequest(), base(site("armv7l", (3, 13, 5))), "device.no_wheels", "64-bit"),
        (SetupRequest(engines=("litert",)), base(site("armv7l")), "device.no_wheels", "--engine tflite-runtime"),
        (SetupRequest(), base(makes_environments=False), "device.no_venv", "python3-venv"),
        (SetupRequest(), base(free_bytes=250_000_000), "device.disk_full", "--engine litert"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_changed(request_: SetupRequest, at: Inside, code: str, advice: str) -> None:
    with pytest.raises(HardwareError) as caught:
        planned(request_, at=at)
    assert caught.value.code == code
    assert any(advice in text + command for text, command in caught.value.do)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "my wheels"
    folder.mkdir()
    wheel(folder, "ai-edge-litert", "2.3.0", modules={"ai_edge_litert/__init__.py": "", "ai_edge_litert/interpreter.py": ""})
    return folder


@pytest.mark.slow
def test_a_machine_without_a_network_is_set_up_from_a_folder_of_wheels_once(run_edgekit: Any, tmp_path: Path, wheels: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "edgekit.toml").write_text('[devices.box]  # under the desk\nkind = "local"\naddress = "local:"\n')
    env = {**offline(tmp_path / "none"), "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}

    def setup(*words: str) -> Any:
        return run_edgekit("--json", "devices", "setup", "box", "--wheels", wheels, *words, env=env)

    shown = setup("--plan").json()["data"]
    assert (shown["changed"], list(home.iterdir())) == (False, [])
    assert [step["done"] for step in shown["plan"]["steps"]] == [False] * 4
    unasked = setup()
    assert (unasked.returncode, unasked.json()["data"]["code"], list(home.iterdir())) == (2, "device.consent", [])

    stopped = setup("--yes")  # onnxruntime is not among the wheels
    error = stopped.json()["data"]
    assert (stopped.returncode, error["code"]) == (4, "device.setup"), stopped.stderr
    assert "onnxruntime" in error["why"]
    assert error["do"][0]["command"].endswith(f"--wheels {shlex.quote(str(wheels))}")
    python = home / ".cache/edgekit/venv/bin/python"
    assert python.exists()

    wheel(wheels, "onnxruntime", "1.31.1", modules={"onnxruntime/__init__.py": ""})
    made_ns = python.lstat().st_mtime_ns
    done = setup("--yes")
    assert done.returncode == 0, done.stdout
    assert done.json()["data"]["installed"] == {"ai-edge-litert": "2.3.0", "onnxruntime": "1.31.1"}
    assert python.lstat().st_mtime_ns == made_ns, "what had been done stayed"
    text = (tmp_path / "edgekit.toml").read_text()
    assert "# under the desk" in text
    assert json.dumps(str(python)) in text

    again = setup("--yes").json()["data"]
    assert (again["changed"], [step["done"] for step in again["plan"]["steps"]]) == (False, [True, True])
    listed = {item["name"]: item for item in run_edgekit("--json", "devices", env=env).json()["data"]["devices"]}
    assert listed["box"]["facts"]["engines"] == {"ai-edge-litert": "2.3.0", "onnxruntime": "1.31.1"}


def on_gpu(request: SetupRequest | None = None, *, at: Inside | None = None, **there: str) -> SetupPlan:
    """Return the plan for a machine with a GPU whose environment holds `there`, package by package."""
    packages = {name.replace("_", "-"): version for name, version in there.items()}
    here = at or base(site("x86_64"), free_bytes=10**11)
    inside = base(here.site, packages=packages) if packages else None
    return plan_setup("rack", request or SetupRequest(), base=here, inside=inside, venv=VENV, told=shlex.join, gpu=True)


def test_a_gpu_is_offered_an_engine_that_computes_there_and_what_reads_its_meter() -> None:
    plan = on_gpu()
    assert plan.engines == ("onnxruntime-cuda",)
    assert "'onnxruntime-gpu[cuda,cudnn]>=1.21,<2' 'nvidia-ml-py>=12'" in plan.steps[1].command
    assert {note.code for note in plan.notes} == {"setup.cuda", "setup.unchecked"}
    torch = on_gpu(SetupRequest(engines=("torch-cuda",)))
    assert "'torch>=2.9,<3' 'onnx>=1.17' 'nvidia-ml-py>=12'" in torch.steps[1].command
    assert on_gpu(SetupRequest(engines=("onnxruntime", "onnxruntime-cuda"))).engines == ("onnxruntime-cuda",), "it holds the other"


def test_a_build_for_processors_goes_before_the_one_for_the_gpu_comes() -> None:
    titles = [step.title for step in on_gpu(onnxruntime="1.31.1", nvidia_ml_py="13.0").steps if not step.done]
    assert titles[:2] == ["remove onnxruntime, which would be in the way", "install onnxruntime-gpu"]
    both = [step.title for step in on_gpu(onnxruntime="1.31.1", onnxruntime_gpu="1.31.1", nvidia_ml_py="13.0").steps if not step.done]
    assert both[0].startswith("remove onnxruntime, onnxruntime-gpu"), "what is shared goes with the first, and pip thinks the other whole"
    torch = SetupRequest(engines=("torch-cuda",))
    assert "remove torch" in on_gpu(torch, torch="2.9.0+cpu", onnx="1.19", nvidia_ml_py="13.0").steps[1].title
    assert not on_gpu(torch, torch="2.9.0", onnx="1.19", nvidia_ml_py="13.0").needed
    assert not on_gpu(onnxruntime_gpu="1.31.1", nvidia_ml_py="13.0").needed
    assert on_gpu(onnxruntime_gpu="1.31.1").needed, "nothing would read the GPU's counters"
    assert not planned(SetupRequest(engines=("onnxruntime",)), inside=base(packages={"onnxruntime-gpu": "1.31.1", "numpy": "2.1"})).needed


def test_a_gpu_that_no_wheel_is_made_for_is_not_given_an_engine_of_its_processor() -> None:
    with pytest.raises(HardwareError) as caught:
        on_gpu(at=base(site("aarch64"), free_bytes=10**11))
    assert caught.value.code == "device.no_wheels"
    assert "-o python=PATH" in caught.value.do[0][1]
    with pytest.raises(HardwareError) as full:
        on_gpu(at=base(site("x86_64"), free_bytes=10**9))
    assert full.value.code == "device.disk_full"
