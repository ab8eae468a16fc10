"""POWER and alignment against a parameter, and films over it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats

import power_metrics as pm
from power_metrics.plots import (
    animate,
    animate_figures,
    plot_alignment_sweep,
    plot_correlation_sweep,
    plot_power,
    plot_reward_correlation,
    plot_sweep,
)
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.plots.seen import note, scale

pytestmark = pytest.mark.slow  # pictures

GAMMAS = (0.9, 0.1, 0.5)


@pytest.fixture(scope="module")
def runs():
    mdp = PowerGrid("open_3x3").tables()
    return [pm.power(mdp, gamma, num_samples=200, keep_samples=True) for gamma in GAMMAS]


@pytest.fixture(scope="module")
def games():
    game = PowerPair("...\n.#.")
    return [pm.multiagent_power(game, 0.6, correlation=rho, num_samples=200) for rho in (-1, 0, 1)]


def bands(ax):
    """{label: (places, middle, low, high)} of the lines with intervals."""
    found = {}
    for container in ax.containers:
        points, _, (bars,) = container
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        found[container.get_label()] = (points.get_xdata(), points.get_ydata(), ends[:, 0], ends[:, 1])
    return found


class TestOneAgent:
    def test_average_over_states(self, runs, tmp_path):
        figure = plot_sweep(runs, GAMMAS, "discount γ", path=tmp_path / "sweep.svg")
        (ax,) = figure.axes
        ((x, y, low, high),) = bands(ax).values()
        assert x.tolist() == [0.1, 0.5, 0.9]
        ordered = [runs[1], runs[2], runs[0]]
        assert y == pytest.approx([run.mean.mean() for run in ordered])
        errors = [run.samples.mean(axis=1).std(ddof=1) / np.sqrt(200) for run in ordered]
        assert high - low == pytest.approx([2 * stats.t.ppf(0.975, 199) * error for error in errors], rel=1e-5)
        assert ax.get_xlabel() == "discount γ"
        assert ax.get_ylabel() == "POWER (reward per step)"
        assert "95% intervals of the mean over states" in note(figure)
        assert figure.get_suptitle() == ""  # the discount is not one
        assert (tmp_path / "sweep.svg").read_text().startswith("<?xml")

    def test_without_samples_the_interval_is_a_bound(self, runs):
        bare = [replace(run, _samples=None) for run in runs]
        figure = plot_sweep(bare, GAMMAS, "γ")
        ((_, _, low, high),) = bands(figure.axes[0]).values()
        ((_, _, least, most),) = bands(plot_sweep(runs, GAMMAS, "γ").axes[0]).values()
        assert np.all(high - low >= most - least)
        assert high[0] - low[0] == pytest.approx(2 * stats.t.ppf(0.975, 199) * runs[1].standard_error.mean(), rel=1e-5)
        assert "upper bounds" in note(figure)

    def test_states(self, runs):
        figure = plot_sweep(runs, GAMMAS, "γ", states=[(0, 0), (1, 1)])
        found = bands(figure.axes[0])
        assert list(found) == ["(0, 0)", "(1, 1)"]
        _, y, low, high = found["(1, 1)"]
        assert y.tolist() == [runs[1][1, 1], runs[2][1, 1], runs[0][1, 1]]
        ends = runs[1].confidence_interval()
        assert (low[0], high[0]) == pytest.approx((ends[0][4], ends[1][4]))
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
        assert labels == ["(0, 0)", "(1, 1)"]

    def test_names_keep_their_order(self, runs):
        ax = plot_sweep(runs, ["bump", "absent", "other"], "walls").axes[0]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["bump", "absent", "other"]
        ((x, y, _, _),) = bands(ax).values()
        assert x.tolist() == [0, 1, 2]
        assert y.tolist() == [run.mean.mean() for run in runs]
        (points,) = (container[0] for container in ax.containers)
        assert points.get_linestyle() == "None"  # nothing lies between names

    def test_lines_of_another_parameter(self, runs):
        halves = [replace(run, mean=run.mean / 2) for run in runs]
        lines = ["whole"] * 3 + ["half"] * 3
        figure = plot_sweep([*runs, *halves], [*GAMMAS, *GAMMAS], "γ", lines=lines)
        ax = figure.axes[0]
        found = bands(ax)
        assert list(found) == ["whole", "half"]
        for name, results in (("whole", runs), ("half", halves)):
            x, y, _, _ = found[name]
            assert x.tolist() == [0.1, 0.5, 0.9]
            assert y == pytest.approx([results[i].mean.mean() for i in (1, 2, 0)])
        assert [text.get_text() for text in figure.legends[0].get_texts()] == list(found)
        ax = plot_sweep([*runs[:2], *halves[:2]], ["a", "b", "b", "a"], "kind", lines=lines[1:5]).axes[0]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
        assert bands(ax)["half"][0] == pytest.approx([1.25, 0.25])  # beside those of the other line

    def test_small_multiples_have_every_combination_and_keep_the_legend_off_the_data(self, runs):
        panels = ["noise=0"] * 6 + ["noise=1"] * 6
        lines = (["whole"] * 3 + ["half"] * 3) * 2
        halves = [replace(run, mean=run.mean / 2) for run in runs]
        figure = plot_sweep([*runs, *halves] * 2, [*GAMMAS] * 4, "γ", lines=lines, panels=panels, left_out="2 of 9")
        assert [ax.get_title() for ax in figure.axes] == ["noise=0", "noise=1"]
        assert figure.get_suptitle() == "POWER, mean over states"
        assert all(set(bands(ax)) == {"whole", "half"} for ax in figure.axes)
        assert len({ax.get_ylim() for ax in figure.axes}) == 1
        assert note(figure).endswith("2 of 9")
        figure.draw_without_rendering()
        (legend,) = figure.legends
        assert not any(legend.get_window_extent().overlaps(ax.get_window_extent()) for ax in figure.axes)


class TestTwoAgents:
    def test_averages_baselines_and_alignment(self, games):
        figure = plot_sweep(games, ["a", "b", "c"], "kind")
        powers, alignment = figure.axes
        found = bands(powers)
        assert list(found) == ["human", "human, against the seed policy", "AI", "AI, playing the seed policy"]
        for label, agent, baseline in (("AI", "ai", False), ("AI, playing the seed policy", "ai", True)):
            _, y, low, high = found[label]
            assert y.tolist() == [game.average(agent, baseline=baseline) for game in games]
            errors = [game.average_error(agent, baseline=baseline) for game in games]
            assert high - low == pytest.approx([2 * 1.959964 * error for error in errors])
        (line,) = bands(alignment).values()
        assert line[1].tolist() == [game.alignment_corrected for game in games]
        assert figure.get_suptitle() == "γ = 0.6"

    def test_lines_and_panels_of_both(self, games):
        figure = plot_sweep(
            games * 4, (-1, 0, 1) * 4, "ρ", lines=["a"] * 6 + ["b"] * 6, panels=(["x"] * 3 + ["y"] * 3) * 2
        )
        assert len(figure.axes) == 6
        assert figure.axes[3].get_title() == "POWER of the human\ny"
        assert set(bands(figure.axes[2])) == {"a", "b"}

    def test_states_of_both(self, games):
        label = games[0].game.state_labels[3]
        figure = plot_sweep(games, (-1, 0, 1), "ρ", states=[label])
        human, ai, _ = figure.axes
        for ax, agent, name in ((human, "human", "human"), (ai, "ai", "AI")):
            ((_, y, _, _),) = bands(ax).values()
            assert y.tolist() == [game[agent].mean[3] for game in games]
            assert ax.get_title() == f"POWER of the {name}"
        assert human.get_ylim() == ai.get_ylim()

    def test_alignment_alone(self, games):
        figure = plot_alignment_sweep(games, (-1, 0, 1), "ρ")
        ((x, y, low, high),) = bands(figure.axes[0]).values()
        assert x.tolist() == [-1, 0, 1]
        for game, middle, bottom, top in zip(games, y, low, high, strict=True):
            assert middle == game.alignment_corrected
            ends = game.alignment_interval()
            assert (bottom, top) == pytest.approx((min(ends[0], middle), max(ends[1], middle)))

    def test_correlation_sweep_is_one_of_them(self, games):
        one, other = plot_correlation_sweep(games), plot_sweep(games, (-1, 0, 1), "correlation of rewards")
        for a, b in zip(one.axes, other.axes, strict=True):
            for line, same in zip(bands(a).values(), bands(b).values(), strict=True):
                assert np.array_equal(line, same)
            assert a.get_xlabel() == b.get_xlabel() == "correlation of rewards"


def read(path):
    with Image.open(path) as film:
        found = []
        for i in range(film.n_frames):
            film.seek(i)
            found.append((np.asarray(film.convert("RGB")).copy(), film.info["duration"]))
        return [frame for frame, _ in found], [time for _, time in found]


class TestFilms:
    @pytest.mark.slow
    def test_maps_share_their_scale(self, runs, tmp_path, monkeypatch):
        drawn = []
        monkeypatch.setattr(
            "power_metrics.plots.films.plot_power",
            lambda e, **kwargs: drawn.append(plot_power(e, **kwargs)) or drawn[-1],
        )
        animate(runs, GAMMAS, "γ", tmp_path / "film.gif", frame_seconds=0.2, values=False)
        frames, times = read(tmp_path / "film.gif")
        assert times == [200, 200, 400]
        assert len(frames) == 3
        scales = {scale(figure.axes[0]) for figure in drawn}
        everything = np.concatenate([run.mean for run in runs])
        assert scales == {(everything.min(), everything.max())}

    def test_the_knob_stands_at_the_value(self, runs, tmp_path):
        figure = Figure(figsize=(3, 2))
        figure.add_subplot()
        animate_figures([figure] * 3, tmp_path / "film.gif", values=(0.0, 0.1, 1.0), label="γ")
        frames, _ = read(tmp_path / "film.gif")
        knob = np.array([34, 98, 196])
        places = []
        for frame in frames:
            near = np.abs(frame.astype(int) - knob).max(axis=2) < 20
            places.append(np.flatnonzero(near.any(axis=0)).mean())
        width = frames[0].shape[1]
        assert (places[1] - places[0]) / (places[2] - places[0]) == pytest.approx(0.1, abs=0.02)
        assert places[2] - places[0] == pytest.approx(0.76 * width / 1.1, rel=0.05)  # margins of 5 % to each side

    def test_alignment_keeps_its_axes(self, games, tmp_path, monkeypatch):
        kept = []
        monkeypatch.setattr("power_metrics.plots.films.animate_figures", lambda figures, *_, **__: kept.extend(figures))
        animate(games, (-1, 0, 1), "ρ", tmp_path / "film.gif")
        assert len({(figure.axes[0].get_xlim(), figure.axes[0].get_ylim()) for figure in kept}) == 1
        means = np.concatenate([game["human"].mean for game in games])
        low, high = kept[0].axes[0].get_xlim()
        assert low <= means.min() < means.max() <= high

    @pytest.mark.slow
    def test_one_agent_of_a_game(self, games, tmp_path):
        animate(games[:2], (-1, 0), "ρ", tmp_path / "film.gif", agent="ai", last_seconds=1)
        assert read(tmp_path / "film.gif")[1] == [500, 1000]

    @pytest.mark.slow
    def test_models_without_a_board(self, tmp_path):
        both = [pm.power(turner_figure_1(), gamma, num_samples=20) for gamma in (0.1, 0.9)]
        animate(both, (0.1, 0.9), "γ", tmp_path / "film.gif")
        assert len(read(tmp_path / "film.gif")[0]) == 2

    @pytest.mark.slow
    def test_any_function_and_mp4(self, tmp_path):
        ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
        rhos = (-1.0, 0.0, 1.0)
        animate(
            rhos, rhos, "ρ", tmp_path / "film.mp4", plot=lambda rho: plot_reward_correlation(pm.Uniform(0, 1), rho)
        )  # fmt: skip
        command = [ffmpeg, "-i", str(tmp_path / "film.mp4"), "-fps_mode", "passthrough", "-f", "null", "-"]
        said = subprocess.run(command, capture_output=True, check=True).stderr.decode()
        assert re.findall(r"frame=\s*(\d+)", said)[-1] == "4"  # the last one is shown twice as long

    def test_figures_are_cut_to_common_edges(self, tmp_path):
        small, large = Figure(figsize=(2, 2)), Figure(figsize=(4, 3))
        for figure in (small, large):
            figure.add_subplot()
        animate_figures([small, large], tmp_path / "film.gif")
        frames, _ = read(tmp_path / "film.gif")
        assert frames[0].shape == frames[1].shape
