"""`many_tasks` in games: every agent has a task of its own, and learns among the others."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.bounded import Learner
from power_metrics.agents.joint_observations import among_random
from power_metrics.agents.joint_q_learning import IndependentQLearning
from power_metrics.agents.table import policy_table
from power_metrics.arguments.checks import as_float64
from power_metrics.chains.occupancy import occupancy
from power_metrics.comparison.games import best_responses, given_power
from power_metrics.comparison.references import RANDOM, References, power_values
from power_metrics.measures.run_policies import drawn_rewards
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import PerState, RewardDistribution
from power_metrics.rewards.sampler import block_generator
from power_metrics.solvers.optimal import optimal_policies
from power_metrics.tasks.environment import TaskRewardParallel
from power_metrics.tasks.game_result import ManyGameTasks
from power_metrics.tasks.runs import FILE, STREAM, by_steps, check_function, keep_policies, kept_policies
from powerenvs.model.checks import mapped
from powerenvs.model.game import TabularGame
from powerenvs.model.labels import closest

Floats = NDArray[np.float64]

ALGORITHM = "q_learning"
LOOKS = 20
"""From the first step to the last, where nothing else is asked for."""

REWARDS = 304
"""The stream of the agents' seeds."""


class GamePolicies(NamedTuple):
    """What agents would do, after more and more steps.

    Attributes:
        step: (L,) after how many.
        policies: (L, S, A_i) of each agent.
    """

    step: Floats
    policies: tuple[Floats, ...]


@dataclass(frozen=True)
class GameRunner:
    """How the agents of a game learn a task.

    Attributes:
        learner: "q_learning", or a function.
        env: the parallel environment, without the task.
        game: its tables.
        gamma: discount of learners and numbers.
        seed: of everything that is drawn.
        steps: joint steps of an algorithm.
        eval_every: of an algorithm.
        rules: of an algorithm.
    """

    learner: Any
    env: Any
    game: TabularGame
    gamma: float
    seed: int
    steps: int
    eval_every: int
    rules: IndependentQLearning

    def __call__(self, task: int, rewards: Floats, folder: Path | None) -> GamePolicies:
        """Learns task number ``task``, rewards (N, S), or takes what is in the folder.

        Raises:
            ValueError: for a learner that gives no policies, and a folder of another task.
        """
        path = None if folder is None else folder / FILE
        if path is not None and path.is_file():
            arrays = kept_policies(path, rewards)
            return GamePolicies(arrays["step"], tuple(arrays[f"policies{i}"] for i in range(self.game.num_agents)))
        seed = int(block_generator(self.seed, task, STREAM).integers(2**31))
        env = TaskRewardParallel(copy.deepcopy(self.env), dict(zip(self.game.agents, rewards, strict=True)), self.gamma)
        found = self._algorithm(env, seed) if isinstance(self.learner, str) else self._asked(env, seed)
        if path is not None:
            tables = {f"policies{i}": policies for i, policies in enumerate(found.policies)}
            keep_policies(path, {"rewards": rewards, "step": found.step, **tables})
        return found

    def _algorithm(self, env: Any, seed: int) -> GamePolicies:
        looks = [*range(0, self.steps, self.eval_every), self.steps]
        horizon = env.unwrapped.max_cycles
        learned = self.rules.learn(
            env.shaped_model(self.game), self.gamma, self.steps, looks, horizon, np.random.default_rng(seed)
        )
        return GamePolicies(np.array(looks, dtype=np.float64), tuple(learned))

    def _asked(self, env: Any, seed: int) -> GamePolicies:
        agents = self.game.agents
        learned = mapped("learner", self.learner(env, seed), "{agent: policy}, or {steps: {agent: policy}}")
        looks: Mapping[Any, Any] = {0: learned} if set(learned) & set(agents) else learned
        steps = by_steps(looks)
        found: list[list[Floats]] = [[] for _ in agents]
        for step in steps:
            given = mapped("learner", looks[step], "the policies of all agents, {agent: policy}")
            if sorted(given) != sorted(agents):
                raise ValueError(f"learner: expected the policies of {agents}, found those of {tuple(given)}")
            for policies, agent in zip(found, agents, strict=True):
                policies.append(policy_table(given[agent], env, agent=agent))
        return GamePolicies(np.array(steps, dtype=np.float64), tuple(map(np.stack, found)))


