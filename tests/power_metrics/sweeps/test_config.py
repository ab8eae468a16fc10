"""Sweep configurations: what they accept, what they complete, and how they refuse."""

from __future__ import annotations

import inspect
import json
import re

import numpy as np
import pytest
import yaml
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from power_metrics.sweeps.points import make_plan
from power_metrics.sweeps.yaml_files import read_mapping, yaml_text
from powerenvs.model.game import TabularGame
from powerenvs.model.policy import Policy
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair

ONE = {"name": "one", "level": "open_3x3", "walls": "absent", "num_samples": 50}
PAIR = {"name": "two", "environment": "power_pair_v0", "level": "open_3x3", "walls": "absent", "num_samples": 50}


def planned(**changes):
    base = PAIR if "power_pair_v0" in str(changes.get("environment")) else ONE
    return make_plan(pm.SweepConfig.from_dict({**base, **changes}))


def test_the_kind_follows_from_what_is_given():
    assert pm.SweepConfig.from_dict(ONE).kind == "single_agent"
    assert pm.SweepConfig.from_dict(PAIR).kind == "two_agents"
    assert pm.SweepConfig.from_dict({**PAIR, "policy": "uniform"}).kind == "fixed_policy"


def test_the_kind_says_what_is_measured_unless_the_measure_is_named():
    assert pm.SweepConfig.from_dict(ONE).measure == "power"
    assert pm.SweepConfig.from_dict({**PAIR, "policy": "uniform"}).measure == "power"
    assert pm.SweepConfig.from_dict(PAIR).measure == "multiagent_power"
    assert pm.SweepConfig.from_dict({**ONE, "measure": "optimality_probability"}).measure == "optimality_probability"


def test_keys_and_defaults_of_a_measure_are_those_of_its_signature():
    config = pm.SweepConfig.from_dict({"name": "odds", "measure": "optimality_probability", "ties": ["count", "split"]})
    assert set(config.measure_keys) <= set(inspect.signature(pm.optimality_probability).parameters)
    assert {key: config.values[key] for key in ("num_samples", "gamma", "reward", "ties")} == {
        "num_samples": (None,), "gamma": (0.9,), "reward": ("uniform(0, 1)",), "ties": ("count", "split")
    }  # fmt: skip
    assert "keep_samples" not in config.values
    assert pm.SweepConfig.from_dict(yaml.safe_load(config.to_yaml())) == config


def test_defaults_that_files_cannot_say_are_left_to_the_measure():
    base = {"name": "curve", "level": "open_3x3", "measure": "q_learning_curve", "num_learners": 5}
    config = pm.SweepConfig.from_dict(base)
    [unit] = make_plan(config)
    assert config.values["steps"] == (None,)
    assert "steps" not in unit.arguments
    [unit] = make_plan(pm.SweepConfig.from_dict({**base, "steps": [[0, 10, 100]]}))
    assert unit.arguments["steps"] == [0, 10, 100]


def test_the_complete_configuration_is_itself():
    config = pm.SweepConfig.from_dict({**ONE, "noise": [0, 0.1], "gamma": [0.5, 0.9]})
    assert config.as_dict()["seed"] == 0
    assert config.as_dict()["num_samples"] == 50
    assert config.parameters == ("noise", "gamma")
    again = pm.SweepConfig.from_dict(yaml.safe_load(config.to_yaml()))
    assert again == config
    assert again.to_yaml() == config.to_yaml()


def test_points_are_the_product_in_the_order_of_the_file():
    config = pm.SweepConfig.from_dict({**ONE, "gamma": [0.5, 0.9], "noise": [0, 0.1, 0.2]})
    assert [(p["gamma"], p["noise"]) for p in config.points] == [(g, n) for g in (0.5, 0.9) for n in (0, 0.1, 0.2)]
    assert config.environment_keys == ("level", "walls", "noise")


def test_discounts_of_one_agent_are_worked_out_together_and_those_of_two_are_not():
    units = planned(gamma=[0.5, 0.9], noise=[0, 0.1])
    assert [(u.points, u.arguments["gamma"]) for u in units] == [((0, 2), [0.5, 0.9]), ((1, 3), [0.5, 0.9])]
    assert [u.points for u in planned(environment="power_pair_v0", gamma=[0.5, 0.9])] == [(0,), (1,)]


