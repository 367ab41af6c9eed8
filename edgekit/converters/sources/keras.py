"""Load a Keras model, run it, and export it to float TFLite and ONNX. Runs in a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of, keras_graph
from edgekit.converters.hub import Export
from edgekit.converters.port import Port, known_dtype
from edgekit.converters.settings import Settings
from edgekit.converters.sources.arrays import hash_of_arrays
from edgekit.converters.sources.batches import require_batch, run_batches
from edgekit.converters.sources.fixing import fixed_shapes
from edgekit.converters.sources.keras_file import load_model
from edgekit.converters.sources.keras_uniform import threshold, uniform
from edgekit.core.jsonio import as_data


class KerasSource:
    """Hold a Keras model, loaded in safe mode unless the user trusts the code inside it.

    It stands on TensorFlow, or on PyTorch where TensorFlow's exporters fail: KERAS_BACKEND decides, before Keras is imported.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        import keras

        self._backend: str = keras.backend.backend()
        self._model, self._notes = load_model(path, settings)
        self._callable = uniform(self._model, path)
        self.ports = tuple(
            Port(name=port.name, shape=tuple(port.shape), dtype=known_dtype(port.name, port.dtype)) for port in self._callable.inputs
        )
        require_batch(self.ports, path)

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters, outputs and the versions of the tools."""
        import keras
        import tensorflow as tf

        outputs = sorted(self._callable.output.items())
        return {
            "family": family_of(self._graph()),
            "weights_sha256": hash_of_arrays(weight.numpy() for weight in self._model.weights),
            "parameters": int(self._model.count_params()),
            "threshold": threshold(self._model),
            "outputs": [
                {"name": name, "shape": [-1 if size is None else size for size in port.shape], "dtype": port.dtype}
                for name, port in outputs
            ],
            "notes": as_data(self._notes),
            "tools": {"keras": keras.__version__, "tensorflow": tf.__version__},
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, sorted by name; samples along the first axis."""
        names = sorted(self._callable.output)

        def call(batch: Mapping[str, Any]) -> list[Any]:
            outputs = self._callable([batch[port.name] for port in self.ports], training=False)
            return [outputs[name] for name in names]

        return run_batches(call, self.ports, names, inputs)

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> Export:  # noqa: A002
        """Write float TFLite with batch 1, or ONNX with a free batch; both are made by the framework that Keras stands on."""
        from edgekit.converters.sources import keras_tensorflow, keras_torch

        framework = keras_torch if self._backend == "torch" else keras_tensorflow
        if format == "tflite":
            framework.export_tflite(self._callable, path, shapes)
            return Export(tools=framework.tools(format), notes=fixed_shapes(self.ports))
        framework.export_onnx(self._callable, path)
        return Export(tools=framework.tools(format))

    def _graph(self) -> Any:
        import keras

        from edgekit.converters.sources.tensorflow_graph import canonical

        try:
            return keras_graph(keras.saving.serialize_keras_object(self._model))
        except ValueError:  # a class of the user's own has no list of layers: what it computes stands for it
            import tensorflow as tf

            signature = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in self.ports]
            traced = tf.function(lambda *tensors: self._callable(list(tensors), training=False))
            return canonical(traced.get_concrete_function(*signature))[0]
