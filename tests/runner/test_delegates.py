"""A delegate is really used, what it took is said, and one that is missing, broken or deadly costs nothing but its own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.runner import engines
from edgekit.runner.engines.delegate import Wanted, share
from edgekit.runner.engines.inputs import prepare
from edgekit.runner.wire import Refusal
from tests.conftest import Completed
from tests.runner import delegates, tiny
from tests.runner.talk import runner


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return delegates.build(tmp_path_factory.mktemp("delegate"))


def chain(tmp_path: Path) -> Path:
    return tiny.chain_tflite(tmp_path / "m.tflite", (4, 8, 8, 4))


def test_a_delegate_that_takes_everything_computes_the_model(tmp_path: Path, library: Path) -> None:
    engine = engines.load(str(chain(tmp_path)), None, 1, 1, Wanted(str(library), {"mode": "all"}))
    inputs, _ = prepare(engine, None, 1)
    assert engine.infer(inputs[0])[0].tolist() == [[42.0] * 4]
    assert engine.describe()["delegate"] == "answering.so (3 of 3 operators)"


@pytest.mark.parametrize(
    ("mode", "batch", "said"),
    [
        ("all", 2, "answering.so (3 of 3 operators)"),
        ("first", 1, "answering.so (1 of 3 operators)"),
        ("first", 2, "answering.so (1 of 3 operators)"),
    ],
)
def test_what_it_took_is_told_for_every_batch(tmp_path: Path, library: Path, mode: str, batch: int, said: str) -> None:
    model = str(chain(tmp_path))
    engine = engines.load(model, None, 1, batch, Wanted(str(library), {"mode": mode}))
    inputs, _ = prepare(engine, None, batch)
    np.testing.assert_allclose(engine.infer(inputs[0])[0], np.full((batch, 4), 42.0))  # the mean of its inputs is all a layer computes
    rest = " + xnnpack" if mode == "first" and engines.load(model, None, 1, 1).describe()["delegate"] == "xnnpack" else ""
    assert engine.describe()["delegate"] == said + rest


def test_a_delegate_that_takes_nothing_is_not_said_to_have_been_used(tmp_path: Path, library: Path) -> None:
    model = str(chain(tmp_path))
    plain, with_delegate = engines.load(model, None, 1, 1), engines.load(model, None, 1, 1, Wanted(str(library), {}))
    inputs, _ = prepare(plain, None, 1)
    assert with_delegate.infer(inputs[0])[0].tolist() == plain.infer(inputs[0])[0].tolist()
    rest = {"xnnpack": " + xnnpack", "none": ""}[plain.describe()["delegate"]]
    assert with_delegate.describe()["delegate"] == f"answering.so (0 of 3 operators){rest}"
    assert with_delegate.describe()["delegate_took"] == [0, 3]


def operator(name: str, inputs: list[int], outputs: list[int]) -> dict[str, Any]:
    return {"op_name": name, "inputs": inputs, "outputs": outputs}


@pytest.mark.parametrize(
    ("parts", "taken"),
    [
        ([], 0),
        ([operator("DELEGATE", [0, 10], [1])], 1),
        ([operator("DELEGATE", [1], [3, 4])], 3),
        ([operator("DELEGATE", [0], [1]), operator("DELEGATE", [2], [4])], 2),
        ([operator("DELEGATE", [0], [3, 4])], 4),
    ],
)
def test_what_a_delegate_took_is_counted_from_its_edges(parts: list[dict[str, Any]], taken: int) -> None:
    graph = [operator("A", [0, 10, -1], [1]), operator("B", [1], [2]), operator("C", [2], [3]), operator("D", [2, 1], [4])]
    assert share([*graph, *parts]) == (taken, 4)


NOT_A_DELEGATE = "int something_else(void) { return 0; }"
NEEDS_MORE = "extern int nowhere_to_be_found(void); int tflite_plugin_create_delegate(void) { return nowhere_to_be_found(); }"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "cannot open shared object file"),
        ("text", "invalid ELF header"),
        ("other", "not a delegate: "),
        ("unresolved", "nowhere_to_be_found"),
        ("refuse", "no accelerator is plugged in"),
        ("unwell", "delegate application failure"),
    ],
)
def test_one_that_cannot_be_used_is_refused_with_what_was_said(tmp_path: Path, library: Path, kind: str, why: str) -> None:
    made: dict[str, Callable[[], Path]] = {
        "missing": lambda: tmp_path / "absent.so",
        "text": lambda: tmp_path / "text.so",
        "other": lambda: delegates.build(tmp_path, NOT_A_DELEGATE, name="other.so"),
        "unresolved": lambda: delegates.build(tmp_path, NEEDS_MORE, name="unresolved.so"),
    }
    (tmp_path / "text.so").write_text("this is no library\n" * 20)
    wanted = Wanted(str(made[kind]() if kind in made else library), {"mode": kind})
    with pytest.raises(Refusal) as caught:
        engines.load(str(chain(tmp_path)), None, 1, 1, wanted)
    assert caught.value.error["code"] == "engine.delegate"
    assert why in caught.value.error["why"]


def test_a_broken_model_is_not_blamed_on_the_delegate(tmp_path: Path, library: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"this is no model")
    with pytest.raises(Refusal) as caught:
        engines.load(str(tmp_path / "m.tflite"), None, 1, 1, Wanted(str(library), {}))
    assert caught.value.error["code"] == "model.refused"


def test_another_engine_refuses_instead_of_running_without(tmp_path: Path, library: Path) -> None:
    with pytest.raises(Refusal) as caught:
        engines.load(str(tiny.onnx(tmp_path / "m.onnx")), None, 1, 1, Wanted(str(library), {}))
    assert caught.value.error["code"] == "engine.delegate_unsupported"


def test_operators_inside_a_delegate_are_not_profiled_without_it(tmp_path: Path, library: Path) -> None:
    with runner("infer", tmp_path) as talk:
        reply = talk.ask("profile", artifact=str(chain(tmp_path)), seconds=0.1, delegate=str(library))
        assert reply["error"]["code"] == "profile.unsupported"


BENCH = ("--windows", "1", "--window", "0.2", "--idle", "0.2", "--warmup", "0", "--cooldown", "0", "--meter", "cputime", "--json")

Edgekit = Callable[..., Completed]


@pytest.mark.slow
def test_bench_passes_a_delegate_and_its_options_on_and_records_what_it_took(run_edgekit: Edgekit, tmp_path: Path, library: Path) -> None:
    (tmp_path / library.name).write_bytes(library.read_bytes())
    done = run_edgekit("bench", chain(tmp_path), "--delegate", library.name, "--delegate-option", "mode=all", *BENCH)
    assert done.returncode == 0, done.stderr
    [run] = done.json()["data"]["runs"]
    assert run["facts_before"]["delegate"] == "answering.so (3 of 3 operators)"
    assert (run["plan"]["delegate"], run["plan"]["delegate_options"]) == (library.name, {"mode": "all"})
    assert "engine.delegate_unused" not in [note["code"] for note in run["notes"]]


@pytest.mark.slow
def test_bench_remarks_on_a_delegate_that_took_nothing(run_edgekit: Edgekit, tmp_path: Path, library: Path) -> None:
    done = run_edgekit("bench", chain(tmp_path), "--delegate", library, *BENCH)
    assert done.returncode == 0, done.stderr
    [run] = done.json()["data"]["runs"]
    assert run["facts_before"]["delegate"].startswith("answering.so (0 of 3 operators)")
    assert "engine.delegate_unused" in [note["code"] for note in run["notes"]]
    assert "took no operator of m.tflite" in done.stderr


@pytest.mark.parametrize(("mode", "says"), [("crash", "died while it loaded the model with the delegate"), ("refuse", "cannot be used")])
def test_bench_explains_a_delegate_that_fails(run_edgekit: Edgekit, tmp_path: Path, library: Path, mode: str, says: str) -> None:
    done = run_edgekit("bench", chain(tmp_path), "--delegate", library, "--delegate-option", f"mode={mode}", *BENCH)
    assert done.returncode == 6
    assert done.json()["data"]["code"] == "engine.delegate"
    assert says in done.json()["data"]["what"]
    assert done.json()["data"]["do"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--delegate-option", "mode=all"), "usage.missing"),
        (("--delegate", "x.so", "--delegate-option", "all"), "usage.value"),
        (("--delegate", "x.so", "--device", "sim"), "engine.delegate_unsupported"),
    ],
)
def test_bench_refuses_what_cannot_be_meant(run_edgekit: Edgekit, model_file: Path, words: tuple[str, ...], code: str) -> None:
    done = run_edgekit("bench", model_file, *words, "--json")
    assert done.returncode == 2
    assert done.json()["data"]["code"] == code
