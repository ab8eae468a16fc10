"""Worlds edited by program: every edit, its undoing, and what is saved."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from powerenvs.model.game import TabularGame
from powerenvs.model.mdp import TabularMDP
from powerenvs.worlds.power import LEVELS, PowerGrid
from powerenvs.worlds.power.editing import EditedWorld
from powerenvs.worlds.power.pair import PowerPair


def test_edits_chain_and_change_nothing_in_place():
    plain = EditedWorld("maze_7x7")
    edited = plain.wall((0, 2)).remove("(0, 0)", "down")
    assert plain.model() == PowerGrid("maze_7x7").tables()
    assert edited.rows[0] == "..#...."
    mdp = edited.model()
    assert mdp.num_states == 30
    missing = [(mdp.state_labels[s], mdp.action_labels[a]) for s, a in np.argwhere(~mdp.available)]
    assert missing == [((0, 0), "down")]
    assert repr(edited) == "EditedWorld(7x7, one agent, noise 0, 1 transitions removed, 2 edits)"


def test_a_model_without_a_transition_is_the_list_without_it():
    """The same model from a plain list of transitions, one action left out."""
    cells = [(0, 0), (0, 1), (1, 0), (1, 1)]
    moves = {"stay": (0, 0), "up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    listed = []
    for r, c in cells:
        for action, (dr, dc) in moves.items():
            target = (r + dr, c + dc) if (r + dr, c + dc) in cells else (r, c)
            if ((r, c), action) != ((0, 1), "down"):
                listed.append(((r, c), action, target, 1.0))
    expected = TabularMDP.from_transitions(listed, state_labels=cells, action_labels=tuple(moves))
    assert EditedWorld("..\n..").remove((0, 1), "down").model() == expected


def test_drawing_makes_level_text():
    world = EditedWorld("...\n...").start((0, 0)).goal("(1, 2)").wall("0, 1").wall((1, 0)).floor((1, 0))
    assert world.text == "S#.\n..G"
    assert world.model() == PowerGrid("S#.\n..G").tables()
    assert world.level().rows == ("S#.", "..G")


def test_undo_and_redo_walk_through_the_history():
    steps = [EditedWorld("open_3x3")]
    for edit in (
        lambda w: w.wall((1, 1)),
        lambda w: w.remove((0, 0), "right"),
        lambda w: w.with_noise(0.25),
        lambda w: w.add_column(1),
    ):
        steps.append(edit(steps[-1]))
    world = steps[-1]
    for before in reversed(steps[:-1]):
        assert world.can_undo
        world = world.undo()
        assert world == before
        assert hash(world) == hash(before)
    assert not world.can_undo
    assert world.undo() == steps[0]
    for after in steps[1:]:
        assert world.can_redo
        world = world.redo()
        assert world == after
    assert not world.can_redo
    branch = world.undo().goal((2, 2))
    assert not branch.can_redo  # a new edit ends the old future
    assert branch.goal((2, 2)).undo() == steps[-2]  # an edit without effect leaves no trace


def test_removed_transitions_move_with_their_cells():
    world = EditedWorld("open_3x3").remove((1, 1), "left").remove((2, 0), "stay")
    assert {(e.cell, e.action) for e in world.add_row(1).removed} == {((2, 1), "left"), ((3, 0), "stay")}
    assert {(e.cell, e.action) for e in world.add_column().removed} == {((1, 1), "left"), ((2, 0), "stay")}
    assert {(e.cell, e.action) for e in world.remove_column(0).removed} == {((1, 0), "left")}
    assert {(e.cell, e.action) for e in world.remove_row(0).removed} == {((0, 1), "left"), ((1, 0), "stay")}
    assert world.remove_row(1).rows == ("...", "...")
    assert {(e.cell, e.action) for e in world.wall((1, 1)).removed} == {((2, 0), "stay")}
    assert world.wall((1, 1)).undo().removed == world.removed
    assert world.restore((1, 1), "left").restore((2, 0), "stay").model() == PowerGrid("open_3x3").tables()


def test_actions_say_which_exist():
    world = EditedWorld("open_3x3", walls="absent").remove((0, 0), "right")
    assert world.actions((0, 0)) == {"stay": True, "down": True, "right": False}
    assert world.wall((2, 2)).actions((2, 2)) == {}


def test_levels_that_are_no_world_can_be_passed_through():
    world = EditedWorld("..").wall((0, 0)).wall((0, 1))
    with pytest.raises(ValueError, match="expected at least one free cell, found walls only"):
        world.model()
    assert world.floor((0, 1)).model().num_states == 1
    cut_off = EditedWorld("S..").wall((0, 1))
    with pytest.raises(ValueError, match="walled in on all sides"):
        cut_off.level()
    stuck = EditedWorld("..", walls="absent").remove((0, 0), "stay").wall((0, 1))
    with pytest.raises(ValueError, match="expected at least one action in every state"):
        stuck.model()


BAD = [
    (lambda w: w.wall((3, 0)), "cell: expected .row, column. from .0, 0. to .2, 2., found .3, 0."),
    (lambda w: w.wall("down there"), "cell: expected .row, column. .* found 'down there'"),
    (lambda w: w.draw((0, 0), "X"), "glyph: expected one of # . S G, found 'X'"),
    (lambda w: w.remove((0, 0), "dwon"), "unknown action 'dwon'; did you mean 'down'"),
    (lambda w: w.remove((0, 0), "down").remove((0, 0), "down"), "down does not exist in .0, 0.; it has stay, up, left"),
    (lambda w: w.wall((1, 1)).remove((1, 1), "up"), "found a wall in .1, 1."),
    (lambda w: w.goal((1, 1)).remove((1, 1), "up"), "found a goal in .1, 1."),
    (lambda w: w.remove((0, 0), "up", "ai"), "agent: expected None in a world of one agent, found 'ai'"),
    (lambda w: w.restore((0, 0), "up"), "restore: up is not removed in .0, 0."),
    (lambda w: w.with_noise(1.5), "noise: expected a number from 0 to 1, found 1.5"),
    (lambda w: w.add_row(5), "position: expected a row from 0 to 3, found 5"),
    (lambda w: w.remove_column(3), "position: expected a column from 0 to 2, found 3"),
    (lambda w: w.remove_row().remove_row().remove_row(), "keeps at least one row"),
    (lambda w: w.place("human", (0, 0)), "a world of one agent marks its start with 'S'"),
    (lambda w: w.save("level.text"), "path: expected a name that ends in .txt, found 'level.text'"),
    (lambda w: EditedWorld("maze_7x8"), "no shipped level is called 'maze_7x8'; did you mean 'maze_7x7'"),
    (lambda w: EditedWorld("open_3x3", overlaps=False), "overlaps: expected True for a world of one agent"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_edits_are_refused(edit, message):
    with pytest.raises(ValueError, match=message):
        edit(EditedWorld("open_3x3"))


def test_the_last_action_stays():
    world = EditedWorld("open_3x3")
    for action in ("stay", "up", "down", "left"):
        world = world.remove((0, 0), action)
    with pytest.raises(ValueError, match="right is the last action in"):
        world.remove((0, 0), "right")
    assert world.model().available[0].sum() == 1


# Two agents


def test_a_pair_loses_joint_actions():
    game = EditedWorld("open_3x3", pair=True).remove((0, 0), "down", "ai").model()
    whole = PowerPair("open_3x3").tables()
    assert isinstance(game, TabularGame)
    there = np.all(game.cells[:, 1] == (0, 0), axis=1)
    taken = game.joint_actions[:, 1] == game.action_index("ai", "down")
    assert np.array_equal(game.joint_available, whole.joint_available & ~(there[:, None] & taken[None]))
    assert np.array_equal(game.initial, whole.initial)
    both = EditedWorld("open_3x3", pair=True).remove((0, 0), "down")
    assert {entry.agent for entry in both.removed} == {"human", "ai"}
    assert both.restore((0, 0), "down", "human").model() == game


def test_places_fix_the_joint_start():
    world = EditedWorld("S..\n..S", pair=True).place("ai", (1, 0))
    game = world.model()
    starts = {game.state_labels[s]: float(game.initial[s]) for s in np.flatnonzero(game.initial)}
    assert starts == {((0, 0), (1, 0)): 0.5, ((1, 2), (1, 0)): 0.5}
    assert world.place("ai", None).model() == PowerPair("S..\n..S").tables()
    assert world.wall((1, 0)).places == {}
    apart = EditedWorld("...", pair=True, overlaps=False).place("human", (0, 0))
    with pytest.raises(ValueError, match="is the other agent's place"):
        apart.place("ai", (0, 0))
    with pytest.raises(ValueError, match="found a wall in"):
        world.wall((0, 1)).place("ai", (0, 1))
    with pytest.raises(ValueError, match="unknown agent 'robot'"):
        world.place("robot", (0, 0))
    assert not np.any(np.all(apart.model().cells[:, 0] == apart.model().cells[:, 1], axis=1))


# Files


def test_saving_text_and_model(tmp_path):
    world = EditedWorld("maze_7x7").wall((0, 2))
    assert world.save(tmp_path / "new" / "maze.txt") == [tmp_path / "new" / "maze.txt"]
    assert (tmp_path / "new" / "maze.txt").read_text() == world.text + "\n"
    assert EditedWorld.load(tmp_path / "new" / "maze.txt") == world
    path = tmp_path / "maze.txt"
    less = world.remove((0, 0), "down")
    assert less.beyond_text
    assert less.save(path) == [path, tmp_path / "maze.npz"]
    assert TabularMDP.load(tmp_path / "maze.npz") == less.model()
    assert world.save(path) == [path, tmp_path / "maze.npz"]  # no model of an earlier save stays behind
    assert TabularMDP.load(tmp_path / "maze.npz") == world.model()


WORLDS = [
    EditedWorld("maze_7x7", noise=0.1).remove((0, 0), "down"),
    EditedWorld("maze_7x7", noise=0.1, walls="absent").remove((0, 0), "down"),
    EditedWorld("S.G\n...", noise=0.1).remove((0, 0), "stay"),
    EditedWorld("open_3x3", noise=0.1, pair=True).remove((0, 0), "down", "ai").place("human", (1, 1)),
    EditedWorld("..G\nS.S", noise=0.1, pair=True, overlaps=False, walls="absent").remove((0, 0), "down").place("ai", (0, 0)),
]  # fmt: skip


@pytest.mark.parametrize("world", WORLDS, ids=repr)
def test_models_are_opened_again(world, tmp_path):
    world.save(tmp_path / "level.txt")
    assert EditedWorld.load(tmp_path / "level.npz", noise=0.1) == world
    with pytest.raises(ValueError, match=r"level with noise 0.2, found another one"):
        EditedWorld.load(tmp_path / "level.npz", noise=0.2)


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        EditedWorld.load(tmp_path / "none.txt")
    with pytest.raises(FileNotFoundError):
        EditedWorld.load(tmp_path / "none.npz")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="found an empty level"):
        EditedWorld.load(tmp_path / "empty.txt")
    (tmp_path / "word.txt").write_text("maze_7x7")  # text, not the name of a level
    with pytest.raises(ValueError, match="unknown glyph 'm' in line 1, column 1"):
        EditedWorld.load(tmp_path / "word.txt")
    (tmp_path / "picture.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="found a file that is no text"):
        EditedWorld.load(tmp_path / "picture.txt")
    TabularMDP.from_transitions([(0, 0, 0, 1.0)]).save(tmp_path / "graph.npz")
    with pytest.raises(ValueError, match="expected the model of an edited level"):
        EditedWorld.load(tmp_path / "graph.npz")


def test_nothing_is_written_that_is_not_whole(tmp_path):
    path = tmp_path / "level.txt"
    path.write_text("...\n")
    with pytest.raises(ValueError, match="walls only"):
        EditedWorld(".").wall((0, 0)).save(path)
    np.savez(tmp_path / "level.npz", other=np.zeros(3))
    with pytest.raises(ValueError, match=r"level.npz', where the model goes, holds something else"):
        EditedWorld("..").remove((0, 0), "stay").save(path)
    assert path.read_text() == "...\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["level.npz", "level.txt"]


EDITS = st.one_of(
    st.tuples(st.just("draw"), st.integers(0, 3), st.integers(0, 3), st.sampled_from("#.SG")),
    st.tuples(st.just("remove"), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["stay", "up", "right"])),
    st.tuples(st.sampled_from(["add_row", "add_column", "remove_row", "remove_column"]), st.integers(0, 3)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EDITS, max_size=12), st.sampled_from(["bump", "absent"]))
def test_any_sequence_of_edits_can_be_taken_back(edits, walls):
    world = first = EditedWorld(LEVELS["open_3x3"], walls=walls)
    made = []
    for name, *arguments in edits:
        if len(arguments) == 3:
            arguments = [tuple(arguments[:2]), arguments[2]]
        before = world
        try:
            world = getattr(world, name)(*arguments)
        except ValueError:
            continue
        if world is not before:
            made.append(before)
        assert {len(row) for row in world.rows} == {world.shape[1]}
        rows, columns = world.shape
        assert all(e.cell[0] < rows and e.cell[1] < columns for e in world.removed)
        assert all(world.rows[e.cell[0]][e.cell[1]] in ".S" for e in world.removed)
    last = world
    for before in reversed(made):
        world = world.undo()
        assert world == before
    assert world == first
    for _ in made:
        world = world.redo()
    assert world == last


def test_records_hold_everything_about_a_world():
    from powerenvs.worlds.power.edited_records import record_of, world_of

    world = (
        EditedWorld("open_3x3", 0.2, "absent", pair=True).place("ai", (0, 1)).remove((1, 1), "up", "human").wall((2, 2))
    )
    record = json.loads(json.dumps(record_of(world)))
    assert world_of(record) == world
    assert world_of({"rows": ["##"]}).rows == ("##",)  # no world yet, as edits may pass through
    with pytest.raises(ValueError, match="walls only"):
        world_of({"rows": ["##"]}).model()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "rows: expected rows of text"),
        ({"rows": ["..", "."]}, "one length"),
        ({"rows": ["?"]}, "expected the glyphs"),
        ({"rows": [".."], "noise": "1"}, "noise"),
        ({"rows": [".."], "noise": float("nan")}, "noise"),
        ({"rows": [".."], "walls": ["bump"]}, "walls"),
        ({"rows": [".."], "pair": 1}, "pair"),
        ({"rows": [".."], "row": 1}, "did you mean 'rows'"),
        ({"rows": [".."], "removed": [[0, 0, "jump", None]]}, "unknown action 'jump'"),
        ({"rows": [".."], "removed": [[0, 9, "up", None]]}, "cell: expected"),
        ({"rows": [".."], "removed": [[0, 0, "up", "ai"]]}, "agent"),
        ({"rows": [".#"], "removed": [[0, 1, "up", None]]}, "found a wall"),
        ({"rows": [".."], "places": {"ai": [0, 0]}}, "places"),
        ({"rows": ["." * 101]}, "at most 100"),
    ],
)
def test_what_is_no_record(record, message):
    from powerenvs.worlds.power.edited_records import world_of

    with pytest.raises(ValueError, match=message):
        world_of(record)


def test_edits_as_values():
    from powerenvs.worlds.power.edited_records import EDITS, edited

    world = EditedWorld("open_3x3")
    pair = EditedWorld("open_3x3", pair=True)
    cell = {"cell": [1, 1]}
    assert edited(world, {"op": "draw", **cell, "glyph": "#"}) == world.wall((1, 1))
    assert edited(world, {"op": "remove", **cell, "action": "up"}) == world.remove((1, 1), "up")
    gone = pair.remove((1, 1), "up", "ai")
    assert edited(pair, {"op": "remove", **cell, "action": "up", "agent": "ai"}) == gone
    assert edited(gone, {"op": "restore", **cell, "action": "up", "agent": "ai"}) == pair
    assert edited(pair, {"op": "place", **cell, "agent": "ai"}) == pair.place("ai", (1, 1))
    assert edited(pair.place("ai", (1, 1)), {"op": "place", "cell": None, "agent": "ai"}) == pair
    assert edited(world, {"op": "noise", "noise": 0.5}).noise == 0.5
    for op in ("add_row", "add_column", "remove_row", "remove_column"):
        assert edited(world, {"op": op, "at": 1}) == getattr(world, op)(1)
    for edit in ({"op": "fly"}, {}, [], {"op": ["draw"]}, *({"op": op, "cell": "x", "at": "x"} for op in EDITS)):
        with pytest.raises(ValueError, match="expected"):
            edited(world, edit)
