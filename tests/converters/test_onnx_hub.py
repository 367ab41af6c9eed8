from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.converters.sources.onnx_hub import write_onnx

onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")
pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")


def model(nodes: list[Any], inputs: list[str], outputs: list[str], *more: Any) -> Any:
    port = onnx.helper.make_tensor_value_info
    kinds = {"choice": (9, [])}
    ends = [[port(name, *kinds.get(name, (1, ["batch", 2]))) for name in side] for side in (inputs, outputs)]
    graph = onnx.helper.make_graph(nodes, "g", *ends, *more)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def run(path: Path, **inputs: Any) -> dict[str, Any]:
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {name: np.asarray(value, bool if name == "choice" else "float32") for name, value in inputs.items()}
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, fed), strict=True))


def test_ports_get_the_names_of_the_source_by_position(tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Sub", ["0", "1"], ["y"]), onnx.helper.make_node("Neg", ["y"], ["70"])]
    write_onnx(model(nodes, ["0", "1"], ["70"]), tmp_path / "m.onnx", ["x", "y"], ["score"])
    assert run(tmp_path / "m.onnx", x=[[1, 2]], y=[[5, 5]])["score"].tolist() == [[4, 3]]


def test_names_that_fit_are_left_and_outputs_put_in_order(tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Neg", ["x"], ["b"]), onnx.helper.make_node("Abs", ["x"], ["a"])]
    write_onnx(model(nodes, ["x"], ["b", "a"]), tmp_path / "m.onnx", ["x"], ["a", "b"])
    found = run(tmp_path / "m.onnx", x=[[-1, 2]])
    assert {name: array.tolist() for name, array in found.items()} == {"a": [[1, 2]], "b": [[1, -2]]}
    assert list(found) == ["a", "b"]


def test_the_bodies_of_branches_see_the_new_names(tmp_path: Path) -> None:
    make, port = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    bodies = [onnx.helper.make_graph([make(kind, ["0"], [kind])], kind, [], [port(kind, 1, ["batch", 2])]) for kind in ("Neg", "Abs")]
    nodes = [make("If", ["choice"], ["70"], then_branch=bodies[0], else_branch=bodies[1])]
    write_onnx(model(nodes, ["0", "choice"], ["70"]), tmp_path / "m.onnx", ["x", "choice"], ["score"])
    assert run(tmp_path / "m.onnx", x=[[1, -2]], choice=True)["score"].tolist() == [[-1, 2]]


@pytest.mark.parametrize("operator", ["Erfc", "StatefulPartitionedCall"])
def test_an_operator_that_onnx_does_not_have_is_no_success(operator: str, tmp_path: Path) -> None:
    with pytest.raises(onnx.checker.ValidationError, match=f"No Op registered for {operator}"):
        write_onnx(model([onnx.helper.make_node(operator, ["x"], ["y"])], ["x"], ["y"]), tmp_path / "m.onnx", ["x"], ["y"])
