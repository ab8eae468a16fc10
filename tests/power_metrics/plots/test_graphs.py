"""Models and policies as graphs and on boards: what is drawn, where, and whether it can be read."""

from __future__ import annotations

import itertools
import stat

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from power_metrics.arguments.checks import resolve_model
from power_metrics.plots import plot_mdp, plot_policy
from power_metrics.plots.layouts import edges_between, place_states
from powerenvs import TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from tests.models import random_mdp
from tests.power_metrics.plots.seen import note, overlapping, texts

SIZE, GAPS = (0.5, 0.3), (0.7, 0.7)


@pytest.fixture(scope="module")
def room():
    return PowerGrid("open_3x3").tables()


@pytest.fixture(scope="module")
def lake():
    gymnasium = pytest.importorskip("gymnasium")
    return resolve_model(gymnasium.make("FrozenLake-v1", is_slippery=True))


@pytest.fixture(autouse=True)
def without_graphviz(monkeypatch):
    """Pictures do not depend on what this machine has, unless a test says so."""
    monkeypatch.setattr("power_metrics.plots.layouts.shutil.which", lambda name: None)


def arrows(figure):
    return [patch for patch in figure.findobj(FancyArrowPatch) if patch.get_gid() == "arrow"]


class TestLayouts:
    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("layout", ["layers", "springs"])
    def test_boxes_stay_apart(self, seed, layout):
        mdp = random_mdp(np.random.default_rng(seed), 9, 2, num_successors=1 + seed % 2)
        places, used = place_states(mdp, np.arange(9), SIZE, GAPS, layout)
        assert used == layout
        for a, b in itertools.combinations(places, 2):
            assert np.any(np.abs(a - b) >= np.array(SIZE) + 0.1)

    def test_layers_are_steps_from_the_start(self):
        mdp = turner_figure_1()
        places, used = place_states(mdp, np.arange(8), SIZE, GAPS, None)
        assert used == "layers"
        steps = {"star": 0, "empty": 1, "l": 1, "r": 1, "l_nw": 2, "l_sw": 2, "r_ne": 2, "r_se": 2}
        expected = np.array([steps[label] for label in mdp.state_labels]) * (SIZE[0] + GAPS[0])
        assert places[:, 0] - places[:, 0].min() == pytest.approx(expected)

    def test_layers_hold_states_that_the_start_does_not_lead_to(self):
        mdp = TabularMDP.from_transitions(
            [("a", "x", "b", 1.0), ("b", "x", "b", 1.0), ("c", "x", "b", 1.0)], initial="a"
        )  # fmt: skip
        places, _ = place_states(mdp, np.arange(3), SIZE, GAPS, "layers")
        assert len(np.unique(places, axis=0)) == 3

    def test_a_board_gives_places(self, room):
        places, used = place_states(room, np.arange(9), SIZE, GAPS, None)
        assert used == "board"
        assert places == pytest.approx(room.cells[:, ::-1] * (1.2, -1.0))

    def test_springs_suit_models_that_return(self):
        ring = TabularMDP.from_transitions([(i, 0, (i + 1) % 6, 1.0) for i in range(6)])
        places, used = place_states(ring, np.arange(6), SIZE, GAPS, None)
        assert used == "springs"
        sides = np.linalg.norm(places - np.roll(places, 1, axis=0), axis=1)
        assert sides == pytest.approx(np.full(6, sides[0]), rel=0.05)

    def test_dot_is_used_where_it_is(self, monkeypatch, tmp_path):
        program, asked = tmp_path / "dot", tmp_path / "asked"
        program.write_text(
            f"#!/bin/sh\ncat > {asked}\nprintf 'graph 1 4 4\\nnode 0 1.5 2 .5 .3\\nnode 1 3 0.5 .5 .3\\nedge 0 1 0\\nstop\\n'\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr("power_metrics.plots.layouts.shutil.which", lambda name: str(program))
        mdp = TabularMDP.from_transitions([(0, 0, 1, 1.0), (1, 0, 1, 1.0)])
        places, used = place_states(mdp, np.arange(2), SIZE, GAPS, None)
        assert used == "dot"
        assert places.tolist() == [[1.5, 2], [3, 0.5]]
        assert "0 -> 1;" in asked.read_text()
        assert "layout by Graphviz" in note(plot_mdp(mdp))
        program.write_text("#!/bin/sh\ncat > /dev/null\necho 'syntax error' >&2\nexit 1\n")
        with pytest.raises(ValueError, match="failed: syntax error"):
            place_states(mdp, np.arange(2), SIZE, GAPS, "dot")

    def test_edges(self, lake):
        tensor = lake.transition_matrix().toarray().reshape(16, 4, 16).sum(axis=1)
        expected = [(i, j) for i, j in np.argwhere(tensor > 0).tolist() if i != j]
        assert edges_between(lake, np.arange(16)) == expected


class TestModels:
    @pytest.mark.slow
    def test_names_of_turners_actions_go_without_saying(self, tmp_path):
        mdp = turner_figure_1()
        figure = plot_mdp(mdp, path=tmp_path / "graph.pdf")
        assert {t.get_text() for t in texts(figure, "state")} == set(mdp.state_labels)
        assert texts(figure, "label") == []
        assert len(arrows(figure)) == mdp.num_transitions
        assert (tmp_path / "graph.pdf").read_bytes().startswith(b"%PDF")

    @pytest.mark.slow
    def test_actions_of_a_room(self, room):
        figure = plot_mdp(room)
        found = sorted(t.get_text().replace("\n", " ") for t in texts(figure, "label"))
        assert found.count("left") == found.count("right") == found.count("up") == found.count("down") == 6
        assert "stay, up, left" in found
        assert overlapping(figure) == []
        assert "9 states, 5 actions" in note(figure)

    @pytest.mark.slow
    def test_probabilities_and_terminal_states(self, lake):
        figure = plot_mdp(lake)
        labels = [t.get_text().replace("\n", " ") for t in texts(figure, "label")]
        assert "left, up: 0.67 down, right: 0.33" in labels
        live = lake.transition_matrix().toarray().reshape(16, 4, 16).sum(axis=1)[~lake.terminal]
        assert len(arrows(figure)) == np.count_nonzero(live)
        assert "grey: terminal" in note(figure)
        assert overlapping(figure) == []

    def test_arrows_bow_around_other_states(self):
        line = [(0, 0), (1, 0), (2, 0)]
        mdp = TabularMDP.from_transitions(
            [(0, "far", 2, 1.0), (0, "near", 1, 1.0), (1, "near", 2, 1.0), (2, "stay", 2, 1.0)]
        ).with_(board=("...",), cells=np.array(line)[:, ::-1].astype(np.int32))
        figure = plot_mdp(mdp)
        heights = {t.get_text(): t.get_position()[1] for t in texts(figure, "label")}
        assert abs(heights["far"]) > 0.3
        assert heights["near"] == 0
        assert overlapping(figure) == []

    def test_long_names_are_told_apart(self):
        labels = [f"human=(0, 0), ai=(0, {k})" for k in range(3)]
        mdp = TabularMDP.from_transitions(
            [(a, "go", b, 1.0) for a, b in zip(labels, labels[1:] + labels[:1], strict=True)]
        )
        found = {t.get_text().replace("\n", " ") for t in texts(plot_mdp(mdp), "state")}
        assert found == set(labels)

    def test_labels_make_room_for_each_other(self):
        every = [(i, f"to {j}", j, 1.0) for i in range(4) for j in range(4) if i != j]
        figure = plot_mdp(TabularMDP.from_transitions(every), layout="springs")
        assert len(texts(figure, "label")) == 12
        assert overlapping(figure) == []

    def test_some_states(self, room):
        figure = plot_mdp(room, states=[(0, 0), (0, 1)])
        assert len(texts(figure, "state")) == 2
        assert len(arrows(figure)) == 4
        assert "2 of 9 states" in note(figure)


class TestPolicies:
    @staticmethod
    def shapes(figure, panel=0):
        (collection,) = [c for c in figure.axes[panel].collections if c.get_gid() == "policy"]
        return [path.vertices for path in collection.get_paths()], np.asarray(collection.get_array())

    @pytest.mark.parametrize(
        ("action", "way"), [("up", (0, -1)), ("down", (0, 1)), ("left", (-1, 0)), ("right", (1, 0)), ("stay", (0, 0))]
    )
    def test_arrows_point_where_actions_lead(self, room, action, way):
        policy = Policy(room)
        for state in room.state_labels:
            policy.set(state, action)
        shapes, shades = self.shapes(plot_policy(policy))
        assert shades.tolist() == [1.0] * 9
        for corners, cell in zip(shapes, room.cells, strict=True):
            middle = corners[:-1].mean(axis=0) - cell[::-1]
            assert middle == pytest.approx(0.25 * np.array(way), abs=0.1)
            assert np.abs(corners - cell[::-1]).max() < 0.5

    def test_probabilities_are_shades(self, lake):
        table = np.random.default_rng(0).dirichlet(np.ones(4), 16)
        figure = plot_policy(table, lake)
        _, shades = self.shapes(figure)
        expected = table[~lake.terminal]
        assert sorted(shades) == pytest.approx(sorted(expected[expected >= 0.005]))
        assert figure.axes[1].get_ylabel() == "probability of the action"
        assert "terminal states have no arrows" in note(figure)

    def test_noise_and_walls_do_not_bend_arrows(self, lake):
        table = np.tile([0.0, 1.0, 0.0, 0.0], (16, 1))  # down, which leads left and right as often
        shapes, _ = self.shapes(plot_policy(table, lake))
        for corners, cell in zip(shapes, lake.cells[~lake.terminal], strict=True):
            tip = corners[np.argmax(corners[:, 1])] - cell[::-1]
            assert tip == pytest.approx((0, 0.46), abs=1e-6)

    def test_a_game_has_a_board_for_each_place_of_the_other(self):
        game = PowerPair("open_3x3").tables()
        policy = Policy(game, "ai")
        state = ((1, 1), (0, 2))  # the human's cell, the ai's
        policy.set(game.state_labels[game.index(state)], "down")
        figure = plot_policy(policy)
        panels = [ax for ax in figure.axes if ax.get_title().startswith("human at")]
        assert len(panels) == 9
        changed = [i for i in range(9) if self.shapes(figure, i)[1].max() == 1]
        assert [panels[i].get_title() for i in changed] == ["human at (1, 1)"]
        shapes, shades = self.shapes(figure, changed[0])
        tip = shapes[int(np.argmax(shades))].max(axis=0)
        assert tip[1] == pytest.approx(0.46)  # down from row 0
        assert figure.get_suptitle() == "Policy of the AI"
        assert len(plot_policy(policy, positions=[(0, 0), (1, 1)]).axes) == 3

    def test_a_graph_where_there_is_no_board(self):
        mdp = turner_figure_1()
        table = np.random.default_rng(0).dirichlet(np.ones(mdp.num_actions), 8) * mdp.available
        table /= table.sum(axis=1, keepdims=True)
        figure = plot_policy(table, mdp)
        labels = {t.get_text() for t in texts(figure, "label")}
        star, left = mdp.index("star"), mdp.action_index("l")
        assert f"{table[star, left]:.2g}" in labels
        chosen = table[mdp.available]
        widths = sorted(arrow.get_linewidth() for arrow in arrows(figure))
        assert widths == pytest.approx(sorted(0.6 + 3 * chosen))
