"""Count what model files hold: elements, layers and multiply-accumulates by number format, and operators with their versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.converters.base import recipe_of
from edgekit.converters.contents import ort, tflite
from edgekit.converters.contents.onnx import read
from edgekit.converters.produce import make
from edgekit.converters.quantize.tflite_finish import finish
from edgekit.converters.settings import Settings
from edgekit.core.artifact import Operator
from tests.converters import onnx_network
from tests.converters.network import Network, load, pack, schema


def test_weights_that_only_a_loop_uses_are_counted(tmp_path: Path) -> None:
    """A quantizer that passes loops by must not be believed: its weights go in by position and keep no name inside."""
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 4])
    inside = [
        helper.make_tensor_value_info("step", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        state,
        helper.make_tensor_value_info("inner", TensorProto.FLOAT, [4, 4]),
    ]
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "inner"], ["next"]),
            helper.make_node("Identity", ["inner"], ["kept"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        inside,
        [helper.make_empty_tensor_value_info(name) for name in ("on", "next", "kept")],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "", "x", "w"], ["y", "rest"], body=body)],
        "looped",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.eye(4, dtype=np.float32), "w"), numpy_helper.from_array(np.array(3), "turns")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "loop.onnx")
    found = read(tmp_path / "loop.onnx")
    assert (found.weights, found.activations) == ({"float32": 16}, {"float32": 1})


def test_the_work_of_a_tflite_is_counted_by_hand(tmp_path: Path) -> None:
    """A convolution of 3 x 3 x 1 x 8, a depthwise one, a product by 8 x 5, and a dense layer of 320 x 10, at 64 places but the last."""
    net = Network(1, 8, 8, 1).conv(8).depthwise().reshape(1, 64, 8).matmul(5).reshape(1, 320).dense(10)
    found = tflite.read(net.write(tmp_path / "m.tflite"))
    assert found.weights == {"float32": 72 + 72 + 40 + 3200}
    assert found.activations == {"float32": 4}
    assert found.compute == {"float32": 64 * (72 + 72 + 40) + 3200}
    assert found.version == 3
    assert Operator(name="RESHAPE", version=1, count=2) in found.operators
    assert [operator.name for operator in found.operators] == sorted(operator.name for operator in found.operators)


def conv(kind: str, shape: tuple[int, ...], **settings: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        node = helper.make_node(kind, ["x", "w"], ["y"], **settings)
        return onnx_network.save(path, [node], {"w": onnx_network.weights(1, *shape)}, x=("n", 4, 8, 8), y=("n", None, None, None))

    return write


def product(kind: str, **settings: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        nodes = [helper.make_node(kind, ["x", "w"], ["y"], **settings)]
        return onnx_network.save(path, nodes, {"w": onnx_network.weights(1, 6, 4)}, x=(3, 6), y=(3, 4))

    return write


@pytest.mark.parametrize(
    ("write", "elements", "work"),
    [
        (conv("Conv", (8, 4, 3, 3)), 288, 36 * 288),
        (conv("Conv", (8, 2, 3, 3), group=2), 144, 36 * 144),
        (conv("Conv", (8, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1]), 288, 16 * 288),
        (conv("ConvTranspose", (4, 8, 3, 3)), 288, 64 * 288),
        (product("MatMul"), 24, 3 * 24),
        (product("Gemm"), 24, 3 * 24),
        (onnx_network.recurrent, 32 * 12, 10 * 32 * 12),
        (onnx_network.looped, 64, 64),
    ],
    ids=["conv", "grouped", "strided", "transposed", "matmul", "gemm", "lstm", "loop"],
)
def test_the_work_of_an_onnx_is_counted_by_hand(write: Callable[[Path], Path], elements: int, work: int, tmp_path: Path) -> None:
    found = read(write(tmp_path / "m.onnx"))
    assert (found.weights, found.compute, found.activations) == ({"float32": elements}, {"float32": work}, {"float32": 1})
    assert (found.version, found.opsets) == (8, {"ai.onnx": 17})


def own(name: str, *inputs: str, **settings: Any) -> Any:
    return helper.make_node(name, list(inputs), ["y"], domain="com.microsoft", **settings)


@pytest.mark.parametrize(
    ("nodes", "constants", "weights", "computed"),
    [
        pytest.param(  # four-bit numbers in pairs, 6 columns of two blocks of 16 bytes
            [own("MatMulNBits", "x", "w", "scale", K=64, N=6, bits=4, block_size=32)],
            {"w": np.zeros((6, 2, 16), np.uint8), "scale": np.ones(12, np.float32)},
            {"int4": 384},
            {"float32": 3 * 384},
            id="four bits in blocks",
        ),
        pytest.param(
            [own("MatMulNBits", "x", "w", "scale", K=64, N=6, bits=4, block_size=32, accuracy_level=4)],
            {"w": np.zeros((6, 2, 16), np.uint8), "scale": np.ones(12, np.float32)},
            {"int4": 384},
            {"dynamic int8": 3 * 384},
            id="four bits in blocks, computed in eight",
        ),
        pytest.param(
            [
                helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
                helper.make_node("MatMulInteger", ["q", "w", "zero"], ["i"]),
                helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
            ],
            {"w": np.zeros((64, 6), np.int8)},
            {"int8": 384},
            {"dynamic int8": 3 * 384},
            id="quantized as it goes",
        ),
        pytest.param(
            [
                helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                helper.make_node("QLinearMatMul", ["q", "s", "z", "w", "s", "z8", "s", "z"], ["i"]),
                helper.make_node("DequantizeLinear", ["i", "s", "z"], ["y"]),
            ],
            {"w": np.zeros((64, 6), np.int8), "s": np.float32(1), "z": np.uint8(3), "z8": np.int8(0)},
            {"int8": 384},
            {"uint8": 3 * 384},
            id="in one operator",
        ),
        pytest.param(  # a product of float numbers: that its weights are stored in eight bits changes nothing
            [helper.make_node("DequantizeLinear", ["w", "s"], ["f"]), helper.make_node("MatMul", ["x", "f"], ["y"])],
            {"w": np.zeros((64, 6), np.int8), "s": np.float32(1)},
            {"int8": 384},
            {"float32": 3 * 384},
            id="stored in fewer bits",
        ),
        pytest.param(  # quantized activations, but weights that a quantizer left in float: computed in float
            [
                helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                helper.make_node("DequantizeLinear", ["q", "s", "z"], ["f"]),
                helper.make_node("MatMul", ["f", "w"], ["y"]),
            ],
            {"w": np.zeros((64, 6), np.float32), "s": np.float32(1), "z": np.uint8(3)},
            {"float32": 384},
            {"float32": 3 * 384},
            id="activations only",
        ),
    ],
)
def test_what_a_product_is_computed_in_is_told_by_what_feeds_it(
    nodes: list[Any], constants: dict[str, Any], weights: dict[str, int], computed: dict[str, int], tmp_path: Path
) -> None:
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    found = read(onnx_network.save(tmp_path / "m.onnx", nodes, arrays, x=(3, 64), y=(3, 6), own=True))
    assert (found.weights, found.compute, list(found.activations)) == (weights, computed, list(computed))


def test_an_artifact_in_onnx_runtimes_own_format_is_counted_as_its_source(tmp_path: Path) -> None:
    hub = onnx_network.classifier(tmp_path / "hub.onnx")
    inputs = {"x": np.random.default_rng(0).normal(size=(8, 1, 8, 8)).astype(np.float32)}
    make(recipe_of("int8.ort"), hub, tmp_path / "m.ort", inputs, Settings())
    make(recipe_of("int8.onnx"), hub, tmp_path / "m.onnx", inputs, Settings())
    found, source = ort.read(tmp_path / "m.ort"), read(tmp_path / "m.onnx")
    assert (found.weights, found.activations, found.compute) == (source.weights, source.activations, source.compute)
    assert "com.microsoft.QLinearConv" in {operator.name for operator in found.operators} - {operator.name for operator in source.operators}
    assert found.opsets.keys() == {"ai.onnx", "com.microsoft"}
    make(recipe_of("fp32.ort"), onnx_network.looped(tmp_path / "loop.onnx"), tmp_path / "loop.ort", {}, Settings())
    looped = ort.read(tmp_path / "loop.ort")
    assert (looped.weights, looped.activations) == ({"float32": 64}, {"float32": 1})


def while_loop(path: Path) -> Path:
    """Write a loop of three turns that multiplies a state by a matrix of 8 x 8, which goes in as state that no turn changes."""
    model = load(Network(1, 8).dense(8).write(path))
    main = model.subgraphs[0]
    x, weights, _, y = range(4)
    model.buffers += [schema.BufferT(data=np.frombuffer(np.int32(number).tobytes(), np.uint8)) for number in (0, 1, 3)]
    zero, one, three = range(len(model.buffers) - 3, len(model.buffers))

    def tensor(name: str, like: Any = None, buffer: int = 0) -> Any:
        shape = [] if like is None else main.tensors[like].shape
        kind = schema.TensorType.INT32 if like is None else schema.TensorType.FLOAT32
        return schema.TensorT(name=name.encode(), shape=np.array(shape, np.int32), type=kind, buffer=buffer)

    codes = {"FULLY_CONNECTED": 0}
    for name in ("WHILE", "LESS", "ADD"):
        codes[name] = len(model.operatorCodes)
        number = getattr(schema.BuiltinOperator, name)
        model.operatorCodes.append(schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=number, version=1))

    def op(name: str, inputs: list[int], outputs: list[int], kind: int = 0, options: Any = None) -> Any:
        ends = {"inputs": np.array(inputs, np.int32), "outputs": np.array(outputs, np.int32)}
        return schema.OperatorT(opcodeIndex=codes[name], builtinOptionsType=kind, builtinOptions=options, **ends)

    main.tensors += [tensor("turn", buffer=zero), tensor("last"), tensor("kept", weights)]
    state = {"condSubgraphIndex": 1, "bodySubgraphIndex": 2}
    main.operators = [op("WHILE", [4, x, weights], [5, y, 6], schema.BuiltinOptions.WhileOptions, schema.WhileOptionsT(**state))]
    inside = [tensor("turn"), tensor("state", x), tensor("matrix", weights)]
    less = schema.TensorT(name=b"less", shape=np.array([], np.int32), type=schema.TensorType.BOOL, buffer=0)
    condition = schema.SubGraphT(tensors=[*inside, tensor("three", buffer=three), less], inputs=[0, 1, 2], outputs=[4])
    condition.operators = [op("LESS", [0, 3], [4])]
    body = schema.SubGraphT(tensors=[*inside, tensor("one", buffer=one), tensor("next"), tensor("made", y)], inputs=[0, 1, 2])
    dense = (schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT())
    body.operators = [op("ADD", [0, 3], [4], schema.BuiltinOptions.AddOptions, schema.AddOptionsT())]
    body.operators.append(op("FULLY_CONNECTED", [1, 2, -1], [5], *dense))
    body.outputs = [4, 5, 2]
    model.subgraphs += [condition, body]
    return pack(model, path)


def test_weights_that_only_a_loop_of_a_tflite_uses_are_counted_and_static_int8_is_refused(tmp_path: Path) -> None:
    from edgekit.converters.produce import open_artifact
    from edgekit.core.errors import ModelError

    hub = while_loop(tmp_path / "hub.tflite")
    x = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    model, found = open_artifact("tflite", hub)
    assert np.isfinite(model.run({"x": x})[0]).all()
    assert (found.weights, found.activations, found.compute) == ({"float32": 64}, {"float32": 1}, {"float32": 64})
    with pytest.raises(ModelError) as caught:
        make(recipe_of("int8.tflite"), hub, tmp_path / "out.tflite", {"x": x}, Settings())
    assert caught.value.code == "recipe.recurrent"
    assert "dynamic int8 offered" in caught.value.why
    assert caught.value.do[0][1] == "edgekit convert ... --to tflite -r dynamic"


def test_parts_of_a_split_that_nobody_reads_get_the_format_of_the_others(tmp_path: Path) -> None:
    """The quantizer leaves them in float, and no runtime takes a split into two formats."""
    model = load(Network(1, 8).dense(8).write(tmp_path / "m.tflite"))
    graph = model.subgraphs[0]
    graph.tensors[3].type, graph.tensors[3].quantization = (
        schema.TensorType.INT8,
        schema.QuantizationParametersT(scale=[0.5], zeroPoint=[3]),
    )
    parts = [schema.TensorT(name=name, shape=[1, 4], type=schema.TensorType.FLOAT32, buffer=0) for name in (b"read", b"unread")]
    graph.tensors += [schema.TensorT(name=b"axis", shape=[], type=schema.TensorType.INT32, buffer=0), *parts]
    number = schema.BuiltinOperator.SPLIT
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=number, version=1))
    graph.operators.append(schema.OperatorT(opcodeIndex=1, inputs=[4, 3], outputs=[5, 6]))
    path = pack(model, tmp_path / "split.tflite")
    path.write_bytes(finish(path.read_bytes(), tables="int8"))
    for part in load(path).subgraphs[0].tensors[5:]:
        assert (part.type, part.quantization.scale[0], part.quantization.zeroPoint[0]) == (schema.TensorType.INT8, 0.5, 3)


@pytest.mark.parametrize(
    ("name", "elements", "work"),
    [("ad01", 264192, 264192), ("pretrainedResnet", 77360, 12501632), ("vww_96", 208112, 7489664)],
)
def test_the_official_models_of_mlperf_tiny_hold_what_is_known_of_them(name: str, elements: int, work: int, shared_data: Path) -> None:
    folder = shared_data / "mlperf_tiny" / "models"
    floats = {"ad01": "ad01_fp32", "pretrainedResnet": "pretrainedResnet", "vww_96": "vww_96_float"}[name]
    integers = {"pretrainedResnet": "pretrainedResnet_quant"}.get(name, f"{name}_int8")
    for file, kind in ((floats, "float32"), (integers, "int8")):
        found = tflite.read(folder / f"{file}.tflite")
        assert (found.weights, found.compute) == ({kind: elements}, {kind: work})
        assert list(found.activations) == [kind]


def test_products_whose_shapes_are_computed_from_other_shapes_are_counted(tmp_path: Path) -> None:
    """Attention of exporters: the batch is free, so they ask for each shape, take it apart and put it together again."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["batch"]),
        helper.make_node("Max", ["batch", "one"], ["rows"]),
        helper.make_node("Concat", ["rows", "rest"], ["split"], axis=0),
        helper.make_node("Reshape", ["x", "split"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["across"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["heads", "across"], ["y"]),
    ]
    constants = {"zero": np.array([0]), "one": np.array([1]), "rest": np.array([4, 16, 8])}
    found = read(onnx_network.save(tmp_path / "m.onnx", nodes, constants, x=("batch", 16, 32), y=("batch", 4, 16, 16)))
    assert (found.weights, found.activations, found.compute) == ({}, {}, {"float32": 4 * 16 * 16 * 8})


def test_a_shape_that_would_be_huge_is_not_computed(tmp_path: Path) -> None:
    nodes = [helper.make_node("Expand", ["one", "much"], ["shape"]), helper.make_node("Expand", ["x", "shape"], ["y"])]
    path = onnx_network.save(tmp_path / "m.onnx", nodes, {"one": np.array([1]), "much": np.array([10**12])}, x=(1,), y=(None,))
    assert read(path).compute == {}
