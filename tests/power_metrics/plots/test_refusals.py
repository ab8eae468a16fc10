"""What is never drawn: each plot says what it expected before it makes a figure or a file."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure

import power_metrics as pm
from power_metrics import plots
from powerenvs import product_game
from powerenvs.model.policy import Policy
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.worlds import graph


@cache
def room(kept=True, samples=10, gamma=0.6):
    """POWER on a board."""
    return pm.power(PowerGrid("open_3x3").tables(), gamma, num_samples=samples, keep_samples=kept)


@cache
def rooms():
    return [room(gamma=gamma) for gamma in GAMMAS]


@cache
def bars():
    """POWER without a board."""
    return pm.power(turner_figure_1(), 0.9, num_samples=10)


@cache
def pair(rho=0.0):
    """POWER of two agents."""
    return pm.multiagent_power(PowerPair("open_3x3", walls="absent"), 0.6, correlation=rho, num_samples=10)


@cache
def pairs():
    return [pair(rho) for rho in RHOS]


@cache
def without_board():
    game = product_game(graph({"a": "ab", "b": "ba"}), graph({"x": "xy", "y": "y"}))
    return pm.multiagent_power(game, 0.6, num_samples=10)["human"]


GAMMAS, RHOS = (0.9, 0.1, 0.5), (-1.0, 0.0, 1.0)
TABLE = np.full((9, 5), 0.2)

POWER = [
    (lambda: plots.plot_power(room(), path="results.txt"), r"path: expected a picture file .*'results\.txt'"),
    (lambda: plots.save_figure(Figure(), "noending"), "path: expected a picture file"),
    (lambda: plots.plot_power(room(), vmin=1, vmax=0.9), "vmin, vmax: expected a scale that rises, .* 1 to 0.9"),
    (lambda: plots.plot_powers([]), "estimates: expected at least one, found none"),
    (lambda: plots.plot_powers([room(), bars()]), "estimates: .* found 1 of 2 with one"),
    (lambda: plots.plot_powers([room()] * 2, titles=["one"]), "titles: expected 2, one for each estimate, found 1"),
    (lambda: plots.plot_power(room(), quantity="varience"), "unknown quantity 'varience'; .* 'variance'"),
    (lambda: plots.plot_power(room(kept=False), quantity="variance"), r"samples: not kept; .*keep_samples=True\)"),
    (lambda: plots.plot_power(room(samples=1), quantity="variance"), "at least 2 samples for a variance, found 1"),
]
SAMPLES = [
    (lambda: plots.plot_power_histograms(room(kept=False)), "samples: not kept"),
    (lambda: plots.plot_power_histograms(room(), states=[(9, 9)]), r"unknown state \(9, 9\)"),
    (lambda: plots.plot_power_histograms(room(), states=[]), "states: expected 1 to 49, found 0"),
    (lambda: plots.plot_power_histograms(room(), bins=0), "bins: expected"),
    (lambda: plots.plot_power_histograms(room(), path="x.txt"), "path: expected a picture file"),
    (lambda: plots.plot_reward_histograms(room().mdp, np.zeros((4, 8))), "rewards: expected"),
    (lambda: plots.plot_power_pairs(room(), "x"), "unknown state 'x'"),
    (lambda: plots.plot_power_correlations(room(kept=False)), "samples: not kept"),
    (lambda: plots.plot_reward_correlation(pm.Uniform(0, 1), 2), r"correlation: expected .* \[-1, 1\], found 2"),
    (lambda: plots.plot_reward_correlation(pm.Uniform(0, 1), 0, num_samples=0), "num_samples: expected"),
]
TWO_AGENTS = [
    (lambda: plots.plot_joint_power(pair()["human"], positions=[(5, 5)]), r"positions: .* never at \(5, 5\)"),
    (lambda: plots.plot_joint_power(pair()["human"], positions=[]), "positions: expected at least one place"),
    (
        lambda: plots.plot_joint_power(without_board(), positions=[(0, 0)]),
        "positions: expected None .* without a board",
    ),
    (lambda: plots.plot_joint_power(pair()["human"], by="robot"), "unknown agent 'robot'"),
    (lambda: plots.plot_joint_power(pair()["human"], vmin=1, vmax=0), "vmin, vmax: expected a scale that rises"),
    (lambda: plots.plot_joint_power(pair()["human"], path="power.txt"), "path: expected a picture file"),
    (lambda: plots.plot_joint_power(room()), "expected POWER in a game, found that in TabularMDP"),
    (lambda: plots.plot_correlation_sweep([pair()]), "results: expected at least two, found 1"),
    (lambda: plots.plot_correlation_sweep([pair(), pair()]), "results: expected different correlations"),
    (
        lambda: plots.plot_correlation_sweep([pair(), replace(pair(), correlation=None)]),
        "results: expected runs with a correlation",
    ),
    (
        lambda: plots.plot_correlation_sweep([pair(), pm.multiagent_power(PowerPair(".."), 0.6, correlation=1)]),
        "results: expected runs of one game",
    ),
    (lambda: plots.plot_correlation_sweep(pairs(), path="sweep.txt"), "path: expected a picture file"),
    (lambda: plots.plot_alignment_sweep(rooms(), GAMMAS, "γ"), "expected POWER of two agents"),
]
GRAPHS = [
    (lambda: plots.plot_mdp(room().mdp, layout="spring"), "unknown layout 'spring'; did you mean 'springs'"),
    (lambda: plots.plot_mdp(turner_figure_1(), layout="board"), "each state has a cell of its own"),
    (lambda: plots.plot_mdp(room().mdp, layout="dot"), '"dot" needs the program of that name'),
    (lambda: plots.plot_mdp(PowerGrid("robot_face_20x20").tables()), "shows 1 to 40, found 220; .* states="),
    (lambda: plots.plot_mdp(room().mdp, states=["x"]), "unknown state 'x'"),
    (lambda: plots.plot_mdp(PowerPair("..").tables()), "expected a TabularMDP, found TabularGame.*game.against"),
    (lambda: plots.plot_mdp(room().mdp, path="graph.dot"), "path: expected a picture file"),
    (lambda: plots.plot_policy(TABLE), "model: expected the model that the table is for"),
    (lambda: plots.plot_policy(TABLE * 1.5, room().mdp), "rows that sum to 1"),
    (lambda: plots.plot_policy(TABLE[:4], PowerPair("..").tables()), "agent: expected one of human, ai, found None"),
    (
        lambda: plots.plot_policy(Policy(PowerGrid("robot_face_20x20").tables()), layout="springs"),
        "shows 1 to 40",
    ),
]
SWEEPS = [
    (lambda: plots.plot_sweep(rooms()[:1], [1], "x"), "results: expected at least two, found 1"),
    (lambda: plots.plot_sweep([*rooms()[:2], pair()], [1, 2, 3], "x"), "all of one agent or .* found 2 and 1"),
    (lambda: plots.plot_sweep(rooms(), [1, 2], "x"), "values: expected 3, one for each result, found 2"),
    (lambda: plots.plot_sweep(rooms(), [1, 2, 1], "x"), "values: expected no two equal, found 1 twice"),
    (lambda: plots.plot_sweep(rooms(), GAMMAS, "γ", lines="a"), "lines: expected 3, one for each result, found 1"),
    (lambda: plots.plot_sweep(rooms(), (1, 1, 1), "γ", lines="aba"), "values: .* equal in a line, found 1 twice"),
    (lambda: plots.plot_sweep(rooms(), GAMMAS, "γ", lines="abc", states=[(0, 0)]), "lines: expected None for states"),
    (lambda: plots.plot_sweep(rooms() * 3, range(9), "γ", lines=range(9)), "lines: expected up to 8 .* found 9"),
    (lambda: plots.plot_sweep(rooms(), GAMMAS, "γ", states=["nowhere"]), "unknown state"),
    (lambda: plots.plot_sweep(rooms(), GAMMAS, "γ", states=room().mdp.state_labels), "states: .* 1 to 8, found 9"),
    (lambda: plots.plot_sweep(rooms(), GAMMAS, "γ", path="x.gif2"), "path: expected a picture file"),
]
FILMS = [
    (lambda: plots.animate(rooms(), GAMMAS, "γ", "film.png"), r"path: expected a name that ends in \.gif or \.mp4"),
    (lambda: plots.animate([], [], "γ", "film.gif"), "results: expected at least one, found none"),
    (lambda: plots.animate(rooms(), [1], "γ", "film.gif"), "values: expected 3, one for each result, found 1"),
    (lambda: plots.animate([room(), pair()], [1, 2], "γ", "film.gif"), "results: expected all of one agent or all"),
    (lambda: plots.animate(pairs(), RHOS, "ρ", "film.gif", agent="dog"), "unknown agent 'dog'"),
    (lambda: plots.animate_figures([], "film.gif"), "figures: expected at least one, found none"),
    (lambda: plots.animate_figures([Figure()], "film.gif", values=[1, 2]), "values: expected 1, .* found 2"),
]


@pytest.mark.parametrize(("draw", "message"), [*POWER, *SAMPLES, *TWO_AGENTS, *GRAPHS, *SWEEPS, *FILMS])
def test_bad_input_is_refused_before_anything_is_drawn(draw, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("power_metrics.plots.layouts.shutil.which", lambda name: None)  # no program dot
    with pytest.raises(ValueError, match=message):
        draw()
    assert list(tmp_path.iterdir()) == []
