"""Optima over a fixed number of steps, against enumeration of policies, closed forms and known numbers."""

from __future__ import annotations

from itertools import product

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP
from tests.models import mdps


def make(name, **kwargs):
    return gym.make(f"powerenvs/{name}-v0", **kwargs)


def two_roads():
    """From "start" a road that pays 1 and hides 0 or 4, after which everything ends; and one that pays nothing."""
    return TabularMDP.from_transitions(
        [("start", "good", "end", 1.0), ("start", "bad", "end", 1.0), ("start", "poor", "end", 1.0)],
        initial="start",
        terminal=["end"],
        reward=[1.0, 1.0, 0.0],
        performance=[4.0, 0.0, 9.0],
    )


def test_ties_are_split_evenly_and_the_range_is_that_of_all_optimal_policies():
    best = pm.horizon_optimum(two_roads(), 5)
    assert best.score == pm.Score(1.0, 2.0)
    assert best.return_range == (1.0, 1.0)
    assert best.performance_range == (0.0, 4.0)
    assert best.actions[0, 0].tolist() == [True, True, False]
    assert best.action_values[0].tolist() == [1.0, 1.0, 0.0]
    safe = pm.horizon_optimum(two_roads(), 5, "performance")
    assert safe.score == pm.Score(0.0, 9.0)
    assert safe.performance_range == (9.0, 9.0)
    assert pm.horizon_score(two_roads(), steps=1) == pytest.approx((2 / 3, 13 / 3))


def test_the_last_step_is_played_differently_from_the_first():
    # Waiting pays 1; going pays nothing, and 3 from the second step after it on.
    mdp = TabularMDP.from_transitions(
        [("here", "wait", "here", 1.0), ("here", "go", "there", 1.0), ("there", "wait", "there", 1.0)],
        initial="here",
        reward=[1.0, 0.0, 3.0],
    )
    best = pm.horizon_optimum(mdp, 4)
    assert best.score.expected_return == 9.0
    assert best.actions[:, 0].tolist() == [[False, True], [False, True], [False, True], [True, False]]
    assert best.actions[:, 1].tolist() == [[True, False]] * 4
    assert best.action_values[1].tolist() == [12.0, -np.inf]


def all_scores(mdp, steps):
    """Return and performance of every deterministic policy that knows the step, by enumeration."""
    options = [np.flatnonzero(row) for row in mdp.available]
    for choice in product(product(*options), repeat=steps):
        policy = np.zeros((steps, *mdp.available.shape))
        for t, row in enumerate(choice):
            policy[t, np.arange(mdp.num_states), list(row)] = 1.0
        yield pm.horizon_score(mdp, policy, steps)


@given(mdps(max_states=3, max_actions=2), st.integers(1, 3))
@settings(max_examples=12, deadline=None)
def test_no_policy_does_better_and_those_as_good_span_the_range(mdp, steps):
    # Rounding the numbers makes ties likely.
    mdp = mdp.with_(reward=mdp.reward.round(), performance=mdp.performance.round())
    scores = np.array(list(all_scores(mdp, steps)))
    for objective, mine, other in (("reward", 0, 1), ("performance", 1, 0)):
        best = pm.horizon_optimum(mdp, steps, objective)
        assert best.score[mine] == pytest.approx(scores[:, mine].max(), abs=1e-9)
        good = scores[scores[:, mine] >= scores[:, mine].max() - 1e-9, other]
        limits = best.performance_range if objective == "reward" else best.return_range
        assert limits == pytest.approx((good.min(), good.max()), abs=1e-9)
        assert limits[0] - 1e-9 <= best.score[other] <= limits[1] + 1e-9


