from __future__ import annotations

import pytest

from edgekit.converters.quantize.onnx_order import sort_nodes

onnx = pytest.importorskip("onnx", reason="the onnx extra is not installed")


def test_a_body_comes_after_what_it_reads_around_it() -> None:
    make = onnx.helper.make_node
    port = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [make("Add", ["inner", "late"], ["sum"]), make("Neg", ["late"], ["inner"])], "body", [], [port("sum", 1, [1])]
    )
    nodes = [
        make("If", ["choice"], ["y"], then_branch=body, else_branch=body),
        make("Identity", ["y"], ["z"]),
        make("Abs", ["early"], ["late"]),
        make("Relu", ["x"], ["early"]),
    ]
    graph = onnx.helper.make_graph(nodes, "g", [port("x", 1, [1]), port("choice", 9, [])], [port("z", 1, [1])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    with pytest.raises(onnx.checker.ValidationError, match="topologically sorted"):
        onnx.checker.check_model(model)
    sort_nodes(model.graph)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Relu", "Abs", "If", "Identity"]
    assert [node.op_type for node in model.graph.node[2].attribute[0].g.node] == ["Neg", "Add"]


def test_what_is_in_order_stays_as_it_is() -> None:
    make = onnx.helper.make_node
    port = onnx.helper.make_tensor_value_info
    nodes = [make("Relu", ["x"], ["b"]), make("Abs", ["x"], ["a"]), make("Add", ["a", "b"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "g", [port("x", 1, [1])], [port("y", 1, [1])])
    before = graph.SerializeToString()
    sort_nodes(graph)
    assert graph.SerializeToString() == before
