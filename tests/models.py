"""Random models for property tests, drawn by hypothesis, and small ones written out by hand."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from powerenvs import TabularMDP

TAXI = max(name for name in gym.registry if name.startswith("Taxi-"))
CLIFF = max(name for name in gym.registry if name.startswith("CliffWalking-"))
"""The newest of two worlds of Gymnasium, whose versions differ between its releases."""


def random_mdp(
    rng: np.random.Generator,
    num_states: int,
    num_actions: int,
    deterministic: bool = False,
    masked: bool = True,
    num_successors: int | None = None,
) -> TabularMDP:
    """A model with random rows; ``masked`` leaves out about a third of the actions, never all of a state."""
    available = rng.random((num_states, num_actions)) < (0.67 if masked else 1.1)
    available[np.arange(num_states), rng.integers(num_actions, size=num_states)] = True
    transitions = []
    for s, a in np.argwhere(available).tolist():
        count = 1 if deterministic else int(num_successors or rng.integers(1, num_states + 1))
        targets = rng.choice(num_states, size=min(count, num_states), replace=False)
        weights = rng.dirichlet(np.ones(len(targets))) if len(targets) > 1 else np.ones(1)
        weights = np.maximum(weights, 1e-6)
        transitions += [(s, a, int(t), float(p)) for t, p in zip(targets, weights / weights.sum(), strict=True)]
    return TabularMDP.from_transitions(
        transitions,
        state_labels=range(num_states),
        action_labels=range(num_actions),
        reward=rng.normal(size=len(transitions)),
        performance=rng.normal(size=len(transitions)),
    )


@st.composite
def mdps(
    draw: st.DrawFn,
    max_states: int = 8,
    max_actions: int = 4,
    deterministic: bool | None = None,
    masked: bool | None = None,
) -> TabularMDP:
    """Models of up to ``max_states`` states, deterministic and stochastic, with and without unavailable actions."""
    return random_mdp(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        draw(st.integers(1, max_states)),
        draw(st.integers(1, max_actions)),
        draw(st.booleans()) if deterministic is None else deterministic,
        draw(st.booleans()) if masked is None else masked,
    )


def uniform(mdp: TabularMDP) -> NDArray[np.float64]:
    """(S, A) equal probabilities of the actions that a state has."""
    return mdp.available / mdp.available.sum(axis=1, keepdims=True)


def random_table(mdp: TabularMDP, seed: int = 0) -> NDArray[np.float64]:
    """(S, A) random probabilities of the actions that a state has."""
    weights = np.random.default_rng(seed).exponential(size=mdp.available.shape) * mdp.available
    return weights / weights.sum(axis=1, keepdims=True)
