"""POWER as exact fractions, against closed forms (Turner et al., arXiv 1912.01683) and Monte Carlo."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.closed_form import volume
from tests.power_metrics.worlds import MAZE, TURNER, corridor, graph, grid, star


def exact(mdp, gamma, label, **options):
    found = pm.power(mdp, gamma, method="closed_form", **options)
    assert found.mean == pytest.approx([float(value) for value in found.exact], abs=1e-15)
    assert not found.standard_error.any()
    return found.exact[found.mdp.index(label)]


@pytest.mark.parametrize("gamma", [F(0), F(1, 10), F(1, 2), F(1, 3), F(9, 10), F(1)])
def test_turner_figure_1(gamma):
    l_sw = (F(2, 3) + gamma / 2) / (1 + gamma)
    found = pm.power(graph(TURNER), gamma, method="closed_form")
    value = dict(zip(found.mdp.state_labels, found.exact, strict=True))
    assert value["empty"] == F(1, 2)
    assert value["l_sw"] == l_sw
    assert value["l_nw"] == (1 - gamma) / 2 + gamma * l_sw
    assert value["r"] == value["r_se"] == value["r_ne"] == F(2, 3)


def test_floats_are_the_decimals_they_are_written_as():
    assert exact(graph(TURNER), 0.5, "l_sw") == F(11, 18)
    assert exact(graph(TURNER), 0.9, "l_sw") == (F(2, 3) + F(9, 20)) / F(19, 10)
    assert exact(graph(TURNER), 1, "l_sw") == F(7, 12)


@pytest.mark.parametrize("children", [1, 2, 5, 20])
def test_root_with_absorbing_children(children):
    assert exact(star(children), 0.7, "root") == F(children, children + 1)
    assert exact(star(children, self_loop=True), 0.7, "root") == F(children + 1, children + 2)


def test_forced_steps_before_a_hub():
    for steps in (1, 2, 4):
        expected = (1 - F(4, 5) ** steps) / 2 + F(4, 5) ** steps * F(3, 4)
        assert exact(corridor(steps), 0.8, "step 0") == expected


def test_other_intervals():
    assert exact(graph(TURNER), 0.5, "l_sw", reward=pm.Uniform(-1, 0.5)) == -1 + F(3, 2) * F(11, 18)


@pytest.mark.parametrize(
    "mdp",
    [
        graph(TURNER),
        grid(("...",)),
        graph({s: range(3) for s in range(3)}),
        graph({"a": ["a", "b"], "b": ["c"], "c": ["a", "c"], "d": ["a", "c"]}),
    ],
)
@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_against_monte_carlo(mdp, gamma):
    closed = pm.power(mdp, gamma, method="closed_form")
    drawn = pm.power(mdp, gamma, num_samples=100_000)
    assert np.all(np.abs(closed.mean - drawn.mean) < 5 * drawn.standard_error)


def test_volumes():
    cube = [((F(1), F(0), F(0)), F(2)), ((F(0), F(1), F(0)), F(3)), ((F(0), F(0), F(1)), F(5))]
    below = [(tuple(-c for c in a), F(0)) for a, _ in cube]
    assert volume(cube + below, 3) == 30
    assert volume([*cube, *below, ((F(1), F(1), F(1)), F(1))], 3) == F(1, 6)
    assert volume([*cube, *below, ((F(-1), F(-1), F(-1)), F(-1))], 3) == 30 - F(1, 6)
    assert volume([*cube, *below, ((F(1), F(1), F(1)), F(-1))], 3) == 0


def test_fractions_are_saved(tmp_path):
    found = pm.power(graph(TURNER), F(1, 3), method="closed_form")
    found.save(tmp_path / "exact.npz")
    assert pm.PowerEstimate.load(tmp_path / "exact.npz").exact == found.exact


@pytest.mark.parametrize(
    ("mdp", "reward", "message"),
    [
        (grid(MAZE), pm.Uniform(), "method: expected at most .* for 'closed_form'"),
        (grid(noise=0.2), pm.Uniform(), "expected a deterministic model for 'closed_form', found a stochastic"),
        (star(2), pm.Beta(2, 1), "independent and uniform on one interval, found Beta"),
        (star(2), pm.PerState({"root": pm.Uniform(0, 2)}), r"found Uniform\(low=0, high=2\), Uniform\(low=0.0"),
    ],
)
def test_what_has_none(mdp, reward, message):
    with pytest.raises(ValueError, match=message):
        pm.power(mdp, 0.5, reward, method="closed_form")
