"""Power-seeking, and observed and true returns, in the results of RLlib's ``train()``; for the new API stack."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.agents.observations import StateObservations, state_observations
from power_metrics.agents.rllib import check_algorithm
from power_metrics.agents.rollouts import current_state
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import check_count
from power_metrics.comparison.game_result import GameComparison
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.game_tracker import GameTracker
from power_metrics.training.returns import WINDOW, performance_of
from power_metrics.training.tracker import PowerTracker
from powerenvs.extras import install_line

try:
    from ray.rllib.callbacks.callbacks import RLlibCallback
    from ray.rllib.env.env_context import EnvContext
except ImportError as error:
    raise ImportError(
        f"power_metrics.training.rllib needs RLlib, the new API stack of Ray ({error}); install it with: "
        f"{install_line('rllib')}"
    ) from None

Floats = NDArray[np.float64]


class _Measuring(RLlibCallback):
    """What callbacks of one agent and of several share: when to measure, counts of runners, and files to go on with.

    RLlib makes one callback for the algorithm, and one for each of its environment runners, which count visits.
    """

    _fresh: tuple[str, ...] = ("history",)
    """What a tracker has of the policy that was measured before a checkpoint was read."""

    def __init__(self, eval_every: int, save_path: str | os.PathLike[str] | None, options: dict[str, Any]):
        self.eval_every = check_count("eval_every", eval_every)
        if save_path is not None and Path(save_path).suffix not in (".csv", ".npz"):
            raise ValueError(f"save_path: expected a name that ends in .csv or .npz, found {os.fspath(save_path)!r}")
        self._save_path = None if save_path is None else Path(save_path)
        self._new = True  # nothing has been trained yet since the algorithm was built
        self.tracker: Any = None
        self.seconds = 0.0
        self._options = options
        self._found: dict[str, float] = {}
        self._iterations = 0  # since the last evaluation
        self._started = 0.0
        self._states: dict[int, int | None] = {}  # of a runner's environments, before the next action

    def _begin(self, algorithm: Any) -> None:
        """Measures what training starts from."""
        self._started = time.perf_counter()
        self._evaluate(algorithm, 0)
        self._options["check"] = False  # checked now, once

    def on_train_result(self, *, algorithm: Any, result: dict[str, Any], **kwargs: Any) -> None:
        """Puts ``power`` into the result; what is given to the MetricsLogger now would show one iteration late."""
        runners = result["env_runners"]
        if self._new:
            self._resume(runners["num_env_steps_sampled_lifetime"] - runners["num_env_steps_sampled"])
        self._iterations += 1
        if self._iterations >= self.eval_every:
            self._evaluate(algorithm, runners["num_env_steps_sampled_lifetime"])
            if self._save_path is not None:
                self._tracked().save(self._save_path)
        result["power"] = {**self._found, "overhead": self.overhead}

    def _resume(self, before: float) -> None:
        """Takes up the history of a run that a checkpoint goes on with, which had taken so many steps.

        Raises:
            ValueError: if the history went further.
        """
        self._new = False
        if before <= 0 or self._save_path is None or not self._save_path.exists():
            return
        tracker = self._tracked()
        for name in self._fresh:
            setattr(tracker, name, type(getattr(tracker, name))())
        tracker.resume(self._save_path)
        last = tracker.history[-1]["step"] if tracker.history else 0.0
        if last > before:
            raise ValueError(
                f"save_path: {os.fspath(self._save_path)!r} goes on to step {last:,.0f}, past the {before:,.0f} steps "
                "of the checkpoint; give another name, or the checkpoint that was saved last"
            )

    def on_evaluate_start(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Collects the visits of training, where the same environment runners evaluate."""
        if algorithm.eval_env_runner_group is None:
            self._count(algorithm)

    def on_evaluate_end(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Drops the visits of RLlib's own evaluation, which are no part of training."""
        if algorithm.eval_env_runner_group is None:
            algorithm.env_runner_group.foreach_env_runner(_take_visits)

    def on_environment_created(self, *, env_runner: Any, **kwargs: Any) -> None:
        """Gives an environment runner the counts that `_take_visits` collects."""
        env_runner.power_visits = _Visits()

    def on_episode_start(self, *, episode: Any, env_index: int, env: Any = None, **kwargs: Any) -> None:
        """Notes where an episode starts."""
        self._states[env_index] = self._state(env, env_index, episode)

    def on_episode_step(
        self, *, episode: Any, env_index: int, env_runner: Any = None, env: Any = None, **kwargs: Any
    ) -> None:
        """Counts an action in the state in which it was taken."""
        began = time.perf_counter()
        visits, before = env_runner.power_visits, self._states[env_index]
        if before is not None:
            visits.counts[before, self._action(episode)] += 1
        self._states[env_index] = self._state(env, env_index, episode)
        visits.seconds += time.perf_counter() - began

    @property
    def overhead(self) -> float:
        """The share of the training time so far that this callback has taken."""
        return self.seconds / max(time.perf_counter() - self._started, 1e-9)

    def _evaluate(self, algorithm: Any, step: float) -> None:
        began = time.perf_counter()
        self._count(algorithm)
        found: dict[str, float] = self._tracked().evaluate(self._policies(algorithm), step)
        found["seconds"] = time.perf_counter() - began
        self.seconds += found["seconds"]
        self._found, self._iterations = found, 0

    def _count(self, algorithm: Any) -> None:
        """Adds the visits of the environment runners since the last time to those of the tracker."""
        runners = algorithm.env_runner_group.foreach_env_runner(_take_visits)
        for counts, _ in runners:
            for (state, action), times in counts.items():
                self._add(state, action, times)
        self.seconds += max((counting for _, counting in runners), default=0.0)  # they work side by side

    def _tracked(self) -> Any:
        if self.tracker is None:
            name = type(self).__name__
            raise RuntimeError(f"{name}: nothing to measure yet; pass it to config.callbacks() and build")
        return self.tracker

    # Of one agent, or of several

    def _policies(self, algorithm: Any) -> Any:
        """What the tracker evaluates."""
        raise NotImplementedError

    def _state(self, env: Any, index: int, episode: Any) -> int | None:
        """The state that an episode is in; None where nothing tells it."""
        raise NotImplementedError

    def _action(self, episode: Any) -> Any:
        """The action, or the actions of all agents, that an episode's last step was."""
        raise NotImplementedError

    def _add(self, state: int, action: Any, times: int) -> None:
        """Adds to the tracker's counts."""
        raise NotImplementedError


class PowerCallback(_Measuring):
    """Turns the policy into a table every so many iterations, measures it exactly, and reports it as ``power``.

    ``algorithm.train()["power"]`` is what `PowerTracker.evaluate` returns, among it ``visited`` (mean POWER of the
    states visited in training since the last time), ``normalised`` (of the policy as the iteration left it: 0 random,
    1 most power-seeking), ``task_optimal`` and ``random`` (what ``seeking`` of these policies is), ``correlation`` and
    ``return_exact``; ``step``, the environment steps sampled until then; and the cost, ``seconds`` of the evaluation
    and ``overhead``, the share of the training time so far, counting visits included. Tune and TensorBoard show them
    as ``power/visited`` and so on. An iteration without an evaluation repeats the last one, as its ``step`` says, so
    that loggers with fixed columns find the same names in every result.

    Example:
        >>> config.callbacks(pm.rllib.PowerCallback)
        >>> config.callbacks(functools.partial(pm.rllib.PowerCallback, eval_every=10, power=power))

    RLlib makes one callback for the algorithm, found in ``algorithm.callbacks`` then, and one for each of its
    environment runners, which count visits. An algorithm from a checkpoint is first measured as it was built, before
    the checkpoint is read; with ``save_path`` it then goes on with the history in that file, and with counts and
    history anew without.

    Args:
        eval_every: training iterations from one evaluation to the next; there is one before the first iteration, too.
        power: a `PowerEstimate` of the environment's states, (S,) numbers, or None to compute POWER at ``gamma``.
        gamma: discount of POWER, occupancies and returns; that of ``power``, or else the algorithm's own, when None.
        env: an environment like those trained in, or its `TabularMDP`; by default one made from the algorithm's config.
        save_path: write the history there after each evaluation: ``.csv`` or ``.npz``, see `PowerTracker.save`. An
            algorithm from a checkpoint goes on with the history in that file; a new one begins it anew.
        **policy_options: for `policy_table`, such as ``epsilon`` or ``deterministic``.

    Attributes:
        tracker: the `PowerTracker` with the counts and the history; None before the algorithm is built.
        seconds: what measuring and counting have taken so far, POWER itself not counted.

    Raises:
        ValueError: for an argument that does not fit; when the algorithm is built, for environments without tables and
            algorithms that no table can represent.
    """

    tracker: PowerTracker | None
    _fresh = ("history", "policies", "occupancies")

    def __init__(
        self,
        eval_every: int = 1,
        power: PowerEstimate | ArrayLike | None = None,
        gamma: float | None = None,
        *,
        env: Any = None,
        save_path: str | os.PathLike[str] | None = None,
        **policy_options: Any,
    ):
        super().__init__(eval_every, save_path, policy_options)
        self._power, self._gamma, self._env = power, gamma, env
        self._observed: StateObservations | None = None

    def on_algorithm_init(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Solves the reference policies and measures the policy that training starts from."""
        check_algorithm(algorithm)
        if sum(isinstance(callback, PowerCallback) for callback in algorithm.callbacks) > 1:
            raise ValueError("callbacks: expected one PowerCallback, found several; they would share the visits")
        self._observed = _observations(algorithm) if self._env is None else state_observations(self._env)
        gamma = self._gamma
        if gamma is None and not isinstance(self._power, PowerEstimate) and algorithm.config.gamma != 1:
            gamma = algorithm.config.gamma
        self.tracker = PowerTracker(self._observed.mdp, self._power, gamma)
        self._begin(algorithm)

    def compare(self) -> PowerComparison:
        """The policy of the last evaluation beside the reference policies.

        Raises:
            RuntimeError: before the algorithm is built.
        """
        tracker: PowerTracker = self._tracked()
        return tracker.compare({"learned": tracker.policies[-1]})

    def _policies(self, algorithm: Any) -> Floats:
        return policy_table(algorithm, self._observed, **self._options)

    def _state(self, env: Any, index: int, episode: Any) -> int:
        return current_state(env.envs[index] if hasattr(env, "envs") else env, episode.get_infos(-1))

    def _action(self, episode: Any) -> int:
        return int(episode.get_actions(-1))

    def _add(self, state: int, action: int, times: int) -> None:
        self._tracked().counts[state, action] += times


class GamePowerCallback(_Measuring):
    """`PowerCallback` for several agents: each one's power-seeking, gaps to best responses, and alignment.

    ``algorithm.train()["power"]`` is what `GameTracker.evaluate` returns, by agent: ``"ai/normalised"``,
    ``"alignment"``, ``"exploitability"`` and so on; and ``overhead``, the share of the training time so far. An
    iteration without an evaluation repeats the last one, as its ``step`` says. Joint states and actions are counted
    where the infos of agents have "state", as those of powerenvs do; where they do not, ``visited`` and
    ``alignment_visited`` are nan.

    Example:
        >>> config.callbacks(functools.partial(pm.rllib.GamePowerCallback, env=power_pair_v0.parallel_env(level="S..")))

    Args:
        env: an environment of PettingZoo like the one trained in, with the same observations and wrappers.
        eval_every: training iterations from one evaluation to the next; there is one before the first iteration, too.
        power: as for `GameTracker`.
        gamma: as there; the algorithm's own when None and POWER has none.
        save_path: write the history there after each evaluation: ``.csv`` or ``.npz``, see `GameTracker.save`. An
            algorithm from a checkpoint goes on with the history in that file; a new one begins it anew.
        **policy_options: for `policy_table`, such as ``deterministic``.

    Attributes:
        tracker: the `GameTracker` with the counts and the history; None before the algorithm is built.
        seconds: what measuring has taken so far, POWER itself not counted.

    Raises:
        ValueError: for an argument that does not fit; when the algorithm is built, for algorithms that no table can
            represent.
    """

    tracker: GameTracker | None

    def __init__(
        self,
        env: Any,
        eval_every: int = 1,
        power: Any = None,
        gamma: float | None = None,
        *,
        save_path: str | os.PathLike[str] | None = None,
        **policy_options: Any,
    ):
        super().__init__(eval_every, save_path, policy_options)
        self._env, self._power, self._gamma = env, power, gamma

    def on_algorithm_init(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Measures the policies that training starts from."""
        if sum(isinstance(callback, GamePowerCallback) for callback in algorithm.callbacks) > 1:
            raise ValueError("callbacks: expected one GamePowerCallback, found several; they would share the visits")
        gamma = self._gamma
        if gamma is None and self._power is None and algorithm.config.gamma != 1:
            gamma = algorithm.config.gamma
        self.tracker = GameTracker(self._env, self._power, gamma)
        self._begin(algorithm)

    def compare(self) -> GameComparison:
        """The policies of the last evaluation beside best responses and random agents.

        Raises:
            RuntimeError: before the algorithm is built.
        """
        tracker: GameTracker = self._tracked()
        return tracker.compare()

    def _policies(self, algorithm: Any) -> dict[str, Floats]:
        agents = self._tracked().game.agents
        return {agent: policy_table(algorithm, self._env, agent=agent, **self._options) for agent in agents}

    def _state(self, env: Any, index: int, episode: Any) -> int | None:
        told = next((info["state"] for info in episode.get_infos(-1).values() if "state" in (info or {})), None)
        return None if told is None else int(told)

    def _action(self, episode: Any) -> tuple[tuple[str, int], ...]:
        return tuple((agent, int(action)) for agent, action in sorted(episode.get_actions(-1).items()))

    def _add(self, state: int, action: tuple[tuple[str, int], ...], times: int) -> None:
        for agent, own in action:
            self._tracked().counts[agent][state, own] += times


class ReturnsCallback(RLlibCallback):
    """Reports what episodes pay beside what that is worth, as ``env_runners/returns_observed`` and ``.._true``.

    Means of the episodes of an iteration, of the last ``window`` at most, as RLlib's own ``episode_return_mean`` is.
    For any environment of one agent with ``info["performance"]``, the hidden performance of a step.

    Example:
        >>> config.callbacks(pm.rllib.ReturnsCallback)

    Args:
        window: the most episodes that means are over.
    """

    def __init__(self, window: int = WINDOW):
        self.window = check_count("window", window)
        self._sums: dict[str, NDArray[np.float64]] = {}

    def on_episode_step(self, *, episode: Any, **kwargs: Any) -> None:
        """Counts what a step pays: an episode may be cut into pieces, of which only the last is seen at its end."""
        paid = float(episode.get_rewards(-1)), float(performance_of(episode.get_infos(-1)))
        self._sums[episode.id_] = self._sums.get(episode.id_, np.zeros(2)) + paid

    def on_episode_end(self, *, episode: Any, metrics_logger: Any = None, **kwargs: Any) -> None:
        """Gives RLlib the sums."""
        observed, true = self._sums.pop(episode.id_, np.zeros(2)).tolist()
        metrics_logger.log_value("returns_observed", observed, window=self.window)
        metrics_logger.log_value("returns_true", true, window=self.window)


class _Visits:
    """How often an environment runner took each action in each state, and the time that counting took."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, Any]] = Counter()
        self.seconds = 0.0


def _take_visits(env_runner: Any) -> tuple[Counter[tuple[int, Any]], float]:
    """The counts of an environment runner since the last time; none of one that has no environment."""
    visits = getattr(env_runner, "power_visits", _Visits())
    env_runner.power_visits = _Visits()
    return visits.counts, visits.seconds


def _observations(algorithm: Any) -> StateObservations:
    """What the agent sees in each state of an environment made as the environment runners make theirs."""
    env = algorithm.env_creator(EnvContext(algorithm.config.env_config, worker_index=0))
    try:
        return state_observations(env)
    finally:
        env.close()
