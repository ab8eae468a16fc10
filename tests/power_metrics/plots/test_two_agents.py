"""Pictures of two agents: what the matplotlib objects hold, and whether their text can be read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

import power_metrics as pm
from power_metrics.plots import plot_alignment, plot_correlation_sweep, plot_joint_power, plot_two_agents
from powerenvs import product_game
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey
from tests.power_metrics.plots.seen import note, overlapping, scale, values
from tests.power_metrics.worlds import graph

pytestmark = pytest.mark.slow  # pictures


def solved(game, rho=0.0, samples=300, **kwargs):
    return pm.multiagent_power(game, 0.6, correlation=rho, num_samples=samples, **kwargs)


@pytest.fixture(scope="module")
def small():
    return solved(PowerPair("open_3x3", walls="absent"))


@pytest.fixture(scope="module")
def sweep():
    return [solved(PowerPair("...\n.#."), rho, 500) for rho in (0.5, -1, 0, 1)]


@pytest.fixture(scope="module")
def without_board():
    return solved(product_game(graph({"a": "ab", "b": "ba"}), graph({"x": "xy", "y": "y"})))


def maps(figure):
    """The heat maps of a figure: axes with the image of cells over the one of blank cells."""
    return [ax for ax in figure.axes if len(ax.images) == 2]


def marks(ax):
    return [patch for patch in ax.patches if isinstance(patch, Circle) and patch.get_gid() == "agent"]


class TestHeatMaps:
    def test_one_panel_for_each_place_of_the_other(self, small):
        figure = plot_joint_power(small["human"])
        panels = maps(figure)
        places = list(itertools.product(range(3), range(3)))
        assert [ax.get_title() for ax in panels] == [f"AI at {place}" for place in places]
        for ax, place in zip(panels, places, strict=True):
            shown = values(ax)
            for row, column in itertools.product(range(3), range(3)):
                s = small.game.index(((row, column), place))
                assert shown[row, column] == small["human"].mean[s]
            (disc,) = marks(ax)
            assert np.abs(np.array(disc.center) - place[::-1]).max() < 0.45
        norms = {scale(ax) for ax in panels}
        assert norms == {(small["human"].mean.min(), small["human"].mean.max())}
        assert "300 pairs of reward functions" in note(figure)
        assert "disc: the AI; cells: the human" in note(figure)

    def test_by_the_place_of_the_first_agent(self, small):
        figure = plot_joint_power(small["human"], by="human", positions=[(0, 2)])
        (ax,) = maps(figure)
        assert ax.get_title() == "human at (0, 2)"
        assert values(ax)[1, 0] == small["human"].mean[small.game.index(((0, 2), (1, 0)))]
        assert "1 of 9 places of the human" in note(figure)

    @pytest.mark.slow
    def test_some_places_of_many(self):
        result = solved(PowerPair("maze_7x7"), samples=8)
        figure = plot_joint_power(result["ai"])
        assert len(maps(figure)) == 6
        assert "6 of 31 places of the AI" in note(figure)
        chosen = plot_joint_power(result["ai"], positions=[(6, 6), (0, 0)], title="POWER of the AI", vmin=0, vmax=1)
        assert [ax.get_title() for ax in maps(chosen)] == ["AI at (6, 6)", "AI at (0, 0)"]
        assert chosen.get_suptitle() == "POWER of the AI"
        assert scale(maps(chosen)[0]) == (0, 1)

    @pytest.mark.slow
    def test_without_overlaps_the_other_stands_in_an_empty_cell(self):
        result = solved(PowerPair("open_3x3").tables().without_overlaps(), samples=16)
        for ax in maps(plot_joint_power(result["human"])):
            (disc,) = marks(ax)
            column, row = (round(x) for x in disc.center)
            assert disc.center == (column, row)
            assert values(ax).mask[row, column]

    def test_states_that_share_both_places_are_averaged(self):
        result = solved(OneKey(), samples=16)
        game = result.game
        figure = plot_joint_power(result["human"], positions=[(2, 2)])
        (ax,) = maps(figure)
        states = game.find(human=(1, 1), ai=(2, 2))
        assert len(states) == 3
        assert values(ax)[1, 1] == pytest.approx(result["human"].mean[states].mean())
        assert "each cell: mean of its 1 to 3 states" in note(figure)
        goal = game.find(human=(2, 7), ai=(2, 2))
        assert np.all(game.terminal[goal])
        assert scale(ax)[0] > result["human"].mean[goal].max()
        assert "black: below the scale" in note(figure)

    def test_a_game_without_a_board_has_bars(self, without_board):
        figure = plot_joint_power(without_board["human"])
        assert len(figure.axes[0].patches) == 4
        assert figure.axes[0].get_yticklabels()[0].get_text() == "human=a, ai=x"

    def test_estimates_draw_themselves(self, small, tmp_path):
        figure = small["ai"].plot(path=tmp_path / "ai.png", positions=[(1, 1)])
        assert isinstance(figure, Figure)
        with Image.open(tmp_path / "ai.png") as picture:
            assert min(picture.size) > 500


class TestBothAgents:
    @pytest.mark.slow
    def test_heat_maps_with_a_scatter_plot_beside_them(self, small):
        figure = small.plot()
        assert len(maps(figure)) == 9
        assert figure.get_suptitle() == "POWER of the human, γ = 0.6, reward correlation 0"
        scatter = next(ax for ax in figure.axes if ax.get_xlabel() == "POWER of the human")
        assert np.array_equal(
            scatter.collections[0].get_offsets(), np.stack([small["human"].mean, small["ai"].mean], axis=1)
        )
        assert f"alignment {small.alignment:.2f}".replace("-", "−") in scatter.get_title()
        low, high = small.alignment_interval()
        assert f"95% interval {low:.2f} to {high:.2f}".replace("-", "−") in scatter.get_title()
        assert scatter.get_position().x0 > max(ax.get_position().x1 for ax in figure.axes if ax is not scatter)

    def test_of_the_second_agent(self, small):
        figure = plot_two_agents(small, agent="ai", positions=[(0, 0), (1, 1)])
        assert figure.get_suptitle().startswith("POWER of the AI")
        s = small.game.index(((2, 1), (1, 1)))
        assert values(maps(figure)[1])[2, 1] == small["ai"].mean[s]

    def test_of_given_rewards(self):
        game = PowerPair("..").tables()
        single = pm.multiagent_power(game, 0.6, rewards=tuple(np.random.default_rng(0).random((2, 4))))
        figure = single.plot()
        assert "given rewards" in figure.get_suptitle()
        titles = [ax.get_title() for ax in figure.axes if ax.get_title().startswith("alignment")]
        assert titles == [f"alignment {single.alignment:.2f}".replace("-", "−")]  # too few to tell how sure that is

    def test_alignment_alone_and_on_given_axes(self, small, tmp_path):
        figure = plot_alignment(small, path=tmp_path / "alignment.pdf")
        assert "reward correlation 0" in note(figure)
        assert (tmp_path / "alignment.pdf").stat().st_size > 2000
        ax = Figure().add_subplot()
        assert plot_alignment(small, ax=ax) is ax.figure
        assert len(ax.collections) == 1

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["small", "maze", "key", "no board", "wide", "tiny"])
    def test_texts_do_not_cover_each_other(self, kind, small, without_board):
        result = {
            "small": lambda: small,
            "maze": lambda: solved(PowerPair("maze_7x7"), samples=8),
            "key": lambda: solved(OneKey(), samples=8),
            "no board": lambda: without_board,
            "tiny": lambda: solved(PowerPair(".."), samples=8),
            "wide": lambda: solved(PowerPair("." * 12), samples=8),
        }[kind]()
        assert overlapping(result.plot()) == []


class TestSweep:
    @pytest.mark.slow
    def test_points_are_those_of_the_results(self, sweep):
        figure = plot_correlation_sweep(sweep)
        powers, alignments = figure.axes
        ordered = sorted(sweep, key=lambda result: result.correlation)
        lines = {container.get_label(): container for container in powers.containers}
        assert list(lines) == ["human", "human, against the seed policy", "AI", "AI, playing the seed policy"]
        for label, baseline in (("human", False), ("human, against the seed policy", True)):
            points, _, (bars,) = lines[label]
            assert points.get_xdata().tolist() == [-1, 0, 0.5, 1]
            assert points.get_ydata().tolist() == [r.average("human", baseline=baseline) for r in ordered]
            heights = [abs(segment[1, 1] - segment[0, 1]) for segment in bars.get_segments()]
            errors = [r.average_error("human", baseline=baseline) for r in ordered]
            assert heights == pytest.approx([2 * 1.959964 * error for error in errors])
        points, _, (bars,) = alignments.containers[0]
        assert points.get_ydata().tolist() == [r.alignment_corrected for r in ordered]
        ends = [tuple(segment[:, 1]) for segment in bars.get_segments()]
        for end, result, middle in zip(ends, ordered, points.get_ydata(), strict=True):
            low, high = result.alignment_interval()
            assert end == pytest.approx((min(low, middle), max(high, middle)))
        assert overlapping(figure) == []
        assert "500 pairs of reward functions" in note(figure)

    @pytest.mark.slow
    def test_titles_and_files(self, sweep, tmp_path):
        figure = plot_correlation_sweep(iter(sweep), title="a small room", path=tmp_path / "sweep.svg")
        assert figure.get_suptitle() == "a small room"
        assert (tmp_path / "sweep.svg").read_text().startswith("<?xml")


class TestErrorsOfAverages:
    def test_are_those_of_averaged_samples(self):
        result = solved(PowerPair(".."), 0.5, 200, keep_samples=True)
        for agent in result.agents:
            for estimate, baseline in ((result[agent], False), (result.baseline[agent], True)):
                means = estimate.samples.mean(axis=1)
                assert result.average(agent, baseline=baseline) == pytest.approx(means.mean())
                error = means.std(ddof=1) / np.sqrt(200)
                assert result.average_error(agent, baseline=baseline) == pytest.approx(error)
