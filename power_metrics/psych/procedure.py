"""`run`: trials of a task, done by anybody, with levels that are fixed, all alike, or follow a staircase."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_count, check_progress, check_seed
from power_metrics.psych.logs import TrialLog
from power_metrics.psych.named import Tables, task as task_named
from power_metrics.psych.pairs import PairStaircase
from power_metrics.psych.person import Person
from power_metrics.psych.staircases import Staircase, as_staircase
from power_metrics.psych.subjects import NoisyIdeal, PolicyOf, screen_subject, table_subject
from powerenvs.model.checks import mapped
from powerenvs.progress import progress_bar
from powerenvs.worlds.psychology.screen import ScreenEnv
from powerenvs.worlds.psychology.task import FRAMES_PER_SECOND, Block, Task

Row = dict[str, Any]
Level = int | tuple[int, int] | None


def run(
    task: Any,
    subject: Any = "ideal",
    trials: int = 100,
    seed: int | None = 0,
    *,
    levels: int | tuple[int, int] | str | None = None,
    staircase: Staircase | None = None,
    screen: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> TrialLog:
    """Trials of a task.

    The same seed gives the same trials to every subject; where a staircase chooses the levels, the same at the same
    level. Subjects that know what the belief MDP knows ("ideal", "noisy", "random", `NoisyIdeal`, a policy (S, A),
    models of Stable-Baselines3 and RLlib trained on states, by number or one-hot) take time in ticks of the model. All
    others (models trained on screens, functions from observations to actions, "person") look at a `ScreenEnv`.

    Args:
        task: as for `power_metrics.psych.task`.
        subject: see above; for "person" a window opens, in which cursor keys move the gaze and digits answer.
        trials: how many, at least; a block is done to its end.
        seed: of the trials, and of what chance there is in the subject.
        levels: the difficulty: a level from 1 (easiest), "all" for any by chance (the method of constant stimuli), or
            None for the settings of the task; where a task has two variables, such as set size and delay, also a pair
            of levels, or "pairs" for any by chance.
        staircase: chooses the levels instead: an `UpDown`, a `LevelStaircase`, a `PairStaircase` or a `Quest`.
        screen: arguments of the `ScreenEnv`, for those who look at one.
        progress: show a progress bar: True, False, or None to show one on a terminal after two seconds.
        **settings: of the task.

    Raises:
        ValueError: for an argument that does not fit, and for subjects that never answer.

    Example:
        >>> import power_metrics as pm
        >>> ideal = pm.psych.run("MotionDiscrimination", "ideal", trials=50, seed=3, levels="all")
        >>> guess = pm.psych.run("MotionDiscrimination", "random", trials=50, seed=3, levels="all")
        >>> ideal.column("direction").tolist() == guess.column("direction").tolist()
        True
        >>> ideal.accuracy() > guess.accuracy()
        True
    """
    base = task_named(task, **settings)
    count, seed, stairs = check_count("trials", trials), check_seed(seed), as_staircase(staircase)
    progress = check_progress(progress)
    choose = _levels(base, levels, stairs, seed)
    policy = table_subject(subject)
    if policy is not None and screen is not None:
        raise ValueError("screen: expected None for a subject that knows what the belief MDP knows")
    session: Callable[[int, Level], list[Row]]
    if policy is not None:
        session = _Beliefs(base, policy, seed)
    else:
        options = dict(mapped("screen", screen or {}, "a dictionary"))
        session = (
            Person(base, seed, options)
            if subject == "person"
            else _Screens(base, screen_subject(subject), seed, options)
        )
    rows: list[Row] = []
    with progress_bar(None, f"{type(base).__name__}: trials", progress, unit="") as bar:
        block = 0
        while len(rows) < count:
            level, probe = choose(block)
            found = session(block, level)
            if not found:  # the person has closed the window
                break
            for row in found:
                rows.append({"block": block, **row, "difficulty_level": _written(level), "probe": probe})
                if stairs is not None and not probe and level is not None:
                    stairs.record(level, bool(row["correct"]))
            bar.update(len(found))
            block += 1
    return TrialLog([_ordered(row) for row in rows], repr(base), _name(subject), seed)


def _levels(task: Task[Any], levels: Any, stairs: Staircase | None, seed: int) -> Callable[[int], tuple[Level, bool]]:
    """From the number of a block to its level, and whether it is a probe."""
    rng = np.random.default_rng([seed, 2**31])
    if stairs is not None:
        if isinstance(stairs, PairStaircase):
            task.at(stairs.levels)
            most = 0
        else:
            most = getattr(stairs, "levels", len(getattr(stairs, "intensities", task.values)))
        if levels is not None:
            raise ValueError(f"levels: expected None with a staircase, which chooses them, found {levels!r}")
        if most > len(task.values):
            raise ValueError(f"staircase: expected at most the {len(task.values)} levels of the task, found {most}")
        return lambda block: stairs.next(rng)
    if levels is None:
        return lambda block: (None, False)
    if levels == "all":
        return lambda block: (int(np.random.default_rng([seed, block, 1]).integers(len(task.values))) + 1, False)
    if levels == "pairs":
        if not task.second:
            raise ValueError(f"levels: expected 'all' or a number, as {type(task).__name__} has one variable")
        most_of = len(task.values), len(task.seconds)
        return lambda block: (_drawn_pair(np.random.default_rng([seed, block, 1]), most_of), False)
    task.at(levels)
    level: Level = (int(levels[0]), int(levels[1])) if isinstance(levels, tuple | list) else int(levels)
    return lambda block: (level, False)


def _drawn_pair(rng: np.random.Generator, most: tuple[int, int]) -> tuple[int, int]:
    return int(rng.integers(most[0])) + 1, int(rng.integers(most[1])) + 1


class _Beliefs:
    """Blocks of a subject with a policy over what the belief MDP knows."""

    def __init__(self, task: Task[Any], policy: PolicyOf, seed: int):
        self._task, self._policy, self._seed = task, policy, seed
        self._known: dict[Level, tuple[Tables, NDArray[np.float64], dict[Hashable, int]]] = {}
        self._outcomes: dict[Any, list[Any]] = {}

    def __call__(self, number: int, level: Level) -> list[Row]:
        """The lines of one block."""
        task = self._task if level is None else self._task.at(level)
        if level not in self._known:
            tables = Tables(task)
            sums = np.cumsum(self._policy(tables), axis=1)
            self._known[level] = tables, sums / sums[:, -1:], {s: i for i, s in enumerate(tables.mdp.state_labels)}
        tables, sums, index = self._known[level]
        block = task.block(self._seed, number)
        inside = np.random.default_rng(block.noise)
        own = np.random.default_rng([self._seed, number, 3])
        state = _drawn([(p, s) for p, s in task.start() if task.fits(block, 0, None, "", s)], inside)
        rows: list[Row] = []
        ticks = steps = seen = 0  # of a trial: time since answers count, actions, and what was seen
        while not task.terminal(state):
            action = task.actions[
                min(int(np.searchsorted(sums[index[state]], own.random(), side="right")), len(task.actions) - 1)
            ]
            truth, effective = task.truth_at(block, state), task.effective(state, action) or ""
            key = (level, state, action, truth)
            if key not in self._outcomes:
                self._outcomes[key] = [c for c in task.happens(state, action, truth) if c.probability > 0]
            fitting = [c for c in self._outcomes[key] if task.fits(block, seen, state, effective, c.state)]
            if task.fresh:
                fitting = [c for c in fitting if c.truth is None or c.truth == task.truth_at(block, c.state)]
            change = _drawn([(c.probability, c) for c in fitting], inside)
            steps += 1
            if steps > 1_000_000:
                raise ValueError("subject: expected one that answers, found a million actions without an answer")
            seen += effective not in ("", *task.answers)
            ticks += task.ticks(state, action) if tables.open[index[state]] else 0
            if change.correct is not None:
                rows.append(_row(task, block, len(rows), ticks, steps, action, bool(change.correct)))
                ticks = steps = seen = 0
            state = change.state
        return rows


def _row(task: Task[Any], block: Block, trial: int, ticks: int, steps: int, response: str, correct: bool) -> Row:
    return {
        "trial": trial,
        "reaction_time": ticks * task.frames_per_tick / FRAMES_PER_SECOND,
        "step_count": steps,
        "response": response,
        "correct": correct,
        **block.scenes[trial].variables,
    }


def _drawn(choices: list[tuple[float, Any]], rng: np.random.Generator) -> Any:
    """One of the choices, by weights that need not sum to 1."""
    if len(choices) == 1:
        return choices[0][1]
    sums = list(accumulate(weight for weight, _ in choices))
    return choices[min(bisect_right(sums, rng.random() * sums[-1]), len(choices) - 1)][1]


class _Screens:
    """Blocks of a subject that looks at a screen."""

    def __init__(self, task: Task[Any], act: Callable[[Any], Any], seed: int, options: Mapping[str, Any]):
        self._env = ScreenEnv(task, **options)
        self._act, self._seed = act, seed

    def __call__(self, number: int, level: Level) -> list[Row]:
        """The lines of one block."""
        observation, _ = self._env.reset(seed=self._seed, options={"trial": number, "level": level})
        rows: list[Row] = []
        over, idle = False, 0
        while not over:
            observation, _, over, _, info = self._env.step(self._act(observation))
            idle += 1
            if "trial" in info:
                idle = 0
                rows.append({name: value for name, value in info["trial"].items() if name != "block"})
            elif idle > 100_000:
                raise ValueError(
                    "subject: expected one that fixates and answers, found 100,000 steps without an answer"
                )
        return rows


def _written(level: Level) -> Any:
    """As files have it, which know no tuples."""
    return list(level) if isinstance(level, tuple) else level


def _ordered(row: Row) -> Row:
    """The fields that every log has first."""
    first = ("block", "trial", "reaction_time", "step_count", "response", "correct", "difficulty_level", "probe")
    return {name: row[name] for name in first} | {name: value for name, value in row.items() if name not in first}


def _name(subject: Any) -> str:
    if isinstance(subject, str | NoisyIdeal):
        return str(subject)
    return "policy" if isinstance(subject, np.ndarray | list) else getattr(subject, "__name__", type(subject).__name__)
