"""`many_tasks`: learners over drawn reward functions, on several processes, into a folder to go on from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.joint_observations import among_random, game_of
from power_metrics.agents.joint_q_learning import IndependentQLearning
from power_metrics.arguments.checks import (
    check_count,
    check_gamma,
    check_mapping,
    check_progress,
    check_rewards,
    check_seed,
    resolve_model,
)
from power_metrics.chains.evaluation import policy_values
from power_metrics.chains.occupancy import occupancy
from power_metrics.comparison.references import RANDOM, References, power_values
from power_metrics.measures.power import power as compute_power
from power_metrics.measures.run_policies import drawn_rewards
from power_metrics.results.estimate import PowerEstimate
from power_metrics.resumed.folder import check_same, locked
from power_metrics.resumed.work import Progress, work_through
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from power_metrics.rewards.sampler import block_generator
from power_metrics.solvers.optimal import optimal_policies
from power_metrics.tasks.environment import game_task_environment, task_environment
from power_metrics.tasks.game_result import ManyGameTasks
from power_metrics.tasks.games import (
    LOOKS,
    GameRunner,
    check_game_learner,
    check_game_tasks,
    check_rules,
    game_power,
    game_tasks,
    measured_in_game,
)
from power_metrics.tasks.result import ManyTasks
from power_metrics.tasks.runs import Job, Policies, Runner, check_learner, described, packed, work
from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]

RECORD, RESULT = "tasks.json", "tasks.npz"
SCALE_SAMPLES = 10_000
"""Reward functions of the POWER that power-seeking is measured by, none of them a task's."""

SCALE = 303
"""The stream of their seed."""


