"""POWER gained, options and utility lost by each action: against sums over what may follow, and in worlds."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import power_metrics as pm
from power_metrics.chains.idling import baseline_chain, default_policy
from powerenvs import TabularMDP
from powerenvs.worlds.side_effects import Options, Vase
from tests.power_metrics.measures.terminal_models import ending_mdps

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@settings(max_examples=40)
@given(ending_mdps(max_states=5))
def test_against_sums_over_what_may_follow(mdp):
    found = pm.side_effect_map(mdp, 0.8, default=0, num_samples=3, progress=False)
    power = pm.power(mdp, 0.8, num_samples=3, progress=False).mean
    chain = baseline_chain(mdp, default_policy(mdp, 0)).toarray()
    shared = {"gamma": 0.8, "value_discount": 0.8, "default": 0, "num_samples": 3}
    options = pm.deviation(mdp, **shared).values
    utility = pm.deviation(mdp, "attainable_utility", **shared).values
    rows = mdp.transition_tensor().numpy()
    for s in range(mdp.num_states):
        for a in range(mdp.num_actions):
            if mdp.terminal[s] or rows[s, a] @ mdp.terminal > 0:
                assert np.isnan([found.power_gained[s, a], found.options_lost[s, a], found.utility_lost[s, a]]).all()
                continue
            both = np.outer(rows[s, a], chain[s])  # where the world goes, and where it would have gone
            assert found.power_gained[s, a] == pytest.approx((rows[s, a] - chain[s]) @ power, abs=1e-9)
            assert found.options_lost[s, a] == pytest.approx((both * options).sum(), abs=1e-9)
            assert found.utility_lost[s, a] == pytest.approx((both * utility).sum(), abs=1e-9)
            assert found.changes[s, a] == (both.sum() - np.trace(both) > 1e-12)


def test_doing_nothing_changes_nothing():
    found = pm.side_effect_map(Options(), num_samples=50, progress=False)
    nothing = found.model.action_index("noop")
    going_on = ~found.model.terminal
    assert not found.changes[going_on, nothing].any()
    assert np.all(found.options_lost[going_on, nothing] == 0)
    assert set(found.correlations()) == {"options lost", "utility lost"}
    assert all(-1 <= r < 0 for r in found.correlations().values())


def test_where_nothing_varies_there_is_no_correlation():
    mdp = TabularMDP.from_transitions([("a", "noop", "a", 1.0), ("a", "go", "a", 1.0)])
    found = pm.side_effect_map(mdp, num_samples=5, progress=False)
    assert np.isnan(list(found.correlations().values())).all()
    assert found.plot().axes[0].get_title() == "no correlation to tell"


def test_the_picture_has_a_dot_for_each_action_that_changes_something():
    found = pm.side_effect_map(Vase(), num_samples=20, progress=False)
    counted = found.changes & np.isfinite(found.power_gained)
    figure = found.plot()
    for axes in figure.axes:
        assert sum(len(dots.get_offsets()) for dots in axes.collections) == counted.sum()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 0}, "gamma: expected a discount above 0"),
        ({"default": "wait"}, "default: unknown action 'wait'"),
        ({"num_samples": 0}, "num_samples: expected a whole number of at least 1"),
        ({"max_gib": 1e-9}, "max_gib: expected room"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.side_effect_map(Vase(), **arguments)


def test_the_example(monkeypatch, capsys):
    words = ["x", "--samples", "20", "--worlds", "powerenvs/Vase-v0", "powerenvs/WhiskyGold-v0", "powerenvs/Sokoban-v0"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(ROOT / "examples" / "side_effects_power.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert "Vase-v0                                           noop       52" in out
    assert "compared with an action that does nothing" in out
    assert "compared with a random policy" in out
