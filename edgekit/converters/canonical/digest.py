"""Hash structured values without ambiguity."""

from __future__ import annotations

import hashlib
from typing import Any


def digest(*parts: Any) -> bytes:
    """Return the sha256 of `parts`: each by kind and length, so that no two lists of parts run together to the same bytes."""
    total = hashlib.sha256()
    for part in parts:
        mark, data = _bytes(part)
        total.update(b"%c%d:" % (mark, len(data)))
        total.update(data)
    return total.digest()


def _bytes(part: Any) -> tuple[bytes, Any]:
    if isinstance(part, (bytes, bytearray, memoryview)):
        return b"b", part
    if hasattr(part, "tolist"):  # an array of options is a list
        part = part.tolist()
    if isinstance(part, (list, tuple)):
        return b"l", digest(*part)
    if isinstance(part, dict):
        return b"d", digest(*(item for pair in sorted(part.items()) for item in pair))
    if hasattr(part, "__dict__"):
        return b"o", digest(vars(part))
    return b"s", f"{type(part).__name__} {part!r}".encode()
