"""docs/migration.md: every counterpart of a POWERplay feature exists, and every row is exercised here."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import matplotlib.figure
import numpy as np
import pytest
import torch

import power_metrics as pm
import power_metrics.plots as plots
from power_metrics.cli import main as cli
from power_metrics.sweeps import powerplay
from power_metrics.sweeps.config import SweepConfig
from powerenvs import TabularGame, TabularMDP, product_game
from powerenvs.authoring.level import Level
from powerenvs.model.policy import Policy
from powerenvs.rollout import next_states, rollout
from powerenvs.sources.graphviz import files as graphviz
from powerenvs.testing import check_tabular
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.editing import EditedWorld
from powerenvs.worlds.power.levels import LEVELS
from powerenvs.worlds.power.pair import PowerPair

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in PAGE.split("\n")
    if line.startswith("| ") and not line.startswith("| POWERplay |")
]
COVERED: set[str] = set()


def covers(*rows: str) -> Callable:
    """Notes the rows, by the start of their first column, that a test exercises."""
    for start in rows:
        found = [row[0] for row in ROWS if row[0].replace("`", "").startswith(start)]
        assert found, f"docs/migration.md has no row {start!r}"
        COVERED.update(found)
    return lambda test: test


def found(path: str):
    """The object of a dotted name, or the annotation of a field."""
    package, *names = path.split(".")
    holder, here = importlib.import_module(package), package
    for name in names:
        here = f"{here}.{name}"
        if inspect.isclass(holder) and name in inspect.get_annotations(holder):
            holder = inspect.get_annotations(holder)[name]
        elif hasattr(holder, name):
            holder = getattr(holder, name)
        else:
            holder = importlib.import_module(here)
    return holder


def options(command: str) -> set[str]:
    """The options of a command of the command line."""
    choices = next(a for a in cli.build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    assert command in choices
    return {option for action in choices[command]._actions for option in action.option_strings}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace("`", "")[:40])
def test_what_a_row_names_exists(row):
    spans = re.findall(r"`([^`]+)`", row[1])
    assert spans or row[1] == "none"
    holder = None
    for span in spans:
        if span.startswith("powerenvs "):
            command, *words = span.split()[1:]
            assert {word for word in words if word.startswith("--")} <= options(command)
        elif re.fullmatch(r"(powerenvs|power_metrics)(\.\w+)+", span):
            holder = found(span)
            assert holder is not None
        elif named := re.fullmatch(r"(\w+)=.*", span):
            assert named[1] in inspect.signature(holder).parameters
        elif span.endswith(":"):
            assert span[:-1] in {"level", *SweepConfig.from_dict({**PAIR, "policy": "uniform"}).values, *PAIR_KEYS}
        elif span.startswith("gym.make("):
            assert gym.make(span[10:-2]).observation_space is not None
        elif span == "make test":
            assert re.search(r"^test:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        else:
            assert span in {*LEVELS, "noise", "figures/"}, span


def test_every_row_is_exercised():
    assert [row[0] for row in ROWS if row[0] not in COVERED] == []
    assert len(ROWS) > 60


PAIR = {"name": "pair", "environment": "power_pair_v0", "level": "open_3x3", "walls": "absent", "num_samples": 40}
PAIR_KEYS = SweepConfig.from_dict(PAIR).values
GRID = {"name": "grid", "level": "open_3x3", "walls": "absent", "num_samples": 40, "gamma": [0.3, 0.6]}
FEW = {"num_samples": 60, "keep_samples": True, "progress": False}


@pytest.fixture(scope="module")
def grid():
    return PowerGrid("open_3x3", walls="absent").tables()


@pytest.fixture(scope="module")
def game():
    return PowerPair("open_3x3", walls="absent").tables()


@pytest.fixture(scope="module")
def result(grid):
    return pm.power(grid, 0.6, **FEW)


@pytest.fixture(scope="module")
def pair(game):
    return pm.multiagent_power(game, 0.6, correlation=0.5, **FEW)


@covers(
    "construct_single_agent_gridworld_mdp",
    "its squares_to_delete",
    "its stochastic_noise_level",
    "noise level and bias",
)
def test_gridworlds_with_noise_bias_and_deletions():
    level = Level.from_rectangles(3, 4, [["(1, 1)", "(2, 2)"]])
    assert level.rows == ("....", ".##.", ".##.")
    mdp = PowerGrid(Level.from_rectangles(3, 3).rows, noise=0.3, walls="absent").tables()
    row = {mdp.state_labels[s]: p for p, s, _, _ in mdp.P[0][mdp.action_index("down")]}
    assert row == pytest.approx({(1, 0): 0.8, (0, 0): 0.1, (0, 1): 0.1})  # as POWERplay's, in a corner
    biased = PowerGrid("open_3x3", noise=0.3, noise_bias={"right": 0.3}, walls="absent").tables()
    row = {biased.state_labels[s]: p for p, s, _, _ in biased.P[0][biased.action_index("down")]}
    assert row == pytest.approx({(1, 0): 0.7, (0, 1): 0.3})
    for wrong in ({"noise": 1.5}, {"noise": 0.1, "noise_bias": {"right": 0.2}}):
        with pytest.raises(ValueError, match="noise"):
            PowerGrid("open_3x3", **wrong)


@covers(
    "construct_multiagent", "multi.create_joint", "multi.remove_states", "check_joint_mdp_graph", "agent label H or A"
)
def test_two_agents_in_one_world(grid, game):
    noisy = PowerGrid("open_3x3", noise=0.2, walls="absent").tables()
    joint = product_game(noisy, noisy)
    assert (game.num_states, joint.num_states) == (81, 81)
    apart = joint.without_overlaps()
    sums = np.add.reduceat(apart.probability, apart.indptr[:-1][np.diff(apart.indptr) > 0])
    assert apart.num_states == 72
    assert np.allclose(sums, 1, atol=1e-12)
    with pytest.raises(ValueError, match="agent"):
        game.agent_index("alien")
    with pytest.raises(ValueError, match="sum"):
        TabularGame.from_transitions([(0, (0, 0), 0, 0.5)])


@covers("mdp.add_state_action", "mdp.update_state_action", "mdp.remove_state_completely", "mdp_add_self_loops")
def test_models_are_built_and_edited():
    mdp = TabularMDP.from_transitions([("a", "go", "b", 1.0)], terminal=["b"])
    assert next_states(mdp, Policy(mdp), "b") == {"b": 1.0}
    graph = graphviz.to_networkx(mdp)
    assert graphviz.from_networkx(graph).num_states == 2
    world = EditedWorld("open_3x3")
    cut = world.remove((0, 0), "right")
    assert not cut.model().available[0, cut.model().action_index("right")]
    assert cut.restore((0, 0), "right") == world
    assert world.wall((1, 1)).model().num_states == 8


@pytest.mark.slow
@covers("generate_noised_gridworlds", "launch_sweep", "results of a run", "samples a multiple", "discount_rate")
def test_a_sweep_over_noise_is_run_and_read(tmp_path):
    result = pm.sweep({**GRID, "noise": [0, 0.2], "num_samples": 41}, tmp_path / "grid", progress=False)
    assert [point.values for point in result.points] == [{"gamma": g, "noise": n} for g in (0.3, 0.6) for n in (0, 0.2)]
    loaded = pm.load_sweep(tmp_path / "grid")
    assert loaded.to_frame().equals(result.to_frame())
    assert len(loaded.select(noise=0.2)) == 2
    ends = pm.sweep({**GRID, "name": "ends", "gamma": [0, 1]}, tmp_path / "ends", progress=False)
    assert np.isfinite(ends.to_frame()["power"]).all()


@pytest.mark.slow
@covers("num_workers", "wandb", "plot_all_outputs", "wandb project exists")
def test_the_sweep_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("grid.json").write_text(json.dumps(GRID), encoding="utf-8")
    assert {"--executor", "--workers", "--wandb", "--tensorboard"} <= options("sweep")
    assert cli.main(["sweep", "grid.json"]) == 0
    assert list(Path("results/grid/figures").iterdir())


@covers("edit_gridworld_mdp", "view_gridworld")
def test_worlds_are_edited_and_shown(capsys):
    world = EditedWorld("open_3x3").wall("(0, 1)").goal((2, 2))
    assert world.rows == (".#.", "...", "..G")
    assert PowerGrid("open_3x3").board((1, 1)) == ("...", ".A.", "...")
    assert cli.main(["show", "PowerGrid-v0", "--level", "open_3x3"]) == 0
    assert "..." in capsys.readouterr().out
    assert options("edit")
    assert options("play")


@covers("load_mdp_graph", "load_policy_graph", "policy tensor to graph", "rules for labels", "joint MDP and policy fit")
def test_files(tmp_path, grid, game):
    graphviz.save_gv(game, tmp_path / "game.gv")
    read = graphviz.load_gv(tmp_path / "game.gv")
    assert read.num_states == 81
    policy = Policy(read, "ai")
    policy.save(tmp_path / "policy.gv")
    assert Policy.load(tmp_path / "policy.gv", read) == policy
    graphviz.save_gv_policy(policy, tmp_path / "again.gv")
    assert np.array_equal(graphviz.load_gv_policy(tmp_path / "again.gv", read).table, policy.table)
    grid.save(tmp_path / "grid.npz")
    assert TabularMDP.load(tmp_path / "grid.npz") == grid
    own = Policy(grid)
    own.save(tmp_path / "own.npz")
    assert Policy.load(tmp_path / "own.npz", grid) == own
    with pytest.raises(ValueError, match="another model"):
        Policy.load(tmp_path / "own.npz", PowerGrid("maze_7x7").tables())
    with pytest.raises(ValueError, match="label"):
        graphviz.save_gv(TabularMDP.from_transitions([("1", "go", 1, 1.0), (1, "go", "1", 1.0)]), tmp_path / "bad.gv")


@covers("mdp_from_paper", "3x3_gridworld")
def test_shipped_worlds():
    assert turner_figure_1().num_states == 8
    sizes = [PowerGrid(name).tables().num_states for name in ("open_3x3", "maze_7x7", "robot_face_20x20")]
    assert sizes == [9, 31, 220]


@covers("construct_policy_from_mdp", "edit_gridworld_policy", "single_agent_to", "policy actions", "state in graph")
def test_policies(grid, game):
    policy = Policy.uniform(grid)
    assert policy.get((0, 0))["down"] == pytest.approx(1 / 3)
    policy.set("(0, 2)", "down")
    assert policy.get((0, 2))["down"] == 1
    joint = policy.for_game(game, "ai")
    assert joint.get("((1, 1), (0, 2))")["down"] == 1
    with pytest.raises(ValueError, match="does not exist"):
        policy.set("(0, 2)", "up")
    with pytest.raises(ValueError, match=r"\(0, 2\)|\(2, 0\)|\(3"):
        grid.index((3, 2))


@covers("sample_optimal_policy_data_from_run", "simulate_policy_rollout", "next-state", "visualize_full_gridworld")
def test_rollouts(pair, result, game, grid, tmp_path, monkeypatch):
    found = pm.run_policies(pair, 3)
    rewards = pm.drawn_pairs(game, 3, 0.5)
    again = pm.pair_policies(game, rewards, 0.6)
    assert all(np.array_equal(found.policies[agent], again[agent]) for agent in game.agents)
    walk = rollout(game, found.policies, ((0, 0), (2, 2)), num_steps=5)
    assert walk.num_steps == 5
    assert sum(next_states(game, found.policies, walk.labels()[0]).values()) == pytest.approx(1)
    walk.save_animation(tmp_path / "walk.gif")
    assert (tmp_path / "walk.gif").stat().st_size > 500
    assert pm.drawn_rewards(grid, 2).shape == (1, 9)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["rollout", "PowerGrid-v0", "--level", "open_3x3", "--steps", "3", "--save", "one.gif"]) == 0
    assert Path("one.gif").exists()


@covers("uniform", "beta", "any torch", "misc.pdf", "state_dists", "states_with_identical", "allow_all_equal")
def test_reward_distributions(grid):
    distributions = [
        pm.Uniform(0, 1), pm.Beta(1, 2), pm.Pareto(1, 5), pm.Bernoulli(0.5), pm.Empirical([0.1, 0.5, 0.7]),
        pm.TorchDistribution(torch.distributions.Normal(0.0, 1.0)), pm.PerState({(0, 0): pm.Uniform(-1, 0)}, pm.Uniform(0, 1)),
    ]  # fmt: skip
    means = [pm.power(grid, 0.5, reward=reward, num_samples=50, progress=False).mean for reward in distributions]
    assert all(np.isfinite(mean).all() for mean in means)
    assert not np.array_equal(means[0], means[1])
    shared = pm.drawn_rewards(grid, [0, 1], states_with_identical_rewards=[[(0, 0), (2, 2)]])
    assert np.array_equal(shared[:, 0], shared[:, 8])
    draws = pm.drawn_rewards(grid, range(200), pm.Bernoulli(0.1), allow_all_equal=False)
    assert (np.ptp(draws, axis=1) > 0).all()


@covers(
    "reward_correlation", "single agent", "multiagent_fixed_policy", "multiagent_with_reward", "diagnostic_mode",
    "check_discount_rate", "convergence_threshold",
)  # fmt: skip
def test_power_of_one_and_two_agents(grid, game, pair):
    fixed = pm.power(game.against({"ai": Policy(game, "ai")}), 0.6, num_samples=60, progress=False)
    assert fixed.mean == pytest.approx(pm.power(grid, 0.6, num_samples=3000, progress=False).mean.mean(), abs=0.25)
    opposed = pm.multiagent_power(game, 0.6, correlation=-1, num_samples=30, progress=False)
    assert opposed["human"].mean + opposed["ai"].mean == pytest.approx(1)
    assert pair.baseline["human"].mean.shape == (81,)
    narrow = pm.power(grid, 0.6, tolerance=0.01, progress=False)
    low, high = narrow.confidence_interval()
    assert np.max(high - low) <= 0.021
    assert narrow.residual < 1e-11
    with pytest.raises(ValueError, match="gamma"):
        pm.power(grid, 1.5)


@pytest.mark.slow
@covers(
    "its YAML", "mdp_graph", "policy_graph_agent_A", "reward_distribution", "num_reward_samples", "check_sweep_params"
)
def test_old_configurations(tmp_path):
    old = {
        "name": "old", "program": "sweep.py",
        "parameters": {
            "joint_mdp_graph": {"value": "joint_3x3_gridworld"},
            "seed_policy_graph_agent_A": {"value": "joint_3x3_gridworld_agent_A_uniform_random"},
            "discount_rate": {"value": 0.6}, "discount_rate_agent_A": {"value": 0.5},
            "reward_correlation": {"values": [0, 1], "names": ["0", "1"]},
            "reward_distribution": {"value": {"default_dist": {"dist_name": "uniform", "params": [0, 1]}}},
            "num_reward_samples": {"value": 20}, "random_seed": {"value": 3},
        },
    }  # fmt: skip
    config = powerplay.convert(old).config
    assert (config["gamma_a"], config["seed"], config["seed_policy"]) == (0.5, 3, "uniform")
    result = pm.sweep(config, tmp_path / "old", progress=False)
    assert [point.values["correlation"] for point in result.points] == [0, 1]
    with pytest.raises(ValueError, match="gamma"):
        pm.SweepConfig.from_dict({**GRID, "gama": 0.5})
    fixed = pm.sweep({**PAIR, "policy": "uniform"}, tmp_path / "fixed", progress=False)
    assert fixed.kind == "fixed_policy"


@covers("reproduce_figure", "run_all_tests")
def test_reproduce(tmp_path):
    assert cli.main(["reproduce", "post1-fig1", "--samples", "20", "--folder", str(tmp_path), "--formats", "svg"]) == 0
    assert (tmp_path / "20-samples" / "post1-fig1.json").exists()


@pytest.mark.slow
@covers("plot_sample_aggregations", "histograms of reward", "2-D histograms", "plot_mdp_or_policy")
def test_pictures_of_a_run(result, pair, grid):
    figures = [
        plots.plot_power(result), plots.plot_joint_power(pair["human"]), plots.plot_power(result, quantity="variance"),
        plots.plot_power_histograms(result), plots.plot_reward_histograms(grid, pm.drawn_rewards(grid, range(50))),
        plots.plot_power_pairs(result, (0, 0)), plots.plot_power_correlations(result), plots.plot_mdp(turner_figure_1()),
        plots.plot_policy(Policy(grid)),
    ]  # fmt: skip
    assert all(isinstance(figure, matplotlib.figure.Figure) and figure.axes for figure in figures)


@pytest.mark.slow
@covers(
    "visualize_correlated",
    "visualize_all",
    "visualize_alignment",
    "visualize_average",
    "visualize_variable",
    "generate_sweep",
)
def test_pictures_of_a_sweep(game, grid, tmp_path):
    values = [0, 0.5, 1]
    games = [pm.multiagent_power(game, 0.6, correlation=c, **FEW) for c in values]
    figures = [
        plots.plot_alignment(games[0]), plots.plot_alignment_sweep(games, values, "ρ"),
        plots.plot_correlation_sweep(games), plots.plot_sweep(games, values, "ρ"),
    ]  # fmt: skip
    assert all(figure.axes for figure in figures)
    scatters = [plots.plot_reward_correlation(pm.Uniform(0, 1), c, num_samples=50) for c in values]
    plots.animate_figures(scatters, tmp_path / "rewards.gif", values=values, label="ρ")
    plots.animate(games, values, "ρ", tmp_path / "alignment.gif")
    maps = [pm.power(grid, gamma, num_samples=20, progress=False) for gamma in (0.1, 0.9)]
    plots.animate(maps, (0.1, 0.9), "γ", tmp_path / "maps.gif")
    assert len(list(tmp_path.glob("*.gif"))) == 3


@covers("closure of the MDP")
def test_checks_of_models(grid):
    check_tabular(PowerGrid("open_3x3"))
    with pytest.raises(ValueError, match="sum"):
        TabularMDP.from_transitions([(0, 0, 0, 0.5)])
