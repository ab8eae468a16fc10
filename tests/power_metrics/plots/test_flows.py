"""Pictures of dynamics: what is on them."""

from __future__ import annotations

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.plots import plot_decomposition, plot_dynamics


def marked(ax):
    """The places of rest points on axes."""
    return sorted(
        (round(float(line.get_xdata()[0]), 6), round(float(line.get_ydata()[0]), 6))
        for line in ax.lines
        if line.get_marker() in "oDs^" and len(line.get_xdata()) == 1
    )


def test_a_decomposition_shows_rest_points_where_they_are(tmp_path):
    found = pm.games.decompose(pm.games.named("battle_of_the_sexes"))
    figure = plot_decomposition(found, path=tmp_path / "battle.png")
    whole, first, second = figure.axes[:3]
    assert marked(whole) == [(0, 0), (0, 1), (0.6, 0.4), (1, 0), (1, 1)]
    assert marked(first) == [(0, 0), (0.4, 0), (1, 0)]
    assert marked(second) == [(0, 0), (0.6, 0), (1, 0)]
    assert (tmp_path / "battle.png").stat().st_size > 10_000
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["stable", "saddle", "source"]


def test_other_shapes():
    figure = plot_decomposition(pm.games.decompose(pm.games.named("leduc")), time=5.0)
    assert figure.axes[0].get_title() == "the game: first population"
    cycle = plot_dynamics(pm.games.dynamics(pm.games.named("rock_paper_scissors").A), time=5.0, title="cycles")
    assert (0.5, round(3**0.5 / 6, 6)) in marked(cycle.axes[0])
    answers = plot_dynamics(
        pm.games.dynamics(pm.games.named("matching_pennies"), "best_response"), starts=[np.array([0.9, 0.1, 0.5, 0.5])]
    )
    assert answers.legends == []
    segment = plot_dynamics(pm.games.dynamics([[0, 3], [1, 2]], "logit"))
    assert len(marked(segment.axes[0])) == 1


def test_what_has_no_plane_is_refused():
    with pytest.raises(ValueError, match="leave out strategies"):
        plot_dynamics(pm.games.dynamics(np.zeros((4, 4))))
    with pytest.raises(ValueError, match="expected a game of two or three strategies, found one of 4"):
        plot_decomposition(pm.games.decompose(np.eye(4), np.eye(4)))
