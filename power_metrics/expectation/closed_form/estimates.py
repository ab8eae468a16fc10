"""POWER of small deterministic models with uniform rewards, as exact fractions.

From a state, an agent without reasons to change its mind walks along a path into a cycle. Its discounted shares
of time in each state are a vector f, and POWER is E[max_f f · R]. `closed_form_paths` finds the vectors that are best
for some R, `closed_form_integrals` the expectation. What all vectors have in common adds its mean; sets of vectors
without a state in common are independent, and their distribution functions are multiplied.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from power_metrics.expectation.closed_form.integrals import Vectors, mean_of_maximum, standard_order
from power_metrics.expectation.closed_form.paths import (
    Shares,
    TooManyStepsError,
    best_shares,
    independent,
    successor_lists,
)
from power_metrics.results.estimate import PowerEstimate
from power_metrics.rewards.distributions import Uniform
from power_metrics.rewards.sampler import RewardSampler
from powerenvs.model.labels import label_text
from powerenvs.model.mdp import TabularMDP


class Limits(NamedTuple):
    """What a model may come to.

    Attributes:
        steps: of all paths that are looked at, together.
        states: whose rewards a set of overlapping vectors depends on, besides those common to all.
        vectors: in such a set.
    """

    steps: int
    states: int
    vectors: int


LIMITS = Limits(20_000, 8, 40)
"""Of ``method="closed_form"``. A refusal takes about a second; at the limit a state takes half a minute."""

QUICK_LIMITS = Limits(6000, 6, 20)
"""Of ``method="auto"``: some tenths of a second."""


class Parts(NamedTuple):
    """E[max_f f · U] in parts: ``common`` is in all f, the rest, in independent sets, is the remaining share of it."""

    common: Fraction
    sets: tuple[Vectors, ...]

    def expected_maximum(self) -> Fraction:
        """The expectation, for U uniform on [0, 1]."""
        return self.common / 2 + ((1 - self.common) * mean_of_maximum(self.sets) if self.sets else 0)


def fits(mdp: TabularMDP, gammas: Sequence[float | Fraction], sampler: RewardSampler) -> bool:
    """Whether `estimates` takes this model, and is quick."""
    try:
        check_closed_form(mdp, sampler)
        for gamma in gammas:
            _parts(mdp, gamma, QUICK_LIMITS)
    except ValueError:
        return False
    return True


def check_closed_form(mdp: TabularMDP, sampler: RewardSampler) -> Uniform:
    """The distribution of all rewards.

    Raises:
        ValueError: for a model or rewards of a kind that has no closed form here.
    """
    if not mdp.deterministic:
        raise ValueError("method: expected a deterministic model for 'closed_form', found a stochastic one")
    found = {distribution for distribution, _ in sampler.marginals()}
    uniform = next(iter(found))
    if len(found) != 1 or not isinstance(uniform, Uniform) or sampler.identical:
        raise ValueError(
            "method: expected rewards for 'closed_form' that are independent and uniform on one interval, "
            f"found {', '.join(sorted(map(repr, found)))}{', some of them shared' if sampler.identical else ''}"
        )
    return uniform


def estimates(
    mdp: TabularMDP, gammas: Sequence[float | Fraction], sampler: RewardSampler, reward: str
) -> list[PowerEstimate]:
    """Exact POWER for each discount; a float counts as the decimal number that it is written as.

    At γ = 0, and at γ = 1 where every state may stay, models of any size are taken. Between these, `LIMITS` hold:
    an open 3×3 grid, a corridor of 9 cells and a complete graph of 16 states are within them.

    Raises:
        ValueError: for a model that is stochastic or too large, and rewards that are not independent and uniform.
    """
    uniform = check_closed_form(mdp, sampler)
    low, high = rational(uniform.low), rational(uniform.high)
    wall, cpu = time.perf_counter(), time.process_time()
    parts = [_parts(mdp, gamma, LIMITS) for gamma in gammas]
    known: dict[Parts, Fraction] = {}
    found = []
    for gamma, of_states in zip(gammas, parts, strict=True):
        for part in of_states:
            if part not in known:
                known[part] = part.expected_maximum()
        found.append((gamma, [low + (high - low) * known[part] for part in of_states]))
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return [
        PowerEstimate(
            model=mdp,
            gamma=float(gamma),
            mean=np.array([float(value) for value in exact]),
            standard_error=np.zeros(mdp.num_states),
            num_samples=0,
            reward=reward,
            method="closed_form",
            seed=None,
            residual=0.0,
            max_iterations=0,
            mean_iterations=0.0,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            exact=tuple(exact),
        )
        for gamma, exact in found
    ]


def rational(number: float | Fraction) -> Fraction:
    """A fraction as it is, and a float as the decimal number that it is written as: 0.9 is 9/10."""
    return number if isinstance(number, Fraction) else Fraction(str(number))


def _parts(mdp: TabularMDP, gamma: float | Fraction, limits: Limits) -> list[Parts]:
    """For each state, the integral to be solved.

    Raises:
        ValueError: if a limit is passed; with what was found, and what to do instead.
    """
    instead = "; another method, such as 'sobol', takes it"
    try:
        if gamma and mdp.num_states > limits.steps:
            raise TooManyStepsError
        shares = best_shares(successor_lists(mdp.successors(), mdp.available), rational(gamma), limits.steps)
    except TooManyStepsError as error:
        raise ValueError(
            f"method: expected paths of at most {limits.steps:,} steps in all to compare for 'closed_form', "
            f"found more in the {mdp.num_states:,} states at gamma {gamma}{instead}"
        ) from error
    found = []
    known: dict[int, Parts] = {}  # by the identity of lists, which states share
    for s, of_state in enumerate(shares):
        if id(of_state) in known:
            found.append(known[id(of_state)])
            continue
        common, sets = independent(of_state)
        states = max((len({t for vector in vectors for t, _ in vector}) for vectors in sets), default=0)
        most = max(map(len, sets), default=0)
        if states > limits.states or most > limits.vectors:
            raise ValueError(
                f"method: expected paths for 'closed_form' whose values depend on at most {limits.states} rewards "
                f"together, {limits.vectors} paths at a time, found {states} rewards and {most} paths from "
                f"{label_text(mdp.state_labels[s])} at gamma {gamma}{instead}"
            )
        known[id(of_state)] = Parts(common, tuple(sorted(_whole(vectors) for vectors in sets)))
        found.append(known[id(of_state)])
    return found


def _whole(vectors: list[Shares]) -> Vectors:
    """The vectors over the states that they visit, times a number that makes them whole."""
    states = sorted({s for vector in vectors for s, _ in vector})
    scale = math.lcm(*(share.denominator for vector in vectors for _, share in vector))
    tables = [dict(vector) for vector in vectors]
    return standard_order(tuple(tuple(int(scale * table.get(s, 0)) for s in states) for table in tables))