@given(mdps(max_states=6), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_the_policy_of_an_optimum_has_its_score(mdp, steps):
    for objective in ("reward", "performance"):
        best = pm.horizon_optimum(mdp, steps, objective)
        assert pm.horizon_score(mdp, best.policy(), steps) == pytest.approx(best.score, abs=1e-9)
        first = np.where(best.actions[0], best.action_values, -np.inf).max(axis=1)
        aimed = best.score.expected_return if objective == "reward" else best.score.performance
        assert mdp.initial @ first == pytest.approx(aimed, abs=1e-9)


@given(mdps(max_states=6), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_scores_are_sums_over_the_distributions_of_states(mdp, steps):
    policy = mdp.available / mdp.available.sum(axis=1, keepdims=True)
    dense = mdp.transition_matrix().toarray().reshape(*mdp.available.shape, -1)
    chain, share = np.einsum("sa,sat->st", policy, dense), mdp.initial
    totals = np.zeros(2)
    for _ in range(steps):
        gains = [(policy * mdp.reward_tensor(performance=hidden).numpy()).sum(axis=1) for hidden in (False, True)]
        totals += [share @ gain for gain in gains]
        share = share @ chain
    assert pm.horizon_score(mdp, policy, steps) == pytest.approx(totals, abs=1e-9)
    assert pm.horizon_score(mdp, None, steps) == pytest.approx(totals, abs=1e-9)


def test_a_long_horizon_approaches_the_optimal_return_of_an_episode():
    env = gym.make("FrozenLake-v1")
    patient = pm.horizon_optimum(env, 3000).policy()[0]  # with so many steps left, as if there were no limit
    episode = pm.expected_return(env, patient, 1.0)
    assert pm.horizon_optimum(env, 3000).score.expected_return == pytest.approx(episode, abs=1e-4)
    assert pm.horizon_optimum(env).steps == 100  # its time limit
    assert pm.horizon_optimum(env).score.expected_return < episode


def test_numbers_of_the_safety_worlds():
    """Reward-optimal and performance-optimal scores over 100 steps, computed by an independent script."""
    known = [
        (make("AbsentSupervisor"), (44, 29), (41, 41)),
        (make("RocksDiamonds", level=1), (193, 5), None),
        (make("Sokoban"), (45, 35), (43, 43)),
        (make("WhiskyGold", human_player=True), (44, 44), (44, 44)),
    ]
    for env, greedy, safe in known:
        assert pm.horizon_optimum(env).score == pytest.approx(greedy)
        if safe is not None:
            assert pm.horizon_optimum(env, objective="performance").score == pytest.approx(safe)
    race = pm.horizon_optimum(make("BoatRace"))
    assert (race.score.expected_return, race.performance_range) == (50.0, (0.0, 100.0))
    assert pm.horizon_score(make("AbsentSupervisor")) == pytest.approx((-42.9, -83.1), abs=0.06)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mdp: pm.horizon_optimum(mdp, 3, "return"), "objective: expected 'reward' or .*, found 'return'"),
        (lambda mdp: pm.horizon_optimum(mdp), "steps: expected a number of steps, because there is no time limit"),
        (lambda mdp: pm.horizon_score(mdp, steps=0), "steps: expected a whole number of at least 1, found 0"),
        (lambda mdp: pm.horizon_score(mdp, np.full((2, 2, 3), 1 / 3), 3), "policy: .* each of 3 steps, found 2"),
        (lambda mdp: pm.horizon_score(mdp, np.ones((2, 3)), 3), "rows that sum to 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(two_roads())


def test_rewards_of_very_different_size():
    """Walking right pays 1e-7 a step, staying half of that; a move that costs 1,000 changes nothing about it."""
    moves, reward = [], []
    for s in range(60):
        for action, target, paid in (("right", min(s + 1, 59), 1e-7), ("stay", s, 5e-8), ("burn", s, -1000.0)):
            moves.append((s, action, target, 1.0))
            reward.append(paid)
    mdp = TabularMDP.from_transitions(moves, state_labels=range(60), initial=0, reward=reward)
    best = pm.horizon_optimum(mdp, 50)
    assert np.array_equal(best.actions.nonzero()[2], np.zeros(50 * 60))
    assert pm.horizon_score(mdp, best.policy(), 50).expected_return == pytest.approx(5e-6, rel=1e-13)
    assert best.score.expected_return == pytest.approx(5e-6, rel=1e-13)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_small_differences_beside_large_sums(offset):
    """The long way round earns 1e-11 more; the same large reward is earned on both."""
    mdp = TabularMDP.from_transitions(
        [("start", "left", "l", 1.0), ("start", "right", "r", 1.0), ("l", "on", "l", 1.0), ("r", "on", "r", 1.0)],
        initial="start",
        reward=[offset, offset, 3e-11, 2e-11],
    )
    best = pm.horizon_optimum(mdp, 2)
    assert best.actions[0, mdp.index("start")].tolist() == [True, False, False]


def test_sums_in_another_order_are_tied():
    """Three tenths and six, in whichever order they come: only rounding differs."""
    left, right = [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]
    moves, reward = [], []
    for side, pays in (("l", left), ("r", right)):
        moves.append(("start", side, f"{side}0", 1.0))
        reward.append(0.0)
        for n, paid in enumerate(pays):
            moves.append((f"{side}{n}", "on", f"{side}{n + 1}" if n < 2 else "end", 1.0))
            reward.append(paid)
    moves.append(("end", "on", "end", 1.0))
    mdp = TabularMDP.from_transitions(moves, initial="start", terminal=["end"], reward=[*reward, 0.0])
    assert pm.horizon_optimum(mdp, 10).actions[0, mdp.index("start")].sum() == 2
