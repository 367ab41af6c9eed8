from __future__ import annotations

from importlib.util import find_spec

import pytest

from edgekit.converters.sources.operators import explained, missing_operators
from edgekit.core.errors import ModelError

TFLITE = (
    'Could not translate MLIR to FlatBuffer.<unknown>:0: error: loc(callsite(fused["Erfinv:", '
    '"net_1/inverse_1/erfinv/Erfinv@__inference_8"] at callsite(fused["StatefulPartitionedCall:", '
    '"StatefulPartitionedCall@__inference_9"] at "x"))): \'tf.Erfinv\' op is neither a custom op nor a flex op\n'
    "<unknown>:0: note: called from\nerror: failed while converting: 'main': \nSome ops are not supported by the native TFLite runtime"
)
CHECKER = (
    "No Op registered for Erfc with domain_version of 17\n\n"
    "==> Context: Bad node spec for node. Name: net_1/conv1d_1/Gelu/Erfc OpType: Erfc"
)
RUNTIME = (
    "[ONNXRuntimeError] : 10 : INVALID_GRAPH : This is an invalid model. In Node, "
    "Fatal error: StatefulPartitionedCall(-1) is not a registered function/op"
)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (TFLITE, [("Erfinv", "net_1/inverse_1/erfinv/Erfinv")]),
        (CHECKER, [("Erfc", "net_1/conv1d_1/Gelu/Erfc")]),
        (RUNTIME, [("StatefulPartitionedCall", "")]),
        ("something else", []),
    ],
)
def test_operators_and_their_places_are_read_from_what_libraries_say(words: str, found: list[tuple[str, str]]) -> None:
    assert missing_operators(words) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "format", "layers", "named"),
    [
        (TFLITE, "TFLite", ["dense", "inverse"], "Erfinv in layer inverse"),
        (CHECKER, "ONNX", ["conv1d_1", "conv1d"], "Erfc in layer conv1d_1"),
        (CHECKER, "ONNX", ["dense"], "Erfc (net_1/conv1d_1/Gelu/Erfc)"),
        (RUNTIME, "ONNX", [], "StatefulPartitionedCall"),
    ],
)
def test_a_missing_operator_is_named_with_its_layer(words: str, format: str, layers: list[str], named: str) -> None:  # noqa: A002
    with pytest.raises(ModelError) as caught, explained(format, layers):
        raise ValueError(words)
    assert caught.value.what == f"{format} has no counterpart for {named}"
    assert caught.value.code == "model.operator"
    assert caught.value.do[0][0].startswith("replace that layer")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tf2onnx") is None, reason="the convert extra is not installed")
@pytest.mark.parametrize(("operator", "advised"), [("Erfinv", False), ("Elu", True)])
def test_onnx_is_advised_only_for_operators_that_it_has(operator: str, advised: bool) -> None:
    with pytest.raises(ModelError) as caught, explained("TFLite", []):
        raise ValueError(TFLITE.replace("Erfinv", operator))
    assert any("--to onnx" in command for _, command in caught.value.do) == advised


def test_calls_of_functions_are_left_out_of_a_place() -> None:
    words = CHECKER.replace("Name: net_1", "Name: StatefulPartitionedCall/StatefulPartitionedCall/net_1")
    with pytest.raises(ModelError) as caught, explained("ONNX", [], ("or look:", "x")):
        raise ValueError(words)
    assert caught.value.what.endswith("Erfc (net_1/conv1d_1/Gelu/Erfc)")
    assert caught.value.do[-1] == ("or look:", "x")


def test_other_failures_pass() -> None:
    with pytest.raises(KeyError), explained("ONNX", []):
        raise KeyError("x")
