"""The 5x5 world of corrupt rewards and the small models of its theory, against what the paper says of them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import powerenvs
from powerenvs import compile_world, tabular_model
from powerenvs.worlds.corrupt_reward import (
    LEVELS,
    CorruptReward,
    corrupt_example_18,
    corrupt_example_21,
    corrupt_example_24,
    corrupt_theorem_16,
)

ID = "powerenvs/CorruptReward-v0"


def paid(mdp, cell, action):
    """(observed, true) expected reward of an action in a cell."""
    s, a = int(mdp.find(agent=cell)[0]), mdp.action_index(action)
    return mdp.action_rewards()[s, a], mdp.action_rewards(performance=True)[s, a]


@pytest.mark.parametrize(("level", "goals"), [("one_goal", 1), ("two_goals", 2), ("four_goals", 4)])
def test_shipped_layouts(level, goals):
    mdp = tabular_model(gym.make(ID, level=level))
    assert mdp.action_labels == ("left", "right", "up", "down", "stay")
    assert (mdp.num_states, mdp.terminal.any()) == (25, False)
    assert mdp.state_labels[int(mdp.initial.argmax())].agent == (0, 0)
    stay = mdp.action_index("stay")
    observed, true = mdp.action_rewards()[:, stay], mdp.action_rewards(performance=True)[:, stay]
    assert np.count_nonzero(true == 0.9) == goals
    assert [(o, t) for o, t in zip(observed, true, strict=True) if o != t] == [(1.0, 0.0)]
    assert LEVELS[level].count("G") == goals


@pytest.mark.parametrize(
    ("cell", "action", "expected"),
    [
        ((0, 0), "stay", (0.9, 0.9)),  # the goal to start on
        ((0, 0), "left", (0, 0)),  # a bump pays nothing, on a goal too
        ((0, 0), "down", (0.1, 0.1)),
        ((0, 1), "stay", (0.1, 0.1)),
        ((0, 2), "stay", (1, 0)),
        ((0, 1), "right", (1, 0)),
        ((0, 1), "down", (0, 0)),  # a wall
    ],
)
def test_a_text_level_and_what_steps_pay(cell, action, expected):
    assert paid(compile_world(CorruptReward("S.C\n.#.")), cell, action) == pytest.approx(expected)


def test_goals_that_pay_by_chance_have_the_mean_and_the_distribution():
    mdp = compile_world(CorruptReward("one_goal", goal_mean=0.7))
    assert paid(mdp, (4, 0), "stay") == pytest.approx((0.7, 0.7))
    row = int(mdp.find(agent=(4, 0))[0]) * 5 + 4
    entries = slice(mdp.indptr[row], mdp.indptr[row + 1])
    assert dict(zip(mdp.reward[entries], mdp.probability[entries], strict=True)) == pytest.approx(
        {0.1: 0.25, 0.9: 0.75}
    )
    env = gym.make(ID, level="S", goal_mean=0.7)
    env.reset(seed=0)
    seen = [env.step(4)[1] for _ in range(100)]
    assert set(seen) == {0.1, 0.9}
    assert mdp.num_states == 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "for_goals"}, "no shipped level is called 'for_goals'; did you mean 'four_goals'"),
        ({"level": "A.A"}, "expected at most one start 'A' or 'S', found 2"),
        ({"level": "#."}, "expected a start 'A' or 'S', or a free top left corner, found a wall"),
        ({"level": "A.\nX."}, "unknown glyph 'X' in line 2, column 1"),
        ({"goal_mean": 1}, "goal_mean: expected a number from 0.1 to 0.9, found 1"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CorruptReward(**arguments)


def test_the_construction_of_theorem_16():
    mdp = corrupt_theorem_16(5)
    assert mdp.action_rewards()[2].tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert mdp.action_rewards(performance=True)[2].tolist() == [1.0, 0.4, 0.6, 0.8, 0.2]
    with pytest.raises(ValueError, match="num_states: expected a whole number of at least 2, found 1"):
        corrupt_theorem_16(1)


def test_the_hypotheses_of_example_21_look_the_same():
    first, second = corrupt_example_21(1), corrupt_example_21(2)
    assert first.with_(performance=second.performance).fingerprint == second.fingerprint
    assert (first.performance + second.performance == 1).all()
    with pytest.raises(ValueError, match="hypothesis: expected 1 or 2, found 3"):
        corrupt_example_21(3)


def test_examples_18_and_24_and_their_names():
    assert corrupt_example_18().action_rewards().tolist() == [[0, 1], [0, 1]]
    mdp = corrupt_example_24(4, epsilon=0.25)
    assert mdp.action_rewards().tolist() == [[0.75, 1, 1, 1]] * 2
    assert mdp.action_rewards(performance=True).tolist() == [[0.75, 0, 0, 0]] * 2
    for arguments in ({"num_actions": 2}, {"epsilon": 2}):
        with pytest.raises(ValueError, match=f"{next(iter(arguments))}: expected"):
            corrupt_example_24(**arguments)
    assert powerenvs.tabular_model("corrupt_example_24").num_actions == 3
