"""What agents are paid, plus a price on the POWER of where they are: single, vector and game environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray
from pettingzoo.utils.wrappers import BaseParallelWrapper

from power_metrics.agents.joint_observations import among_random, parallel_game
from power_metrics.agents.rollouts import current_state
from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.comparison.references import power_values
from power_metrics.measures.power import power as compute_power
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.wrappers import Power
from powerenvs.model.base import Model
from powerenvs.model.checks import flag, real
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import LARGEST
from powerenvs.sources.wrapped import check_numbering

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Price:
    """What is paid for POWER.

    Attributes:
        weight: of POWER, in units of reward per POWER.
        power: (S,) POWER of each state.
        change: whether it is paid for what a step gained.
    """

    weight: float
    power: Floats
    change: bool

    @classmethod
    def checked(cls, weight: float, power: Power, gamma: float | None, change: bool, mdp: TabularMDP) -> Price:
        """From arguments of these names.

        Raises:
            ValueError: for one that does not fit.
        """
        if not abs(real(weight)) <= LARGEST:
            raise ValueError(f"weight: expected a finite number, found {weight!r}")
        change = flag("change", change)
        if power is None:
            power = compute_power(mdp, check_gamma(0.9 if gamma is None else gamma))
        return cls(float(weight), power_values(power, mdp), change)

    def paid(self, before: Any, after: Any) -> Any:
        """What steps between states pay, on top of the reward."""
        return self.weight * (self.power[after] - (self.power[before] if self.change else 0.0))

    def of_transitions(self, model: Model) -> Floats:
        """What each transition of a model pays."""
        sources = np.repeat(np.arange(model.num_states), np.diff(model.indptr[:: model.num_rows // model.num_states]))
        paid: Floats = self.paid(sources, model.successor)
        paid[model.terminal[sources]] = 0.0  # nothing is paid after the end
        return paid

    def model(self, mdp: TabularMDP) -> TabularMDP:
        """The tables with what is paid, from those without."""
        return mdp.with_(reward=mdp.reward + self.of_transitions(mdp))


class PowerReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Adds ``weight`` times the POWER of the state that a step leads to to its reward.

    A weight below 0 makes agents averse to POWER. The tables carry it: ``tabular_model(env)`` has the shaped rewards,
    so that "task-optimal" in `power_metrics.compare` is optimal for what the agent was trained on. Hidden performance
    stays as it is.

    Args:
        env: an environment with exact tables that says which state it is in, wrapped or not.
        weight: of POWER, in units of reward per POWER.
        power: a `PowerEstimate` of its states, (S,) numbers, or None to compute POWER at ``gamma``, once.
        gamma: discount in [0, 1) of POWER, where it is computed; 0.9 when None.
        change: pay for POWER(s') - POWER(s) instead, what the step gained.

    Attributes:
        weight: as given.
        power: (S,) POWER of each state.

    Raises:
        ValueError: for an environment without tables, POWER of another model, and arguments that do not fit.

    Example:
        >>> import gymnasium as gym
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3")
        >>> env = pm.PowerReward(env, weight=-0.5, power=np.arange(9.0))
        >>> _, info = env.reset(seed=0)
        >>> _, reward, _, _, info = env.step(4)
        >>> info["state"], float(reward)
        (5, -2.5)
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        weight: float,
        power: Power = None,
        gamma: float | None = None,
        change: bool = False,
    ):
        gym.utils.RecordConstructorArgs.__init__(self, weight=weight, power=power, gamma=gamma, change=change)
        gym.Wrapper.__init__(self, env)
        mdp = resolve_model(env)
        check_numbering(env, mdp)
        self.price = Price.checked(weight, power, gamma, change, mdp)
        self.weight, self.power, self.change = self.price.weight, self.price.power, self.price.change
        self._state = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._state = current_state(self.env, info)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes an action and pays for where it led."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        before, self._state = self._state, current_state(self.env, info)
        return observation, float(reward) + self.price.paid(before, self._state), terminated, truncated, info

    def shaped_model(self, mdp: TabularMDP) -> TabularMDP:
        """The tables with what this wrapper pays, from those of the environment below."""
        return self.price.model(mdp)


class PowerRewardVector(VectorWrapper):
    """`PowerReward` for vector environments, with any way of resetting; the step that only resets pays nothing.

    Args:
        env: a vector environment of copies with exact tables and ``infos["state"]``.
        weight: as for `PowerReward`.
        power: as there.
        gamma: as there.
        change: as there.

    Attributes:
        weight: as given.
        power: (S,) POWER of each state.

    Raises:
        ValueError: as `PowerReward`.

    Example:
        >>> import gymnasium as gym
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> import powerenvs
        >>> envs = gym.make_vec("PowerGrid-v0", 2, "vector_entry_point", level="open_3x3")
        >>> envs = pm.PowerRewardVector(envs, weight=-0.5, power=np.arange(9.0))
        >>> _, infos = envs.reset(seed=0)
        >>> _, rewards, _, _, infos = envs.step(np.array([4, 4]))
        >>> infos["state"].tolist(), rewards.tolist()
        ([5, 5], [-2.5, -2.5])
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        weight: float,
        power: Power = None,
        gamma: float | None = None,
        change: bool = False,
    ):
        super().__init__(env)
        mdp = resolve_model(env)
        check_numbering(env, mdp)
        self.price = Price.checked(weight, power, gamma, change, mdp)
        self.weight, self.power, self.change = self.price.weight, self.price.power, self.price.change
        self._state: NDArray[np.int64] = np.zeros(self.num_envs, dtype=np.int64)
        self._restarting = np.zeros(self.num_envs, dtype=bool)
        self._mode = env.metadata.get("autoreset_mode")

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts episodes in all copies, or in those of ``options["reset_mask"]``."""
        observations, infos = self.env.reset(seed=seed, options=options)
        self._restarting &= ~self._arrived(infos)
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Takes an action in every copy and pays for where it led."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        before, ended = self._state.copy(), terminated | truncated
        self._arrived(infos)
        after = self._state
        if self._mode == AutoresetMode.SAME_STEP and ended.any():
            after = np.where(ended, infos["final_info"]["state"], after)
        paid = np.where(self._restarting, 0.0, self.price.paid(before, after))
        self._restarting = ended & (self._mode != AutoresetMode.SAME_STEP)
        return observations, np.asarray(rewards, dtype=np.float64) + paid, terminated, truncated, infos

    def _arrived(self, infos: dict[str, Any]) -> NDArray[np.bool_]:
        """Takes note of the states that are told, and of which copies they are."""
        if "state" not in infos:
            raise ValueError(f'env: expected infos["state"], the state of each copy, found only {sorted(infos)}')
        told = np.asarray(infos["_state"], dtype=bool)
        self._state = np.where(told, infos["state"], self._state)
        return told

    def shaped_model(self, mdp: TabularMDP) -> TabularMDP:
        """The tables with what this wrapper pays, from those of the environment below."""
        return self.price.model(mdp)


class PowerRewardParallel(BaseParallelWrapper[str, Any, Any]):
    """`PowerReward` for games of PettingZoo: each agent is paid for its own POWER in the joint state.

    Around the parallel API; ``pettingzoo.utils.conversions.parallel_to_aec`` makes an AEC environment of it.

    Args:
        env: a parallel environment of powerenvs, wrapped or not.
        weight: of POWER; or {agent: weight}, where agents that are left out are paid nothing more.
        power: {agent: its POWER}, such as `power_metrics.multiagent_power` gives; None for that against others who act
            uniformly at random, computed at ``gamma``.
        gamma: as for `PowerReward`.
        change: as there.

    Attributes:
        prices: {agent: what it is paid}.

    Raises:
        ValueError: for other environments, unknown agents, and arguments that do not fit.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> from powerenvs.multi import power_pair_v0
        >>> env = power_pair_v0.parallel_env(level="..")
        >>> env = pm.PowerRewardParallel(env, {"ai": -1.0}, {"ai": np.arange(4.0)})
        >>> _, infos = env.reset(seed=0)
        >>> _, rewards, _, _, infos = env.step({"human": 0, "ai": 0})
        >>> rewards["human"], rewards["ai"] == -infos["ai"]["state"]
        (0.0, True)
    """

    def __init__(
        self,
        env: Any,
        weight: float | Mapping[str, float],
        power: Any = None,
        gamma: float | None = None,
        change: bool = False,
    ):
        game = parallel_game(env)
        super().__init__(env)
        weights = dict(weight) if isinstance(weight, Mapping) else dict.fromkeys(game.agents, weight)
        self.prices: dict[str, Price] = {}
        for agent, one in weights.items():
            if agent not in game.agents:
                raise ValueError(f"weight: no agent {agent!r} in the game; {closest(agent, game.agents)}")
            try:
                own = None if power is None else power[agent]
            except (KeyError, IndexError, TypeError, ValueError):
                raise ValueError(f"power: expected the POWER of {agent!r}, found none") from None
            if isinstance(own, PowerEstimate) and own.model.state_labels == game.state_labels:
                own = own.mean  # against whomever it was computed: transitions depend on what the others do
            self.prices[agent] = Price.checked(one, own, gamma, change, among_random(game, agent))
        self._state = 0

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Starts an episode."""
        observations, infos = self.env.reset(seed=seed, options=options)
        self._state = int(next(iter(infos.values()))["state"])
        return observations, infos

    def step(self, actions: Mapping[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        """Takes an action of every agent and pays each for where they led."""
        observations, rewards, terminated, truncated, infos = self.env.step(dict(actions))
        before, self._state = self._state, int(next(iter(infos.values()))["state"])
        paid = {agent: float(price.paid(before, self._state)) for agent, price in self.prices.items()}
        rewards = {agent: reward + paid.get(agent, 0.0) for agent, reward in rewards.items()}
        return observations, rewards, terminated, truncated, infos

    def shaped_model(self, game: TabularGame) -> TabularGame:
        """The tables with what this wrapper pays, from those of the environment below."""
        paid = np.zeros_like(game.reward)
        for i, agent in enumerate(game.agents):
            if agent in self.prices:
                paid[i] = self.prices[agent].of_transitions(game)
        return game.with_(reward=game.reward + paid)
