"""Algorithms and modules of RLlib as scores for each state and action.

For RLlib's new API stack: RLModules and ConnectorV2 pipelines.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.observations import CHECK_STEPS, StateObservations, history_error, same_observation
from power_metrics.agents.torch import evaluation
from powerenvs.extras import install_line

try:
    import tree
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.dqn.default_dqn_rl_module import QF_PREDS
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
    from ray.rllib.env.multi_agent_episode import MultiAgentEpisode
    from ray.rllib.env.single_agent_episode import SingleAgentEpisode
except ImportError as error:
    raise ImportError(
        f"power_metrics.agents.rllib needs RLlib, the new API stack of Ray ({error}); install it with: "
        f"{install_line('rllib')}"
    ) from None

Floats = NDArray[np.float64]


def policy_scores(
    agent: Any, observed: StateObservations, batch_size: int, check: bool, name: str | None = None
) -> tuple[Floats, str]:
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
        name: of the agent whose module it is, in an algorithm of several.

    Returns:
        (S, A) float64 log-probabilities or Q-values, and ``"logits"`` or ``"q"``.

    Raises:
        ValueError: for several agents, memory, the old API stack, and other observation or action spaces.
    """
    mdp = observed.mdp
    seat: _Seat | None = None
    if isinstance(agent, RLModule) and not isinstance(agent.observation_space, gym.spaces.Dict):
        observed = observed.without_mask()
    space = gym.spaces.Discrete(mdp.num_states) if observed.space is None else observed.space
    if isinstance(agent, Algorithm):
        several = agent.config.is_multi_agent and name is not None
        check_algorithm(agent, several)
        runner = agent.env_runner
        connectors: Any = agent.env_to_module_connector if runner is None else runner._env_to_module
        trained = connectors.input_observation_space
        if several and name is not None:
            seat = _Seat(name, module_name(agent, name), agent.config.policy_mapping_fn, runner and runner.module)
            trained = trained[name] if isinstance(trained, gym.spaces.Dict) and name in trained.spaces else trained
        module: Any = learned_module(agent) if seat is None else learned_module(agent, seat.module)
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
    way = _Connectors(connectors, module, observed, space, seat)
    scores, kind = np.empty(mdp.available.shape), ""
    with evaluation(module) as device:
        for start in range(0, mdp.num_states, batch_size):
            states = np.arange(start, min(start + batch_size, mdp.num_states))
            given, kind = _forward(module, way.inputs(states), device, mdp.num_actions)
            scores[states] = given.double().cpu().numpy()
    if check:
        way.walk()
    return scores, kind


class _Seat(NamedTuple):
    """The place of an agent in an algorithm of several.

    Attributes:
        agent: its name.
        module: the name of its module.
        mapping: RLlib's function from agents to modules.
        modules: all of them; None without an environment runner.
    """

    agent: str
    module: str
    mapping: Any
    modules: Any


def module_name(algorithm: Any, name: str) -> str:
    """The name of the module that an agent of an algorithm of several has in training.

    Raises:
        ValueError: for agents whose modules change.
    """
    try:
        modules = {algorithm.config.policy_mapping_fn(name, None) for _ in range(8)}
    except Exception as error:  # whatever a function of the user's raises without an episode
        raise ValueError(f"agent: could not tell the module of {name!r} ({error}); give it: get_module(...)") from error
    if len(modules) > 1:
        raise ValueError(f"agent: expected one module of {name!r}, found that it changes: {sorted(map(str, modules))}")
    return str(modules.pop())


def learned_module(algorithm: Any, name: str = "default_policy") -> Any:
    """A copy of a module of an algorithm, with the weights of the learner.

    ``algorithm.get_module()`` is that of an environment runner, which in IMPALA and APPO lags behind the learner, or
    has the weights that it was made with.
    """
    module = algorithm.get_module(name)
    learners = getattr(algorithm, "learner_group", None)
    weights = None if learners is None else learners.get_weights([name]).get(name)
    if weights is None:
        return module
    module = copy.deepcopy(module.unwrapped())
    module.set_state(weights)
    return module


def check_algorithm(algorithm: Any, several: bool = False) -> None:
    """Raises a ValueError for algorithms of the old API stack, trained on recorded data, and of several agents.

    With ``several`` those are expected.
    """
    config, name = algorithm.config, type(algorithm).__name__
    if not (config.enable_rl_module_and_learner and config.enable_env_runner_and_connector_v2):
        raise ValueError(f"agent: expected an algorithm on RLlib's new API stack, found {name} on the old one")
    if config.is_multi_agent and not several:
        raise ValueError(
            f"agent: expected an algorithm of one agent, found {name} of several. Say whose policy it is: "
            "policy_table(algorithm, env, agent=NAME), with the game's environment as that agent sees it"
        )
    if algorithm.env_runner_group is None:
        raise ValueError(
            f"agent: expected an algorithm that samples environments, found {name} trained on recorded data; give its "
            "module, RLModule.from_checkpoint(...)"
        )


class _Connectors:
    """The way from observations of states to the inputs of a module, on a copy that no longer learns statistics."""

    def __init__(
        self,
        connectors: Any,
        module: Any,
        observed: StateObservations,
        space: gym.Space[Any],
        seat: _Seat | None = None,
    ):
        self.connectors = copy.deepcopy(connectors)
        self.module, self.observed, self.space, self.seat = module, observed, space, seat
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
            reward, over = float(mdp.reward[entry]), bool(mdp.terminal[state])
            if self.seat is None:
                episode.add_env_step(seen, action, reward, info, terminated=over, truncated=False)
            else:
                name = self.seat.agent
                episode.add_env_step(
                    {name: seen}, {name: action}, {name: reward}, {name: info},
                    terminateds={name: over, "__all__": over}, truncateds={"__all__": False},
                )  # fmt: skip

    def _seen(self, state: int) -> tuple[Any, dict[str, Any]]:
        value, mdp = self.observed.part(state), self.observed.mdp
        info = {"state": state, "action_mask": mdp.available[state].astype(np.int8), "performance": 0.0}
        return int(value) if self.observed.discrete else value.copy(), info

    def _episode(self, state: int) -> Any:
        seen, info = self._seen(state)
        if self.seat is not None:  # alone in an episode: what others see is not looked at
            name = self.seat.agent
            episode = MultiAgentEpisode(
                observation_space=gym.spaces.Dict({name: self.space}),
                action_space=gym.spaces.Dict({name: self.module.action_space}),
                agent_to_module_mapping_fn=self.seat.mapping,
            )
            episode.add_env_reset(observations={name: seen}, infos={name: info})
            return episode
        episode = SingleAgentEpisode(observation_space=self.space, action_space=self.module.action_space)
        episode.add_env_reset(seen, info)
        return episode

    def _through(self, episodes: list[Any]) -> Any:
        modules = self.module if self.seat is None else self.seat.modules
        found = self.connectors(
            rl_module=modules, batch={}, episodes=episodes, explore=False, shared_data={}, metrics=None
        )
        return found if self.seat is None else found[self.seat.module]


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
