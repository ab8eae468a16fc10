"""Pictures of some states: split by what labels say, chosen by it, and on scales that single outliers do not set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.plots import plot_joint_power, plot_power
from power_metrics.plots.style import without_outliers
from powerenvs import TabularMDP
from powerenvs.sources import load_gv, save_gv
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.resources import OneKey
from powerenvs.worlds.side_effects import Vase
from tests.power_metrics.plots.seen import heat, note, overlapping, scale, texts, values
from tests.power_metrics.worlds import graph

VASE = Vase().tables()


class Walk(NamedTuple):
    agent: int
    holds: str


@pytest.fixture(scope="module")
def vase():
    return pm.power(VASE, 0.9, num_samples=50, progress=False)


def test_a_panel_for_each_value_of_a_feature(vase):
    figure = vase.plot(by="whole")
    broken, whole, _ = figure.axes
    assert [ax.get_title() for ax in (broken, whole)] == ["whole = False", "whole = True"]
    assert scale(broken) == scale(whole)
    for ax, value in ((broken, False), (whole, True)):
        for s in VASE.find(whole=value):
            assert values(ax)[tuple(VASE.cells[s])] == vase.mean[s]
        assert values(ax).count() == len(VASE.find(whole=value))
    assert "mean of its" not in note(figure)
    assert overlapping(figure) == []


def test_some_states(vase):
    for where in ({"whole": True}, {"whole": "true"}, lambda label: label.whole):
        figure = vase.plot(where=where)
        assert values(figure.axes[0]).count() == len(VASE.find(whole=True))
    assert "whole = true" in note(vase.plot(where={"whole": "true"}))
    assert "12 of 23 states" in note(vase.plot(where=lambda label: not label.whole))
    one = vase.plot(by=("whole",), where={"agent": (4, 2)})
    assert [ax.get_title() for ax in one.axes[:-1]] == ["whole = False", "whole = True"]
    halves = vase.plot(by=lambda label: "left" if label.agent[1] < 2 else "right")
    assert [ax.get_title() for ax in halves.axes[:-1]] == ["left", "right"]


def test_other_measures_and_bars_too():
    split = pm.empowerment(VASE, steps=1).plot(by="whole", title="One step")
    assert split.get_suptitle() == "One step"
    assert len(split.axes) == 3
    labels = [Walk(0, "key"), Walk(1, "key"), Walk(0, "nothing"), Walk(1, "nothing"), "end"]
    moves = [(s, a, t, 1.0) for s in labels for a, t in enumerate((s, "end"))]
    mdp = TabularMDP.from_transitions(moves, state_labels=labels)
    figure = pm.power(mdp, 0.5, num_samples=20, progress=False).plot(by="holds")
    shown = [[t.get_text() for t in ax.get_yticklabels()] for ax in figure.axes]
    assert shown == [["agent=0, holds=key", "agent=1, holds=key"], ["agent=0, holds=nothing", "agent=1, holds=nothing"]]
    assert "1 without holds left out" in note(figure)


def test_some_states_of_a_game():
    both = pm.multiagent_power(OneKey(), 0.6, num_samples=4, progress=False)
    figure = plot_joint_power(both["human"], where={"key": "floor"})
    assert len([ax for ax in figure.axes if len(ax.images) == 2]) == 9  # the AI has not left its room
    assert "key = floor" in note(figure)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"by": "hole"}, "by: no state has a feature 'hole'; did you mean 'whole'"),
        ({"by": "agent", "where": lambda label: False}, "where: expected at least one state"),
        ({"by": ("agent", "whole")}, "by: expected a feature with up to 12 values, found 23 of agent and whole"),
        ({"where": {"whole": "maybe"}}, "where: no state has whole = 'maybe'; known: 'True', 'False'"),
        ({"by": "whole", "ax": 1}, "ax: expected None together with by="),
    ],
)
def test_what_no_state_has_is_refused(vase, split, message):
    with pytest.raises(ValueError, match=message):
        plot_power(vase, **split)


def test_only_numbers_of_states_are_split():
    with pytest.raises(ValueError, match="by, where: expected None for a column of state and action"):
        pm.optimality_probability(VASE, num_samples=4).plot(by="whole")


def test_single_outliers_do_not_set_the_scale():
    mdp = PowerGrid("maze_7x7").tables()
    mean = np.linspace(0.6, 0.7, 31)
    mean[[0, 30]] = 0.1, 0.99
    estimate = pm.power(mdp, rewards=mean[None])
    object.__setattr__(estimate, "mean", mean)
    figure = plot_power(estimate)
    assert scale(figure.axes[0]) == (mean[1], mean[29])
    assert "black: below the scale; red: above the scale" in note(figure)
    assert heat(figure.axes[0]).colorbar.extend == "both"
    assert {"0.10", "0.99"} <= {t.get_text()[:4] for t in texts(figure, "value")}


@pytest.mark.parametrize(
    ("numbers", "ends"),
    [
        (range(20), (0, 19)),
        ([*range(19), 1000], (0, 18)),
        ([-500, *range(40), 1000], (0, 39)),
        ([*range(10), 1000, 1001, 1002], (0, 1002)),  # many: they are what there is to see
        ([*range(19), 36], (0, 36)),  # which leaves half of the scale for the rest
        ([1, 2, 3, 1000], (1, 1000)),  # few numbers have no outliers
        ([5] * 20 + [9], (5, 9)),  # of nearly equal ones the other one is what there is to see
    ],
)
def test_what_counts_as_an_outlier(numbers, ends):
    assert without_outliers(np.array(numbers, dtype=float)) == ends


def test_a_grid_with_a_terminal_node_stays_a_map(tmp_path):
    grid = graph({"(0, 0)": ["(0, 1)", "(0, 0)"], "(0, 1)": ["(0, 0)", "END"], "END": ["END"]})
    save_gv(grid, tmp_path / "grid.gv")
    mdp = load_gv(tmp_path / "grid.gv")
    assert mdp.board == ("..",)
    assert mdp.cells.tolist() == [[0, 0], [0, 1], [-1, -1]]
    figure = pm.power(mdp, 0.9, num_samples=10, progress=False).plot()
    assert values(figure.axes[0]).count() == 2
    assert "1 state without a cell left out" in note(figure)
    named = graph({"(0, 0)": ["b"], "b": ["(0, 0)", "c"], "c": ["b"]})
    save_gv(named, tmp_path / "named.gv")
    assert load_gv(tmp_path / "named.gv").board is None  # most states are no cells
