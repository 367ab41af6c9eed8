"""Load a Keras model, run it, and export it to float TFLite and ONNX. Runs in a child process, the only one that needs TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of, keras_graph
from edgekit.converters.source import Port
from edgekit.core.errors import ModelError

_BATCH = 32


class KerasSource:
    """Hold a Keras model loaded in safe mode, so that no code inside it runs."""

    def __init__(self, path: Path) -> None:
        import keras

        self._model: Any = keras.saving.load_model(path, compile=False, safe_mode=True)
        if not getattr(self._model, "inputs", None):
            raise ModelError(
                f"{path} was never built",
                code="model.unbuilt",
                why="the shapes of its inputs are not known",
                do=[("call it once on an input, then save:", "model.save('model.keras')")],
            )
        self.ports = tuple(Port(name=port.name, shape=tuple(port.shape), dtype=port.dtype) for port in self._model.inputs)
        self._callable = _uniform(self._model)

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters and the versions of the tools."""
        import keras
        import tensorflow as tf

        return {
            "family": family_of(keras_graph(keras.saving.serialize_keras_object(self._model))),
            "weights_sha256": hash_of_arrays(weight.numpy() for weight in self._model.weights),
            "parameters": int(self._model.count_params()),
            "threshold": _threshold(self._model),
            "tools": {"keras": keras.__version__, "tensorflow": tf.__version__},
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, in the model's order; samples along the first axis."""
        import numpy as np

        parts = []
        step = _BATCH if all(port.shape[:1] == (None,) for port in self.ports) else 1
        for start in range(0, len(next(iter(inputs.values()))), step):
            batch = [inputs[port.name][start : start + step] for port in self.ports]
            parts.append(self._callable(batch, training=False))
        return [np.concatenate([np.asarray(part[name]) for part in parts]) for name in sorted(parts[0])]

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:  # noqa: A002
        """Write float TFLite with batch 1, or ONNX at opset 17 with a free batch, checked by ONNX itself."""
        if format == "tflite":
            self._export_tflite(path, shapes)
        else:
            self._export_onnx(path)

    def _export_tflite(self, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
        import keras

        signature = [keras.InputSpec(shape=(1, *shapes[port.name]), dtype=port.dtype, name=port.name) for port in self.ports]
        self._callable.export(path, format="litert", input_signature=[signature], verbose=False)

    def _export_onnx(self, path: Path) -> None:
        import onnx
        import tensorflow as tf
        import tf2onnx

        signature = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in self.ports]
        proto, _ = tf2onnx.convert.from_keras(self._callable, input_signature=signature, opset=17)
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, path)


def hash_of_arrays(arrays: Any) -> str:
    """Return the sha256 of arrays in order: shape, dtype and bytes of each, without names."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _uniform(model: Any) -> Any:
    """Return `model` as a functional one that takes a list of inputs and gives its outputs by name, the order in which runtimes list them.

    The exporters trip over what this takes away: sequential models, and several inputs given as arguments or as a dictionary.
    """
    import keras

    flat = keras.Model(list(model.inputs), list(model.outputs))
    names = flat.output_names
    unique = [name if names.count(name) == 1 else f"{name}_{index:02}" for index, name in enumerate(names)]
    return keras.Model(list(model.inputs), dict(zip(unique, model.outputs, strict=True)))


def _threshold(model: Any) -> float | None:
    """Return what divides two classes in a single output, by the activation of its last layer: 0.5, 0 for logits, None when unknown."""
    import keras

    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1] if isinstance(last, keras.Sequential) else _maker(last.outputs[0])
    if not isinstance(last, (keras.layers.Dense, keras.layers.Activation)):
        return None
    return {"sigmoid": 0.5, "linear": 0.0}.get(getattr(last.activation, "__name__", ""))


def _maker(tensor: Any) -> Any:
    """Return the layer that a symbolic tensor comes out of."""
    return tensor._keras_history.operation  # Keras has no public way from a tensor to its layer
