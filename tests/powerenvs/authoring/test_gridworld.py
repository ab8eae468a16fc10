"""`GridWorld`, what levels give to it, and which states look alike."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from powerenvs import Level, Outcome, TabularMDP, compile_world
from powerenvs.authoring.gridworld import GridWorld, ahead, chosen

LEGEND = {" ": "floor", "A": "agent", "B": "box", "G": "goal"}


class Hidden(NamedTuple):
    agent: tuple[int, int]
    luck: bool


class Room(GridWorld[Hidden]):
    """A room in which luck is hidden, except in the goal."""

    legend: ClassVar = LEGEND

    def initial(self):
        return [(0.5, Hidden(self.start, True)), (0.5, Hidden(self.start, False)), (0.0, Hidden((2, 1), True))]

    def terminal(self, state):
        return self.level[state.agent] == "G"

    def step(self, state, action):
        return [Outcome(1.0, state._replace(agent=self.walk(state.agent, action, self.art.places("B"))))]

    def board(self, state):
        agent = "B" if state.luck and self.terminal(state) else "A"
        return self.level.draw((agent, [state.agent]))


TEXT = """
    ####
    #AG#
    # ##
    ####
"""


class TestLevel:
    level = Level.parse(["#A#", " BG"], LEGEND, start=None)

    def test_places_and_glyphs(self):
        assert self.level.places("A") == ((0, 1),)
        assert self.level.places("GA ") == ((0, 1), (1, 0), (1, 2))
        assert self.level.places("X") == ()
        assert self.level[1, 2] == "G"

    def test_walls_are_all_around(self):
        walls = [cell for r in range(-1, 3) for c in range(-1, 4) if self.level.is_wall(cell := (r, c))]
        assert len(walls) == 4 * 5 - 4
        assert not {(0, 1), (1, 0), (1, 1), (1, 2)} & set(walls)

    def test_the_last_layer_is_on_top(self):
        assert self.level.draw() == self.level.rows
        assert self.level.draw(("x", [(0, 0), (0, 1)]), ("y", [(0, 1)])) == ("xy#", " BG")
        assert self.level.rows == ("#A#", " BG")


class TestMovement:
    def test_walls_edges_and_obstacles_block(self):
        world = Room(["A  ", " #B"], movable="AB")
        assert [world.walk((0, 0), action) for action in world.actions] == [(0, 0), (1, 0), (0, 0), (0, 1)]
        assert world.walk((0, 1), "down") == (0, 1)
        assert world.walk((0, 2), "down") == (1, 2)
        assert world.walk((0, 2), "down", blocked=world.art.places("B")) == (0, 2)

    def test_the_level_is_without_what_moves(self):
        world = Room(["A G", " #B"], movable="AB")
        assert world.level.rows == ("  G", " # ")
        assert world.art.rows == ("A G", " #B")
        assert world.start == (0, 0)

    def test_noop(self):
        assert Room(TEXT).actions == ("up", "down", "left", "right")
        world = Room(TEXT, noops=True)
        assert world.actions[4:] == ("noop",)
        assert world.walk((1, 1), "noop") == ahead((1, 1), "noop") == (1, 1)
        assert [ahead((5, 5), action) for action in world.actions[:4]] == [(4, 5), (6, 5), (5, 4), (5, 6)]

    def test_unknown_glyphs_are_refused(self):
        with pytest.raises(ValueError, match="Room: unknown glyph 'x' in line 1, column 2"):
            Room(["Ax"])


def test_choices_may_come_as_text():
    assert chosen("level", 1, {0: "a", 1: "b"}) == 1
    assert chosen("level", "1", (0, 1)) == 1
    assert chosen("level", "small", [0, "small"]) == "small"
    with pytest.raises(ValueError, match="level: unknown choice 'smalls'; did you mean 'small'"):
        chosen("level", "smalls", [0, "small"])
    with pytest.raises(ValueError, match="level: unknown choice None; known: '0', '1'"):
        chosen("level", None, [0, 1])


class TestObservationClasses:
    def test_states_with_one_board_look_alike(self):
        mdp = compile_world(Room(TEXT))
        classes = [{mdp.state_labels[s] for s in alike} for alike in mdp.observation_classes()]
        assert classes == [
            {Hidden((1, 1), True), Hidden((1, 1), False)},
            {Hidden((2, 1), True), Hidden((2, 1), False)},
            {Hidden((1, 2), True)},
            {Hidden((1, 2), False)},
        ]
        assert sorted(np.concatenate(mdp.observation_classes()).tolist()) == list(range(mdp.num_states))

    def test_without_boards_no_two_states_look_alike(self):
        mdp = TabularMDP.from_transitions([(0, 0, 1, 1.0), (1, 0, 0, 1.0)])
        assert [alike.tolist() for alike in mdp.observation_classes()] == [[0], [1]]

    def test_numbers_are_kept_but_are_not_the_model(self, tmp_path):
        mdp = compile_world(Room(TEXT))
        mdp.save(tmp_path / "room.npz")
        again = TabularMDP.load(tmp_path / "room.npz")
        assert again.observation.tolist() == mdp.observation.tolist()
        blind = mdp.with_(observation=None)
        assert blind == mdp
        assert blind.fingerprint == mdp.fingerprint
        assert len(blind.observation_classes()) == mdp.num_states
        assert [alike.tolist() for alike in mdp.with_(observation=[7, 3, 7, 3, 5, 9]).observation_classes()] == [
            [0, 2],
            [1, 3],
            [4],
            [5],
        ]

    def test_bad_numbers(self):
        with pytest.raises(ValueError, match="observation: expected shape"):
            compile_world(Room(TEXT)).with_(observation=[0, 1])


def test_starts_of_probability_0_are_in_the_tables():
    mdp = compile_world(Room(TEXT))
    assert mdp.initial.tolist() == [0.5, 0.5, 0, 0, 0, 0]
    assert mdp.num_states == 6
