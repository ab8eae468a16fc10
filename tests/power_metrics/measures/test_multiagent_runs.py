"""POWER of two agents as a user calls it: seeds, files, progress, bad input."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import product_game
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.two_agents import four, pair_game
from tests.power_metrics.worlds import graph, grid

BAD = [
    ({"gamma": 1.0}, "gamma: expected a discount below 1, found 1"),
    ({"gamma_a": 1.5}, r"gamma_a: expected a discount in \[0, 1\], found 1.5"),
    ({"correlation": 1.5}, r"correlation: expected a number in \[-1, 1\], found 1.5"),
    ({"correlation": "high"}, r"correlation: expected a number in \[-1, 1\], found 'high'"),
    ({"correlation": -0.5, "reward": pm.Beta(1, 2)}, "correlation: expected at least 0 where a distribution is not symmetric.*Beta"),
    ({"rewards": np.zeros((3, 4))}, r"rewards: expected a pair \(R_H, R_A\), found ndarray"),
    ({"rewards": (np.zeros(4), np.zeros(5))}, r"rewards\[1\]: expected shape \(B, 4\)"),
    ({"rewards": (np.zeros((2, 4)), np.zeros((3, 4)))}, "rewards: expected as many reward functions for H as for A, found 2 and 3"),
    ({"rewards": (np.zeros(4), np.zeros(4)), "correlation": 0.5}, "correlation: expected the default where rewards are given"),
    ({"num_samples": 0}, "num_samples: expected a whole number of at least 1"),
    ({"rounds": 0}, "rounds: expected a whole number of at least 1, found 0"),
    ({"tie_tolerance": -1}, "tie_tolerance: expected a number in"),
    ({"seed_policy": np.ones((4, 2))}, r"seed_policy: .*shape \(4, 5\)"),
    ({"seed_policy": np.ones((4, 5))}, "seed_policy: .*sum to 1"),
    ({"seed_policy": lambda s: [1.0]}, r"seed_policy: expected 5 probabilities, .*found shape \(1,\) in state human="),
    ({"seed_policy": lambda s: {"stray": 1.0}}, "unknown action 'stray' of ai; did you mean 'stay'"),
    ({"agents": ("human", "robot")}, "agents: unknown agent 'robot'"),
    ({"agents": ("human", "human")}, "agents: expected two different names"),
    ({"others": {"third": None}}, "others: expected policies of all further agents"),
    ({"states_with_identical_rewards": [["nowhere"]]}, "unknown state 'nowhere'"),
]  # fmt: skip


class TestRuns:
    @pytest.mark.slow
    def test_the_same_seed_gives_the_same_numbers(self):
        game = pair_game()
        runs = [pm.multiagent_power(game, 0.9, num_samples=3000, seed=7, threads=n, progress=False) for n in (1, 2)]
        assert np.array_equal(runs[0]["human"].mean, runs[1]["human"].mean)
        assert runs[0].alignment_interval() == runs[1].alignment_interval()
        other = pm.multiagent_power(game, 0.9, num_samples=3000, seed=8)
        assert not np.array_equal(runs[0]["human"].mean, other["human"].mean)

    def test_a_longer_run_begins_like_a_shorter_one(self):
        game = pair_game(("..",))
        long = pm.multiagent_power(game, 0.9, num_samples=1500, keep_samples=True)
        short = pm.multiagent_power(game, 0.9, num_samples=1027, keep_samples=True)
        for name, samples in four(short).items():
            assert np.abs(four(long)[name][:1027] - samples).max() < 1e-13

    def test_estimates_describe_the_run(self):
        game = pair_game(("..",))
        result = pm.multiagent_power(game, 0.5, 0.25, 0.5, pm.Beta(2, 2), 300, seed=4, keep_samples=True)
        for estimate, gamma in zip((result["human"], result["ai"]), (0.5, 0.25), strict=True):
            assert (estimate.gamma, estimate.num_samples, estimate.seed) == (gamma, 300, 4)
            assert (estimate.method, estimate.reward, estimate.model) == ("monte_carlo", "Beta(a=2, b=2)", game)
            assert np.allclose(estimate.mean, estimate.samples.mean(axis=0), atol=1e-14)
            assert np.allclose(estimate.standard_error, estimate.samples.std(axis=0, ddof=1) / np.sqrt(300), atol=1e-14)
            assert estimate.max_iterations >= 1
        assert result.baseline["ai"].gamma == 0.25
        assert result.num_samples == 300
        with pytest.raises(ValueError, match="samples: not kept"):
            pm.multiagent_power(game, num_samples=10)["ai"].samples  # noqa: B018

    def test_a_fresh_seed_is_told(self):
        first, second = (pm.multiagent_power(pair_game(("..",)), num_samples=20, seed=None) for _ in range(2))
        assert first["human"].seed != second["human"].seed
        again = pm.multiagent_power(pair_game(("..",)), num_samples=20, seed=first["human"].seed)
        assert np.array_equal(again["ai"].mean, first["ai"].mean)

    def test_seed_policy_as_a_function(self):
        game = pair_game(("..", ".#"))
        table = game.uniform_policy("ai")
        stay = game.action_index("ai", "stay")
        table[game.find(human=(0, 0))] = np.eye(5)[stay]
        still = {"stay": 1.0}
        uniform = dict(zip(game.state_labels, game.uniform_policy("ai"), strict=True))
        by_label = pm.multiagent_power(
            game, seed_policy=lambda s: still if s.human == (0, 0) else uniform[s], num_samples=30
        )
        assert np.array_equal(by_label.seed_policy, table)
        by_table = pm.multiagent_power(game, seed_policy=table, num_samples=30)
        assert np.array_equal(by_label["human"].mean, by_table["human"].mean)

    def test_environments_have_their_games(self):
        from powerenvs.multi import power_pair_v0

        env = power_pair_v0.parallel_env(level="open_3x3", walls="absent")
        result = pm.multiagent_power(env, 0.6, num_samples=20)
        assert np.array_equal(
            result["human"].mean, pm.multiagent_power(PowerPair(walls="absent"), 0.6, num_samples=20)["human"].mean
        )

    def test_progress(self, capsys):
        pm.multiagent_power(pair_game(("..",)), num_samples=20, progress=True)
        assert "20/20" in capsys.readouterr().err
        pm.multiagent_power(pair_game(("..",)), num_samples=20, progress=False)
        assert capsys.readouterr().err == ""


class TestBadInput:
    @pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message[:30] for _, message in BAD])
    def test_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            pm.multiagent_power(pair_game(("..",)), **arguments)

    def test_models(self):
        with pytest.raises(ValueError, match="expected a game of two agents, found TabularMDP"):
            pm.multiagent_power(grid())
        three = product_game(*[graph({"a": ["a"]})] * 3, agents=("a", "b", "c"))
        with pytest.raises(
            ValueError, match=r"leave at least two of \('a', 'b', 'c'\), found policies of \['a', 'b'\]"
        ):
            pm.multiagent_power(three, others={"a": "uniform", "b": "uniform"})
        with pytest.raises(ValueError, match=r"those of c, found \[\]"):
            pm.multiagent_power(three, agents=("a", "b"))

    def test_a_seed_policy_that_leaves_nothing_to_do(self):
        game = PowerPair("..", walls="absent").tables().without_overlaps(no_swaps=True)
        policy = np.zeros((game.num_states, 5))
        policy[:, game.action_index("ai", "left")] = 1
        with pytest.raises(ValueError, match=r"seed_policy: .*none in state \d \(human="):
            pm.multiagent_power(game, seed_policy=policy)
