"""What states look like: aliasing, the best memoryless policy against every one, and beliefs against a hand-made tree."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP, tabular_model
from powerenvs.worlds.labs import Lab, ObjectRewards
from powerenvs.worlds.power import PowerGrid
from tests.models import random_mdp

GAMMA = 0.9


def every_policy(mdp, views):
    """The best of all deterministic memoryless policies, one after the other; None if there is none."""
    S, best = mdp.num_states, None
    chain = mdp.transition_matrix().toarray().reshape(*mdp.available.shape, S)
    for actions in itertools.product(range(mdp.num_actions), repeat=int(views.max()) + 1):
        taken = np.array(actions)[views]
        taken = np.where(mdp.terminal, mdp.available.argmax(axis=1), taken)
        if mdp.available[np.arange(S), taken].all():
            paid = mdp.action_rewards()[np.arange(S), taken]
            value = mdp.initial @ np.linalg.solve(np.eye(S) - GAMMA * chain[np.arange(S), taken], paid)
            best = value if best is None else max(best, value)
    return best


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 4))
def test_branch_and_bound_finds_what_trying_all_finds(seed, num_states, num_views):
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, num_states, 3)
    views = np.unique(rng.integers(num_views, size=num_states), return_inverse=True)[1]
    best = every_policy(mdp, views)
    if best is None:
        with pytest.raises(ValueError, match="states that look alike to have an action in common"):
            pm.memoryless(mdp, views, GAMMA)
        return
    found = pm.memoryless(mdp, views, GAMMA)
    assert found.exact
    assert found.best == pytest.approx(best, abs=1e-8)
    assert found.best == pytest.approx(mdp.initial @ pm.policy_values(mdp, found.policy, None, GAMMA).numpy().ravel())
    for view in np.unique(views[~mdp.terminal]):
        acts = found.policy[(views == view) & ~mdp.terminal]
        assert (acts == acts[0]).all()


@pytest.mark.parametrize("kwargs", [{"level": "small_maze"}, {"level": "nav_maze_static_01", "num_pickups": 0}])
def test_memory_is_worth_something_and_sight_more(kwargs):
    lab, sides = Lab(**kwargs), Lab(**kwargs, strafe=True)
    mdp = lab.tables()
    ways = [[sides.go(s.agent, s.heading, a)[0] != s.agent for s in mdp.state_labels] for a in sides.actions[2:]]
    seen = sum(np.array(free) << k for k, free in enumerate(ways))  # whether the way is free, on each side
    reactive = pm.memoryless(mdp, seen, GAMMA)
    memory = pm.belief_states(mdp, seen, GAMMA)
    assert reactive.exact
    assert reactive.best < memory.best - 0.01 < memory.optimum - 0.02
    assert reactive.optimum == pytest.approx(memory.optimum)
    assert memory.size.max() > 10
    aliasing = pm.aliasing(mdp, seen, GAMMA)
    assert aliasing.alike.sum() == sum(np.square(np.bincount(seen)))
    assert aliasing.split.any()


def test_where_everything_is_seen_nothing_is_lost():
    mdp = PowerGrid("maze_7x7", noise=0.2, reward={(6, 0): 1.0}).tables()
    assert pm.memoryless(mdp).lost == pytest.approx(0, abs=1e-9)
    found = pm.belief_states(mdp)
    assert (found.num_beliefs, found.size.max(), found.lost) == (mdp.num_states, 1, pytest.approx(0, abs=1e-9))
    assert not pm.aliasing(mdp).split.any()


def test_a_hidden_coin_by_hand():
    """Guess a hidden coin for 1 or -1, or look at it first for -0.1: blind 0, with a memory -0.1 + 0.9."""
    moves = [
        (f"{side}{seen}", a, f"{side}!" if a == "look" else "end", 1.0)
        for side in "HT"
        for seen in "?!"
        for a in ("look", "H", "T")
    ]
    paid = [-0.1 if a == "look" else 1.0 if state[0] == a else -1.0 for state, a, _, _ in moves]
    ended = [("end", a, "end", 1.0) for a in ("look", "H", "T")]
    mdp = TabularMDP.from_transitions(
        moves + ended, reward=paid + [0.0] * 3, terminal=["end"], initial={"H?": 0.5, "T?": 0.5}
    )
    look = {state: {"?": "?", "!": state, "d": "end"}[state[-1]] for state in mdp.state_labels}
    views = [look[state] for state in mdp.state_labels]
    found = pm.belief_states(mdp, views, GAMMA)
    assert (found.num_beliefs, found.best, found.optimum) == (3, pytest.approx(0.8), pytest.approx(1.0))
    assert pm.memoryless(mdp, views, GAMMA).best == pytest.approx(0.8)
    blind = pm.belief_states(mdp, ["?" if state != "end" else state for state in mdp.state_labels], GAMMA)
    assert (blind.num_beliefs, blind.best) == (2, pytest.approx(0.0))


def test_what_is_paid_can_tell():
    things = ObjectRewards("small_room", kinds=2)
    reactive, blind, told = (
        pm.memoryless(things, max_nodes=20),
        pm.belief_states(things),
        pm.belief_states(things, rewards_seen=True),
    )
    assert not reactive.exact
    assert reactive.best <= blind.best <= told.best <= told.optimum
    assert reactive.best <= reactive.bound <= reactive.optimum
    assert told.best - blind.best > 0.1


def test_observations_are_those_of_the_environment_or_its_board():
    states = pm.aliasing(gym.make("powerenvs/LabObjectRewards-v0", level="small_room", kinds=2))
    boards = pm.aliasing(gym.make("powerenvs/LabObjectRewards-v0", level="small_room", kinds=2, observation="board"))
    assert states.views.tolist() == boards.views.tolist()
    assert states.alike.max() == 2
    model = tabular_model(gym.make("powerenvs/LabObjectRewards-v0", level="small_room", kinds=2))
    assert pm.aliasing(model).num_views == states.num_views
    assert pm.aliasing(model, np.arange(model.num_states)).num_views == model.num_states
    assert pm.aliasing(model, np.where(np.arange(model.num_states) % 2, 0.0, -0.0)).num_views == 1


@pytest.mark.parametrize("measure", [pm.aliasing, pm.memoryless, pm.belief_states])
@pytest.mark.parametrize(
    ("observations", "message"),
    [
        ([1, 2], "expected one for each of 3 states, all of one shape, found int64"),
        (3, "expected one for each of 3 states"),
        ([[1], [1, 2], [1]], "observations: expected an array"),
        ([object()] * 3, "expected one for each of 3 states, all of one shape, found object"),
    ],
)
def test_wrong_observations_are_named(measure, observations, message):
    with pytest.raises(ValueError, match=message):
        measure(PowerGrid("S.G"), observations)


def test_more_beliefs_than_asked_for_are_refused():
    with pytest.raises(ValueError, match="max_beliefs: expected at most 5 beliefs, found more"):
        pm.belief_states(Lab("small_maze"), max_beliefs=5)
