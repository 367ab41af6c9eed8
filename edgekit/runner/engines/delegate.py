"""Load a LiteRT delegate: a shared library that computes operators on an accelerator. It runs inside this process, and may end it."""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..wire import Refusal

MARK = "DELEGATE"  # what LiteRT calls the operator that stands for those a delegate took


class Wanted(NamedTuple):
    """Name a delegate: a path on this machine, or a name its loader knows; `options` are the delegate's own."""

    library: str
    options: Dict[str, str]

    @property
    def name(self) -> str:
        """Return the file's name."""
        return os.path.basename(self.library)


def wanted(request: Any) -> Optional[Wanted]:
    """Return the delegate that a request asks for, or None."""
    asked = request.get("delegate")
    if not asked:
        return None
    return Wanted(str(asked), {str(key): str(value) for key, value in (request.get("delegate_options") or {}).items()})


def refuse(delegate: Optional[Wanted], engine: str) -> None:
    """Raise Refusal when an engine that takes no delegates was given one: it would run without, and look as if it had run with it."""
    if delegate is not None:
        raise Refusal("engine.delegate_unsupported", f"{engine} takes no delegate", f"{delegate.name} is one of LiteRT's")


def open_delegate(module: Any, delegate: Wanted) -> Any:
    """Return the delegate as `module` (an interpreter's) wants it; raise Refusal with what the loader or the delegate itself said."""
    library = os.path.abspath(delegate.library) if os.path.exists(delegate.library) else delegate.library
    try:
        return module.load_delegate(library, delegate.options)
    except AttributeError as error:
        why = f"it is a shared library, but not a delegate: {error}"
    except (OSError, ValueError, RuntimeError) as error:
        why = str(error).strip().rpartition("\n")[2]
    raise Refusal("engine.delegate", f"the delegate {delegate.library} cannot be used", why)


def failed(delegate: Wanted, error: Exception) -> Refusal:
    """Return the refusal for a delegate that was loaded but could not take the model."""
    return Refusal("engine.delegate", f"the delegate {delegate.name} fails on this model", str(error).strip())


def share(operators: Sequence[Dict[str, Any]]) -> Tuple[int, int]:
    """Return (operators that delegates took, all operators of the model), out of an interpreter's list before tensors are allocated."""
    own = [operator for operator in operators if operator["op_name"] != MARK]
    makers = {int(output): place for place, operator in enumerate(own) for output in operator["outputs"]}
    taken = set()
    for part in (operator for operator in operators if operator["op_name"] == MARK):
        inputs = {int(tensor) for tensor in part["inputs"]}
        left: List[int] = [int(tensor) for tensor in part["outputs"]]
        while left:
            place = makers.get(left.pop())
            if place is not None and place not in taken:
                taken.add(place)
                left += [int(tensor) for tensor in own[place]["inputs"] if int(tensor) not in inputs]
    return len(taken), len(own)
