"""Turn what converters and runtimes say when they fail into errors that say why and what to do."""

from __future__ import annotations

import errno
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from edgekit.core.errors import EdgekitError, ModelError, SetupError, UsageError, missing_extra

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


_CHECK: Final = "python -c \"import onnx; onnx.checker.check_model('model.onnx', full_check=True)\""


class Saying(NamedTuple):
    """Hold a pattern of what a library says and what it means; `{0}` in `why` is what the pattern's first group found."""

    pattern: str
    code: str
    why: str
    do: tuple[tuple[str, str], ...]
    kind: type[EdgekitError] = ModelError


_SAVE: Final = ("save it again with Keras 3:", "model.save('model.keras')")
_COPY: Final = (("copy it again and compare the sizes:", "ls -l"),)
_UPDATE: Final = (("update the runtime:", "pip install -U onnxruntime"),)
_TO_ONNX: Final = (("convert to ONNX instead:", "edgekit convert ... --to onnx"),)
_TO_TFLITE: Final = (("convert to TFLite instead:", "edgekit convert ... --to tflite"),)
_DYNAMIC: Final = (("quantize activations as they go:", "edgekit convert ... -r dynamic"),)
_CALIBRATE: Final = (("give about 100 typical inputs:", "edgekit convert ... --calib inputs.npz"),)
_NO_SAMPLES: Final = "the ranges of int8 activations are read from sample inputs, and there are none"
_NOT_TFLITE: Final = "it is not a whole .tflite file"
_NOT_ONNX: Final = "it is not a whole .onnx file"
_LAYOUT: Final = (("give the data in the model's layout, such as NHWC for data in NCHW:", "x.transpose(0, 2, 3, 1)"),)
_BY_NAME: Final = (("name the arrays after the inputs, in the model's shapes:", "numpy.savez('inputs.npz', NAME=array, OTHER=other)"),)

_SAYINGS: Final = (
    Saying(
        "element_shape|TensorListReserve",
        "model.recurrent",
        "a recurrent layer keeps a list of unknown length",
        (("give it a batch of one, then save again:", "Input(batch_shape=(1, ...))"), *_TO_ONNX),
    ),
    Saying(
        "Tensor data is null",
        "recipe.recurrent",
        "static int8 is unavailable for this graph: a recurrent layer is a loop, whose ranges cannot be read; dynamic int8 is offered",
        _DYNAMIC,
    ),
    Saying(
        "variable != nullptr",
        "model.variables",
        "its weights are variables that the exporter did not write into the file",
        (("export it with Keras, then convert the folder:", "model.export('folder')"),),
    ),
    Saying("representative_dataset`? must be specified|No data is collected", "calibration.missing", _NO_SAMPLES, _CALIBRATE, UsageError),
    Saying(
        r"input: (\S+) for the following indices", "samples.shape", "input {0} is fed in other dimensions than it has", _LAYOUT, UsageError
    ),
    Saying(
        r"Invalid rank for input: (\S+)", "samples.shape", "input {0} is fed with another number of axes than it has", _LAYOUT, UsageError
    ),
    Saying(
        "Cannot set tensor: Dimension mismatch", "samples.shape", "an input is fed in other dimensions than it has", _LAYOUT, UsageError
    ),
    Saying("ResizeInputTensorStrict", "samples.shape", "inputs came in another shape or order than the model's", _BY_NAME, UsageError),
    Saying(
        r"Cannot set tensor: Got value of type (\w+) but expected type (\w+)",
        "samples.dtype",
        "an input is fed with {0} and takes {1}",
        (("store the numbers as the model takes them:", "x.astype('float32')"),),
        UsageError,
    ),
    Saying(
        "prune_low_magnitude|PruneLowMagnitude|QuantizeWrapper|to_quantize`? can only",
        "model.custom",
        "TensorFlow's model optimization toolkit does not know Keras 3, and edgekit needs none of it",
        (("take its wrappers off where it was trained, then convert:", "tfmot.sparsity.keras.strip_pruning(model).save('model.keras')"),),
    ),
    Saying(
        r"Could not locate class ['\"]?([\w.>]+)",
        "model.custom",
        "{0} is a class that this installation does not have",
        (("name the module that defines it:", "edgekit convert ... --custom-objects MODULE:CLASS"), _SAVE),
    ),
    Saying(
        "File format not supported",
        "model.format",
        "it is neither a .keras nor an .h5 file; a SavedModel is the folder that holds saved_model.pb",
        (("convert the whole folder:", "edgekit convert FOLDER"), _SAVE),
    ),
    Saying(
        "has never called|has never been called",
        "model.unbuilt",
        "the shapes of its inputs are not known before it has run once",
        (("call it on an input, then save:", _SAVE[1]),),
    ),
    Saying(
        "scope name", "model.name", "TensorFlow refuses the name of a layer", (("use letters, digits and . _ - in names, then:", _SAVE[1]),)
    ),
    Saying(
        "safe_mode=False",
        "model.lambda",
        "it carries Python code that would run on this machine",
        (
            ("replace its Lambda layers, then:", _SAVE[1]),
            ("or, if you trust who made it:", "edgekit convert ... --allow-unsafe-model"),
        ),
    ),
    Saying("could not deserialize", "model.damaged", "its parts do not fit together", (_SAVE,)),
    Saying("valid Flatbuffer|model identifier|Could not open", "model.damaged", _NOT_TFLITE, _COPY),
    Saying("Protobuf parsing failed|Error parsing message|ModelProto does not have a graph", "model.damaged", _NOT_ONNX, _COPY),
    Saying(
        r"External data path does not exist: \"([^\"]+)\"|should be stored in (\S+), but it is not",
        "model.external_data",
        "its weights are in {0}, which is not there",
        (("copy that file beside the model:", "ls -l"),),
    ),
    Saying(
        r"model IR version: (\d+), max supported IR version: (\d+)",
        "model.too_new",
        "the model has IR version {0}, the ONNX Runtime installed takes up to {1}",
        _UPDATE,
    ),
    Saying(
        r"Opset (\d+) is under development.*is till opset (\d+)|Opset (\d+).*till opset (\d+)",
        "model.too_new",
        "the model has opset {0}, the ONNX Runtime installed takes up to {1}",
        _UPDATE,
    ),
    Saying(
        r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'",
        "model.too_new",
        "the LiteRT installed is too old for {0} version {1}",
        (("install the current runtime:", "pip install -U ai-edge-litert"),),
    ),
    Saying(r"No Op registered for (\w+)", "model.operator", "ONNX Runtime has no operator {0}", _TO_TFLITE),
    Saying(r"Could not translate MLIR(?:.*\b(tf\.\w+))?", "model.operator", "TFLite has no counterpart for {0}", _TO_ONNX),
    Saying(  # what is left of ONNX Runtime's own words
        r"\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .+? failed: *)?([^\n]{1,160})",
        "model.refused",
        "ONNX Runtime refuses it: {0}",
        (("let ONNX say what is wrong:", _CHECK),),
    ),
)


