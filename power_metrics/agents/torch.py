"""Torch modules that are asked what they would do, and left as they were."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def evaluation(module: torch.nn.Module) -> Iterator[torch.device]:
    """Evaluation mode without gradients; yields the module's device. Modes and generators are as before afterwards."""
    tensor = next(itertools.chain(module.parameters(), module.buffers()), None)
    device = torch.device("cpu") if tensor is None else tensor.device
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield device
    finally:
        for part, mode in modes:
            part.training = mode
