"""Define one small PyTorch model of each kind that exporters have stumbled over. Each function returns (model, example inputs)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- as PyTorch's own documentation does

Made = tuple[nn.Module, Any]


def mlp() -> Made:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4)), torch.zeros(1, 8)


class Cnn(nn.Module):
    """Hold batch normalisation, depthwise, grouped and dilated convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6()),
            *(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Conv2d(8, 16, 1, groups=2), nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.head = nn.Linear(16, 5)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.body(image).mean((2, 3)))


def cnn() -> Made:
    return _settled(Cnn(), torch.zeros(1, 3, 16, 16))


def conv1d() -> Made:
    return nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3)), torch.zeros(1, 3, 20)


class Recurrent(nn.Module):
    def __init__(self, cell: type[nn.RNNBase], *, both_ways: bool = False) -> None:
        super().__init__()
        self.cell = cell(4, 8, batch_first=True, bidirectional=both_ways)
        self.head = nn.Linear(16 if both_ways else 8, 3)

    def forward(self, steps: Tensor) -> Tensor:
        return self.head(self.cell(steps)[0][:, -1])


def lstm() -> Made:
    return Recurrent(nn.LSTM), torch.zeros(1, 10, 4)


def gru() -> Made:
    return Recurrent(nn.GRU), torch.zeros(1, 10, 4)


def bilstm() -> Made:
    return Recurrent(nn.LSTM, both_ways=True), torch.zeros(1, 10, 4)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        mixed, _ = self.attend(tokens, tokens, tokens, need_weights=False)
        return self.head(self.norm(tokens + mixed).mean(1))


def attention() -> Made:
    return Attention(), torch.zeros(1, 6, 16)


class ScaledDotProduct(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Linear(16, 48)
        self.out = nn.Linear(16, 16)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.parts(tokens).chunk(3, -1)
        return self.out(F.scaled_dot_product_attention(query, key, value))


def dot_product() -> Made:
    return ScaledDotProduct(), torch.zeros(1, 6, 16)


def embedding() -> Made:
    return nn.Sequential(nn.Embedding(32, 8), nn.Flatten(), nn.Linear(48, 3)), torch.zeros(1, 6, dtype=torch.int64)


def upsample() -> Made:
    return nn.Sequential(nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1), nn.Softmax(1)), torch.zeros(1, 2, 8, 8)


def activations() -> Made:
    return nn.Sequential(
        nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 16), nn.Hardswish(), nn.Linear(16, 4)
    ), torch.zeros(1, 8)


class Resizing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        smooth = F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.interpolate(self.body(smooth), size=(8, 8), mode="nearest")


def resizing() -> Made:
    return Resizing(), torch.zeros(1, 3, 8, 8)


class Two(nn.Module):
    """Take two inputs, the later one of the alphabet first, and give a dictionary with a nest in it."""

    def __init__(self) -> None:
        super().__init__()
        self.right, self.left, self.scores = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(16, 3)

    def forward(self, right: Tensor, left: Tensor) -> dict[str, Any]:
        hidden = torch.cat([F.relu(self.left(left)), F.relu(self.right(right))], 1)
        return {"scores": self.scores(hidden), "parts": (hidden, hidden[:, :2])}


def two() -> Made:
    return Two(), {"right": torch.zeros(1, 4), "left": torch.zeros(1, 8)}


def trained() -> Made:
    """Return the same weights whatever the seed, as weights from a file are."""
    model = nn.Linear(4, 2)
    nn.init.eye_(model.weight)
    nn.init.zeros_(model.bias)
    return model, torch.zeros(1, 4)


class Mixing(nn.Module):
    """Give each sample what it gets from all samples."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(0, keepdim=True).expand(x.shape)


def mixing() -> Made:
    return Mixing(), torch.zeros(1, 4)


class Erfinv(nn.Module):
    """Compute what neither format has."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.erfinv(torch.tanh(x))


def erfinv() -> Made:
    return Erfinv(), torch.zeros(1, 4)


class Branch(nn.Module):
    """Decide by the data which operators run."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x


def branch() -> Made:
    return Branch(), torch.zeros(1, 4)


def single() -> Any:
    """Return an example without an axis of samples."""
    return nn.Linear(4, 2), torch.tensor(3.0)


def broken() -> Any:
    raise RuntimeError("the weights are not here")


def _settled(model: nn.Module, example: Tensor) -> Made:
    """Return the model with statistics of batch normalisation that some inputs left, as training does."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _ in range(20):
            model(torch.randn((8, *example.shape[1:]), generator=generator))
    return model, example


ZOO = (
    "mlp",
    "cnn",
    "conv1d",
    "lstm",
    "gru",
    "bilstm",
    "attention",
    "dot_product",
    "embedding",
    "upsample",
    "activations",
    "resizing",
    "two",
)
