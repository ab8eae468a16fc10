"""`LearnedReward`: an environment that pays what was learned from comparisons."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.rollouts import current_state
from power_metrics.preferences.models import RewardModel
from power_metrics.preferences.segments import flat_observation
from powerenvs.model.mdp import TabularMDP


class LearnedReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Pays what a reward model says of a step, instead of what the environment pays.

    The model may be fitted anew while an agent trains: what it says now is paid, once `refresh` is called where it has
    tables. What the environment pays is ``info["true_reward"]``. The tables carry it: ``tabular_model(env)`` has the
    learned rewards, and the hidden performance as it was.

    Args:
        env: the environment that the model was made for.
        model: a model that is fitted.

    Attributes:
        model: as given.

    Raises:
        ValueError: for a model that is not fitted.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = gym.make("PowerGrid-v0", level="S..G")
        >>> model = pm.preferences.RewardModel(env, "state", noise=0.0, l2=0.01, bootstrap=False)
        >>> stay = pm.preferences.Segment([0, 4], states=[1, 1, 2])
        >>> go = pm.preferences.Segment([4, 4], states=[1, 2, 3], ended=True)
        >>> env = pm.preferences.LearnedReward(env, model.fit([stay], [go], [0.0]))
        >>> _ = env.reset(seed=0)
        >>> sorted(env.step(4)[4])
        ['action_mask', 'performance', 'state', 'true_reward']
    """

    def __init__(self, env: gym.Env[Any, Any], model: RewardModel):
        gym.utils.RecordConstructorArgs.__init__(self, model=model)
        gym.Wrapper.__init__(self, env)
        if not isinstance(model, RewardModel) or not model.num_labels:
            raise ValueError(f"model: expected a RewardModel that is fitted, found {model!r:.80}")
        self.model = model
        self._before: Any = None
        self._paid: NDArray[np.float64] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Takes over what the model says now, after it was fitted anew."""
        mdp = self.model.mdp
        if mdp is not None:
            self._paid = self.model.rewards()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode."""
        seen, info = self.env.reset(seed=seed, options=options)
        self._before = self._place(seen, info)
        return seen, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes an action and pays what the model says."""
        seen, reward, terminated, truncated, info = self.env.step(action)
        before, self._before = self._before, self._place(seen, info)
        paid = self.model.reward(before, action, self._before) if self._paid is None else self._look_up(before, action)
        return seen, paid, terminated, truncated, {**info, "true_reward": reward}

    def shaped_model(self, mdp: TabularMDP) -> TabularMDP:
        """The tables with what this wrapper pays, from those of the environment below.

        Raises:
            ValueError: for a reward model of observations alone.
        """
        if self._paid is None:
            raise ValueError("env: expected a reward model of tables, found one of observations alone")
        return mdp.with_(reward=self._paid)

    def _place(self, seen: Any, info: dict[str, Any]) -> Any:
        if self._paid is None:
            return flat_observation(self.env.observation_space, seen)
        return current_state(self.env, info)

    def _look_up(self, before: int, action: Any) -> float:
        mdp = self.model.mdp
        assert mdp is not None
        assert self._paid is not None
        row = before * mdp.num_actions + int(action)
        entries = slice(mdp.indptr[row], mdp.indptr[row + 1])
        found = np.flatnonzero(mdp.successor[entries] == self._before)
        if not len(found):
            raise ValueError(f"env: state {self._before} does not follow state {before} in the model's tables")
        return float(self._paid[entries][found[0]])