def test_a_value_that_is_a_list_is_written_in_a_list():
    [unit] = planned(states_with_identical_rewards=[[["(0, 0)", "(0, 1)"]]])
    assert unit.arguments["states_with_identical_rewards"] == [[(0, 0), (0, 1)]]
    [unit] = planned(level=[["...", ".#."]], walls="absent")
    assert unit.model.num_states == 5


def test_distributions_may_be_objects():
    reward = pm.PerState({(0, 1): pm.Beta(2, 5)}, pm.Uniform(-1, 1))
    config = pm.SweepConfig.from_dict({**ONE, "reward": [reward, pm.Normal(1, 2)]})
    assert [unit.arguments["reward"] for unit in make_plan(config)] == [reward, pm.Normal(1.0, 2.0)]
    assert pm.SweepConfig.from_dict(yaml.safe_load(config.to_yaml())) == config


def test_numpy_grids_become_plain_numbers():
    config = pm.SweepConfig.from_dict({**ONE, "gamma": np.array([0.25, 0.5])})
    assert config.values["gamma"] == (0.25, 0.5)
    assert type(config.values["gamma"][0]) is float


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_files_count_paths_from_their_folder(tmp_path, suffix):
    PowerGrid("open_3x3").tables().save(tmp_path / "model.npz")
    content = {"name": "file", "environment": "model.npz", "num_samples": 10}
    text = json.dumps(content) if suffix == "json" else yaml.safe_dump(content)
    (tmp_path / f"sweep.{suffix}").write_text(text)
    config = pm.SweepConfig.from_file(tmp_path / f"sweep.{suffix}")
    assert config.values["environment"] == (str((tmp_path / "model.npz").resolve()),)
    assert make_plan(config)[0].model.num_states == 9


def test_levels_come_from_text_files_too(tmp_path):
    (tmp_path / "small.txt").write_text("..\n.#\n")
    config = pm.SweepConfig.from_dict({"name": "text", "level": "small.txt", "num_samples": 5}, tmp_path)
    assert make_plan(config)[0].model.num_states == 3


def test_graphs_games_and_policies_come_from_files(tmp_path):
    from powerenvs.sources.graphviz.files import save_gv

    save_gv(PowerGrid("open_3x3", walls="absent").tables(), tmp_path / "grid.gv")
    config = pm.SweepConfig.from_dict({"name": "gv", "environment": "grid.gv", "num_samples": 5}, tmp_path)
    assert config.kind == "single_agent"
    assert make_plan(config)[0].model.num_states == 9
    game = PowerPair("open_3x3", walls="absent").tables()
    game.save(tmp_path / "game.npz")
    policy = Policy.uniform(game, "ai")
    policy.set(game.state_labels[0], "right")
    policy.save(tmp_path / "policy.npz")
    policy.save(tmp_path / "policy.gv")
    mapping = {"name": "file", "environment": "game.npz", "num_samples": 5}
    for name in ("policy.npz", "policy.gv"):
        [unit] = make_plan(pm.SweepConfig.from_dict({**mapping, "seed_policy": name}, tmp_path))
        assert np.array_equal(unit.arguments["seed_policy"], policy.table)
        [unit] = make_plan(pm.SweepConfig.from_dict({**mapping, "policy": name}, tmp_path))
        assert unit.model.fingerprint == game.against({"ai": policy}).fingerprint


def test_worlds_without_overlaps():
    [unit] = planned(environment="power_pair_v0", without_overlaps=True)
    assert unit.model.num_states == 72


