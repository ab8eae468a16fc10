"""`PowerParallelWrapper`: POWER of every agent and counts of what each does, for PettingZoo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pettingzoo.utils.wrappers import BaseParallelWrapper

from power_metrics.comparison.references import power_values
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.tracker import PowerTracker
from powerenvs.model.game import TabularGame
from powerenvs.model.joint import agent_position

Floats = NDArray[np.float64]


class PowerParallelWrapper(BaseParallelWrapper[str, Any, Any]):
    """Puts ``infos[agent]["power"]``, the agent's POWER in the current joint state, into every reset and step.

    Around the parallel API; ``pettingzoo.utils.conversions.parallel_to_aec`` makes an AEC environment of it.

    Args:
        env: a parallel environment of powerenvs, wrapped or not.
        power: each agent's POWER, ``power[agent]``: a `PowerEstimate` of the joint states or (S,) numbers. What
            `power_metrics.multiagent_power` returns is of that form, and so is a dictionary.

    Attributes:
        game: the tables.
        power: as given.
        counts: {agent: (S, A_i) int64}, how often it took each action in each joint state.

    Raises:
        ValueError: for an environment without a `TabularGame`, an agent without POWER, and POWER of other states.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.multi import power_pair_v0
        >>> env = power_pair_v0.parallel_env(level="..")
        >>> power = pm.multiagent_power(env.game, 0.6, num_samples=50, progress=False)
        >>> env = pm.PowerParallelWrapper(env, power)
        >>> _, infos = env.reset(seed=0)
        >>> sorted(infos)
        ['ai', 'human']
    """

    def __init__(self, env: Any, power: Any):
        base = getattr(env, "unwrapped", env)
        game = getattr(base, "game", None)
        if not isinstance(game, TabularGame):
            raise ValueError(f"env: expected a parallel environment of powerenvs, found {type(base).__name__}")
        super().__init__(env)
        self.game = game
        self.power: dict[str, PowerEstimate | ArrayLike] = {}
        self._values: dict[str, list[float]] = {}
        for agent in game.agents:
            try:
                self.power[agent] = power[agent]
            except (KeyError, IndexError, TypeError, ValueError):
                raise ValueError(
                    f"power: expected the POWER of every agent of {game.agents}, found none of {agent!r}"
                ) from None
            values = power_values(self._of_states(agent), self._folded(agent, {}))
            self._values[agent] = values.tolist()
        counts = zip(game.agents, game.num_actions, strict=True)
        self.counts: dict[str, NDArray[np.int64]] = {
            agent: np.zeros((game.num_states, count), dtype=np.int64) for agent, count in counts
        }
        self._state = 0

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Starts an episode."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return observations, self._with_power(infos)

    def step(self, actions: Mapping[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        """Takes an action of every agent and counts them."""
        observations, rewards, terminated, truncated, infos = self.env.step(dict(actions))
        for agent, action in actions.items():
            self.counts[agent][self._state, int(action)] += 1
        return observations, rewards, terminated, truncated, self._with_power(infos)

    def _with_power(self, infos: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        self._state = int(next(iter(infos.values()))["state"])
        return {agent: {**info, "power": self._values[agent][self._state]} for agent, info in infos.items()}

    @property
    def visitation(self) -> Floats:
        """(S,) the share of steps so far that began in each joint state; nan before the first."""
        visits = self.counts[self.game.agents[0]].sum(axis=1)
        return visits / visits.sum() if visits.any() else np.full(len(visits), np.nan)

    def tracker(self, agent: str, gamma: float | None = None) -> PowerTracker:
        """A `PowerTracker` for one agent in the world that the others make, as they have behaved so far.

        Where the others have not been seen they are taken to act uniformly at random.

        Args:
            agent: whose behaviour to look at.
            gamma: discount in [0, 1); that of its POWER, or 0.9, when None.

        Raises:
            ValueError: for an unknown agent.
        """
        agent_position("agent", agent, self.game.agents)
        mdp = self._folded(agent, self.counts)
        power = self.power[agent]
        gamma = power.gamma if gamma is None and isinstance(power, PowerEstimate) else gamma
        tracker = PowerTracker(mdp, self._values[agent], gamma)
        tracker.judge_by(power)  # with its samples, where it has them
        tracker.counts += self.counts[agent]
        return tracker

    def compare(self, agent: str, gamma: float | None = None) -> PowerComparison:
        """One agent's behaviour so far beside the reference policies against the same others; see `tracker`."""
        return self.tracker(agent, gamma).compare()

    def _of_states(self, agent: str) -> Any:
        """POWER by joint state. Transitions depend on the others' policies, so only the states are compared."""
        power = self.power[agent]
        if isinstance(power, PowerEstimate):
            if power.model.state_labels != self.game.state_labels:
                raise ValueError(
                    f"power: expected POWER of the joint states of {self.game!r}, found that of {power.model!r}"
                )
            return power.mean
        return power

    def _folded(self, agent: str, counts: Mapping[str, NDArray[np.int64]]) -> Any:
        others = {}
        for other in self.game.agents:
            if other != agent:
                uniform = self.game.uniform_policy(other)
                seen = counts[other] * (uniform > 0) if other in counts else np.zeros(uniform.shape)
                total = seen.sum(axis=1, keepdims=True)
                others[other] = np.divide(seen, total, out=uniform.copy(), where=total > 0)
        return self.game.against(others)
