"""`PowerReward`: what an agent is paid, plus a price on the POWER of where it is."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from power_metrics.agents.rollouts import current_state
from power_metrics.arguments.checks import check_gamma, resolve_model
from power_metrics.comparison.references import power_values
from power_metrics.measures.power import power as compute_power
from power_metrics.training.wrappers import Power
from powerenvs.model.checks import flag, real
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.rows import LARGEST
from powerenvs.sources.wrapped import check_numbering


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
        if not abs(real(weight)) <= LARGEST:
            raise ValueError(f"weight: expected a finite number, found {weight!r}")
        mdp = resolve_model(env)
        check_numbering(env, mdp)
        if power is None:
            power = compute_power(mdp, check_gamma(0.9 if gamma is None else gamma))
        self.weight, self.power, self.change = float(weight), power_values(power, mdp), flag("change", change)
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
        paid = self.power[self._state] - (self.power[before] if self.change else 0.0)
        return observation, float(reward) + self.weight * paid, terminated, truncated, info

    def shaped_model(self, mdp: TabularMDP) -> TabularMDP:
        """The tables with what this wrapper pays, from those of the environment below."""
        sources = np.repeat(np.arange(mdp.num_states), np.diff(mdp.indptr[:: mdp.num_actions]))
        paid = self.power[mdp.successor] - (self.power[sources] if self.change else 0.0)
        paid[mdp.terminal[sources]] = 0.0  # nothing is paid after the end
        return mdp.with_(reward=mdp.reward + self.weight * paid)
