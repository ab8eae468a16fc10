"""What policies are expected to look like: against all walks written out, bounds of mixtures, and over training."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from stable_baselines3 import PPO

import power_metrics as pm
from power_metrics.agents_and_devices.policies import policy_of
from powerenvs import TabularMDP
from powerenvs.rollout import Rollout
from powerenvs.worlds.power import PowerGrid
from tests.models import mdps, uniform

CLASSES = {"agents": ["goals", "uniform"], "devices": ["uniform", "previous", "tree(2, walls)"]}


def random_policy(mdp, seed):
    rng = np.random.default_rng(seed)
    found = rng.random(mdp.available.shape) * mdp.available * (rng.random(mdp.available.shape) < 0.7)
    found[found.sum(axis=1) == 0] = uniform(mdp)[found.sum(axis=1) == 0]
    return found / found.sum(axis=1, keepdims=True)


def walks(mdp, policy, steps):
    """Every walk and its probability, by recursion over states and actions."""

    def longer(states, actions, chance):
        here = states[-1]
        if mdp.terminal[here] or len(actions) == steps:
            yield chance, Rollout(mdp, np.array(states), np.array(actions, dtype=np.int64))
            return
        for a in np.flatnonzero(policy[here] > 0):
            for after, share in enumerate(mdp.transition_tensor().numpy()[here, a]):
                if share:
                    yield from longer([*states, after], [*actions, int(a)], chance * policy[here, a] * share)

    for state in np.flatnonzero(mdp.initial):
        yield from longer([int(state)], [], float(mdp.initial[state]))


@given(mdps(max_states=3, max_actions=2), st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_expected_evidence_against_all_walks_written_out(mdp, seed):
    policy = random_policy(mdp, seed)
    found = pm.policy_agency(mdp, policy, **CLASSES, prior=0.4, steps=3, episodes=100_000)
    means, own, actions = np.zeros(3), 0.0, 0.0
    for chance, walk in walks(mdp, policy, 3):
        one = pm.agency(mdp, walk, **CLASSES, prior=0.4)
        means += chance * np.array([one.probability[-1], one.log_agents[-1], one.log_devices[-1]])
        own += chance * np.log2(policy[walk.states[:-1], walk.actions]).sum()
        actions += chance * walk.num_steps
    assert found.method == "enumerated"
    assert found.actions == pytest.approx(actions, abs=1e-12)
    each = actions or 1.0
    expected = [means[0], means[1] / each, means[2] / each, own / each]
    got = [found.probability, found.agents_bits, found.devices_bits, found.own_bits]
    assert got == pytest.approx(expected, abs=1e-10)
    assert found.probability_error == found.agents_error == found.devices_error == 0


@given(mdps(max_states=5, max_actions=3), st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_bounds_of_what_is_expected(mdp, seed):
    """Nothing predicts a policy better than itself, and a mixture at most the weight of a member worse than that."""
    found = pm.policy_agency(mdp, random_policy(mdp, seed), **CLASSES, steps=5, episodes=500)
    each = found.actions or 1.0
    for bits, error, best, lightest in (
        (found.agents_bits, found.agents_error, found.best_agent, 1 / (2 * 6 * mdp.num_states)),
        (found.devices_bits, found.devices_error, found.best_device, 1 / 3),
    ):
        assert best <= found.own_bits + 1e-12
        assert bits <= found.own_bits + 5 * error + 1e-12
        assert bits >= best + math.log2(lightest) / each - 5 * error - 1e-12
    assert found.best_agent >= found.uniform_bits - 1e-12
    assert found.goals.max() <= found.best_agent + 1e-12


def test_single_goals_are_exact_by_occupancy_where_walks_are_too_many():
    grid = PowerGrid("S...\n.#..\n...G").tables()
    policy = 0.9 * pm.optimal_policies(grid, None, 0.9)[0].numpy() + 0.1 * uniform(grid)
    found = pm.policy_agency(grid, policy, pm.GoalAgents(epsilons=[0.3]), steps=20, episodes=2000)
    assert found.method == "sampled"
    for goal in ((2, 3), (0, 3)):
        alone = pm.policy_agency(grid, policy, pm.GoalAgents(goals=[goal], epsilons=[0.3]), steps=20, episodes=2000)
        exact = found.goals[grid.lookup.index(goal)]
        assert alone.best_agent == pytest.approx(exact, abs=1e-12)
        assert 0 < abs(alone.agents_bits - exact) < 4 * alone.agents_error


def test_drawn_walks_have_the_errors_that_they_say():
    mdp = PowerGrid("S..\n...", noise=0.2).tables()
    policy, options = random_policy(mdp, 3), {**CLASSES, "steps": 4}
    exact = pm.policy_agency(mdp, policy, **options, episodes=10**6)
    assert exact.method == "enumerated"
    off = []
    for seed in range(30):
        drawn = pm.policy_agency(mdp, policy, **options, episodes=60, seed=seed)
        assert drawn.method == "sampled"
        off += [
            (drawn.probability - exact.probability) / drawn.probability_error,
            (drawn.devices_bits - exact.devices_bits) / drawn.devices_error,
        ]
    assert 0.7 < np.std(off) < 1.4
    assert abs(np.mean(off)) < 0.4


def test_a_goal_seeker_is_an_agent_and_who_goes_round_in_circles_is_none():
    grid = PowerGrid("S......\n.####..\n.......\n.......\n......G").tables()
    assert pm.policy_agency(grid).probability > 0.99
    circle = uniform(grid)
    for cell, action in {(3, 0): "right", (3, 1): "down", (4, 1): "left", (4, 0): "up"}.items():
        circle[grid.lookup.index(cell)] = np.eye(5)[grid.action_index(action)]
    assert (
        pm.policy_agency(grid.with_(initial=np.eye(grid.num_states)[grid.lookup.index((3, 0))]), circle).probability
        < 1e-6
    )


def test_trackers_start_again():
    tracker = pm.AgencyTracker(
        PowerGrid("open_3x3"), [pm.GoalAgents(switching=0.1), "uniform"], ["previous+walls", "tree(2)", "state"]
    )
    before = []
    for _ in range(2):
        for state, action in (((0, 0), "right"), ((0, 1), "down"), ((1, 1), "down")):
            tracker.step(state, action)
        before.append((tracker.log_agents, tracker.log_devices, tracker.goals.tolist()))
        tracker.restart()
        assert (tracker.num_steps, tracker.probability) == (0, 0.5)
    assert before[0] == before[1]


def test_policies_by_name_from_training_and_refusals(tmp_path):
    env = gym.make("PowerGrid-v0", level="S..G", max_episode_steps=20)
    run = pm.train(env, "q_learning", steps=600, eval_every=300, out=tmp_path / "run", progress=False)
    assert np.array_equal(policy_of(env, tmp_path / "run", 0.9)(), run.policies[-1])
    assert np.array_equal(policy_of(env, "random", 0.9)(), uniform(run.model))
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, seed=0)
    model.save(tmp_path / "model.zip")
    assert np.allclose(policy_of(env, tmp_path / "model.zip", 0.9)(), pm.policy_table(model, env), atol=1e-6)
    learned = pm.policy_agency(env, model, steps=5, episodes=10)
    assert learned == pm.policy_agency(env, pm.policy_table(model, env), steps=5, episodes=10)
    for wrong, message in (
        ("optimul", "did you mean 'optimal'"),
        (tmp_path, "folder of training"),
        ("none.zip", "none.zip"),
        (None, "expected a Stable-Baselines3 model"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            pm.policy_agency(env, wrong)
    with pytest.raises(ValueError, match="expected training in"):
        pm.policy_agency(PowerGrid("S...G"), tmp_path / "run")
    other = TabularMDP.from_transitions([("a", "x", "a", 1.0)])
    with pytest.raises(ValueError, match="which none does"):
        pm.policy_agency(PowerGrid("S.."), "random", pm.GoalAgents(epsilons=[0.0]), [np.eye(5)[[0] * 3]])
    assert pm.policy_agency(other, "random").own_bits == 0


def test_over_training_from_runs_folders_and_trackers(tmp_path):
    env = gym.make("PowerGrid-v0", level="S...\n.#..\n...G", max_episode_steps=20)
    run = pm.train(env, "q_learning", steps=900, eval_every=300, out=tmp_path / "run", progress=False)
    few = {"num_samples": 50, "episodes": 50, "steps": 20}
    found = pm.agency_over_training(run, **few)
    assert found.step.tolist() == run.step.tolist()
    assert found.probability[-1] > 0.9 > found.probability[0]
    assert np.allclose(found.return_exact, run.returns)
    assert pm.agency_over_training(tmp_path / "run", **few) == found
    tracker = pm.PowerTracker(env, gamma=0.9)
    for policy, step in zip(run.policies, run.step, strict=True):
        tracker.evaluate(policy, step)
    looked = pm.agency_over_training(tracker, **few)
    assert np.array_equal(looked.probability, found.probability)
    assert np.array_equal(looked.meg, found.meg)
    for wrong in (3, pm.PowerTracker(env, gamma=0.9)):
        with pytest.raises(ValueError, match="run: expected"):
            pm.agency_over_training(wrong)
    with pytest.raises(ValueError, match="policies: expected none"):
        pm.agency_over_training(run, policies={})
    with pytest.raises(ValueError, match="policies: expected"):
        pm.agency_measures(env, {})
