"""The optimal long-run average reward (gain) of many reward functions: the limit γ → 1.

An agent ends up in an end component and can then have its best average there for ever. So the gains of the
end components come first, each by the first solver of `power_metrics.solvers.average.SOLVERS` that fits it. Then, for
each state, the best component to end up in: a maximum over what can be reached, or where chance decides, policy
iteration again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from power_metrics.arguments.checks import check_count, check_rewards, resolve_model
from power_metrics.solvers.average.components import gain_tables
from power_metrics.solvers.average.howard import lead_to
from power_metrics.solvers.average.multichain import solve_multichain
from power_metrics.solvers.average.solver import ComponentGains, EndComponents, Exits
from power_metrics.solvers.compiled import prepare_tables, solver_tables
from power_metrics.solvers.dispatch import check_residual, in_parts, num_threads
from power_metrics.solvers.jit import Floats, Ints, kernel
from power_metrics.solvers.solution import allocate, part_of
from power_metrics.solvers.solver import SolverTables
from powerenvs.model.checks import flag

if TYPE_CHECKING:
    import torch


class GainSolution(NamedTuple):
    """Optimal gains of B reward functions in a model with S states.

    Attributes:
        gain: (B, S) float64, the optimal long-run average reward from each state.
        policy: (B, S) int32, the actions of a policy that has it from every state; or (0, S).
        residual: (B,) float64, the largest violation of the optimality equations. Within an end component
            that is |max_a [r + Σ P h] - h - g| at each state as a share of max|r| + |h|, with h the bias; the
            gain is within the largest of these violations. Between components it is |max Σ P g - g| as a
            share of max|g|. It is 0 where comparing was enough.
        iterations: (B,) int32, the most policies that were evaluated in one component; 0 likewise.
    """

    gain: Floats
    policy: Ints
    residual: Floats
    iterations: Ints

    @classmethod
    def empty(cls, num_rewards: int, num_states: int, policies: bool = True) -> GainSolution:
        """Room for a solution, with or without policies."""
        B, S = num_rewards, num_states
        return allocate(cls, gain=(B, S), policy=(B if policies else 0, S), residual=(B,), iterations=(B,))

    def part(self, rows: slice) -> GainSolution:
        """The same memory, for some of the reward functions."""
        return part_of(self, rows)


def solve_gain_into(tables: SolverTables, rewards: Floats, out: GainSolution) -> None:
    """Solves ``rewards`` (B, S) in the calling thread and writes to ``out``.

    Raises:
        ValueError: for a stochastic model that might need too much memory.
        RuntimeError: if the residual shows that a gain is not exact.
    """
    components, component_plan, exits, exit_plan, work = gain_tables(tables)
    if not rewards.flags.writeable:  # kernels are compiled for arrays that are
        rewards = rewards.copy()
    out.residual[:] = 0.0
    out.iterations[:] = 0
    staying = np.full((len(rewards), len(components.first) - 1), -np.inf)
    found = ComponentGains(staying, out.policy, out.residual, out.iterations)
    for solver, nodes in work:
        solver.solve(rewards, nodes, components, component_plan, found)
    gain, exit_taken = staying, np.full(staying.shape, -1, np.int32)
    if len(exits.action):
        gain = np.empty_like(staying)
        solve_multichain(found, exits, exit_plan, gain, exit_taken)
    spread(gain, components, out.gain)
    if len(out.policy):
        write_policies(components, exits, exit_taken, out.policy)
    check_residual(out.residual)


def solve_gain(tables: SolverTables, rewards: Floats, threads: int = 1, policies: bool = True) -> GainSolution:
    """Solves every row of ``rewards`` (B, S), with or without policies."""
    B, S = rewards.shape
    solution = GainSolution.empty(B, S, policies)
    gain_tables(tables)  # worked out once, before threads ask for it at the same time
    in_parts(lambda rows: solve_gain_into(tables, rewards[rows], solution.part(rows)), B, S, threads)
    return solution


def optimal_gain(
    env_or_mdp: Any, rewards: Any = None, *, performance: bool = False, threads: int | None = None
) -> torch.Tensor:
    """The optimal long-run average reward from each state, of each reward function, exact to rounding.

    g*(s) = max_π lim 1/T E[Σ_{t<T} R(s_t) | s_0 = s], which is lim (1 - γ) V*(s, γ) as γ → 1 (Puterman 1994,
    chapter 9). It depends on the state where some cannot be reached from others. Terminal states are
    absorbing and go on paying their own reward.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1. None for the model's own task: the
            rewards of its transitions, of which terminal states have none.
        performance: for the model's own task, the average of the hidden performance instead of the reward.
        threads: how many; None for one on each core.

    Returns:
        (B, S) float64 tensor on the CPU.

    Raises:
        ValueError: for an argument that does not fit.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs import TabularMDP
        >>> moves = [("start", "left", "a", 1.0), ("start", "right", "b", 1.0)]
        >>> mdp = TabularMDP.from_transitions([*moves, ("a", "left", "start", 1.0), ("b", "right", "b", 1.0)])
        >>> mdp.state_labels
        ('start', 'a', 'b')
        >>> pm.optimal_gain(mdp, [[0.0, 1.0, 0.25]])
        tensor([[0.5000, 0.5000, 0.2500]], dtype=torch.float64)
    """
    import torch

    mdp = resolve_model(env_or_mdp)
    if rewards is None:
        tables, given = prepare_tables(mdp, mdp.action_rewards(performance)), np.zeros((1, mdp.num_states))
    elif flag("performance", performance):
        raise ValueError("performance: expected False where rewards are given, found True")
    else:
        tables, given = solver_tables(mdp), check_rewards(rewards, mdp)
    threads = num_threads(None if threads is None else check_count("threads", threads))
    return torch.from_numpy(solve_gain(tables, given, threads, policies=False).gain)


@kernel
def spread(node_gain: Floats, components: EndComponents, gain: Floats) -> None:
    """Writes the gain of each node (B, n) to its states (B, S)."""
    for b in range(node_gain.shape[0]):
        for x in range(node_gain.shape[1]):
            for i in range(components.first[x], components.first[x + 1]):
                gain[b, components.order[i]] = node_gain[b, x]


@kernel
def write_policies(components: EndComponents, exits: Exits, exit_taken: Ints, policy: Ints) -> None:
    """Turns choices by position into actions by state: those of the best average, or those that lead to the exit.

    Args:
        components: the end components.
        exits: the exits.
        exit_taken: (B, n) the exit of each node to take, -1 for staying.
        policy: (B, S) in, choices that are optimal within end components; out, actions.
    """
    S = components.order.shape[0]
    action, choice, mark = np.empty(S, np.int32), np.empty(S, np.int32), np.empty(S, np.int32)
    for b in range(exit_taken.shape[0]):
        for x in range(exit_taken.shape[1]):
            lo, hi = components.first[x], components.first[x + 1]
            taken = exit_taken[b, x]
            for i in range(lo, hi):
                choice[i] = policy[b, i] if taken < 0 else components.choices[i]
            if taken >= 0:
                lead_to(exits.position[taken], lo, hi, components, choice, mark)
            for i in range(lo, hi):
                if taken >= 0 and i == exits.position[taken]:
                    action[i] = exits.action[taken]
                else:
                    action[i] = components.action[choice[i]]
        for i in range(S):
            policy[b, components.order[i]] = action[i]
