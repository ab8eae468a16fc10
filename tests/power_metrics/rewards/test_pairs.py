"""Pairs of correlated reward functions, and the bootstrap of the alignment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.expectation.alignment import GroupSums, alignment
from power_metrics.expectation.draws import Antithetic, Given, MonteCarlo, Sobol
from power_metrics.expectation.statistic import Block
from power_metrics.rewards.pairs import pair_sampler
from powerenvs import product_game
from tests.power_metrics.worlds import graph, grid

STATES = [f"s{i}" for i in range(6)]
CYCLE = graph({name: [name, STATES[(i + 1) % 6]] for i, name in enumerate(STATES)})


def draw(reward=pm.Uniform(0, 1), rho=0.0, count=20_000, seed=0, **kwargs):  # noqa: B008
    return pairs(MonteCarlo(pair_sampler(CYCLE, reward, rho, **kwargs), seed, count))


def pairs(draws):
    blocks = [draws.block(number) for number in range(-(-draws.count // draws.rows))]
    return np.moveaxis(np.concatenate(blocks), 1, 0)


class TestCorrelation:
    @pytest.mark.parametrize("rho", [-1, -0.5, 0, 0.3, 1])
    @pytest.mark.parametrize("reward", [pm.Uniform(-2, 1), pm.Beta(2, 2), pm.Bernoulli(0.5)], ids=str)
    def test_each_state_has_it_on_its_own(self, rho, reward):
        human, ai = draw(reward, rho)
        each = np.corrcoef(human.T, ai.T)
        assert np.abs(np.diag(each[:6, 6:]) - rho).max() < 4 / np.sqrt(20_000)
        across = each[:6, 6:][~np.eye(6, dtype=bool)]
        assert np.abs(across).max() < 5 / np.sqrt(20_000)
        assert abs(ai.mean() - reward.mean) < 4 * ai.std() / np.sqrt(ai.size)
        assert abs(ai.std() - human.std()) < 0.01

    def test_the_share_taken_over(self):
        human, ai = draw(rho=0.3)
        assert abs((human == ai).mean() - 0.3) < 4 * np.sqrt(0.21 / human.size)
        human, ai = draw(pm.Uniform(2, 5), -0.3)
        assert abs(np.isclose(human + ai, 7, rtol=0, atol=1e-12).mean() - 0.3) < 4 * np.sqrt(0.21 / human.size)

    def test_other_correlations_have_the_same_draws(self):
        pairs = {rho: draw(rho=rho, count=50) for rho in (-0.5, 0, 0.5, 1)}
        fresh = pairs[0][1]
        assert all(np.array_equal(human, pairs[0][0]) for human, _ in pairs.values())
        human, ai = pairs[0.5]
        assert np.all((ai == human) | (ai == fresh))
        assert np.array_equal(pairs[1][1], human)
        assert np.array_equal(ai == human, pairs[-0.5][1] == 1 - human)

    def test_blocks_and_seeds_differ(self):
        sampler = pair_sampler(CYCLE, pm.Uniform(0, 1), 0.5)
        first = sampler.block(0, 0)
        assert np.array_equal(first, sampler.block(0, 0))
        for other in (sampler.block(0, 1), sampler.block(1, 0), sampler.block(0, 0, (7,))):
            assert not np.any(np.isin(first, other))

    @pytest.mark.parametrize("kind", [Antithetic, Sobol])
    @pytest.mark.parametrize("rho", [-0.5, 0.3, 1])
    def test_points_of_the_cube_have_it_too(self, kind, rho):
        human, ai = pairs(kind(pair_sampler(CYCLE, pm.Uniform(0, 1), rho), 0, 16_384))
        each = np.corrcoef(human.T, ai.T)[:6, 6:]
        assert np.abs(np.diag(each) - rho).max() < 4 / np.sqrt(16_384)
        assert np.abs(each[~np.eye(6, dtype=bool)]).max() < 5 / np.sqrt(16_384)
        assert np.abs(ai.mean(axis=0) - 0.5).max() < 4 * np.sqrt(1 / 12 / 16_384)


class TestStates:
    def test_states_with_identical_rewards_share_the_draw_and_whether_it_is_taken_over(self):
        groups = [["s0", "s2"], ["s3", "s4", "s5"]]
        for rho in (-0.5, 0.5):
            human, ai = draw(rho=rho, identical=groups)
            for rewards in (human, ai):
                assert np.array_equal(rewards[:, 0], rewards[:, 2])
                assert np.array_equal(rewards[:, 3], rewards[:, 5])
                assert not np.any(rewards[:, 0] == rewards[:, 1])
            assert abs(np.corrcoef(human[:, 4], ai[:, 4])[0, 1] - rho) < 4 / np.sqrt(20_000)

    def test_each_state_is_mirrored_in_its_own_interval(self):
        reward = pm.PerState({"s1": pm.Uniform(4, 6), "s5": pm.Bernoulli(0.5)}, default=pm.Uniform(0, 1))
        human, ai = draw(reward, -1)
        assert np.allclose(human + ai, [1, 10, 1, 1, 1, 1])

    def test_only_what_occurs_must_be_symmetric(self):
        skewed = pm.PerState({"s1": pm.Beta(1, 3)}, default=pm.Uniform(0, 1))
        with pytest.raises(ValueError, match=r"Beta\(a=1, b=3\) in state 1 \(s1\), found -0.5"):
            pair_sampler(CYCLE, skewed, -0.5)
        everywhere = pm.PerState(dict.fromkeys(STATES, pm.Uniform(0, 1)), default=pm.Pareto(1, 3))
        human, ai = draw(everywhere, -1)
        assert np.allclose(human + ai, 1)
        assert draw(skewed, 0.5)[1].shape == (20_000, 6)

    @pytest.mark.slow
    def test_rewards_that_are_all_equal_can_be_refused(self):
        for rho in (-0.5, 0.5, 1):
            human, ai = draw(pm.Bernoulli(0.5), rho, allow_all_equal=False)
            for rewards in (human, ai):
                assert np.all(rewards.min(axis=1) < rewards.max(axis=1))
            assert np.any(np.ptp(draw(pm.Bernoulli(0.5), rho)[1], axis=1) == 0)
        with pytest.raises(ValueError, match="allow_all_equal: expected some"):
            draw(pm.Bernoulli(1.0), allow_all_equal=False, count=2)

    def test_a_distribution_of_ones_own_without_an_interval(self):
        class Exponential:
            mean, support = 1.0, (0.0, np.inf)

            def sample(self, rng, shape):
                return rng.exponential(size=shape)

        assert draw(Exponential(), 0.5)[1].shape == (20_000, 6)
        with pytest.raises(ValueError, match="correlation: expected at least 0"):
            draw(Exponential(), -0.5)


def collected(human, ai, rows, unit=1):
    """A bootstrap that was fed in blocks of so many rows, of which ``unit`` in a row belong together."""
    draws = Given(np.stack([human, ai], axis=1), rows, unit=unit)
    total = GroupSums().total(draws)
    for number in range(-(-draws.count // rows)):
        block = Block(draws, number, draws.block(number))
        total.add(GroupSums().partial(block.rewards, block), block.start)
    return total


class TestAlignment:
    def test_is_the_correlation_over_states(self):
        rng = np.random.default_rng(0)
        a, b = rng.random((2, 50))
        assert abs(alignment(a, b) - np.corrcoef(a, b)[0, 1]) < 1e-14
        assert alignment(a, 3 * a + 1) == 1
        assert alignment(a, -a) == -1

    def test_is_nan_where_nothing_varies(self):
        a = np.random.default_rng(0).random(50)
        assert np.isnan(alignment(a, np.full(50, 0.3)))
        assert np.isnan(alignment(np.full(50, 1e5) + 1e-9 * a, a))
        assert np.isnan(alignment(a[:1], a[:1]))

    @pytest.mark.slow
    @settings(max_examples=20, deadline=None)
    @given(count=st.integers(2, 260), seed=st.integers(0, 1000))
    def test_replicates_are_those_of_resampled_groups(self, count, seed):
        rng = np.random.default_rng(seed)
        human, ai = rng.random((2, count, 12)) + rng.random((2, 1, 12))
        corrected, replicates = collected(human, ai, 1 + count // 3).replicates(seed)
        groups = min(100, count)
        sums = np.array([[powers[g::groups].sum(axis=0) for g in range(groups)] for powers in (human, ai)])

        def value(drawn):
            """From the definition: products of all pairs of different groups among those drawn."""
            pairs = [(g, k) for i, g in enumerate(drawn) for j, k in enumerate(drawn) if g != k]
            g, k = np.array(pairs, dtype=int).reshape(-1, 2).T
            a, b = sums - sums.mean(axis=2, keepdims=True)
            cross, one, two = (float((x[g] * y[k]).sum()) for x, y in ((a, b), (a, a), (b, b)))
            return np.clip(cross / np.sqrt(one * two), -1, 1) if one > 0 and two > 0 else np.sign(cross)

        if np.isnan(corrected):
            assert np.all(np.isnan(replicates))
            return
        assert abs(corrected - value(np.arange(groups))) < 1e-9
        again = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(0, 2))))
        drawn = again.multinomial(groups, np.full(groups, 1 / groups), 1000)
        for r in (0, 1, 999):
            assert abs(replicates[r] - value(np.repeat(np.arange(groups), drawn[r]))) < 1e-9

    @pytest.mark.parametrize(("unit", "rows"), [(2, 6), (2, 50), (16, 8), (16, 64), (300, 100)])
    def test_samples_that_belong_together_are_in_one_group(self, unit, rows):
        count = 600
        human, ai = np.random.default_rng(unit).random((2, count, 4))
        groups = min(100, count // unit) if count % unit == 0 else min(100, count // unit + 1)
        number = np.arange(count) // unit % groups
        expected = np.array([[powers[number == g].sum(axis=0) for g in range(groups)] for powers in (human, ai)])
        assert collected(human, ai, rows, unit)._sums == pytest.approx(expected, rel=1e-12)

    @pytest.mark.slow
    def test_noise_is_taken_out(self):
        # Two agents whose POWER over 30 states truly correlates by about 0.8, measured with a lot of noise.
        rng = np.random.default_rng(1)
        common, own = rng.normal(size=30), rng.normal(size=(2, 30))
        truth = np.array([common + 0.5 * x for x in own])
        true = np.corrcoef(truth)[0, 1]
        plain, corrected, covered = [], [], 0
        for seed in range(40):
            noisy = truth[:, None] + 20 * np.random.default_rng(seed).normal(size=(2, 1000, 30))
            found, replicates = collected(*noisy, 600).replicates(seed)
            plain.append(alignment(*noisy.mean(axis=1)))
            corrected.append(found)
            low, high = np.quantile(replicates, (0.025, 0.975))
            covered += low <= true <= high
        assert np.mean(plain) < true - 0.1
        assert abs(np.mean(corrected) - true) < 0.03
        assert covered >= 34

    def test_too_few_samples_to_tell(self):
        human, ai = np.random.default_rng(0).random((2, 1, 5))
        corrected, replicates = collected(human, ai, 1).replicates(0)
        assert np.isnan(corrected)
        assert np.all(np.isnan(replicates))

    def test_a_run_has_the_alignment_of_its_means(self):
        result = pm.multiagent_power(product_game(grid(), grid()), 0.6, num_samples=1000)
        human, ai = (result[agent].mean for agent in result.agents)
        assert abs(result.alignment - np.corrcoef(human, ai)[0, 1]) < 1e-12
        low, high = result.alignment_interval(0.9)
        assert low < result.alignment_corrected < high
        wide = result.alignment_interval(0.99)
        assert wide[0] < low < high < wide[1]
        assert 0 < result.alignment_error < 1
        assert abs(result.alignment_corrected) >= abs(result.alignment)

    def test_the_level_of_an_interval(self):
        result = pm.multiagent_power(product_game(CYCLE, CYCLE), 0.7, num_samples=20)
        with pytest.raises(ValueError, match="level: expected a probability between 0 and 1, found 95"):
            result.alignment_interval(95)
