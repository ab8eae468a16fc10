"""Teachers that answer by themselves: from a reward, or from what a function says of a segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.arguments.checks import check_choice, check_seed, resolve_model
from power_metrics.preferences.features import TableFeatures
from power_metrics.preferences.logistic import probability
from power_metrics.preferences.schema import LABELS
from power_metrics.preferences.segments import Segment
from powerenvs.model.checks import real
from powerenvs.model.mdp import TabularMDP
from powerenvs.render.pictures import StatePictures

Floats = NDArray[np.float64]
CHANNELS = ("reward", "performance", "board")


class SyntheticTeacher:
    """Prefers the segment that is worth more, by sums without discount.

    What a segment is worth comes from ``channel``: "reward", what the environment pays; "performance", what its
    designer wanted; "board", the performance as somebody would judge it who sees only the boards before and after a
    step: the mean over all transitions of the model that look the same. Or it is what a function says of a segment.

    Args:
        env: an environment with tables, or these; None to take the rewards that segments carry, or with a function.
        channel: one of the three, or a function from a `Segment` to a number.
        noise: the share of answers that are given at random, left or right with equal chances.
        temperature: at 0 the better segment is preferred; above, with probability σ(difference / temperature), as the
            model of Bradley and Terry has it.
        tie: differences of at most this are ties (at temperature 0).
        seed: of random answers.

    Raises:
        ValueError: for arguments that do not fit.

    Example:
        >>> import power_metrics as pm
        >>> teacher = pm.preferences.SyntheticTeacher(channel=lambda segment: len(segment))
        >>> short, long = pm.preferences.Segment([0], states=[0, 0]), pm.preferences.Segment([0, 0], states=[0, 0, 0])
        >>> teacher(short, long), teacher(long, short), teacher(long, long)
        ('right', 'left', 'tie')
    """

    def __init__(
        self,
        env: Any = None,
        channel: str | Callable[[Segment], float] = "reward",
        *,
        noise: float = 0.0,
        temperature: float = 0.0,
        tie: float = 1e-9,
        seed: int | None = 0,
    ):
        if not 0.0 <= real(noise) <= 1.0:
            raise ValueError(f"noise: expected a share from 0 to 1, found {noise!r}")
        for name, value in (("temperature", temperature), ("tie", tie)):
            if not 0.0 <= real(value) < np.inf:
                raise ValueError(f"{name}: expected a number of at least 0, found {value!r}")
        self.noise, self.temperature, self.tie = float(noise), float(temperature), float(tie)
        self._rng = np.random.default_rng(check_seed(seed))
        self._worth, self._table, self._paid = None, None, None
        if callable(channel):
            self._worth = channel
        else:
            known = check_choice("channel", channel, CHANNELS)
            if env is None and known != "reward":
                raise ValueError(f"env: expected one with tables, which the channel {known!r} needs, found None")
            if env is not None:
                mdp = resolve_model(env)
                self._table = TableFeatures(mdp, "transition")
                self._paid = paid_by(env, mdp, known)

    def value(self, segment: Segment) -> float:
        """What a segment is worth to the teacher.

        Raises:
            ValueError: for a segment without rewards or states, where these are needed.
        """
        if self._worth is not None:
            return real(self._worth(segment))
        if self._table is not None and self._paid is not None:
            return float(self._paid[self._table.places(segment)].sum())
        if segment.rewards is None:
            raise ValueError("segment: expected one with rewards, or a teacher with an environment, found neither")
        return float(segment.rewards.sum())

    def preference(self, left: Segment, right: Segment) -> float:
        """The probability that the left one is preferred (a tie counts half), random answers included."""
        difference = self.value(left) - self.value(right)
        if self.temperature == 0.0:
            sure = 0.5 if abs(difference) <= self.tie else float(difference > 0)
            return (1.0 - self.noise) * sure + self.noise / 2.0
        return float(probability(np.array([difference / self.temperature]), self.noise)[0])

    def __call__(self, left: Segment, right: Segment) -> str:
        """An answer: "left", "right" or "tie"."""
        if self._rng.random() < self.noise:
            return "left" if self._rng.random() < 0.5 else "right"
        difference = self.value(left) - self.value(right)
        if self.temperature > 0.0:
            chance = probability(np.array([difference / self.temperature]), 0.0)[0]
            return "left" if self._rng.random() < chance else "right"
        if abs(difference) <= self.tie:
            return "tie"
        return "left" if difference > 0 else "right"


def answer_of(teacher: Any, left: Segment, right: Segment) -> str:
    """What a teacher, any function of two segments, says.

    Raises:
        ValueError: for another answer than those that there are.
    """
    return check_choice("teacher", teacher(left, right), LABELS)


def paid_by(env: Any, mdp: TabularMDP, channel: str) -> Floats:
    """(transitions of the model,) what each is worth in a channel of `SyntheticTeacher`."""
    if channel == "reward":
        return mdp.reward
    if channel == "performance":
        return mdp.performance
    world = None if env is mdp else getattr(env.unwrapped, "world", None)
    pictures = StatePictures(mdp, world)
    looks: dict[Any, int] = {}
    shown = [pictures.board(state) for state in range(mdp.num_states)]
    kinds = np.array([looks.setdefault(state if one is None else one, len(looks)) for state, one in enumerate(shown)])
    rows = np.repeat(np.arange(mdp.num_rows), np.diff(mdp.indptr)) // mdp.num_actions
    _, same = np.unique(kinds[rows] * len(looks) + kinds[mdp.successor], return_inverse=True)
    going = ~mdp.terminal[rows]
    sums = np.bincount(same[going], mdp.performance[going], minlength=same.max() + 1)
    counts = np.bincount(same[going], minlength=same.max() + 1)
    return np.where(going, (sums / np.maximum(counts, 1))[same], 0.0)
