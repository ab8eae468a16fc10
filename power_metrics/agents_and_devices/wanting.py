"""Agents of which it is not known what they want or how noisily they go after it: what all kinds of them share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents_and_devices.predictors import log_of, log_sum
from power_metrics.agents_and_devices.weighing import add_by_ties, settle
from power_metrics.arguments.checks import as_float64
from powerenvs.model.checks import as_list, real
from powerenvs.model.mdp import TabularMDP

Floats = NDArray[np.float64]
Ints = NDArray[Any]

EPSILONS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Probabilities of a uniform random action; 1 is uniform behaviour, without which an agent that changes its goals often
passes for a random device."""


class Choices:
    """What noisily optimal agents do in a state.

    Args:
        mdp: the tables.
        ties: {state} to (A, G) how many best actions there are for each goal, at the best ones; 0 at others.
        scores: {state} to (A, G) what each action is worth for each goal; -inf where it does not exist.
        epsilons: of ε-greedy behaviour.
        betas: of softmax behaviour.
    """

    def __init__(
        self,
        mdp: TabularMDP,
        ties: Callable[[int], Ints],
        scores: Callable[[int], Floats],
        epsilons: Sequence[float],
        betas: Sequence[float],
    ):
        self._ties, self._scores = functools.cache(ties), scores
        self._epsilons, self._betas = np.array(epsilons)[:, None], np.array(betas)[:, None, None]
        self._num_available = mdp.available.sum(axis=1).tolist()

    def weigh(self, log: Floats, state: int, action: int) -> None:
        """Adds to (N, G) the log probability of an action by each noise and goal, in place."""
        available, count = self._num_available[state], len(self._epsilons)
        share = np.concatenate([[0.0], 1 / np.arange(1, available + 1)])
        table = log_of((1 - self._epsilons) * share + self._epsilons / available)
        add_by_ties(log[:count], table, self._ties(state)[action])
        if self._betas.size:
            log[count:] += self._softmax(state)[:, action]

    def _softmax(self, state: int) -> Floats:
        """(betas, A, G) log probabilities."""
        scores = self._scores(state)
        with np.errstate(invalid="ignore"):  # 0 times infinity, of what does not exist
            exponents = self._betas * (scores - scores.max(axis=0))
        exponents = np.where(np.isneginf(scores), -np.inf, exponents)
        found: Floats = exponents - np.log(np.exp(exponents).sum(axis=1, keepdims=True))
        return found


class Wanting:
    """The mixture of agents over goals and noise, step by step; goals may change by a fixed share.

    Args:
        choices: what the agents do.
        noises: N names.
        weights: (G,) of the goals, beforehand.
        switching: probability, before each step but the first, that the goal is drawn anew.

    Attributes:
        noises: their names.
        choices: as given.
        switching: as given.
        posterior: (N, G) of each noise and goal.
    """

    def __init__(self, choices: Choices, noises: Sequence[str], weights: Floats, switching: float):
        self.noises = tuple(noises)
        self.choices, self.switching = choices, float(switching)
        self._first = log_of(weights)
        self.restart()

    def restart(self) -> None:
        """See `Predictor`."""
        count = len(self.noises)
        self._log = np.tile(self._first - math.log(count), (count, 1))
        self._begun = False

    @property
    def posterior(self) -> Floats:
        """(N, G) of each noise and goal."""
        found: Floats = np.exp(self._log)
        return found

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        if self._begun and self.switching:
            of_noise = np.array([log_sum(row) for row in self._log])[:, None]
            kept, anew = log_of([1 - self.switching, self.switching])
            self._log = np.logaddexp(kept + self._log, anew + of_noise + self._first)
        self._begun = True
        self.choices.weigh(self._log, state, action)
        return float(settle(self._log))


@dataclass(frozen=True, eq=False, kw_only=True)
class NoisyAgents:
    """How noisily agents act, and how what they want is weighed and changes; kinds of agents add what they want.

    Args:
        epsilons: probabilities of a uniform random action instead, equally likely beforehand; with 1 among them,
            uniform behaviour is.
        betas: of softmax behaviour, next to them.
        switching: probability, before each step but the first, that what is wanted is drawn anew.
        weights: (G,) of what may be wanted, beforehand; equal when None.

    Raises:
        ValueError: for numbers that do not fit; for weights when they meet a model.
    """

    epsilons: Sequence[float] = EPSILONS
    betas: Sequence[float] = ()
    switching: float = 0.0
    weights: Any = None

    def __post_init__(self) -> None:
        """Makes tuples of noise that may be given as anything; raises a ValueError for noise that is none."""
        epsilons = as_list("epsilons", self.epsilons, "numbers in [0, 1]")
        betas = as_list("betas", self.betas, "numbers of at least 0")
        if any(not 0 <= real(epsilon) <= 1 for epsilon in epsilons):
            raise ValueError(f"epsilons: expected numbers in [0, 1], found {self.epsilons!r}")
        if any(not 0 <= real(beta) < math.inf for beta in betas):
            raise ValueError(f"betas: expected finite numbers of at least 0, found {self.betas!r}")
        if not epsilons and not betas:
            raise ValueError("epsilons: expected at least one, or one of betas, found none")
        if not 0 <= real(self.switching) <= 1:
            raise ValueError(f"switching: expected a probability, found {self.switching!r}")
        object.__setattr__(self, "epsilons", tuple(float(epsilon) for epsilon in epsilons))
        object.__setattr__(self, "betas", tuple(float(beta) for beta in betas))

    def wanting(
        self, mdp: TabularMDP, count: int, ties: Callable[[int], Ints], scores: Callable[[int], Floats]
    ) -> Wanting:
        """The mixture over so many things to want; see `Choices`."""
        weights = np.full(count, 1 / count) if self.weights is None else checked_weights("weights", self.weights, count)
        noises = [*(f"epsilon {e:g}" for e in self.epsilons), *(f"beta {b:g}" for b in self.betas)]
        return Wanting(Choices(mdp, ties, scores, self.epsilons, self.betas), noises, weights, self.switching)


def checked_weights(name: str, given: Any, count: int) -> Floats:
    """Weights as probabilities.

    Raises:
        ValueError: unless there are as many as wanted, none is below 0 and they sum to 1.
    """
    found = as_float64(name, given)
    if found.shape != (count,) or not (found >= 0).all() or not abs(found.sum() - 1) <= 1e-9:
        raise ValueError(f"{name}: expected {count} numbers of at least 0 that sum to 1, found {given!r}")
    return found / found.sum()
