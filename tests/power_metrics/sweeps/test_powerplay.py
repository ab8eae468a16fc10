"""POWERplay's configurations become ours."""

from __future__ import annotations

import re

import numpy as np
import pytest

import power_metrics as pm
from power_metrics.sweeps import powerplay
from power_metrics.sweeps.points import make_plan
from powerenvs.worlds.power import turner_figure_1


def uniform(low=0, high=1):
    return {"dist_name": "uniform", "params": [low, high]}


def configuration(graph="3x3_gridworld", reward=None, key="mdp_graph", **parameters):
    return {
        "name": "my_sweep",
        "description": "Three discount rates.",
        "program": "sweep.py",
        "parameters": {
            key: {"value": graph},
            "discount_rate": {"values": [0.1, 0.9], "names": ["0p1", "0p9"]},
            "reward_distribution": {"value": reward or {"default_dist": uniform(), "allow_all_equal_rewards": False}},
            "num_reward_samples": {"value": 200},
            "convergence_threshold": {"value": 0.0001},
            "random_seed": {"value": 0},
            **parameters,
        },
    }


def test_one_agent_on_a_gridworld():
    converted = powerplay.convert(configuration("7x7_gridworld_maze"))
    assert converted.config == {
        "name": "my_sweep",
        "description": "Three discount rates.",
        "environment": "PowerGrid-v0",
        "walls": "absent",
        "level": "maze_7x7",
        "gamma": [0.1, 0.9],
        "reward": "uniform(0, 1)",
        "allow_all_equal": False,
        "num_samples": 200,
        "seed": 0,
    }
    assert any(note.startswith("convergence_threshold: left out") for note in converted.notes)


@pytest.mark.parametrize(
    ("graph", "states", "actions"),
    [
        ("3x3_gridworld", 9, 33),
        ("7x7_gridworld_maze", 31, 97),
        ("20x20_gridworld_robot_face", 220, None),
        ("mdp_from_paper", 8, 15),
        ("joint_3x3_gridworld", 81, 33 * 33),
        ("joint_7x7_gridworld_maze", 961, 97 * 97),
        ("joint_7x7_gridworld_maze_no_overlaps", 930, None),
    ],
)
def test_shipped_worlds_have_the_sizes_of_its_graphs(graph, states, actions):
    key = "joint_mdp_graph" if graph.startswith("joint") else "mdp_graph"
    config = pm.SweepConfig.from_dict(powerplay.convert(configuration(graph, key=key)).config)
    model = make_plan(config)[0].model
    assert model.num_states == states
    if actions is not None:
        available = model.joint_available if graph.startswith("joint") else model.available
        assert int(np.count_nonzero(available)) == actions


def test_two_agents_with_correlated_rewards():
    converted = powerplay.convert(
        configuration(
            "joint_3x3_gridworld",
            key="joint_mdp_graph",
            seed_policy_graph_agent_A={"value": "joint_3x3_gridworld_agent_A_uniform_random"},
            discount_rate={"value": 0.6},
            discount_rate_agent_A={"value": 0.5},
            reward_correlation={"values": [1, 0, -1], "names": ["1", "0", "n1"]},
            num_workers={"value": 4},
        )
    )
    config = pm.SweepConfig.from_dict(converted.config)
    assert config.kind == "two_agents"
    assert config.parameters == ("correlation",)
    assert config.values["correlation"] == (1, 0, -1)
    assert (config.values["gamma"], config.values["gamma_a"]) == ((0.6,), (0.5,))
    assert config.values["seed_policy"] == ("uniform",)
    assert any("--workers N" in note for note in converted.notes)


def test_a_fixed_policy_and_states_of_a_joint_world():
    reward = {"default_dist": uniform(), "state_dists": {"(0, 0)_H^(0, 1)_A": {"dist_name": "beta", "params": [2, 3]}}}
    converted = powerplay.convert(
        configuration(
            "joint_3x3_gridworld",
            reward,
            key="joint_mdp_graph",
            policy_graph_agent_A={"value": "joint_3x3_gridworld_agent_A_uniform_random"},
        )
    )
    [unit] = make_plan(pm.SweepConfig.from_dict(converted.config))
    assert converted.config["policy"] == "uniform"
    [(label, distribution)] = unit.arguments["reward"].distributions.items()
    assert tuple(label) == ((0, 0), (0, 1))
    assert distribution == pm.Beta(2, 3)


def test_the_states_of_the_paper_have_our_names():
    reward = {
        "default_dist": {"dist_name": "uniform_0_1_manual", "params": []},
        "state_dists": {"∅": uniform(-1, 1), "ℓ_◁": {"dist_name": "pareto", "params": [1, 3]}},
        "states_with_identical_rewards": [["r_↗", "r_↘"]],
    }
    converted = powerplay.convert(configuration("mdp_from_paper", reward))
    with pytest.warns(UserWarning, match=r"^Pareto\(scale=1.0, alpha=3.0\): intervals may be too narrow"):
        [unit] = make_plan(pm.SweepConfig.from_dict(converted.config))
    assert unit.model.fingerprint == turner_figure_1().fingerprint
    assert unit.arguments["reward"] == pm.PerState({"empty": pm.Uniform(-1, 1), "l": pm.Pareto(1, 3)}, pm.Uniform(0, 1))
    assert unit.arguments["states_with_identical_rewards"] == [["r_ne", "r_se"]]
    assert converted.config["allow_all_equal"] is True
    assert any("uniform(-1, 1) can be negative" in note for note in converted.notes)