def test_an_open_number_of_samples_is_left_to_the_method_and_the_tolerance():
    for changes in ({"method": "enumeration"}, {"method": ["auto", "sobol"]}, {"tolerance": 0.01}):
        mapping = {key: value for key, value in ONE.items() if key != "num_samples"}
        assert pm.SweepConfig.from_dict({**mapping, **changes}).values["num_samples"] == (None,)
    assert pm.SweepConfig.from_dict(mapping).values["num_samples"] == (10_000,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gama": 0.9}, "gama: unknown key; did you mean 'gamma'?"),
        ({"nose": 0.9}, "nose: unknown key; did you mean 'noise'?"),
        ({"levle": "open_3x3"}, "levle: unknown key; did you mean 'level'?"),
        ({"level": "open_3x4"}, "level: no shipped level is called 'open_3x4'; did you mean 'open_3x3'?"),
        ({"level": "..\n.?"}, "level: "),
        ({"environment": "PowerGird-v0"}, "environment: unknown id 'PowerGird-v0'; did you mean 'PowerGrid-v0'?"),
        ({"environment": "gone.npz"}, "environment: there is no file"),
        ({"environment": 3}, "environment: expected an id, a game or a file, found 3"),
        ({"environment": ["PowerGrid-v0", "power_pair_v0"]}, "environment: expected games only or none"),
        ({"environment": 3, "kind": "single_agent"}, "environment: expected an id, a game or a file, found 3"),
        ({"gamma": np.linspace(0, 1, 400), "seed": list(range(400))}, "config: expected at most 100,000 points"),
        ({"name": "a b"}, "name: expected a name of letters"),
        ({"name": None}, "name: expected a name of letters"),
        ({"description": 3}, "description: expected text, found 3"),
        ({"kind": "two_agent"}, "did you mean 'two_agents'?"),
        ({"kind": "two_agents"}, "kind: expected two agents in 'PowerGrid-v0'"),
        ({"correlation": 0.5}, "correlation: goes with the kinds two_agents only, and this is single_agent"),
        ({"policy": "uniform"}, "policy: goes with the kinds fixed_policy only"),
        ({"measure": "powre"}, "measure: unknown measure 'powre'; did you mean 'power'?"),
        ({"measure": ["power"]}, "measure: unknown measure ['power']"),
        (
            {"measure": "multiagent_power"},
            "measure: expected one of one agent for single_agent, found multiagent_power",
        ),
        (
            {"environment": "power_pair_v0", "measure": "power"},
            "expected one of games for two_agents, found power; `pol",
        ),
        ({"measure": "optimality_probability", "tie": "split"}, "tie: unknown key; did you mean 'ties'?"),
        ({"measure": "optimality_probability", "ties": "no"}, "ties: expected 'count' or 'split', found 'no'"),
        ({"measure": "optimality_probability", "control_variates": True}, "control_variates: unknown key"),
        ({"measure": "power_of_policies"}, "learner: expected a value, which power_of_policies needs, found none"),
        ({"measure": "power_of_policies", "learner": "bolzmann(1)"}, "did you mean 'boltzmann'?"),
        ({"gamma": []}, "gamma: expected at least one value, found an empty list"),
        ({"gamma": [0.5, 0.5]}, "gamma: expected different values, found 0.5 twice"),
        ({"gamma": [0.5, 1.5]}, "gamma: expected a discount in [0, 1], found 1.5"),
        ({"gamma": "high"}, "gamma: expected a discount in [0, 1], found 'high'"),
        ({"gamma": float("nan")}, "gamma: expected text, a number, a list or a mapping, found nan"),
        ({"noise": [0, 2]}, "noise: "),
        ({"reward": "unifrom(0, 1)"}, "did you mean 'uniform'?"),
        ({"reward": 3}, "reward: expected a distribution such as uniform(0, 1), or a mapping, found 3"),
        ({"reward": {"defualt": "beta(1, 2)"}}, "reward: unknown key 'defualt'; did you mean 'default'?"),
        (
            {"reward": {"states": {"(0, 9)": "beta(1, 2)"}}},
            "reward: unknown state '(0, 9)'; expected one of 9, from '(0, 0)' to '(2, 2)'",
        ),
        ({"reward": {"states": "(0, 0)"}}, "reward: expected a mapping of states to distributions, found '(0, 0)'"),
        ({"reward": {"states": {"(0, 0)": 1}}}, "reward: expected a distribution such as uniform(0, 1) for each state"),
        ({"states_with_identical_rewards": [["(0, 0)", "(0, 1)"]]}, "states_with_identical_rewards: expected lists"),
        ({"states_with_identical_rewards": [[["(0, 0)", "(9, 1)"]]]}, "states_with_identical_rewards: unknown state"),
        ({"allow_all_equal": "yes"}, "allow_all_equal: expected true or false, found 'yes'"),
        ({"num_samples": 0}, "num_samples: expected a whole number of at least 1, found 0"),
        ({"num_samples": [10, 10.5]}, "num_samples: expected a whole number of at least 1, found 10.5"),
        ({"seed": None}, "seed: expected a whole number of at least 0, found None"),
        ({"keep_samples": 51}, "keep_samples: expected at most num_samples=50, found 51"),
        ({"keep_samples": 1, "method": "sobol"}, "keep_samples: expected 0 unless the method is monte_carlo"),
        ({"method": "sobel"}, "did you mean 'sobol'?"),
        ({"method": "enumeration", "reward": "bernoulli"}, "num_samples: expected the default with method 'enumer"),
        ({"method": "enumeration", "num_samples": None}, "method: expected a distribution with finitely many values"),
        ({"method": "closed_form", "num_samples": None, "noise": 0.1}, "method: expected a deterministic model"),
        ({"tolerance": -1}, "tolerance: expected a number above 0, found -1"),
        ({"environment": "power_pair_v0", "correlation": [0, 2]}, "correlation: expected a number in [-1, 1], found 2"),
        ({"environment": "power_pair_v0", "correlation": -1, "reward": "beta(2, 3)"}, "correlation: expected at least"),
        ({"environment": "power_pair_v0", "gamma": 1}, "gamma: expected a discount below 1"),
        ({"environment": "power_pair_v0", "gamma_a": 1}, "gamma_a: expected a discount below 1"),
        ({"environment": "power_pair_v0", "gamma_a": "x"}, "gamma_a: expected a discount"),
        ({"environment": "power_pair_v0", "num_samples": "x"}, "num_samples: expected a whole number"),
        ({"environment": "power_pair_v0", "rounds": 0}, "rounds: expected a whole number of at least 1, found 0"),
        ({"environment": "power_pair_v0", "without_overlaps": 1}, "without_overlaps: expected true or false, found 1"),
        ({"environment": "power_pair_v0", "method": "auto"}, "method: expected one of monte_carlo, antithetic, sobol"),
        ({"environment": "power_pair_v0", "control_variates": True}, "control_variates: goes with the kinds single_a"),
        ({"environment": "power_pair_v0", "seed_policy": "left"}, "seed_policy: expected uniform, or an .npz or .gv"),
        ({"environment": "power_pair_v0", "overlap": True}, "overlap: unknown key; did you mean 'overlaps'?"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_key(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        planned(**changes)


def test_the_last_point_is_checked_before_the_first_is_worked_out(tmp_path):
    with pytest.raises(ValueError, match="noise"):
        pm.sweep({**ONE, "noise": [0, 0.1, 7]}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_configuration_is_a_mapping():
    with pytest.raises(ValueError, match="config: expected a mapping of keys to values, found list"):
        pm.SweepConfig.from_dict([ONE])


def test_games_have_two_agents(tmp_path):
    loops = [(state, ("stay",) * 3, state, 1.0) for state in ("here", "there")]
    game = TabularGame.from_transitions(loops, agents=("a", "b", "c"), initial="here")
    game.save(tmp_path / "three.npz")
    config = pm.SweepConfig.from_dict({"name": "three", "environment": "three.npz"}, tmp_path)
    with pytest.raises(ValueError, match="environment: expected a game of two agents"):
        make_plan(config)


def test_a_policy_of_another_game_is_refused(tmp_path):
    other = PowerPair("corridor").tables()
    Policy.uniform(other, "ai").save(tmp_path / "other.npz")
    config = pm.SweepConfig.from_dict({**PAIR, "seed_policy": "other.npz"}, tmp_path)
    with pytest.raises(ValueError, match=r"seed_policy: .*another model"):
        make_plan(config)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("twice.yaml", "name: a\ngamma: 0.5\ngamma: 0.9\n", "gamma: given twice, the second time in line 3"),
        ("twice.json", '{"name": "a", "gamma": 0.5, "gamma": 0.9}', "gamma: given twice"),
        ("broken.yaml", "name: [a\n", "broken.yaml"),
        ("broken.json", '{"name": ', "broken.json"),
        ("list.yaml", "- name\n", "expected a mapping of keys to values, found list"),
        ("unsafe.yaml", "name: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("sweep.toml", "name = 'a'", "expected a name that ends in .yaml, .yml or .json"),
    ],
)
def test_files_that_do_not_parse_are_refused_by_name(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        pm.SweepConfig.from_file(tmp_path / name)
    assert name in str(caught.value)


def test_numbers_with_exponents_are_numbers(tmp_path):
    (tmp_path / "a.yaml").write_text("a: 1e4\nb: 1.5e-3\nc: 2E+2\nd: [1e-2, -3e0]\ne: 1e\n")
    assert read_mapping(tmp_path / "a.yaml") == {"a": 1e4, "b": 1.5e-3, "c": 200.0, "d": [0.01, -3.0], "e": "1e"}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=4), parts, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(mapping=st.dictionaries(st.text(min_size=1, max_size=6), plain, max_size=4))
def test_yaml_text_reads_back_equal(mapping, tmp_path_factory):
    path = tmp_path_factory.mktemp("yaml") / "a.yaml"
    path.write_text(yaml_text(mapping), encoding="utf-8", newline="")
    assert read_mapping(path) == mapping
