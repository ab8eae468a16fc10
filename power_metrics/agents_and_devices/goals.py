"""Agents: noisily optimal policies for goals or for reward functions, of which one is wanted; it is not known which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from power_metrics.agents.going import TIES, arrival_times
from power_metrics.agents_and_devices.distances import FAR, Distances, count_best
from power_metrics.agents_and_devices.wanting import Floats, Ints, NoisyAgents, Wanting
from power_metrics.arguments.checks import check_count, check_gamma, check_rewards, check_seed
from power_metrics.rewards.distributions import RewardDistribution
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.solvers.optimal import optimal_policies, optimal_values
from powerenvs.model.checks import as_list
from powerenvs.model.mdp import TabularMDP


@dataclass(frozen=True, eq=False)
class GoalAgents(NoisyAgents):
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
        ties, steps = _shortest(mdp, goals) if mdp.deterministic else _soonest(mdp, goals)
        return self.wanting(mdp, len(goals), ties, lambda state: _nearness(mdp, goals, state, steps(state)))


@dataclass(frozen=True, eq=False)
class RewardAgents(NoisyAgents):
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

    def __post_init__(self) -> None:
        super().__post_init__()
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
        policies = optimal_policies(mdp, rewards, self.gamma).numpy()
        best = policies > 0
        counts = np.where(best, best.sum(axis=-1, keepdims=True), 0).astype(np.int16)
        values = optimal_values(mdp, rewards, self.gamma).numpy() if len(self.betas) else np.zeros_like(rewards)
        matrix, A = mdp.transition_matrix(), mdp.num_actions

        def scores(state: int) -> Floats:
            found = rewards[:, state] + self.gamma * (matrix[state * A : (state + 1) * A] @ values.T)
            found[~mdp.available[state]] = -np.inf
            return found

        return self.wanting(mdp, len(rewards), lambda s: np.ascontiguousarray(counts[:, s].T), scores)


def _shortest(mdp: TabularMDP, goals: Ints) -> tuple[Callable[[int], Ints], Callable[[int], Floats]]:
    """{state} to (A, G) how many best actions there are, at these, and to the fewest steps to each goal after each."""
    distances, successors = Distances(mdp), mdp.successors()

    def after(state: int) -> Ints:
        found = np.full((mdp.num_actions, len(goals)), FAR, dtype=np.int32)
        for action in np.flatnonzero(mdp.available[state]):
            found[action] = distances.start(int(successors[state, action]))[goals]
        return found

    def ties(state: int) -> Ints:
        found = np.empty((mdp.num_actions, len(goals)), dtype=np.int16)
        count_best(after(state), mdp.available[state], goals == state, found)
        return found

    def steps(state: int) -> Floats:
        found = after(state)
        return np.where(found == FAR, np.inf, found)

    return ties, steps


def _soonest(mdp: TabularMDP, goals: Ints) -> tuple[Callable[[int], Ints], Callable[[int], Floats]]:
    """`_shortest` where actions have no certain outcome: expected steps, infinite where a goal may never be reached."""
    A, matrix = mdp.num_actions, mdp.transition_matrix()
    times = arrival_times(mdp, goals).T
    never, finite = np.isinf(times).astype(np.float64), np.where(np.isinf(times), 0.0, times)

    def steps(state: int) -> Floats:
        rows = matrix[state * A : (state + 1) * A]
        nowhere = ~mdp.available[state][:, None]
        return np.where((rows @ never > 0) | nowhere, np.inf, rows @ finite)

    def ties(state: int) -> Ints:
        shown = _nearness(mdp, goals, state, steps(state))
        top = shown.max(axis=0)
        best = shown >= top - TIES * np.maximum(np.abs(top), 1.0)
        return (best * best.sum(axis=0)).astype(np.int16)

    return ties, steps


def _nearness(mdp: TabularMDP, goals: Ints, state: int, steps: Floats) -> Floats:
    """(A, G) what actions are worth: less the steps to go; 0 where any action will do, -inf of what does not exist."""
    found = -steps
    found[:, np.isinf(found).all(axis=0) | (goals == state)] = 0.0
    found[~mdp.available[state]] = -np.inf
    return found
