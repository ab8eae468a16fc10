"""Observed and true returns of episodes, in any training loop: what an agent is paid, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import ArrayLike, NDArray

from power_metrics.arguments.checks import check_count
from power_metrics.results.base import Result
from power_metrics.results.dims import Dims

Floats = NDArray[np.float64]

WINDOW = 100
"""Episodes that means are over."""


class Episode(NamedTuple):
    """An episode that has ended.

    Attributes:
        step: of training, at its end.
        observed: the sum of its rewards.
        true: the sum of its hidden performance.
        length: how many steps it took.

    Example:
        >>> import power_metrics as pm
        >>> pm.Episode(step=10, observed=3.0, true=-1.0, length=10).true
        -1.0
    """

    step: int
    observed: float
    true: float
    length: int


@dataclass(frozen=True)
class EpisodeReturns(Result):
    """The episodes of a training run, in the order in which they ended.

    Attributes:
        steps: (E,) of training, over all copies of the environment, at the end of each.
        observed: (E,) sums of rewards.
        true: (E,) sums of hidden performance.
        lengths: (E,) steps of each.
        versions: the releases that it was made with, by package.

    Example:
        >>> import power_metrics as pm
        >>> tracker = pm.ReturnTracker()
        >>> tracker.add([1.0], [0.0], [True])
        [Episode(step=1, observed=1.0, true=0.0, length=1)]
        >>> tracker.returns.to_frame()["true"].tolist()
        [0.0]
    """

    steps: Annotated[Floats, Dims("episode")]
    observed: Annotated[Floats, Dims("episode")]
    true: Annotated[Floats, Dims("episode")]
    lengths: Annotated[Floats, Dims("episode", least=0)]


class ReturnTracker:
    """Sums up what is paid, with no training framework involved.

    Args:
        num_envs: copies of the environment that are stepped together.

    Attributes:
        episodes: those that have ended, oldest first.
        step: how many steps all copies together have taken.

    Example:
        >>> import power_metrics as pm
        >>> tracker = pm.ReturnTracker(num_envs=2)
        >>> tracker.add(rewards=[1.0, 1.0], performances=[0.0, 1.0], ended=[False, True])
        [Episode(step=2, observed=1.0, true=1.0, length=1)]
        >>> tracker.means()
        {'observed': 1.0, 'true': 1.0, 'length': 1.0}
    """

    def __init__(self, num_envs: int = 1):
        self.num_envs = check_count("num_envs", num_envs)
        self.episodes: list[Episode] = []
        self.step = 0
        self._sums: Floats = np.zeros((self.num_envs, 2))
        self._lengths: NDArray[np.int64] = np.zeros(self.num_envs, dtype=np.int64)

    def add(self, rewards: ArrayLike, performances: ArrayLike, ended: ArrayLike, acted: Any = None) -> list[Episode]:
        """Counts a step of every copy; returns the episodes that it ended.

        Args:
            rewards: (N,) what was paid.
            performances: (N,) the hidden performance of it.
            ended: (N,) bool, whether this was the last step of an episode.
            acted: (N,) bool, the copies that took a step; all of them when None.
        """
        moved = np.ones(self.num_envs, dtype=bool) if acted is None else np.asarray(acted, dtype=bool)
        paid = np.stack([np.asarray(rewards, dtype=np.float64), np.asarray(performances, dtype=np.float64)], axis=1)
        self._sums[moved] += paid[moved]
        self._lengths[moved] += 1
        self.step += int(moved.sum())
        finished = []
        for i in np.flatnonzero(np.asarray(ended, dtype=bool) & moved).tolist():
            observed, true = self._sums[i].tolist()
            finished.append(Episode(self.step, observed, true, int(self._lengths[i])))
        self.forget(np.asarray(ended, dtype=bool) & moved)
        self.episodes += finished
        return finished

    def forget(self, which: ArrayLike) -> None:
        """Drops what these copies, (N,) bool, have been paid since their episodes began."""
        self._sums[np.asarray(which)] = 0.0
        self._lengths[np.asarray(which)] = 0

    def means(self, window: int = WINDOW) -> dict[str, float]:
        """Mean returns and length of the last ``window`` episodes; nan before the first."""
        last = self.episodes[-window:]
        names = ("observed", "true", "length")
        return {n: float(np.mean([getattr(one, n) for one in last])) if last else float("nan") for n in names}

    @property
    def returns(self) -> EpisodeReturns:
        """The episodes so far; ``.plot()`` draws them.

        Raises:
            ValueError: before the first has ended.
        """
        if not self.episodes:
            raise ValueError("returns: no episode has ended yet")
        columns = np.array(self.episodes, dtype=np.float64).reshape(-1, 4).T
        return EpisodeReturns(*(column.copy() for column in columns))


def performance_of(infos: Mapping[str, Any]) -> Any:
    """The hidden performance of a step.

    Raises:
        ValueError: if the environment does not tell.
    """
    if "performance" not in infos:
        raise ValueError(f'env: expected info["performance"], the hidden performance of a step, found {sorted(infos)}')
    return infos["performance"]


class ReturnsWrapper(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Puts ``info["returns"]`` into the last step of every episode: its observed and its true return, and its length.

    Args:
        env: an environment with ``info["performance"]``, wrapped or not, with its time limit inside.

    Attributes:
        tracker: the `ReturnTracker`; ``tracker.returns.plot()`` draws what it has seen.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> env = pm.ReturnsWrapper(gym.make("powerenvs/CorruptReward-v0", level="CA", max_episode_steps=2))
        >>> _ = env.reset(seed=0)
        >>> for action in (0, 4):  # left, stay
        ...     *_, info = env.step(action)
        ...
        >>> info["returns"]
        {'observed': 2.0, 'true': 0.0, 'length': 2}
    """

    def __init__(self, env: gym.Env[Any, Any]):
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self.tracker = ReturnTracker()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; one that has not ended is not counted."""
        found = self.env.reset(seed=seed, options=options)
        self.tracker.forget([True])
        return found

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Takes an action and counts what it pays."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        ended = self.tracker.add(np.array([float(reward)]), [performance_of(info)], [terminated or truncated])
        if ended:
            info = {**info, "returns": _as_info(ended[0])}
        return observation, reward, terminated, truncated, info


def _as_info(episode: Episode) -> dict[str, float]:
    return {"observed": episode.observed, "true": episode.true, "length": episode.length}


class ReturnsVectorWrapper(VectorWrapper):
    """`ReturnsWrapper` for vector environments: ``infos["returns"]`` has arrays (N,), and ``infos["_returns"]`` says of
    which copies.

    Args:
        env: a vector environment with ``infos["performance"]``.

    Attributes:
        tracker: the `ReturnTracker` of all copies.

    Raises:
        ValueError: for same-step autoreset, which hides the last performance of an episode.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> import power_metrics as pm
        >>> envs = gym.make_vec("powerenvs/CorruptReward-v0", 2, "vector_entry_point", max_episode_steps=1)
        >>> envs = pm.ReturnsVectorWrapper(envs)
        >>> _ = envs.reset(seed=0)
        >>> *_, infos = envs.step([4, 0])  # on a goal: stay, bump
        >>> infos["returns"]["true"].tolist()
        [0.9, 0.0]
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]):
        super().__init__(env)
        if env.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP:
            raise ValueError("env: expected another autoreset mode than same-step, which hides the end of an episode")
        self.tracker = ReturnTracker(self.num_envs)
        self._restarting = np.zeros(self.num_envs, dtype=bool)
        self._waits = env.metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts episodes in all copies, or in those of ``options["reset_mask"]``."""
        found = self.env.reset(seed=seed, options=options)
        which = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool))
        self.tracker.forget(which)
        self._restarting &= ~np.asarray(which)
        return found

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Takes an action in every copy and counts what it pays; not where it only starts the next episode."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        ended = (terminated | truncated) & ~self._restarting
        finished = self.tracker.add(rewards, performance_of(infos), ended, ~self._restarting)
        self._restarting = (terminated | truncated) & self._waits
        if finished:
            columns = {name: np.zeros(self.num_envs) for name in ("observed", "true", "length")}
            for i, episode in zip(np.flatnonzero(ended).tolist(), finished, strict=True):
                for name, value in _as_info(episode).items():
                    columns[name][i] = value
            infos = {**infos, "returns": columns, "_returns": ended}
        return observations, rewards, terminated, truncated, infos