def many_tasks(
    env: Any,
    learner: Any = "q_learning",
    *,
    steps: int = 20_000,
    num_tasks: int = 20,
    gamma: float = 0.9,
    reward: RewardDistribution | PerState = DEFAULT,
    rewards: Any = None,
    seed: int | None = 0,
    eval_every: int | None = None,
    settings: Mapping[str, Any] | None = None,
    power: Any = None,
    out: str | os.PathLike[str] | None = None,
    workers: int = 1,
    progress: bool | None = None,
) -> ManyTasks | ManyGameTasks:
    """Lets a learner learn many tasks, and holds the POWER that it seeks in each against what is optimal there.

    The theorems on power-seeking are about optimal policies of *most* reward functions; this asks the same of learned
    ones. Each task is a reward function over states, drawn, which the environment pays instead of its own rewards (see
    `TaskReward`). Policies are measured exactly, from their tables. Power-seeking is judged by POWER of 10,000 other
    reward functions than the tasks.

    With ``out`` every finished task is kept, and algorithms by name leave their checkpoints too: the same call goes on
    from there, and ends with the same numbers as it would have without a break, whatever the number of workers.

    In games every agent has a task of its own, drawn by itself, and learns among the others, who learn theirs. Optimal
    is then a best response to what the others have learned. "q_learning" is independent Q-learning of all agents
    (settings: ``learning_rate``, ``epsilon``, ``exploration``); a function (env, seed) gets the game as a parallel
    environment, see `TaskRewardParallel`, and returns {agent: policy}, or {steps: {agent: policy}}.

    Args:
        env: an environment with exact tables and S states, whose observations the learner sees, a world, or tables; or
            a game, its parallel environment or its world. One without a time limit gets one of 100 steps.
        learner: the name of an algorithm of `power_metrics.train` ("q_learning", "ppo", "dqn", ...); a learner of
            `power_metrics.power_of_policies`, such as ``Boltzmann(0.1)``; or a function (env, seed) that returns what
            `power_metrics.policy_table` takes, or {steps: that} for a curve.
        steps: of an algorithm in each task.
        num_tasks: T, how many tasks.
        gamma: discount in [0, 1), of learners and of all numbers.
        reward: the distribution of tasks: those of `power_metrics.power`.
        rewards: (T, S): exactly these tasks instead; (T, N, S) in a game of N agents.
        seed: of tasks and learners.
        eval_every: steps of an algorithm from one look to the next; a twentieth of ``steps`` when None.
        settings: arguments of an algorithm; see `power_metrics.train`.
        power: a `PowerEstimate` or (S,) numbers by which power-seeking is judged instead; {agent: that} in a game.
        out: a folder for everything that is finished, and the result (``tasks.npz``).
        workers: processes that learn tasks at the same time. Functions and environments go to them by cloudpickle.
        progress: True for a progress bar over tasks, False for none, None for one in a terminal after two seconds.

    Returns:
        `ManyTasks`; `ManyGameTasks` of a game.

    Raises:
        ValueError: for an argument that does not fit, learners that give no policies, or looks of different tasks after
            different numbers of steps, and a folder of other tasks.
        ImportError: if the algorithm needs an extra that is missing.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> found = pm.many_tasks(PowerGrid("S.."), pm.Boltzmann(0.1), num_tasks=50, progress=False)
        >>> found.difference.shape
        (50, 1)
        >>> from powerenvs.multi import power_pair_v0
        >>> game = power_pair_v0.parallel_env(level="S..")
        >>> pm.many_tasks(game, steps=2_000, num_tasks=3, progress=False).difference.shape  # tasks, looks, agents
        (3, 21, 2)
    """
    settings = {} if settings is None else check_mapping("settings", settings)
    gamma, first, shown = check_gamma(gamma), check_seed(seed), check_progress(progress)
    count, workers = check_count("num_tasks", num_tasks), check_count("workers", workers)
    steps = check_count("steps", steps)
    every = None if eval_every is None else check_count("eval_every", eval_every)
    game = game_of(env)
    chosen = check_learner(learner) if game is None else check_game_learner(learner)
    named = isinstance(chosen, str)
    if not named and (settings or every is not None):
        raise ValueError(
            f"{'settings' if settings else 'eval_every'}: goes with an algorithm by name, found {learner!r}"
        )
    model = resolve_model(env) if game is None else game
    record: dict[str, Any] = {
        "learner": described(chosen), "steps": steps if named else None, "eval_every": every,
        "settings": json.dumps(settings, default=repr), "gamma": gamma, "seed": first,
        "reward": repr(reward) if rewards is None else "given", "model": model.fingerprint,
    }  # fmt: skip
    rules = check_rules(settings) if game is not None and named else IndependentQLearning()
    if isinstance(model, TabularGame):
        tasks = game_tasks(model, count, reward, first) if rewards is None else check_game_tasks(rewards, model)
        alone = [among_random(model, agent) for agent in model.agents]
        given = None if power is None else game_power(power, model)
        place = game_task_environment(env)
    else:
        tasks = (
            drawn_rewards(model, np.arange(count), reward, first) if rewards is None else check_rewards(rewards, model)
        )
        alone = [model]
        given = None if power is None else (power,)
        place = task_environment(env)
    judged = None if given is None else [power_values(own, mdp) for own, mdp in zip(given, alone, strict=True)]
    folder = None if out is None else Path(out)
    with nullcontext() if folder is None else locked(folder):
        if folder is not None:
            check_same(folder, RECORD, record, "tasks")
        powers = _scales(alone, gamma, reward, first) if given is None else given
        if judged is None:
            judged = [own.mean for own in powers]
        if isinstance(model, TabularGame):
            every = max(1, steps // LOOKS) if every is None else every
            runner: Any = GameRunner(chosen, place, model, gamma, first, steps, every, rules)
        else:
            runner = Runner(chosen, place, model, gamma, first, steps if named else None, every, settings, judged[0])
        jobs = [Job(n, task, None if folder is None else folder / f"task-{n:04d}") for n, task in enumerate(tasks)]
        told = Progress(record["learner"], "tasks", len(jobs), show=shown, kept=folder is not None)
        numbered = work_through(
            lambda job: runner(*job), jobs, told, workers=workers, elsewhere=lambda: partial(work, packed(runner))
        )
        found: dict[int, Any] = {job.number: policies for job, policies in numbered}
        learned = [found[n] for n in range(len(tasks))]
        _check_looks(learned)
        if game is None:
            result: Any = _measured(runner, tasks, learned, powers[0], record)
        else:
            result = measured_in_game(runner, tasks, learned, powers, record)
        if folder is not None:
            result.save(folder / RESULT)
    return cast("ManyTasks | ManyGameTasks", result)


def _scales(alone: Sequence[TabularMDP], gamma: float, reward: Any, seed: int) -> list[PowerEstimate]:
    """POWER that power-seeking is measured by, of each agent in its world."""
    found = []
    for number, mdp in enumerate(alone):
        other = int(block_generator(seed, number, SCALE).integers(2**31))
        found.append(
            compute_power(
                mdp, gamma, reward, SCALE_SAMPLES, other, method="monte_carlo", keep_samples=True, progress=False
            )
        )
    return found


def _check_looks(learned: Sequence[Any]) -> None:
    """Raises a ValueError unless policies of all tasks were looked at after the same numbers of steps."""
    step = learned[0].step
    other = next((n for n, one in enumerate(learned) if not np.array_equal(one.step, step)), None)
    if other is not None:
        raise ValueError(
            f"learner: expected looks after the same numbers of steps in every task, found {step.tolist()} in task 0 "
            f"and {learned[other].step.tolist()} in task {other}"
        )


def _measured(
    runner: Runner, tasks: Floats, learned: Sequence[Policies], power: Any, record: Mapping[str, Any]
) -> ManyTasks:
    mdp, gamma = runner.mdp, runner.gamma
    step = learned[0].step
    references = References.of(mdp, gamma, runner.power, mdp.initial)
    best = optimal_policies(mdp, tasks, gamma).numpy()
    best_share = occupancy(mdp, best, gamma, mdp.initial)
    shares = np.stack([occupancy(mdp, one.policies, gamma, mdp.initial) for one in learned])  # (T, L, S)
    apart = (shares - best_share[:, None]).mean(axis=0)
    random = np.broadcast_to(references.policies[RANDOM], best.shape)
    return ManyTasks(
        learner=record["learner"],
        gamma=gamma,
        seed=runner.seed,
        reward=record["reward"],
        step=step,
        rewards=np.ascontiguousarray(tasks),
        seeking=shares @ runner.power,
        optimal_seeking=best_share @ runner.power,
        returns=np.stack([_returns(mdp, one.policies, task, gamma) for one, task in zip(learned, tasks, strict=True)]),
        optimal_returns=_returns(mdp, best, tasks, gamma),
        random_returns=_returns(mdp, random, tasks, gamma),
        scale_error=_scale_error(apart, power),
        references=references,
    )


def _returns(mdp: TabularMDP, policies: Floats, rewards: Floats, gamma: float) -> Floats:
    """(B,) (1 - γ) V(start) of policies (B, S, A), each under its reward function (B, S) or all under one (S,)."""
    given = np.broadcast_to(rewards, (len(policies), mdp.num_states))
    return (1.0 - gamma) * policy_values(mdp, policies, np.ascontiguousarray(given), gamma).numpy() @ mdp.initial


def _scale_error(apart: Floats, power: Any) -> Floats:
    """(L,) the standard error of ``apart`` (L, S) times POWER that the error of POWER makes."""
    samples = power.samples if isinstance(power, PowerEstimate) else None
    if samples is None or len(samples) < 2:
        return np.full(len(apart), np.nan)
    each = samples @ apart.T
    return np.asarray(each.std(axis=0, ddof=1) / np.sqrt(len(samples)))
