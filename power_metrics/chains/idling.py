"""Agents that do nothing: which policy that is, where the world goes by itself, and averages over what follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from power_metrics.arguments.checks import check_policy
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

NOOPS = ("noop", "stay")
"""What the action that does nothing is called, here and there."""


def default_policy(mdp: TabularMDP, default: Any) -> Floats:
    """(S, A) the policy of an agent that does nothing.

    Args:
        mdp: with S states and A actions.
        default: a policy (S, A); or the label of an action, where "noop" is the one called so, or else "stay".

    Raises:
        ValueError: for an unknown action, one that some state does not have, and what is no policy.
    """
    if not isinstance(default, str | int | np.integer):
        table = check_policy(default, mdp, "default")
        if table.ndim != 2:
            raise ValueError(f"default: expected an action or one policy {mdp.available.shape}, found {table.shape}")
        return table
    action = default_action(mdp.action_labels, default, f"an action or a policy {mdp.available.shape}")
    lacking = np.flatnonzero(~mdp.available[:, action] & ~mdp.terminal)
    if len(lacking):
        raise ValueError(
            f"default: expected an action that every state has, found {label_text(mdp.action_labels[action])}, which "
            f"{mdp.state_name(int(lacking[0]))} does not have"
        )
    table = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    table[~mdp.terminal] = np.eye(mdp.num_actions)[action]
    return table


def default_action(known: tuple[Any, ...], default: Any, expected: str = "an action") -> int:
    """The number of the action that does nothing: "noop" is the one called so, or else "stay".

    Raises:
        ValueError: for an unknown action.
    """
    names = [name for name in (NOOPS if default == NOOPS[0] else (default,)) if name in known]
    if not names:
        raise ValueError(
            f"default: unknown action {default!r}; {closest(default, known)}; expected {expected} to compare with"
        )
    return known.index(names[0])


def baseline_chain(mdp: TabularMDP, policy: Floats) -> Any:
    """(S, S) sparse: where the world goes by itself; where that would end the episode it stays as it is."""
    S, A = policy.shape
    places = np.arange(S * A)
    chosen = scipy.sparse.csr_array((policy.ravel(), places, np.arange(0, S * A + 1, A)), shape=(S, S * A))
    moves = (chosen @ mdp.transition_matrix()).tocsr()
    going_on = (~mdp.terminal).astype(np.float64)
    ends = moves @ mdp.terminal.astype(np.float64)
    chain = (moves @ scipy.sparse.diags_array(going_on) + scipy.sparse.diags_array(ends)).tocsr()
    chain.eliminate_zeros()
    return chain


def rolled_out(chain: Any, values: Floats, gamma: float, steps: int | None = None) -> Floats:
    """(N, K) averages over what follows: (1 - γ) Σ_k γ^k E[values of the node after k steps].

    With n steps the last of them counts for all that follows: (1 - γ) Σ_{k<n} γ^k E[values after k] + γ^n E[after n].

    Where every node of the chain has one successor, the sum ends as in the original: at the last step before a node
    comes again the world is taken to stay as it is, which changes nothing unless it goes round in a circle.

    Args:
        chain: (N, N) sparse, rows that sum to 1.
        values: (N, K) of the nodes.
        gamma: γ in [0, 1).
        steps: n; None for all that follows.
    """
    N = len(values)
    if steps is not None:
        found = values
        for _ in range(steps):
            found = (1 - gamma) * values + gamma * np.asarray(chain @ found)
        return found
    if chain.nnz > N:
        system = scipy.sparse.eye_array(N, format="csc") - gamma * chain.tocsc()
        return np.asarray(splu(system).solve((1 - gamma) * values))
    successor = chain.indices
    if np.array_equal(successor, np.arange(N)):
        return values
    inward = np.bincount(successor, minlength=N)
    outer = np.flatnonzero(inward == 0).tolist()
    for node in outer:  # which grows: nodes on no circle, each before its successor
        inward[successor[node]] -= 1
        if inward[successor[node]] == 0:
            outer.append(int(successor[node]))
    found = values.copy()
    for node in np.flatnonzero(inward).tolist():
        circle = [node]
        while (following := int(successor[circle[-1]])) != node:
            circle.append(following)
        if inward[node] and len(circle) > 1:
            powers, places = gamma ** np.arange(len(circle) + 1.0), np.arange(len(circle))
            weights = np.zeros((len(circle), len(circle)))
            for start in places:
                weights[start, (start + places) % len(circle)] = (1 - gamma) * powers[:-1]
                weights[start, start - 1] += powers[-1]
            found[circle] = weights @ values[circle]
            inward[circle] = 0
    for node in reversed(outer):
        found[node] = (1 - gamma) * values[node] + gamma * found[successor[node]]
    return found
