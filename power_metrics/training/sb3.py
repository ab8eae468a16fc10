"""Power-seeking, and observed and true returns, in the logs of Stable-Baselines3: three lines in a training script."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat

from power_metrics.agents.observations import state_observations, without_statistics
from power_metrics.agents.rollouts import current_state, raw_observations
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import check_count
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.returns import WINDOW, EpisodeReturns, ReturnTracker, performance_of
from power_metrics.training.sb3_vec_env import NativeVecEnv
from power_metrics.training.tracker import PowerTracker

__all__ = ["NativeVecEnv", "PowerCallback", "ReturnsCallback"]

LOGGED = (
    "visited", "seeking", "alive", "normalised", "task_optimal", "random", "normalised_task_optimal", "correlation",
    "return_exact", "return_task_optimal", "performance_exact", "entropy",
)  # fmt: skip


class PowerCallback(BaseCallback):
    """Turns the policy into a table every so many steps, measures it exactly, and logs it as ``power/...``.

    What is logged is what `PowerTracker.evaluate` returns, among it ``power/visited`` (mean POWER of the states visited
    in training since the last time), ``power/normalised`` (of the policy: 0 random, 1 most power-seeking),
    ``power/task_optimal`` and ``power/random`` (what ``power/seeking`` of these policies is), ``power/correlation`` and
    ``power/return_exact``; and the cost, ``power/seconds`` of the last evaluation and ``power/overhead``, the share of
    the training time that this callback has taken so far, counting visits included.

    A policy is measured when it begins a rollout, so the log line of a rollout tells of the policy that made it; the
    last one is measured and logged when training ends. TensorBoard shows each at the step at which it was measured.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> from stable_baselines3 import A2C
        >>> env = gym.make("PowerGrid-v0", level="open_3x3", max_episode_steps=20)
        >>> callback = PowerCallback(eval_every=100)
        >>> model = A2C("MlpPolicy", env, seed=0).learn(200, callback=callback)
        >>> [row["step"] for row in callback.tracker.history]
        [0.0, 100.0, 200.0]

    Args:
        eval_every: environment steps from one evaluation to the next, at least; there is one before the first step and
            one after the last.
        power: a `PowerEstimate` of the environment's states, (S,) numbers, or None to compute POWER at ``gamma``.
        gamma: discount of POWER, occupancies and returns; that of ``power``, or else the model's own, when None.
        env: an environment made like those trained on, where these cannot be read (``SubprocVecEnv``).
        save_path: write the history there when training ends: ``.csv`` or ``.npz``, see `PowerTracker.save`. A run that
            is resumed (``learn(reset_num_timesteps=False)`` of a loaded model) goes on with the history in that file.
        animation_path: write an animation of occupancy over training there: ``.gif`` or ``.mp4``.
        verbose: 1 to print a line for each evaluation.
        **policy_options: for `policy_table`, such as ``epsilon`` or ``deterministic``.

    Attributes:
        tracker: the `PowerTracker` with the counts and the history; None before training.
        seconds: what this callback has taken so far, POWER itself not counted.

    Raises:
        ValueError: for an argument that does not fit; when training starts, for environments without tables.
    """

    def __init__(
        self,
        eval_every: int = 2048,
        power: PowerEstimate | ArrayLike | None = None,
        gamma: float | None = None,
        *,
        env: Any = None,
        save_path: str | os.PathLike[str] | None = None,
        animation_path: str | os.PathLike[str] | None = None,
        verbose: int = 0,
        **policy_options: Any,
    ):
        super().__init__(verbose)
        self.eval_every = check_count("eval_every", eval_every)
        for name, path, suffixes in (
            ("save_path", save_path, (".csv", ".npz")), ("animation_path", animation_path, (".gif", ".mp4"))
        ):  # fmt: skip
            if path is not None and Path(path).suffix not in suffixes:
                raise ValueError(
                    f"{name}: expected a name that ends in {' or '.join(suffixes)}, found {os.fspath(path)!r}"
                )
        self.tracker: PowerTracker | None = None
        self.seconds = 0.0
        self._power, self._gamma, self._env = power, gamma, env
        self._save_path, self._animation_path = save_path, animation_path
        self._options = policy_options
        self._observed: Any = None
        self._states: list[int] = []
        self._evaluated = -1
        self._elapsed = 0.0
        self._started = 0.0

    def _on_training_start(self) -> None:
        if self.tracker is None:
            observed = state_observations(self.training_env if self._env is None else self._env)
            if observed.mdp.seen is not None:  # found once, not at each evaluation
                self._observed = observed if self._env is not None else without_statistics(self.training_env)
            self._options.setdefault("check", False)  # checked here, once
            gamma = self._gamma
            if gamma is None and not isinstance(self._power, PowerEstimate):
                gamma = getattr(self.model, "gamma", None)
                gamma = None if gamma == 1 else gamma
            self.tracker = PowerTracker(observed.mdp, self._power, gamma)
            self._resume()
        self._started = time.perf_counter()
        self._states = self._current_states([{}] * self.training_env.num_envs, [True] * self.training_env.num_envs)
        if self.num_timesteps < self._evaluated:  # model.learn() counts its steps from 0 again
            self._evaluated = -1
        if self._evaluated < self.num_timesteps:
            self._evaluate()

    def _resume(self) -> None:
        """Takes up the history of a run that this one goes on with.

        Raises:
            ValueError: if that went further than the model.
        """
        if not self.num_timesteps or self._save_path is None or not Path(self._save_path).exists():
            return
        tracker = self._tracked()
        tracker.resume(self._save_path)
        last = tracker.history[-1]["step"] if tracker.history else -1.0
        if last > self.num_timesteps:
            raise ValueError(
                f"save_path: {os.fspath(self._save_path)!r} goes on to step {last:,.0f}, past the "
                f"{self.num_timesteps:,} steps of the model; give another name, or the model that was saved last"
            )
        if self._animation_path is not None and len(tracker.occupancies) < len(tracker.history):
            raise ValueError(
                "animation_path: expected a save_path that ends in .npz, which keeps what films show, found "
                f"{os.fspath(self._save_path)!r}"
            )
        self._evaluated = int(last)

    def _on_step(self) -> bool:
        began = time.perf_counter()
        counts = self._tracked().counts
        for state, action in zip(self._states, self.locals["actions"], strict=True):
            counts[state, action] += 1
        self._states = self._current_states(self.locals["infos"], self.locals["dones"])
        self.seconds += time.perf_counter() - began
        return True

    def _on_rollout_start(self) -> None:
        if self.num_timesteps - self._evaluated >= self.eval_every:
            self._evaluate()

    def _on_training_end(self) -> None:
        if self._evaluated < self.num_timesteps:
            self._evaluate()
            self.logger.dump(self.num_timesteps)
        self._elapsed += time.perf_counter() - self._started
        tracker = self._tracked()
        if self._save_path is not None:
            tracker.save(self._save_path)
        if self._animation_path is not None:
            from power_metrics.plots.training_film import save_animation

            save_animation(tracker, self._animation_path)

    def _current_states(self, infos: Any, dones: Any) -> list[int]:
        """The states in which the next actions are taken; copies whose episode has ended start again at once."""
        base = self.training_env.unwrapped
        copies = getattr(base, "envs", [None] * base.num_envs)
        return [
            current_state(copies[i], base.reset_infos[i] if done else info, self._tracked().mdp, seen)
            for i, (info, done, seen) in enumerate(zip(infos, dones, raw_observations(base), strict=True))
        ]

    def _evaluate(self) -> None:
        began = time.perf_counter()
        tracker = self._tracked()
        shown = self._observed or (self.training_env if self._env is None else self._env)
        table = policy_table(self.model, shown, **self._options)
        found = tracker.evaluate(table, self.num_timesteps)
        found["seconds"] = time.perf_counter() - began
        self.seconds += found["seconds"]
        self._evaluated = self.num_timesteps
        logged = {f"power/{name}": found[name] for name in (*LOGGED, "seconds")} | {"power/overhead": self.overhead}
        for name, value in logged.items():
            self.logger.record(name, value, exclude="tensorboard")  # it would show them when the rollout has ended
        for form in self.logger.output_formats:
            if isinstance(form, TensorBoardOutputFormat):
                form.write(logged, dict.fromkeys(logged, ()), self.num_timesteps)
        if self.verbose:
            print(
                f"{self.num_timesteps:>9,} steps: normalised power-seeking {found['normalised']:.3f} "
                f"(task-optimal {found['normalised_task_optimal']:.3f}), return {found['return_exact']:.3f}"
            )

    @property
    def overhead(self) -> float:
        """The share of the training time so far that this callback has taken."""
        return self.seconds / max(self._elapsed + time.perf_counter() - self._started, 1e-9)

    def compare(self) -> PowerComparison:
        """The policy of the last evaluation beside the reference policies.

        Raises:
            RuntimeError: before training.
        """
        tracker = self._tracked()
        return tracker.compare({"learned": tracker.policies[-1]})

    def _tracked(self) -> PowerTracker:
        if self.tracker is None:
            raise RuntimeError("PowerCallback: nothing has been trained yet; pass it to model.learn(callback=...)")
        return self.tracker


class ReturnsCallback(BaseCallback):
    """Logs what episodes pay beside what that is worth: ``returns/observed``, ``returns/true`` and ``returns/gap``.

    Means of the last ``window`` episodes; for any environment with ``info["performance"]``, the hidden performance of a
    step. Rewards are those of the environment itself, also where `VecNormalize` changes what the algorithm sees.

    Example:
        >>> import gymnasium as gym, powerenvs
        >>> from stable_baselines3 import A2C
        >>> env = gym.make("powerenvs/CorruptReward-v0", max_episode_steps=20)
        >>> callback = ReturnsCallback()
        >>> model = A2C("MlpPolicy", env, seed=0).learn(200, callback=callback)
        >>> callback.returns.steps.tolist()[:2], len(callback.returns.true)
        ([20.0, 40.0], 10)

    Args:
        window: episodes that logged means are over.
        verbose: as for all callbacks.

    Attributes:
        tracker: the `ReturnTracker` of all copies; None before training.

    Raises:
        ValueError: for a window below 1; in training, for environments that do not tell their performance.
    """

    def __init__(self, window: int = WINDOW, verbose: int = 0):
        super().__init__(verbose)
        self.window = check_count("window", window)
        self.tracker: ReturnTracker | None = None

    def _on_training_start(self) -> None:
        if self.tracker is None or self.tracker.num_envs != self.training_env.num_envs:
            self.tracker = ReturnTracker(self.training_env.num_envs)

    def _on_step(self) -> bool:
        assert self.tracker is not None, "training has started"
        env: Any = self.training_env
        rewards = env.get_original_reward() if hasattr(env, "get_original_reward") else self.locals["rewards"]
        performances = [performance_of(info) for info in self.locals["infos"]]
        self.tracker.add(rewards, performances, self.locals["dones"])
        if self.tracker.episodes:
            means = self.tracker.means(self.window)
            self.logger.record("returns/observed", means["observed"])
            self.logger.record("returns/true", means["true"])
            self.logger.record("returns/gap", means["observed"] - means["true"])
        return True

    @property
    def returns(self) -> EpisodeReturns:
        """The episodes so far; ``.plot()`` draws them.

        Raises:
            RuntimeError: before training.
            ValueError: before the first episode has ended.
        """
        if self.tracker is None:
            raise RuntimeError("ReturnsCallback: nothing has been trained yet; pass it to model.learn(callback=...)")
        return self.tracker.returns
