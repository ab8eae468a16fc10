"""Independent tabular Q-learning in a game: each agent learns for itself, as if it were alone in its world."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.q_learning_steps import uniform
from power_metrics.agents.table import split_greedy
from power_metrics.arguments.checks import check_count
from power_metrics.solvers.jit import kernel
from powerenvs.model.checks import real
from powerenvs.model.game import TabularGame
from powerenvs.model.rows import cumulative

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class IndependentQLearning:
    """How each agent learns: Q_i(s, a) += α [r_i + γ max_a' Q_i(s', a') - Q_i(s, a)], with its own action alone.

    To each agent the others are part of the world, which changes as they learn (Tan 1993). Behaviour is ε-greedy; the
    policy is greedy in what was learned, ties split evenly.

    Attributes:
        learning_rate: α, in (0, 1].
        epsilon: probability of a uniform random action in the end.
        exploration: the share of all steps over which that probability comes down from 1.
    """

    learning_rate: float = 0.1
    epsilon: float = 0.05
    exploration: float = 0.5

    def __post_init__(self) -> None:
        for name, low in (("learning_rate", math.ulp(0.0)), ("epsilon", 0.0), ("exploration", 0.0)):
            if not low <= real(getattr(self, name)) <= 1:
                expected = "a number above 0 and up to 1" if low else "a number in [0, 1]"
                raise ValueError(f"{name}: expected {expected}, found {getattr(self, name)!r}")

    def learn(
        self, game: TabularGame, gamma: float, steps: int, looks: Sequence[int], horizon: int, rng: np.random.Generator
    ) -> list[Floats]:
        """The policies of all agents after so many steps.

        Args:
            game: the tables, with S states, whose rewards are learned from.
            gamma: discount in [0, 1).
            steps: joint steps altogether, by which exploration comes down.
            looks: L rising numbers of steps up to that.
            horizon: steps from one start to the next, if no terminal state comes first.
            rng: seeds the learners' chance.

        Returns:
            (L, S, A_i) of each agent.
        """
        horizon = check_count("horizon", horizon)
        counts = np.array(game.num_actions, dtype=np.int64)
        most = int(counts.max())
        listed = np.zeros((len(counts), game.num_states, most), dtype=np.int64)
        numbers = np.zeros((len(counts), game.num_states), dtype=np.int64)
        for i, agent in enumerate(game.agents):
            available = game.available[agent]
            listed[i, :, : counts[i]] = np.argsort(~available, axis=1, kind="stable")
            numbers[i] = available.sum(axis=1)
        starts = game.initial.cumsum()
        starts[np.flatnonzero(game.initial)[-1]] = 1.0
        q = np.zeros((len(counts), game.num_states, most))
        generator = rng.integers(2**64, size=1, dtype=np.uint64)
        place = np.array([-1, 0], dtype=np.int64)  # state, and steps since the start
        table = (game.indptr.copy(), game.successor.copy(), cumulative(game.indptr, game.probability))
        paid, terminal = np.array(game.reward), np.array(game.terminal)
        found: list[list[Floats]] = [[] for _ in counts]
        done = 0
        for look in looks:
            _joint_steps(
                *table, paid, terminal, starts, counts, listed, numbers, gamma, float(self.learning_rate),
                float(self.epsilon), max(1.0, float(self.exploration) * steps), done, look, horizon, q, place,
                generator,
            )  # fmt: skip
            done = look
            for i, agent in enumerate(game.agents):
                found[i].append(split_greedy(q[i, :, : counts[i]], game.available[agent]))
        return [np.stack(policies) for policies in found]


@kernel
def _joint_steps(
    indptr: Ints,
    successor: NDArray[np.int32],
    sums: Floats,
    paid: Floats,
    terminal: NDArray[np.bool_],
    starts: Floats,
    counts: Ints,
    listed: Ints,
    numbers: Ints,
    gamma: float,
    rate: float,
    least: float,
    falling: float,
    first: int,
    last: int,
    horizon: int,
    q: Floats,
    place: Ints,
    generator: NDArray[np.uint64],
) -> None:
    """Joint steps number ``first`` to ``last``; ``q`` (N, S, A), ``place`` and ``generator`` are changed in place.

    Args:
        indptr: rows of the game.
        successor: next states.
        sums: for each entry the sum of its row's probabilities up to it.
        paid: (N, nnz) rewards.
        terminal: (S,) where episodes end.
        starts: (S,) cumulative start distribution.
        counts: (N,) numbers of actions.
        listed: (N, S, A) available actions first.
        numbers: (N, S) how many are available.
        gamma: discount.
        rate: α.
        least: ε in the end.
        falling: steps over which ε falls from 1.
        first: step to begin with.
        last: step to end before.
        horizon: steps between two starts.
        q: what is learned.
        place: the state, -1 before the first, and the steps since the start.
        generator: the state of the random numbers.
    """
    agents = len(counts)
    joint = np.prod(counts)
    chosen = np.zeros(agents, dtype=np.int64)
    for step in range(first, last):
        if place[0] < 0 or place[1] >= horizon or terminal[place[0]]:
            u = uniform(generator, 0)
            s = 0
            while starts[s] <= u:
                s += 1
            place[0] = s
            place[1] = 0
        s = place[0]
        epsilon = max(least, 1.0 - step / falling)
        row = 0
        for i in range(agents):
            count = numbers[i, s]
            if uniform(generator, 0) < epsilon:
                action = listed[i, s, min(int(uniform(generator, 0) * count), count - 1)]
            else:
                action = listed[i, s, 0]
                top = q[i, s, action]
                tied = 1.0
                for k in range(1, count):
                    a = listed[i, s, k]
                    if q[i, s, a] > top:
                        top = q[i, s, a]
                        action = a
                        tied = 1.0
                    elif q[i, s, a] == top:
                        tied += 1.0
                        if uniform(generator, 0) * tied < 1.0:
                            action = a
            chosen[i] = action
            row = row * counts[i] + action
        row += s * joint
        e = indptr[row]
        if indptr[row + 1] - e > 1:
            u = uniform(generator, 0)
            while sums[e] <= u:
                e += 1
        t = successor[e]
        for i in range(agents):
            best = 0.0
            if not terminal[t]:
                best = q[i, t, listed[i, t, 0]]
                for k in range(1, numbers[i, t]):
                    best = max(best, q[i, t, listed[i, t, k]])
            a = chosen[i]
            q[i, s, a] += rate * (paid[i, e] + gamma * best - q[i, s, a])
        place[0] = t
        place[1] += 1
