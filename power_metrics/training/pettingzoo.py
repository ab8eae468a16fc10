"""`PowerParallelWrapper`: POWER of every agent and counts of what each does, for PettingZoo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pettingzoo.utils.wrappers import BaseParallelWrapper

from power_metrics.agents.joint_observations import parallel_game
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.copies import CountedCopies
from power_metrics.training.game_tracker import GameTracker
from power_metrics.training.tracker import PowerTracker

Floats = NDArray[np.float64]


class PowerParallelWrapper(CountedCopies, BaseParallelWrapper[str, Any, Any]):
    """Puts ``infos[agent]["power"]``, the agent's POWER in the current joint state, into every reset and step.

    Around the parallel API; ``pettingzoo.utils.conversions.parallel_to_aec`` makes an AEC environment of it. Copies
    that are made by pickling in the same process, as SuperSuit makes them, count for this one; those in other
    processes, and deep copies, for themselves.

    Args:
        env: a parallel environment of powerenvs, wrapped or not.
        power: each agent's POWER, ``power[agent]``: a `PowerEstimate` of the joint states or (S,) numbers. What
            `power_metrics.multiagent_power` returns is of that form, and so is a dictionary.

    Attributes:
        game: the tables.
        power: as given.
        counts: {agent: (S, A_i) int64}, how often it took each action in each joint state.
        joint: the `GameTracker` that counts; ``env.joint.evaluate(policies)`` measures all agents while they learn.

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

    shared = ("joint", "counts")

    def __init__(self, env: Any, power: Any):
        game = parallel_game(env)
        base = env.unwrapped
        super().__init__(env)
        layers, layer = [], env
        while layer is not base:
            layers.append(layer)
            layer = layer.env
        for layer in layers[::-1]:
            if hasattr(type(layer), "shaped_model"):  # which pays something on top
                game = layer.shaped_model(game)
        self.game = game
        self.joint = GameTracker(game, power)
        self.power, self.counts = self.joint.power, self.joint.counts
        self._values = {agent: self.joint.power_of(agent).tolist() for agent in game.agents}
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
        found = self.joint.visitation
        self._warn_if_lost(bool(np.isfinite(found[0])))
        return found

    def tracker(self, agent: str, gamma: float | None = None) -> PowerTracker:
        """A `PowerTracker` for one agent in the world that the others make, as they have behaved so far.

        Where the others have not been seen they are taken to act uniformly at random.

        Args:
            agent: whose behaviour to look at.
            gamma: discount in [0, 1); that of its POWER, or 0.9, when None.

        Raises:
            ValueError: for an unknown agent.
        """
        return self.joint.tracker(agent, self._gamma(agent, gamma))

    def compare(self, agent: str, gamma: float | None = None) -> PowerComparison:
        """One agent's behaviour so far beside the reference policies against the same others; see `tracker`."""
        return self.tracker(agent, gamma).compare()

    def _gamma(self, agent: str, gamma: float | None) -> float | None:
        power = self.power.get(agent)
        return power.gamma if gamma is None and isinstance(power, PowerEstimate) else gamma
