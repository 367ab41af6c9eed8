"""Say what the loaded model makes of one input: for whoever compares the outputs of another machine, or stands in for one."""

from __future__ import annotations

import binascii
import math
from typing import Any, List, Sequence

from .wire import Message, Refusal


def answer(engine: Any, inputs: Sequence[Any], request: Message) -> Message:
    """Return the bytes of one input and all outputs as numbers: of the prepared sample `index`, or of the bytes `hex` (one input only)."""
    import numpy as np

    if len(engine.inputs) != 1:
        why = f"it has {len(engine.inputs)} inputs"
        raise Refusal("model.inputs", "only a model of one input can be asked for single answers", why)
    tensor = engine.inputs[0]
    if request.get("hex") is None:
        prepared = inputs[int(request.get("index") or 0) % len(inputs)]
        data = np.asarray(prepared if not isinstance(prepared, dict) else next(iter(prepared.values()))).tobytes()
    else:
        data = _bytes(str(request["hex"]))
        wanted = int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize
        if len(data) != wanted:
            raise Refusal("samples.shape", "the input has another size than the model wants", f"{len(data)} bytes where it wants {wanted}")
        prepared = engine.prepare([np.frombuffer(data, dtype=tensor.dtype).reshape(tensor.shape)])
    outputs = engine.infer(prepared)
    return {
        "input": {"hex": data.hex(), "dtype": tensor.dtype, "scale": tensor.scale, "zero_point": tensor.zero_point},
        "outputs": [_numbers(values, engine.outputs[place]) for place, values in enumerate(outputs)],
    }


def _bytes(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError) as error:
        raise Refusal("samples.unreadable", "the input is not hexadecimal", str(error)) from error


def _numbers(values: Any, tensor: Any) -> Message:
    """Return an output as numbers that mean something: quantized ones times their scale. An engine may know the name alone."""
    scale, zero_point = getattr(tensor, "scale", None), getattr(tensor, "zero_point", None) or 0
    numbers: List[float] = [float(value) for value in values.reshape(-1).tolist()]
    if not all(map(math.isfinite, numbers)):
        raise Refusal("model.refused", "the model gives what is no number", "an output is infinite or not a number")
    if scale:
        numbers = [(number - zero_point) * scale for number in numbers]
    return {"values": numbers, "scale": scale}
