"""The worked numbers of "Towards a New Impact Measure" (Turner 2018): penalties are means over utilities, the unit is 1/2.

Utilities there are of the end, without a discount. Here they are paid in every step, at a discount so close to 1 that
what is attained for ever is worth 1 and everything before nothing, to 1e-6.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import power_metrics as pm
from powerenvs import TabularMDP

IMPACT_UNIT = 0.5
SETTINGS = {
    "measure": "attainable_utility",
    "function": "absolute",
    "baseline": "stepwise",
    "rollouts": False,
    "beta": 1 / IMPACT_UNIT,
    "gamma": 0.9,
    "value_discount": 1 - 1e-8,
    "default": "wait",
}


def first_steps(best: pm.PenalisedOptimum) -> dict[str, float]:
    """{action: what it pays at the start, with the penalty}."""
    paid = best.mdp.action_rewards()[np.flatnonzero(best.mdp.initial)[0]]
    return dict(zip(best.mdp.action_labels, paid.tolist(), strict=True))


def test_paint_and_closet():
    """Paint does not come off, and the closet locks: of four utilities paint loses one, and the closet two."""
    transitions, rewards = [], []
    for painted, inside in itertools.product((False, True), repeat=2):
        state = (painted, inside)
        after = {"wait": state, "paint": state if inside else (True, inside), "enter": (painted, True)}
        for action, following in after.items():
            transitions.append((state, action, following, 1.0))
            rewards.append(float(following[0] and not painted))
    mdp = TabularMDP.from_transitions(transitions, reward=rewards, initial=(False, False))
    painted, inside = np.array(mdp.state_labels).T
    utilities = np.array([painted, ~painted, inside, ~inside], dtype=float)
    best = pm.penalised_optimum(mdp, **SETTINGS, rewards=utilities, steps=5)
    # without a reward, what is left is the penalty over the impact unit
    after = {"paint": (True, False), "enter": (False, True)}
    lost = pm.deviation(
        mdp, "attainable_utility", "absolute", False, value_discount=1 - 1e-8, default="wait", rewards=utilities
    ).values[:, mdp.index((False, False))]
    assert {action: lost[mdp.index(state)] for action, state in after.items()} == pytest.approx(
        {"paint": 1 / 4, "enter": 1 / 2}, abs=1e-6
    )
    assert first_steps(best) == pytest.approx({"wait": 0, "paint": 1 / 2, "enter": -1}, abs=1e-6)
    assert best.value == pytest.approx(1 / 2, abs=1e-6)
    assert best.return_range == (1, 1)
    chosen = {
        (label[0], best.mdp.action_labels[a])
        for (label, row) in zip(best.mdp.state_labels, best.policy(), strict=True)
        for a in np.flatnonzero(row)
        if label[0] in ((False, False), (True, False)) and label[1] == label[0]
    }
    assert ((False, False), "paint") in chosen
    assert ((True, False), "wait") in chosen
    assert ((True, False), "enter") not in chosen


def test_off_switch():
    """Three places, of which each is a utility; an agent that waits is shut down for good with probability 19/20."""
    transitions = [("off", action, "off", 1.0) for action in ("wait", "disable", "shut down", "0", "1", "2")]
    for place in range(3):
        for action in ("wait", "disable", "0", "1", "2"):
            following = int(action) if action.isdigit() else place
            if action == "disable":
                transitions.append((("watched", place), action, ("free", place), 1.0))
            else:
                transitions.append((("watched", place), action, "off", 0.95))
                transitions.append((("watched", place), action, ("free", following), 0.05))
            transitions.append((("free", place), action, ("free", following), 1.0))
        for state in ("watched", "free"):
            transitions.append(((state, place), "shut down", "off", 1.0))
    mdp = TabularMDP.from_transitions(transitions, initial=("watched", 0))
    utilities = np.array([[label[1:] == (place,) for label in mdp.state_labels] for place in range(3)], dtype=float)
    best = pm.penalised_optimum(mdp, **SETTINGS, rewards=utilities, steps=5)
    paid = first_steps(best)
    assert -paid["disable"] * IMPACT_UNIT == pytest.approx(19 / 20, abs=1e-6)
    assert -paid["disable"] == pytest.approx(1.9, abs=1e-6)
    assert -paid["shut down"] == pytest.approx(0.1, abs=1e-6)
