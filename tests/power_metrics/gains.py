"""Slow, plain algorithms for long-run averages, to compare the solver of gains with."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from powerenvs import TabularMDP
from tests.power_metrics.worlds import from_dense, grid


def sparse_model(rng, num_states, num_actions, rare=None):
    """A model with several end components: few successors, many self-loops, missing actions.

    ``rare`` is a probability that some transitions have.
    """
    P = np.zeros((num_states, num_actions, num_states))
    available = rng.random((num_states, num_actions)) < 0.7
    available[:, 0] |= ~available.any(axis=1)
    for s, a in np.argwhere(available):
        count = min(num_states, int(rng.choice([1, 1, 2, 3])))
        targets = rng.choice(num_states, size=count, replace=False)
        if rng.random() < 0.3:
            targets = np.array([s])
        shares = rng.dirichlet(np.ones(len(targets))) + 1e-3
        if rare is not None and rng.random() < 0.4:
            shares = np.full(len(targets), rare)
            shares[-1] = 1.0
        P[s, a, targets] = shares / shares.sum()
    return from_dense(P)


def policies(mdp: TabularMDP):
    """All deterministic policies."""
    return itertools.product(*(np.flatnonzero(row) for row in mdp.available))


def reaches(P):
    """(S, S): whether state t can be reached from s."""
    steps = np.eye(len(P), dtype=bool) | (np.array(P) > 0)
    for _ in range(len(P)):
        steps = steps @ steps
    return steps


def chain_gains(P, rewards, solve=np.linalg.solve):
    """(S, B): the long-run averages of a chain, from stationary distributions and the chances to reach them."""
    reach = reaches(P)
    S = len(P)
    recurrent = [s for s in range(S) if all(reach[t, s] for t in np.flatnonzero(reach[s]))]
    transient = [s for s in range(S) if s not in recurrent]
    gains = np.zeros((S, rewards.shape[1]), dtype=rewards.dtype)
    one = P.dtype.type(1) if P.dtype != object else Fraction(1)
    for s in recurrent:
        members = np.flatnonzero(reach[s])
        if s == members[0]:
            balance = np.eye(len(members), dtype=int) * one - P[np.ix_(members, members)].T
            balance[-1] = one
            total = np.full((len(members), 1), 0 * one)
            total[-1] = one
            gains[members] = (solve(balance, total) * rewards[members]).sum(axis=0)
    if transient:
        system = np.eye(len(transient), dtype=int) * one - P[np.ix_(transient, transient)]
        gains[transient] = solve(system, P[np.ix_(transient, recurrent)] @ gains[recurrent])
    return gains


def brute_force_gains(mdp, rewards):
    """(B, S): the best of all deterministic policies."""
    P = mdp.transition_tensor().numpy()
    states = np.arange(mdp.num_states)
    return np.max([chain_gains(P[states, list(policy)], rewards.T) for policy in policies(mdp)], axis=0).T


def exact_gains(mdp, rewards):
    """(B, S) fractions: the best of all deterministic policies, in rational arithmetic."""
    P = np.vectorize(Fraction)(mdp.transition_tensor().numpy())
    P = np.where(mdp.available[:, :, None], P / np.where(mdp.available, P.sum(axis=2), 1)[:, :, None], 0)
    states = np.arange(mdp.num_states)
    best = [chain_gains(P[states, list(p)], np.vectorize(Fraction)(rewards.T), solve_fractions) for p in policies(mdp)]
    return np.max(best, axis=0).T


def solve_fractions(A, b):
    """Gauss-Jordan elimination on arrays of fractions."""
    A, b = A.copy(), b.copy()
    for i in range(len(A)):
        p = next(j for j in range(i, len(A)) if A[j, i] != 0)
        A[[i, p]], b[[i, p]] = A[[p, i]], b[[p, i]]
        for j in range(len(A)):
            if j != i and A[j, i] != 0:
                factor = A[j, i] / A[i, i]
                A[j], b[j] = A[j] - factor * A[i], b[j] - factor * b[i]
    return b / A.diagonal()[:, None]


def linear_program_gains(mdp, reward):
    """(S,): min Σ g with g ≥ P_a g and g + h ≥ r + P_a h for all actions (Puterman 1994, section 9.3)."""
    P, S = mdp.transition_tensor().numpy()[mdp.available], mdp.num_states
    state = np.argwhere(mdp.available)[:, 0]
    leave = P - np.eye(S)[state]
    rows = np.block([[leave, np.zeros_like(leave)], [-np.eye(S)[state], leave]])
    limits = np.concatenate([np.zeros(len(P)), -reward[state]])
    found = linprog(np.repeat([1.0, 0.0], S), rows, limits, bounds=(None, None), method="highs")
    assert found.status == 0
    return found.x[:S]


def karp_gains(successors, reward):
    """[g]: the largest cycle mean that each state reaches, by Karp's theorem (1978), in rational arithmetic.

    ``successors`` lists the successors of each state. For each state v, the maximum is taken over states w that
    it reaches of min_k (F_n(w) - F_k(w)) / (n - k), with F_k(w) the largest sum on a walk of k steps from v to w.
    """
    n = len(successors)
    gains = []
    for v in range(n):
        walks = [{v: Fraction(0)}]
        for _ in range(n):
            longer: dict[int, Fraction] = {}
            for w, total in walks[-1].items():
                for t in successors[w]:
                    longer[t] = max(longer.get(t, total + reward[w]), total + reward[w])
            walks.append(longer)
        means = [
            min((total - walks[k][w]) / (n - k) for k in range(n) if w in walks[k]) for w, total in walks[n].items()
        ]
        gains.append(max(means))
    return gains


SLIPPERY = ("S...", ".#.#", "...#", "#..G")


def frozen_lake(slip=2 / 3):
    """Walking on ice with holes: transient states that chance leads round and round, and absorbing ones."""
    dry = grid(SLIPPERY, ("down", "left", "right", "up"), noise=slip)
    cells = list(dry.state_labels)
    P = dry.transition_tensor().numpy().copy()
    for cell in ((1, 2), (3, 3), (2, 0)):
        s = cells.index(cell)
        P[s] = 0
        P[s, 0, s] = 1
    return from_dense(P)


def two_way(p, q):
    """Two states without a choice: the first is left with probability p, the second with probability q."""
    return from_dense(np.array([[[1 - p, p]], [[q, 1 - q]]]))
