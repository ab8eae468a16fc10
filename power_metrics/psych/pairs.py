"""A staircase in two variables, such as the size and the contrast of a ring."""

from __future__ import annotations

import numpy as np

from power_metrics.arguments.checks import check_count
from power_metrics.psych.staircases import Staircase, check_shares
from powerenvs.model.checks import real

Pair = tuple[int, int]


class PairStaircase(Staircase):
    """Tests at a pair of levels, with trials of the next level in each variable among them.

    A test has as many base trials, at the current pair, as advance trials in each variable, which are one level harder
    in it; they take turns. Where too few base trials are correct it goes back, in the variable whose advance trials
    went worse; else it goes on in the one whose went better, if they went well enough. So it walks along the edge of
    what can be seen. Psychlab's Landolt C interleaves base and advance trials too; the rule here is ours.

    Args:
        levels: how many of each variable.
        promote: the least share of correct advance trials for going on.
        demote: the most correct base trials for going back, as a share.
        probe: how often a trial is a probe, at any pair of levels up to the current one.
        start: the first pair.
        trials: of each sort in a test.

    Attributes:
        level: the current pair.
        history: the pairs so far at which tests were made.

    Raises:
        ValueError: for numbers out of range.

    Example:
        >>> import power_metrics as pm
        >>> stairs = pm.psych.PairStaircase((6, 6), probe=0.0)
        >>> log = pm.psych.run("LandoltC", "ideal", trials=240, seed=0, staircase=stairs)
        >>> stairs.level[0] > 1 and stairs.level[1] > 1, len(stairs.history) >= 20
        (True, True)
    """

    def __init__(
        self, levels: Pair, promote: float = 0.75, demote: float = 0.5, probe: float = 0.1, start: Pair = (1, 1),
        trials: int = 4,
    ):  # fmt: skip
        self.levels, first = _pair("levels", levels), _pair("start", start)
        if first[0] > self.levels[0] or first[1] > self.levels[1]:
            raise ValueError(f"start: expected at most {self.levels}, found {start!r}")
        self.promote, self.demote = check_shares(promote, demote)
        if not 0 <= real(probe) < 1:
            raise ValueError(f"probe: expected a number from 0 to below 1, found {probe!r}")
        self.probe, self.trials = float(probe), check_count("trials", trials)
        self.history: list[Pair] = []
        self._begin(first)

    def next(self, rng: np.random.Generator) -> tuple[Pair, bool]:
        """The pair of the next trial, and whether it is a probe.

        Args:
            rng: decides on probes.
        """
        if self.probe and rng.random() < self.probe:
            return (int(rng.integers(1, self.level[0] + 1)), int(rng.integers(1, self.level[1] + 1))), True
        return self._turns[sum(self._done) % len(self._turns)], False

    def record(self, level: Pair, correct: bool) -> None:
        """Takes the answer of a trial that was no probe.

        Args:
            level: of the trial.
            correct: whether the answer was.
        """
        which = self._turns.index((level[0], level[1]))
        self._done[which] += 1
        self._right[which] += bool(correct)
        if sum(self._done) == self.trials * len(self._turns):
            self._begin(self._after())

    def _begin(self, level: Pair) -> None:
        self.level = level
        self.history.append(level)
        self._turns = [level, *(pair for pair in (_moved(level, 0, 1), _moved(level, 1, 1)) if self._exists(pair))]
        self._done, self._right = [0] * len(self._turns), [0] * len(self._turns)

    def _exists(self, pair: Pair) -> bool:
        return all(1 <= level <= most for level, most in zip(pair, self.levels, strict=True))

    def _after(self) -> Pair:
        """The pair of the next test."""
        share = {turn: right / self.trials for turn, right in zip(self._turns, self._right, strict=True)}
        ahead = [share.get(_moved(self.level, k, 1), 0.0) for k in (0, 1)]  # beyond the last level nothing is seen
        # of two that went alike the one that is less far on goes on, and the one that is further on goes back
        order = sorted((0, 1), key=lambda k: (ahead[k], -self.level[k]))
        if share[self.level] <= self.demote:
            back = [_moved(self.level, k, -1) for k in order]
            return next((pair for pair in back if self._exists(pair)), self.level)
        best = order[-1]
        return _moved(self.level, best, 1) if ahead[best] >= self.promote else self.level


def _moved(pair: Pair, variable: int, by: int) -> Pair:
    return (pair[0] + by, pair[1]) if variable == 0 else (pair[0], pair[1] + by)


def _pair(name: str, value: Pair) -> Pair:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name}: expected a pair of numbers, found {value!r}")
    return check_count(name, value[0]), check_count(name, value[1])
