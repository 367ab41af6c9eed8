"""Operators are timed by the engines themselves, in a process that does nothing else."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from edgekit.runner.engines.litert_api import Event
from edgekit.runner.engines.litert_profile import calls
from edgekit.runner.engines.recorded import outermost
from edgekit.runner.profile import timeline, total
from edgekit.runner.wire import Refusal
from tests.runner import tiny
from tests.runner.talk import runner

BIG, SMALL = 1024, 64  # 16 times the multiplications in the second layer of WIDTHS as in the first
WIDTHS = (SMALL, BIG, BIG)


def profiled(tmp_path: Path, artifact: Path, **fields):
    (tmp_path / "scratch").mkdir(exist_ok=True)
    with runner("infer", tmp_path / "cache", env={"TMPDIR": str(tmp_path / "scratch")}) as talk:
        return talk.ask("profile", artifact=str(artifact), **{"seconds": 0.3, **fields})


@pytest.fixture
def onnx_model(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    return tiny.chain_onnx(tmp_path / "chain.onnx", WIDTHS)


@pytest.fixture
def tflite_model(tmp_path: Path) -> Path:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    return tiny.chain_tflite(tmp_path / "chain.tflite", WIDTHS)


def by_name(reply):
    return {name: (kind, count, time_ns) for name, kind, count, time_ns in reply["operators"]}


def check_sums(reply):
    spent = sum(time_ns for *_, time_ns in reply["operators"])
    assert reply["end_ns"] > reply["start_ns"]
    assert spent + reply["outside_ns"] == reply["end_ns"] - reply["start_ns"]
    assert {count for _, _, count, _ in reply["operators"]} == {reply["invocations"]}


def test_onnxruntime_says_which_product_takes_how_long_and_leaves_no_file(tmp_path: Path, onnx_model: Path) -> None:
    reply = profiled(tmp_path, onnx_model, batch=4)
    assert reply["ok"], reply
    check_sums(reply)
    found = by_name(reply)
    assert [kind for kind, _, _ in found.values()] == ["MatMul", "Relu", "MatMul", "Relu"]
    assert found["product1"][2] > 2 * found["product0"][2]
    assert reply["inferences"] == 4 * reply["invocations"]
    assert (reply["engine"], reply["resolution_ns"]) == ("onnxruntime", 1000)
    assert "ONNX Runtime's profiler" in reply["method"]
    assert list((tmp_path / "scratch").glob("edgekit*")) == []


def test_litert_says_how_long_each_of_xnnpacks_operators_takes(tmp_path: Path, tflite_model: Path) -> None:
    reply = profiled(tmp_path, tflite_model)
    assert reply["ok"], reply
    check_sums(reply)
    first, second = (item for item in reply["operators"] if item[1] == "Fully Connected")
    assert second[3] > 2 * first[3]
    assert (reply["engine"], reply["delegate"]) == ("litert", "xnnpack")
    assert "interpreter" in reply["method"], "it is another execution than the measured one, and says so"


@pytest.mark.slow
def test_torch_is_timed_around_each_operator(tmp_path: Path, onnx_model: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    reply = profiled(tmp_path, onnx_model, engine="torch_onnx", batch=4)
    assert reply["ok"], reply
    check_sums(reply)
    found = by_name(reply)
    assert list(found) == ["p0", "y0", "p1", "y1"]
    assert found["p1"][2] > 2 * found["p0"][2]


@pytest.mark.parametrize(("engine", "ending"), [("tflite_runtime", "tflite"), ("onnxruntime-cuda", "onnx"), ("torch_onnx-cuda", "onnx")])
def test_an_engine_without_operator_times_says_so(tmp_path: Path, engine: str, ending: str) -> None:
    (tmp_path / f"m.{ending}").write_bytes(b"whatever")
    error = profiled(tmp_path, tmp_path / f"m.{ending}", engine=engine)["error"]
    assert error["code"] == "profile.unsupported"
    assert error["why"]


def test_the_timeline_is_on_the_clock_of_the_windows_and_agrees_with_the_times(tmp_path: Path, onnx_model: Path) -> None:
    reply = profiled(tmp_path, onnx_model, batch=16, timeline_ns=1)
    marks = reply["timeline"]
    assert reply["start_ns"] - 1000 <= marks[0][0]
    assert marks[-1][0] <= reply["end_ns"] + 1000
    assert all(before[0] <= after[0] for before, after in itertools.pairwise(marks))
    spent = dict.fromkeys(range(len(reply["operators"])), 0)
    for (start_ns, place), (end_ns, _) in itertools.pairwise(marks):
        if place >= 0:
            spent[place] += end_ns - start_ns
    assert spent == {place: time_ns for place, (*_, time_ns) in enumerate(reply["operators"])}
    assert profiled(tmp_path, onnx_model, batch=16, timeline_ns=1e12)["timeline"] == [], "no operator lasts that long"


def test_a_process_with_a_model_takes_no_profile(tmp_path: Path, onnx_model: Path) -> None:
    with runner("infer", tmp_path / "cache") as talk:
        assert talk.ask("load", artifact=str(onnx_model))["ok"]
        assert talk.ask("profile", artifact=str(onnx_model), seconds=0.1)["error"]["code"] == "model.loaded"


def test_the_body_of_a_loop_counts_for_the_loop() -> None:
    assert outermost([(0, 0, 10), (1, 2, 3), (1, 6, 4), (2, 10, 5), (2, 15, 0)]) == [(0, 0, 10), (2, 10, 5), (2, 15, 0)]


def test_times_are_added_up_by_operator_and_the_timeline_numbers_those_that_were_called() -> None:
    made = [(2, 100, 50), (0, 150, 20), (2, 200, 50)]
    totals = total(made, 3)
    assert totals == [(1, 20), (0, 0), (2, 100)]
    assert timeline(made, totals, 40) == [[100, 1], [150, 0], [170, -1], [200, 1], [250, -1]]
    assert timeline(made, totals, 60) == timeline(made, totals, None) == []


def event(tag: str, kind: int, start_us: int, elapsed_us: int, node: int = 0, graph: int = 0) -> Event:
    return Event(tag, kind, start_us, elapsed_us, node, graph)


def test_xnnpacks_operators_are_laid_end_to_end_and_the_node_that_holds_them_is_left_out() -> None:
    events = [
        event("Invoke", 1, 1000, 60),
        event("TfLiteXNNPackDelegate", 2, 1001, 40),
        event("Convolution (NHWC, F32) IGEMM", 8, 0, 25, node=0),
        event("Softmax (NC, F32)", 8, 0, 10, node=1),
        event("CUSTOM", 2, 1045, 12, node=7),
        event("Invoke", 32, 0, 1 << 32),
    ]
    operators, found = calls(events)
    assert operators == [("0 Convolution (NHWC, F32) IGEMM", "Convolution"), ("1 Softmax (NC, F32)", "Softmax"), ("7 CUSTOM", "CUSTOM")]
    assert found == [(0, 1_000_000, 25_000), (1, 1_025_000, 10_000), (2, 1_045_000, 12_000)]


def test_operators_of_inner_graphs_count_for_their_caller_or_are_refused_where_they_cannot_be_told() -> None:
    loop = [event("WHILE", 2, 10, 50), event("ADD", 2, 12, 20, graph=1)]
    assert calls(loop)[1] == [(0, 10_000, 50_000)]
    with pytest.raises(Refusal, match="loops and branches"):
        calls([*loop, event("Softmax (NC, F32)", 8, 0, 10)])
