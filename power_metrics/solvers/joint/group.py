"""Any number of agents: one answers, or is evaluated, while all the others play policies that differ from draw to draw.

To one agent all others together are a second one, whose actions are their joint actions. So the kernels of two agents
do the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from power_metrics.solvers.dispatch import check_residual
from power_metrics.solvers.jit import Floats, Ints, kernel
from power_metrics.solvers.joint.pairs import make_agent, respond, write_powers
from power_metrics.solvers.joint.tables import JointRows, JointTables, joint_tables
from power_metrics.solvers.joint.values import evaluate_pair, set_expected, set_scale, work_space
from power_metrics.solvers.ordering import Elimination
from power_metrics.solvers.simd import LANES, fill, load, store
from power_metrics.solvers.solution import allocate
from power_metrics.solvers.ties import tell_unsure
from powerenvs.model.game import TabularGame

OWN, OTHERS = "one", "all others"


class Answers(NamedTuple):
    """What B reward functions of one agent give, each against policies of the others.

    Attributes:
        following: (B, 1, S) what follows, as (1 - γ) times values.
        weights: (B, K) how likely each choice is.
        residual: (B,) the largest Bellman residual, as a share of max|V|.
        unsure: (B,) the largest difference between choices that was taken for an error, so that they are tied.
        iterations: (B,) the policies that were evaluated.
    """

    following: Floats
    weights: Floats
    residual: Floats
    unsure: Floats
    iterations: Ints


class Seat(NamedTuple):
    """The game as one agent sees it, for the kernel.

    Attributes:
        order: (S,) the game's state at each position.
        rows: where its choices lead, together with those of the others.
        size: (K,) actions that each of its choices stands for.
        plan: how to eliminate; not read unless ``direct``.
        direct: whether to eliminate, or iterate, where policies lead to several states.
    """

    order: Ints
    rows: JointRows
    size: Floats
    plan: Elimination
    direct: bool


@kernel
def solve_seat(
    rewards: Floats, own: Floats, others: Floats, seat: Seat, gamma: float, tolerance: float, answer: bool, out: Answers
) -> None:
    """What follows for one agent, for each row of rewards (B, S).

    Args:
        rewards: (B, S) of the agent.
        own: (B, K) its policy; not read where it answers.
        others: (B, C) the policy of the others.
        seat: the game as it sees it.
        gamma: its discount.
        tolerance: for ties.
        answer: whether it takes a best response, ties split; it plays ``own`` otherwise.
        out: the results.
    """
    S, K, C = seat.order.shape[0], seat.size.shape[0], others.shape[1]
    space = work_space(seat.rows, seat.plan, seat.direct)
    agent = make_agent(seat.rows, seat.size, gamma)
    against = np.empty((C, LANES))
    best = np.empty((S, LANES))
    finest = np.zeros((1, LANES))
    error, unsure = np.empty((1, LANES)), np.empty((1, LANES))
    for start in range(0, rewards.shape[0], LANES):
        count = min(LANES, rewards.shape[0] - start)
        for lane in range(LANES):
            row = start + min(lane, count - 1)
            for i in range(S):
                agent.reward[i, lane] = rewards[row, seat.order[i]]
            for c in range(C):
                against[c, lane] = others[row, c]
            if not answer:
                for k in range(K):
                    agent.policy[k, lane] = own[row, k]
        for i in range(S):
            store(agent.value, i, load(agent.reward, i) / fill(1.0 - gamma))
        store(error, 0, fill(0.0))
        store(unsure, 0, fill(0.0))
        steps = 0
        if answer:
            steps = respond(agent, against, tolerance, best, space, unsure)
        else:
            set_scale(agent, against)
            evaluate_pair(agent, against, finest, space)
            set_expected(agent, against, best)
        write_powers(agent, best, seat.order, start, count, 0, error, out.following)
        for lane in range(count):
            out.residual[start + lane] = error[0, lane]
            out.unsure[start + lane] = unsure[0, lane]
            out.iterations[start + lane] = steps
            for k in range(K):
                out.weights[start + lane, k] = agent.policy[k, lane]


@dataclass(frozen=True, eq=False)
class Table:
    """One agent's place at the table.

    Attributes:
        tables: of the game of this agent and all others together.
        others: the positions of the others.
    """

    tables: JointTables
    others: tuple[int, ...]

    @classmethod
    def of(cls, game: TabularGame, position: int) -> Table:
        """For the agent at this position."""
        others = tuple(i for i in range(game.num_agents) if i != position)
        return cls(joint_tables(_merged(game, position), (OWN, OTHERS)), others)

    @property
    def seat(self) -> Seat:
        """For the kernel."""
        tables = self.tables
        plan = Elimination(*(np.empty(0, np.int32) for _ in Elimination._fields))
        found = tables.elimination
        return Seat(tables.order, tables.rows[0], tables.size[0], found or plan, found is not None)

    def solve(
        self, rewards: Floats, gamma: float, tolerance: float, policies: Sequence[Floats], own: Floats | None
    ) -> tuple[Floats, Floats, Answers]:
        """The agent's POWER (B, S) and policy (B, S, A), and how they were found.

        Args:
            rewards: (B, S) its own.
            gamma: its discount.
            tolerance: for ties.
            policies: (B, S, A_i) of every agent, in the game's order; its own is not read.
            own: (B, S, A) what it plays; None for its best response.

        Raises:
            RuntimeError: if a Bellman residual shows that a value is not exact.
        """
        (B, S), K = rewards.shape, len(self.tables.size[0])
        joint = np.ones((B, S, 1))
        for i in self.others:
            joint = (joint[..., None] * policies[i][:, :, None, :]).reshape(B, S, -1)
        against = self._weights(1, joint)
        playing = np.empty((B, K)) if own is None else self._weights(0, own)
        out = allocate(Answers, following=(B, 1, S), weights=(B, K), residual=(B,), unsure=(B,), iterations=(B,))
        given = np.require(rewards, requirements=("C", "W"))
        solve_seat(given, playing, against, self.seat, gamma, tolerance, own is None, out)
        check_residual(out.residual)
        tell_unsure(float(out.unsure.max()), float(np.abs(rewards).max()))
        choice = self.tables.choice_of[0]
        share = out.weights / self.tables.size[0]
        answered = np.where(choice >= 0, share[:, np.maximum(choice, 0)], 0.0)
        return out.following[:, 0], answered if own is None else own, out

    def _weights(self, agent: int, policies: Floats) -> Floats:
        """(B, K) how likely each choice is under policies (B, S, A)."""
        choice = self.tables.choice_of[agent].ravel()
        there = np.flatnonzero(choice >= 0)
        shape = len(self.tables.size[agent]), len(choice)
        gather = scipy.sparse.csr_array((np.ones(len(there)), (choice[there], there)), shape=shape)
        return np.ascontiguousarray((gather @ policies.reshape(len(policies), -1).T).T)


def _merged(game: TabularGame, position: int) -> TabularGame:
    """The same game for one agent, first, and all others as one whose actions are their joint actions."""
    own = game.num_actions[position]
    rows = np.moveaxis(np.arange(game.num_rows).reshape(-1, *game.num_actions), 1 + position, 1).ravel()
    count = np.diff(game.indptr)[rows]
    indptr = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(count, out=indptr[1:])
    entries = np.repeat(game.indptr[rows] - indptr[:-1], count) + np.arange(indptr[-1])
    nothing: NDArray[np.float64] = np.zeros((2, len(entries)))
    return TabularGame(
        indptr=indptr,
        successor=game.successor[entries],
        probability=game.probability[entries],
        num_actions=(own, game.num_joint_actions // own),
        agents=(OWN, OTHERS),
        reward=nothing,
        performance=nothing,
        terminal=game.terminal,
        initial=game.initial,
        state_labels=game.state_labels,
        action_labels=None,  # type: ignore[arg-type]  # numbers
    )
