"""RLlib: its policies as scores for each state and action, and `PowerCallback`, power-seeking in ``train()``'s results.

For RLlib's new API stack: RLModules and ConnectorV2 pipelines.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from power_metrics.agents.observations import (
    CHECK_STEPS,
    StateObservations,
    history_error,
    same_observation,
    state_observations,
)
from power_metrics.agents.rollouts import current_state
from power_metrics.agents.table import evaluation, policy_table
from power_metrics.arguments.checks import check_count
from power_metrics.comparison.result import PowerComparison
from power_metrics.results.estimate import PowerEstimate
from power_metrics.training.tracker import PowerTracker

try:
    import tree
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.dqn.default_dqn_rl_module import QF_PREDS
    from ray.rllib.callbacks.callbacks import RLlibCallback
    from ray.rllib.connectors.env_to_module import (
        AddObservationsFromEpisodesToBatch,
        BatchIndividualItems,
        EnvToModulePipeline,
        FlattenObservations,
        NumpyToTensor,
    )
    from ray.rllib.core.columns import Columns
    from ray.rllib.core.rl_module.apis import QNetAPI
    from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule
    from ray.rllib.core.rl_module.rl_module import RLModule
    from ray.rllib.env.env_context import EnvContext
    from ray.rllib.env.single_agent_episode import SingleAgentEpisode
except ImportError as error:
    raise ImportError(
        f"power_metrics.training.rllib needs RLlib, the new API stack of Ray ({error}); install it with: "
        "pip install 'powerenvs[rllib]'"
    ) from None

Floats = NDArray[np.float64]


class PowerCallback(RLlibCallback):
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
    the checkpoint is read; counts and history start anew.

    Args:
        eval_every: training iterations from one evaluation to the next; there is one before the first iteration, too.
        power: a `PowerEstimate` of the environment's states, (S,) numbers, or None to compute POWER at ``gamma``.
        gamma: discount of POWER, occupancies and returns; that of ``power``, or else the algorithm's own, when None.
        env: an environment like those trained in, or its `TabularMDP`; by default one made from the algorithm's config.
        **policy_options: for `policy_table`, such as ``epsilon`` or ``deterministic``.

    Attributes:
        tracker: the `PowerTracker` with the counts and the history; None before the algorithm is built.
        seconds: what measuring and counting have taken so far, POWER itself not counted.

    Raises:
        ValueError: for an argument that does not fit; when the algorithm is built, for environments without tables and
            algorithms that no table can represent.
    """

    def __init__(
        self,
        eval_every: int = 1,
        power: PowerEstimate | ArrayLike | None = None,
        gamma: float | None = None,
        *,
        env: Any = None,
        **policy_options: Any,
    ):
        self.eval_every = check_count("eval_every", eval_every)
        self.tracker: PowerTracker | None = None
        self.seconds = 0.0
        self._power, self._gamma, self._env = power, gamma, env
        self._options = policy_options
        self._observed: StateObservations | None = None
        self._found: dict[str, float] = {}
        self._iterations = 0  # since the last evaluation
        self._started = 0.0
        self._states: dict[int, int] = {}  # of a runner's environments, before the next action

    def on_algorithm_init(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Solves the reference policies and measures the policy that training starts from."""
        _check_algorithm(algorithm)
        if sum(isinstance(callback, PowerCallback) for callback in algorithm.callbacks) > 1:
            raise ValueError("callbacks: expected one PowerCallback, found several; they would share the visits")
        self._observed = _observations(algorithm) if self._env is None else state_observations(self._env)
        gamma = self._gamma
        if gamma is None and not isinstance(self._power, PowerEstimate) and algorithm.config.gamma != 1:
            gamma = algorithm.config.gamma
        self.tracker = PowerTracker(self._observed.mdp, self._power, gamma)
        self._started = time.perf_counter()
        self._evaluate(algorithm, 0)
        self._options["check"] = False  # checked now, once

    def on_train_result(self, *, algorithm: Any, result: dict[str, Any], **kwargs: Any) -> None:
        """Puts ``power`` into the result; what is given to the MetricsLogger now would show one iteration late."""
        self._iterations += 1
        if self._iterations >= self.eval_every:
            self._evaluate(algorithm, result["env_runners"]["num_env_steps_sampled_lifetime"])
        result["power"] = {**self._found, "overhead": self.overhead}

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
        self._states[env_index] = _state(env, env_index, episode)

    def on_episode_step(
        self, *, episode: Any, env_index: int, env_runner: Any = None, env: Any = None, **kwargs: Any
    ) -> None:
        """Counts an action in the state in which it was taken."""
        began = time.perf_counter()
        visits = env_runner.power_visits
        visits.counts[self._states[env_index], int(episode.get_actions(-1))] += 1
        self._states[env_index] = _state(env, env_index, episode)
        visits.seconds += time.perf_counter() - began

    @property
    def overhead(self) -> float:
        """The share of the training time so far that this callback has taken."""
        return self.seconds / max(time.perf_counter() - self._started, 1e-9)

    def compare(self) -> PowerComparison:
        """The policy of the last evaluation beside the reference policies.

        Raises:
            RuntimeError: before the algorithm is built.
        """
        tracker = self._tracked()
        return tracker.compare({"learned": tracker.policies[-1]})

    def _evaluate(self, algorithm: Any, step: float) -> None:
        began = time.perf_counter()
        tracker = self._tracked()
        self._count(algorithm)
        found = tracker.evaluate(policy_table(algorithm, self._observed, **self._options), step)
        found["seconds"] = time.perf_counter() - began
        self.seconds += found["seconds"]
        self._found, self._iterations = found, 0

    def _count(self, algorithm: Any) -> None:
        """Adds the visits of the environment runners since the last time to those of the tracker."""
        tracker = self._tracked()
        runners = algorithm.env_runner_group.foreach_env_runner(_take_visits)
        for counts, _ in runners:
            for (state, action), times in counts.items():
                tracker.counts[state, action] += times
        self.seconds += max((counting for _, counting in runners), default=0.0)  # they work side by side

    def _tracked(self) -> PowerTracker:
        if self.tracker is None:
            raise RuntimeError("PowerCallback: nothing to measure yet; pass it to config.callbacks() and build")
        return self.tracker


class _Visits:
    """How often an environment runner took each action in each state, and the time that counting took."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, int]] = Counter()
        self.seconds = 0.0


def _take_visits(env_runner: Any) -> tuple[Counter[tuple[int, int]], float]:
    """The counts of an environment runner since the last time; none of one that has no environment."""
    visits = getattr(env_runner, "power_visits", _Visits())
    env_runner.power_visits = _Visits()
    return visits.counts, visits.seconds


def _state(env: Any, index: int, episode: Any) -> int:
    return current_state(env.envs[index] if hasattr(env, "envs") else env, episode.get_infos(-1))


def _observations(algorithm: Any) -> StateObservations:
    """What the agent sees in each state of an environment made as the environment runners make theirs."""
    env = algorithm.env_creator(EnvContext(algorithm.config.env_config, worker_index=0))
    try:
        return state_observations(env)
    finally:
        env.close()


def policy_scores(agent: Any, observed: StateObservations, batch_size: int, check: bool) -> tuple[Floats, str]:
    """What an algorithm or an RLModule gives for each state and action, and of which kind that is.

    Observations take the way that they take in training: each is the first of an episode of its own, which the
    algorithm's env-to-module connectors turn into the module's input. They are copies, with running statistics as they
    are. The action masks of ``info["action_mask"]`` are there for connectors that want them.

    Args:
        agent: an algorithm; or an RLModule, which is taken to have no connectors but RLlib's own, with
            ``FlattenObservations`` where its observation space is flat.
        observed: the observations of all S states.
        batch_size: observations in a forward pass.
        check: compare what the connectors make of a short walk with what they make of single observations.

    Returns:
        (S, A) float64 log-probabilities or Q-values, and ``"logits"`` or ``"q"``.

    Raises:
        ValueError: for several agents, memory, the old API stack, and other observation or action spaces.
    """
    mdp = observed.mdp
    space = gym.spaces.Discrete(mdp.num_states) if observed.space is None else observed.space
    if isinstance(agent, Algorithm):
        _check_algorithm(agent)
        runner = agent.env_runner
        module: Any = agent.get_module()
        connectors: Any = agent.env_to_module_connector if runner is None else runner._env_to_module
        trained = connectors.input_observation_space
    elif isinstance(agent, RLModule) and not isinstance(agent, MultiRLModule):
        module = agent.unwrapped()
        pieces = [AddObservationsFromEpisodesToBatch(), BatchIndividualItems(), NumpyToTensor()]
        trained = module.observation_space
        flatten = FlattenObservations(space, module.action_space)
        if trained != space and trained == flatten.observation_space:
            trained, pieces = space, [flatten, *pieces]
        connectors = EnvToModulePipeline(space, module.action_space, connectors=pieces)
    else:
        raise ValueError(
            f"agent: expected an algorithm of RLlib or the RLModule of one agent, found {type(agent).__name__}"
        )
    if module.is_stateful():
        raise history_error(type(module).__name__)
    if not isinstance(module.action_space, gym.spaces.Discrete) or module.action_space.n != mdp.num_actions:
        raise ValueError(
            f"agent: expected actions Discrete({mdp.num_actions}), those of the environment, found a module trained "
            f"with {module.action_space}"
        )
    if trained != space:
        raise ValueError(
            f"agent: trained on observations {trained}, but the environment shows {space}. Give the environment that "
            "it was trained in, with the same level, observation=... and wrappers; and the algorithm rather than its "
            "module where connectors change observations"
        )
    way = _Connectors(connectors, module, observed, space)
    scores, kind = np.empty(mdp.available.shape), ""
    with evaluation(module) as device:
        for start in range(0, mdp.num_states, batch_size):
            states = np.arange(start, min(start + batch_size, mdp.num_states))
            given, kind = _forward(module, way.inputs(states), device, mdp.num_actions)
            scores[states] = given.double().cpu().numpy()
    if check:
        way.walk()
    return scores, kind


def _check_algorithm(algorithm: Any) -> None:
    config, name = algorithm.config, type(algorithm).__name__
    if not (config.enable_rl_module_and_learner and config.enable_env_runner_and_connector_v2):
        raise ValueError(f"agent: expected an algorithm on RLlib's new API stack, found {name} on the old one")
    if config.is_multi_agent:
        raise ValueError(
            f"agent: expected an algorithm of one agent, found {name} of several. Give the module of one of them, "
            "algorithm.get_module(...), and the world with the others' policies in it, game.against(...)"
        )
    if algorithm.env_runner_group is None:
        raise ValueError(
            f"agent: expected an algorithm that samples environments, found {name} trained on recorded data; give its "
            "module, RLModule.from_checkpoint(...)"
        )


class _Connectors:
    """The way from observations of states to the inputs of a module, on a copy that no longer learns statistics."""

    def __init__(self, connectors: Any, module: Any, observed: StateObservations, space: gym.Space[Any]):
        self.connectors = copy.deepcopy(connectors)
        self.module, self.observed, self.space = module, observed, space
        for connector in self.connectors.connectors:
            if hasattr(connector, "_update_stats"):  # MeanStdFilter would go on learning
                connector._update_stats = False

    def inputs(self, states: Sequence[int] | NDArray[np.int64]) -> Any:
        """The batch that a module gets for these states, each the first of an episode."""
        return self._through([self._episode(int(state)) for state in states])

    def walk(self) -> None:
        """Compares what connectors make of an episode's states with what they make of the same states alone.

        Raises:
            ValueError: if they differ.
        """
        mdp, rng = self.observed.mdp, np.random.default_rng(0)
        state = int(rng.choice(mdp.num_states, p=mdp.initial))
        episode = self._episode(state)
        for step in range(CHECK_STEPS):
            along, alone = tree.flatten(self._through([episode])), tree.flatten(self.inputs([state]))
            if len(along) != len(alone) or not all(map(same_observation, along, alone)):
                names = " and ".join(type(connector).__name__ for connector in self.connectors.connectors)
                raise ValueError(
                    f"agent: after {step} steps of a walk its connectors ({names}) made something else of "
                    f"{mdp.describe(state)} than at the start of an episode, so what the module sees is not a function "
                    "of the state, and no table (states, actions) can represent its policy"
                )
            if mdp.terminal[state]:
                state = int(rng.choice(mdp.num_states, p=mdp.initial))
                episode = self._episode(state)
                continue
            action = int(rng.choice(np.flatnonzero(mdp.available[state])))
            row = slice(*mdp.indptr[state * mdp.num_actions + action :][:2])
            entry = int(rng.choice(np.arange(row.start, row.stop), p=mdp.probability[row]))
            state = int(mdp.successor[entry])
            seen, info = self._seen(state)
            episode.add_env_step(
                seen, action, float(mdp.reward[entry]), info, terminated=bool(mdp.terminal[state]), truncated=False
            )

    def _seen(self, state: int) -> tuple[Any, dict[str, Any]]:
        value, mdp = self.observed.values[state], self.observed.mdp
        info = {"state": state, "action_mask": mdp.available[state].astype(np.int8), "performance": 0.0}
        return int(value) if self.observed.discrete else value.copy(), info

    def _episode(self, state: int) -> Any:
        seen, info = self._seen(state)
        episode = SingleAgentEpisode(observation_space=self.space, action_space=self.module.action_space)
        episode.add_env_reset(seen, info)
        return episode

    def _through(self, episodes: list[Any]) -> Any:
        return self.connectors(
            rl_module=self.module, batch={}, episodes=episodes, explore=False, shared_data={}, metrics=None
        )


def _forward(module: Any, batch: Any, device: Any, num_actions: int) -> tuple[Any, str]:
    """What a module gives for a batch, (n, A), and of which kind that is."""
    import torch

    def fresh() -> Any:  # modules may take masks out of their input
        return tree.map_structure(lambda values: values.to(device), batch)

    given = module.forward_inference(fresh())
    if Columns.ACTION_DIST_INPUTS in given:
        inputs = given[Columns.ACTION_DIST_INPUTS]
        distribution = module.get_inference_action_dist_cls().from_logits(inputs)
        every = torch.arange(num_actions, device=device)[:, None].expand(-1, len(inputs))
        logits = torch.stack([distribution.logp(action) for action in every], dim=1)
        return logits.clamp(min=torch.finfo(logits.dtype).min), "logits"  # what a module masks may be -inf
    if isinstance(module, QNetAPI):
        return module.compute_q_values(fresh())[QF_PREDS], "q"
    raise ValueError(
        f"agent: expected a module that gives an action distribution or Q-values (PPO, APPO, IMPALA, DQN), found "
        f"{type(module).__name__}, which gives {sorted(given)}"
    )
