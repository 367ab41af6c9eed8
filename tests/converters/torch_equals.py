"""Hold what takes the place of an operator against the operator itself, in all its settings; print how many were tried."""

from __future__ import annotations

import itertools

import torch
from torch.nn import functional as F  # noqa: N812

from edgekit.converters.sources.torch_equal import OPERATORS


def nearest() -> int:
    """Shrink and grow images by sizes and by factors."""
    count = 0
    mine = OPERATORS["aten.upsample_nearest2d.vec"]
    for height, width in itertools.product(range(1, 12), range(1, 12)):
        image = torch.randn(1, 2, height, width)
        for size in ((3, 7), (5, 5), (8, 4), (height * 2, width * 3)):
            assert torch.equal(F.interpolate(image, size=size), mine(image, list(size))), (height, width, size)
            count += 1
        for factor in (0.5, 0.7, 1.5, 2.0, 2.3):
            if int(height * factor) and int(width * factor):
                assert torch.equal(F.interpolate(image, scale_factor=factor), mine(image, None, [factor, factor])), (height, width, factor)
                count += 1
    return count


def transposed() -> int:
    """Try kernels, strides, paddings, output paddings, dilations and groups."""
    count = 0
    mine = OPERATORS["aten.conv_transpose2d.input"]
    for kernel, stride, pad, more, gap, groups in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2), (0, 1, 2), (1, 2), (1, 2)):
        if more >= max(stride, gap) or 4 * stride - 2 * pad + gap * (kernel - 1) + more + 1 < 1:
            continue
        data, weight, bias = torch.randn(1, 4, 5, 6), torch.randn(4, 2, kernel, kernel), torch.randn(2 * groups)
        expected = F.conv_transpose2d(data, weight, bias, stride, pad, more, groups, gap)
        made = mine(data, weight, bias, [stride, stride], [pad, pad], [more, more], groups, [gap, gap])
        assert made.shape == expected.shape
        assert torch.allclose(made, expected, atol=1e-5), (kernel, stride, pad, more, gap, groups)
        count += 1
    return count


if __name__ == "__main__":
    torch.manual_seed(0)
    print(nearest(), transposed())  # noqa: T201
