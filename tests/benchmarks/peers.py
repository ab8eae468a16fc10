"""Peers that solve a discounted model: each a function (model, discount) to a solver of one reward function, or None."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from powerenvs import TabularMDP

Floats = NDArray[np.float64]
Solve = Callable[[Floats], Floats]


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _quantecon(mdp: TabularMDP, gamma: float, method: str) -> Solve | None:
    if not _there("quantecon"):
        return None
    from quantecon.markov import DiscreteDP

    states, actions = np.nonzero(mdp.available)
    matrix = scipy.sparse.csr_matrix(mdp.transition_matrix()[states * mdp.num_actions + actions])

    def solve(reward: Floats) -> Floats:
        problem = DiscreteDP(reward[states], matrix, gamma, states, actions)
        found: Floats = problem.solve(method, epsilon=1e-9 / (1 - gamma), max_iter=100_000).v
        return found

    return solve


def policy_iteration(mdp: TabularMDP, gamma: float) -> Solve | None:
    """QuantEcon's, on state-action pairs with a sparse matrix."""
    return _quantecon(mdp, gamma, "policy_iteration")


def modified_policies(mdp: TabularMDP, gamma: float) -> Solve | None:
    """QuantEcon's modified policy iteration."""
    return _quantecon(mdp, gamma, "modified_policy_iteration")


def toolbox(mdp: TabularMDP, gamma: float) -> Solve | None:
    """pymdptoolbox's policy iteration, with arrays (A, S, S)."""
    if not _there("mdptoolbox") or not mdp.available.all():
        return None
    from mdptoolbox.mdp import PolicyIteration

    shape = (mdp.num_states, mdp.num_actions, mdp.num_states)
    tensor = mdp.transition_matrix().toarray().reshape(shape).transpose(1, 0, 2).copy()

    def solve(reward: Floats) -> Floats:
        iteration = PolicyIteration(tensor, reward, gamma)
        iteration.run()
        return np.array(iteration.V)

    return solve


def solver_cpp(mdp: TabularMDP, gamma: float) -> Solve | None:
    """The C++ solver of the package mdpsolver: modified policy iteration with Gauss-Seidel sweeps."""
    if not _there("mdpsolver") or not mdp.available.all():
        return None
    import mdpsolver

    S, A = mdp.num_states, mdp.num_actions
    rows = [(mdp.indptr[k], mdp.indptr[k + 1]) for k in range(S * A)]
    chances = [[mdp.probability[a:b].tolist() for a, b in rows[s * A : (s + 1) * A]] for s in range(S)]
    columns = [[mdp.successor[a:b].tolist() for a, b in rows[s * A : (s + 1) * A]] for s in range(S)]

    def solve(reward: Floats) -> Floats:
        model = mdpsolver.model()
        rewards = np.repeat(reward[:, None], A, axis=1).tolist()
        model.mdp(discount=gamma, rewards=rewards, tranMatProbs=chances, tranMatColumns=columns)
        model.solve(algorithm="mpi", tolerance=1e-9 / (1 - gamma), update="standard", parallel=False)
        return np.array(model.getValueVector())

    return solve


def scipy_policies(mdp: TabularMDP, gamma: float) -> Solve:
    """Howard's policy iteration with `scipy.sparse.linalg.spsolve`."""
    S, A = mdp.num_states, mdp.num_actions
    matrix = mdp.transition_matrix()
    start = np.arange(S) * A

    def solve(reward: Floats) -> Floats:
        policy = mdp.available.argmax(axis=1)
        while True:
            system = (scipy.sparse.eye_array(S) - gamma * matrix[start + policy]).tocsc()
            value: Floats = scipy.sparse.linalg.spsolve(system, reward)
            q = np.where(mdp.available, (matrix @ value).reshape(S, A), -np.inf)
            better = q.max(axis=1) > q[np.arange(S), policy] + 1e-12 * np.abs(value).max()
            if not better.any():
                return value
            policy = np.where(better, q.argmax(axis=1), policy)

    return solve


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _relative(indptr: Any, successor: Any, probability: Any, reward: Any, actions: int, gamma: float) -> Any:
    states = len(reward)
    value, new = reward.copy(), np.empty(states)
    for _ in range(20_000):
        low, high = np.inf, -np.inf
        for s in range(states):
            best = -np.inf
            for row in range(s * actions, (s + 1) * actions):
                if indptr[row] < indptr[row + 1]:
                    q = 0.0
                    for e in range(indptr[row], indptr[row + 1]):
                        q += probability[e] * value[successor[e]]
                    best = max(best, q)
            new[s] = reward[s] + gamma * best
            low, high = min(low, new[s] - value[s]), max(high, new[s] - value[s])
        middle = 0.5 * (low + high)
        for s in range(states):
            value[s] = new[s] - middle
        if high - low < 1e-13:
            break
    return value + middle / (1.0 - gamma)


def relative_values(mdp: TabularMDP, gamma: float) -> Solve:
    """Relative value iteration with MacQueen's bounds, as one would write it in numba."""
    return lambda reward: _relative(mdp.indptr, mdp.successor, mdp.probability, reward, mdp.num_actions, gamma)


def jax_values(mdp: TabularMDP, gamma: float) -> Solve | None:
    """Value iteration in JAX on dense arrays (S, A, S)."""
    if not _there("jax"):
        return None
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    shape = (mdp.num_states, mdp.num_actions, mdp.num_states)
    tensor = jnp.asarray(mdp.transition_matrix().toarray().reshape(shape))
    absent = jnp.where(jnp.asarray(mdp.available), 0.0, -jnp.inf)

    @jax.jit
    def iterate(reward: Any) -> Any:
        def step(state: Any) -> Any:
            value, _ = state
            new = reward + gamma * (tensor @ value + absent).max(axis=1)
            return new, jnp.abs(new - value).max() > 1e-12 * jnp.abs(new).max()

        return jax.lax.while_loop(lambda state: state[1], step, (reward / (1 - gamma), True))[0]

    return lambda reward: np.asarray(iterate(reward))
