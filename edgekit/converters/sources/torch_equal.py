"""Put operators that an exporter refuses, or gets wrong without a word, in terms of others that compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edgekit.converters.sources.torch_uniform import name_arguments

Operator = Callable[..., Any]


def for_tflite(program: Any) -> Any:
    """Return the module of `program` as litert-torch can be trusted with, None where that is the program itself.

    It takes the nearest neighbour of the middle of a pixel, where PyTorch takes that of its corner, and that differs unless an image grows
    by whole factors; and it refuses a transposed convolution with both a stride and a padding.
    """
    return _rewritten(program, OPERATORS)


def for_onnx(program: Any) -> Any:
    """Return the module of `program` as torch.onnx can be trusted with, None where that is the program itself.

    It knows attention of four axes only.
    """
    return _rewritten(program, {"aten.scaled_dot_product_attention.default": _attention})


def _rewritten(program: Any, equals: Mapping[str, Operator]) -> Any:
    import torch

    if not any(str(node.target) in equals for node in program.graph.nodes):
        return None
    module = program.module(check_guards=False)

    class Rewritten(torch.nn.Module):  # type: ignore[misc] # PyTorch may be absent when types are checked
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            leaves = torch.utils._pytree.tree_leaves((args, kwargs))
            result = _Interpreter(self.module).run(*leaves, enable_io_processing=False)
            return torch.utils._pytree.tree_unflatten(list(result), program.call_spec.out_spec)

    class _Interpreter(torch.fx.Interpreter):  # type: ignore[misc]
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            return equals.get(str(target), target)(*args, **kwargs)

    name_arguments(Rewritten, program.graph_signature.user_inputs)
    return Rewritten()


def _nearest(image: Any, output_size: Any, scale_factors: Any = None) -> Any:
    """Return each pixel's floor(place * scale) neighbour, by index, unless whole factors make all definitions agree."""
    import torch

    for axis, size in enumerate(image.shape[2:], start=2):
        if output_size is not None:
            wanted, step = output_size[axis - 2], size / output_size[axis - 2]
        else:
            wanted, step = int(size * scale_factors[axis - 2]), 1.0 / scale_factors[axis - 2]
        if wanted % size == 0:
            image = image.repeat_interleave(wanted // size, dim=axis) if wanted != size else image
        else:
            places = (torch.arange(wanted, dtype=torch.float32) * step).floor().to(torch.int64).clamp(max=size - 1)
            image = torch.index_select(image, axis, places)
    return image


def _transposed(convolve: str) -> Operator:
    def apply(
        data: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        import torch

        function, axes = getattr(torch.nn.functional, convolve), data.ndim - 2
        steps, cut, more, gaps = (
            list(value) * (axes if len(value) == 1 else 1) if isinstance(value, (list, tuple)) else [value] * axes
            for value in (stride, padding, output_padding, dilation)
        )
        if max(steps) == 1 or max(cut) == 0 == max(more):
            return function(data, weight, bias, steps, cut, more, groups, gaps)
        whole = function(data, weight, None, steps, 0, 0, groups, gaps)
        for axis in range(axes):
            size = (data.shape[axis + 2] - 1) * steps[axis] - 2 * cut[axis] + gaps[axis] * (weight.shape[axis + 2] - 1) + more[axis] + 1
            short = max(0, cut[axis] + size - whole.shape[axis + 2])
            if short:
                whole = torch.nn.functional.pad(whole, [0, 0] * (axes - 1 - axis) + [0, short])
            whole = whole.narrow(axis + 2, cut[axis], size)
        return whole if bias is None else whole + bias.reshape(1, -1, *[1] * axes)

    return apply


OPERATORS: Mapping[str, Operator] = {
    "aten.upsample_nearest1d.vec": _nearest,
    "aten.upsample_nearest2d.vec": _nearest,
    "aten.conv_transpose1d.default": _transposed("conv_transpose1d"),
    "aten.conv_transpose2d.input": _transposed("conv_transpose2d"),
}


def _attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False, **more: Any
) -> Any:
    import torch

    attend = torch.nn.functional.scaled_dot_product_attention
    if query.ndim != 3:
        return attend(query, key, value, attn_mask, dropout_p, is_causal, **more)
    mask = attn_mask.unsqueeze(-3) if attn_mask is not None and attn_mask.ndim == 3 else attn_mask
    return attend(query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1), mask, dropout_p, is_causal, **more).squeeze(1)
