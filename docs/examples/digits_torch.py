"""Train a small PyTorch network on scikit-learn's digits, and write what `edgekit convert` reads: `python digits_torch.py`.

digits.pt2 is the exported program; digits.calib.npz and digits.test.npz hold images, the latter with their class numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    """Take [N, 1, 8, 8] images of digits between 0 and 1, give one score per class."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.apart = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16), nn.ReLU())
        self.mixed = nn.Sequential(nn.Conv2d(16, 32, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(32 * 16, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the scores."""
        return self.head(self.mixed(self.apart(self.first(image))).flatten(1))


def untrained() -> tuple[nn.Module, torch.Tensor]:
    """Return the network with random weights and an example input: what `edgekit convert digits_torch:untrained` calls."""
    return Net(), torch.zeros(1, 1, 8, 8)


def main() -> None:
    """Train, export and write."""
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    x = (digits.images[order, None] / 16).astype(np.float32)
    y = digits.target[order].astype(np.int64)
    train, model = slice(0, 1200), Net()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(15):
        for part in torch.randperm(1200).split(64):
            loss = nn.functional.cross_entropy(model(torch.from_numpy(x[part])), torch.from_numpy(y[part]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
    batch = {"image": {0: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(model, (torch.from_numpy(x[:2]),), dynamic_shapes=batch), "digits.pt2")
    np.savez("digits.calib.npz", x=x[train][:200])
    np.savez("digits.test.npz", x=x[1200:], y=y[1200:])


if __name__ == "__main__":
    main()
