"""Read a .tflite as objects that can be changed, and write them again."""

from __future__ import annotations

from typing import Any, Final

_IDENTIFIER: Final = b"TFL3"


def parse(content: bytes) -> tuple[Any, Any]:
    """Return (model, its schema); constants that lie behind the flatbuffer, where the quantizer puts large ones, are taken in."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model, schema


def pack(model: Any) -> bytes:
    """Return a changed model as a file."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())
