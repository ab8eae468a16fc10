"""Tasks by name, and the tables that a task's observers are computed from."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from powerenvs.authoring.compile import compile_world
from powerenvs.authoring.family import load
from powerenvs.envs.loading import build_world
from powerenvs.model.labels import closest, label_text
from powerenvs.model.mdp import TabularMDP
from powerenvs.registry import environments
from powerenvs.worlds.psychology.task import Task


def tasks() -> tuple[str, ...]:
    """The names of all tasks: worlds of any family that are tasks.

    Example:
        >>> import power_metrics as pm
        >>> "VisualSearch" in pm.psych.tasks()
        True
    """
    worlds = {entry.name: load(entry.world) for entry in environments()}
    return tuple(name for name, world in worlds.items() if isinstance(world, type) and issubclass(world, Task))


def task(name: Any, **settings: Any) -> Task[Any]:
    """A task: by its name or id, its class, or itself; or the one that an environment shows.

    Args:
        name: such as "VisualSearch", or "powerenvs/VisualSearch-v0".
        **settings: of the task.

    Raises:
        ValueError: for what is no task, and settings that it refuses.

    Example:
        >>> import power_metrics as pm
        >>> pm.psych.task("VisualSearch", set_size=16).set_size
        16
    """
    if isinstance(name, gym.Env):
        name = getattr(name.unwrapped, "world", None)
    if isinstance(name, str):
        short = name.rpartition("/")[2].removesuffix("-v0")
        entries = {entry.name: entry for entry in environments()}
        if short not in tasks():
            raise ValueError(f"task: unknown task {name!r}; {closest(short, tasks())}")
        name = load(entries[short].world)
    if isinstance(name, type) and issubclass(name, Task):
        name = build_world(name, settings, ())
    elif settings:
        raise ValueError(f"task: expected a name with settings, found {name!r} with {', '.join(settings)}")
    if not isinstance(name, Task):
        raise ValueError(f"task: expected the name of a task or a task, found {name!r}")
    return name


def task_of(log: Any) -> Task[Any]:
    """The task of a log, with its settings.

    Args:
        log: a `power_metrics.psych.TrialLog`.

    Raises:
        ValueError: for a log that does not say, or is of an unknown task.
    """
    try:
        call = ast.parse(log.task, mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        settings = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError, AssertionError):
        raise ValueError(f"log: expected one that says of which task it is, found {log.task!r}") from None
    return task(call.func.id, **settings)


@dataclass(frozen=True)
class Tables:
    """The belief MDP of a task, and what happens under each truth.

    Attributes:
        task: the task.
    """

    task: Task[Any]

    @cached_property
    def mdp(self) -> TabularMDP:
        """The belief MDP."""
        return compile_world(self.task)

    @cached_property
    def answers(self) -> NDArray[np.bool_]:
        """(A,) which actions answer."""
        return np.array([action in self.task.answers for action in self.mdp.action_labels])

    @cached_property
    def ticks(self) -> NDArray[np.float64]:
        """(S, A) how long each action takes; nothing in terminal states."""
        task, mdp = self.task, self.mdp
        taken = [
            [0 if over else task.ticks(state, action) for action in task.actions]
            for state, over in zip(mdp.state_labels, mdp.terminal, strict=True)
        ]
        return np.array(taken, dtype=np.float64)

    @cached_property
    def useful(self) -> NDArray[np.bool_]:
        """(S, A) which actions do what they say; all in terminal states."""
        task, mdp = self.task, self.mdp
        kept = [
            [over or action in task.useful(state) for action in task.actions]
            for state, over in zip(mdp.state_labels, mdp.terminal, strict=True)
        ]
        return np.array(kept, dtype=bool)

    @cached_property
    def answering(self) -> NDArray[np.bool_]:
        """(S, A) where an action is an answer that counts."""
        return self.useful & self.answers & ~self.mdp.terminal[:, None]

    @cached_property
    def trial(self) -> NDArray[np.int64]:
        """(S,) the number of the trial in its block."""
        return np.array([getattr(state, "trial", 0) for state in self.mdp.state_labels])

    @cached_property
    def open(self) -> NDArray[np.bool_]:
        """(S,) where answers count."""
        return np.asarray(self.answering.any(axis=1))

    @cached_property
    def shares(self) -> dict[str, NDArray[np.float64]]:
        """{truth: (S,) how probable it is in each state}; 0 in terminal states."""
        found: dict[str, NDArray[np.float64]] = {}
        for s, label in enumerate(self.mdp.state_labels):
            for truth, p in () if self.mdp.terminal[s] else self.task.posterior(label).items():
                found.setdefault(label_text(truth), np.zeros(self.mdp.num_states))[s] = p
        return found

    @cached_property
    def correct(self) -> dict[str, NDArray[np.float64]]:
        """{truth: (S, A) the probability that this is the truth, and that the action is the correct answer}."""
        mdp, task = self.mdp, self.task
        found = {name: np.zeros((mdp.num_states, mdp.num_actions)) for name in self.shares}
        for s, label in enumerate(mdp.state_labels):
            if mdp.terminal[s]:
                continue
            for action in set(task.useful(label)) & set(task.answers):
                for truth, p in task.posterior(label).items():
                    right = sum(c.probability for c in task.outcomes(label, action, truth) if c.correct)
                    found[label_text(truth)][s, task.actions.index(action)] = p * right
        return found
