"""The value of every state under a fixed policy, for given reward functions: V = R + γ P_π V."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_gamma, check_policy, check_rewards, resolve_model
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.dispatch import check_residual
from power_metrics.solvers.linear import chain_values, superlu_values
from power_metrics.solvers.policies import evaluate_policies
from powerenvs.model.checks import flag
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import torch


def policy_values(
    env_or_mdp: Any, policy: Any, rewards: Any, gamma: float, *, performance: bool = False
) -> torch.Tensor:
    """V_π(s) = R(s) + γ Σ_a π(a|s) Σ_s' P(s'|s, a) V_π(s'), exact to rounding.

    With ``rewards=None`` it is what the policy earns in the model's own task from each state, and γ may be 1: the
    expected total reward, where rewards come to an end.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (B, S, A), one policy for each reward function. Rows sum to
            1 to 1e-6 and are renormalised.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1, or as the same for
            every policy. None for the model's own task: the rewards of its transitions.
        gamma: discount in [0, 1); for the model's own task in [0, 1].
        performance: for the model's own task, count the hidden performance instead of the reward.

    Returns:
        (B, S) float64 tensor on the CPU.

    Raises:
        ValueError: for an argument that does not fit, and at γ = 1 if a policy is paid without end.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a")
        >>> policy = [[0.5, 0.5], [1.0, 0.0]]  # in "a", stay or go with equal probability
        >>> pm.policy_values(mdp, policy, [0.0, 1.0], gamma=0.5)
        tensor([[0.6667, 2.0000]], dtype=torch.float64)
    """
    import torch

    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma, closed=rewards is None)
    policies = check_policy(policy, mdp)
    if rewards is None:
        policies = policies.reshape(-1, *mdp.available.shape)
        given = np.einsum("bsa,sa->bs", policies, mdp.action_rewards(performance))
    elif flag("performance", performance):
        raise ValueError("performance: expected False where rewards are given, found True")
    else:
        given = check_rewards(rewards, mdp)
    if gamma == 1.0:
        pairs = zip(policies, given, strict=True)
        return torch.from_numpy(np.stack([_totals(mdp, policy_chain(mdp, one), paid) for one, paid in pairs]))
    if policies.ndim == 2:
        policies = policies[None]
    elif len(given) == 1:
        given = np.repeat(given, len(policies), axis=0)
    elif len(policies) != len(given):
        raise ValueError(
            f"policy: expected one policy for each of {len(given)} reward functions, found {len(policies)}"
        )
    tables = solver_tables(mdp)
    values, residual = np.empty(given.shape), np.empty(len(given))
    if tables.elimination is not None:
        table = tables.table(gamma)
        evaluate_policies(given, policies, gamma, table, tables.choice_of, tables.elimination, values, residual)
    else:
        for n, one in enumerate(policies):
            rows = slice(None) if len(policies) == 1 else slice(n, n + 1)
            chain = policy_chain(mdp, one)
            values[rows] = chain_values(chain, given[rows], gamma)
            error = np.abs(values[rows] - given[rows] - gamma * (chain @ values[rows].T).T).max(axis=1)
            residual[rows] = error / np.maximum(np.abs(values[rows]).max(axis=1), np.finfo(np.float64).tiny)
    check_residual(residual)
    return torch.from_numpy(values)


def _totals(mdp: TabularMDP, chain: scipy.sparse.csr_array, paid: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S,) the expected total of what is paid in each state, (S,), where that ends.

    Raises:
        ValueError: if something is paid in a state that is returned to for ever.
    """
    closed = closed_classes(chain)[0]
    endless = np.flatnonzero(closed & (paid != 0))
    if endless.size:
        s = int(endless[0])
        raise ValueError(
            f"gamma: expected a discount below 1, found 1 with a policy that returns to state {s} "
            f"({label_text(mdp.state_labels[s])}) for ever, where it is paid {paid[s]:.6g} a step on average"
        )
    moving = np.flatnonzero(~closed)
    values = np.zeros(len(paid))
    if moving.size:
        values[moving] = superlu_values(chain[moving][:, moving], paid[moving], 1.0)
    return values


def closed_classes(chain: scipy.sparse.csr_array) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """(S,) the states that are returned to for ever, and (S,) the number of each state's class."""
    count, component = scipy.sparse.csgraph.connected_components(chain, directed=True, connection="strong")
    source = np.repeat(np.arange(chain.shape[0]), np.diff(chain.indptr))
    closed = np.ones(count, dtype=bool)
    closed[component[source[component[source] != component[chain.indices]]]] = False
    return closed[component], component


def policy_chain(mdp: TabularMDP, policy: NDArray[np.float64]) -> scipy.sparse.csr_array:
    """(S, S) the transitions between states under a policy (S, A)."""
    S, A = policy.shape
    weights = scipy.sparse.csr_array(
        (policy.reshape(-1), np.arange(S * A), np.arange(0, S * A + 1, A)), shape=(S, S * A)
    )
    chain = (weights @ mdp.transition_matrix()).tocsr()
    chain.eliminate_zeros()
    return chain
