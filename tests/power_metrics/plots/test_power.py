"""Pictures: what the matplotlib objects hold, and whether their text can be read."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

import power_metrics as pm
from power_metrics.plots import plot_power, plot_powers, save_figure
from power_metrics.plots.bars import MAX_BARS
from power_metrics.plots.panels import wrap_note
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from tests.models import random_mdp
from tests.power_metrics.plots.seen import heat, note, overlapping, scale, shown_texts, texts, values

pytestmark = pytest.mark.slow  # pictures


def estimate(mdp, mean=None, error=0.002, gamma=0.9, samples=1000):
    """An estimate with these means: by default different for all states, 0.6 to 0.9."""
    mean = np.linspace(0.6, 0.9, mdp.num_states) if mean is None else np.asarray(mean, dtype=float)
    made = pm.power(mdp, gamma, num_samples=2)
    errors = np.full(mdp.num_states, error)
    return replace(made, mean=mean, standard_error=errors, num_samples=samples, replicates=None)


def grid(level):
    return PowerGrid(level).tables()


def test_the_heat_map_shows_the_mean_of_each_cell_and_hides_walls():
    mdp = grid("maze_7x7")
    made = estimate(mdp)
    figure = plot_power(made)
    shown = values(figure.axes[0])
    assert shown.shape == (7, 7)
    for s, (r, c) in enumerate(mdp.cells):
        assert shown[r, c] == made.mean[s]
    walls = np.array([[glyph == "#" for glyph in row] for row in mdp.board])
    assert np.array_equal(np.ma.getmaskarray(shown), walls)
    assert figure.axes[0].patch.get_hatch()  # walls are transparent, and what they show is hatched
    assert scale(figure.axes[0]) == (0.6, 0.9)


def test_labels_say_what_is_shown_and_how_it_was_computed():
    figure = plot_power(estimate(grid("maze_7x7"), gamma=0.95, samples=20_000))
    panel, bar = figure.axes
    assert panel.get_title() == "POWER, γ = 0.95"
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("column", "row")
    assert bar.get_ylabel() == "POWER (reward per step)"
    for part in ("20,000 reward functions", "Uniform(low=0, high=1)", "standard error 0.002", "hatched: wall"):
        assert part in note(figure)
    assert "mean of its" not in note(figure)


@pytest.mark.slow
def test_rows_and_columns_are_those_of_the_cells():
    mdp = grid("maze_7x7")
    figure = plot_power(estimate(mdp))
    panel = figure.axes[0]
    assert list(panel.get_xticks()) == list(panel.get_yticks()) == list(range(7))
    corner = next(t for t in texts(figure, "value") if t.get_position() == (6, 0))
    assert corner.get_text() == f"{estimate(mdp).mean[mdp.index((0, 6))]:.3f}"


def test_values_have_the_decimals_that_the_scale_and_the_errors_allow():
    mdp = grid("open_3x3")
    mean = 0.8 + 0.01 * np.arange(9)
    for error, expected in ((0.01, "0.84"), (0.002, "0.840"), (0.00002, "0.8400"), (0.0, "0.8400")):
        assert texts(plot_power(estimate(mdp, mean, error)), "value")[4].get_text() == expected
    assert texts(plot_power(estimate(mdp, 1000 * mean, 0.0)), "value")[4].get_text() == "840.0"


@pytest.mark.slow
def test_values_are_shown_where_they_are_legible_and_on_request():
    large, small = estimate(grid("maze_7x7")), estimate(grid("robot_face_20x20"))
    assert len(texts(plot_power(large), "value")) == 31
    assert len(texts(plot_power(large, values=False), "value")) == 0
    assert len(texts(plot_power(small), "value")) == 0
    assert len(texts(plot_power(small, values=True), "value")) == 220


def test_start_and_goal_are_marked_and_floor_is_not():
    figure = plot_power(estimate(grid("two_rooms")))
    assert sorted(t.get_text() for t in texts(figure, "glyph")) == ["G", "S"]
    assert texts(plot_power(estimate(grid("maze_7x7"))), "glyph") == []


def test_terminal_cells_do_not_stretch_the_scale():
    mdp = grid("S.G")
    figure = plot_power(estimate(mdp, [0.8, 0.9, 0.5]))
    image = heat(figure.axes[0])
    assert scale(figure.axes[0]) == (0.8, 0.9)
    assert image.get_array()[0, 2] == 0.5
    assert "black: below the scale" in note(figure)
    below = image.cmap(image.norm(0.5))
    assert below != image.cmap(image.norm(0.8))
    assert max(below[:3]) < 0.2
    assert "black" not in note(plot_power(estimate(mdp, [0.8, 0.9, 0.85])))
    assert "black" not in note(plot_power(estimate(mdp, [0.8, 0.9, 0.5]), vmin=0.4))


def test_a_model_of_terminal_states_alone_still_has_a_scale():
    mdp = TabularMDP.from_transitions([(0, 0, 0, 1.0), (1, 0, 1, 1.0)], terminal=[0, 1], initial=[0.5, 0.5])
    mdp = mdp.with_(board=("..",), cells=[(0, 0), (0, 1)])
    assert scale(plot_power(estimate(mdp, [0.5, 0.6])).axes[0]) == (0.5, 0.6)


@pytest.mark.parametrize("value", [0.5, 0.0, -2.0, 1e6])
def test_equal_values_do_not_make_a_pattern_of_rounding(value):
    mdp = grid("open_3x3")
    mean = value * (1 + 1e-16 * np.arange(9))
    image = heat(plot_power(estimate(mdp, mean, 0.0)).axes[0])
    assert image.norm.vmin < value < image.norm.vmax
    assert np.ptp(image.norm(image.get_array())) < 1e-6


def test_several_states_of_a_cell_are_averaged_and_the_note_says_so():
    facing = TabularMDP.from_transitions(
        [(s, 0, s, 1.0) for s in range(5)], state_labels=range(5), action_labels=("stay",)
    ).with_(board=("..", "#."), cells=[(0, 0), (0, 0), (0, 1), (-1, -1), (-1, -1)])
    figure = plot_power(estimate(facing, [0.2, 0.4, 0.7, 9.0, 9.0]))
    shown = values(figure.axes[0])
    assert shown[0, 0] == pytest.approx(0.3)
    assert shown[0, 1] == 0.7
    assert np.ma.getmaskarray(shown)[1].all()
    assert "each cell: mean of its 1 to 2 states" in note(figure)
    assert "2 states without a cell left out" in note(figure)
    blank = figure.axes[0].images[0].get_array()
    assert blank[1, 1, 3] == 1  # no wall, yet no state: white
    assert blank[1, 0, 3] == 0  # a wall: transparent, so hatched


def test_panels_share_one_scale_and_one_colour_bar():
    mdp = grid("maze_7x7")
    made = [estimate(mdp, np.linspace(low, low + 0.1, 31), gamma=g) for low, g in ((0.6, 0.1), (0.7, 0.9), (0.8, 0.99))]
    figure = plot_powers(made, title="POWER on the maze")
    assert len(figure.axes) == 4
    norms = [heat(ax).norm for ax in figure.axes[:3]]
    assert norms[0] is norms[1] is norms[2]
    assert scale(figure.axes[0]) == pytest.approx((0.6, 0.9))
    for ax, e in zip(figure.axes, made, strict=False):
        assert values(ax).compressed().tolist() == e.mean.tolist()
    assert [ax.get_title() for ax in figure.axes[:3]] == ["γ = 0.1", "γ = 0.9", "γ = 0.99"]
    assert figure.get_suptitle() == "POWER on the maze"
    assert figure.axes[3].get_ylim() == pytest.approx((0.6, 0.9))
    assert figure.axes[3].get_ylabel() == "POWER (reward per step)"


def test_panels_of_different_levels_have_cells_of_one_size():
    figure = plot_powers([estimate(grid("open_3x3")), estimate(grid("maze_7x7"))], titles=["small", "large"])
    figure.draw_without_rendering()
    sides = [ax.get_window_extent().width / columns for ax, columns in zip(figure.axes, (3, 7), strict=False)]
    assert sides[0] == pytest.approx(sides[1])
    assert [ax.get_title() for ax in figure.axes[:2]] == ["small", "large"]


def test_several_estimates_on_scales_of_their_own():
    made = [
        estimate(grid("maze_7x7"), np.linspace(low, low + 0.1, 31), gamma=g) for low, g in ((0.6, 0.1), (0.9, 0.99))
    ]
    figure = plot_powers(made, same_scale=False)
    assert [scale(ax) for ax in figure.axes[:2]] == [
        pytest.approx((0.6, 0.7)),
        pytest.approx((0.9, 1.0)),
    ]
    panels, bars = figure.axes[:2], figure.axes[2:]
    for panel, bar, low in zip(panels, bars, (0.6, 0.9), strict=True):
        assert bar.get_ylim() == pytest.approx((low, low + 0.1))
        assert panel.get_position().x1 < bar.get_position().x0
    assert [bar.get_ylabel() for bar in bars] == ["", "POWER (reward per step)"]
    assert "each panel has its own colours" in note(figure)
    bars = plot_powers([estimate(turner_figure_1()), estimate(turner_figure_1(), np.full(8, 0.1))], same_scale=False)
    assert bars.axes[0].get_xlim()[1] > 4 * bars.axes[1].get_xlim()[1]


def test_cells_without_states_are_named():
    mdp = grid("open_3x3")
    cells = mdp.cells.copy()
    cells[0] = -1
    assert "white: no states" in note(plot_power(estimate(mdp.with_(cells=cells))))
    assert "white" not in note(plot_power(estimate(mdp)))


def test_given_ends_of_the_scale_are_kept_and_pointed_where_cells_lie_beyond():
    made = estimate(grid("open_3x3"))
    figure = plot_power(made, vmin=0.0, vmax=1.0)
    assert scale(figure.axes[0]) == (0.0, 1.0)
    assert heat(figure.axes[0]).colorbar.extend == "neither"
    assert heat(plot_power(made, vmin=0.7).axes[0]).colorbar.extend == "min"
    assert heat(plot_power(made, vmin=0.7, vmax=0.8).axes[0]).colorbar.extend == "both"


def test_models_without_a_board_become_bars_with_intervals():
    mdp = turner_figure_1()
    mean = np.array([0.8, 0.5, 0.6, 0.67, 0.58, 0.6, -0.1, 0.67])
    figure = plot_power(estimate(mdp, mean, 0.01))
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == mean.tolist()
    assert [t.get_text() for t in ax.get_yticklabels()] == [str(label) for label in mdp.state_labels]
    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    assert ends == pytest.approx(np.stack([mean - 1.959964 * 0.01, mean + 1.959964 * 0.01], axis=1))
    assert ax.get_xlabel() == "POWER (reward per step)"
    assert ax.get_xlim()[0] <= ends.min()
    assert ax.get_xlim()[1] >= ends.max()
    assert ax.yaxis_inverted()  # the first state on top
    assert "95% confidence intervals" in note(figure)
    assert texts(figure, "value")[0].get_text() == "0.80"
    assert texts(plot_power(estimate(mdp, mean), values=False), "value") == []


@pytest.mark.slow
def test_many_states_are_chosen_at_evenly_spaced_ranks_with_both_ends():
    mdp = random_mdp(np.random.default_rng(0), 500, 2, num_successors=2)
    mean = np.random.default_rng(1).permutation(500) / 500
    figure = plot_power(estimate(mdp, mean))
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert len(widths) == MAX_BARS
    assert widths == sorted(widths, reverse=True)
    assert (widths[0], widths[-1]) == (mean.max(), mean.min())
    assert np.abs(np.diff(widths) * 500 + 499 / (MAX_BARS - 1)).max() <= 1
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert [mean[int(label)] for label in labels] == widths
    assert "40 of 500 states, at evenly spaced ranks" in note(figure)


@pytest.mark.slow
def test_a_single_reward_function_has_no_error_to_show():
    for mdp in (turner_figure_1(), grid("open_3x3")):
        figure = plot_power(pm.power(mdp, 0.9, rewards=np.arange(mdp.num_states)))
        figure.draw_without_rendering()
        assert "standard error" not in note(figure)
        assert "intervals" not in note(figure)


def lines(count):
    return "\n".join(["S" + "." * (count - 2) + "G"])


KINDS = {
    "open_3x3": lambda: plot_power(estimate(grid("open_3x3"))),
    "maze_7x7": lambda: plot_power(estimate(grid("maze_7x7"))),
    "four_rooms": lambda: plot_power(estimate(grid("four_rooms"))),
    "robot_face": lambda: plot_power(estimate(grid("robot_face_20x20"))),
    "60x60": lambda: plot_power(estimate(grid("\n".join(["." * 60] * 60))), values=False),
    "row": lambda: plot_power(estimate(grid(lines(11)))),
    "column": lambda: plot_power(estimate(grid("\n".join(lines(11))))),
    "one cell": lambda: plot_power(estimate(grid("."))),
    "bars": lambda: plot_power(estimate(turner_figure_1())),
    "many bars": lambda: plot_power(estimate(random_mdp(np.random.default_rng(0), 60, 2))),
    "three mazes": lambda: plot_powers([estimate(grid("maze_7x7"))] * 3, title="POWER on maze_7x7"),
    "seven mazes": lambda: plot_powers([estimate(grid("maze_7x7"))] * 7),
    "three mazes, a scale each": lambda: plot_powers([estimate(grid("maze_7x7"))] * 3, same_scale=False),
    "seven mazes, a scale each": lambda: plot_powers([estimate(grid("maze_7x7"))] * 7, same_scale=False),
    "three corridors, a scale each": lambda: plot_powers([estimate(grid("corridor"))] * 3, same_scale=False),
    "three corridors": lambda: plot_powers([estimate(grid("corridor"))] * 3),
    "three bar charts": lambda: plot_powers([estimate(turner_figure_1())] * 3, title="three discounts"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_overlaps_another_or_leaves_the_figure(kind):
    figure = KINDS[kind]()
    seen = shown_texts(figure)
    assert len(seen) > 5
    assert overlapping(figure, seen) == []
    for t, box in seen:
        inside = min(box.x0, box.y0) >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
        assert inside, f"{t.get_text()!r} leaves the figure: {box} in {figure.bbox}"


@pytest.mark.slow
def test_values_stay_inside_their_cells():
    figure = plot_power(estimate(grid("four_rooms")))
    side = figure.axes[0].get_window_extent().width / 13
    for t, box in shown_texts(figure):
        if t.get_gid() == "value":
            assert box.width < 0.95 * side


def test_numbers_stand_out_from_the_colour_of_their_cell():
    figure = plot_power(estimate(grid("maze_7x7")))
    image = heat(figure.axes[0])
    for t in texts(figure, "value"):
        c, r = t.get_position()
        *rgb, _ = image.cmap(image.norm(image.get_array()[r, c]))
        luminance = np.dot(
            [0.2126, 0.7152, 0.0722], [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb]
        )
        light, dark = (luminance, 0.0) if t.get_color() == "black" else (1.0, luminance)
        assert (light + 0.05) / (dark + 0.05) >= 4  # WCAG asks 3 of large text, 4.5 of small


@pytest.mark.slow
def test_drawing_on_given_axes_leaves_the_others_alone(tmp_path):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1])
    returned = plot_power(estimate(grid("maze_7x7")), ax=right, title="mine", path=tmp_path / "both.png")
    assert returned is figure
    assert (len(left.images), len(right.images)) == (0, 2)
    assert right.get_title() == "mine"
    (written,) = texts(figure, "note")
    assert "1,000 reward functions" in written.get_text().replace("\n", " ")
    bars = Figure().subplots()
    plot_power(estimate(turner_figure_1()), ax=bars)
    assert len(bars.patches) == 8


def test_axes_in_a_subfigure_belong_to_the_whole_figure():
    figure = Figure(layout="constrained")
    ax = figure.subfigures(1, 2)[1].subplots()
    assert plot_power(estimate(grid("open_3x3")), ax=ax) is figure


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_pictures_are_saved_whole(tmp_path, suffix):
    path = tmp_path / "new" / f"maze.{suffix}"
    plot_power(estimate(grid("open_3x3")), path=path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    if suffix == "png":
        with Image.open(path) as picture:
            assert min(picture.size) > 400
    else:
        assert path.stat().st_size > 1000
    save_figure(plot_power(estimate(turner_figure_1())), path)
    plot_powers([estimate(grid("open_3x3"))] * 2, path=path)


def test_pictures_appear_in_notebooks_and_leave_pyplot_alone():
    had_pyplot = "matplotlib.pyplot" in sys.modules
    figure = pm.power(turner_figure_1(), 0.9, num_samples=10).plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot
    if had_pyplot:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_notes_break_between_their_parts_where_they_can():
    assert wrap_note(["one part", "another"], 6.0) == "one part; another"
    broken = wrap_note(["x" * 30, "y" * 30, "z " * 50], 3.0)
    assert broken.split("\n")[:2] == ["x" * 30 + ";", "y" * 30 + ";"]
    assert max(map(len, broken.split("\n"))) <= 3.0 / (0.52 * 8 / 72)
