"""Small networks as reward models, fitted to comparisons with torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NetworkSettings:
    """How networks are made and trained.

    Attributes:
        hidden: sizes of the layers; the paper's 2 x 64 on MuJoCo.
        dropout: the share of units that are dropped in training.
        epochs: passes over the comparisons.
        learning_rate: of Adam.
        batch: comparisons of a step.
    """

    hidden: Sequence[int] = (64, 64)
    dropout: float = 0.0
    epochs: int = 100
    learning_rate: float = 1e-3
    batch: int = 64


def network(inputs: int, settings: NetworkSettings, seed: int) -> nn.Sequential:
    """Inputs (n, K) to rewards (n, 1): layers with leaky ReLUs of slope 0.01."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for size in settings.hidden:
            layers += [nn.Linear(inputs, size), nn.LeakyReLU(0.01)]
            layers += [nn.Dropout(settings.dropout)] if settings.dropout else []
            inputs = size
        return nn.Sequential(*layers, nn.Linear(inputs, 1))


def predicted(model: nn.Sequential, inputs: Floats) -> Floats:
    """(n,) rewards."""
    model.eval()
    with torch.no_grad():
        found: Floats = model(torch.as_tensor(inputs, dtype=torch.float32))[:, 0].numpy().astype(np.float64)
        return found


def train(
    model: nn.Sequential,
    inputs: Floats,
    differences: scipy.sparse.csr_array,
    preference: Floats,
    weights: Floats,
    noise: float,
    l2: float | None,
    settings: NetworkSettings,
    seed: int,
    band: tuple[float, float],
) -> tuple[float, float, float]:
    """Trains a network on comparisons, and gives the loss in training, that of validation, and the last l2.

    Args:
        model: the network, which is changed.
        inputs: (U, K) of steps.
        differences: (N, U) how often each is in the left segment, less how often in the right one.
        preference: (N,) μ.
        weights: (N,) how often each comparison was drawn; those with 0 are for validation.
        noise: ε.
        l2: of all weights; None to adapt it, so that the loss of validation stays in the band.
        settings: how.
        seed: of batches and dropout.
        band: between which shares of the loss in training that of validation should be.
    """
    rng = np.random.default_rng(seed)
    seen = torch.as_tensor(inputs, dtype=torch.float32)
    drawn, left_out = np.flatnonzero(weights), np.flatnonzero(weights == 0)
    repeated = np.repeat(drawn, weights[drawn].astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    size, adapt = (1e-4 if l2 is None else l2), l2 is None
    losses = math.nan, math.nan
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(settings.epochs):
            model.train()
            order = rng.permutation(repeated)
            for start in range(0, len(order), settings.batch):
                some = order[start : start + settings.batch]
                part = differences[some]
                used = np.unique(part.indices)
                returns = _torch(part[:, used]) @ model(seen[used])[:, 0]
                penalty = sum((one**2).sum() for one in model.parameters())
                loss = _loss(returns, preference[some], noise).mean() + size * penalty / 2
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if epoch == settings.epochs - 1 or (adapt and epoch % 5 == 4):
                values = differences @ predicted(model, inputs)
                each = _loss(torch.as_tensor(values), preference, noise).numpy()
                losses = tuple(float(each[at].mean()) if len(at) else math.nan for at in (repeated, left_out))  # type: ignore[assignment]
                if adapt and losses[1] > band[1] * losses[0]:
                    size = min(size * 2.0, 1.0)
                elif adapt and losses[1] < band[0] * losses[0]:
                    size = max(size / 2.0, 1e-8)
    return *losses, size


def _torch(matrix: Any) -> torch.Tensor:
    return torch.as_tensor(matrix.toarray(), dtype=torch.float32)


def _loss(returns: torch.Tensor, preference: Floats, noise: float) -> torch.Tensor:
    """The cross-entropy of each comparison, with a share of answers at random."""
    mu = torch.as_tensor(preference, dtype=returns.dtype)
    if noise == 0.0:
        return nn.functional.binary_cross_entropy_with_logits(returns, mu, reduction="none")
    p = (1.0 - noise) * torch.sigmoid(returns) + noise / 2.0
    return -mu * torch.log(p) - (1.0 - mu) * torch.log1p(-p)
