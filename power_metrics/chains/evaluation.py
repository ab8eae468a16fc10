"""The value of every state under a fixed policy, for given reward functions: V = R + γ P_π V."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_gamma, check_policy, check_rewards, resolve_model
from power_metrics.solvers.compiled import solver_tables
from power_metrics.solvers.dispatch import check_residual
from power_metrics.solvers.linear import chain_values
from power_metrics.solvers.policies import evaluate_policies
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import torch


def policy_values(env_or_mdp: Any, policy: Any, rewards: Any, gamma: float) -> torch.Tensor:
    """V_π(s) = R(s) + γ Σ_a π(a|s) Σ_s' P(s'|s, a) V_π(s'), exact to rounding.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        policy: (S, A) action probabilities, or (B, S, A), one policy for each reward function. Rows sum to
            1 to 1e-6 and are renormalised.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1, or as the same for
            every policy.
        gamma: discount in [0, 1).

    Returns:
        (B, S) float64 tensor on the CPU.

    Raises:
        ValueError: for an argument that does not fit.

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
    gamma = check_gamma(gamma)
    given = check_rewards(rewards, mdp.num_states)
    policies = check_policy(policy, mdp)
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


def policy_chain(mdp: TabularMDP, policy: NDArray[np.float64]) -> scipy.sparse.csr_array:
    """(S, S) the transitions between states under a policy (S, A)."""
    S, A = policy.shape
    weights = scipy.sparse.csr_array(
        (policy.reshape(-1), np.arange(S * A), np.arange(0, S * A + 1, A)), shape=(S, S * A)
    )
    chain = (weights @ mdp.transition_matrix()).tocsr()
    chain.eliminate_zeros()
    return chain
