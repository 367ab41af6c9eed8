"""Load the source once and make what all recipes share: the float hubs and the source's own outputs. Runs in a child process.

The job names its `stages`: "reference" (facts and outputs of the source), "tflite" and "onnx" (the float hubs).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of, keras_graph
from edgekit.core.errors import ModelError

Stage = Callable[[str], None]


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Do the stages of `job`; return the facts of the source and the versions of what was used."""
    import keras

    stage("loading")
    model = load(Path(job["source"]))
    work = Path(job["work"])
    answer: dict[str, Any] = {"tools": {"keras": keras.__version__, **_tensorflow_version()}}
    for name in job["stages"]:
        stage(name)
        if name == "reference":
            write_reference(model, work)
            (work / "facts.json").write_text(json.dumps({**facts_of(model), "tools": answer["tools"]}))
        elif name == "tflite":
            export_tflite(model, job["shapes"], work / "hub.tflite")
        elif name == "onnx":
            export_onnx(model, work / "hub.onnx")
            answer["tools"] |= _tf2onnx_version()
    return answer


def load(path: Path) -> Any:
    """Return the Keras model in `path`, loaded in safe mode; raise ModelError when it has no static graph."""
    import keras

    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not getattr(model, "inputs", None):
        raise ModelError(f"{path} was never built", code="model.unbuilt", why="the shapes of its inputs are not known", do=[("call it once, then save:", "model.save('model.keras')")])
    return model


def facts_of(model: Any) -> dict[str, Any]:
    """Return family, weights_sha256, parameters, input ports and output names of a loaded model."""
    import keras

    return {
        "family": family_of(keras_graph(keras.saving.serialize_keras_object(model))),
        "weights_sha256": weights_sha256(model),
        "parameters": int(model.count_params()),
        "outputs": list(model.output_names),
    }


def weights_sha256(model: Any) -> str:
    """Return the hash of all weights in order: shape, dtype and bytes of each, without names."""
    digest = hashlib.sha256()
    for weight in model.weights:
        array = weight.numpy()
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_reference(model: Any, work: Path) -> None:
    """Run the source on proof.npz and write its outputs, in order, as reference.npz (keys "0", "1", ...)."""
    import numpy as np

    with np.load(work / "proof.npz") as proof:
        inputs = {name: proof[name] for name in proof.files}
    count = len(next(iter(inputs.values())))
    parts = []
    for start in range(0, count, 32):
        batch = [inputs[port.name][start : start + 32] for port in model.inputs]
        parts.append(_flat(model(batch[0] if len(batch) == 1 else dict(zip([p.name for p in model.inputs], batch, strict=True)), training=False)))
    outputs = [np.concatenate([np.asarray(part[index]) for part in parts]) for index in range(len(parts[0]))]
    np.savez(work / "reference.npz", **{str(index): output for index, output in enumerate(outputs)})


def export_tflite(model: Any, shapes: Mapping[str, Sequence[int]], path: Path) -> None:
    """Write the float .tflite with batch 1; `shapes` gives each input's shape without its batch."""
    import keras

    signature = [keras.InputSpec(shape=(1, *shapes[port.name]), dtype=port.dtype, name=port.name) for port in model.inputs]
    model.export(path, format="litert", input_signature=signature, verbose=False)


def export_onnx(model: Any, path: Path) -> None:
    """Write the float .onnx at opset 17 with a free batch, checked by ONNX itself."""
    import onnx
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in model.inputs]
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=17)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _tensorflow_version() -> dict[str, str]:
    import tensorflow as tf

    return {"tensorflow": tf.__version__}


def _tf2onnx_version() -> dict[str, str]:
    import tf2onnx

    return {"tf2onnx": tf2onnx.__version__}
