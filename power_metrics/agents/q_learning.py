"""Thousands of tabular Q-learners side by side, each with its own reward function: learned agents to measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.q_learning_steps import Progress, Rules, Steps, q_learning_steps
from power_metrics.agents.table import split_greedy
from power_metrics.arguments.checks import check_count, check_gamma, check_rewards
from power_metrics.chains.occupancy import start_weights
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import cumulative

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QLearning:
    """Tabular Q-learning for so many steps, from zeros: Q(s, a) += α [R(s) + γ max_a' Q(s', a') - Q(s, a)].

    The policy is greedy in what has been learned, ties split evenly, so that of no steps is the random one. Terminal
    states go on paying their own reward, as in POWER. Each learner has its own random numbers.

    Attributes:
        num_steps: how many steps each learner takes.
        learning_rate: α at the first visit of a state and action, in (0, 1].
        decay: α at the n-th visit is learning_rate / n^decay. Between 0.5 and 1 learning converges with probability 1
            (Watkins & Dayan 1992); 0 is for deterministic models, where even α = 1 converges.
        epsilon: probability of a uniform random action while learning.
        horizon: steps from one start to the next.
        exploring_starts: start anywhere, all states alike, rather than where the model does. POWER is asked of every
            state, and a learner knows nothing of states where it never was.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> learner = pm.QLearning(num_steps=200)
        >>> found = pm.power_of_policies(learner, PowerGrid("..."), 0.9, num_samples=100, progress=False)
        >>> bool((found.shortfall >= 0).all())
        True
    """

    num_steps: int = 10_000
    learning_rate: float = 0.5
    decay: float = 0.0
    epsilon: float = 0.2
    horizon: int = 100
    exploring_starts: bool = True

    def __post_init__(self) -> None:
        check_count("num_steps", self.num_steps, least=0)
        check_count("horizon", self.horizon)
        flag("exploring_starts", self.exploring_starts)
        for name, low, expected in (
            ("learning_rate", math.ulp(0.0), "a number above 0 and up to 1"),
            ("decay", 0.0, "a number from 0 to 1"),
            ("epsilon", 0.0, "a probability in [0, 1]"),
        ):
            value = getattr(self, name)
            if not low <= real(value) <= 1:
                raise ValueError(f"{name}: expected {expected}, found {value!r}")

    def policies(self, mdp: TabularMDP, rewards: Floats, gamma: float, rng: np.random.Generator) -> Floats:
        """See `power_metrics.agents.bounded.Learner.policies`."""
        learners = QLearners(mdp, rewards, gamma, self, rng)
        learners.run(self.num_steps)
        return learners.policies()


class QLearners:
    """Learners that have got somewhere, and can go on from there.

    Args:
        mdp: the model, with S states and A actions.
        rewards: (B, S) one reward function for each learner.
        gamma: discount in [0, 1).
        settings: how they learn; ``num_steps`` is not used.
        rng: seeds their random numbers.

    Attributes:
        q: (B, S, A) what they have learned; 0 where unavailable.
        visits: (B, S, A) int64, how often each took each action in each state.

    Raises:
        ValueError: for rewards or a discount that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> import numpy as np
        >>> from powerenvs.worlds.power import PowerGrid
        >>> mdp = PowerGrid("..").tables()
        >>> learners = pm.QLearners(mdp, [[0.0, 1.0]], 0.5, pm.QLearning(learning_rate=1.0), np.random.default_rng(0))
        >>> learners.run(200)
        >>> bool(np.allclose(learners.q.max(axis=2), pm.optimal_values(mdp, [[0.0, 1.0]], 0.5)))
        True
    """

    def __init__(self, mdp: TabularMDP, rewards: Any, gamma: float, settings: QLearning, rng: np.random.Generator):
        self.mdp, self.gamma, self.settings = mdp, check_gamma(gamma), settings
        self._rewards = np.array(check_rewards(rewards, mdp))
        B, (S, A) = len(self._rewards), mdp.available.shape
        self.q: Floats = np.zeros((B, S, A))
        self.visits: NDArray[np.int64] = np.zeros((B, S, A), dtype=np.int64)
        generators = rng.integers(2**64, size=B, dtype=np.uint64)
        self._progress = Progress(self.q, self.visits, np.full(B, -1), np.zeros(B, dtype=np.int64), generators)
        start = np.full(S, 1.0 / S) if settings.exploring_starts else start_weights(mdp)
        starts = start.cumsum()
        starts[np.flatnonzero(start)[-1]] = 1.0
        listed = np.argsort(~mdp.available, axis=1, kind="stable")
        self._table = Steps(
            mdp.indptr.copy(), mdp.successor.copy(), cumulative(mdp.indptr, mdp.probability),
            listed, mdp.available.sum(axis=1), starts,
        )  # fmt: skip

    def run(self, num_steps: int) -> None:
        """Every learner takes so many more steps.

        Raises:
            ValueError: unless ``num_steps`` is a whole number of at least 0.
        """
        given, num_steps = self.settings, check_count("num_steps", num_steps, least=0)
        rules = Rules(
            self.gamma, float(given.learning_rate), float(given.decay), float(given.epsilon), int(given.horizon)
        )
        progress = self._progress._replace(q=self.q, visits=self.visits)
        q_learning_steps(self._rewards, self._table, rules, num_steps, progress)

    def policies(self) -> Floats:
        """(B, S, A) greedy in what has been learned, ties split evenly."""
        return split_greedy(self.q, self.mdp.available)
