"""The best total reward without a discount, of tasks whose rewards come to an end.

V(s) = max E[Σ_t r_t] over the policies whose rewards end with probability 1: in a terminal state, or in a *reward-free*
end component, within which every choice pays nothing. It exists if nobody can earn without end, which optimal long-run
averages tell (all of them are 0 then), and if there is such a policy from every state. Values of policies are finite
then, and policy iteration that begins with such a policy and only takes what is better never leaves them (Bertsekas &
Tsitsiklis 1991): a policy that goes on for ever loses without end, or its rewards cancel, which is no improvement.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.average.components import end_components
from power_metrics.solvers.average.gain import solve_gain
from power_metrics.solvers.compiled import prepare_tables
from power_metrics.solvers.differences import Actions
from power_metrics.solvers.dispatch import check_residual, solve_all
from power_metrics.solvers.jit import Floats, Ints
from power_metrics.solvers.limits import MAX_ITERATIONS, SWITCH
from power_metrics.solvers.linear import superlu_values
from power_metrics.solvers.solution import Solution
from power_metrics.solvers.ties import Refined
from powerenvs.model import rows as tables
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP

CANCEL = 1e-12
"""Rewards cancel in the long run if their average is below this share of the largest of them."""

_NEAR_ONE = 1.0 - 1e-6
"""The discount whose optimal policy is the first to be evaluated."""


def solve_total(mdp: TabularMDP, action_rewards: Floats) -> tuple[Solution, Endings]:
    """The best total reward from each state; the solution has B = 1, and no continuation.

    Args:
        mdp: the model.
        action_rewards: (S, A) what each action pays.

    Raises:
        ValueError: if it does not exist; the message says from which state, and why.
    """
    _check_averages(mdp, action_rewards)
    ends = Endings(mdp, action_rewards)
    policy = ends.first_policy()
    matrix, states = mdp.transition_matrix(), np.arange(mdp.num_states)
    largest = float(np.abs(action_rewards).max())
    for iterations in range(1, MAX_ITERATIONS + 1):  # noqa: B007  told below
        values = ends.values(policy, action_rewards[states, policy])
        q = np.where(mdp.available, action_rewards + (matrix @ values).reshape(action_rewards.shape), -np.inf)
        enough = SWITCH * max(float(np.abs(values).max()), largest)
        better = q.max(axis=1) > values + enough
        stopping = (ends.free >= 0) & ~better & (values < -enough)
        if not better.any() and not stopping.any():
            break
        policy = np.where(stopping, ends.free, np.where(better, q.argmax(axis=1), policy)).astype(np.int32)
        ends.ended = (ends.ended & ~better) | stopping
    top = np.maximum(q.max(axis=1), np.where(ends.free >= 0, 0.0, -np.inf))
    scale = max(float(np.abs(values).max()), np.finfo(np.float64).tiny)
    residual = np.array([np.abs(top - values).max() / scale])
    check_residual(residual)
    none = np.empty((1, len(values)))
    return Solution(values[None], none, policy[None], residual, np.array([iterations], dtype=np.int32)), ends


class RefinedTotal(Refined):
    """Best totals in twice the precision, with bounds on their errors (see `power_metrics.solvers.ties`)."""

    def __init__(self, mdp: TabularMDP, actions: Actions, solution: Solution, ends: Endings):
        self._ends = ends
        super().__init__(mdp, actions, np.zeros(solution.values.shape), 1.0, solution.values, solution.policy)

    def _bound(self, left: Floats) -> Floats:
        return (1.0 + 1e-6) * self._solve(left)

    def _solve(self, right: Floats) -> Floats:
        self._ends.ended &= self.policy[0] == self._ends.free
        return self._ends.values(self.policy[0], right[0])[None]


class Endings:
    """Where rewards end.

    Args:
        mdp: the model.
        action_rewards: (S, A) what each action pays.

    Attributes:
        free: (S,) an action that pays nothing and keeps to a reward-free end component, or -1.
        ended: (S,) where the policy at hand takes it for ever.
    """

    def __init__(self, mdp: TabularMDP, action_rewards: Floats):
        self._mdp, self._rewards, self._matrix = mdp, action_rewards, mdp.transition_matrix()
        prepared = prepare_tables(mdp, action_rewards)
        table = prepared.table(1.0)
        _, stays = end_components(table, table.action_reward == 0.0)
        state = table.order[np.repeat(np.arange(mdp.num_states), np.diff(table.choices))]
        self.free = np.full(mdp.num_states, -1, dtype=np.int32)
        self.free[state[stays]] = table.action[stays]
        self.free[mdp.terminal] = mdp.available[mdp.terminal].argmax(axis=1)
        self.ended = mdp.terminal.copy()
        self._prepared = prepared

    def values(self, policy: Ints, rewards: Floats) -> Floats:
        """(S,) the total of ``rewards``, (S,), under a policy; 0 where it has ended."""
        moving = np.flatnonzero(~self.ended)
        values = np.zeros(len(policy))
        if moving.size:
            chain = self._chain(policy)[moving][:, moving]
            values[moving] = superlu_values(chain, rewards[moving], 1.0)
        return values

    def first_policy(self) -> Ints:
        """(S,) a policy whose rewards end: that of a discount near 1 where it ends, the shortest way elsewhere.

        Raises:
            ValueError: if there is none.
        """
        S, nothing = self._mdp.num_states, np.zeros((1, self._mdp.num_states))
        policy: Ints = solve_all(self._prepared, nothing, _NEAR_ONE, threads=1).policy[0].copy()
        policy[self._mdp.terminal] = self.free[self._mdp.terminal]
        chain = self._chain(policy)
        back = chain.T.tocsr()
        may_end = tables.reachable(back.indptr, back.indices, self._mdp.terminal)
        ends = ~tables.reachable(back.indptr, back.indices, ~may_end)
        target = ends | (self.free >= 0)
        alive = np.ones(S, dtype=bool)
        while True:
            action, reached = self._lead(target, alive)
            if np.array_equal(reached, alive):
                break
            alive = reached
        if not alive.all():
            s = int(np.flatnonzero(~alive)[0])
            raise ValueError(
                f"gamma: expected a discount below 1, found 1 with rewards that go on for ever and cancel each other: "
                f"from state {s} ({label_text(self._mdp.state_labels[s])}) no policy comes to an end for sure"
            )
        self.ended = self._mdp.terminal | (~ends & (self.free >= 0))
        return np.where(self.ended, self.free, np.where(ends, policy, action)).astype(np.int32)

    def _chain(self, policy: Ints) -> scipy.sparse.csr_array:
        return self._matrix[np.arange(len(policy)) * self._mdp.num_actions + policy]

    def _lead(self, target: NDArray[np.bool_], alive: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
        """Shortest ways to a target by actions that are sure to lead to states ``alive``: actions, and who has one."""
        S, A = self._rewards.shape
        matrix = self._matrix
        kept = (np.diff(matrix.indptr) > 0) & (matrix @ (~alive).astype(np.float64) == 0)
        row = tables.entry_rows(matrix.indptr)
        use = kept[row]
        source, follows = row[use] // A, matrix.indices[use]
        # one more node leads back from the targets: a search from it finds the nearest ones
        ends = np.flatnonzero(target & alive)
        edges = np.concatenate([follows, np.full(len(ends), S)]), np.concatenate([source, ends])
        graph = scipy.sparse.csr_array((np.ones(len(edges[0])), edges), shape=(S + 1, S + 1))
        order, before = scipy.sparse.csgraph.breadth_first_order(graph, S)
        reached = np.zeros(S + 1, dtype=bool)
        reached[order] = True
        action = np.full(S, -1, dtype=np.int32)
        nearer = before[source] == follows
        action[source[nearer]] = (row[use] % A)[nearer]
        return action, reached[:S] & alive


def _check_averages(mdp: TabularMDP, action_rewards: Floats) -> None:
    """Raises a ValueError unless the best long-run average is 0 from everywhere."""
    nothing = np.zeros((1, mdp.num_states))
    gain = solve_gain(prepare_tables(mdp, action_rewards), nothing, policies=False).gain[0]
    wrong = np.abs(gain) > CANCEL * np.abs(action_rewards).max()
    if wrong.any():
        s = int(np.argmax(np.where(wrong, gain, -np.inf)))
        what = (
            f"an agent can earn {gain[s]:.6g} a step without end from state"
            if gain[s] > 0
            else f"no policy ends the losses, of {-gain[s]:.6g} a step at best, from state"
        )
        raise ValueError(
            f"gamma: expected a discount below 1, found 1 where totals have no bound: {what} {s} "
            f"({label_text(mdp.state_labels[s])}); power_metrics.optimal_gain(env) gives the best averages"
        )