def explain(error: Exception, job: Mapping[str, Any]) -> EdgekitError:
    """Return the EdgekitError for a library's exception while `job` was done."""
    what = f"{job.get('what', 'the conversion')} failed"
    if "No space left on device" in str(error) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return SetupError(
            what,
            code="output.disk_full",
            why="the disk that holds temporary files is full",
            do=[("see what is free:", 'df -h "${TMPDIR:-/tmp}"'), ("or use another disk:", "TMPDIR=/elsewhere edgekit convert ...")],
        )
    if isinstance(error, ImportError) and error.name:
        return missing_extra(error.name.partition(".")[0], "convert", "this conversion")
    if isinstance(error, MemoryError):
        return ModelError(what, code="convert.memory", why="memory ran out", do=[("see what is free:", "free -h")])
    text = f"{type(error).__name__}: {error}"
    for saying in _SAYINGS:
        if found := re.search(saying.pattern, text, re.IGNORECASE | re.DOTALL):
            known = [group for group in found.groups() if group is not None] or ["one of its operators"]
            return saying.kind(what, code=saying.code, why=saying.why.format(*known), do=_named(saying.do, job), data={"log": text[:2000]})
    why = f"{type(error).__name__}: {_gist(error)[:200]}"
    return ModelError(
        what, code="convert.failed", why=why, do=[("see all its words:", "edgekit convert ... -v")], data={"log": text[:2000]}
    )


def _named(advice: tuple[tuple[str, str], ...], job: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the advice with the user's own file in place of model.onnx, so that it can be pasted."""
    source = str(job.get("source", ""))
    if not source.endswith(".onnx"):
        return advice
    check = f"python -c {shlex.quote(f'import onnx; onnx.checker.check_model({source!r}, full_check=True)')}"
    return tuple((text, check if command == _CHECK else command) for text, command in advice)


def _gist(error: Exception) -> str:
    """Return the first line that says something: TensorFlow and Keras put a traceback and the place before it, and colours around it."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    if lines and lines[0].startswith("in user code"):
        lines = lines[max((at for at, line in enumerate(lines) if "Error: " in line), default=0) :]
    if len(lines) > 1 and "Exception encountered when calling" in lines[0]:
        lines = lines[1:]
    return lines[0] if lines else "no reason given"
