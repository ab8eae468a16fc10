"""`plots.plot`: the picture of any result, by its class or by its dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest
from matplotlib.figure import Figure

import power_metrics as pm
from power_metrics import Dims, plots
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid
from tests.power_metrics.worlds import graph

FORK = graph({"a": ["b", "c"], "b": ["b"], "c": ["c"]})
Floats = np.ndarray
MAZE = PowerGrid(level="maze_7x7").tables()


@dataclass(frozen=True)
class Reach(pm.Result):
    model: TabularMDP
    cells: Annotated[Floats, Dims("state")]
    cells_error: Annotated[Floats, Dims("state", finite=False)]
    share: Annotated[Floats, Dims("state", "action", finite=False)]
    drawn: Annotated[Floats, Dims("sample")]
    gap: Annotated[float, Dims()]
    lost: Annotated[Floats, Dims("round")]
    steps: int


def reach(model):
    S = model.num_states
    share = np.where(model.available, 0.25, np.nan)
    return Reach(model, np.arange(S) / S, np.full(S, 0.01), share, np.linspace(0, 1, 50), 1.5, np.arange(4.0), 3)


def texts(ax, gid):
    return [text.get_text() for text in ax.texts if text.get_gid() == gid]


def test_numbers_of_states_on_a_board():
    figure = reach(MAZE).plot()
    board, bar = figure.axes
    assert board.get_title() == "Reach"
    assert (board.get_xlabel(), board.get_ylabel()) == ("column", "row")
    assert bar.get_ylabel() == "cells"
    drawn = board.images[1].get_array()
    assert drawn[tuple(MAZE.cells[5])] == 5 / MAZE.num_states
    assert "steps 3" in figure.get_supxlabel()


def test_numbers_of_states_without_a_board():
    (ax,) = reach(FORK).plot(title="How far").axes
    assert ax.get_title() == "How far"
    assert ax.get_xlabel() == "cells"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [patch.get_width() for patch in ax.patches] == [0, 1 / 3, 2 / 3]


def test_states_and_actions():
    figure = plots.plot(reach(FORK), column="share")
    ax, bar = figure.axes
    assert ax.images[0].get_array().mask.tolist() == (~FORK.available).tolist()
    assert texts(ax, "value") == ["0.25"] * int(FORK.available.sum())
    assert (ax.get_xlabel(), ax.get_ylabel(), bar.get_ylabel()) == ("action", "state", "share")
    assert "grey: not available" in figure.get_supxlabel()


def test_samples_single_numbers_and_other_dimensions():
    histogram = plots.plot(reach(FORK), column="drawn").axes[0]
    assert sum(patch.get_height() for patch in histogram.patches) == 50
    assert histogram.get_ylabel() == "samples"
    assert texts(plots.plot(reach(FORK), column="gap").axes[0], "value") == ["1.5"]
    rounds = plots.plot(reach(FORK), column="lost").axes[0]
    assert [patch.get_width() for patch in rounds.patches] == [0, 1, 2, 3]
    assert rounds.get_ylabel() == "round"


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match="column: unknown column 'shares'; did you mean 'share'"):
        plots.plot(reach(FORK), column="shares")
    with pytest.raises(ValueError, match="result: expected a Result, found int"):
        plots.plot(3)
    with pytest.raises(ValueError, match="path: expected a picture file"):
        reach(FORK).plot(path=tmp_path / "reach.txt")


def test_a_class_gets_its_own_picture_from_anywhere(tmp_path):
    @dataclass(frozen=True)
    class Mine(pm.Result):
        steps: int

    drawn = Figure()

    @plots.plot.register(Mine)
    @plots.saved
    def plot_mine(result, path=None):
        return drawn

    with pytest.raises(ValueError, match="expected arrays of at most two dimensions, found none in a Bare"):
        Bare().plot()
    assert Mine(3).plot(path=tmp_path / "mine.png") is drawn
    assert (tmp_path / "mine.png").exists()


@dataclass(frozen=True)
class Bare(pm.Result):
    """Nothing to draw."""


@pytest.mark.slow
def test_every_result_of_this_package_has_a_picture():
    model = MAZE
    random = model.available / model.available.sum(axis=1, keepdims=True)
    for result in (
        pm.power(model, num_samples=8, progress=False),
        pm.power_of_policies(pm.Boltzmann(1.0), model, num_samples=8),
        pm.q_learning_curve(model, steps=(0, 10), num_learners=4),
        pm.optimality_probability(model, num_samples=8),
        pm.horizon_optimum(model, 3),
        pm.safety_scores(model, 3),
        pm.compare(random, model, gamma=0.5),
    ):
        assert isinstance(result.plot(), Figure)
