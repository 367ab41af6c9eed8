"""Export a uniform Keras model that stands on TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from edgekit.converters.sources.onnx_hub import write_onnx
from edgekit.converters.sources.operators import explained

OPSET = 17
_CALLS: Final = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase", "PartitionedCall", "StatefulPartitionedCall")


def export_tflite(model: Any, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Write float TFLite with batch 1 and TFLite's own operators only: LiteRT's Python package has no others."""
    with suppress(Exception):  # the other way says more of what is wrong: it still knows the layers
        frozen = _frozen(model, shapes)
        if not any(_needs_variables(operation) for operation in frozen.graph.get_operations()):
            path.write_bytes(_converted(model, frozen, shapes))
            return
    with explained("TFLite", layers(model)):
        _export_with_variables(model, path, shapes)


def _needs_variables(operation: Any) -> bool:
    """Return True for what keeps its form only beside variables: calls, of which recurrent operators are made, and own gradients."""
    return operation.type in _CALLS or "_gradient_op_type" in operation.node_def.attr


def _frozen(model: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Return what the model computes for one sample, its variables made constants: a function of positional inputs."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    traced = tf.function(lambda *tensors: model(list(tensors), training=False), autograph=False)
    concrete = traced.get_concrete_function(*_signature(model, shapes).values())
    return convert_variables_to_constants_v2(concrete, lower_control_flow=False)


def _converted(model: Any, frozen: Any, shapes: Mapping[str, Sequence[int]]) -> bytes:
    """Return float TFLite made of a graph of constants, in a third of the time: saving and reading variables is most of an export.

    Raises ValueError where the converter lost the names of inputs and outputs on its way.
    """
    import tensorflow as tf

    names = sorted(model.output)
    named = tf.function(lambda **inputs: dict(zip(names, frozen(*(inputs[port.name] for port in model.inputs)), strict=True)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([named.get_concrete_function(**_signature(model, shapes))], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    made: bytes = converter.convert()
    if b"serving_default" not in made:
        raise ValueError("the converter fell back to a graph without a signature")
    return made


def _export_with_variables(model: Any, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Convert as Keras does: loops and calls keep their form, from which TFLite makes its recurrent operators."""
    import keras
    import tensorflow as tf

    signature = [keras.InputSpec(shape=(1, *shapes[port.name]), dtype=port.dtype, name=port.name) for port in model.inputs]
    operators = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    model.export(path, format="litert", input_signature=[signature], verbose=False, target_spec=operators)


def _signature(model: Any, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    import tensorflow as tf

    return {port.name: tf.TensorSpec((1, *shapes[port.name]), port.dtype, name=port.name) for port in model.inputs}


def export_onnx(model: Any, path: Path) -> None:
    """Write ONNX with free dimensions where the model has them."""
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in model.inputs]
    with explained("ONNX", layers(model)):
        proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET)
        write_onnx(proto, path, [port.name for port in model.inputs], sorted(model.output))


def tools(format: str) -> dict[str, str]:  # noqa: A002
    """Return the versions of what exports, beside TensorFlow and Keras."""
    from importlib.metadata import version

    return {"tf2onnx": version("tf2onnx")} if format == "onnx" else {}


def layers(model: Any) -> list[str]:
    """Return the names of all layers of a model, those of the models inside it too."""
    found = []
    for layer in getattr(model, "layers", ()):
        found += [layer.name, *layers(layer)]
    return found
