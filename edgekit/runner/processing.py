"""Put the user's own functions around each inference: `pre` makes the model's inputs, `post` takes its outputs.

    raw arrays -> pre -> set_tensor, invoke, get_tensor -> post          one unit of work

They are called once for each invocation, with the batch as the first axis. This is the user's code: it runs here with the rights of this
process, and nothing of it is checked.
"""

from __future__ import annotations

import importlib.util
import traceback
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .engines.inputs import MAX_BYTES, MAX_SAMPLES, Tensor, quantized, read_arrays, synthetic
from .wire import Message, Refusal

Function = Callable[[Any], Any]


class Functions(NamedTuple):
    """Hold the functions of one unit of work; None where the user gave none."""

    pre: Optional[Function]
    post: Optional[Function]


def wanted(request: Message) -> Optional[Functions]:
    """Return the functions that a request names as {"pre": {"file", "function"}, "post": ...}, or None; raise Refusal."""
    pre, post = request.get("pre"), request.get("post")
    if not (pre or post):
        return None
    return Functions(
        _open("pre", pre["file"], pre["function"]) if pre else None,
        _open("post", post["file"], post["function"]) if post else None,
    )


def raw_inputs(path: Optional[str], tensors: List[Tensor], batch: int) -> List[Any]:
    """Return what `pre` is given, one for each invocation: arrays by name, or the array itself where there is one.

    `path` is an .npz whose arrays have samples as their first axis; without one, random inputs of the model's own shape.
    """
    import numpy as np

    columns = read_arrays(path) if path else {tensor.name: synthetic(tensor) for tensor in tensors}
    if not columns or any(column.ndim == 0 or len(column) == 0 for column in columns.values()):
        raise Refusal("samples.empty", f"the samples {path} hold nothing", "each array needs samples as its first axis")
    count = min(len(column) for column in columns.values())
    each = sum(column[:1].nbytes for column in columns.values()) * batch
    number = max(1, min(max(1, count // batch), MAX_SAMPLES, MAX_BYTES // max(1, each)))
    found = []
    for first in range(number):
        places = range(first * batch, first * batch + batch)
        arrays = {name: np.ascontiguousarray(np.take(column[:count], places, axis=0, mode="wrap")) for name, column in columns.items()}
        found.append(next(iter(arrays.values())) if len(arrays) == 1 else arrays)
    return found


def processed(engine: Any, functions: Functions, first: Any) -> Callable[[Sequence[Any]], None]:
    """Return a loop that does pre, inference and post for every input of a group.

    What `pre` makes of the input `first` must fit the model. Errors of the user's functions are raised as Refusal, whenever they come.
    """
    pre = _made(engine, functions.pre, first) if functions.pre is not None else _identity
    post = functions.post or _identity
    infer, single = engine.infer, len(engine.outputs) == 1

    def loop(group: Sequence[Any]) -> None:
        role, function = "", None
        try:
            for item in group:
                role, function = "pre", functions.pre
                ready = pre(item)
                role = ""
                outputs = infer(ready)
                role, function = "post", functions.post
                post(outputs[0] if single else outputs)
        except Exception as error:
            if role and function is not None:
                raise _failed(role, function, error) from error
            raise

    return loop


def _identity(value: Any) -> Any:
    return value


def _made(engine: Any, pre: Function, first: Any) -> Function:
    """Return `pre` followed by what the engine needs: its order of inputs, and quantization where the model wants integers.

    What has to be done is decided by the first result, and done alike for all others: an array of another type makes the engine fail.
    """
    import numpy as np

    tensors: List[Tensor] = engine.inputs
    prepare = engine.prepare
    made = _named(_called(pre, first), tensors)
    steps: List[Tuple[str, Optional[Tensor]]] = []
    for tensor in tensors:
        array = np.asarray(made[tensor.name])
        if tuple(array.shape) != tuple(tensor.shape):
            raise _unfit(tensor, f"its shape is {list(array.shape)}, the model wants {list(tensor.shape)} (the batch first)")
        quantize = array.dtype.kind == "f" and np.dtype(tensor.dtype).kind in "iu" and bool(tensor.scale)
        if array.dtype != np.dtype(tensor.dtype) and not quantize:
            raise _unfit(tensor, f"its type is {array.dtype}, the model wants {tensor.dtype}")
        steps.append((tensor.name, tensor if quantize else None))

    def ready(item: Any) -> Any:
        named = _named(pre(item), tensors)
        return prepare(
            [np.ascontiguousarray(named[name]) if step is None else quantized(np.asarray(named[name]), step) for name, step in steps]
        )

    return ready


def _named(made: Any, tensors: List[Tensor]) -> Dict[str, Any]:
    if isinstance(made, dict):
        missing = [tensor.name for tensor in tensors if tensor.name not in made]
        if missing:
            returned = ", ".join(map(str, made)) or "nothing"
            raise Refusal("processing.result", f"pre returns no input {missing[0]!r}", f"it returns {returned}")
        return made
    if len(tensors) != 1:
        names = ", ".join(tensor.name for tensor in tensors)
        raise Refusal("processing.result", "pre returns one array for a model of several inputs", f"it must return a dict of {names}")
    return {tensors[0].name: made}


def _unfit(tensor: Tensor, why: str) -> Refusal:
    return Refusal("processing.result", f"what pre returns for {tensor.name!r} does not fit the model", why)


def _called(pre: Function, value: Any) -> Any:
    try:
        return pre(value)
    except Exception as error:
        raise _failed("pre", pre, error) from error


def _failed(role: str, function: Function, error: Exception) -> Refusal:
    """Return what an error in the user's function is, with the line of the user's file that it comes from."""
    if isinstance(error, Refusal):
        return error
    own = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    where = f" (line {lines[-1].lineno}: {lines[-1].line})" if lines else ""
    return Refusal("processing.failed", f"{role} raised {type(error).__name__}", f"{error}{where}")


def _open(role: str, path: str, name: str) -> Function:
    """Return the function `name` of the file at `path`, whose module is executed for it."""
    try:
        spec = importlib.util.spec_from_file_location("edgekit_user_" + role, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        why = f"{type(error).__name__}: {error}; the file travels alone: it can import what the engine's Python has, nothing beside it"
        raise Refusal("processing.import", f"the file of {role} cannot be imported", why) from error
    function = getattr(module, name, None)
    if not callable(function):
        public = sorted(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        there = ", ".join(public) or "none"
        raise Refusal("processing.unknown", f"the file of {role} has no function {name!r}", f"functions there: {there}")
    result: Function = function
    return result
