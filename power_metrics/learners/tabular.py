"""Q-learning and SARSA in an environment, with a table of values for its states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.rollouts import current_state
from power_metrics.agents.table import split_greedy
from power_metrics.arguments.checks import check_gamma
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]


class TabularLearner:
    """Learns Q(s, a) += α [r + γ Q' - Q(s, a)] step by step, ε-greedily, in an environment that tells its states.

    Q' is max_a' Q(s', a') of Q-learning, or Q(s', a') of the action that SARSA takes next. α falls with the visits of a
    state and action as learning_rate / n^decay, and ε evenly over the first half of training. An end by the time limit
    is no end of the task: what would have followed is counted.

    Args:
        env: the environment, whose ``info`` has "state".
        mdp: its tables, with S states and A actions.
        gamma: discount in [0, 1).
        seed: not needed, as nothing is drawn at the start.
        on_policy: SARSA instead of Q-learning.
        learning_rate: α of the first visit, in (0, 1].
        decay: in [0, 1].
        first_epsilon: ε at the start.
        last_epsilon: ε from half of the training on.
        initial_value: Q before anything is known.

    Attributes:
        values: (S, A) what has been learned.
        visits: (S, A) how often.

    Raises:
        ValueError: for an argument that does not fit.
    """

    suffix = ".npz"

    def __init__(
        self,
        env: Any,
        mdp: TabularMDP,
        gamma: float,
        *,
        seed: int = 0,
        on_policy: bool = False,
        learning_rate: float = 0.5,
        decay: float = 0.6,
        first_epsilon: float = 1.0,
        last_epsilon: float = 0.05,
        initial_value: float = 0.0,
    ):
        for name, value, low in (
            ("learning_rate", learning_rate, np.nextafter(0.0, 1.0)), ("decay", decay, 0.0),
            ("first_epsilon", first_epsilon, 0.0), ("last_epsilon", last_epsilon, 0.0),
        ):  # fmt: skip
            if not low <= real(value) <= 1.0:
                raise ValueError(f"{name}: expected a number from 0 to 1, found {value!r}")
        if not np.isfinite(real(initial_value)):
            raise ValueError(f"initial_value: expected a number, found {initial_value!r}")
        self._env, self._mdp, self._gamma = env, mdp, check_gamma(gamma)
        self._on_policy = flag("on_policy", on_policy)
        self._rate, self._decay = learning_rate, decay
        self._epsilons = first_epsilon, last_epsilon
        self.values = np.where(mdp.available, float(initial_value), -np.inf)
        self.visits = np.zeros(mdp.available.shape, dtype=np.int64)
        self._choices = [np.flatnonzero(row) for row in mdp.available]

    def policy(self) -> Floats:
        """(S, A) greedy in what has been learned, ties split evenly."""
        return split_greedy(self.values, self._mdp.available)

    def save(self, path: Path) -> None:
        """Writes what has been learned."""
        np.savez(path, values=self.values, visits=self.visits)

    def load(self, path: Path) -> None:
        """Reads what `save` wrote."""
        with np.load(path) as kept:
            self.values[:], self.visits[:] = kept["values"], kept["visits"]

    def learn(self, first: int, last: int, total: int, seed: int) -> int:
        """Takes the steps ``first`` to ``last`` of ``total``, from a start of the environment that ``seed`` draws."""
        rng = np.random.default_rng(seed)
        state, action = self._reset(rng, first, total, seed)
        for step in range(first, last):
            observation, reward, terminated, truncated, info = self._env.step(action)
            after = current_state(self._env, info, self._mdp, observation)
            chosen = 0 if terminated else self._choose(after, rng, step + 1, total)
            self._update(state, action, float(reward), after, chosen, terminated)
            if terminated or truncated:
                state, action = self._reset(rng, step + 1, total, None)
            else:
                state, action = after, chosen
        return last

    def _reset(self, rng: np.random.Generator, step: int, total: int, seed: int | None) -> tuple[int, int]:
        observation, info = self._env.reset(seed=seed)
        state = current_state(self._env, info, self._mdp, observation)
        return state, self._choose(state, rng, step, total)

    def _choose(self, state: int, rng: np.random.Generator, step: int, total: int) -> int:
        first, last = self._epsilons
        choices = self._choices[state]
        if rng.random() < first + (last - first) * min(1.0, 2.0 * step / total):
            return int(choices[rng.integers(len(choices))])
        values = self.values[state, choices]
        best = choices[values == values.max()]
        return int(best[rng.integers(len(best))])

    def _update(self, state: int, action: int, reward: float, after: int, chosen: int, ended: bool) -> None:
        self.visits[state, action] += 1
        following = 0.0
        if not ended:
            following = self.values[after, chosen] if self._on_policy else self.values[after].max()
        rate = self._rate / self.visits[state, action] ** self._decay
        self.values[state, action] += rate * (reward + self._gamma * following - self.values[state, action])
