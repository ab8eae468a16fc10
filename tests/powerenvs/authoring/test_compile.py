"""From worlds to tables: enumeration, its errors, and the one door to the tables."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import gymnasium as gym
import numpy as np
import pytest

from powerenvs import Level, Outcome, TabularMDP, World, compile_world, tabular_model
from powerenvs.worlds.power import PowerGrid, turner_figure_1

TAXI = max(name for name in gym.registry if name.startswith("Taxi-"))  # v4 from Gymnasium 1.4 on
CLIFF = "CliffWalking-v1" if "CliffWalking-v1" in gym.registry else "CliffWalking-v0"
OF_GYMNASIUM_1_2 = [(CLIFF, {"is_slippery": True}), (TAXI, {"is_rainy": True})] if CLIFF.endswith("v1") else []


class Trip(NamedTuple):
    agent: tuple[int, int]
    has_key: bool


class KeyAndDoor(World[Trip]):
    """A corridor with a key at one end and a door at the other: start in the middle, the door needs the key."""

    actions: ClassVar[tuple[str, ...]] = ("left", "right", "rest")
    level = Level.parse("K.S.D", {"K": "key", "D": "door", "S": "start", ".": "floor"})

    def initial(self):
        return [(1.0, Trip((0, 2), False))]

    def available(self, state):
        return self.actions if state.has_key else ("left", "right")

    def terminal(self, state):
        return state.agent == (0, 4) and state.has_key

    def step(self, state, action):
        column = min(max(state.agent[1] + {"left": -1, "right": 1, "rest": 0}[action], 0), 4)
        after = Trip((0, column), state.has_key or column == 0)
        if action == "rest":
            return [Outcome(1.0, after, 0.0, performance=-1.0)]
        return [Outcome(0.9, after, float(self.terminal(after))), Outcome(0.1, state), Outcome(0.0, Trip((9, 9), True))]


class TestCompileWorld:
    def test_states_are_found_breadth_first(self):
        mdp = compile_world(KeyAndDoor())
        assert mdp.state_labels[:3] == (Trip((0, 2), False), Trip((0, 1), False), Trip((0, 3), False))
        assert mdp.num_states == 9  # the key is picked up at column 0, so (0, False) is never seen
        assert mdp.initial.tolist() == [1.0] + [0.0] * 8
        assert mdp == KeyAndDoor().tables()

    def test_rows_are_what_the_world_says(self):
        mdp = compile_world(KeyAndDoor())
        near = mdp.index(Trip((0, 3), True))
        door = mdp.index(Trip((0, 4), True))
        assert mdp.P[near][mdp.action_index("right")] == [(0.1, near, 0.0, False), (0.9, door, 1.0, True)]
        assert mdp.terminal.tolist() == [s == door for s in range(9)]
        assert mdp.available[door].all()
        assert not mdp.available[0, mdp.action_index("rest")]

    def test_hidden_performance(self):
        mdp = compile_world(KeyAndDoor())
        state = mdp.index(Trip((0, 1), True))
        hidden = mdp.reward_tensor(performance=True)[state]
        assert hidden.tolist() == [0.0, 0.0, -1.0]
        assert mdp.reward_tensor()[state].tolist() == [0.0, 0.0, 0.0]

    def test_the_level_is_the_board(self):
        mdp = compile_world(KeyAndDoor())
        assert mdp.board == ("K.S.D",)
        assert mdp.find(cell=(0, 0)).tolist() == [mdp.index(Trip((0, 0), True))]
        assert mdp.find(agent=(0, 3), has_key=True).tolist() == [mdp.index(Trip((0, 3), True))]

    def test_a_level_in_which_no_state_has_a_place_is_no_board(self):
        class Nowhere(KeyAndDoor):
            def cell(self, state):
                return None

        mdp = compile_world(Nowhere())
        assert mdp.board is None
        assert mdp.cells is None
        assert mdp.num_states == 9

    def test_a_world_that_gives_its_own_tables(self):
        grid = PowerGrid("maze_7x7")
        assert compile_world(grid) == grid.tables()

    def test_too_many_states(self):
        with pytest.raises(ValueError, match="KeyAndDoor: found more than max_states=5 states"):
            compile_world(KeyAndDoor(), max_states=5)

    def test_probabilities_that_do_not_sum_to_one(self):
        class Leaky(KeyAndDoor):
            def step(self, state, action):
                return [Outcome(0.9, state)]

        with pytest.raises(ValueError, match=r"sum to 1 .* found 0.9 in state 0 \(agent=\(0, 2\), has_key=False\)"):
            compile_world(Leaky())

    def test_negative_probabilities_that_cancel(self):
        class Cancelling(KeyAndDoor):
            def step(self, state, action):
                return [Outcome(-0.5, state), Outcome(1.5, state)]

        with pytest.raises(ValueError, match=r"Cancelling.step\(agent=.*at least 0, found -0.5 for agent=\(0, 2\)"):
            compile_world(Cancelling())

    def test_negative_start_probabilities_that_cancel(self):
        class Cancelling(KeyAndDoor):
            def initial(self):
                return [(-1.0, Trip((0, 2), False)), (2.0, Trip((0, 2), False))]

        with pytest.raises(
            ValueError, match=r"Cancelling.initial\(\): expected probabilities of at least 0, found -1.0"
        ):
            compile_world(Cancelling())

    def test_unknown_actions(self):
        class Mistaken(KeyAndDoor):
            def available(self, state):
                return ("lift",)

        with pytest.raises(ValueError, match=r"Mistaken.available\(agent=.*unknown action 'lift'; did you mean 'left'"):
            compile_world(Mistaken())


class TestTabularModel:
    def test_models_and_worlds_are_their_own(self):
        mdp = turner_figure_1()
        assert tabular_model(mdp) is mdp
        assert tabular_model(KeyAndDoor()) == compile_world(KeyAndDoor())

    def test_our_environments_wrapped_and_vectorised(self):
        expected = PowerGrid("maze_7x7", noise=0.1).tables()
        kwargs = {"level": "maze_7x7", "noise": 0.1}
        env = gym.make("PowerGrid-v0", **kwargs)
        assert tabular_model(env) == expected
        assert tabular_model(gym.wrappers.TransformReward(env, lambda r: r)) == expected
        assert tabular_model(gym.make_vec("PowerGrid-v0", num_envs=3, **kwargs)) == expected
        for mode in ("sync", "async"):
            copies = gym.make_vec("PowerGrid-v0", num_envs=2, vectorization_mode=mode, **kwargs)
            assert tabular_model(copies) == expected
            copies.close()

    def test_what_has_no_tables_says_what_to_do(self):
        with pytest.raises(ValueError, match=r"found no tables in CartPoleEnv.*compile_env.*powerenvs.World"):
            tabular_model(gym.make("CartPole-v1"))

    @pytest.mark.parametrize(
        ("name", "kwargs"),
        [
            ("FrozenLake-v1", {}),
            ("FrozenLake-v1", {"map_name": "8x8", "is_slippery": False}),
            (CLIFF, {}),
            (TAXI, {}),
            *OF_GYMNASIUM_1_2,
        ],
    )
    def test_toy_text_tables_agree_with_the_environment(self, name, kwargs):
        """Every step of random episodes is an entry of the table, with its reward and its end."""
        env = gym.make(name, **kwargs)
        mdp = tabular_model(env)
        assert mdp.num_states == env.observation_space.n
        rng = np.random.default_rng(0)
        for episode in range(20):
            state, _ = env.reset(seed=episode)
            assert mdp.initial[state] > 0
            for _ in range(100):
                action = int(rng.integers(env.action_space.n))
                target, reward, terminated, truncated, _ = env.step(action)
                entries = {(t, r, ended) for _, t, r, ended in mdp.P[state][action]}
                assert (target, reward, terminated) in entries
                state = target
                if terminated or truncated:
                    break

    def test_frozen_lake_by_the_rules(self):
        """Slippery ice: the chosen direction and the two beside it, a third each; equal targets add up."""
        mdp = tabular_model(gym.make("FrozenLake-v1"))
        assert mdp.action_labels == ("left", "down", "right", "up")
        corner = mdp.P[0][0]
        assert [(t, pytest.approx(p)) for p, t, _, _ in corner] == [(0, 2 / 3), (4, 1 / 3)]
        assert [mdp.state_labels[s] for s in np.flatnonzero(mdp.terminal)] == [(1, 1), (1, 3), (2, 3), (3, 0), (3, 3)]
        assert mdp.board == ("SFFF", "FHFH", "FFFH", "HFFG")

    def test_taxi_ends_at_the_destination_only(self):
        mdp = tabular_model(gym.make(TAXI))
        ends = [mdp.state_labels[s] for s in np.flatnonzero(mdp.terminal)]
        assert sorted(label.agent for label in ends) == [(0, 0), (0, 4), (4, 0), (4, 3)]
        assert all(label.passenger == label.destination for label in ends)

    @pytest.mark.skipif(not OF_GYMNASIUM_1_2, reason="gymnasium 1.1 has no passengers that change their mind")
    def test_taxi_with_a_fickle_passenger(self):
        with pytest.raises(ValueError, match="fickle_passenger=True changes the destination"):
            tabular_model(gym.make(TAXI, fickle_passenger=True))


class TestPDictionaries:
    def test_a_state_entered_both_ways_gets_a_terminal_twin(self):
        from powerenvs.sources.p_dict import read_p

        P = {0: {0: [(0.5, 1, 1.0, True), (0.5, 1, 0.0, False)]}, 1: {0: [(1.0, 0, 0.0, False)]}}
        mdp = read_p(P, [1.0, 0.0], state_labels=("a", "b"))
        assert mdp.state_labels == ("a", "b", ("b", "terminated"))
        assert mdp.terminal.tolist() == [False, False, True]
        assert mdp.P[0][0] == [(0.5, 1, 0.0, False), (0.5, 2, 1.0, True)]

    def test_an_end_that_is_also_a_start_gets_a_twin(self):
        from powerenvs.sources.p_dict import read_p

        mdp = read_p({0: {0: [(1.0, 0, 1.0, True)]}}, [1.0])
        assert mdp.terminal.tolist() == [False, True]

    def test_what_is_listed_after_the_end_is_left_out(self):
        from powerenvs.sources.p_dict import read_p

        P = {0: {0: [(1.0, 1, 1.0, True)]}, 1: {0: [(1.0, 0, 5.0, False)]}}
        mdp = read_p(P, [1.0, 0.0])
        assert mdp.P[1][0] == [(1.0, 1, 0.0, True)]

    def test_round_trip_through_our_own_p(self):
        from powerenvs.sources.p_dict import read_p

        mdp = PowerGrid("four_rooms", noise=0.2).tables()
        again = read_p(mdp.P, mdp.initial, mdp.state_labels, mdp.action_labels)
        assert again == mdp

    @pytest.mark.parametrize(
        ("P", "initial", "message"),
        [
            ({1: {0: [(1.0, 1, 0.0, False)]}}, [1.0], "P: expected states 0 to 0"),
            ({}, [], "P: expected states"),
            ({0: {0: [(1.0, 0, 0.0, False)]}}, [0.5, 0.5], r"initial: expected shape \(1,\)"),
            ({0: {0: [(0.5, 0, 0.0, False)]}}, [1.0], "sum to 1"),
            ({0: {0: [(1.5, 0, 0.0, False), (-0.5, 0, 0.0, False)]}}, [1.0], r"P: .* of at least 0, found .*-0.5"),
        ],
    )
    def test_errors(self, P, initial, message):
        from powerenvs.sources.p_dict import read_p

        with pytest.raises(ValueError, match=message):
            read_p(P, initial)


def test_empty_model_is_an_error():
    with pytest.raises(ValueError, match="available"):
        TabularMDP(indptr=[0], successor=[], probability=[], available=np.zeros((0, 1), bool))
