"""Small models written out by hand, and slow, plain algorithms to compare the solvers with."""

from __future__ import annotations

import itertools

import numpy as np

import power_metrics as pm
from power_metrics.solvers.discounted.iterative import Iterative, solve_by_policies
from powerenvs import TabularMDP

MAZE = (".......", ".##.###", "....###", ".##....", ".##.##.", ".##....", "....##.")
OPEN_3 = ("...",) * 3
MOVES = {"down": (1, 0), "left": (0, -1), "right": (0, 1), "stay": (0, 0), "up": (-1, 0)}


def grid(rows=OPEN_3, moves=("down", "left", "right", "stay", "up"), noise=0.0):
    """Movement on the cells that are not '#'; blocked moves are absent. Noise goes evenly to all allowed moves."""
    cells = [(r, c) for r, row in enumerate(rows) for c, x in enumerate(row) if x != "#"]
    transitions = []
    for r, c in cells:
        targets = {m: (r + MOVES[m][0], c + MOVES[m][1]) for m in moves if (r + MOVES[m][0], c + MOVES[m][1]) in cells}
        for chosen in targets:
            for m, target in targets.items():
                p = noise / len(targets) + (1 - noise) * (m == chosen)
                if p:
                    transitions.append(((r, c), chosen, target, p))
    return TabularMDP.from_transitions(transitions, state_labels=cells, action_labels=moves)


def graph(successors):
    """A deterministic model from {state: successors}; the k-th successor is action k."""
    transitions = [(s, k, t, 1.0) for s, targets in successors.items() for k, t in enumerate(targets)]
    return TabularMDP.from_transitions(transitions, state_labels=list(successors))


TURNER = {
    "star": ("empty", "l", "r"),
    "empty": ("empty",),
    "l": ("l_nw", "l_sw"),
    "r": ("r_ne", "r_se"),
    "l_nw": ("l_sw",),
    "l_sw": ("l_nw", "l_sw"),
    "r_ne": ("r_ne", "r_se"),
    "r_se": ("r_se", "r_ne"),
}
"""Turner et al., arXiv 1912.01683, figure 1."""


def star(children, self_loop=False):
    """A root with absorbing children."""
    names = [f"child {i}" for i in range(children)]
    return graph({"root": (["root"] if self_loop else []) + names, **{name: [name] for name in names}})


def corridor(steps, children=3):
    """A root with absorbing children behind a number of forced steps; "step 0" is the farthest."""
    names = [f"child {i}" for i in range(children)]
    path = [f"step {i}" for i in range(steps)] + ["hub"]
    forced = {a: [b] for a, b in itertools.pairwise(path)}
    return graph({**forced, "hub": names, **{name: [name] for name in names}})


def without_stay():
    """The maze without the stay action: deterministic, and states cannot rest."""
    return grid(MAZE, ("down", "left", "right", "up"))


def joint_walk(rows=("..", ".#")):
    """One walker moves, the other walks at random: stochastic, over pairs of cells."""
    one = grid(rows)
    P = one.transition_tensor().numpy()
    S, A = one.available.shape
    other = P.sum(axis=1) / one.available.sum(axis=1)[:, None]
    dense = np.einsum("sat,uv->suatv", P, other).reshape(S * S, A, S * S)
    return from_dense(dense)


def from_dense(P):
    """A model from a dense (S, A, S) tensor; rows of zeros are unavailable."""
    transitions = [(int(s), int(a), int(t), float(P[s, a, t])) for s, a, t in np.argwhere(P > 0)]
    return TabularMDP.from_transitions(transitions, state_labels=range(P.shape[0]), action_labels=range(P.shape[1]))


def garnet(num_states: int, num_actions: int = 4, successors: int = 5, local: int | None = None, seed: int = 0):
    """Random rows (Archibald et al. 1995), anywhere or at most ``local`` states away on a ring."""
    rng = np.random.default_rng(seed)
    rows = num_states * num_actions
    if local is None:
        targets = rng.integers(num_states, size=(rows, successors))
    else:
        start = np.repeat(np.arange(num_states), num_actions)[:, None]
        targets = (start + rng.integers(-local, local + 1, size=(rows, successors))) % num_states
    targets.sort(axis=1)
    first = np.ones(targets.shape, dtype=bool)
    first[:, 1:] = targets[:, 1:] != targets[:, :-1]
    weights = rng.random(targets.shape)
    starts = np.flatnonzero(first)
    weights = np.add.reduceat((weights / weights.sum(axis=1, keepdims=True)).reshape(-1), starts)
    return TabularMDP(
        indptr=np.concatenate([[0], np.cumsum(first.sum(axis=1))]),
        successor=targets.reshape(-1)[starts],
        probability=weights,
        available=np.ones((num_states, num_actions), dtype=bool),
    )


class ByPolicies(Iterative):
    """Neither value iteration nor elimination."""

    def solve(self, rewards, gamma, tables, out):
        solve_by_policies(rewards, gamma, tables, out)


def dense_optimal_values(mdp, rewards, gamma, action_rewards=0.0):
    """(B, S): Howard's policy iteration on dense arrays, one reward function at a time."""
    P = mdp.transition_tensor().numpy()
    states = np.arange(mdp.num_states)
    result = []
    for reward in np.atleast_2d(rewards):
        policy = mdp.available.argmax(axis=1)
        while True:
            gain = reward + np.broadcast_to(action_rewards, mdp.available.shape)[states, policy]
            value = np.linalg.solve(np.eye(len(states)) - gamma * P[states, policy], gain)
            q = np.where(mdp.available, action_rewards + gamma * (P @ value), -np.inf)
            better = q.max(axis=1) > q[states, policy] + 1e-11 * np.abs(value).max()
            if not better.any():
                break
            policy = np.where(better, q.argmax(axis=1), policy)
        result.append(value)
    return np.array(result)


def brute_force_values(mdp, rewards, gamma):
    """(B, S): the best of all deterministic policies, state by state."""
    P = mdp.transition_tensor().numpy()
    S = mdp.num_states
    policies = itertools.product(*(np.flatnonzero(mdp.available[s]) for s in range(S)))
    chains = np.array([P[np.arange(S), list(policy)] for policy in policies])
    values = np.linalg.solve(np.eye(S) - gamma * chains, np.broadcast_to(rewards.T, (len(chains), S, len(rewards))))
    return values.max(axis=0).T


def solved(mdp, rewards, gamma, limit=1e-13):
    """``pm.solve``, with its residuals checked twice: as reported, and computed here from dense arrays."""
    solution = pm.solve(mdp, rewards, gamma)
    P = mdp.transition_tensor().numpy()
    q = np.where(mdp.available, np.einsum("sat,bt->bsa", P, solution.values), -np.inf)
    gap = np.abs(solution.values - (np.atleast_2d(rewards) + gamma * q.max(axis=2))).max(axis=1)
    largest = np.abs(solution.values).max(axis=1)
    assert np.all(gap <= limit * largest + 1e-300), (gap / largest).max()
    assert np.all(solution.residual <= limit)
    assert np.all(solution.iterations >= 1)
    chosen = np.take_along_axis(q, solution.policy[:, :, None], axis=2)[:, :, 0]
    assert np.all(chosen >= q.max(axis=2) - 1e-12 * largest[:, None])
    assert np.allclose(solution.continuation, q.max(axis=2), rtol=1e-13, atol=1e-13 * largest.max())
    return solution
