"""Agents: noisily optimal policies for goals or for reward functions, of which one is wanted; it is not known which."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from power_metrics.agents.going import TIES, arrival_times
from power_metrics.agents_and_devices.distances import FAR, Distances
from power_metrics.agents_and_devices.predictors import log_of, log_sum
from power_metrics.agents_and_devices.weighing import add_by_ties, settle
from power_metrics.arguments.checks import as_float64, check_count, check_gamma, check_rewards, check_seed
from power_metrics.rewards.distributions import RewardDistribution
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.solvers.optimal import optimal_policies, optimal_values
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
        posterior: (N, G) of each noise and goal.
    """

    def __init__(self, choices: Choices, noises: Sequence[str], weights: Floats, switching: float):
        self._choices, self.noises = choices, tuple(noises)
        self._first = log_of(weights)
        self._log = np.tile(self._first - math.log(len(noises)), (len(noises), 1))
        self._switching, self._begun = switching, False

    @property
    def posterior(self) -> Floats:
        """(N, G) of each noise and goal."""
        found: Floats = np.exp(self._log)
        return found

    def update(self, state: int, action: int) -> float:
        """See `Predictor`."""
        if self._begun and self._switching:
            of_noise = np.array([log_sum(row) for row in self._log])[:, None]
            kept, anew = log_of([1 - self._switching, self._switching])
            self._log = np.logaddexp(kept + self._log, anew + of_noise + self._first)
        self._begun = True
        self._choices.weigh(self._log, state, action)
        return float(settle(self._log))


@dataclass(frozen=True, eq=False)
class GoalAgents:
    """Agents that want to be in a state, and go there on a shortest path; it is not known where, or how noisily.

    Of several shortest ways each first step is equally likely. In the goal, and where it cannot surely be reached, any
    action is. In models by chance the way is the one of least expected length.

    Args:
        goals: states by label or index; all when None.
        epsilons: probabilities of a uniform random action instead, equally likely beforehand; with 1 among them,
            uniform behaviour is.
        betas: of softmax behaviour, exp(-β steps to go), next to them.
        switching: probability, before each step but the first, that the goal is drawn anew.
        weights: (G,) of the goals, beforehand; equal when None.

    Raises:
        ValueError: for numbers that do not fit; for goals and weights when they meet a model.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> grid = PowerGrid(level="open_3x3")
        >>> walk = pm.trajectory(grid, "shortest_path")
        >>> pm.agency(grid, walk, agents=pm.GoalAgents(epsilons=[0.1])).goals.argmax()
        np.int64(8)
    """

    goals: Any = None
    epsilons: Sequence[float] = EPSILONS
    betas: Sequence[float] = ()
    switching: float = 0.0
    weights: Any = None

    def __post_init__(self) -> None:
        _check_noise(self)

    def states(self, mdp: TabularMDP) -> Ints:
        """(G,) the goals; a ValueError for states that the model lacks."""
        if self.goals is None:
            return np.arange(mdp.num_states)
        listed = as_list("goals", self.goals, "states")
        if not listed:
            raise ValueError("goals: expected at least one, found none")
        return np.array([mdp.lookup.index(goal, "goals") for goal in listed], dtype=np.int64)

    def predictor(self, mdp: TabularMDP) -> Wanting:
        """What predicts by them."""
        goals = self.states(mdp)
        weights = _weights(self.weights, len(goals))
        following = _steps_after(mdp, goals)

        def scores(state: int) -> Floats:
            found = -following(state)
            found[:, np.isinf(found).all(axis=0) | (goals == state)] = 0.0
            found[~mdp.available[state]] = -np.inf
            return found

        choices = _choices(mdp, self, lambda s: _ties(scores(s)), scores)
        return Wanting(choices, _noises(self), weights, self.switching)


