"""Blocks averaged in one kernel: the numbers of NumPy's generators, and of reward functions solved one by one."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.expectation.blocks import averages, quick
from power_metrics.expectation.draws import MonteCarlo
from power_metrics.expectation.moments import Moments
from power_metrics.rewards.sampler import reward_sampler
from power_metrics.solvers.compiled import solver_tables
from powerenvs import TabularMDP
from tests.power_metrics.worlds import MAZE, grid

GAMMAS = (0.0, 0.6, 0.99, 0.999999)


def some_graph() -> TabularMDP:
    """Ways between 70 states at random, some of them dead ends."""
    rng = np.random.default_rng(3)
    moves = [(s, 0, s, 1.0) for s in range(70)]
    moves += [(s, a, int(t), 1.0) for s in range(0, 70, 2) for a, t in enumerate(rng.integers(70, size=3), start=1)]
    return TabularMDP.from_transitions(moves, state_labels=range(70), action_labels=range(4))


@pytest.mark.parametrize("build", [lambda: grid(MAZE), some_graph, lambda: grid((".",))])
@pytest.mark.parametrize("reward", [pm.Uniform(), pm.Uniform(-3, 8), pm.Bernoulli(0.1), pm.Uniform(1e5, 1e5 + 2)])
@pytest.mark.parametrize("count", [1, 1023, 9 * 1024 + 5])
def test_the_same_as_one_by_one(build, reward, count):
    mdp = build()
    draws = MonteCarlo(reward_sampler(mdp, reward), 7, count, (5,))
    tables = solver_tables(mdp)
    assert quick(tables, draws)
    for gamma in GAMMAS[: 4 if count < 1024 else 2]:
        found = list(averages(tables, draws, range(-(-count // 1024)), gamma))
        for number in {0, len(found) - 1}:
            rewards = draws.block(number)
            solution = pm.solve(mdp, rewards, gamma)
            expected = Moments.of(solution.continuation * (1 - gamma))
            average = found[number]
            assert average.moments.count == len(rewards)
            assert np.array_equal(average.moments.mean, expected.mean)
            spread = expected._sums[1].max()
            assert np.allclose(average.moments._sums[1], expected._sums[1], rtol=1e-10, atol=1e-10 * spread)
            assert np.allclose(average.moments.skewness, expected.skewness, rtol=1e-7, atol=1e-7)
            assert average.residual == solution.residual.max()
            assert (average.most, average.total) == (solution.iterations.max(), solution.iterations.sum())


def test_a_block_does_not_depend_on_those_beside_it():
    mdp = grid(MAZE)
    draws = MonteCarlo(reward_sampler(mdp, pm.Uniform()), 0, 13 * 1024 - 100)
    together = list(averages(solver_tables(mdp), draws, range(13), 0.9))
    for blocks in (range(3, 4), range(7, 13)):
        for mine, theirs in zip(
            averages(solver_tables(mdp), draws, blocks, 0.9), together[blocks.start :], strict=False
        ):
            assert np.array_equal(mine.moments._sums, theirs.moments._sums)
            assert mine[1:] == theirs[1:]


def test_power_is_the_same_with_and_without_what_needs_each_reward_function():
    """Kept samples and given batches leave the kernel out; so do rewards that it cannot draw."""
    mdp = grid(MAZE)
    plain = pm.power(mdp, [0.3, 0.99], num_samples=3000, seed=4)
    for options in ({"keep_samples": True}, {"batch_size": 100}, {"threads": 1}):
        for mine, theirs in zip(pm.power(mdp, [0.3, 0.99], num_samples=3000, seed=4, **options), plain, strict=True):
            assert np.array_equal(mine.mean, theirs.mean)
            assert np.allclose(mine.standard_error, theirs.standard_error, rtol=1e-11)
            assert (mine.residual, mine.max_iterations) == (theirs.residual, theirs.max_iterations)
            assert mine.mean_iterations == theirs.mean_iterations
    for reward in (pm.Beta(2, 3), pm.PerState({0: pm.Uniform(0, 2)}, pm.Uniform()), pm.Uniform(0, 1e-30)):
        assert not quick(solver_tables(mdp), MonteCarlo(reward_sampler(mdp, reward), 0, 10))
    assert not quick(solver_tables(grid(noise=0.2)), MonteCarlo(reward_sampler(grid(), pm.Uniform()), 0, 10))
    different = reward_sampler(mdp, pm.Bernoulli(0.5), allow_all_equal=False)
    assert not quick(solver_tables(mdp), MonteCarlo(different, 0, 10))
