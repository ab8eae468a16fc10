"""Optimal values and policies of many reward functions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_gamma, check_rewards, check_tolerance, resolve_model
from power_metrics.solvers.compiled import prepare_tables, solver_tables
from power_metrics.solvers.differences import Actions
from power_metrics.solvers.dispatch import num_threads, solve_all
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.task import TaskSolution, task_solution
from power_metrics.solvers.ties import tied_policies
from power_metrics.solvers.total import Endings, RefinedTotal, solve_total
from powerenvs.model.checks import flag
from powerenvs.model.mdp import TabularMDP

if TYPE_CHECKING:
    import torch

TIE_TOLERANCE = 1e-11
"""Actions are tied if they differ by at most this share of how much what they lead to differs from where they are.

Well above what rounding of probabilities does, and far below what anybody cares for.
"""


def solve(env_or_mdp: Any, rewards: Any, gamma: float, *, threads: int | None = None) -> Solution:
    """Solves V(s) = R(s) + γ max_a Σ_s' P(s'|s, a) V(s') exactly, with diagnostics.

    The method is chosen by the tables: finite sweeps where every state can stay as it is, policy iteration
    with exact evaluation elsewhere (`power_metrics.solvers`). Unavailable actions never take part.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1.
        gamma: discount in [0, 1).
        threads: how many; None for one on each core.

    Returns:
        Values, continuation values, policies, Bellman residuals and iterations, as NumPy arrays.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a")
        >>> solution = pm.solve(mdp, [[0.0, 1.0], [1.0, 0.0]], gamma=0.5)
        >>> solution.values
        array([[1., 2.],
               [2., 0.]])
        >>> [[mdp.action_labels[a] for a in actions] for actions in solution.policy]
        [['go', 'stay'], ['stay', 'stay']]
    """
    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma)
    rewards = check_rewards(rewards, mdp)
    return solve_all(solver_tables(mdp), rewards, gamma, _threads(threads))


def solve_task(env_or_mdp: Any, gamma: float, *, performance: bool = False) -> TaskSolution:
    """Solves the model's own task: V(s) = max_a Σ_s' P(s'|s, a) [r(s, a, s') + γ V(s')].

    At γ = 1 it is the best expected total reward over the policies whose rewards come to an end with probability 1: in
    a terminal state, or where nothing is paid any more (`power_metrics.solvers.total`). That exists where the best
    long-run average is 0 from every state; elsewhere `optimal_gain` with ``rewards=None`` is what there is.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        gamma: discount in [0, 1].
        performance: maximise the hidden performance instead of the observed reward.

    Returns:
        The solution with B = 1, with a table and a picture; its ``continuation`` is that of the optimal action.

    Raises:
        ValueError: for an argument that does not fit, and at γ = 1 if totals have no bound from some state.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a", reward=[0.0, 1.0, 0.0])
        >>> pm.solve_task(mdp, gamma=0.5).values
        array([[1., 0.]])
        >>> float(pm.solve_task("CliffWalking-v1", gamma=1).values[0, 36])
        -13.0
    """
    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma, closed=True)
    return task_solution(_solve_task(mdp, mdp.action_rewards(performance), gamma)[0], mdp, gamma)


def _solve_task(mdp: TabularMDP, action_rewards: NDArray[np.float64], gamma: float) -> tuple[Solution, Endings | None]:
    """The solution, and at γ = 1 where its rewards end."""
    ends = None
    if gamma == 1.0:
        solution, ends = solve_total(mdp, action_rewards)
    elif gamma == 0.0:  # only the next reward counts, whatever follows
        q = np.where(mdp.available, action_rewards, -np.inf)
        policy = q.argmax(axis=1).astype(np.int32)
        solution = Solution(q.max(axis=1)[None], np.empty((1, len(q))), policy[None], np.zeros(1), np.ones(1, np.int32))
    else:
        solution = solve_all(prepare_tables(mdp, action_rewards), np.zeros((1, mdp.num_states)), gamma, threads=1)
    chosen = np.arange(mdp.num_states) * mdp.num_actions + solution.policy[0]
    solution.continuation[0] = mdp.transition_matrix()[chosen] @ solution.values[0]
    return solution, ends


def optimal_values(
    env_or_mdp: Any,
    rewards: Any,
    gamma: float,
    *,
    threads: int | None = None,
    device: str | torch.device | None = None,
) -> torch.Tensor:
    """V*(s) = R(s) + γ max_a Σ_s' P(s'|s, a) V*(s') of each reward function, exact to rounding.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1.
        gamma: discount in [0, 1).
        threads: how many; None for one on each core.
        device: ``"cuda"`` to solve on a graphics card with torch, in batches that fit its memory; None for the
            CPU kernels, which are faster than ``"cpu"``, torch on the CPU. They agree to 1e-9 of max|V|.

    Returns:
        (B, S) float64 tensor on the device, or on the CPU.

    Raises:
        ValueError: for an argument that does not fit, or a device that is not there.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a")
        >>> pm.optimal_values(mdp, [[0.0, 1.0], [1.0, 0.0]], gamma=0.5)
        tensor([[1., 2.],
                [2., 0.]], dtype=torch.float64)
    """
    import torch

    if device is None:
        return torch.from_numpy(solve(env_or_mdp, rewards, gamma, threads=threads).values)
    from power_metrics.solvers.gpu import check_device, solve_torch, torch_rewards

    if threads is not None:
        raise ValueError(f"threads: expected None with a device, found {threads!r}")
    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma)
    place = check_device(device)
    return solve_torch(solver_tables(mdp), torch_rewards(rewards, mdp), gamma, place).values


def optimal_policies(
    env_or_mdp: Any,
    rewards: Any,
    gamma: float,
    *,
    performance: bool = False,
    tie_tolerance: float = TIE_TOLERANCE,
    threads: int | None = None,
) -> torch.Tensor:
    """The optimal policy of each reward function, split evenly over all optimal actions.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states and A actions.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1. None for the model's
            own task: the rewards of its transitions.
        gamma: discount in [0, 1); for the model's own task in [0, 1], as for `solve_task`.
        performance: for the model's own task, maximise the hidden performance instead of the reward.
        tie_tolerance: actions are tied with the best one if r + γ Σ P(s') (V*(s') - V*(s)) differs by at most this
            share of the sum's own size. Those whose difference may be an error of V* are tied too; such errors are
            bounded, and a warning tells where they are large. (γ = 0 gives the limit of small γ. At γ = 1 the actions
            are those that lose nothing; the even split of them comes to an end, since one of them leads there.)
        threads: how many; None for one on each core.

    Returns:
        (B, S, A) float64 tensor; rows sum to 1, unavailable actions have 0.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("a", "stay", "a", 1.0), ("a", "go", "b", 1.0), ("b", "stay", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions(moves, initial="a")
        >>> pm.optimal_policies(mdp, [[0.0, 1.0], [1.0, 1.0]], gamma=0.5)
        tensor([[[0.0000, 1.0000],
                 [1.0000, 0.0000]],
        <BLANKLINE>
                [[0.5000, 0.5000],
                 [1.0000, 0.0000]]], dtype=torch.float64)
    """
    import torch

    mdp = resolve_model(env_or_mdp)
    gamma = check_gamma(gamma, closed=rewards is None)
    tolerance = check_tolerance("tie_tolerance", tie_tolerance)
    if rewards is None:
        actions = Actions.of(mdp, gamma, mdp.performance if flag("performance", performance) else mdp.reward)
        given = np.zeros((1, mdp.num_states))
        solution, ends = _solve_task(mdp, mdp.action_rewards(performance), gamma)
        if ends is not None:
            return torch.from_numpy(RefinedTotal(mdp, actions, solution, ends).split(tolerance))
    elif flag("performance", performance):
        raise ValueError("performance: expected False where rewards are given, found True")
    else:
        given = check_rewards(rewards, mdp)
        return torch.from_numpy(split_policies(mdp, given, gamma, actions_of(mdp, gamma), _threads(threads), tolerance))
    return torch.from_numpy(tied_policies(mdp, actions, given, gamma, solution, tolerance))


def actions_of(mdp: TabularMDP, gamma: float) -> Actions:
    """What `split_policies` needs of a model where only states have rewards; the limit of small γ at 0."""
    return Actions.of(mdp, 1.0 if gamma == 0.0 else gamma)


def split_policies(
    mdp: TabularMDP,
    rewards: NDArray[np.float64],
    gamma: float,
    actions: Actions,
    threads: int = 1,
    tolerance: float = TIE_TOLERANCE,
) -> NDArray[np.float64]:
    """(B, S, A): `optimal_policies` of state rewards (B, S) that were checked, with `actions_of` the model."""
    solution = solve_all(solver_tables(mdp), rewards, gamma, threads)
    return tied_policies(mdp, actions, rewards, gamma, solution, tolerance)


def _threads(threads: int | None) -> int:
    return num_threads(None if threads is None else check_count("threads", threads))