@dataclass(frozen=True, eq=False)
class RewardAgents:
    """Agents with a reward function for states, optimal for it but for noise; it is not known which, or how noisy.

    Args:
        rewards: (G, S) reward functions, or a distribution of rewards from which some are drawn.
        gamma: their discount.
        num_rewards: how many are drawn.
        seed: of the draws.
        epsilons: probabilities of a uniform random action, as of `GoalAgents`.
        betas: of softmax behaviour, exp(β Q(s, a)), next to them.
        switching: probability, before each step but the first, that the reward function is drawn anew.
        weights: (G,) of the reward functions, beforehand; equal when None.

    Raises:
        ValueError: for numbers that do not fit; for rewards and weights when they meet a model.

    Example:
        >>> import power_metrics as pm
        >>> from powerenvs.worlds.power import PowerGrid
        >>> grid = PowerGrid(level="open_3x3")
        >>> found = pm.agency(grid, "shortest_path", agents=pm.RewardAgents(pm.Uniform(0, 1), num_rewards=20))
        >>> found.functions.shape
        (20,)
    """

    rewards: Any
    gamma: float = 0.9
    num_rewards: int = 100
    seed: int = 0
    epsilons: Sequence[float] = EPSILONS
    betas: Sequence[float] = ()
    switching: float = 0.0
    weights: Any = None

    def __post_init__(self) -> None:
        _check_noise(self)
        check_gamma(self.gamma)
        check_count("num_rewards", self.num_rewards)
        check_seed(self.seed)

    def functions(self, mdp: TabularMDP) -> Floats:
        """(G, S) the reward functions; a ValueError for what are none."""
        if isinstance(self.rewards, RewardDistribution):
            sampler = reward_sampler(mdp, self.rewards)
            return sampler.draw(np.random.default_rng(check_seed(self.seed)), int(self.num_rewards))
        return check_rewards(self.rewards, mdp)

    def predictor(self, mdp: TabularMDP) -> Wanting:
        """What predicts by them."""
        rewards = self.functions(mdp)
        weights = _weights(self.weights, len(rewards))
        policies = optimal_policies(mdp, rewards, self.gamma).numpy()
        best = policies > 0
        counts = np.where(best, best.sum(axis=-1, keepdims=True), 0).astype(np.int16)
        values = optimal_values(mdp, rewards, self.gamma).numpy() if len(self.betas) else np.zeros_like(rewards)
        matrix, A = mdp.transition_matrix(), mdp.num_actions

        def scores(state: int) -> Floats:
            found = rewards[:, state] + self.gamma * (matrix[state * A : (state + 1) * A] @ values.T)
            found[~mdp.available[state]] = -np.inf
            return found

        choices = _choices(mdp, self, lambda s: np.ascontiguousarray(counts[:, s].T), scores)
        return Wanting(choices, _noises(self), weights, self.switching)


Agents = GoalAgents | RewardAgents


def _steps_after(mdp: TabularMDP, goals: Ints) -> Callable[[int], Floats]:
    """{state} to (A, G) the expected steps to each goal after each action; infinite where it may never be reached."""
    A = mdp.num_actions
    if not mdp.deterministic:
        steps = arrival_times(mdp, goals).T
        never, finite = np.isinf(steps).astype(np.float64), np.where(np.isinf(steps), 0.0, steps)
        matrix = mdp.transition_matrix()

        def by_chance(state: int) -> Floats:
            rows = matrix[state * A : (state + 1) * A]
            nowhere = ~mdp.available[state][:, None]
            return np.where((rows @ never > 0) | nowhere, np.inf, rows @ finite)

        return by_chance
    distances, successors = Distances(mdp), mdp.successors()

    def after(state: int) -> Floats:
        found = np.full((A, len(goals)), np.inf)
        for action in np.flatnonzero(mdp.available[state]):
            found[action] = distances.start(int(successors[state, action]))[goals]
        found[found == FAR] = np.inf
        return found

    return after


def _ties(scores: Floats) -> Ints:
    """(A, G) how many actions are best, at these; 0 at others."""
    top = scores.max(axis=0)
    best = scores >= top - TIES * np.maximum(np.abs(top), 1.0)
    return (best * best.sum(axis=0)).astype(np.int16)


def _choices(mdp: TabularMDP, agents: Agents, ties: Callable[[int], Ints], scores: Callable[[int], Floats]) -> Choices:
    return Choices(mdp, ties, scores, tuple(map(float, agents.epsilons)), tuple(map(float, agents.betas)))


def _noises(agents: Agents) -> list[str]:
    return [*(f"epsilon {e:g}" for e in agents.epsilons), *(f"beta {b:g}" for b in agents.betas)]


def _check_noise(agents: Agents) -> None:
    """Makes tuples of noise that may be given as anything; raises a ValueError for noise that is none."""
    epsilons = as_list("epsilons", agents.epsilons, "numbers in [0, 1]")
    betas = as_list("betas", agents.betas, "numbers of at least 0")
    if any(not 0 <= real(epsilon) <= 1 for epsilon in epsilons):
        raise ValueError(f"epsilons: expected numbers in [0, 1], found {agents.epsilons!r}")
    if any(not 0 <= real(beta) < math.inf for beta in betas):
        raise ValueError(f"betas: expected finite numbers of at least 0, found {agents.betas!r}")
    if not epsilons and not betas:
        raise ValueError("epsilons: expected at least one, or one of betas, found none")
    if not 0 <= real(agents.switching) <= 1:
        raise ValueError(f"switching: expected a probability, found {agents.switching!r}")
    object.__setattr__(agents, "epsilons", tuple(float(epsilon) for epsilon in epsilons))
    object.__setattr__(agents, "betas", tuple(float(beta) for beta in betas))


def _weights(given: Any, count: int) -> Floats:
    """(G,) weights that sum to 1."""
    if given is None:
        return np.full(count, 1 / count)
    return checked_weights("weights", given, count)


def checked_weights(name: str, given: Any, count: int) -> Floats:
    """Weights as probabilities.

    Raises:
        ValueError: unless there are as many as wanted, none is below 0 and they sum to 1.
    """
    found = as_float64(name, given)
    if found.shape != (count,) or not (found >= 0).all() or not abs(found.sum() - 1) <= 1e-9:
        raise ValueError(f"{name}: expected {count} numbers of at least 0 that sum to 1, found {given!r}")
    return found / found.sum()
