"""Turn what converters and runtimes say when they fail into errors that say why and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from edgekit.core.errors import EdgekitError, ModelError, SetupError, missing_extra

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


class Saying(NamedTuple):
    """Hold a fragment of what a library says, and what it means."""

    fragment: str
    code: str
    why: str
    advice: str
    command: str


_SAVE = ("save it again with Keras 3:", "model.save('model.keras')")
_COPY = ("copy it again and compare the sizes:", "ls -l")
_UPDATE = ("update the runtime:", "pip install -U onnxruntime")
_TO_ONNX = ("convert to ONNX instead:", "edgekit convert ... --to onnx")
_TO_FP16 = ("halve its weights instead:", "edgekit convert ... --to tflite -r fp16")
_TO_TFLITE = ("convert to TFLite instead:", "edgekit convert ... --to tflite")
_NOT_TFLITE = "it is not a whole .tflite file"
_NOT_ONNX = "it is not a whole .onnx file"
_TOO_NEW = "it was written for a newer ONNX Runtime than the one installed"

_SAYINGS: Final = (
    Saying(
        "element_shape",
        "model.recurrent",
        "a recurrent layer keeps a list of unknown length",
        "fix the batch:",
        "Input(batch_shape=(1, ...))",
    ),
    Saying("Tensor data is null", "recipe.recurrent", "a recurrent layer is a loop, and loops have no int8 form", *_TO_FP16),
    Saying("Could not locate class", "model.custom", "it uses a class that this installation does not have", *_SAVE),
    Saying("scope name", "model.name", "TensorFlow refuses the name of a layer", "use letters, digits and . _ - in names, then:", _SAVE[1]),
    Saying(
        "safe_mode=False",
        "model.lambda",
        "it carries Python code that would run on this machine",
        "replace its Lambda layers, then:",
        _SAVE[1],
    ),
    Saying("could not deserialize", "model.damaged", "its parts do not fit together", *_SAVE),
    Saying("valid Flatbuffer", "model.damaged", _NOT_TFLITE, *_COPY),
    Saying("model identifier", "model.damaged", _NOT_TFLITE, *_COPY),
    Saying("Could not open", "model.damaged", _NOT_TFLITE, *_COPY),
    Saying("Protobuf parsing failed", "model.damaged", _NOT_ONNX, *_COPY),
    Saying("Error parsing message", "model.damaged", _NOT_ONNX, *_COPY),
    Saying("ModelProto does not have a graph", "model.damaged", _NOT_ONNX, *_COPY),
    Saying(
        "External data path does not exist",
        "model.external_data",
        "its weights are in a second file",
        "copy its .data file beside it:",
        "ls",
    ),
    Saying("Unsupported model IR version", "model.too_new", _TOO_NEW, *_UPDATE),
    Saying("official support for domain", "model.too_new", _TOO_NEW, *_UPDATE),
    Saying("No Op registered for", "model.operator", "the converter wrote an operator that ONNX Runtime does not have", *_TO_TFLITE),
    Saying("Could not translate MLIR", "model.operator", "one of its operators does not exist in TFLite", *_TO_ONNX),
)


def explain(error: Exception, job: Mapping[str, Any]) -> EdgekitError:
    """Return the EdgekitError for a library's exception while `job` was done."""
    what = f"{job.get('what', 'the conversion')} failed"
    if "No space left on device" in str(error) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return SetupError(
            what,
            code="output.disk_full",
            why="the disk that holds temporary files is full",
            do=[("see what is free:", "df -h /tmp"), ("or use another disk:", "TMPDIR=/elsewhere edgekit convert ...")],
        )
    if isinstance(error, ImportError) and error.name:
        return missing_extra(error.name.partition(".")[0], "convert", "this conversion")
    if isinstance(error, MemoryError):
        return ModelError(what, code="convert.memory", why="memory ran out", do=[("see what is free:", "free -h")])
    text = f"{type(error).__name__}: {error}"
    for saying in _SAYINGS:
        if saying.fragment.lower() in text.lower():
            return ModelError(what, code=saying.code, why=saying.why, do=[(saying.advice, saying.command)], data={"log": text[:2000]})
    why = f"{type(error).__name__}: {_gist(error)[:200]}"
    return ModelError(
        what, code="convert.failed", why=why, do=[("see all its words:", "edgekit convert ... -v")], data={"log": text[:2000]}
    )


def _gist(error: Exception) -> str:
    """Return the first line that says something: TensorFlow and Keras put a traceback and the place before it, and colours around it."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    if lines and lines[0].startswith("in user code"):
        lines = lines[max((at for at, line in enumerate(lines) if "Error: " in line), default=0) :]
    if len(lines) > 1 and "Exception encountered when calling" in lines[0]:
        lines = lines[1:]
    return lines[0] if lines else "no reason given"
