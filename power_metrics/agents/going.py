"""Policies that go to a state as soon as they can, and stay there or come back: quantilisers that have chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse.linalg
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path

from power_metrics.agents.table import uniform_policy
from powerenvs.model import rows
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

TIES = 1e-9
"""Expected times are equal if they differ by at most this share."""


def arrival_times(mdp: TabularMDP, targets: Sequence[int] | NDArray[np.int64]) -> Floats:
    """(n, S) the least expected number of steps from each state until each of n target states is reached.

    Infinite from where no policy surely reaches it. Breadth first in deterministic models; in others policy iteration
    from a policy that always may come nearer (Bertsekas & Tsitsiklis 1991).
    """
    S = mdp.num_states
    wanted = np.asarray(targets, dtype=np.int64)
    if mdp.deterministic:
        source = rows.entry_rows(mdp.indptr) // mdp.num_actions
        back = scipy.sparse.csr_array((np.ones(len(source)), (mdp.successor, source)), shape=(S, S))
        found: Floats = shortest_path(back, unweighted=True, indices=wanted)
        return found
    return np.stack([_expected_steps(mdp, int(target)) for target in wanted])


def _expected_steps(mdp: TabularMDP, target: int) -> Floats:
    """(S,) `arrival_times` of one target."""
    S, A = mdp.available.shape
    matrix = mdp.transition_matrix()
    allowed = mdp.available.copy()
    while True:  # actions that may lead to where the target cannot surely be reached are given up, until none is left
        distance = _nearest(matrix, allowed, target)
        sure = np.isfinite(distance)
        safe = (matrix @ (~sure).astype(np.float64)).reshape(S, A) == 0
        if not (allowed & ~safe).any():
            break
        allowed &= safe
    steps = np.full(S, np.inf)
    steps[target] = 0.0
    moving = np.flatnonzero(sure & (np.arange(S) != target))
    if not moving.size:
        return steps
    nearest = np.full((S, A), np.inf)
    entry = rows.entry_rows(mdp.indptr)
    np.minimum.at(nearest.reshape(-1), entry, distance[mdp.successor])
    choice = np.where(allowed, nearest, np.inf).argmin(axis=1)
    while True:
        chain = matrix[moving * A + choice[moving]][:, moving]
        system = scipy.sparse.eye_array(len(moving), format="csc") - chain.tocsc()
        steps[moving] = scipy.sparse.linalg.spsolve(system, np.ones(len(moving)))
        following = np.where(allowed, (matrix @ np.where(sure, steps, 0.0)).reshape(S, A), np.inf)
        better = following.argmin(axis=1)
        gain = following[moving, choice[moving]] - following[moving, better[moving]]
        improved = moving[gain > TIES * steps[moving]]
        if not improved.size:
            return steps
        choice[improved] = better[improved]


def _nearest(matrix: scipy.sparse.csr_array, allowed: NDArray[np.bool_], target: int) -> Floats:
    """(S,) the fewest steps in which allowed actions may reach the target; infinite if never."""
    S, A = allowed.shape
    chosen = scipy.sparse.diags_array(allowed.reshape(-1).astype(np.float64)) @ matrix
    chosen.eliminate_zeros()
    listed = chosen.tocoo()
    back = scipy.sparse.csr_array((np.ones(listed.nnz), (listed.col, listed.row // A)), shape=(S, S))
    found: Floats = shortest_path(back, unweighted=True, indices=target)
    return found


def going_policies(mdp: TabularMDP, targets: Sequence[int] | NDArray[np.int64]) -> Floats:
    """(n, S, A) for each of n target states the policy that goes there as soon as it can, ties split evenly.

    In the target it does what brings it back soonest (it stays, where that is possible), and of that what seems to pay
    most. Where the target cannot surely be reached, it takes any action.
    """
    S, A = mdp.available.shape
    matrix, paid, policies = mdp.transition_matrix(), mdp.action_rewards(), []
    for target, steps in zip(targets, arrival_times(mdp, targets), strict=True):
        never = (matrix @ np.isinf(steps).astype(np.float64)).reshape(S, A) > 0
        following = (matrix @ np.where(np.isinf(steps), 0.0, steps)).reshape(S, A)
        following[never | ~mdp.available] = np.inf
        least = following.min(axis=1, keepdims=True)
        best = np.isfinite(following) & (following <= least + TIES * np.maximum(least, 1.0))
        best[target] &= paid[target] >= paid[target, best[target]].max(initial=-np.inf)
        counts = best.sum(axis=1, keepdims=True)
        policies.append(np.where(counts > 0, best / np.maximum(counts, 1), uniform_policy(mdp)))
    return np.array(policies).reshape(-1, S, A)
