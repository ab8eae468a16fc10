"""Walks in files and walks by name: what is kept comes back, and what is none is refused with its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularMDP
from powerenvs.rollout import rollout
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.side_effects import Vase
from tests.models import mdps, uniform

GRID = PowerGrid("open_3x3").tables()


@given(mdps(max_states=6, max_actions=3), st.integers(0, 10**6), st.sampled_from([".csv", ".jsonl"]))
@settings(max_examples=25, deadline=None)
def test_what_is_saved_comes_back(tmp_path_factory, mdp, seed, suffix):
    walk = rollout(mdp, uniform(mdp), None, 9, seed)
    path = tmp_path_factory.mktemp("walks") / f"walk{suffix}"
    pm.save_trajectory(walk, path)
    back = pm.load_trajectory(mdp, path)
    assert back.states.tolist() == walk.states.tolist()
    assert back.actions.tolist() == walk.actions.tolist()
    assert np.array_equal(pm.agency(mdp, path).probability, pm.agency(mdp, walk).probability)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_states_with_features_and_labels_that_are_numbers_come_back(tmp_path, suffix):
    path = tmp_path / f"walk{suffix}"
    for mdp in (
        Vase().tables(),
        TabularMDP.from_transitions([(3, 7, 5, 1.0), (5, 7, 3, 1.0)]),
        TabularMDP.from_transitions([("a, b", "go\non", '"', 1.0), ('"', "go\non", "a, b", 1.0)]),
    ):
        walk = rollout(mdp, uniform(mdp), None, 5, 0)
        pm.save_trajectory(walk, path)
        assert pm.load_trajectory(mdp, path).labels() == walk.labels()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty.csv", ""),
        ("no_rows.csv", "state,action\n"),
        ("empty.jsonl", "\n\n"),
        ("only_there.csv", 'state,action\n"(1, 1)",\n'),
        ("only_there.jsonl", '{"state": [1, 1]}\n'),
    ],
)
def test_where_nothing_was_done_the_prior_stays(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    found = pm.agency(GRID, path, prior=0.3)
    assert found.probability.tolist() == [0.3]
    assert found.goals.tolist() == pytest.approx([1 / 9] * 9)
    assert found.agent_weights.sum() == pytest.approx(1)


def test_where_the_last_action_led_has_to_be_certain(tmp_path):
    mdp = TabularMDP.from_transitions([("a", "x", "a", 0.5), ("a", "x", "b", 0.5), ("b", "y", "a", 1.0)])
    path = tmp_path / "walk.csv"
    path.write_text("state,action\na,x\n")
    with pytest.raises(
        ValueError, match=r"expected \(state, None\) at its end, where x in a led, which is not certain"
    ):
        pm.load_trajectory(mdp, path)
    path.write_text("state,action\na,x\nb,y\n")
    assert pm.load_trajectory(mdp, path).labels() == ("a", "b", "a")
    path.write_text("state,action\n")
    assert pm.load_trajectory(mdp, path).states.shape == (0,)


def test_walks_of_several_agents_are_not_kept(tmp_path):
    game = PowerPair("S..").tables()
    policies = {agent: game.uniform_policy(agent) for agent in game.agents}
    for walk in (rollout(game, policies, None, 3, 0), [("a", "x")]):
        with pytest.raises(ValueError, match="walk: expected a rollout of one agent, found"):
            pm.save_trajectory(walk, tmp_path / "walk.csv")


def test_files_of_other_programs(tmp_path):
    path = tmp_path / "walk.csv"
    path.write_bytes(b'\xef\xbb\xbfstate,action\r\n"(0, 0)",right\r\n\r\n1,4\r\n"(0, 2)",\r\n')
    assert pm.load_trajectory(GRID, path).states.tolist() == [0, 1, 2]
    path = tmp_path / "walk.jsonl"
    path.write_text('{"state": "(0, 0)", "action": 4, "reward": 1}\n\n{"action": "right", "state": 1}')
    assert pm.load_trajectory(GRID, path).states.tolist() == [0, 1, 2]


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("walk.csv", "state;action\n0;1\n", "expected the columns state,action in line 1, found 'state;action'"),
        ("walk.csv", "state,action\n(0, 0),right\n", r'in line 2, found .*states with commas.*"\(0, 1\)"'),
        ("walk.csv", 'state,action\n\n"(0, 0)",right,1\n', "expected a state and an action in line 3"),
        ("walk.csv", 'state,action\n"(0, 0)",right\n\n"(9, 9)",up\n', r"line 4: unknown state '\(9, 9\)'"),
        ("walk.csv", 'state,action\n"(0, 0)",rigth\n', "line 2: unknown action 'rigth'; did you mean 'right'"),
        (
            "walk.csv",
            'state,action\n"(0, 0)",\n"(0, 1)",up\n',
            "line 2: expected an action before the last state, found none",
        ),
        (
            "walk.csv",
            'state,action\n"(0, 0)",right\n"(2, 2)",up\n',
            r"line 3: expected what right in \(0, 0\) can lead",
        ),
        (
            "walk.csv",
            'state,action\n"(0, 0)",right\n"(2, 2)",up\n"(1, 2)",up\n"(0, 2)",\n',
            r"line 3: expected what right in \(0, 0\) can lead to, found \(2, 2\)",
        ),
        ("walk.csv", f"state,action\n{'9' * 5000},up\n", "line 2: unknown state"),
        ("walk.csv", f"state,action\n{'a' * 200_000},up\n", "in line 2, found field larger than"),
        ("walk.jsonl", '{"state": 0, "action": 1}\n{"state": 0,', "expected JSON in line 2"),
        ("walk.jsonl", '{"state": 0, "action": 1}\n[0, 1]', r"in line 2, found '\[0, 1\]'"),
        ("walk.jsonl", f'{{"state": {DEEP}', "expected JSON in line 1"),
        ("walk.jsonl", f'{{"state": {"9" * 5000}, "action": 1}}', "expected JSON in line 1"),
        ("walk.jsonl", '{"state": {"a": 1}, "action": 1}', "expected labels in line 1"),
        ("walk.jsonl", '{"state": [[0], 0], "action": 1}', r"line 1: unknown state \(\(0,\), 0\)"),
        ("walk.jsonl", '{"state": [0, 0], "action": 17}', "line 1: unknown action 17"),
        ("walk.txt", "", r"expected a file that ends in .csv or .jsonl"),
    ],
)
def test_what_is_no_walk_is_refused_with_its_line(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        pm.load_trajectory(GRID, path)


def test_files_that_are_no_text_or_not_there(tmp_path):
    path = tmp_path / "walk.csv"
    with pytest.raises(FileNotFoundError):
        pm.load_trajectory(GRID, path)
    path.write_bytes(b"state,action\n\xff\xfe")
    with pytest.raises(ValueError, match="expected text in UTF-8"):
        pm.load_trajectory(GRID, path)


def test_walks_in_other_models_are_foreign(tmp_path):
    other = PowerGrid("\n".join(["...."] * 4)).tables()
    with pytest.raises(ValueError, match="expected a walk in"):
        pm.agency(GRID, pm.trajectory(other, "circle", 4))
    pm.save_trajectory(pm.trajectory(other, "wall_follower", 4), tmp_path / "walk.csv")
    with pytest.raises(ValueError, match=r"line 5: unknown state '\(0, 3\)'"):
        pm.load_trajectory(GRID, tmp_path / "walk.csv")


def test_a_straight_path_and_one_round_an_obstacle():
    grid = PowerGrid("....#\n.##..\n..#..\n....#").tables()
    straight = pm.trajectory(grid, "straight_path", start=(0, 0))
    assert straight.action_labels() == ("right",) * 3
    assert pm.trajectory(grid, "straight_path", steps=2).num_steps == 2
    around = pm.trajectory(grid, "round_obstacle")
    cells = np.array(around.labels())
    between = np.abs(cells[-1] - cells[0]).sum()
    detours = [
        pm.trajectory(grid, start=around.labels()[0], goal=goal).num_steps - np.abs(np.subtract(goal, cells[0])).sum()
        for goal in grid.state_labels
    ]
    assert around.num_steps - between == max(detours) > 0
    with pytest.raises(ValueError, match="expected walls to go round"):
        pm.trajectory(GRID, "round_obstacle")
    with pytest.raises(ValueError, match="start: expected a state with room"):
        pm.trajectory(PowerGrid(".#..").tables(), "straight_path", start=(0, 0))
