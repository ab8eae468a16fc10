"""Files that an earlier version saved load, and hold what they held (data/saved, written at commit 635f37b)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

import power_metrics as pm
from powerenvs import TabularGame, TabularMDP
from powerenvs.model.npz import load_arrays
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair

SAVED = Path(__file__).parents[1] / "data" / "saved"
MDP = PowerGrid("S.\n.G", noise=0.1).tables()
GAME = PowerPair("S..").tables()


def test_saved_models():
    assert TabularMDP.load(SAVED / "mdp.npz") == MDP
    assert TabularGame.load(SAVED / "game.npz") == GAME


def test_a_saved_estimate():
    estimate = pm.PowerEstimate.load(SAVED / "monte_carlo.npz")
    assert estimate.model == MDP
    assert (estimate.gamma, estimate.num_samples, estimate.method, estimate.seed) == (0.9, 8, "monte_carlo", 0)
    means = [0.7077060330646481, 0.6981177224768519, 0.7164327810883842, 0.5602341978510961]
    np.testing.assert_allclose(estimate.mean, means, rtol=1e-14)
    np.testing.assert_allclose(estimate.samples.mean(axis=0), means, rtol=1e-12)
    assert estimate.exact is None


def test_a_saved_closed_form():
    estimate = pm.PowerEstimate.load(SAVED / "closed_form.npz")
    assert estimate.model == turner_figure_1()
    assert estimate.exact is not None
    assert estimate.exact[:3] == (Fraction(776243, 1049760), Fraction(1, 2), Fraction(11, 18))
    np.testing.assert_array_equal(estimate.mean, [float(value) for value in estimate.exact])


def test_a_saved_result_of_two_agents():
    result = pm.MultiagentPower.load(SAVED / "two_agents.npz")
    assert result.agents == ("human", "ai")
    assert result["human"].model == GAME
    np.testing.assert_allclose(result["human"].mean[:2], [0.5594990881523662, 0.6163247572148122], rtol=1e-14)
    np.testing.assert_allclose(result.alignment, -0.3803086908029333, rtol=1e-12)
    assert result["ai"].samples.shape == (8, GAME.num_states)


def test_saved_sweeps():
    """Of which each point held the bytes of a model."""
    one, two = (pm.load_sweep(SAVED / f"sweep_{name}") for name in ("one", "two"))
    assert [point.result.gamma for point in one.points] == [0.5, 0.9]
    assert one.points[0].result.model == PowerGrid("S.").tables()
    np.testing.assert_allclose(one.points[1].result.mean, [0.64327262, 0.64327262], rtol=1e-8)
    np.testing.assert_allclose(
        one.points[1].kept["agent"].powers[:, 0], [0.5484188289858579, 0.8894887153539768], rtol=1e-14
    )
    assert [point.result.correlation for point in two.points] == [0, 1]
    assert two.points[0].result.model == PowerPair("S.").tables()
    np.testing.assert_allclose(
        two.points[1].result["ai"].mean, [0.73251832, 0.76109194, 0.73251832, 0.76109194], rtol=1e-8
    )


def test_a_saved_history():
    arrays, header = load_arrays(SAVED / "tracker.npz", "PowerTracker")
    assert header["gamma"] == 0.9
    assert header["fingerprint"] == MDP.fingerprint
    assert arrays["counts"].sum() == 2
    assert arrays["power"].shape == (MDP.num_states,)
