"""Call the function that "module:function" names, and export the model it returns. Runs in a child process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.sources.torch_errors import tracing
from edgekit.core.errors import ModelError, UsageError
from edgekit.core.quantity import Note


def build(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Call "module:function" of the current folder; return (module in inference mode, example arguments, example keywords).

    The function returns (module, inputs) or an object with `module` and `inputs`; inputs are one tensor, several, or a mapping by name.
    Random numbers start from a fixed seed. Raises UsageError when it is not there and ModelError when it returns something else.
    """
    import torch

    sys.path.insert(0, str(Path.cwd()))
    torch.manual_seed(0)
    return _call(name)


def _call(name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    import torch

    made = _made(name)
    pair = made if isinstance(made, tuple) and len(made) == 2 else (getattr(made, "module", None), getattr(made, "inputs", None))
    module, inputs = pair
    if not isinstance(module, torch.nn.Module) or inputs is None:
        raise ModelError(
            f"{name} did not return a model",
            code="model.function",
            why=f"it returned {type(made).__name__}; expected (module, example inputs)",
            do=[("end the function with both:", "return model, (torch.zeros(1, 3, 32, 32),)")],
        )
    args = () if isinstance(inputs, Mapping) else tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    return module.eval(), args, dict(inputs) if isinstance(inputs, Mapping) else {}


def _made(name: str) -> Any:
    """Return what the function returns; raise UsageError where there is none and ModelError with its own words where it fails."""
    place, _, function = name.partition(":")
    try:
        make = getattr(importlib.import_module(place), function, None)
        if make is not None:
            return make()
    except Exception as error:  # whatever the user's own code does
        raise ModelError(
            f"{name} failed",
            code="model.function",
            why=f"{type(error).__name__}: {error}",
            do=[("try it by itself:", f"python -c 'from {place} import {function}; {function}()'")],
        ) from error
    raise UsageError(
        f"there is no function {name}",
        code="model.function",
        why=f"{place} defines no {function}",
        do=[("look at what the module defines:", f"grep -n 'def ' {place.replace('.', '/')}.py")],
    )


def exported(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the exported program, with a free batch where the module allows one, else with a batch of one."""
    import torch
    from torch.utils import _pytree as tree

    given = (args, kwargs)
    if not all(isinstance(leaf, torch.Tensor) and leaf.ndim and len(leaf) for leaf in tree.tree_leaves(given)):
        raise ModelError(
            "the example inputs are not tensors with samples along the first axis",
            code="model.function",
            why="each input needs a first axis that counts samples",
            do=[("return examples such as:", "return model, (torch.zeros(1, 3, 32, 32),)")],
        )
    one = tree.tree_map(lambda leaf: leaf[:1], given)
    two = tree.tree_map(lambda leaf: torch.cat([leaf[:1], leaf[:1]]), given)
    free = tree.tree_map(lambda _: {0: torch.export.Dim.AUTO}, given)
    try:
        program = torch.export.export(module, *two, dynamic_shapes=free[1] or free[0])
        if all(not isinstance(size, int) for size in batch_sizes(program)):
            return program
    except Exception:  # noqa: S110 -- it cannot take two samples at once, for whichever reason it gives
        pass
    with tracing(type(module).__name__):
        return torch.export.export(module, *one)


def batch_sizes(program: Any) -> list[Any]:
    """Return the size of the first axis of each input and each output."""
    names = {*program.graph_signature.user_inputs, *program.graph_signature.user_outputs}
    values = [node.meta["val"] for node in program.graph.nodes if node.name in names]
    return [value.shape[0] if value.ndim else 0 for value in values if hasattr(value, "shape")]


def random_weights(origin: Path | None) -> tuple[Note, ...]:
    """Return a remark when a function gives other weights from another seed: they were drawn, not trained."""
    import torch

    if origin is None:
        return ()
    torch.manual_seed(0)
    first = _call(str(origin))[0].state_dict()
    torch.manual_seed(1)
    second = _call(str(origin))[0].state_dict()
    drawn = [name for name in first if first[name].is_floating_point() and not torch.equal(first[name], second[name])]
    if not drawn:
        return ()
    text = f"{origin} draws {len(drawn)} of its {len(first)} weights at random: agreement is proved, accuracy means nothing"
    return (Note(code="torch.random", text=text, advice=f"load trained weights in {str(origin).rpartition(':')[2]}"),)
