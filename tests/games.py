"""Random games for property tests, and independent dense computations to compare them with."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from powerenvs import TabularGame

NAMES = ("human", "ai", "third")


def random_game(
    rng: np.random.Generator,
    num_states: int,
    num_actions: tuple[int, ...],
    deterministic: bool = False,
    masked: bool = True,
) -> TabularGame:
    """A game with random rows; ``masked`` leaves out about a third of the joint actions, never all of a state."""
    joint = list(itertools.product(*map(range, num_actions)))
    exists = rng.random((num_states, len(joint))) < (0.67 if masked else 1.1)
    exists[np.arange(num_states), rng.integers(len(joint), size=num_states)] = True
    transitions = []
    for s, j in np.argwhere(exists).tolist():
        count = 1 if deterministic else int(rng.integers(1, num_states + 1))
        targets = rng.choice(num_states, size=count, replace=False).tolist()
        weights = np.maximum(rng.dirichlet(np.ones(count)), 1e-6) if count > 1 else np.ones(1)
        transitions += [(s, joint[j], t, float(p)) for t, p in zip(targets, weights / weights.sum(), strict=True)]
    agents = NAMES[: len(num_actions)]
    return TabularGame.from_transitions(
        transitions,
        agents=agents,
        state_labels=range(num_states),
        action_labels={agent: range(count) for agent, count in zip(agents, num_actions, strict=True)},
        reward={agent: rng.normal(size=len(transitions)) for agent in agents},
        performance={agent: rng.normal(size=len(transitions)) for agent in agents},
    )


@st.composite
def games(draw: st.DrawFn, max_states: int = 6, num_agents: int | None = None) -> TabularGame:
    """Games of two or three agents, deterministic and stochastic, with and without missing joint actions."""
    agents = draw(st.integers(2, 3)) if num_agents is None else num_agents
    return random_game(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        draw(st.integers(1, max_states)),
        tuple(draw(st.integers(1, 3)) for _ in range(agents)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def random_policy(rng: np.random.Generator, game: TabularGame, agent: str, sparse: bool = False) -> NDArray[np.float64]:
    """(S, A_i) random probabilities; ``sparse`` ones are zero for about half of the actions."""
    shape = (game.num_states, game.num_actions[game.agents.index(agent)])
    weights = rng.random(shape) + 0.01
    if sparse:
        weights *= rng.random(shape) < 0.5
        weights[weights.sum(axis=1) == 0] = 1
    return weights / weights.sum(axis=1, keepdims=True)


def dense(game: TabularGame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Transitions (S, J, S), and expected reward and performance (N, S, J), by plain loops."""
    S, J = game.num_states, game.num_joint_actions
    T, R, F = np.zeros((S, J, S)), np.zeros((game.num_agents, S, J)), np.zeros((game.num_agents, S, J))
    for s in range(S):
        for j in range(J):
            for entry in range(game.indptr[s * J + j], game.indptr[s * J + j + 1]):
                p = game.probability[entry]
                T[s, j, game.successor[entry]] += p
                R[:, s, j] += p * game.reward[:, entry]
                F[:, s, j] += p * game.performance[:, entry]
    return T, R, F


# two agents at a door that lets one of them through at a time
DOOR = [
    ("out", ("wait", "wait"), "out", 1.0),
    ("out", ("go", "wait"), "human in", 1.0),
    ("out", ("wait", "go"), "ai in", 0.75),
    ("out", ("wait", "go"), "out", 0.25),
    ("human in", ("wait", "wait"), "human in", 1.0),
    ("ai in", ("wait", "wait"), "ai in", 1.0),
]
