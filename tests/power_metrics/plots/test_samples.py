"""Pictures of samples: spread, histograms, pairs of states, pairs of rewards."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.patches import StepPatch

import power_metrics as pm
from power_metrics.plots import (
    plot_joint_power,
    plot_power,
    plot_power_correlations,
    plot_power_histograms,
    plot_power_pairs,
    plot_powers,
    plot_reward_correlation,
    plot_reward_histograms,
)
from power_metrics.plots.spread import of_quantity
from powerenvs import TabularMDP
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from tests.power_metrics.plots.seen import note, scale, texts, values

pytestmark = pytest.mark.slow  # pictures


def solved(mdp, samples=300, gamma=0.6, **kwargs):
    return pm.power(mdp, gamma, num_samples=samples, keep_samples=True, **kwargs)


@pytest.fixture(scope="module")
def room():
    return solved(PowerGrid("open_3x3").tables())


@pytest.fixture(scope="module")
def graph():
    return solved(turner_figure_1())


@pytest.fixture(scope="module")
def pair():
    return pm.multiagent_power(PowerPair("open_3x3"), 0.6, correlation=0.5, num_samples=60, keep_samples=True)


class TestSpread:
    @pytest.mark.slow
    @pytest.mark.parametrize("quantity", ["standard deviation", "variance"])
    def test_heat_map_bars_and_games(self, room, graph, pair, quantity):
        def expected(samples):
            return samples.std(axis=0, ddof=1) if quantity == "standard deviation" else samples.var(axis=0, ddof=1)

        figure = plot_power(room, quantity=quantity)
        shown = values(figure.axes[0])
        for s, (r, c) in enumerate(room.mdp.cells):
            assert shown[r, c] == pytest.approx(expected(room.samples)[s])
        assert f"{quantity} of POWER" in figure.axes[1].get_ylabel()
        assert figure.axes[0].get_title() == f"{quantity.capitalize()} of POWER, γ = 0.6"
        figure = plot_power(graph, quantity=quantity)
        widths = [bar.get_width() for bar in figure.axes[0].containers[0]]
        assert widths == pytest.approx(expected(graph.samples))
        assert f"{quantity} of POWER" in figure.axes[0].get_xlabel()
        figure = plot_joint_power(pair["ai"], quantity=quantity)
        value = values(figure.axes[0])[1, 2]
        s = pair.game.index(((1, 2), (0, 0)))
        assert value == pytest.approx(expected(pair["ai"].samples)[s])

    def test_panels_share_their_scale(self, room):
        other = solved(room.mdp, gamma=0.9)
        figure = plot_powers([room, other], quantity="variance")
        scales = {scale(ax) for ax in figure.axes[:2]}
        both = np.concatenate([room.samples.var(axis=0, ddof=1), other.samples.var(axis=0, ddof=1)])
        ((low, high),) = scales
        assert (low, high) == pytest.approx((both.min(), both.max()))
        assert figure.get_suptitle() == "Variance of POWER"

    def test_standard_errors_are_those_of_repeated_runs(self):
        mdp = TabularMDP.from_transitions([(0, 0, 0, 1.0)])
        runs = [pm.power(mdp, 0.5, num_samples=400, seed=seed, keep_samples=True) for seed in range(200)]
        for quantity, true in (("variance", 1 / 12), ("standard deviation", 12**-0.5)):
            found = np.array([of_quantity(run, quantity).mean[0] for run in runs])
            assert found.mean() == pytest.approx(true, abs=4 * found.std() / np.sqrt(200))
            stated = np.mean([of_quantity(run, quantity).standard_error[0] for run in runs])
            assert stated == pytest.approx(found.std(ddof=1), rel=0.2)


class TestHistograms:
    @pytest.mark.slow
    def test_shares_lie_at_their_cells(self, room, tmp_path):
        figure = plot_power_histograms(room, bins=12, path=tmp_path / "histograms.pdf")
        assert (tmp_path / "histograms.pdf").read_bytes().startswith(b"%PDF")
        assert [ax.get_title() for ax in figure.axes] == [str(label) for label in room.mdp.state_labels]
        edges = np.histogram_bin_edges(room.samples, 12)
        for s, ax in enumerate(figure.axes):
            (steps,) = ax.findobj(StepPatch)
            assert steps.get_data().values == pytest.approx(np.histogram(room.samples[:, s], edges)[0] / 300)
            assert steps.get_data().edges == pytest.approx(edges)
            (mean,) = [line for line in ax.lines if line.get_gid() == "mean"]
            assert mean.get_xdata()[0] == pytest.approx(room.samples[:, s].mean())
        assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1
        boxes = {label: ax.get_position() for label, ax in zip(room.mdp.state_labels, figure.axes, strict=True)}
        assert boxes[0, 0].x0 == boxes[2, 0].x0 < boxes[0, 1].x0
        assert boxes[0, 0].y0 == boxes[0, 2].y0 > boxes[1, 0].y0
        assert [t.get_text() for t in texts(figure, "xlabel")] == ["POWER (reward per step)"]
        assert [t.get_text() for t in texts(figure, "ylabel")] == ["share of reward functions"]
        assert "300 reward functions, Uniform(low=0, high=1)" in note(figure)

    @pytest.mark.slow
    def test_many_states_are_thinned_and_chosen_ones_drawn(self, pair):
        figure = plot_power_histograms(pair["human"])
        assert len(figure.axes) == 25
        assert "25 of 81 states" in note(figure)
        best = pair.game.state_labels[int(np.argmax(pair["human"].mean))]
        assert figure.axes[0].get_title().startswith(f"human={best[0]}")
        figure = plot_power_histograms(pair["human"], states=pair.game.state_labels[:2])
        assert len(figure.axes) == 2

    def test_rewards(self, room):
        rewards = np.random.default_rng(0).random((50, 9))
        figure = plot_reward_histograms(room.mdp, rewards, states=[(0, 1), (2, 2)], bins=5)
        edges = np.histogram_bin_edges(rewards[:, [1, 8]], 5)
        for ax, s in zip(figure.axes, (1, 8), strict=True):
            (steps,) = ax.findobj(StepPatch)
            assert steps.get_data().values == pytest.approx(np.histogram(rewards[:, s], edges)[0] / 50)
        assert [t.get_text() for t in texts(figure, "xlabel")] == ["reward"]


class TestPairs:
    def test_counts_and_correlations(self, room):
        figure = plot_power_pairs(room, (0, 1), bins=8)
        *panels, bar = figure.axes
        samples = room.samples
        edges = np.histogram_bin_edges(samples, 8)
        scales = set()
        for s, ax in enumerate(panels):
            (mesh,) = ax.findobj(QuadMesh)
            counts = np.histogram2d(samples[:, 1], samples[:, s], bins=(edges, edges))[0].T
            assert np.array_equal(np.ma.filled(mesh.get_array(), 0).reshape(8, 8), counts)
            (text,) = texts(ax, "correlation")
            r = np.corrcoef(samples[:, 1], samples[:, s])[0, 1]
            assert text.get_text() == f"r = {r:.2f}".replace("-", "−")
            scales.add((mesh.norm.vmin, mesh.norm.vmax))
        assert len(scales) == 1
        assert bar.get_ylabel() == "reward functions"
        assert texts(figure, "xlabel")[0].get_text() == "POWER of (0, 1)"

    def test_matrix(self, graph):
        figure = plot_power_correlations(graph)
        image = figure.axes[0].images[0]
        assert image.get_array().filled(np.nan) == pytest.approx(np.corrcoef(graph.samples.T))
        assert (image.norm.vmin, image.norm.vmax) == (-1, 1)
        assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(graph.mdp.state_labels)
        assert len(texts(figure, "value")) == 64

    def test_states_that_do_not_vary_are_grey(self):
        mdp = TabularMDP.from_transitions([(0, 0, 0, 1.0), (1, 1, 1, 1.0)], state_labels="ab", action_labels="xy")
        reward = pm.PerState({"b": pm.Bernoulli(1.0)}, pm.Uniform(0, 1))
        figure = plot_power_correlations(solved(mdp, 20, reward=reward))
        assert np.ma.getmaskarray(figure.axes[0].images[0].get_array()).tolist() == [[False, True], [True, True]]
        assert "grey: POWER does not vary" in note(figure)

    def test_names_are_thinned(self, pair):
        figure = plot_power_correlations(pair["human"])
        assert figure.axes[0].images[0].get_array().shape == (81, 81)
        assert len(figure.axes[0].get_yticklabels()) == 27
        assert "one state in 3 is named" in note(figure)
        assert texts(figure, "value") == []


class TestRewardPairs:
    @staticmethod
    def points(figure):
        return np.asarray(figure.axes[0].collections[0].get_offsets())

    @pytest.mark.parametrize(("rho", "line"), [(1, lambda x: x), (-1, lambda x: 1 - x)])
    def test_full_correlation_is_a_line(self, rho, line):
        points = self.points(plot_reward_correlation(pm.Uniform(0, 1), rho))
        assert points.shape == (256, 2)
        assert points[:, 1] == pytest.approx(line(points[:, 0]))

    def test_pictures_can_be_compared(self, tmp_path):
        figures = [plot_reward_correlation(pm.Normal(0, 1), rho, num_samples=4000) for rho in (0, 0.5)]
        none, half = map(self.points, figures)
        assert np.array_equal(none[:, 0], half[:, 0])
        assert np.corrcoef(none.T)[0, 1] == pytest.approx(0, abs=0.06)
        assert np.corrcoef(half.T)[0, 1] == pytest.approx(0.5, abs=0.06)
        assert np.mean(half[:, 0] == half[:, 1]) == pytest.approx(0.5, abs=0.04)
        assert figures[0].axes[0].get_xlim() == figures[1].axes[0].get_xlim() == figures[1].axes[0].get_ylim()
        assert "4,000 draws" in note(figures[1])
        assert f"correlation of the draws {np.corrcoef(half.T)[0, 1]:.2f}" in note(figures[1])
        assert figures[1].axes[0].get_xlabel() == "reward of the human"
