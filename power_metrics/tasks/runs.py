"""One task: a learner, a reward function, and the policies that it had after so many steps."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle  # type: ignore[import-untyped]  # which Gymnasium brings
import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.bounded import Learner, checked_policies
from power_metrics.agents.table import policy_table
from power_metrics.learners.algorithms import ALGORITHMS, algorithm_named
from power_metrics.learners.train import train
from power_metrics.rewards.sampler import block_generator
from power_metrics.tasks.environment import TaskReward
from powerenvs.model.labels import closest
from powerenvs.model.mdp import TabularMDP
from powerenvs.model.npz import load_arrays, save_arrays

Floats = NDArray[np.float64]

KIND = "power_metrics.TaskPolicies"
FILE = "policies.npz"
STREAM = 302
"""The stream of learners' own chance, apart from all draws of reward functions."""


class Policies(NamedTuple):
    """What a learner would do, after more and more steps.

    Attributes:
        step: (L,) after how many.
        policies: (L, S, A) action probabilities.
    """

    step: Floats
    policies: Floats


@dataclass(frozen=True)
class Runner:
    """How a learner learns a task.

    Attributes:
        learner: the name of an algorithm of `power_metrics.train`, a `Learner`, or a function.
        env: the environment, without the task.
        mdp: its tables.
        gamma: discount of learner and numbers.
        seed: of everything that is drawn.
        steps: of an algorithm; None for others.
        eval_every: of an algorithm.
        settings: of an algorithm.
        power: (S,) POWER, for the curve that an algorithm keeps in its folder.
    """

    learner: Any
    env: Any
    mdp: TabularMDP
    gamma: float
    seed: int
    steps: int | None
    eval_every: int | None
    settings: Mapping[str, Any]
    power: Floats

    def __call__(self, task: int, rewards: Floats, folder: Path | None) -> Policies:
        """Learns task number ``task``; goes on with what is in the folder.

        Raises:
            ValueError: for a learner that gives no policies, and a folder of another task.
        """
        seed = int(block_generator(self.seed, task, STREAM).integers(2**31))
        if isinstance(self.learner, str):
            found = train(
                TaskReward(copy.deepcopy(self.env), rewards, self.gamma), self.learner, steps=self.steps or 1,
                seed=seed, out=folder, gamma=self.gamma, eval_every=self.eval_every, power=self.power,
                settings=self.settings, progress=False,
            )  # fmt: skip
            return Policies(found.step, found.policies)
        path = None if folder is None else folder / FILE
        if path is not None and path.is_file():
            arrays = kept_policies(path, rewards)
            return Policies(arrays["step"], arrays["policies"])
        found_policies = self._asked(rewards, seed)
        if path is not None:
            keep_policies(path, {"rewards": rewards, **found_policies._asdict()})
        return found_policies

    def _asked(self, rewards: Floats, seed: int) -> Policies:
        if isinstance(self.learner, Learner):
            given = self.learner.policies(self.mdp, rewards[None], self.gamma, np.random.default_rng(seed))
            return Policies(np.zeros(1), checked_policies(given, self.mdp, 1))
        env = TaskReward(copy.deepcopy(self.env), rewards, self.gamma)
        learned = self.learner(env, seed)
        looks = learned if isinstance(learned, Mapping) else {0: learned}
        steps = by_steps(looks)
        tables = [policy_table(looks[step], env) for step in steps]
        return Policies(np.array(steps, dtype=np.float64), np.stack(tables))


def by_steps(looks: Mapping[Any, Any]) -> list[Any]:
    """The numbers of steps of {steps: policy}, rising.

    Raises:
        ValueError: for none, and what is no number.
    """
    try:
        steps = sorted(looks, key=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"learner: expected a policy, or {{steps: policy}} with numbers of steps, found {list(looks)[:3]}"
        ) from None
    if not steps:
        raise ValueError("learner: expected a policy, or {steps: policy}, found an empty mapping")
    return steps


def kept_policies(path: Path, rewards: Floats) -> dict[str, NDArray[Any]]:
    """What `keep_policies` wrote of this task.

    Raises:
        ValueError: if the file is of another.
    """
    arrays, _ = load_arrays(path, KIND)
    if not np.array_equal(arrays["rewards"], rewards):
        raise ValueError(f"out: {str(path)!r} is of another task; use another folder")
    return dict(arrays)


def keep_policies(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes what was learned of a task, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_arrays(path, KIND, dict(arrays), {})


def described(learner: Any) -> str:
    """What a learner is called."""
    if isinstance(learner, str):
        return learner
    return repr(learner) if isinstance(learner, Learner) else str(getattr(learner, "__name__", repr(learner)))


def check_learner(learner: Any) -> Any:
    """A learner as `Runner` takes it.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(learner, str):
        return algorithm_named(learner).name
    if isinstance(learner, type):
        raise ValueError(f"learner: expected an instance such as Boltzmann(0.1), found the class {learner.__name__}")
    if isinstance(learner, Learner):
        return learner
    return check_function(learner)


def check_function(learner: Any) -> Any:
    """A learner that is a function.

    Raises:
        ValueError: for anything else.
    """
    if not callable(learner):
        raise ValueError(
            "learner: expected the name of an algorithm of power_metrics.train, such as "
            f"{closest('q_learning', ALGORITHMS)}, a learner such as Boltzmann(0.1), or a function (env, seed) -> "
            f"policy, found {learner!r}"
        )
    try:
        inspect.signature(learner).bind(None, 0)
    except TypeError:
        raise ValueError(
            f"learner: expected a function of two arguments, (env, seed) -> policy, found "
            f"{getattr(learner, '__name__', learner)!r}{inspect.signature(learner)}"
        ) from None
    except ValueError:  # it has no signature
        pass
    return learner


class Job(NamedTuple):
    """A task for a worker."""

    number: int
    rewards: Floats
    folder: Path | None


_runners: dict[bytes, Callable[..., Any]] = {}


def packed(runner: Any) -> bytes:
    """For other processes.

    Raises:
        ValueError: if the learner or the environment cannot go there.
    """
    try:
        return bytes(cloudpickle.dumps(runner))
    except Exception as error:  # pickle raises whatever the object's own code does
        raise ValueError(f"learner: expected one that can be pickled, for workers ({error})") from None


def work(payload: bytes, job: Job) -> Any:
    """Does a job, in the worker."""
    if payload not in _runners:
        _runners.clear()
        _runners[payload] = cloudpickle.loads(payload)
    import torch

    torch.set_num_threads(1)
    return _runners[payload](job.number, job.rewards, job.folder)
