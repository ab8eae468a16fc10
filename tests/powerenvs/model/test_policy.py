"""Policies edited by label: what they refuse, where they go, how they are stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import power_metrics as pm
from powerenvs import TabularGame, TabularMDP
from powerenvs.model.policy import Policy
from powerenvs.worlds.power.grid import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from tests.games import games, random_policy
from tests.models import mdps


@pytest.fixture
def grid() -> TabularMDP:
    return PowerGrid("open_3x3", walls="absent").tables()


@pytest.fixture
def pair() -> TabularGame:
    return PowerPair("..", walls="absent").tables()


def test_uniform_over_what_exists(grid, pair):
    policy = Policy.uniform(grid)
    assert policy.get((0, 0)) == dict.fromkeys(("stay", "down", "right"), 1 / 3)
    assert policy == Policy(grid)
    assert np.array_equal(Policy.uniform(pair, "ai").table, pair.uniform_policy("ai"))


def test_set_by_label_by_text_and_with_probabilities(grid):
    policy = Policy(grid)
    policy.set("(0, 2)", "down")
    assert policy.get((0, 2)) == {"stay": 0.0, "down": 1.0, "left": 0.0}
    policy.set((0, 2), {"left": 0.25, "stay": 0.75})
    assert policy.get("(0, 2)") == {"stay": 0.75, "down": 0.0, "left": 0.25}
    changed = np.flatnonzero((policy.table != Policy(grid).table).any(axis=1))
    assert changed.tolist() == [grid.index((0, 2))]
    assert policy.describe().splitlines()[2] == "(0, 2): stay 0.75, left 0.25"


def test_what_get_gives_can_be_set(grid):
    one, two = Policy(grid), Policy(grid)
    one.set((1, 1), {"up": 0.5, "left": 0.5})
    two.set((1, 1), one.get((1, 1)))
    assert one == two


def test_an_agent_of_a_game(pair):
    policy = Policy(pair, "ai")
    policy.set(((0, 0), (0, 1)), "left")
    policy.set("human=(0, 1), ai=(0, 1)", "left")
    assert policy.get(((0, 0), (0, 1))) == {"stay": 0.0, "left": 1.0}
    assert policy.get(((0, 1), (0, 0))) == {"stay": 0.5, "right": 0.5}
    after = pair.against({"ai": policy})
    ((_, target, _, _),) = after.P[after.index(((0, 0), (0, 1)))][after.action_index("stay")]
    assert after.state_labels[target] == ((0, 0), (0, 0))


def test_joint_states_of_cells_and_of_text(pair):
    as_text = pair.with_(state_labels=[(str(human), str(ai)) for human, ai in pair.state_labels])
    for game in (pair, as_text):
        for state in (((0, 0), (0, 1)), ("(0, 0)", "(0, 1)"), "((0, 0), (0, 1))"):
            policy = Policy(game, "ai")
            policy.set(state, "left")
            assert np.flatnonzero(policy.table.max(axis=1) == 1).tolist() == [1]


def test_labels_win_over_text_and_text_that_two_share_is_unknown():
    loops = [(s, "a", s, 1.0) for s in (1, "1", (2,), "x")]
    policy = Policy(TabularMDP.from_transitions(loops))
    policy.set(1, "a")
    policy.set("1", "a")
    assert policy.get("(2,)") == {"a": 1.0}
    shared = Policy(TabularMDP.from_transitions([(1, "a", 1, 1.0), (np.float64(1.5), 1, 1, 1.0), ("1.5", 1, 1, 1.0)]))
    assert shared.get(1.5) == shared.get("1.5") == {1: 1.0}


@pytest.mark.parametrize(
    ("state", "action", "message"),
    [
        ("(0, 22)", "down", r"unknown state '\(0, 22\)'; expected one of \d+, from '\(0, 0\)' to"),
        ((7, 7), "down", "unknown state"),
        ([0, 2], "down", "unknown state"),
        ("(0, 2)", "dwn", "unknown action 'dwn'; did you mean 'down'"),
        ("(0, 2)", "up", r"'up' does not exist in state 2 \(\(0, 2\)\), which has stay, down, left"),
        ("(0, 2)", {"up": 0.0, "down": 1.0}, "'up' does not exist"),
        ("(0, 2)", {"down": 0.5}, r"sum to 1 \(to 1e-06\), found 0.5 in state 2"),
        ("(0, 2)", {"down": 1.5, "left": -0.5}, "of at least 0, found -0.5 for 'left'"),
        ("(0, 2)", {"down": -0.5, 2: 1.5}, "at least 0, found -0.5 for 'down'"),
        ("(0, 2)", {"down": np.nan}, "expected probabilities of at least 0, found nan"),
        ("(0, 2)", {"down": "all"}, "expected a probability of 'down', found 'all'"),
        ("(0, 2)", {"down": 10**400}, "expected a probability of 'down', found 1000"),
        ("(0, 2)", {}, "sum to 1 .*, found 0.0 in state 2"),
    ],
)
def test_set_refuses_and_changes_nothing(grid, state, action, message):
    policy = Policy(grid)
    with pytest.raises(ValueError, match=message):
        policy.set(state, action)
    assert policy == Policy(grid)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda grid, _: Policy(grid, table=np.ones((5, 9)) / 9), r"table: expected shape \(9, 5\), found \(5, 9\)"),
        (lambda grid, _: Policy(grid, table=np.full((9, 5), 0.2)), r"available actions only, found .* 0.2 .*\(0, 0\)"),
        (lambda grid, _: Policy(grid, table=Policy(grid).table * 0.9), "found 0.89+ in state 0"),
        (lambda grid, _: Policy(grid, table=[["a"]]), "table: expected an array of numbers"),
        (lambda grid, _: Policy(grid, "ai"), "agent: expected None for a model of one agent"),
        (lambda _, pair: Policy(pair), "agent: expected one of"),
        (lambda _, pair: Policy(pair, "alien"), "agent: unknown agent 'alien'; did you mean 'ai'"),
        (lambda _, __: Policy("grid"), "model: expected a TabularMDP or a TabularGame, found str"),
    ],
)
def test_bad_policies_are_refused(grid, pair, make, message):
    with pytest.raises(ValueError, match=message):
        make(grid, pair)


def test_rounding_is_removed_from_tables(grid):
    given_policy = Policy(grid).table * (1 + 5e-10)
    assert np.abs(Policy(grid, table=given_policy).table.sum(axis=1) - 1).max() < 1e-15


def test_the_table_is_read_only_and_arrays_are_copies(grid):
    policy = Policy(grid)
    with pytest.raises(ValueError, match="read-only"):
        policy.table[0, 0] = 1.0
    before = np.asarray(policy)
    policy.set("(0, 0)", "right")
    assert before[0].max() < 0.5
    assert np.asarray(policy)[0].max() == 1.0
    assert np.asarray(policy, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(policy, copy=False)
    with pytest.raises(TypeError):
        hash(policy)
    assert policy != "policy"
    assert "one action for certain in 1 of the states" in repr(policy)


def test_it_goes_wherever_a_table_goes(grid, pair):
    policy = Policy(grid)
    policy.set("(0, 0)", "right")
    rewards = np.arange(9.0)
    assert torch.equal(pm.policy_values(grid, policy, rewards, 0.9), pm.policy_values(grid, policy.table, rewards, 0.9))
    assert np.array_equal(pm.occupancy(grid, policy, 0.9), pm.occupancy(grid, policy.table, 0.9))
    assert np.array_equal(pm.policy_table(policy, grid), pm.policy_table(policy.table.copy(), grid))
    compared = pm.compare({"mine": policy, "array": policy.table.copy()}, grid, gamma=0.5, power=rewards).to_frame()
    assert np.array_equal(compared.loc["mine"].to_numpy(float), compared.loc["array"].to_numpy(float), equal_nan=True)
    seed = Policy(pair, "ai")
    seed.set(((0, 0), (0, 0)), "right")
    options = {"gamma": 0.5, "num_samples": 8, "progress": False}
    by_policy = pm.multiagent_power(pair, seed_policy=seed, **options)
    by_table = pm.multiagent_power(pair, seed_policy=seed.table.copy(), **options)
    assert np.array_equal(by_policy["human"].mean, by_table["human"].mean)
    assert pair.against({"ai": seed}) == pair.against({"ai": seed.table.copy()})


def test_a_policy_of_a_tensor(grid):
    assert Policy(grid, table=torch.from_numpy(Policy(grid).table.copy())) == Policy(grid)


# Policies of one agent in a game


def test_for_game_acts_on_the_agents_own_part():
    grid = PowerGrid("..", walls="absent").tables()
    policy = Policy(grid)
    policy.set("(0, 1)", "left")
    game = PowerPair("..", walls="absent").tables()
    joint = policy.for_game(game, "ai")
    for human in ((0, 0), (0, 1)):
        assert joint.get((human, (0, 1))) == {"stay": 0.0, "left": 1.0}
        assert joint.get((human, (0, 0))) == {"stay": 0.5, "right": 0.5}
    assert policy.for_game(game, "human").get(((0, 1), (0, 0))) == {"stay": 0.0, "left": 1.0}
    assert Policy(grid).for_game(game, "ai") == Policy(game, "ai")


def test_for_game_finds_labels_by_text():
    text = TabularMDP.from_transitions(
        [("(0, 0)", "stay", "(0, 0)", 1.0), ("(0, 0)", "right", "(0, 1)", 1.0), ("(0, 1)", "stay", "(0, 1)", 1.0)]
    )
    joint = Policy(text).for_game(PowerPair("..").tables(), "ai")
    assert joint.get(((0, 1), (0, 0)))["right"] == 0.5


def test_for_game_renormalises_over_what_exists():
    grid = PowerGrid("..", walls="absent").tables()
    game = PowerPair("..", walls="absent").tables().without_overlaps(no_swaps=True)
    policy = Policy(grid)
    assert policy.for_game(game, "ai").get(((0, 0), (0, 1))) == {"stay": 1.0}
    policy.set("(0, 1)", "left")
    with pytest.raises(ValueError, match=r"none for ai in state 0 \(human=\(0, 0\), ai=\(0, 1\)\)"):
        policy.for_game(game, "ai")


def test_for_game_refuses():
    grid, game = PowerGrid("..").tables(), PowerPair("..").tables()
    with pytest.raises(ValueError, match="unknown state"):
        Policy(grid).for_game(PowerPair("...").tables(), "ai")
    with pytest.raises(ValueError, match="expected the policy of a single-agent model"):
        Policy(game, "ai").for_game(game, "human")
    with pytest.raises(ValueError, match="unknown agent"):
        Policy(grid).for_game(game, "a")
    flat = game.with_(state_labels=tuple("abcd"))
    with pytest.raises(ValueError, match="expected state labels that are tuples"):
        Policy(grid).for_game(flat, "ai")
    jumps = TabularMDP.from_transitions([((0, 0), "jump", (0, 1), 1.0), ((0, 1), "jump", (0, 0), 1.0)])
    with pytest.raises(ValueError, match="unknown action 'jump'"):
        Policy(jumps).for_game(game, "ai")


# Files


@settings(max_examples=25, deadline=None)
@given(mdps(), st.integers(0, 2**32 - 1))
def test_saved_and_loaded(tmp_path_factory, mdp, seed):
    path = tmp_path_factory.mktemp("policy") / "policy.npz"
    weights = np.random.default_rng(seed).random(mdp.available.shape) * mdp.available + 1e-3 * mdp.available
    policy = Policy(mdp, table=weights / weights.sum(axis=1, keepdims=True))
    policy.save(path)
    loaded = Policy.load(path, mdp)
    assert np.abs(loaded.table - policy.table).max() < 1e-15
    assert loaded.agent is None


@settings(max_examples=25, deadline=None)
@given(games(num_agents=2), st.integers(0, 2**32 - 1))
def test_saved_and_loaded_for_a_game(tmp_path_factory, game, seed):
    path = tmp_path_factory.mktemp("policy") / "policy.npz"
    weights = random_policy(np.random.default_rng(seed), game, "human") * game.available["human"]
    policy = Policy(game, "human", weights / weights.sum(axis=1, keepdims=True))
    policy.save(path)
    loaded = Policy.load(path, game, "human")
    assert loaded.agent == "human"
    assert np.abs(loaded.table - policy.table).max() < 1e-15
    with pytest.raises(ValueError, match="expected a policy of 'ai', found one of 'human'"):
        Policy.load(path, game, "ai")


def test_load_refuses(tmp_path, grid, pair):
    path = tmp_path / "policy.npz"
    Policy(grid).save(path)
    other = grid.with_(reward=np.ones(grid.num_transitions))
    with pytest.raises(ValueError, match=rf"policy.npz': expected a policy of this model.*{grid.fingerprint[:12]}"):
        Policy.load(path, other)
    grid.save(tmp_path / "grid.npz")
    with pytest.raises(ValueError, match="expected a Policy, found a TabularMDP"):
        Policy.load(tmp_path / "grid.npz", grid)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="expected a Policy written by save"):
        Policy.load(path, grid)
    with pytest.raises(FileNotFoundError):
        Policy.load(tmp_path / "nothing.npz", grid)
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        Policy(grid).save(tmp_path / "policy.txt")


def test_a_broken_table_is_refused(tmp_path, grid):
    from powerenvs.model.npz import save_arrays

    path = tmp_path / "policy.npz"
    header = {"agent": None, "model": grid.fingerprint}
    save_arrays(path, "Policy", {"table": np.zeros((9, 5))}, header)
    with pytest.raises(ValueError, match=r"policy\.npz': table: expected rows that sum to 1"):
        Policy.load(path, grid)
    save_arrays(path, "Policy", {}, header)
    with pytest.raises(ValueError, match="expected a complete Policy"):
        Policy.load(path, grid)


def test_graphviz_by_the_suffix(tmp_path, pair):
    policy = Policy(pair, "ai")
    policy.set(((0, 0), (0, 0)), "right")
    policy.save(tmp_path / "policy.gv")
    assert Policy.load(tmp_path / "policy.gv", pair) == policy
