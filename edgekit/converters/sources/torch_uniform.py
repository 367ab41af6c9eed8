"""Give a PyTorch program inputs and outputs by name, whatever nest of tuples and dictionaries its author chose."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import Parameter, Signature
from typing import Any, Protocol


class NamedOutputs(Protocol):
    """Take tensors by name and give tensors by name, sorted: the order in which LiteRT lists them."""

    inputs: dict[str, Any]
    outputs: tuple[str, ...]

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Return the outputs for one batch."""


def uniform(module: Any, program: Any) -> NamedOutputs:
    """Return `module` behind names; `program` is its export, which knows its inputs and how they are nested."""
    import torch
    from torch.utils import _pytree as tree

    class Uniform(torch.nn.Module):  # type: ignore[misc] # PyTorch may be absent when types are checked
        def __init__(self) -> None:
            super().__init__()
            values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
            self.inputs = {name: values[name] for name in program.graph_signature.user_inputs if isinstance(name, str)}
            self._leaves = list(program.graph_signature.user_inputs)
            self._names = _output_names(program.call_spec.out_spec, set(self.inputs))
            self.outputs = tuple(sorted(filter(None, self._names)))
            self._module = module

        def forward(self, **inputs: Any) -> dict[str, Any]:
            leaves = [inputs[leaf] if isinstance(leaf, str) else leaf for leaf in self._leaves]
            args, kwargs = tree.tree_unflatten(leaves, program.call_spec.in_spec)
            given = tree.tree_leaves(self._module(*args, **kwargs))
            named = {name: value for name, value in zip(self._names, given, strict=True) if isinstance(value, torch.Tensor)}
            return {name: named[name] for name in self.outputs if name in named}

    model: Any = Uniform()
    name_arguments(Uniform, model.inputs)
    return model  # type: ignore[no-any-return]


def name_arguments(module: Any, names: Iterable[str]) -> None:
    """Say that the forward of the class `module` takes `names`: the exporters name inputs by it."""
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", *names)]
    module.forward.__signature__ = Signature(parameters)


def _output_names(spec: Any, taken: set[str]) -> list[str]:
    """Return a name for each output: its key in a dictionary, its number in a tuple, "output" when it is alone."""
    from torch.utils import _pytree as tree

    places = tree.tree_flatten_with_path(tree.tree_unflatten(list(range(spec.num_leaves)), spec))[0]
    names = []
    for path, _ in places:
        keys = [str(getattr(key, "key", getattr(key, "idx", ""))) for key in path]
        width = len(str(len(places) - 1))
        words = [key.zfill(width) if key.isdigit() else key for key in keys]
        name = re.sub(r"\W", "_", "_".join(words if words and not words[0].isdigit() else ["output", *words]))
        names.append(f"{name}_out" if name in taken else name)
    return names
