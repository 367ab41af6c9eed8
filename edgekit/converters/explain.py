"""Turn what converters and runtimes say when they fail into errors that say why and what to do."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any, Final

from edgekit.core.errors import EdgekitError, ModelError, SetupError, missing_extra

# fragment of the raw text -> (code, why, advice, command)
_KNOWN: Final = (
    (
        "element_shape",
        "model.recurrent",
        "a recurrent layer keeps a list of unknown length",
        "fix the batch in the model's Input:",
        "Input(batch_shape=(1, ...))",
    ),
    ("Tensor data is null", "recipe.recurrent", "static int8 does not work on loops", "convert it to ONNX instead:", "edgekit convert MODEL -r int8 --to onnx"),
    ("Could not locate class", "model.custom", "it uses a class that this installation does not know", "use built-in layers, then save again:", "model.save('model.keras')"),
    ("safe_mode", "model.lambda", "it carries Python code that would run on this machine", "replace Lambda layers, then save again:", "model.save('model.keras')"),
    ("could not deserialize", "model.damaged", "its parts do not fit together", "save it again with Keras 3:", "model.save('model.keras')"),
    ("valid Flatbuffer", "model.damaged", "it is not a whole .tflite file", "copy it again and compare the sizes:", "ls -l"),
    ("model identifier", "model.damaged", "it is not a whole .tflite file", "copy it again and compare the sizes:", "ls -l"),
    ("Protobuf parsing failed", "model.damaged", "it is not a whole .onnx file", "copy it again and compare the sizes:", "ls -l"),
    ("Error parsing message", "model.damaged", "it is not a whole .onnx file", "copy it again and compare the sizes:", "ls -l"),
    ("External data path does not exist", "model.external_data", "its weights are in a second file that is not here", "copy the .onnx.data file beside it:", "ls -l"),
    ("Unsupported model IR version", "model.too_new", "it was written for a newer ONNX Runtime", "update the runtime:", "pip install -U onnxruntime"),
    ("official support for domain", "model.too_new", "it was written for a newer ONNX Runtime", "update the runtime:", "pip install -U onnxruntime"),
    ("No Op registered for", "model.operator", "the converter wrote an operator that ONNX Runtime does not have", "convert to TFLite instead:", "edgekit convert MODEL --to tflite"),
    ("Could not translate MLIR", "model.operator", "an operator of the model does not exist in TFLite", "convert to ONNX instead:", "edgekit convert MODEL --to onnx"),
)


def explain(error: Exception, job: Mapping[str, Any]) -> EdgekitError:
    """Return the EdgekitError for a library's exception while `job` was done."""
    what = f"{job.get('what', 'the model')} failed"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(what, code="output.disk_full", why="the disk that holds temporary files is full", do=[("see what is free:", "df -h /tmp")])
    if isinstance(error, ImportError) and error.name:
        return missing_extra(error.name.partition(".")[0], "convert", "this conversion")
    if isinstance(error, MemoryError):
        return ModelError(what, code="convert.memory", why="memory ran out", do=[("see what is free:", "free -h")])
    text = f"{type(error).__name__}: {error}"
    for fragment, code, why, advice, command in _KNOWN:
        if fragment.lower() in text.lower():
            return ModelError(what, code=code, why=why, do=[(advice, command)], data={"log": text[:2000]})
    first = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
    return ModelError(
        what,
        code="convert.failed",
        why=f"{type(error).__name__}: {first[:200]}",
        do=[("see all its words:", "edgekit convert ... -v")],
        data={"log": text[:2000]},
    )