def test_other_graphs_and_policies_stay_files():
    converted = powerplay.convert(
        configuration("joint_1x3", key="joint_mdp_graph", policy_graph_agent_A={"value": "move_left"})
    )
    assert (converted.config["environment"], converted.config["policy"]) == ("joint_1x3.gv", "move_left.gv")
    assert "joint_mdp_graph: joint_1x3 is not shipped here; put its graph, joint_1x3.gv, beside this file" in (
        converted.notes
    )


def test_grids_of_worlds_and_of_distributions():
    worlds = {"values": ["3x3_gridworld", "7x7_gridworld_maze"], "names": ["small", "maze"]}
    rewards = {"values": [{"default_dist": uniform()}, {"default_dist": {"dist_name": "bernoulli", "params": [0.3]}}]}
    config = powerplay.convert(configuration(mdp_graph=worlds, reward_distribution=rewards)).config
    assert config["level"] == ["open_3x3", "maze_7x7"]
    assert config["environment"] == "PowerGrid-v0"
    assert config["reward"] == ["uniform(0, 1)", "bernoulli(0.3)"]
    files = powerplay.convert(configuration(mdp_graph={"values": ["a", "b"]})).config
    assert files["environment"] == ["a.gv", "b.gv"]


def test_the_yaml_has_the_notes_as_comments_and_reads_back(tmp_path):
    converted = powerplay.convert(configuration())
    (tmp_path / "new.yaml").write_text(converted.to_yaml(), encoding="utf-8")
    assert converted.to_yaml().startswith("# convergence_threshold: left out")
    assert pm.SweepConfig.from_file(tmp_path / "new.yaml") == pm.SweepConfig.from_dict(converted.config)


def test_names_that_no_folder_should_have_are_changed():
    converted = powerplay.convert({**configuration(), "name": "my sweep/1"})
    assert converted.config["name"] == "my-sweep-1"
    assert "name: was 'my sweep/1'" in converted.notes[0]


def with_reward(**entries):
    return configuration(reward={"default_dist": uniform(), **entries})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"name": "a"}, "parameters: expected a mapping, found None"),
        ({**configuration(), "paramters": {}}, "paramters: unknown key of a POWERplay configuration; did you mean"),
        (configuration(discount_rat={"value": 1}), "discount_rat: unknown parameter of a POWERplay configuration; did"),
        ({"name": "a", "parameters": {"discount_rate": {"value": 0.1}}}, "expected one of mdp_graph, joint_mdp_graph"),
        (configuration(discount_rate=0.5), "discount_rate: expected value, or values with names, found 0.5"),
        (configuration(discount_rate={"vlaue": 0.5}), "discount_rate: expected value, or values"),
        (configuration(discount_rate={"value": 0.5, "nmaes": 1}), "nmaes: unknown entry of discount_rate"),
        (configuration(discount_rate={"values": 0.5}), "discount_rate: expected a list of values, found 0.5"),
        (configuration(reward=3), "reward_distribution: expected a mapping, found 3"),
        (configuration(reward={"default": 1}), "default: unknown entry of reward_distribution"),
        (with_reward(default_dist="uniform"), "reward_distribution: expected dist_name and params, found 'uniform'"),
        (with_reward(default_dist={"dist_name": "betta", "params": [1, 1]}), "did you mean 'beta'?"),
        (with_reward(default_dist={"dist_name": "beta", "params": [1]}), "reward_distribution: 'beta(1)' does not fit"),
        (with_reward(default_dist={"dist_name": "jaynes_prior"}), "jaynes_prior has no counterpart"),
        (configuration(mdp_graph={"values": ["3x3_gridworld", "mdp_from_paper"]}), "split the sweep"),
        (
            configuration(
                reward_distribution={
                    "values": [
                        {"default_dist": uniform(), "allow_all_equal_rewards": False},
                        {"default_dist": uniform(0, 2), "allow_all_equal_rewards": True},
                    ]
                }
            ),
            "expected the same allow_all_equal_rewards",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused(mapping, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        powerplay.convert(mapping)


def converted(**parameters):
    uniform = {"default_dist": {"dist_name": "uniform", "params": [0, 1]}}
    given = {"discount_rate": 0.5, "reward_distribution": uniform, "num_reward_samples": 10, **parameters}
    return powerplay.convert({"name": "x", "parameters": {key: {"value": value} for key, value in given.items()}})


def test_a_seed_of_null_is_0_with_a_note(tmp_path, no_figures):
    conversion = converted(mdp_graph="mdp_from_paper", random_seed=None)
    assert conversion.config["seed"] == 0
    assert any(note.startswith("random_seed: null asked for another") for note in conversion.notes)
    pm.sweep(pm.SweepConfig.from_dict(conversion.config), tmp_path / "swept")


def test_states_of_joint_graphs_that_are_not_shipped_are_renamed():
    beta = {"dist_name": "beta", "params": [2, 3]}
    state = "(0, 0)_H^(0, 1)_A"
    rewards = {
        "default_dist": {"dist_name": "uniform", "params": [0, 1]},
        "state_dists": {state: beta},
        "states_with_identical_rewards": [[state, "(0, 1)_H^(0, 0)_A"]],
    }
    for graph in ("joint_3x3_gridworld", "a_joint_graph_of_ones_own"):
        config = converted(
            joint_mdp_graph=graph, policy_graph_agent_A="p", random_seed=0, reward_distribution=rewards
        ).config
        assert list(config["reward"]["states"]) == ["human=(0, 0), ai=(0, 1)"]
        assert config["states_with_identical_rewards"] == [[["human=(0, 0), ai=(0, 1)", "human=(0, 1), ai=(0, 0)"]]]
