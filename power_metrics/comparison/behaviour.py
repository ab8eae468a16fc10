"""One policy beside POWER: how random it is, whether it is where POWER is, whether it moves to more of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse
import scipy.stats
from numpy.typing import NDArray

from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

TIES = 1e-12
"""Values closer than this share of their range are tied: rounding, not difference."""


def policy_entropy(policy: Floats, share: Floats, mdp: TabularMDP) -> float:
    """Mean entropy of the action, in nats, over the discounted time before an episode's end.

    Args:
        policy: (S, A).
        share: (S,) its occupancy.
        mdp: the model.

    Returns:
        Σ_s d(s) H(π(·|s)) / Σ_s d(s) over states that are not terminal; nan if the policy never acts.
    """
    weight = np.where(mdp.terminal, 0.0, share)
    entropy = scipy.stats.entropy(policy, axis=1)
    return float(weight @ entropy / weight.sum()) if weight.sum() > 0 else math.nan


def power_while_alive(share: Floats, power: Floats, mdp: TabularMDP) -> Floats:
    """Mean POWER over the discounted time before an episode's end.

    Args:
        share: (S,) occupancy.
        power: (..., S) POWER.
        mdp: the model.

    Returns:
        (...); nan if all time is spent in terminal states.
    """
    weight = np.where(mdp.terminal, 0.0, share)
    total = weight.sum()
    return power @ weight / total if total > 0 else np.full(power.shape[:-1], np.nan)


def total_variation(first: Floats, second: Floats) -> float:
    """1/2 Σ_s |d(s) - d'(s)|, from 0 (the same) to 1 (never in the same state)."""
    return float(0.5 * np.abs(first - second).sum())


def rank_correlation(share: Floats, power: Floats, counted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Spearman's rank correlation of occupancy and POWER over states, with its p-value.

    The p-value is that of `scipy.stats.spearmanr` (t distribution, two-sided), as if states were independent
    draws. States of a world are neighbours of each other, so take it as a description, not as a test.

    Args:
        share: (S,) occupancy.
        power: (..., S) POWER.
        counted: (S,) the states to count.

    Returns:
        Correlations and p-values, (...); nan where one side is constant or fewer than 3 states count.
    """
    count = int(counted.sum())
    shape = power.shape[:-1]
    if count < 3:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    first = centred_ranks(share[counted])
    second = centred_ranks(power[..., counted])
    scale = np.sqrt((first**2).sum() * (second**2).sum(axis=-1))
    correlation = np.divide(second @ first, scale, out=np.full(shape, np.nan), where=scale > 0)
    correlation = np.clip(correlation, -1.0, 1.0)
    return correlation, p_value(correlation, count)


def p_value(correlation: Any, count: int) -> Any:
    """Of a rank correlation over so many states, two-sided, by the t distribution."""
    with np.errstate(divide="ignore"):
        t = correlation * np.sqrt(np.divide(count - 2, 1.0 - np.square(correlation)))  # a float would not divide by 0
    return 2.0 * scipy.stats.t.sf(np.abs(t), count - 2)


def centred_ranks(values: Floats) -> Floats:
    """Ranks along the last axis less their mean; values that differ by rounding only share a rank."""
    step = TIES * np.abs(values).max(axis=-1, keepdims=True)
    rounded = np.round(np.divide(values, step, out=np.zeros_like(values), where=step > 0))
    ranks = scipy.stats.rankdata(rounded, axis=-1)
    return ranks - ranks.mean(axis=-1, keepdims=True)


def share_to_more_power(policy: Floats, share: Floats, power: Floats, mdp: TabularMDP) -> Floats:
    """The share of decisions that go to more POWER than the average available action does.

    m(s, a) = Σ_s' P(s'|s, a) POWER(s') is compared with its mean over the actions available in s. Decisions count by
    their occupancy d(s) π(a|s). Those with m equal to the mean (to rounding) are left out, and with them the states in
    which all actions lead to the same POWER, terminal ones included.

    Args:
        policy: (S, A).
        share: (S,) its occupancy.
        power: (..., S) POWER.
        mdp: the model.

    Returns:
        (...) shares in [0, 1]; nan if no decision counts.
    """
    batch = np.atleast_2d(power)
    weight = (share[:, None] * policy).reshape(-1)
    above, below = np.zeros(len(batch)), np.zeros(len(batch))
    transitions = mdp.transition_matrix()
    available = mdp.available[..., None]
    rows = max(1, (1 << 22) // len(weight))
    for start in range(0, len(batch), rows):
        part = slice(start, start + rows)
        leads = (transitions @ batch[part].T).reshape(*mdp.available.shape, -1)
        mean = (leads * available).sum(axis=1, keepdims=True) / available.sum(axis=1, keepdims=True)
        margin = np.where(available, leads - mean, 0.0).reshape(len(weight), -1)
        tolerance = TIES * np.abs(batch[part]).max(axis=1)
        above[part] = weight @ (margin > tolerance)
        below[part] = weight @ (margin < -tolerance)
    total = above + below
    result = np.divide(above, total, out=np.full(len(batch), np.nan), where=total > 0)
    return result.reshape(power.shape[:-1])


def decision_margins(mdp: TabularMDP) -> scipy.sparse.csr_array:
    """(S * A, S) what takes POWER to the POWER that an action leads to, less that of the average available action.

    Rows of actions that are not available are zero.
    """
    S, A = mdp.available.shape
    row, available = np.arange(S * A), mdp.available.astype(np.float64)
    share = (available / available.sum(axis=1, keepdims=True)).reshape(-1)
    average = scipy.sparse.csr_array((share, (row // A, row)), shape=(S, S * A))
    offered = scipy.sparse.csr_array((available.reshape(-1), (row, row // A)), shape=(S * A, S))
    transitions = mdp.transition_matrix()
    return scipy.sparse.csr_array(transitions - offered @ (average @ transitions))
