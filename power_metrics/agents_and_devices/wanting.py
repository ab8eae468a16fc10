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
from power_metrics.agents_and_devices.weighing import add_by_ties, mix_by_ties, settle
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
        count = len(self._epsilons)
        add_by_ties(log[:count], log_of(self._by_ties(state)), self._ties(state)[action])
        if self._betas.size:
            log[count:] += self._softmax(state)[:, action]

    def weigh_shares(self, shares: Floats, state: int, action: int, kept: float, anew: Floats) -> Floats:
        """Makes ``kept`` times (N, G) shares plus ``anew`` (G,), times the probability of an action, in place.

        Returns:
            (N,) their sums.
        """
        count, sums = len(self._epsilons), np.zeros(len(shares))
        mix_by_ties(shares[:count], kept, anew, self._by_ties(state), self._ties(state)[action], sums[:count])
        if self._betas.size:
            shares[count:] = (kept * shares[count:] + anew) * np.exp(self._softmax(state)[:, action])
            sums[count:] = shares[count:].sum(axis=1)
        return sums

    def _by_ties(self, state: int) -> Floats:
        """(epsilons, 1 + actions) the probability of an action that is one of so many best ones; of 0, that is none."""
        available = self._num_available[state]
        share = np.concatenate([[0.0], 1 / np.arange(1, available + 1)])
        found: Floats = (1 - self._epsilons) * share + self._epsilons / available
        return found

    def _softmax(self, state: int) -> Floats:
        """(betas, A, G) log probabilities."""
        scores = self._scores(state)
        with np.errstate(invalid="ignore"):  # 0 times infinity, of what does not exist
            exponents = self._betas * (scores - scores.max(axis=0))
        exponents = np.where(np.isneginf(scores), -np.inf, exponents)
        found: Floats = exponents - np.log(np.exp(exponents).sum(axis=1, keepdims=True))
        return found


class Wanting:
    """The mixture of agents over goals and noise, step by step.

    Args:
        choices: what the agents do.
        noises: N names.
        weights: (G,) of the goals, beforehand.

    Attributes:
        noises: their names.
        choices: as given.
        changes: whether goals do.
        posterior: (N, G) of each noise and goal.
    """

    changes = False

    def __init__(self, choices: Choices, noises: Sequence[str], weights: Floats):
        self.noises, self.choices = tuple(noises), choices
        self._weights = weights
        self.restart()

    def restart(self) -> None:
        """See `Predictor`."""
        self._log = np.tile(log_of(self._weights) - math.log(len(self.noises)), (len(self.noises), 1))

    @property
    def posterior(self) -> Floats:
        """(N, G) of each noise and goal."""
        found: Floats = np.exp(self._log)
        return found

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        self.choices.weigh(self._log, state, action)
        return float(settle(self._log))


class Changing(Wanting):
    """`Wanting` with a goal that is drawn anew with some probability before each step but the first.

    That keeps each share of a goal, given the noise, above what is drawn anew, so that shares need no logarithms; the
    weights of noises do.
    """

    changes = True

    def __init__(self, choices: Choices, noises: Sequence[str], weights: Floats, switching: float):
        self._switching = switching
        super().__init__(choices, noises, weights)

    def restart(self) -> None:
        """See `Predictor`."""
        count = len(self.noises)
        self._noise, self._shares = np.full(count, -math.log(count)), np.tile(self._weights, (count, 1))
        self._begun = False

    @property
    def posterior(self) -> Floats:
        """(N, G) of each noise and goal."""
        found: Floats = np.exp(self._noise)[:, None] * self._shares
        return found

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        drawn = self._switching if self._begun else 0.0
        self._begun = True
        sums = self.choices.weigh_shares(self._shares, state, action, 1 - drawn, drawn * self._weights)
        self._shares /= np.where(sums > 0, sums, 1.0)[:, None]
        joint = self._noise + log_of(sums)
        total = log_sum(joint)
        self._noise = joint if np.isinf(total) else joint - total
        return total


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
        choices = Choices(mdp, ties, scores, self.epsilons, self.betas)
        return (
            Changing(choices, noises, weights, self.switching) if self.switching else Wanting(choices, noises, weights)
        )


def checked_weights(name: str, given: Any, count: int) -> Floats:
    """Weights as probabilities.

    Raises:
        ValueError: unless there are as many as wanted, none is below 0 and they sum to 1.
    """
    found = as_float64(name, given)
    if found.shape != (count,) or not (found >= 0).all() or not abs(found.sum() - 1) <= 1e-9:
        raise ValueError(f"{name}: expected {count} numbers of at least 0 that sum to 1, found {given!r}")
    return found / found.sum()
