"""Export a uniform Keras model that stands on TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.sources.onnx_hub import write_onnx
from edgekit.converters.sources.operators import explained

OPSET = 17


def export_tflite(model: Any, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Write float TFLite with batch 1 and TFLite's own operators only: LiteRT's Python package has no others."""
    import keras
    import tensorflow as tf

    signature = [keras.InputSpec(shape=(1, *shapes[port.name]), dtype=port.dtype, name=port.name) for port in model.inputs]
    operators = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    with explained("TFLite", layers(model)):
        model.export(path, format="litert", input_signature=[signature], verbose=False, target_spec=operators)


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
