"""POWER against closed forms (Turner et al., arXiv 1912.01683, and derived) and against POWERplay's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import power_metrics as pm
from powerenvs import TabularMDP
from tests.power_metrics.worlds import MAZE, OPEN_3, TURNER, corridor, graph, grid, star

SAMPLES = 200_000


def agrees(estimate, expected, rounding=0.0):
    """Whether every named state is within 4 standard errors of its value, and the solves were exact."""
    assert estimate.num_samples == SAMPLES
    assert estimate.residual <= 1e-13
    for state, value in expected.items():
        s = estimate.mdp.index(state)
        assert abs(estimate.mean[s] - value) <= 4 * estimate.standard_error[s] + rounding, state
        assert 0 < estimate.standard_error[s] < 0.003


@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.9, 0.99])
def test_turner_figure_1(gamma):
    l_sw = (2 / 3 + gamma / 2) / (1 + gamma)
    l_nw = (1 - gamma) / 2 + gamma * l_sw
    estimate = pm.power(graph(TURNER), gamma, num_samples=SAMPLES)
    agrees(estimate, {"empty": 1 / 2, "l_sw": l_sw, "l": l_sw, "r": 2 / 3, "r_ne": 2 / 3, "r_se": 2 / 3, "l_nw": l_nw})


@pytest.mark.slow
def test_turner_figure_1_as_printed():
    for gamma, l_sw, l_nw in ((0.1, 0.6515, 0.5152), (0.5, 0.6111, 0.5556), (0.9, 0.5877, 0.5789)):
        agrees(pm.power(graph(TURNER), gamma, num_samples=SAMPLES, seed=1), {"l_sw": l_sw, "l_nw": l_nw}, 5e-5)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.9])
def test_turner_figure_1_mean_optimal_values(gamma):
    mdp = graph(TURNER)
    rewards = np.random.default_rng(0).random((SAMPLES, 8))
    values = pm.optimal_values(mdp, rewards, gamma).numpy()
    expected = {
        "empty": 1 / (2 * (1 - gamma)),
        "l_sw": 1 / 2 + gamma / (1 - gamma**2) * (2 / 3 + gamma / 2),
        "r_se": 1 / 2 + 2 / 3 * gamma / (1 - gamma),
    }
    for state, value in expected.items():
        drawn = values[:, mdp.index(state)]
        assert abs(drawn.mean() - value) <= 4 * drawn.std() / np.sqrt(SAMPLES)


@pytest.mark.parametrize("gamma", [0.1, 0.8, 0.99])
@pytest.mark.parametrize("children", [1, 2, 5])
def test_root_with_absorbing_children(children, gamma):
    agrees(pm.power(star(children), gamma, num_samples=SAMPLES), {"root": children / (children + 1)})
    again = pm.power(star(children, self_loop=True), gamma, num_samples=SAMPLES)
    agrees(again, {"root": (children + 1) / (children + 2)})


@pytest.mark.parametrize("gamma", [0.2, 0.95])
def test_complete_graph_reaches_the_upper_bound(gamma):
    complete = graph({s: list(range(6)) for s in range(6)})
    agrees(pm.power(complete, gamma, num_samples=SAMPLES), dict.fromkeys(range(6), 6 / 7))


def test_forced_steps_before_a_hub():
    for steps, printed in ((1, 0.7000), (2, 0.6600), (4, 0.6024)):
        exact = (1 - 0.8**steps) / 2 + 0.8**steps * 3 / 4
        assert abs(exact - printed) < 5e-5
        agrees(pm.power(corridor(steps), 0.8, num_samples=SAMPLES), {"step 0": exact, "hub": 3 / 4})


@pytest.mark.parametrize(
    ("gamma", "corner", "edge", "centre"),
    [(0.1, 0.756, 0.804, 0.837), (0.5, 0.792, 0.826, 0.855), (0.9, 0.867, 0.877, 0.888)],
)
def test_open_grid(gamma, corner, edge, centre):
    estimate = pm.power(grid(OPEN_3), gamma, num_samples=SAMPLES)
    agrees(estimate, {(0, 0): corner, (2, 2): corner, (0, 1): edge, (1, 2): edge, (1, 1): centre}, 5e-4)


def test_open_grid_at_gamma_0():
    agrees(pm.power(grid(OPEN_3), 0, num_samples=SAMPLES), {(0, 0): 3 / 4, (0, 1): 4 / 5, (1, 1): 5 / 6})


@pytest.mark.parametrize("children", [2, 4])
def test_other_distributions_at_a_root(children):
    exponential = pm.TorchDistribution(torch.distributions.Exponential(torch.tensor(1.0)))
    harmonic = sum(1 / k for k in range(1, children + 1))
    estimate = pm.power(star(children), 0.7, exponential, num_samples=SAMPLES)
    assert abs(estimate["root"] - harmonic) <= 4 * estimate.standard_error[0]
    agrees(pm.power(star(children), 0.7, pm.Bernoulli(0.3), num_samples=SAMPLES), {"root": 1 - 0.7**children})


FOUR_STATES = [
    (1, "H", 1, 1.0), (1, "R", 2, 1.0), (2, "H", 1, 0.5), (2, "H", 2, 0.5), (2, "L", 1, 1.0), (2, "R", 2, 0.2),
    (2, "R", 3, 0.8), (3, "H", 2, 0.3), (3, "H", 3, 0.7), (3, "L", 2, 1.0), (3, "R", 3, 0.4), (3, "R", 4, 0.6),
    (4, "L", 3, 0.9), (4, "L", 4, 0.1),
]  # fmt: skip


def human_and_walker():
    """Two agents in a corridor of three cells: A walks left; H moves, and may not stay while A is far right."""
    steps = {"left": -1, "right": 1, "stay": 0}
    transitions = []
    for h in range(3):
        for a in range(3):
            for name, step in steps.items():
                if 0 <= h + step < 3 and not (name == "stay" and a == 2):
                    transitions.append(((h, a), name, (h + step, max(a - 1, 0)), 1.0))
    return TabularMDP.from_transitions(transitions, state_labels=[(h, a) for h in range(3) for a in range(3)])


# POWER by POWERplay's definition in float64, with absent actions left out, from 10,000 (maze), 20,000 (Turner)
# and 50,000 reward functions: means and standard errors.
MEANS = {
    "turner": (
        lambda: graph(TURNER), 0.9, pm.Uniform(0, 1),
        (0.78719, 0.50129, 0.58992, 0.66625, 0.58133, 0.58992, 0.66625, 0.66625),
        (0.00101, 0.00204, 0.00166, 0.00166, 0.00169, 0.00166, 0.00166, 0.00166),
    ),
    "open grid": (
        lambda: grid(OPEN_3), 0.6, pm.Uniform(0, 1),
        (0.8054, 0.83559, 0.80529, 0.83524, 0.86188, 0.83634, 0.80475, 0.83523, 0.80616),
        (0.00059, 0.00054, 0.0006, 0.00054, 0.00048, 0.00054, 0.00059, 0.00054, 0.00059),
    ),
    "open grid, beta": (
        lambda: grid(OPEN_3), 0.6, pm.Beta(0.5, 2),
        (0.46523, 0.49941, 0.46563, 0.4992, 0.53226, 0.49928, 0.46508, 0.49921, 0.46597),
        (0.00081, 0.00081, 0.00081, 0.00081, 0.0008, 0.00082, 0.0008, 0.00081, 0.00081),
    ),
    "maze": (
        lambda: grid(MAZE), 0.6, pm.Uniform(0, 1),
        (0.79111, 0.79177, 0.80067, 0.83179, 0.79828, 0.77813, 0.7196, 0.79842, 0.80823, 0.83083, 0.8032, 0.80382,
         0.83609, 0.801, 0.83463, 0.79915, 0.79141, 0.79155, 0.79334, 0.80674, 0.79875, 0.79006, 0.83091, 0.79991,
         0.79852, 0.82161, 0.78966, 0.79184, 0.7948, 0.80037, 0.74032),
        (0.00143, 0.00144, 0.00137, 0.00124, 0.00139, 0.00157, 0.00179, 0.00137, 0.00128, 0.00124, 0.00136, 0.00134,
         0.00117, 0.00136, 0.00118, 0.00135, 0.00142, 0.00144, 0.00143, 0.00128, 0.0014, 0.00146, 0.00122, 0.00134,
         0.00137, 0.00134, 0.00147, 0.00145, 0.00143, 0.00136, 0.00163),
    ),
    "four states, stochastic": (
        lambda: TabularMDP.from_transitions(FOUR_STATES), 0.3, pm.Uniform(0, 1),
        (0.66663, 0.68771, 0.66984, 0.54779),
        (0.00096, 0.00085, 0.0008, 0.00098),
    ),
    "fixed policy of the other agent": (
        human_and_walker, 0.1, pm.Uniform(0, 1),
        (0.67199, 0.67199, 0.52358, 0.74998, 0.74998, 0.66601, 0.67092, 0.67092, 0.52358),
        (0.00103, 0.00103, 0.00116, 0.00086, 0.00086, 0.00095, 0.00103, 0.00103, 0.00116),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANS)
def test_means_agree_with_powerplay(name):
    build, gamma, reward, means, errors = MEANS[name]
    estimate = pm.power(build(), gamma, reward, num_samples=SAMPLES)
    assert np.all(np.abs(estimate.mean - means) <= 4 * np.hypot(estimate.standard_error, errors) + 5e-6)


# One reward function each, and its POWER.
SINGLE = {
    "turner": (
        (0.496257, 0.970375, 0.521034, 0.258766, 0.819744, 0.03686, 0.078207, 0.265982),
        (0.970375, 0.970375, 0.448905, 0.265982, 0.4077, 0.448905, 0.265982, 0.265982),
    ),
    "open grid": (
        (0.496257, 0.521034, 0.819744, 0.078207, 0.722431, 0.457491, 0.712547, 0.543285, 0.238158),
        (0.70026, 0.819744, 0.819744, 0.722431, 0.722431, 0.819744, 0.712547, 0.722431, 0.674843),
    ),
    "open grid, beta": (
        (0.001248, 0.131994, 0.069715, 0.008429, 0.56894, 0.141036, 0.000847, 0.065378, 0.667938),
        (0.394162, 0.56894, 0.457177, 0.56894, 0.56894, 0.667938, 0.426914, 0.667938, 0.667938),
    ),
    "maze": (
        (0.496257, 0.774486, 0.325083, 0.147311, 0.004426, 0.541766, 0.665409, 0.522801, 0.361273, 0.33219, 0.203943,
         0.183025, 0.116383, 0.55014, 0.056756, 0.142664, 0.464967, 0.4692, 0.079717, 0.715262, 0.126498, 0.31909,
         0.67749, 0.999109, 0.333747, 0.238158, 0.339368, 0.654494, 0.897865, 0.916174, 0.346589),
        (0.774486, 0.774486, 0.774486, 0.594725, 0.615952, 0.665409, 0.665409, 0.663194, 0.415759, 0.607037, 0.497098,
         0.379836, 0.507732, 0.55014, 0.808382, 0.507732, 0.4692, 0.4692, 0.55014, 0.870462, 0.535042, 0.620012,
         0.999109, 0.999109, 0.999109, 0.732964, 0.807108, 0.90885, 0.916174, 0.916174, 0.535042),
    ),
    "four states, stochastic": (
        (0.496257, 0.819744, 0.722431, 0.712547),
        (0.80091, 0.756962, 0.80091, 0.743562),
    ),
    "fixed policy of the other agent": (
        (0.496257, 0.521034, 0.819744, 0.078207, 0.722431, 0.457491, 0.712547, 0.543285, 0.238158),
        (0.496257, 0.496257, 0.721443, 0.712547, 0.712547, 0.560211, 0.712547, 0.712547, 0.721443),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_single_reward_functions_agree_with_powerplay(name):
    build, gamma, _, _, _ = MEANS[name]
    reward, powers = SINGLE[name]
    estimate = pm.power(build(), gamma, rewards=reward)
    assert np.allclose(estimate.samples, [powers], atol=2e-6, rtol=0)
    values = pm.optimal_values(build(), reward, gamma).numpy()
    assert np.allclose((1 - gamma) / gamma * (values - reward), [powers], atol=2e-6, rtol=0)


def test_negative_rewards_do_not_let_the_agent_quit():
    """An absent action is not worth 0: POWER of a state with one way to go is the mean reward there."""
    estimate = pm.power(graph(TURNER), 0.5, pm.Uniform(-1, 1), num_samples=SAMPLES)
    agrees(estimate, {"empty": 0.0})
    agrees(pm.power(grid(OPEN_3), 0.6, pm.Uniform(-1, 0), num_samples=SAMPLES), {(1, 1): 0.86188 - 1}, 0.001)
