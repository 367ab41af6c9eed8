"""Hash the weights of a model."""

from __future__ import annotations

import hashlib
from typing import Any


def hash_of_arrays(arrays: Any) -> str:
    """Return the sha256 of arrays in order: shape, dtype and bytes of each, without names."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
