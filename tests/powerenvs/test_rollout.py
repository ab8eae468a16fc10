"""Next-step distributions and walks: by hand, by plain loops, by frequencies, as pictures, and bad input."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image

from powerenvs import TabularGame, TabularMDP
from powerenvs.envs.game_views import GamePictures
from powerenvs.model.policy import Policy
from powerenvs.render import StatePictures
from powerenvs.render.captions import EMPTY, FULL
from powerenvs.rollout import next_states, rollout
from powerenvs.worlds.power import PowerGrid, turner_figure_1
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey
from tests.games import dense, games, random_game, random_policy
from tests.models import mdps

FORK = TabularMDP.from_transitions(
    [("fork", "go", "left", 0.5), ("fork", "go", "right", 0.5), ("fork", "wait", "fork", 1.0)],
    state_labels=("fork", "left", "right"),
    terminal=("left", "right"),
)
FORK_POLICY = np.array([[0.4, 0.6], [1.0, 0.0], [0.0, 1.0]])

CROSSING = TabularGame.from_transitions(
    [
        ("apart", ("wait", "wait"), "apart", 1.0),
        ("apart", ("wait", "go"), "ai first", 1.0),
        ("apart", ("go", "wait"), "human first", 1.0),  # both cannot go at once
        ("ai first", ("go", "go"), "apart", 1.0),
        ("human first", ("go", "go"), "apart", 1.0),
    ],
    state_labels=("apart", "human first", "ai first"),
    action_labels={"human": ("wait", "go"), "ai": ("wait", "go")},
)
CROSSING_POLICIES = {"human": np.full((3, 2), 0.5), "ai": np.array([[0.25, 0.75]] * 3)}


def uniform(game):
    return {agent: game.uniform_policy(agent) for agent in game.agents}


def chain(model, policies):
    """(S, S) of `next_states`."""
    matrix = np.zeros((model.num_states, model.num_states))
    for s, label in enumerate(model.state_labels):
        for following, probability in next_states(model, policies, label).items():
            matrix[s, model.index(following)] = probability
    return matrix


def assert_frequencies(counts, probabilities):
    """Each count is within five standard errors, and nothing impossible has happened."""
    n = counts.sum()
    assert np.all(counts[probabilities == 0] == 0)
    error = np.sqrt(n * probabilities * (1 - probabilities))
    assert np.all(np.abs(counts - n * probabilities) <= 5 * error + 1e-9)


class TestNextStates:
    def test_one_agent_by_hand(self):
        assert next_states(FORK, FORK_POLICY, "fork") == pytest.approx({"fork": 0.6, "left": 0.2, "right": 0.2})
        assert list(next_states(FORK, FORK_POLICY, "fork")) == ["fork", "left", "right"]
        assert next_states(FORK, FORK_POLICY, "left") == {"left": 1.0}

    def test_missing_joint_actions_are_renormalised_by_hand(self):
        # .5·.25, .5·.75, .5·.25 of the pairs that exist, which is .625 in all
        found = next_states(CROSSING, CROSSING_POLICIES, "apart")
        assert found == pytest.approx({"apart": 0.2, "human first": 0.2, "ai first": 0.6})
        assert next_states(CROSSING, CROSSING_POLICIES, "ai first") == {"apart": 1.0}

    @settings(max_examples=60, deadline=None)
    @given(game=games(max_states=5), seed=st.integers(0, 2**32 - 1))
    def test_games_of_two_and_three_against_plain_loops(self, game, seed):
        rng = np.random.default_rng(seed)
        policies = {agent: random_policy(rng, game, agent) for agent in game.agents}
        transitions, _, _ = dense(game)
        for s in range(game.num_states):
            wanted, total = np.zeros(game.num_states), 0.0
            for j, joint in enumerate(itertools.product(*map(range, game.num_actions))):
                weight = math.prod(policies[agent][s, a] for agent, a in zip(game.agents, joint, strict=True))
                wanted += weight * transitions[s, j]
                total += weight * transitions[s, j].sum()
            found = next_states(game, policies, game.state_labels[s])
            assert sum(found.values()) == pytest.approx(1, abs=1e-12)
            assert [found.get(label, 0.0) for label in game.state_labels] == pytest.approx(wanted / total, abs=1e-12)

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_where_all_joint_actions_exist_it_is_what_folding_gives(self, seed):
        rng = np.random.default_rng(seed)
        game = random_game(rng, 4, (3, 2), masked=False)
        policies = {agent: random_policy(rng, game, agent, sparse=True) for agent in game.agents}
        for agent, other in (("human", "ai"), ("ai", "human")):
            faced = game.against({other: policies[other]})
            assert np.allclose(chain(game, policies), chain(faced, policies[agent]), atol=1e-12)

    @settings(max_examples=30, deadline=None)
    @given(mdp=mdps())
    def test_models_of_one_agent(self, mdp):
        policy = mdp.available / mdp.available.sum(axis=1, keepdims=True)
        matrix = mdp.transition_matrix().toarray().reshape(mdp.num_states, mdp.num_actions, -1)
        assert np.allclose(chain(mdp, policy), np.einsum("sa,sat->st", policy, matrix), atol=1e-12)

    def test_policies_in_other_forms(self):
        class Wrapped:
            def __init__(self):
                self.table = FORK_POLICY.copy()

            def __array__(self, dtype=None, copy=None):
                return self.table

        wanted = next_states(FORK, FORK_POLICY, "fork")
        wrapped = Wrapped()
        assert next_states(FORK, torch.from_numpy(FORK_POLICY), "fork") == wanted
        assert next_states(FORK, FORK_POLICY.tolist(), "fork") == wanted
        assert next_states(FORK, wrapped, "fork") == wanted
        assert next_states(FORK, Policy(FORK, table=FORK_POLICY), "fork") == wanted
        assert wrapped.table.flags.writeable  # still theirs to change


class TestRollout:
    @pytest.mark.slow
    def test_frequencies_of_steps_are_those_of_next_states(self):
        game = PowerPair(walls="absent", noise=0.3).tables()
        policies = {agent: random_policy(np.random.default_rng(3), game, agent) for agent in game.agents}
        masked = {
            agent: table * game.available[agent] / (table * game.available[agent]).sum(axis=1, keepdims=True)
            for agent, table in policies.items()
        }
        start = game.state_labels[40]
        counts = np.zeros(game.num_states)
        joint = np.zeros(game.num_actions)
        for seed in range(3000):
            walk = rollout(game, policies, start, 1, seed)
            counts[walk.states[1]] += 1
            joint[tuple(walk.actions[0])] += 1
        exact = next_states(game, policies, start)
        assert_frequencies(counts, np.array([exact.get(label, 0.0) for label in game.state_labels]))
        assert_frequencies(joint, np.outer(masked["human"][40], masked["ai"][40]))  # the agents are independent

    @pytest.mark.slow
    def test_frequencies_where_a_joint_action_is_missing(self):
        counts = np.zeros((2, 2))
        for seed in range(3000):
            counts[tuple(rollout(CROSSING, CROSSING_POLICIES, "apart", 1, seed).actions[0])] += 1
        assert_frequencies(counts, np.array([[0.2, 0.6], [0.2, 0.0]]))

    @pytest.mark.slow
    def test_frequencies_after_several_steps(self):
        mdp = PowerGrid("open_3x3", noise=0.5).tables()
        policy = mdp.available / mdp.available.sum(axis=1, keepdims=True)
        counts = np.bincount([rollout(mdp, policy, None, 3, seed).states[-1] for seed in range(3000)], minlength=9)
        assert_frequencies(counts, mdp.initial @ np.linalg.matrix_power(chain(mdp, policy), 3))

    def test_the_seed_decides(self):
        mdp = PowerGrid("maze_7x7").tables()
        policy = mdp.available / mdp.available.sum(axis=1, keepdims=True)
        one, two, other = (rollout(mdp, policy, seed=seed) for seed in (5, 5, 6))
        assert np.array_equal(one.states, two.states)
        assert np.array_equal(one.actions, two.actions)
        assert not np.array_equal(one.states, other.states)
        longer = rollout(mdp, policy, num_steps=50, seed=5)
        assert np.array_equal(longer.states[:21], one.states)
        assert len({tuple(rollout(mdp, policy, seed=None).states) for _ in range(3)}) > 1

    def test_stops_in_terminal_states(self):
        walk = rollout(FORK, FORK_POLICY, num_steps=1000)
        assert walk.terminated
        assert walk.labels()[-1] in ("left", "right")
        assert "fork" in walk.labels()
        assert walk.num_steps < 1000
        assert walk.describe().endswith("the walk has ended in a terminal state")
        still = rollout(FORK, FORK_POLICY, "left")
        assert (still.num_steps, still.labels(), still.terminated) == (0, ("left",), True)

    def test_actions_lead_where_the_model_says(self):
        mdp = PowerGrid("maze_7x7").tables()
        walk = rollout(mdp, mdp.available / mdp.available.sum(axis=1, keepdims=True), "(0, 2)", 40)
        assert walk.labels()[0] == (0, 2)
        assert np.array_equal(mdp.successors()[walk.states[:-1], walk.actions], walk.states[1:])
        assert walk.action_labels() == tuple(mdp.action_labels[a] for a in walk.actions)
        game = PowerPair().tables()
        pair = rollout(game, uniform(game), "human=(0, 0), ai=(2, 2)", 40)
        assert pair.labels()[0] == ((0, 0), (2, 2))
        assert pair.actions.shape == (40, 2)
        assert np.array_equal(game.successors()[pair.states[:-1], pair.actions @ [5, 1]], pair.states[1:])
        assert pair.action_labels()[7] == {
            agent: game.action_labels[agent][a] for agent, a in zip(game.agents, pair.actions[7], strict=True)
        }

    def test_text(self):
        line = TabularMDP.from_transitions(
            [("a", "on", "b", 1.0), ("b", "on", "c", 1.0)], state_labels="abc", terminal=["c"]
        )
        walk = rollout(line, np.ones((3, 1)), "a")
        assert walk.describe({"POWER": [0.5, 0.25, 1.0]}).split("\n") == [
            "step   action  state  POWER",
            "start          a      0.5000",
            "1      on      b      0.2500",
            "2      on      c      1.0000",
            "the walk has ended in a terminal state",
        ]
        assert repr(walk) == "Rollout(2 steps, from a to c, terminal)"
        pair = rollout(CROSSING, CROSSING_POLICIES, "ai first", 1)
        assert pair.describe().split("\n")[0::2] == ["step   human  ai  state", "1      go     go  apart"]

    def test_states_by_text(self):
        class Named:  # different labels that print alike
            __str__ = __repr__ = lambda self: "here"

        loops = TabularMDP.from_transitions([(s, "on", s, 1.0) for s in (1, "1", 2, Named(), Named())])
        policy = np.ones((5, 1))
        assert rollout(loops, policy, "2").labels()[0] == 2
        assert rollout(loops, policy, "1").labels()[0] == "1"  # the label itself comes first
        with pytest.raises(ValueError, match="start: unknown state 'here'"):
            rollout(loops, policy, "here")


class TestFrames:
    def test_without_captions_they_are_the_pictures_of_the_states(self):
        mdp, game, key = PowerGrid("maze_7x7").tables(), PowerPair().tables(), OneKey()
        walk = rollout(mdp, mdp.available / mdp.available.sum(axis=1, keepdims=True), num_steps=3)
        pictures = StatePictures(mdp)
        for frame, s in zip(walk.frames(10, caption=False), walk.states, strict=True):
            assert frame.shape == (70, 70, 3)
            assert np.array_equal(frame, pictures.frame(s, 10))
        for model, world in ((game, None), (key.tables(), key)):
            walk, views = rollout(model, uniform(model), num_steps=3), GamePictures(model, world)
            for frame, s in zip(walk.frames(world=world, caption=False), walk.states, strict=True):
                assert np.array_equal(frame, views.frame(s))

    @pytest.mark.parametrize("together", [False, True])
    def test_both_agents_are_seen_and_named_by_colour(self, together):
        game = PowerPair().tables()
        views = GamePictures(game)
        assert np.array_equal(
            views.frame(5), GamePictures(game, PowerPair()).frame(5)
        )  # floor is floor without a world
        start = ((1, 1), (1, 1)) if together else ((1, 1), (0, 2))
        stay = {agent: np.eye(5)[np.zeros(9 * 9, int)] for agent in game.agents}
        first, second = rollout(game, stay, start, 1).frames(32)
        assert first.shape == second.shape
        for agent in game.agents:
            seen = np.all(second == views.colour(agent), axis=2)
            assert seen[:96].sum() > 40, "on the board"
            assert seen[96:].sum() >= 14 * 14, "in the caption"
        assert views.colour("human") != views.colour("ai")
        assert (first[96:] != second[96:]).any(), "the caption tells the step"

    def test_bars_show_where_a_number_is_between_the_lowest_and_the_highest(self):
        mdp = PowerGrid(("...",)).tables()
        right = np.eye(5)[[mdp.action_index("right")] * 3]
        walk = rollout(mdp, right, "(0, 0)", 2)
        shares = []
        for frame in walk.frames(columns={"POWER": [2.0, 5.0, 6.0]}):
            full, empty = (np.all(frame == colour, axis=2).sum() for colour in (FULL, EMPTY))
            shares.append(full / (full + empty))
        assert shares == pytest.approx([0.0, 0.75, 1.0], abs=0.01)

    def test_models_without_a_board(self):
        turner = turner_figure_1()
        walk = rollout(turner, turner.available / turner.available.sum(axis=1, keepdims=True), num_steps=4)
        assert len({frame.shape for frame in walk.frames()}) == 1
        first, second = rollout(CROSSING, CROSSING_POLICIES, "human first", 1).frames()
        assert first.shape == second.shape
        assert (first[:50] != second[:50]).any()

    def test_animation(self, tmp_path):
        mdp = PowerGrid(("....",)).tables()
        walk = rollout(mdp, np.eye(5)[[mdp.action_index("right")] * 4], "(0, 0)", 3)
        walk.save_animation(tmp_path / "walk.gif", frame_seconds=0.2, tile=16)
        with Image.open(tmp_path / "walk.gif") as film:
            assert film.n_frames == 4
            assert np.array_equal(np.array(film.convert("RGB")), next(walk.frames(16)))
            assert film.info["duration"] == 200
            film.seek(3)
            assert film.info["duration"] == 2000


def replaced(agent, table):
    return {**CROSSING_POLICIES, agent: table}


@pytest.mark.parametrize(
    ("model", "policies", "state", "message"),
    [
        (FORK, FORK_POLICY, "frok", "unknown state 'frok'; did you mean 'fork'"),
        (FORK, FORK_POLICY, 7, "unknown state 7"),
        (FORK, FORK_POLICY[:2], "fork", r"policies: expected shape \(3, 2\), found \(2, 2\)"),
        (FORK, FORK_POLICY * 0.9, "fork", "policies: expected rows that sum to 1"),
        (FORK, -FORK_POLICY, "fork", "policies: expected probabilities"),
        (FORK, np.full((3, 2), np.nan), "fork", "policies: expected probabilities of at least 0, found nan"),
        (FORK, {"ai": FORK_POLICY}, "fork", "policies: expected one table for a model of one agent"),
        (CROSSING, FORK_POLICY, "apart", "policies: expected {agent: table} for human, ai, found ndarray"),
        (CROSSING, {"human": FORK_POLICY}, "apart", "policies: .* found none for ai"),
        (CROSSING, replaced("robot", FORK_POLICY), "apart", "policies: unknown agent 'robot'"),
        (CROSSING, replaced("ai", np.ones((3, 3)) / 3), "apart", r"policy of ai: expected shape \(3, 2\)"),
        (CROSSING, dict.fromkeys(("human", "ai"), np.eye(2)[[1, 1, 1]]), "apart", "some joint action .*apart"),
        ("FrozenLake-v1", FORK_POLICY, 0, "model: expected a TabularMDP or a TabularGame, found str"),
    ],
)
def test_bad_models_policies_and_states(model, policies, state, message):
    with pytest.raises(ValueError, match=message):
        next_states(model, policies, state)
    with pytest.raises(ValueError, match=message):
        rollout(model, policies, state)


def test_actions_that_do_not_exist():
    mdp = PowerGrid("open_3x3", walls="absent").tables()
    with pytest.raises(
        ValueError, match=r"policies: .* found probability 1.0 for action 1 \(up\), which state 0 \(\(0, 0\)"
    ):
        next_states(mdp, np.eye(5)[[mdp.action_index("up")] * 9], "(0, 0)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_steps": -1}, "num_steps: expected a whole number of at least 0, found -1"),
        ({"num_steps": 2.5}, "num_steps: .* found 2.5"),
        ({"seed": -3}, "seed: expected a whole number of at least 0, found -3"),
        ({"seed": "one"}, "seed: .* found 'one'"),
    ],
)
def test_bad_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        rollout(FORK, FORK_POLICY, **options)


def test_bad_columns():
    walk = rollout(FORK, FORK_POLICY)
    with pytest.raises(ValueError, match=r"columns\['POWER'\]: expected a finite number for each of 3 states"):
        walk.describe({"POWER": [1.0]})
    with pytest.raises(ValueError, match=r"columns\['POWER'\]"):
        walk.frames(columns={"POWER": [1.0, np.nan, 0.0]})
    with pytest.raises(ValueError, match="columns: expected none without a caption"):
        walk.frames(caption=False, columns={"POWER": [1.0, 2.0, 3.0]})
