"""Wrappers that count visits and tell the POWER of where the agent is, for Gymnasium and its vector environments."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import iterate
from numpy.typing import ArrayLike, NDArray

from power_metrics.agents.rollouts import current_state, first_action
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.copies import CountedCopies
from power_metrics.training.tracker import PowerTracker
from powerenvs.sources.wrapped import check_numbering

Floats = NDArray[np.float64]
Power = PowerEstimate | ArrayLike | None


class _PowerInfo(gym.Wrapper[Any, Any, Any, Any]):
    """Puts ``info["power"]`` into every reset and step, and counts nothing."""

    def __init__(self, env: gym.Env[Any, Any], values: list[float]):
        super().__init__(env)
        self._values = values

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, self._told(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, self._told(info)

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "power": self._values[current_state(self.env, info)]}


class PowerWrapper(CountedCopies, gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Puts ``info["power"]``, the POWER of the state that the agent is now in, into every reset and step.

    Copies that are made by pickling in the same process count for this one; those in other processes, and deep copies,
    for themselves.

    Args:
        env: an environment with exact tables that says which state it is in, wrapped or not.
        power: a `PowerEstimate` of its states, (S,) numbers, or None to compute POWER at ``gamma``.
        gamma: as for `PowerTracker`.

    Attributes:
        tracker: the `PowerTracker` that counts the agent's actions.

    Raises:
        ValueError: for an environment without tables, and POWER of another model.

    Example:
        >>> import gymnasium as gym
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> env = gym.make("powerenvs:PowerGrid-v0", level="open_3x3")
        >>> env = pm.PowerWrapper(env, power=np.arange(9.0))
        >>> _, info = env.reset(seed=0)
        >>> info["state"], info["power"]
        (5, 5.0)
    """

    shared = ("tracker",)

    def __init__(self, env: gym.Env[Any, Any], power: Power = None, gamma: float | None = None):
        gym.utils.RecordConstructorArgs.__init__(self, power=power, gamma=gamma)
        gym.Wrapper.__init__(self, env)
        self.tracker = PowerTracker(env, power, gamma)
        check_numbering(env, self.tracker.mdp)
        self._power = self.tracker.references.power.tolist()
        self._state: int | None = None
        self._first_action = first_action(self.tracker.mdp)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._state = current_state(self.env, info, self.tracker.mdp, observation)
        return observation, {**info, "power": self._power[self._state]}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes an action and counts it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        # as a whole number: False, which is 0, would select nothing
        self.tracker.counts[self._state, int(action) - self._first_action] += 1
        self._state = current_state(self.env, info, self.tracker.mdp, observation)
        return observation, reward, terminated, truncated, {**info, "power": self._power[self._state]}

    def telling(self, env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
        """A copy of the environment below with the same infos, and without counts: what wrappers outside may read."""
        return _PowerInfo(env, self._power)

    @property
    def visitation(self) -> Floats:
        """(S,) the share of steps so far that began in each state."""
        found = self.tracker.visitation
        self._warn_if_lost(bool(np.isfinite(found[0])))
        return found

    def compare(self) -> PowerComparison:
        """The behaviour seen so far beside the reference policies; see `PowerTracker.compare`."""
        return self.tracker.compare()


class PowerVectorWrapper(VectorWrapper):
    """`PowerWrapper` for vector environments: ``infos["power"]`` is (N,), the POWER of each copy's state.

    With same-step autoreset that is the state of the next episode where one has ended, as it is for all infos;
    ``infos["final_info"]["power"]`` is that of the state in which it ended.

    Args:
        env: a vector environment of copies with exact tables and ``infos["state"]``.
        power: a `PowerEstimate` of the states, (S,) numbers, or None to compute POWER at ``gamma``.
        gamma: as for `PowerTracker`.

    Attributes:
        tracker: the `PowerTracker` that counts the actions of all copies.

    Raises:
        ValueError: for an environment without tables, and POWER of another model.

    Example:
        >>> import gymnasium as gym
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> import powerenvs
        >>> envs = gym.make_vec("PowerGrid-v0", 3, "vector_entry_point", level="open_3x3")
        >>> envs = pm.PowerVectorWrapper(envs, power=np.arange(9.0))
        >>> _, infos = envs.reset(seed=0)
        >>> bool((infos["power"] == infos["state"]).all())
        True
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], power: Power = None, gamma: float | None = None):
        super().__init__(env)
        self.tracker = PowerTracker(env, power, gamma)
        check_numbering(env, self.tracker.mdp)
        self._first_action = first_action(self.tracker.mdp)
        self._state: NDArray[np.int64] = np.zeros(self.num_envs, dtype=np.int64)
        self._restarting = np.zeros(self.num_envs, dtype=bool)
        self._waits = env.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts episodes in all copies, or in those of ``options["reset_mask"]``."""
        observations, infos = self.env.reset(seed=seed, options=options)
        infos = self._with_power(observations, infos)
        self._restarting &= ~infos["_state"]
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Takes an action in every copy and counts it; not where it only starts the next episode."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        acting = ~self._restarting
        self.tracker.update(self._state[acting], np.asarray(actions)[acting] - self._first_action)
        self._restarting = (terminated | truncated) & self._waits
        return observations, rewards, terminated, truncated, self._with_power(observations, infos)

    def _with_power(self, observations: Any, infos: dict[str, Any]) -> dict[str, Any]:
        mdp = self.tracker.mdp
        if not isinstance(infos, dict):
            raise ValueError(
                f"env: expected infos by name, found a {type(infos).__name__}; put DictInfoToList outside this wrapper"
            )
        if mdp.seen is not None and hasattr(self.env.unwrapped, "envs"):
            shown = iterate(self.env.observation_space, observations)
            states = [mdp.seen.locate(one, seen) for one, seen in zip(self.env.unwrapped.envs, shown, strict=True)]
            infos = {**infos, "state": np.array(states), "_state": np.ones(self.num_envs, dtype=bool)}
        if "state" not in infos:
            raise ValueError(f'env: expected infos["state"], the state of each copy, found only {sorted(infos)}')
        present = infos["_state"]
        self._state = np.where(present, infos["state"], self._state)
        power = np.where(present, self.tracker.references.power[self._state], 0.0)
        infos = {**infos, "power": power, "_power": present.copy()}
        last = infos.get("final_info")
        if isinstance(last, dict) and "state" in last:  # of episodes that have ended, with same-step autoreset
            ended = np.asarray(last["_state"])
            at = np.where(ended, self.tracker.references.power[np.where(ended, last["state"], 0)], 0.0)
            infos["final_info"] = {**last, "power": at, "_power": ended.copy()}
        return infos

    @property
    def visitation(self) -> Floats:
        """(S,) the share of steps so far, over all copies, that began in each state."""
        return self.tracker.visitation

    def compare(self) -> PowerComparison:
        """The behaviour seen so far beside the reference policies; see `PowerTracker.compare`."""
        return self.tracker.compare()
