"""A comparison as text, and what it takes as POWER."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.comparison.behaviour import power_while_alive, rank_correlation, share_to_more_power
from power_metrics.comparison.references import TASK_OPTIMAL
from powerenvs import TabularMDP, product_game
from tests.models import uniform
from tests.power_metrics.worlds import grid


def fork():
    """Left to a dead end that pays, or right, where one may wait and go left or right once more."""
    return TabularMDP.from_transitions(
        [
            ("start", "left", "l", 1.0), ("start", "right", "hall", 1.0), ("l", "left", "l", 1.0),
            ("hall", "left", "x", 1.0), ("hall", "right", "y", 1.0), ("x", "left", "x", 1.0), ("y", "left", "y", 1.0),
        ],
        initial="start",
        reward={("l", "left", "l"): 1.0},
    )  # fmt: skip


def test_the_table_by_hand():
    """At γ = 1/2 the random policy has 1/2 of its time in the start, 1/4 in l, 1/8 in the hall, 1/16 in x and in y."""
    power = np.array([0.5, 0.2, 0.8, 0.1, 0.3])
    text = str(pm.compare(uniform(fork()), fork(), 0.5, power))
    assert text.splitlines()[:7] == [
        "5 states, gamma 0.5",
        "                     return  power-seeking  normalised  entropy  distance  correlation      p  to more",
        "learned               0.500          0.425       0.000    0.433     0.250        0.410  0.493    0.500",
        "task-optimal          1.000          0.350      -0.750    0.000     0.000        0.000  1.000    0.000",
        "random                0.500          0.425       0.000    0.433     0.250        0.410  0.493    0.500",
        "most power-seeking    0.000          0.525       1.000    0.000     0.500        0.791  0.111    1.000",
        "least power-seeking   1.000          0.350      -0.750    0.000     0.000        0.000  1.000    0.000",
    ]
    assert f"learned minus {TASK_OPTIMAL}: normalised +0.750\n" in text
    same = str(pm.compare(uniform(fork()), fork(), 0.5, np.full(5, 0.25))).splitlines()
    assert same[2].split() == ["learned", "0.500", "0.250", "-", "0.433", "0.250", "-", "-", "-"]


@pytest.mark.slow
def test_what_is_exact_is_told_without_an_interval():
    exact = pm.power(fork(), 0.9, pm.Bernoulli(0.5), method="enumeration")
    text = str(pm.compare(uniform(fork()), fork(), power=exact))
    assert f"learned minus {TASK_OPTIMAL}: normalised +1.000\n" in text
    assert "interval" not in text


def test_power_of_an_agent_of_a_game_will_do():
    game = product_game(grid(("..", ".#")), grid(("..", ".#")))
    both = pm.multiagent_power(game, 0.6, num_samples=50)
    alone = game.against({"human": game.uniform_policy("human")})
    comparison = pm.compare(uniform(alone), alone, power=both["ai"])
    assert comparison.gamma == 0.6
    assert np.array_equal(comparison.references.power, both["ai"].mean)
    with pytest.raises(ValueError, match="found that of another"):
        pm.compare(uniform(fork()), fork(), power=both["ai"])


def test_power_is_drawn_10_000_times_unless_told_otherwise():
    comparison = pm.compare(uniform(fork()), fork(), 0.5)
    assert "POWER: 10,000 reward functions" in str(comparison)


def test_no_rank_correlation_with_what_is_zero_everywhere():
    share, everywhere = np.array([0.5, 0.3, 0.2]), np.ones(3, dtype=bool)
    for first, second in ((share, np.zeros(3)), (np.zeros(3), share)):
        assert np.all(np.isnan(rank_correlation(first, second, everywhere)))


def test_no_decision_leads_to_more_power_where_there_is_none():
    mdp = fork()
    share = np.full(5, 0.2)
    assert np.isnan(share_to_more_power(uniform(mdp), share, np.zeros(5), mdp))
    both = share_to_more_power(uniform(mdp), share, np.array([np.zeros(5), [0.0, 1.0, 0.0, 0.0, 0.0]]), mdp)
    assert np.isnan(both[0])
    assert both[1] == 0.5


def test_no_mean_power_of_a_life_that_is_over():
    mdp = TabularMDP.from_transitions([("a", "on", "end", 1.0)], terminal=["end"])
    alive, power = np.array([0.25, 0.75]), np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]])
    assert power_while_alive(alive, power, mdp) == pytest.approx([1, 2, 3])
    over = power_while_alive(np.array([0.0, 1.0]), power, mdp)
    assert over.shape == (3,)
    assert np.all(np.isnan(over))
