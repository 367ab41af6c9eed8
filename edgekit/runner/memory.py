"""Tell that memory ran out from other failures: engines, drivers and Python each say so in their own words."""

from __future__ import annotations

from typing import Callable, Optional

from .wire import Message, Refusal

_SIGNS = (
    "out of memory",
    "out_of_memory",
    "failed to allocate memory",
    "can't allocate memory",
    "cannot allocate memory",
    "unable to allocate",
    "bad_alloc",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudaerrormemoryallocation",
)


def ran_out(error: BaseException) -> bool:
    """Return whether an error, or what a refusal says of one, means that there was not enough memory."""
    said = str(error.error.get("why", "")) if isinstance(error, Refusal) else str(error)
    return isinstance(error, MemoryError) or any(sign in said.lower() for sign in _SIGNS)


def told(operation: Callable[[Message], Message], request: Message, batch: Optional[int] = None) -> Message:
    """Return what an operation does; raise Refusal with a code of its own where it ran out of memory."""
    try:
        return operation(request)
    except EOFError:
        raise
    except Exception as error:
        if not ran_out(error):
            raise
        said = str(error.error.get("why", "")) if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
        size = batch or int(request.get("batch") or 1)
        raise Refusal("model.memory", f"the model with a batch of {size} does not fit into the memory", said.strip(), batch=size) from error
