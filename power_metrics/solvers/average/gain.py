"""The optimal long-run average reward (gain) of many reward functions: the limit γ → 1.

An agent ends up in an end component and can then have its best average there for ever. So the gains of the
end components come first: the largest reward where every state can stay as it is, the maximum cycle mean
where moves are deterministic, and elsewhere policy iteration. Then, for each state, the best component to end
up in: a maximum over what can be reached, or where chance decides, policy iteration again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from power_metrics.arguments.checks import check_count, check_rewards, resolve_model
from power_metrics.solvers.average.components import CYCLING, MIXING, RESTING, Floats, Inside, Outside, gain_tables
from power_metrics.solvers.average.cycle_mean import solve_cycling
from power_metrics.solvers.average.graph import Ints
from power_metrics.solvers.average.howard import join
from power_metrics.solvers.average.multichain import solve_crossing
from power_metrics.solvers.average.unichain import solve_mixing
from power_metrics.solvers.compiled import SolverTables, solver_tables
from power_metrics.solvers.dispatch import CHUNK, check_residual, in_order, num_threads
from power_metrics.solvers.jit import kernel

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
        return cls(
            np.empty((num_rewards, num_states)),
            np.empty((num_rewards if policies else 0, num_states), np.int32),
            np.empty(num_rewards),
            np.empty(num_rewards, np.int32),
        )

    def part(self, rows: slice) -> GainSolution:
        """The same memory, for some of the reward functions."""
        return GainSolution(self.gain[rows], self.policy[rows], self.residual[rows], self.iterations[rows])


def solve_gain_into(tables: SolverTables, rewards: Floats, out: GainSolution) -> None:
    """Solves ``rewards`` (B, S) in the calling thread and writes to ``out``.

    Raises:
        ValueError: for a stochastic model that might need too much memory.
        RuntimeError: if the residual shows that a gain is not exact.
    """
    inside, inside_fill, outside, outside_fill = gain_tables(tables)
    if not rewards.flags.writeable:  # kernels are compiled for arrays that are
        rewards = rewards.copy()
    out.residual[:] = 0.0
    out.iterations[:] = 0
    own = np.full((len(rewards), len(inside.kind)), -np.inf)
    if np.any(inside.kind == RESTING):
        largest_rewards(rewards, inside, own)
    if np.any(inside.kind == CYCLING):
        solve_cycling(rewards, inside, own, out.policy, out.residual, out.iterations)
    if np.any(inside.kind == MIXING):
        solve_mixing(rewards, inside, inside_fill, own, out.policy, out.residual, out.iterations)
    best, way = own, np.full(own.shape, -1, np.int32)
    if len(outside.action):
        best = np.empty_like(own)
        solve_crossing(own, outside, outside_fill, best, way, out.residual, out.iterations)
    spread(best, inside, out.gain)
    if len(out.policy):
        write_policies(rewards, inside, outside, way, out.policy)
    check_residual(out.residual)


def solve_gain(tables: SolverTables, rewards: Floats, threads: int = 1, policies: bool = True) -> GainSolution:
    """Solves every row of ``rewards`` (B, S), with or without policies."""
    B, S = rewards.shape
    solution = GainSolution.empty(B, S, policies)
    gain_tables(tables)  # worked out once, before threads ask for it at the same time
    rows = max(1, min(CHUNK // S, -(-B // threads)))
    parts = [slice(start, start + rows) for start in range(0, B, rows)]
    for _ in in_order(
        lambda n: solve_gain_into(tables, rewards[parts[n]], solution.part(parts[n])), len(parts), threads
    ):
        pass
    return solution


def optimal_gain(env_or_mdp: Any, rewards: Any, *, threads: int | None = None) -> torch.Tensor:
    """The optimal long-run average reward from each state, of each reward function, exact to rounding.

    g*(s) = max_π lim 1/T E[Σ_{t<T} R(s_t) | s_0 = s], which is lim (1 - γ) V*(s, γ) as γ → 1 (Puterman 1994,
    chapter 9). It depends on the state where some cannot be reached from others. Terminal states are
    absorbing and go on paying their own reward.

    Args:
        env_or_mdp: an environment or a `powerenvs.TabularMDP` with S states.
        rewards: (B, S) state rewards, an array or a tensor; (S,) is taken as B = 1.
        threads: how many; None for one on each core.

    Returns:
        (B, S) float64 tensor on the CPU.

    Raises:
        ValueError: for an argument that does not fit.
    """
    import torch

    mdp = resolve_model(env_or_mdp)
    given = check_rewards(rewards, mdp.num_states)
    threads = num_threads(None if threads is None else check_count("threads", threads))
    return torch.from_numpy(solve_gain(solver_tables(mdp), given, threads, policies=False).gain)


@kernel
def largest_rewards(rewards: Floats, inside: Inside, own: Floats) -> None:
    """Sets the gain of each node in which every state can stay: its largest reward. ``own`` is (B, n)."""
    for b in range(rewards.shape[0]):
        for x in range(inside.kind.shape[0]):
            if inside.kind[x] == RESTING:
                top = -np.inf
                for i in range(inside.first[x], inside.first[x + 1]):
                    top = max(top, rewards[b, inside.order[i]])
                own[b, x] = top


@kernel
def spread(best: Floats, inside: Inside, gain: Floats) -> None:
    """Writes the gain of each node (B, n) to its states (B, S)."""
    for b in range(best.shape[0]):
        for x in range(inside.kind.shape[0]):
            for i in range(inside.first[x], inside.first[x + 1]):
                gain[b, inside.order[i]] = best[b, x]


@kernel
def write_policies(rewards: Floats, inside: Inside, outside: Outside, way: Ints, policy: Ints) -> None:
    """Turns choices by place into actions by state: those of the best average, or those that lead to the exit.

    Args:
        rewards: (B, S) state rewards.
        inside: the end components.
        outside: the exits.
        way: (B, n) the exit of each node to take, -1 for staying.
        policy: (B, S) in, choices that are optimal in cycling and mixing nodes; out, actions.
    """
    S = inside.order.shape[0]
    choice, mark = np.empty(S, np.int32), np.empty(S, np.int32)
    for b in range(rewards.shape[0]):
        for x in range(inside.kind.shape[0]):
            lo, hi = inside.first[x], inside.first[x + 1]
            target = -1
            if way[b, x] >= 0:
                target = outside.place[way[b, x]]
            elif inside.kind[x] == RESTING:
                target = lo
                for i in range(lo, hi):
                    if rewards[b, inside.order[i]] > rewards[b, inside.order[target]]:
                        target = i
            for i in range(lo, hi):
                choice[i] = policy[b, i] if target < 0 else inside.choices[i]
            if target >= 0:
                join(lo, hi, target, inside, choice, mark)
                for k in range(inside.choices[target], inside.choices[target + 1]):
                    if inside.entries[k + 1] == inside.entries[k] + 1 and inside.successor[inside.entries[k]] == target:
                        choice[target] = k
        for x in range(inside.kind.shape[0]):
            for i in range(inside.first[x], inside.first[x + 1]):
                if way[b, x] >= 0 and i == outside.place[way[b, x]]:
                    policy[b, inside.order[i]] = outside.action[way[b, x]]
                else:
                    policy[b, inside.order[i]] = inside.action[choice[i]]
