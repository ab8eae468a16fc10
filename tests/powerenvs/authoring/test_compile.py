"""From worlds to tables: enumeration, and its errors."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from powerenvs import Level, Outcome, TabularMDP, World, compile_world
from powerenvs.worlds.power import PowerGrid


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


def test_empty_model_is_an_error():
    with pytest.raises(ValueError, match="available"):
        TabularMDP(indptr=[0], successor=[], probability=[], available=np.zeros((0, 1), bool))
