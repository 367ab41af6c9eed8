"""Load a TensorFlow SavedModel, run it, and export it to float TFLite and ONNX. Runs in a child process."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters.family import family_of
from edgekit.converters.hub import Export
from edgekit.converters.port import Port, known_dtype
from edgekit.converters.settings import Settings
from edgekit.converters.sources.arrays import hash_of_arrays
from edgekit.converters.sources.batches import require_batch, run_batches
from edgekit.converters.sources.fixing import fixed_shapes
from edgekit.converters.sources.keras_tensorflow import OPSET
from edgekit.converters.sources.onnx_hub import write_onnx
from edgekit.converters.sources.operators import explained
from edgekit.converters.sources.saved_model_file import refuse_touching
from edgekit.converters.sources.tensor_lists import with_known_lists
from edgekit.core.errors import ModelError

_USUAL: Final = "serving_default"
_INIT: Final = "__saved_model_init_op"
_EXPORT: Final = "tf.saved_model.save(model, 'folder', signatures={'serving_default': function})"


class SavedModelSource:
    """Hold the one signature of a SavedModel that is converted: "serving_default", or its only one."""

    def __init__(self, path: Path, settings: Settings) -> None:
        import tensorflow as tf

        if not settings.allow_unsafe:
            refuse_touching(path)
        self._loaded = tf.saved_model.load(str(path))
        self._function: Any = self._loaded.signatures[_choose(path, [*self._loaded.signatures])]
        specs = self._function.structured_input_signature[1]
        self.ports = tuple(_port(path, name, specs[name]) for name in sorted(specs))
        require_batch(self.ports, path)
        self._outputs = sorted(self._function.structured_outputs)

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters, outputs and the version of TensorFlow."""
        import tensorflow as tf

        from edgekit.converters.sources.tensorflow_graph import canonical

        graph, weights = canonical(self._function)
        specs = self._function.structured_outputs
        return {
            "family": family_of(graph),
            "weights_sha256": hash_of_arrays(weights),
            "parameters": sum(int(weight.size) for weight in weights),
            "outputs": [
                {"name": name, "shape": [-1 if size is None else size for size in specs[name].shape], "dtype": specs[name].dtype.name}
                for name in self._outputs
            ],
            "tools": {"tensorflow": tf.__version__},
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples, sorted by name; samples along the first axis."""
        import tensorflow as tf

        def call(batch: Mapping[str, Any]) -> list[Any]:
            outputs = self._function(**{name: tf.constant(array) for name, array in batch.items()})
            return [outputs[name] for name in self._outputs]

        return run_batches(call, self.ports, self._outputs, inputs)

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> Export:  # noqa: A002
        """Write float TFLite with batch 1, or ONNX with free dimensions where the signature has them."""
        from importlib.metadata import version

        if format == "tflite":
            self._export_tflite(path, shapes)
            return Export(notes=fixed_shapes(self.ports))
        self._export_onnx(path)
        return Export(tools={"tf2onnx": version("tf2onnx")})

    def _export_tflite(self, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
        import tensorflow as tf

        fixed = {port.name: tf.TensorSpec((1, *shapes[port.name]), port.dtype, name=port.name) for port in self.ports}
        serve = tf.function(self._function).get_concrete_function(**fixed)
        with explained("TFLite", ()):
            try:
                path.write_bytes(self._converted(serve))
            except Exception as error:  # the class is TensorFlow's own
                if "element_shape" not in str(error):
                    raise
                path.write_bytes(self._converted(with_known_lists(serve, fixed)))

    def _converted(self, function: Any) -> bytes:
        """Return `function` in TFLite's own operators: LiteRT's Python package has no others."""
        import tensorflow as tf

        module = tf.Module()
        module.origin = self._loaded  # keeps its variables
        module.serve = function
        with tempfile.TemporaryDirectory() as folder:  # from here the converter takes the names; from a function it loses them
            tf.saved_model.save(module, folder, signatures={_USUAL: function})
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[_USUAL])
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            made: bytes = converter.convert()
            return made

    def _export_onnx(self, path: Path) -> None:
        import tensorflow as tf
        import tf2onnx

        names = [port.name for port in self.ports]
        free = tf.function(lambda *tensors: self._function(**dict(zip(names, tensors, strict=True))))
        signature = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in self.ports]
        with explained("ONNX", (), ("or convert the Keras file it was exported from, if it was:", "edgekit convert model.keras")):
            proto, _ = tf2onnx.convert.from_function(free, input_signature=signature, opset=OPSET)
            write_onnx(proto, path, names, self._outputs)


def _choose(path: Path, names: Sequence[str]) -> str:
    """Return the signature to convert; raise ModelError, naming all, when none stands out."""
    usual = [name for name in names if name != _INIT]
    if _USUAL in usual:
        return _USUAL
    if len(usual) == 1:
        return usual[0]
    why = f"its signatures are {', '.join(sorted(usual))}, and none is called {_USUAL}" if usual else "it was saved without any"
    raise ModelError(
        f"{path} has no signature to convert",
        code="model.signature",
        why=why,
        do=[("save it with the function to convert as its signature:", _EXPORT)],
    )


def _port(path: Path, name: str, spec: Any) -> Port:
    if not hasattr(spec, "shape") or spec.shape.rank is None:
        raise ModelError(
            f"input {name} of {path} has no shape",
            code="model.shape",
            why="the number of its dimensions is not stated",
            do=[("state it when saving:", "tf.TensorSpec((None, 28, 28, 1), tf.float32)")],
        )
    return Port(name=name, shape=tuple(spec.shape), dtype=known_dtype(name, spec.dtype.name))
