"""Staircases: which difficulty comes next, by what was answered so far; and where they settle, exactly.

Levels are numbered from 1, the easiest. A staircase is a rule on a small state; the objects here walk through it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import as_float64, check_count
from powerenvs.model.checks import real

Floats = NDArray[np.float64]


class Staircase(ABC):
    """What `power_metrics.psych.run` asks of a staircase."""

    @abstractmethod
    def next(self, rng: np.random.Generator) -> tuple[Any, bool]:
        """The level of the next trial, and whether it is a probe, which counts for nothing."""

    @abstractmethod
    def record(self, level: Any, correct: bool) -> None:
        """Takes the answer of a trial that is no probe."""


class FiniteStaircase(Staircase):
    """A staircase with finitely many states, in which the level is the first number.

    Args:
        levels: how many.
        start: the first level.
        probe: how often a trial is a probe, at any level from 1 to the current one.

    Attributes:
        state: where it is now.
        history: the levels so far of trials that were no probes.
    """

    def __init__(self, levels: int, start: int = 1, probe: float = 0.0):
        self.levels = check_count("levels", levels)
        self.start = check_count("start", start, most=levels)
        if not 0 <= real(probe) < 1:
            raise ValueError(f"probe: expected a number from 0 to below 1, found {probe!r}")
        self.probe = float(probe)
        self.history: list[int] = []
        self.state: tuple[int, ...] = self.first(self.start)

    @abstractmethod
    def first(self, level: int) -> tuple[int, ...]:
        """The state in which a level begins."""

    @abstractmethod
    def after(self, state: tuple[int, ...], correct: bool) -> tuple[int, ...]:
        """The state after an answer."""

    @property
    def level(self) -> int:
        """The current level."""
        return self.state[0]

    def next(self, rng: np.random.Generator) -> tuple[int, bool]:
        """The level of the next trial, and whether it is a probe.

        Args:
            rng: decides on probes.
        """
        if self.probe and rng.random() < self.probe:
            return int(rng.integers(1, self.level + 1)), True
        return self.level, False

    def record(self, level: int, correct: bool) -> None:
        """Takes the answer of a trial that was no probe.

        Args:
            level: of the trial.
            correct: whether the answer was.
        """
        self.history.append(level)
        self.state = self.after(self.state, bool(correct))

    def _moved(self, level: int, by: int) -> tuple[int, ...]:
        return self.first(min(max(level + by, 1), self.levels))


class UpDown(FiniteStaircase):
    """So many correct answers in a row, harder; so many wrong ones, easier (Levitt 1971).

    "1-up-2-down", the default, settles where two correct answers in a row are as likely as not: at an accuracy of √½.

    Args:
        levels: how many.
        correct: correct answers in a row after which the level goes up by one, which is harder.
        wrong: wrong answers in a row after which it goes down by one.
        start: the first level.
        probe: how often a trial is a probe, at any level from 1 to the current one.

    Raises:
        ValueError: for numbers out of range.

    Example:
        >>> import power_metrics as pm
        >>> stairs = pm.psych.UpDown(levels=8, start=4)
        >>> for correct in (True, True, True, False):
        ...     stairs.record(stairs.level, correct)
        >>> stairs.history, stairs.level
        ([4, 4, 5, 5], 4)
    """

    def __init__(self, levels: int, correct: int = 2, wrong: int = 1, start: int = 1, probe: float = 0.0):
        self.correct, self.wrong = check_count("correct", correct), check_count("wrong", wrong)
        super().__init__(levels, start, probe)

    def first(self, level: int) -> tuple[int, ...]:
        """No answer in a row."""
        return level, 0

    def after(self, state: tuple[int, ...], correct: bool) -> tuple[int, ...]:
        """One more in a row, or the level after it. Wrong answers in a row are counted below 0."""
        level, run = state
        run = max(run, 0) + 1 if correct else min(run, 0) - 1
        if run == self.correct:
            return self._moved(level, 1)
        if run == -self.wrong:
            return self._moved(level, -1)
        return level, run


class LevelStaircase(FiniteStaircase):
    """The staircase of Psychlab: a test at level K has K trials; then up, down, or again.

    Args:
        levels: how many.
        promote: the least share of correct answers for going up.
        demote: the largest share for going down; below ``promote``.
        probe: how often a trial is a probe, at any level from 1 to the current one.
        start: the first level.
        legacy: as older levels of Psychlab: up if all are correct, down if at most half of K (rounded down).

    Raises:
        ValueError: for numbers out of range.

    Example:
        >>> import power_metrics as pm
        >>> stairs = pm.psych.LevelStaircase(levels=8, start=2, promote=1.0, demote=0.5)
        >>> for correct in (True, True, True, False, True):
        ...     stairs.record(stairs.level, correct)
        >>> stairs.history, stairs.level
        ([2, 2, 3, 3, 3], 3)
    """

    def __init__(
        self, levels: int, promote: float = 0.75, demote: float = 0.5, probe: float = 0.1, start: int = 1,
        legacy: bool = False,
    ):  # fmt: skip
        self.promote, self.demote = check_shares(promote, demote)
        self.legacy = bool(legacy)
        super().__init__(levels, start, probe)

    def first(self, level: int) -> tuple[int, ...]:
        """A test begins."""
        return level, 0, 0

    def after(self, state: tuple[int, ...], correct: bool) -> tuple[int, ...]:
        """One more trial of the test, or what comes after it."""
        level, done, right = state
        done, right = done + 1, right + correct
        if done < level:
            return level, done, right
        up = right == level if self.legacy else right >= self.promote * level
        down = right <= level // 2 if self.legacy else right <= self.demote * level
        return self._moved(level, 1 if up else -1 if down else 0)


def check_shares(promote: float, demote: float) -> tuple[float, float]:
    """The shares of correct answers for going up and down.

    Raises:
        ValueError: for numbers out of range.
    """
    if not 0 <= real(demote) < real(promote) <= 1:
        raise ValueError(f"promote, demote: expected 0 <= demote < promote <= 1, found {promote!r}, {demote!r}")
    return float(promote), float(demote)


class Settled(NamedTuple):
    """Where a staircase settles.

    Attributes:
        levels: (K,) how often it is at each level, in the long run.
        accuracy: of its trials, in the long run.
    """

    levels: Floats
    accuracy: float


def staircase_chain(staircase: FiniteStaircase, accuracy: Sequence[float]) -> Settled:
    """Where a staircase settles for a subject of known accuracy: the stationary distribution of its chain, exactly.

    Args:
        staircase: an `UpDown` or a `LevelStaircase`; probes, which count for nothing, are left out.
        accuracy: (K,) of the subject at each level.

    Raises:
        ValueError: for another staircase, and accuracies that do not fit.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> accuracy = np.linspace(1, 0.5, 401)
        >>> round(pm.psych.staircase_chain(pm.psych.UpDown(401), accuracy).accuracy, 2)
        0.71
    """
    if not isinstance(staircase, FiniteStaircase):
        raise ValueError(f"staircase: expected an UpDown or a LevelStaircase, found {staircase!r}")
    chances = as_float64("accuracy", accuracy)
    if chances.shape != (staircase.levels,) or not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError(f"accuracy: expected {staircase.levels} numbers from 0 to 1, found {accuracy!r}")
    states = [staircase.first(staircase.start)]
    number = {states[0]: 0}
    moves = []
    for s, state in enumerate(states):
        p = float(chances[state[0] - 1])
        for chance, correct in ((p, True), (1 - p, False)):
            if chance > 0:
                after = staircase.after(state, correct)
                if after not in number:
                    number[after] = len(states)
                    states.append(after)
                moves.append((s, number[after], chance))
    share = _long_run(len(states), moves)
    levels = np.bincount([state[0] - 1 for state in states], share, staircase.levels).astype(np.float64)
    return Settled(levels, float(levels @ chances))


def _long_run(size: int, moves: list[tuple[int, int, float]]) -> Floats:
    """(S,) the long-run shares of a chain from its first state."""
    from power_metrics.chains.occupancy import average_occupancy
    from powerenvs.model.mdp import TabularMDP

    initial = np.zeros(size)
    initial[0] = 1
    transitions = [(s, 0, after, p) for s, after, p in moves]
    mdp = TabularMDP.from_transitions(transitions, state_labels=range(size), initial=initial)
    return average_occupancy(mdp, np.ones((size, 1)))


class Quest(Staircase):
    """QUEST: the level nearest to where the threshold is on average, given all answers (Watson & Pelli 1983).

    The psychometric function is a Weibull function of the intensity with a known slope and an unknown threshold.

    Args:
        intensities: (K,) the intensity of each level, falling: the easiest has the most. All above 0.
        slope: β of the Weibull function.
        guess: its lower end, the accuracy of guessing.
        lapse: its distance from 1 at the upper end.
        spread: standard deviation of what is believed about the threshold beforehand, in units of log10.
        prior: the threshold that is believed to be most likely beforehand; the middle of the intensities when None.

    Raises:
        ValueError: for intensities that do not fall, and numbers out of range.

    Example:
        >>> import numpy as np
        >>> import power_metrics as pm
        >>> stairs = pm.psych.Quest([1.0, 0.5, 0.25, 0.12, 0.06])
        >>> rng = np.random.default_rng(0)
        >>> for _ in range(40):  # a subject who sees the three strongest
        ...     level, _ = stairs.next(rng)
        ...     stairs.record(level, level <= 3)
        >>> 0.12 < stairs.threshold < 0.3
        True
    """

    def __init__(
        self,
        intensities: Sequence[float],
        slope: float = 3.5,
        guess: float = 0.5,
        lapse: float = 0.01,
        spread: float = 1.0,
        prior: float | None = None,
    ):
        values = as_float64("intensities", intensities)
        if values.ndim != 1 or not len(values) or (values <= 0).any() or (np.diff(values) >= 0).any():
            raise ValueError(f"intensities: expected numbers above 0 that fall, found {intensities!r}")
        for name, value in (("slope", slope), ("spread", spread), ("prior", 1.0 if prior is None else prior)):
            if not 0 < real(value) < float("inf"):
                raise ValueError(f"{name}: expected a number above 0, found {value!r}")
        if not (real(guess) >= 0 and real(lapse) >= 0 and guess + lapse < 1):
            raise ValueError(f"guess, lapse: expected at least 0 and a sum below 1, found {guess!r}, {lapse!r}")
        self.intensities = values
        logs = np.log10(values)
        middle = (logs[0] + logs[-1]) / 2 if prior is None else np.log10(prior)
        self._grid = np.linspace(logs[-1] - 1, logs[0] + 1, 601)
        self._log_belief = -((self._grid - middle) ** 2) / (2 * spread**2)
        rise = -np.exp(np.log(10) * slope * (logs[:, None] - self._grid))
        seen = guess + (1 - guess - lapse) * -np.expm1(rise)
        self._log = np.log(np.stack([1 - seen, seen]) + 1e-300)
        self.history: list[int] = []

    @property
    def belief(self) -> Floats:
        """The probability of each threshold of a fine grid."""
        weights = np.exp(self._log_belief - self._log_belief.max())
        return weights / weights.sum()

    @property
    def threshold(self) -> float:
        """The threshold, on average over what is believed (of its logarithm)."""
        return float(10 ** (self.belief @ self._grid))

    def next(self, rng: np.random.Generator) -> tuple[int, bool]:
        """The level whose intensity is nearest to the threshold.

        Args:
            rng: not used.
        """
        return int(np.abs(np.log10(self.intensities) - np.log10(self.threshold)).argmin()) + 1, False

    def record(self, level: int, correct: bool) -> None:
        """Takes an answer.

        Args:
            level: of the trial.
            correct: whether the answer was.
        """
        self.history.append(level)
        self._log_belief = self._log_belief + self._log[int(bool(correct)), level - 1]


def as_staircase(value: Any) -> Staircase | None:
    """A staircase or None.

    Raises:
        ValueError: for anything else.
    """
    if value is not None and not isinstance(value, Staircase):
        raise ValueError(
            f"staircase: expected an UpDown, LevelStaircase, PairStaircase, Quest or None, found {value!r}"
        )
    return value
