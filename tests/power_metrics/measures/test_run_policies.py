"""Reward functions of a run drawn again, and the policies behind it, against runs and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.measures.run_policies import drawn_pairs, drawn_rewards, pair_policies, run_policies
from powerenvs import TabularGame
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.games import games, random_policy
from tests.power_metrics.two_agents import best_values, dense, faced, greedy

MAZE = PowerGrid("maze_7x7").tables()
GRID = PowerGrid("open_3x3").tables()
PAIR = PowerPair(walls="absent").tables()
ACROSS_BLOCKS = [2499, 0, 1023, 1024, 0]

MIXED = pm.PerState({(0, 0): pm.Normal(0, 2)}, default=pm.Uniform(-1, 1))
IDENTICAL = [{(0, 1), (2, 2)}]


class TestDrawnRewards:
    @pytest.mark.parametrize("method", ["monte_carlo", "antithetic", "sobol"])
    def test_they_are_those_of_the_run(self, method):
        run = pm.power(MAZE, 0.9, num_samples=2500, seed=4, method=method, keep_samples=True)
        rewards = drawn_rewards(MAZE, ACROSS_BLOCKS, seed=4, method=method, num_samples=run.num_samples)
        assert np.array_equal(pm.power(MAZE, 0.9, rewards=rewards).samples, run.samples[ACROSS_BLOCKS])
        assert np.array_equal(
            drawn_rewards(MAZE, 1024, seed=4, method=method, num_samples=run.num_samples)[0], rewards[3]
        )

    def test_with_every_option_of_a_distribution(self):
        options = {"states_with_identical_rewards": IDENTICAL, "allow_all_equal": False}
        run = pm.power(GRID, 0.5, MIXED, 1500, seed=1, keep_samples=True, **options)
        rewards = drawn_rewards(GRID, [3, 1400], MIXED, 1, **options)
        assert np.array_equal(pm.power(GRID, 0.5, rewards=rewards).samples, run.samples[[3, 1400]])
        assert np.array_equal(rewards[:, GRID.index((0, 1))], rewards[:, GRID.index((2, 2))])

    def test_enumeration(self):
        run = pm.power(GRID, 0.5, pm.Bernoulli(0.5), method="enumeration")
        every = drawn_rewards(GRID, range(run.num_samples), pm.Bernoulli(0.5), method="enumeration")
        assert len(np.unique(every, axis=0)) == run.num_samples == 2**9
        assert np.allclose(pm.power(GRID, 0.5, rewards=every).mean, run.mean, atol=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"indices": -1}, "indices: expected whole numbers from 0 to .*, found -1"),
            ({"indices": 2**63}, "indices: expected whole numbers from 0 to .*, found 9223372036854775808"),
            ({"indices": 1.5}, "indices: .* found 1.5"),
            ({"indices": []}, "indices: "),
            ({"indices": [0, 10], "num_samples": 10}, "indices: expected numbers below 10, .* found 10"),
            ({"indices": 0, "method": "sobol"}, "num_samples: expected that of the run for method 'sobol'"),
            ({"indices": 0, "method": "monte_karlo"}, "method: .* did you mean 'monte_carlo'"),
            ({"indices": 0, "method": "closed_form"}, "method: expected one of .*, found 'closed_form'"),
            ({"indices": 0, "seed": -1}, "seed: "),
            ({"indices": 0, "reward": 3}, "reward: expected a reward distribution"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            drawn_rewards(GRID, **arguments)


class TestDrawnPairs:
    @pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.7])
    def test_they_are_those_of_the_run(self, correlation):
        run = pm.multiagent_power(PAIR, 0.6, correlation=correlation, num_samples=1100, seed=2, keep_samples=True)
        numbers = [1099, 0, 1023, 1024]
        pair = drawn_pairs(PAIR, numbers, correlation, seed=2)
        again = pm.multiagent_power(PAIR, 0.6, rewards=pair)
        for agent in PAIR.agents:
            assert np.abs(again[agent].samples - run[agent].samples[numbers]).max() < 1e-14

    def test_blocks_of_other_lengths_than_those_of_one_agent(self):
        # In a game in which nothing moves, POWER is the reward; 600 states have 872 pairs in a block, not 873.
        states = range(600)
        game = TabularGame.from_transitions([(s, (0, 0), s, 1.0) for s in states], state_labels=states)
        run = pm.multiagent_power(game, 0.5, correlation=0.3, num_samples=900, keep_samples=True)
        for agent, rewards in zip(game.agents, drawn_pairs(game, [871, 872, 899], 0.3), strict=True):
            assert np.abs(run[agent].samples[[871, 872, 899]] - rewards).max() < 1e-12

    def test_bad_input(self):
        with pytest.raises(ValueError, match="correlation: expected a number in"):
            drawn_pairs(PAIR, 0, 2.0)
        with pytest.raises(ValueError, match="indices: "):
            drawn_pairs(PAIR, -4)


class TestPairPolicies:
    @pytest.mark.slow
    @settings(max_examples=60, deadline=None)
    @given(game=games(max_states=4, num_agents=2), seed=st.integers(0, 2**32 - 1), ties=st.booleans())
    def test_against_brute_force(self, game, seed, ties):
        rng = np.random.default_rng(seed)
        rewards = rng.integers(0, 2, (2, game.num_states)).astype(float) if ties else rng.random((2, game.num_states))
        transitions, answer = dense(game), game.uniform_policy("ai")
        for rounds in (1, 2):
            chances, available = faced(transitions, answer, 0)
            plan = greedy(chances, available, best_values(chances, available, rewards[0], 0.8), 1e-9)
            chances, available = faced(transitions, plan, 1)
            answer = greedy(chances, available, best_values(chances, available, rewards[1], 0.5), 1e-9)
            found = pair_policies(game, tuple(rewards), 0.8, 0.5, rounds=rounds)
            assert np.allclose(found["human"], plan, atol=1e-12)
            assert np.allclose(found["ai"], answer, atol=1e-12)

    def test_the_answer_is_to_the_policy_in_force(self):
        # Both sit in a one-cell world with a lever each; A is paid for pulling the lever that H pulls.
        game = TabularGame.from_transitions(
            [(s, (h, a), f"{h}{a}", 1.0) for s in ("LL", "LR", "RL", "RR") for h in "LR" for a in "LR"],
            state_labels=("LL", "LR", "RL", "RR"),
        )
        human, ai = np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
        found = pair_policies(game, (human, ai), 0.5)
        right = [[0.0, 1.0]] * 4
        assert found["human"].tolist() == right
        assert found["ai"].tolist() == right  # against its own uniform seed policy as H's, both would be as good

    def test_seed_policy_and_roles(self):
        rng = np.random.default_rng(8)
        rewards, seed = rng.random((2, PAIR.num_states)), random_policy(rng, PAIR, "human")
        found = pair_policies(PAIR, tuple(rewards), 0.6, seed_policy=seed, agents=("ai", "human"))
        wanted = pm.optimal_policies(PAIR.against({"human": seed}), rewards[0], 0.6)[0].numpy()
        assert np.array_equal(found["ai"], wanted)
        wanted = pm.optimal_policies(PAIR.against({"ai": found["ai"]}), rewards[1], 0.6)[0].numpy()
        assert np.array_equal(found["human"], wanted)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"game": GRID}, "game: expected a TabularGame of two agents"),
            ({"gamma": 1.0}, "gamma: expected a discount below 1"),
            ({"gamma_a": -1}, "gamma_a: "),
            ({"rewards": np.zeros(81)}, r"rewards: expected a pair \(R_H, R_A\), found ndarray"),
            ({"rewards": (np.zeros(81), np.zeros(80))}, r"rewards\[1\]: expected shape"),
            ({"rewards": (np.zeros((2, 81)), np.zeros(81))}, "rewards: expected one reward function for each agent"),
            ({"agents": ("human", "human")}, "agents: expected two different names"),
            ({"agents": ("human", "robot")}, "agents: unknown agent 'robot'"),
            ({"rounds": 0}, "rounds: "),
            ({"seed_policy": np.ones((81, 4)) / 4}, r"policy of ai: expected shape \(81, 5\)"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            pair_policies(**{"game": PAIR, "rewards": (np.zeros(81), np.zeros(81)), "gamma": 0.5, **arguments})


class TestRunPolicies:
    @pytest.mark.parametrize("method", ["monte_carlo", "sobol"])
    def test_one_agent(self, method):
        run = pm.power(MAZE, 0.8, num_samples=1200, method=method, keep_samples=True)
        found = run_policies(run, 1100)
        values = pm.policy_values(MAZE, found.policies, found.rewards, 0.8).numpy()[0]
        assert np.abs((values - found.rewards) * 0.25 - run.samples[1100]).max() < 1e-13
        walk = found.rollout((0, 0), 30)
        arrived = found.rewards[walk.states[-1]]
        assert arrived == max(found.rewards[walk.states])
        assert list(found.columns) == ["reward"]

    def test_two_agents_after_rounds_and_a_file(self, tmp_path):
        rng = np.random.default_rng(1)
        seed_policy = random_policy(rng, PAIR, "ai")
        options = {"correlation": 0.5, "num_samples": 40, "seed": 3, "rounds": 2, "keep_samples": True}
        pm.multiagent_power(PAIR, 0.6, 0.8, seed_policy=seed_policy, **options).save(tmp_path / "run.npz")
        run = pm.MultiagentPower.load(tmp_path / "run.npz")
        found = run_policies(run, 33)
        for own, other in (("human", "ai"), ("ai", "human")):
            gamma, rewards = run[own].gamma, found.rewards[own]
            played = PAIR.against({other: found.policies[other]})
            values = pm.policy_values(played, found.policies[own], rewards, gamma).numpy()[0]
            assert np.abs((values - rewards) * (1 - gamma) / gamma - run[own].samples[33]).max() < 1e-12
        assert list(found.columns) == ["reward of human", "reward of ai"]
        walk = found.rollout(num_steps=7)
        assert walk.model is run.game
        assert walk.num_steps == 7

    def test_enumerated_runs_and_controls(self):
        run = pm.power(GRID, 0.5, pm.Bernoulli(0.5), method="enumeration")
        assert set(run_policies(run, 300, pm.Bernoulli(0.5)).rewards) == {0.0, 1.0}
        run = pm.power(GRID, 0.5, num_samples=64, method="sobol", control_variates=True)
        wanted = drawn_rewards(GRID, 9, method="sobol", num_samples=64)[0]
        assert np.array_equal(run_policies(run, 9).rewards, wanted)

    def test_other_settings_than_those_of_the_run_are_found(self):
        run = pm.power(GRID, 0.5, num_samples=10, keep_samples=True, states_with_identical_rewards=IDENTICAL)
        with pytest.raises(
            ValueError, match="states_with_identical_rewards, allow_all_equal: expected those of the run"
        ):
            run_policies(run, 3)
        assert run_policies(run, 3, states_with_identical_rewards=IDENTICAL).index == 3
        same = [{((1, 1), (ai // 3, ai % 3)) for ai in range(9)}]
        pair = pm.multiagent_power(PAIR, 0.6, num_samples=8, keep_samples=True, states_with_identical_rewards=same)
        with pytest.raises(ValueError, match="states_with_identical_rewards"):
            run_policies(pair, 3)
        assert run_policies(pair, 3, states_with_identical_rewards=same).index == 3

    def test_bad_input(self):
        run = pm.power(GRID, 0.5, num_samples=10)
        pair = pm.multiagent_power(PAIR, 0.6, num_samples=8)
        for result, index, options, message in [
            (run, 10, {}, "indices: expected numbers below 10"),
            (run, 0, {"reward": pm.Uniform(-1, 1)}, r"reward: expected that of the run, Uniform\(low=0.0, high=1.0\)"),
            (pair, 8, {}, "indices: expected numbers below 8"),
            (pair["human"], 0, {}, "result: expected the MultiagentPower of both agents"),
            (GRID, 0, {}, "result: expected a PowerEstimate or a MultiagentPower, found TabularMDP"),
            (pm.power(GRID, 0.5, rewards=np.ones(9)), 0, {}, "result: expected a run that drew reward functions"),
            (pm.power(GRID, 1.0, num_samples=4), 0, {}, "gamma: expected a discount below 1"),
        ]:
            with pytest.raises(ValueError, match=message):
                run_policies(result, index, **options)


def test_greedy_for_values_of_states_is_optimal_without_a_future():
    power = pm.power(MAZE, 0.9, num_samples=200).mean
    policy = pm.optimal_policies(MAZE, power, gamma=0)[0].numpy()
    reached = power[MAZE.successors()]
    assert np.array_equal(policy > 0, reached == reached.max(axis=1, keepdims=True))