def check_game_learner(learner: Any) -> Any:
    """A learner as `GameRunner` takes it.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(learner, str):
        if learner != ALGORITHM:
            raise ValueError(
                f"learner: expected {ALGORITHM!r}, which is independent Q-learning of every agent, or a function (env, "
                f"seed) -> {{agent: policy}}, in a game; found {learner!r}"
            )
        return learner
    if isinstance(learner, Learner):
        raise ValueError(
            f"learner: expected {ALGORITHM!r} or a function (env, seed) -> {{agent: policy}} in a game, found "
            f"{learner!r}, which needs a world of one agent; game.against(policies) makes one"
        )
    return check_function(learner)


def check_rules(settings: Mapping[str, Any]) -> IndependentQLearning:
    """How agents learn, from settings by name.

    Raises:
        ValueError: for unknown names, and what does not fit.
    """
    known = ("learning_rate", "epsilon", "exploration")
    for name in settings:
        if name not in known:
            raise ValueError(f"settings: no setting {name!r} of {ALGORITHM}; {closest(str(name), known)}")
    return IndependentQLearning(**settings)


def game_tasks(game: TabularGame, count: int, reward: RewardDistribution | PerState, seed: int) -> Floats:
    """(T, N, S) tasks, drawn for each agent by itself."""
    parts = []
    for i, agent in enumerate(game.agents):
        own = int(block_generator(seed, i, REWARDS).integers(2**31))
        parts.append(drawn_rewards(among_random(game, agent), np.arange(count), reward, own))
    return np.stack(parts, axis=1)


def check_game_tasks(rewards: Any, game: TabularGame) -> Floats:
    """(T, N, S) tasks as they were given.

    Raises:
        ValueError: for another shape, and what is not finite.
    """
    found = as_float64("rewards", rewards, (game.state_labels,))
    shape = (game.num_agents, game.num_states)
    if found.ndim != 3 or found.shape[1:] != shape or not len(found) or not np.isfinite(found).all():
        raise ValueError(f"rewards: expected finite numbers (tasks, {shape[0]}, {shape[1]}), found shape {found.shape}")
    return found


def game_power(power: Any, game: TabularGame) -> tuple[Any, ...]:
    """The POWER of each agent that was given, as `PowerEstimate` or (S,) numbers."""
    return tuple(given_power(power, agent, game) for agent in game.agents)


def measured_in_game(
    runner: GameRunner, tasks: Floats, learned: Sequence[GamePolicies], powers: Sequence[Any], record: Mapping[str, Any]
) -> ManyGameTasks:
    """Everything that is found, from what was learned in each task.

    Args:
        runner: how.
        tasks: (T, N, S).
        learned: in each task.
        powers: of each agent.
        record: what the result says of the learner and the tasks.
    """
    game, gamma, start = runner.game, runner.gamma, runner.game.initial
    values = [_numbers(power, among_random(game, agent)) for power, agent in zip(powers, game.agents, strict=True)]
    references = {
        agent: References.of(among_random(game, agent), gamma, own, start)
        for agent, own in zip(game.agents, values, strict=True)
    }
    random = references[game.agents[0]].occupancies[RANDOM]
    shares, best, ends = [], [], []
    for task, found in zip(tasks, learned, strict=True):
        world = TaskRewardParallel(runner.env, dict(zip(game.agents, task, strict=True)), gamma).shaped_model(game)
        looks = [_look(world, [own[k] for own in found.policies], gamma) for k in range(len(found.step))]
        shares.append([look[0] for look in looks])
        best.append([look[1] for look in looks])
        policies, ended, _ = best_responses(world, gamma, start)
        ends.append(_together(world, policies, gamma) if ended else np.full(game.num_states, np.nan))
    share, other, end = np.array(shares), np.array(best), np.array(ends)  # (T, L, S), (T, L, N, S), (T, S)
    own = np.stack(values)
    apart = (share[:, :, None] - other).mean(axis=0)  # (L, N, S)
    return ManyGameTasks(
        model=game,
        learner=record["learner"],
        gamma=gamma,
        seed=runner.seed,
        reward=record["reward"],
        step=learned[0].step,
        rewards=np.ascontiguousarray(tasks),
        seeking=share @ own.T,
        optimal_seeking=np.einsum("tlis,is->tli", other, own),
        equilibrium_seeking=end @ own.T,
        converged=np.isfinite(end[:, 0]),
        returns=np.einsum("tls,tis->tli", share, tasks),
        optimal_returns=np.einsum("tlis,tis->tli", other, tasks),
        random_returns=tasks @ random,
        scale_error=np.stack([_scale_error(apart[:, i], power) for i, power in enumerate(powers)], axis=1),
        references=references,
    )


def _look(world: TabularGame, policies: Sequence[Floats], gamma: float) -> tuple[Floats, list[Floats]]:
    """Where the agents go (S,), and where they would if one of them gave its best response, each in turn."""
    named = dict(zip(world.agents, policies, strict=True))
    share, best = np.empty(0), []
    for agent in world.agents:
        alone = world.against({other: named[other] for other in world.agents if other != agent})
        share = occupancy(alone, named[agent], gamma, world.initial)
        best.append(occupancy(alone, optimal_policies(alone, None, gamma).numpy()[0], gamma, world.initial))
    return share, best


def _together(world: TabularGame, policies: Mapping[str, Floats], gamma: float) -> Floats:
    first = world.agents[0]
    alone = world.against({other: policies[other] for other in world.agents if other != first})
    return np.asarray(occupancy(alone, policies[first], gamma, world.initial))


def _numbers(power: Any, alone: Any) -> Floats:
    return power.mean if isinstance(power, PowerEstimate) else power_values(power, alone)


def _scale_error(apart: Floats, power: Any) -> Floats:
    """(L,) the standard error of ``apart`` (L, S) times POWER that the error of POWER makes."""
    samples = power.samples if isinstance(power, PowerEstimate) else None
    if samples is None or len(samples) < 2:
        return np.full(len(apart), np.nan)
    return np.asarray((samples @ apart.T).std(axis=0, ddof=1) / np.sqrt(len(samples)))
