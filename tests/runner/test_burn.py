"""The load of a self-test: edges where they were asked for, on CLOCK_MONOTONIC, and refusals in plain words."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import pytest

from edgekit.runner.burn import SLICE_NS, Burner, wave
from edgekit.runner.wire import Refusal
from tests.conftest import REPOSITORY, clean_environment


def burn(**request):
    whole = {"seconds": 0.3, "period_s": 0.05, "duty": 0.5, "threads": 1, **request}
    return Burner(lambda: False).burn(whole)


def test_a_square_wave_is_busy_for_its_duty_and_ends_in_time():
    assert wave(0.2, 0.1, 0.25, 0.0, 0) == [(0, 25_000_000), (100_000_000, 125_000_000)]
    assert wave(0.12, 0.1, 0.5, 0.0, 0)[-1] == (100_000_000, 120_000_000)
    assert wave(3.0, 0.1, 1.0, 0.9, 0) == [(0, 3_000_000_000)]


def test_a_spread_wave_follows_its_seed_and_never_overlaps():
    one, same, other = (wave(5.0, 0.05, 0.5, 0.9, seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    edges = [edge for stretch in one for edge in stretch]
    assert edges == sorted(edges)
    assert {end - start for start, end in one[:5]} != {25_000_000}


def test_edges_come_when_they_were_asked_for_and_are_told_as_they_were():
    before = time.monotonic_ns()
    reply = burn()
    assert reply["start_ns"] % 50_000_000 == 0
    assert reply["start_ns"] > before
    (rows,) = reply["busy"]
    assert len(rows) >= 6
    for start, end, busy in rows:
        since = (start - reply["start_ns"]) % 50_000_000
        assert 0 <= since < 25_000_000  # never in the idle half; how late a busy machine lets it begin is what the rows tell
        assert 0 < busy <= end - start
        assert end - start < SLICE_NS + 1_000_000_000


def test_a_phase_moves_every_edge():
    assert burn(phase_s=0.02, seconds=0.05)["start_ns"] % 50_000_000 == 20_000_000


def test_threads_work_side_by_side():
    assert len(burn(threads=2, duty=1.0, seconds=0.05)["busy"]) in (1, 2)  # one where there is but one core


@pytest.mark.parametrize(
    "request_",
    [
        {"seconds": 0},
        {"seconds": 1e9},
        {"period_s": 0},
        {"duty": 0},
        {"duty": 1.5},
        {"seconds": 600, "period_s": 1e-5},
        {"seconds": float("nan")},
    ],
)
def test_a_wave_that_cannot_be_driven_is_refused(request_):
    with pytest.raises(Refusal) as caught:
        burn(**request_)
    assert caught.value.error["code"] == "burn.wave"


def test_an_unknown_target_is_refused():
    with pytest.raises(Refusal) as caught:
        burn(target="tpu")
    assert caught.value.error["code"] == "burn.target"


def test_the_load_ends_when_the_host_has_gone():
    left = threading.Event()
    threading.Timer(0.2, left.set).start()
    began = time.monotonic()
    with pytest.raises(EOFError):
        Burner(left.is_set).burn({"seconds": 60, "period_s": 0.1, "duty": 1.0, "threads": 1})
    assert time.monotonic() - began < 30


def on_a_gpu(torch: str, tmp_path) -> dict:
    """Ask for a GPU's load in a process whose torch is the given text."""
    (tmp_path / "torch.py").write_text(torch)
    program = (
        "import json; from edgekit.runner.burn import Burner; from edgekit.runner.wire import Refusal\n"
        "request = {'seconds': 0.1, 'period_s': 0.02, 'duty': 0.5, 'target': 'cuda'}\n"
        "try: print(json.dumps(Burner(lambda: False).burn(request)))\n"
        "except Refusal as refusal: print(json.dumps(refusal.error))"
    )
    environment = clean_environment({"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"})
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    return json.loads(done.stdout)


TORCH = """
import time
float16 = "float16"
def ones(shape, dtype, device): assert device == "cuda"; return shape
def empty_like(other): return other
def mm(left, right, out): time.sleep(0.0001)
class cuda:
    available = True
    is_available = staticmethod(lambda: cuda.available)
    synchronize = staticmethod(lambda: None)
"""


def test_a_gpu_is_loaded_through_torch(tmp_path):
    (rows,) = on_a_gpu(TORCH, tmp_path)["busy"]
    assert rows
    assert all(busy > 0.9 * (end - start) for start, end, busy in rows)  # waiting for it is being busy


@pytest.mark.parametrize(
    ("torch", "code"), [("raise OSError('libcudart is missing')", "burn.no_torch"), (TORCH + "    available = False", "burn.no_cuda")]
)
def test_a_gpu_without_torch_or_cuda_is_refused_with_the_reason(tmp_path, torch, code):
    refused = on_a_gpu(torch, tmp_path)
    assert refused["code"] == code
    assert refused["why"]


def test_stretches_that_are_named_take_the_place_of_the_wave():
    named = [[0.02, 0.06], [0.1, 0.12]]
    reply = burn(seconds=0.15, threads=1, stretches=named)
    begins = [begin - reply["start_ns"] for begin, _, _ in reply["busy"][0]]
    assert begins[0] >= 20_000_000
    assert not [begin for begin in begins if 70_000_000 < begin < 100_000_000]


@pytest.mark.parametrize("named", [[[0.05, 0.02]], [[0.0, 9.0]], [[-1.0, 0.01]]])
def test_stretches_out_of_order_are_refused(named):
    with pytest.raises(Refusal, match="cannot be driven"):
        burn(seconds=0.1, stretches=named)
