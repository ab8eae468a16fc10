"""Who does the trials: policies of the belief MDP (ideal, noisy, random), and whoever looks at screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.observations import StateObservations, is_rllib, is_sb3
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import check_policy
from power_metrics.psych.named import Tables
from power_metrics.psych.observers import ideal_policy, random_policy
from power_metrics.solvers.optimal import solve_task
from powerenvs.envs.single import TabularEnv
from powerenvs.model.checks import real
from powerenvs.model.labels import closest

Floats = NDArray[np.float64]

NAMES = ("ideal", "noisy", "random", "person")
LAPSE, TEMPERATURE = 0.02, 0.05
"""Of the subject called "noisy"."""


@dataclass(frozen=True)
class NoisyIdeal:
    """An ideal observer that lapses, and takes what is almost as good for the best.

    Args:
        lapse: how often it acts at random.
        temperature: of a softmax over what actions are worth in the end; 0 for the best ones.

    Raises:
        ValueError: for numbers out of range.

    Example:
        >>> import power_metrics as pm
        >>> log = pm.psych.run("Harlow", pm.psych.NoisyIdeal(lapse=0.2), trials=600, seed=0)
        >>> 0.78 < log.accuracy() < 0.88
        True
    """

    lapse: float = LAPSE
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= real(self.lapse) <= 1:
            raise ValueError(f"lapse: expected a number from 0 to 1, found {self.lapse!r}")
        if not 0 <= real(self.temperature) < float("inf"):
            raise ValueError(f"temperature: expected a number of at least 0, found {self.temperature!r}")

    def policy(self, tables: Tables) -> Floats:
        """(S, A) for a task's tables."""
        mdp = tables.mdp
        if self.temperature == 0:
            chosen = ideal_policy(tables)
        else:
            values = solve_task(mdp, 1.0).values[0]
            worth = mdp.action_rewards() + (mdp.transition_matrix() @ values).reshape(mdp.num_states, -1)
            worth = np.where(tables.useful, worth, -np.inf)
            chosen = np.exp((worth - worth.max(axis=1, keepdims=True)) / self.temperature)
            chosen /= chosen.sum(axis=1, keepdims=True)
        return (1 - self.lapse) * chosen + self.lapse * random_policy(tables)


PolicyOf = Callable[[Tables], Floats]
"""The policy that a subject has in a task, (S, A)."""


def table_subject(subject: Any) -> PolicyOf | None:
    """A subject that knows what the belief MDP knows, as its policy; None for one that looks at screens.

    Raises:
        ValueError: for what is no subject.
    """
    if isinstance(subject, str):
        if subject not in NAMES:
            raise ValueError(f"subject: unknown name {subject!r}; {closest(subject, NAMES)}")
        known = {"ideal": ideal_policy, "random": random_policy, "noisy": NoisyIdeal(LAPSE, TEMPERATURE).policy}
        return known.get(subject)
    if isinstance(subject, NoisyIdeal):
        return subject.policy
    if isinstance(subject, np.ndarray | list):
        return lambda tables: check_policy(subject, tables.mdp, "subject")
    if is_sb3(subject) or is_rllib(subject):
        space = subject.observation_space if is_sb3(subject) else _trained_on(subject)
        if len(space.shape or ()) == 3:
            return None
        kind = "state" if isinstance(space, gym.spaces.Discrete) else "onehot"
        return lambda tables: policy_table(subject, TabularEnv(tables.task, observation=kind))
    if callable(subject) or hasattr(subject, "predict"):
        return None
    raise ValueError(
        f"subject: expected one of {', '.join(NAMES)}, a policy (S, A), a model or a function of observations, found "
        f"{subject!r}"
    )


def _trained_on(agent: Any) -> Any:
    """The observations of an algorithm of RLlib, before its connectors; or of a module."""
    runner = getattr(agent, "env_runner", None)
    return agent.observation_space if runner is None else runner._env_to_module.input_observation_space


class _Numbered(NamedTuple):
    """What is needed of tables where there is one observation at a time."""

    num_actions: int
    num_states: int = 1

    @property
    def available(self) -> NDArray[np.bool_]:
        """All actions."""
        return np.ones((1, self.num_actions), dtype=bool)


class _RLlib:
    """The best action of an algorithm of RLlib, or of a module, for an observation."""

    def __init__(self, agent: Any):
        self._agent, self._space = agent, _trained_on(agent)
        self.__name__ = type(agent).__name__

    def __call__(self, observation: NDArray[np.uint8]) -> int:
        from power_metrics.agents.rllib import policy_scores

        actions: Any = self._agent.env_runner.module if hasattr(self._agent, "env_runner") else self._agent
        seen: Any = StateObservations(
            _Numbered(int(actions.action_space.n)),  # type: ignore[arg-type]
            observation[None],
            self._space,
        )
        scores, _ = policy_scores(self._agent, seen, 1, check=False)
        return int(scores[0].argmax())


def screen_subject(subject: Any) -> Callable[[Any], Any]:
    """What acts on screens as a function from observations to actions."""
    if is_rllib(subject):
        return _RLlib(subject)
    if hasattr(subject, "predict"):
        return lambda observation: subject.predict(observation, deterministic=True)[0]
    return subject  # type: ignore[no-any-return]
