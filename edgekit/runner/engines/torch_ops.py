"""Say what each ONNX operator is in torch. An operator takes (attributes, operands) and returns one tensor; an absent operand is None.

Operands that only carry sizes, axes or limits are tensors on the host, so reading them never waits for a GPU.
Semantics: the ONNX operator reference, opset 13 to 21.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import torch
from torch.nn import functional

from ..wire import Refusal

Operator = Callable[[Mapping[str, Any], Sequence[Any]], Any]

_CONVOLUTIONS = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}
_MAX_POOLS = {3: functional.max_pool1d, 4: functional.max_pool2d, 5: functional.max_pool3d}
_MEAN_POOLS = {3: functional.avg_pool1d, 4: functional.avg_pool2d, 5: functional.avg_pool3d}
_DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64, 16: torch.bfloat16}


def ints(operand: Any) -> List[int]:
    """Return sizes or axes as a list."""
    return [int(value) for value in operand.reshape(-1).tolist()]


def _optional(operands: Sequence[Any], place: int) -> Any:
    return operands[place] if len(operands) > place else None


def _binary(function: Callable[[Any, Any], Any]) -> Operator:
    def apply(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
        left, right = operands
        if left.device != right.device:  # a lone number stays on the host
            left, right = (side.item() if side.device.type == "cpu" else side for side in (left, right))
        return function(left, right)

    return apply


def _unary(function: Callable[[Any], Any]) -> Operator:
    return lambda attributes, operands: function(operands[0])


def _padded(x: Any, attributes: Mapping[str, Any], kernel: Sequence[int], fill: float) -> Any:
    """Return `x` with the padding of a convolution or pool made explicit."""
    spatial = len(kernel)
    strides, dilations = _steps(attributes, spatial)
    kind = attributes.get("auto_pad", "NOTSET")
    pads = list(attributes.get("pads", [0] * 2 * spatial)) if kind == "NOTSET" else [0] * 2 * spatial
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        for axis in range(spatial):
            size = x.shape[2 + axis]
            reach = (math.ceil(size / strides[axis]) - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1
            total = max(0, reach - size)
            small, large = total // 2, total - total // 2
            pads[axis], pads[spatial + axis] = (small, large) if kind == "SAME_UPPER" else (large, small)
    return functional.pad(x, _torch_order(pads), value=fill) if any(pads) else x


def _torch_order(pads: Sequence[int]) -> List[int]:
    """Return ONNX pads (all begins, then all ends) as torch wants them: pairs, last axis first."""
    rank = len(pads) // 2
    return [pads[side + axis] for axis in reversed(range(rank)) for side in (0, rank)]


def _steps(attributes: Mapping[str, Any], spatial: int) -> Tuple[List[int], List[int]]:
    return list(attributes.get("strides", [1] * spatial)), list(attributes.get("dilations", [1] * spatial))


def _conv(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x, weight = operands[:2]
    strides, dilations = _steps(attributes, x.dim() - 2)
    x = _padded(x, attributes, weight.shape[2:], 0.0)
    return _CONVOLUTIONS[x.dim()](x, weight, _optional(operands, 2), strides, 0, dilations, attributes.get("group", 1))


def _max_pool(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    _floor_only(attributes)
    kernel = attributes["kernel_shape"]
    strides, dilations = _steps(attributes, len(kernel))
    x = _padded(operands[0], attributes, kernel, -math.inf)
    return _MAX_POOLS[x.dim()](x, kernel, strides, 0, dilations)


def _average_pool(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    _floor_only(attributes)
    kernel = attributes["kernel_shape"]
    strides, dilations = _steps(attributes, len(kernel))
    if any(step != 1 for step in dilations):
        raise Refusal("model.unsupported", "AveragePool with dilations is not supported", "torch has none")
    pool = _MEAN_POOLS[operands[0].dim()]
    x = _padded(operands[0], attributes, kernel, 0.0)
    mean = pool(x, kernel, strides)
    if x is operands[0] or attributes.get("count_include_pad", 0):
        return mean
    return mean / pool(_padded(torch.ones_like(operands[0]), attributes, kernel, 0.0), kernel, strides)


def _floor_only(attributes: Mapping[str, Any]) -> None:
    if attributes.get("ceil_mode", 0):
        raise Refusal("model.unsupported", "pooling with ceil_mode is not supported", "its edge windows differ between ONNX and torch")


def _clip(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    low, high = _optional(operands, 1), _optional(operands, 2)
    return torch.clamp(operands[0], None if low is None else low.item(), None if high is None else high.item())


def _reduce_mean(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    axes = attributes.get("axes") or (ints(operands[1]) if _optional(operands, 1) is not None else [])
    return torch.mean(operands[0], axes or list(range(operands[0].dim())), keepdim=bool(attributes.get("keepdims", 1)))


def _gemm(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    left = operands[0].T if attributes.get("transA", 0) else operands[0]
    right = operands[1].T if attributes.get("transB", 0) else operands[1]
    product = attributes.get("alpha", 1.0) * (left @ right) if attributes.get("alpha", 1.0) != 1.0 else left @ right
    bias = _optional(operands, 2)
    return product if bias is None else product + attributes.get("beta", 1.0) * bias


def _reshape(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x, sizes = operands[0], ints(operands[1])
    if not attributes.get("allowzero", 0):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _transpose(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    return operands[0].permute(list(attributes.get("perm", range(operands[0].dim())[::-1]))).contiguous()


def _pad(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    if attributes.get("mode", "constant") != "constant" or _optional(operands, 3) is not None:
        raise Refusal(
            "model.unsupported", f"Pad with mode {attributes.get('mode')} or with axes is not supported", "only constant, all axes"
        )
    fill = _optional(operands, 2)
    return functional.pad(operands[0], _torch_order(ints(operands[1])), value=0.0 if fill is None else fill.item())


def _squeeze(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    return operands[0].squeeze() if _optional(operands, 1) is None else operands[0].squeeze(tuple(ints(operands[1])))


def _unsqueeze(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x = operands[0]
    rank = x.dim() + operands[1].numel()
    for axis in sorted(axis % rank for axis in ints(operands[1])):
        x = x.unsqueeze(axis)
    return x


def _flatten(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x, axis = operands[0], attributes.get("axis", 1)
    return x.reshape(math.prod(x.shape[: axis % (x.dim() + 1)]), -1)


def _hard_sigmoid(x: Any, alpha: float, beta: float) -> Any:
    return torch.clamp(alpha * x + beta, 0.0, 1.0)


def _shape(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    return torch.tensor(list(operands[0].shape)[attributes.get("start", 0) : attributes.get("end")], dtype=torch.int64)


def _gather(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x, indices = operands
    axis = attributes.get("axis", 0) % x.dim()
    if indices.dim() == 0:
        return x.select(axis, int(indices))
    if x.device.type != "cpu" or indices.dim() != 1:
        raise Refusal("model.unsupported", "Gather with several indices is supported for shapes only", f"indices {list(indices.shape)}")
    return x.index_select(axis, indices % x.shape[axis])


def _slice(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x, starts, ends = operands[0], ints(operands[1]), ints(operands[2])
    axes = ints(operands[3]) if _optional(operands, 3) is not None else list(range(len(starts)))
    steps = ints(operands[4]) if _optional(operands, 4) is not None else [1] * len(starts)
    if min(steps) < 1:
        raise Refusal("model.unsupported", "Slice backwards is not supported", f"steps {steps}")
    places: List[slice] = [slice(None)] * x.dim()
    for place, axis in enumerate(axes):
        places[axis % x.dim()] = slice(starts[place], ends[place], steps[place])
    return x[tuple(places)]


def _cast(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    if attributes["to"] not in _DTYPES:
        raise Refusal("model.unsupported", f"Cast to type {attributes['to']} is not supported", "float, int32, int64 and bool are")
    return operands[0].to(_DTYPES[attributes["to"]])


def _batch_norm(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    x, scale, bias, mean, variance = operands
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, attributes.get("epsilon", 1e-5))


def _constant(attributes: Mapping[str, Any], operands: Sequence[Any]) -> Any:
    (value,) = attributes.values()
    return value if isinstance(value, torch.Tensor) else torch.tensor(value)


OPERATORS: Dict[str, Operator] = {
    "Add": _binary(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda attributes, operands: torch.cat(list(operands), attributes["axis"]),
    "Constant": _constant,
    "Conv": _conv,
    "Div": _binary(lambda left, right: torch.div(left, right, rounding_mode=None if left.is_floating_point() else "trunc")),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda attributes, operands: operands[0].mean(list(range(2, operands[0].dim())), keepdim=True),
    "HardSigmoid": lambda a, operands: _hard_sigmoid(operands[0], a.get("alpha", 0.2), a.get("beta", 0.5)),
    "HardSwish": lambda attributes, operands: operands[0] * _hard_sigmoid(operands[0], 1 / 6, 0.5),
    "Identity": _unary(lambda x: x),
    "MatMul": lambda attributes, operands: torch.matmul(*operands),
    "MaxPool": _max_pool,
    "Mul": _binary(torch.mul),
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Relu": _unary(torch.relu),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _unary(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda attributes, operands: torch.softmax(operands[0], attributes.get("axis", -1)),
    "Squeeze": _squeeze,
    "Sub": _binary(torch.sub),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
