"""Random models of any size, made by array operations."""

from __future__ import annotations

import numpy as np

from powerenvs import TabularMDP


def garnet(
    num_states: int, actions: int = 4, successors: int = 5, local: int | None = None, seed: int = 0
) -> TabularMDP:
    """A Garnet (Archibald, McKinnon & Thomas 1995): rows of random successors with random probabilities.

    Args:
        num_states: S.
        actions: of each state.
        successors: of each row.
        local: how far away they are at most, on a ring; None for anywhere.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    rows = num_states * actions
    if local is None:
        targets = rng.integers(num_states, size=(rows, successors))
    else:
        start = np.repeat(np.arange(num_states), actions)[:, None]
        targets = (start + rng.integers(-local, local + 1, size=(rows, successors))) % num_states
    targets.sort(axis=1)
    first = np.ones(targets.shape, dtype=bool)  # those that are drawn twice are one
    first[:, 1:] = targets[:, 1:] != targets[:, :-1]
    weights = rng.random(targets.shape)
    starts = np.flatnonzero(first)
    return TabularMDP(
        indptr=np.concatenate([[0], np.cumsum(first.sum(axis=1))]),
        successor=targets.reshape(-1)[starts],
        probability=np.add.reduceat((weights / weights.sum(axis=1, keepdims=True)).reshape(-1), starts),
        available=np.ones((num_states, actions), dtype=bool),
    )
