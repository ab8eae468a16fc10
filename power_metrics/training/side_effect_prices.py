"""What side effects cost, step by step: judged from the tables of a world, or from the steps that were taken."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.experience import (
    INACTION,
    START,
    STEPWISE,
    Terms,
    known_deviation,
    next_baseline,
    nothing_known,
    notice,
    see,
)
from power_metrics.arguments.checks import check_choice, check_count, check_gamma, check_seed, resolve_model
from power_metrics.chains.idling import default_action
from power_metrics.measures.deviating import MEASURES, UTILITIES, Deviating
from power_metrics.measures.side_effects import BASELINES, ENDING, NONTERMINAL, check_betas
from power_metrics.rewards.distributions import DEFAULT, PerState, RewardDistribution
from powerenvs.model.checks import flag
from powerenvs.model.rows import cumulative
from powerenvs.sources.wrapped import check_numbering

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

ROOM = 64
"""States for which there is room at first in what is learned; it doubles when it is full."""


class Judge(Protocol):
    """Says how far states are from baseline states, and where those go."""

    def numbers(self, told: Any) -> Places:
        """The numbers of states as environments tell them."""

    def follow(self, states: Places, bases: Places, actions: Places, after: Places, rng: Any) -> Places:
        """The baseline states after steps that did not end an episode."""

    def between(self, states: Places, bases: Places) -> Floats:
        """(n,) the deviation of each state from the baseline state beside it."""


class FromTables:
    """Deviations and baseline states from the tables of the world.

    Args:
        settings: what the deviation is of.
        baseline: one of `power_metrics.measures.side_effects.BASELINES`.
    """

    def __init__(self, settings: Deviating, baseline: str):
        self._settings, self._baseline, self._chain = settings.kept(), baseline, settings.chain
        rows = np.repeat(np.arange(self._chain.shape[0]), np.diff(self._chain.indptr))
        self._sums = rows + cumulative(self._chain.indptr, self._chain.data)

    def numbers(self, told: Any) -> Places:
        """See `Judge`."""
        return np.asarray(told, dtype=np.int64)

    def follow(self, states: Places, bases: Places, actions: Places, after: Places, rng: Any) -> Places:
        """See `Judge`."""
        if self._baseline == "start":
            return bases
        movers = bases if self._baseline == "inaction" else states
        if self._chain.nnz == self._chain.shape[0]:
            return self._chain.indices[movers].astype(np.int64)
        return self._chain.indices[np.searchsorted(self._sums, movers + rng.random(len(movers)), "right")].astype(
            np.int64
        )

    def between(self, states: Places, bases: Places) -> Floats:
        """See `Judge`."""
        return self._settings.between(states, bases)


class FromExperience:
    """Deviations and baseline states from the steps that were taken, as the original learns them.

    Args:
        terms: what the deviation is of.
        baseline: `START`, `INACTION` or `STEPWISE`.
        num_actions: how many actions there are.
        num_utilities: how many auxiliary reward functions, drawn when a state is first seen; None for reachability.
        seed: of these.
    """

    def __init__(self, terms: Terms, baseline: int, num_actions: int, num_utilities: int | None, seed: int):
        self._terms, self._baseline, self._num_actions = terms, baseline, num_actions
        self._num_utilities, self._rng = num_utilities, np.random.default_rng(seed)
        self._numbers: dict[Hashable, int] = {}
        self._known = nothing_known(ROOM, num_actions, self._drawn(ROOM))

    def _drawn(self, count: int) -> Floats | None:
        return None if self._num_utilities is None else self._rng.random((count, self._num_utilities))

    def numbers(self, told: Any) -> Places:
        """See `Judge`."""
        found = []
        for state in told:
            number = self._numbers.setdefault(state, len(self._numbers))
            if number == len(self._known.seen):
                self._grow()
            see(self._known, number)
            found.append(number)
        return np.array(found, dtype=np.int64)

    def _grow(self) -> None:
        """Twice as much room, with what is known."""
        old, S = self._known, len(self._known.seen)
        drawn = self._drawn(S)
        utilities = None if drawn is None else np.concatenate([old.utilities, drawn])
        self._known = nothing_known(2 * S, self._num_actions, utilities)
        self._known.counts[:] = old.counts
        self._known.after[:S], self._known.seen[:S] = old.after, old.seen
        self._known.table[:S, : old.table.shape[1]] = old.table
        self._known.choice[: len(old.choice)] = old.choice

    def follow(self, states: Places, bases: Places, actions: Places, after: Places, rng: Any) -> Places:
        """See `Judge`."""
        found = []
        for state, base, action, following in zip(states, bases, actions, after, strict=True):
            if self._known.after[state, action] not in (-1, following):
                raise ValueError(
                    "learned: expected a world in which every action has one result, found two results of action "
                    f"{action} in one state; with learned=False chance is taken from the tables"
                )
            notice(self._known, self._terms, state, action, following)
            found.append(next_baseline(self._known, self._terms, self._baseline, state, base))
        return np.array(found, dtype=np.int64)

    def between(self, states: Places, bases: Places) -> Floats:
        """See `Judge`."""
        rows = np.empty((2, self._known.table.shape[1]))
        pairs = zip(states, bases, strict=True)
        return np.array([known_deviation(self._known, self._terms, s, b, rows) for s, b in pairs])


class Price(NamedTuple):
    """What is taken off the reward.

    Attributes:
        judge: says how far states are from baseline states.
        beta: the price of a deviation of 1.
        weight: of steps that do not end the episode.
        last: of steps that do.
        entered: whether the latter pay for the state that they lead to, instead of the one that they leave.
    """

    judge: Judge
    beta: float
    weight: float
    last: float
    entered: bool

    @classmethod
    def checked(
        cls,
        env: Any,
        *,
        measure: str,
        function: str,
        baseline: str,
        rollouts: bool,
        beta: float,
        gamma: float,
        value_discount: float,
        default: Any,
        nonterminal: str,
        ending: str,
        rollout_steps: int | None,
        averaged: str,
        learned: bool,
        reward: RewardDistribution | PerState,
        num_samples: int | None,
        seed: int | None,
        rewards: Any,
        max_gib: float,
    ) -> Price:
        """From the arguments of `SideEffectPenalty`.

        Raises:
            ValueError: for one that does not fit, naming it.
        """
        (price,), _ = check_betas([beta])
        check_choice("baseline", baseline, BASELINES)
        check_choice("nonterminal", nonterminal, NONTERMINAL)
        check_choice("ending", ending, ENDING)
        judge: Judge
        if not flag("learned", learned):
            mdp = resolve_model(env)
            check_numbering(env, mdp)
            settings = Deviating.checked(
                mdp, measure=measure, function=function, rollouts=rollouts, rollout_steps=rollout_steps,
                averaged=averaged, gamma=gamma, value_discount=value_discount, default=default, reward=reward,
                num_samples=num_samples, seed=seed, rewards=rewards, max_gib=max_gib, progress=False,
                whole=measure != "attainable_utility",
            )  # fmt: skip
            judge = FromTables(settings, baseline)
        else:
            if reward != DEFAULT or rewards is not None:
                raise ValueError(
                    "reward, rewards: learned utilities are drawn uniformly from [0, 1] when a state is first seen; "
                    "with learned=False they may be of any distribution"
                )
            if ending == "entered" or averaged != "nonterminal" or rollout_steps is not None:
                raise ValueError(
                    "ending, averaged, rollout_steps: what is learned is learned as in the original, from steps that "
                    "do not end the episode, of all states that were seen; learned=False has these choices"
                )
            of_utilities = check_choice("measure", measure, MEASURES) == "attainable_utility"
            terms = Terms(
                1 + ("unreachability", "relative_reachability", "attainable_utility").index(measure),
                check_choice("function", function, ("truncation", "absolute")) == "absolute",
                flag("rollouts", rollouts),
                check_gamma(gamma),
                check_gamma(value_discount, "value_discount", closed=not of_utilities),
                _learned_default(env, default),
            )
            count = UTILITIES if num_samples is None else check_count("num_samples", num_samples)
            number = {"start": START, "inaction": INACTION, "stepwise": STEPWISE}[baseline]
            space = getattr(env, "single_action_space", env.action_space)
            judge = FromExperience(terms, number, int(space.n), count if of_utilities else None, check_seed(seed))
        weight = {"full": 1.0, "discount": 1.0 - float(gamma), "none": 0.0}[nonterminal]
        return cls(judge, price, weight, float(ending != "none"), ending == "entered")


def _learned_default(env: Any, default: Any) -> int:
    """The number of the action that does nothing, where there need be no tables."""
    space, base = getattr(env, "single_action_space", env.action_space), env.unwrapped
    if not isinstance(space, gym.spaces.Discrete) or space.start != 0:
        raise ValueError(f"env: expected actions Discrete(n) from 0 on, found {space}")
    if not isinstance(default, str | int | np.integer):
        raise ValueError(f"default: expected an action, whose results are learned, found {default!r}")
    base = getattr(base, "envs", [base])[0].unwrapped
    named = getattr(base, "mdp", None) or getattr(base, "world", None)
    labels: Any = getattr(named, "action_labels", None) or getattr(named, "actions", range(int(space.n)))
    return default_action(tuple(labels), default)
