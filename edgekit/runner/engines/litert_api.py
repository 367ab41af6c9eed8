"""Call LiteRT's C library: the only way to its profiler, which the Python package does not offer.

Signatures: litert/c/*.h of LiteRT 2.x. Every function returns 0 when it succeeded. A wrong call can end the process, so this is used in
a process that holds nothing else.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p
from typing import Any, List, NamedTuple, Sequence, Tuple

from ..wire import Refusal

_TYPES = {1: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float16", 11: "float64"}
_CPU = 1
_WRITE = 1
_TYPE_WORDS = 128  # of 32 bits, more than any version's description of a tensor takes
_EVENT_BYTES = 512  # more than any version's event takes
_BLANK = b"\xa5"


class Event(NamedTuple):
    """Hold one event of the profiler: times in microseconds of the monotonic clock; `node` and `graph` name the operator."""

    tag: str
    kind: int
    start_us: int
    elapsed_us: int
    node: int
    graph: int


class CompiledModel:
    """Hold a model compiled for the processor with profiling on, its buffers, and its profiler."""

    def __init__(self, path: str, threads: int, batch: int) -> None:
        self._library = _open()
        self._kept: List[Any] = []  # what the library reads later
        self._environment, self._model, options = c_void_p(), c_void_p(), c_void_p()
        self._call("LiteRtCreateEnvironment", c_int(0), None, byref(self._environment))
        self._call("LiteRtCreateModelFromFile", self._environment, c_char_p(os.fsencode(path)), byref(self._model))
        self._call("LiteRtCreateOptions", byref(options))
        self._call("LiteRtSetOptionsHardwareAccelerators", options, c_int(_CPU))
        self._add(options, b"runtime_options_string", b"enable_profiling = true\n")
        self._add(options, b"xnnpack", b"num_threads = %d\n" % threads)
        self._compiled, self._profiler, self._signature = c_void_p(), c_void_p(), c_void_p()
        self._call("LiteRtCreateCompiledModel", self._environment, self._model, options, byref(self._compiled))
        self._call("LiteRtGetModelSignature", self._model, c_size_t(0), byref(self._signature))
        self._call("LiteRtCompiledModelGetProfiler", self._compiled, byref(self._profiler))
        inputs = self._buffers("Input", batch)
        self._allocate()
        outputs = self._buffers("Output", batch)
        self.inputs = [(name, shape, dtype) for name, shape, dtype, _ in inputs]
        self._in = (c_void_p * len(inputs))(*(buffer for *_, buffer in inputs))
        self._out = (c_void_p * len(outputs))(*(buffer for *_, buffer in outputs))

    def run(self, arrays: Sequence[Any]) -> None:
        """Copy the inputs in and infer once; the outputs stay where the model put them."""
        for number, array in enumerate(arrays):
            buffer, place = c_void_p(self._in[number]), c_void_p()
            self._call("LiteRtLockTensorBuffer", buffer, byref(place), c_int(_WRITE))
            ctypes.memmove(place, array.ctypes.data, array.nbytes)
            self._call("LiteRtUnlockTensorBuffer", buffer)
        self._call(
            "LiteRtRunCompiledModel", self._compiled, c_size_t(0), c_size_t(len(self._in)), self._in, c_size_t(len(self._out)), self._out
        )

    def start(self) -> None:
        """Forget all events and begin to record."""
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)

    def stop(self) -> List[Event]:
        """Stop recording and return the events."""
        self._call("LiteRtStopProfiler", self._profiler)
        count = c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, byref(count))
        if count.value < 1:
            return []
        room = ctypes.create_string_buffer(_BLANK * (count.value * _EVENT_BYTES), count.value * _EVENT_BYTES)
        self._call("LiteRtGetProfilerEvents", self._profiler, count, room)
        return _events(room.raw, count.value)

    def _buffers(self, side: str, batch: int) -> List[Tuple[str, Tuple[int, ...], str, c_void_p]]:
        """Return (name, shape, dtype, buffer) of every input or output; an open batch is set."""
        count = c_size_t()
        self._call(f"LiteRtGetNumSignature{side}s", self._signature, byref(count))
        return [self._buffer(side, place, batch) for place in range(count.value)]

    def _allocate(self) -> None:
        """Let the sizes of the inputs reach the outputs."""
        count = c_size_t()
        self._call("LiteRtGetNumSignatureOutputs", self._signature, byref(count))
        layouts = (ctypes.c_int32 * (_TYPE_WORDS * count.value))()
        self._call("LiteRtGetCompiledModelOutputTensorLayouts", self._compiled, c_size_t(0), count, layouts, ctypes.c_bool(True))

    def _buffer(self, side: str, place: int, batch: int) -> Tuple[str, Tuple[int, ...], str, c_void_p]:
        name, tensor, needs, buffer = c_char_p(), c_void_p(), c_void_p(), c_void_p()
        described = (ctypes.c_int32 * _TYPE_WORDS)()  # element type, rank in the low 7 bits, then the sizes
        self._call(f"LiteRtGetSignature{side}Name", self._signature, c_size_t(place), byref(name))
        self._call(f"LiteRtGetSignature{side}TensorByIndex", self._signature, c_size_t(place), byref(tensor))
        self._call("LiteRtGetRankedTensorType", tensor, described)
        rank = described[1] & 0x7F
        if rank and described[2] != batch:
            if described[2] > 1:
                raise Refusal("model.batch", f"the model's batch is fixed at {described[2]}", f"batch {batch} was asked")
            described[2] = batch
            if side == "Input":
                sizes = (c_int * rank)(*described[2 : 2 + rank])
                self._call(
                    "LiteRtCompiledModelResizeInputTensorNonStrict", self._compiled, c_size_t(0), c_size_t(place), sizes, c_size_t(rank)
                )
        shape = tuple(described[2 : 2 + rank])
        if any(size < 0 for size in shape):
            raise Refusal(
                "model.shape", f"the tensor {(name.value or b'').decode()!r} has sizes the runner does not know", f"shape {list(shape)}"
            )
        self._call(f"LiteRtGetCompiledModel{side}BufferRequirements", self._compiled, c_size_t(0), c_size_t(place), byref(needs))
        self._call("LiteRtCreateManagedTensorBufferFromRequirements", self._environment, described, needs, byref(buffer))
        return (name.value or b"").decode(), shape, _TYPES.get(described[0], "unknown"), buffer

    def _add(self, options: c_void_p, name: bytes, text: bytes) -> None:
        payload, made = ctypes.create_string_buffer(text), c_void_p()
        self._kept.append(payload)
        self._call("LiteRtCreateOpaqueOptions", c_char_p(name), payload, _KEEP, byref(made))
        self._call("LiteRtAddOpaqueOptions", options, made)

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError as error:
            raise Refusal(
                "profile.unsupported", "this version of ai-edge-litert has no operator times", f"its library lacks {name}"
            ) from error
        if status := function(*arguments):
            raise Refusal("profile.failed", "LiteRT does not run the model under its profiler", f"{name} returned {status}")


_KEEP = ctypes.CFUNCTYPE(None, c_void_p)(lambda payload: None)  # how a payload is freed: we keep it


def _open() -> Any:
    found = importlib.util.find_spec("ai_edge_litert")
    if found is None or not found.origin:
        raise Refusal("engine.missing", "ai-edge-litert is not installed on this machine", "no module", package="ai-edge-litert")
    path = os.path.join(os.path.dirname(found.origin), "libLiteRt.so")
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise Refusal("profile.unsupported", "this ai-edge-litert has no operator times", f"{path} cannot be opened: {error}") from error


def _events(raw: bytes, count: int) -> List[Event]:
    """Return the events in a block that was blank before they were written.

    Versions differ in how long an event is, because they keep different figures of memory: the length follows from how much was written.
    The first four fields and the last three lie at the same place in all of them.
    """
    words = -(-len(raw.rstrip(_BLANK)) // count // 8)
    found = []
    for place in range(count):
        block = raw[place * words * 8 : (place + 1) * words * 8]
        fields = [int.from_bytes(block[at : at + 8], "little") for at in range(0, words * 8, 8)]
        tag = (ctypes.string_at(fields[0]) if fields[0] else b"").decode("utf-8", "replace")
        found.append(Event(tag, fields[1] & 0xFFFFFFFF, fields[2], fields[3], fields[-3], fields[-2]))
    return found
