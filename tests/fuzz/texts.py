"""Texts that people write: levels, sweep configurations (ours and POWERplay's), and Graphviz files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import power_metrics as pm
from power_metrics.sweeps import powerplay
from power_metrics.sweeps.points import make_plan
from power_metrics.sweeps.yaml_files import read_mapping
from powerenvs import EditedWorld, Level, TabularGame, TabularMDP
from powerenvs.sources.graphviz.files import load_gv, load_gv_policy, save_gv, save_gv_policy
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.levels import LEVELS
from powerenvs.worlds.power.pair import PowerPair
from tests.fuzz.harness import Target
from tests.fuzz.mutate import ODD, mutate_text, mutate_value, pick

LEVEL_WORDS = (
    "#",
    "S",
    "G",
    ".",
    " ",
    "\n",
    "\r\n",
    "\t",
    "###",
    "SS",
    "\n\n",
    "    ",
    "A",
    "é",
    "open_3x3",
    "...\n...",
)
_LEVELS = (*LEVELS.values(), "S.\n.G", "S", "##\n#S", "  S.\n  ..\n", "")


def make_level(rng: np.random.Generator, folder: Path) -> Any:
    """A level: its text, its rows, or something that is neither."""
    text = pick(rng, _LEVELS)
    text = text if isinstance(text, str) else "\n".join(text)
    if len(text) > 120:
        text = "\n".join(text.split("\n")[: int(rng.integers(1, 8))])
    text = mutate_text(rng, text, LEVEL_WORDS)
    chance = rng.random()
    return text if chance < 0.8 else text.split("\n") if chance < 0.9 else pick(rng, [*ODD, 3, [1, 2], [[], []], b"S."])


def check_level(level: Any, folder: Path) -> None:
    world = PowerGrid(level, noise=0.1)
    mdp = world.tables()
    check_model(mdp)
    assert mdp.num_states == len(world.level.cells)
    assert PowerGrid(world.level.rows).tables() == PowerGrid(level).tables()
    if mdp.num_states <= 12:
        check_model(PowerPair(level).tables())
        edited = EditedWorld(level)
        assert edited.rows == world.level.rows


def make_rectangles(rng: np.random.Generator, folder: Path) -> Any:
    """Arguments of `Level.from_rectangles`."""
    values = [4, 5, [["(1, 1)", "(2, 2)"], [[0, 0], [0, 1]]]]
    which = int(rng.integers(3))
    values[which] = mutate_value(rng, values[which], [value for value in ODD if value not in (2**31, 2**63, 10**30)])
    return values


def check_rectangles(given: Any, folder: Path) -> None:
    level = Level.from_rectangles(*given)
    assert level.shape == tuple(given[:2])
    assert len(level.cells)


_YAML_WORDS = (
    ":", "-", "[", "]", "{", "}", "&a", "*a", "<<: *a", "!!python/object:os.system", "!!binary", "|", ">", "#", "'", '"', "\t",
    "gamma", "gamma: [0.1, 0.1]", "noise: .nan", "1e6", "0x10", "12:30:45", "2026-01-01", "~", "true", ".inf", "policy: uniform", "%YAML",
    "? ", "num_samples: 0", "kind: two_agents", "---", "...", "seed: -1", "tolerance: 0.1", "method: sobol",
)  # fmt: skip
_CONFIGS: tuple[dict[str, Any], ...] = (
    {"name": "one", "level": "open_3x3", "walls": "absent", "noise": [0, 0.1], "gamma": [0.5, 0.9], "num_samples": 60},
    {
        "name": "graph", "description": "two\nlines", "environment": "turner_figure_1", "gamma": 0.1, "num_samples": 10,
        "reward": {"default": "uniform(0, 1)", "states": {"empty": "uniform(-1, 1)"}}, "method": ["monte_carlo", "sobol"],
        "tolerance": None, "keep_samples": 2, "seed": [1, 2],
    },
    {
        "name": "pair", "environment": "power_pair_v0", "level": [["...", "..."]], "correlation": [0, 0.5, 1], "gamma": 0.6, "gamma_a": 0.1,
        "seed_policy": "uniform", "rounds": [1, 2], "num_samples": 20, "without_overlaps": True,
    },
    {"name": "fixed", "environment": "power_pair_v0", "level": "corridor", "policy": "uniform", "gamma": [0.1, 0.2], "num_samples": 20},
    {
        "name": "same", "level": "open_3x3", "reward": ["beta(2, 5)", "normal(std=2)", "bernoulli()", "pareto(1, 3)"],
        "states_with_identical_rewards": [[["(0, 0)", "(0, 1)"]]], "allow_all_equal": False,
    },
    {"name": "file", "environment": "model.npz", "gamma": 1.0, "num_samples": 5},
)  # fmt: skip
_CONFIG_ODD = (*ODD, "uniform(1, 0)", "beta(-1)", "nosuch()", "power_pair_v0", "one_key_v0", "PowerGrid-v0", "CartPole-v1", "CliffWalking-v1",
               "model.npz", "x.npz", "x.gv", "two_agents", "sobol", "closed_form", "enumeration", "auto", [0.1, 0.1], [[0, 1]], 5e-324)  # fmt: skip


def make_config(rng: np.random.Generator, folder: Path) -> Path:
    """A YAML or JSON file of a sweep."""
    base = pick(rng, _CONFIGS)
    if base["name"] == "file":
        turner_figure_1().save(folder / "model.npz")
    return _written(rng, folder, base, [*_CONFIG_ODD])


def _written(rng: np.random.Generator, folder: Path, base: Any, odd: Any) -> Path:
    value = mutate_value(rng, base, odd) if rng.random() < 0.7 else base
    as_json = rng.random() < 0.3
    text = json.dumps(value) if as_json else yaml.safe_dump(value, allow_unicode=True)
    if value is base:
        text = mutate_text(rng, text, _YAML_WORDS)
    path = folder / ("config.json" if as_json else "config.yaml")
    path.write_bytes(text.encode("utf-8", "replace"))
    return path


def check_config(path: Path, folder: Path) -> None:
    config = pm.SweepConfig.from_file(path)
    again = folder / "again.yaml"
    again.write_text(config.to_yaml(), encoding="utf-8")
    assert pm.SweepConfig.from_file(again).as_dict() == config.as_dict()
    if len(config.points) <= 50:
        units = make_plan(config)
        assert sorted(number for unit in units for number in unit.points) == list(range(len(config.points)))
        for unit in units:
            check_model(unit.model)


_POWERPLAY: tuple[dict[str, Any], ...] = tuple(
    {
        "name": "my_sweep", "description": "d", "program": "sweep.py", "method": "grid",
        "parameters": {
            key: {"values": graphs, "names": graphs} if len(graphs) > 1 else {"value": graphs[0]},
            "discount_rate": {"values": [0.1, 0.9], "names": ["0p1", "0p9"]},
            "reward_distribution": {
                "value": {
                    "default_dist": {"dist_name": "uniform", "params": [0, 1]},
                    "state_dists": {"∅": {"dist_name": "beta", "params": [1, 2]}},
                    "states_with_identical_rewards": [["★", "∅"]],
                    "allow_all_equal_rewards": False,
                }
            },
            "num_reward_samples": {"value": 200}, "convergence_threshold": {"value": 0.0001}, "random_seed": {"value": None},
            **more,
        },
    }
    for key, graphs, more in (
        ("mdp_graph", ["mdp_from_paper"], {}),
        ("mdp_graph", ["3x3_gridworld", "7x7_gridworld_maze"], {}),
        ("joint_mdp_graph", ["joint_3x3_gridworld"], {
            "seed_policy_graph_agent_A": {"value": "joint_3x3_gridworld_agent_A_uniform_random"},
            "reward_correlation": {"values": [0, 1], "names": ["0", "1"]}, "discount_rate_agent_A": {"value": 0.5},
        }),
        ("joint_mdp_graph", ["joint_3x3_gridworld"], {"policy_graph_agent_A": {"value": "other"}}),
    )
)  # fmt: skip


def make_powerplay(rng: np.random.Generator, folder: Path) -> Path:
    """A YAML file of POWERplay."""
    return _written(
        rng,
        folder,
        pick(rng, _POWERPLAY),
        [*ODD, "jaynes_prior", "pareto", "uniform_0_1_manual", "7x7_gridworld_maze", ["a", "b"]],
    )


def check_powerplay(path: Path, folder: Path) -> None:
    found = powerplay.convert(read_mapping(path))
    again = folder / "again.yaml"
    again.write_text(found.to_yaml(), encoding="utf-8")
    assert repr(read_mapping(again)) == repr(found.config)  # nan is unequal to itself
    pm.SweepConfig.from_dict(found.config, folder)


_GV_WORDS = (
    '"[dry]"', "->", "--", "[weight=0.5]", '[weight="nan"]', "[weight=1e400]", "{", "}", ";", "__", "[", "]", '"', "\\", "//", "/*", "*/",
    "subgraph x {", "strict", "graph", "weight=-1", "[initial=1]", "[terminal=true]", "[terminal=yes]", "[reward=2]", '"[a_H^b_A]"', "∅", "_H^",
)  # fmt: skip


def _graphs() -> tuple[TabularMDP | TabularGame, ...]:
    mdp = TabularMDP.from_transitions(
        [("dry", "wait", "dry", 0.75), ("dry", "wait", "wet", 0.25), ("wet", "drain", "dry", 1.0), ("wet", "wait", "wet", 1.0), ("sea", "wait", "sea", 1)],
        initial={"dry": 0.5, "wet": 0.5}, terminal=["sea"], reward=[0, 1, 2, 3, 0],
    )  # fmt: skip
    return mdp, turner_figure_1(), PowerGrid("S.\n..").tables(), PowerPair("S.").tables()


def _graph_text(rng: np.random.Generator, folder: Path, policy: bool) -> tuple[TabularMDP | TabularGame, Path]:
    model = pick(rng, _graphs())
    path = folder / "graph.gv"
    if policy:
        save_gv_policy(pm_policy(model), path)
    else:
        save_gv(model, path)
    text = mutate_text(rng, path.read_text(encoding="utf-8"), _GV_WORDS)
    path.write_bytes(text.encode("utf-8", "replace") if rng.random() < 0.95 else text.encode("utf-16"))
    return model, path


def pm_policy(model: TabularMDP | TabularGame) -> Any:
    """A policy of the model, of the second agent in a game."""
    from powerenvs import Policy

    return Policy(model, model.agents[1] if isinstance(model, TabularGame) else None)


def make_graph(rng: np.random.Generator, folder: Path) -> Path:
    """A Graphviz file of a model."""
    return _graph_text(rng, folder, policy=False)[1]


def check_graph(path: Path, folder: Path) -> None:
    model = load_gv(path)
    check_model(model)
    save_gv(model, folder / "again.gv")
    again = load_gv(folder / "again.gv")
    assert (again.num_states, again.num_transitions) == (model.num_states, model.num_transitions)
    if isinstance(model, TabularMDP):
        values = pm.optimal_values(model, np.ones(model.num_states), 0.5)
        assert np.allclose(values, 2.0)


def make_policy_graph(rng: np.random.Generator, folder: Path) -> Any:
    """A Graphviz file of a policy, and its model."""
    return _graph_text(rng, folder, policy=True)


def check_policy_graph(given: Any, folder: Path) -> None:
    model, path = given
    policy = load_gv_policy(path, model)
    assert np.allclose(policy.table.sum(axis=1), 1)
    save_gv_policy(policy, folder / "again.gv")
    assert load_gv_policy(folder / "again.gv", model) == policy


def check_model(model: Any) -> None:
    """What holds for every model."""
    assert np.all(np.isfinite(model.probability))
    assert np.all(model.probability > 0)
    rows = np.diff(model.indptr) > 0
    assert np.allclose(np.add.reduceat(model.probability, model.indptr[:-1][rows]), 1, atol=1e-11)
    assert abs(model.initial.sum() - 1) < 1e-9
    assert np.all(model.initial >= 0)
    assert model.successor.min() >= 0
    assert model.successor.max() < model.num_states
    assert np.all(np.isfinite(model.reward))
    assert np.all(np.isfinite(model.performance))
    assert len(set(model.state_labels)) == model.num_states
    repr(model)
    model.describe(0)


FILES = (ValueError, OSError)
TARGETS = (
    Target("level", make_level, check_level),
    Target("rectangles", make_rectangles, check_rectangles),
    Target("config", make_config, check_config, FILES),
    Target("powerplay", make_powerplay, check_powerplay, FILES),
    Target("graph", make_graph, check_graph, FILES),
    Target("policy_graph", make_policy_graph, check_policy_graph, FILES),
)
