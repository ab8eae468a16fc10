"""Text levels: how they are read, how large they are, and that each is stepped through as its walls say."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections import deque

import numpy as np
import pytest

from powerenvs import compile_world, tabular_model
from powerenvs.worlds.labs import Lab
from powerenvs.worlds.labs.lab import LabState
from powerenvs.worlds.labs.levels import LEVELS
from powerenvs.worlds.labs.sources import GENERATORS, generated
from powerenvs.worlds.labs.text import LabText

SIZES = {
    "nav_maze_random_goal_01": 50,
    "nav_maze_random_goal_02": 135,
    "nav_maze_random_goal_03": 260,
    "nav_maze_static_01": 50,
    "nav_maze_static_02": 135,
    "nav_maze_static_03": 260,
    "make_map_from_text_demo": 61,
    "text_level_doc_example": 42,  # of 55 cells, 13 cannot be reached
    "language_twoAreaMap": 18,
    "language_twoRoomMap": 21,
    "language_fourRoomMap": 41,
    "language_sixRoomMap": 69,
    "language_quantificationSmallMap": 22,
    "keys_doors_red_herring_key": 20,
    "keys_doors_simple_trap": 27,
    "keys_doors_trap": 34,
}
SPAWNS = {"nav_maze_static_01": 38, "nav_maze_static_02": 116, "nav_maze_static_03": 227}
STEPS = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1)}
TURNED = list(STEPS)


def searched(rows, thin, start):
    """{(row, column, heading): steps} from turning and walking, worked out from the characters alone."""

    def free(r, c):
        return 0 <= r < len(rows) and 0 <= c < len(rows[r]) and rows[r][c] != "*"

    def ahead(r, c, heading):
        dr, dc = STEPS[heading]
        if not thin:
            return (r + dr, c + dc) if free(r + dr, c + dc) else (r, c)
        r2, c2 = 2 * r + 1, 2 * c + 1
        return (r + dr, c + dc) if free(r2 + dr, c2 + dc) and free(r2 + 2 * dr, c2 + 2 * dc) else (r, c)

    found, queue = {start: 0}, deque([start])
    while queue:
        r, c, heading = queue.popleft()
        k = TURNED.index(heading)
        for step in (*ahead(r, c, heading), heading), (r, c, TURNED[k - 1]), (r, c, TURNED[(k + 1) % 4]):
            if step not in found:
                found[step] = found[r, c, heading] + 1
                queue.append(step)
    return found


@pytest.mark.parametrize("name", SIZES)
def test_cells_and_states_of_the_levels(name):
    kwargs = {} if "random" in name else {"num_pickups": 0}
    mdp = tabular_model(Lab(name, randomise=(), **kwargs) if "random" not in name else Lab(name, randomise="spawn"))
    assert len({state.agent for state in mdp.state_labels}) == SIZES[name]
    assert mdp.num_states == 4 * SIZES[name]
    assert mdp.action_labels == ("turn_left", "turn_right", "forward")
    if name in SPAWNS:
        assert len({mdp.state_labels[s].agent for s in np.flatnonzero(mdp.initial)}) == SPAWNS[name]


def test_cells_that_cannot_be_reached_are_in_the_text():
    assert len(LabText.parse(LEVELS["text_level_doc_example"].text).cells) == 55


@pytest.mark.parametrize("name", ["nav_maze_static_01", "nav_maze_random_goal_02", "keys_doors_trap", "corridors"])
def test_shortest_paths_are_those_of_a_search_through_the_text(name):
    shipped = LEVELS[name]
    rows = [row for row in shipped.text.split("\n") if row]
    lab = Lab(name, pickups={}, randomise="spawn")
    mdp = lab.tables()
    start = mdp.state_labels[0]
    expected = searched(rows, shipped.walls == "thin", (*start.agent, start.heading))
    steps, edge, level = {0: 0}, [0], 0
    while edge:
        level += 1
        edge = sorted({int(s) for s in mdp.successors()[edge].ravel()} - set(steps))
        steps |= dict.fromkeys(edge, level)
    found = {(*mdp.state_labels[s].agent, mdp.state_labels[s].heading): n for s, n in steps.items()}
    assert found == expected


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"level": "nav_maze_static_01", "num_pickups": 2},
        {"level": "nav_maze_static_01", "renew": True, "actions": "impala9"},
        {"level": "small_maze", "actions": "allo", "min_distance": 2},
        {"level": "small_arena", "strafe": True, "heading": "east"},
        {"level": "explore_goal_locations_small"},
        {"level": "make_map_from_text_demo", "directions": 8, "strafe": True},
        {"level": "nav_maze_static_01", "directions": 8, "actions": "impala9", "renew": True},
        {"level": "P S  \n G  W", "scatter": 0.5, "seed": 1, "pickups": {"A": 1.5, "S": -1.0, "G": "goal"}},
        {"level": "P S\nG W", "pickups": {"S": "strawberry_reward", "W": -2.5, "G": "mango_goal"}, "randomise": "goal"},
    ],
    ids=lambda kwargs: kwargs.get("level", "default"),
)
def test_tables_are_those_of_an_enumeration(kwargs):
    class Enumerated(Lab):
        def step(self, state, action):
            return super().step(state, action)

    bulk, one_by_one = Lab(**kwargs).tables(), Enumerated(**kwargs).tables()
    assert set(bulk.state_labels) == set(one_by_one.state_labels)
    place = np.array([one_by_one.index(label) for label in bulk.state_labels])
    assert np.array_equal(place[bulk.successors()], one_by_one.successors()[place])
    assert np.array_equal(bulk.action_rewards(), one_by_one.action_rewards()[place])
    assert np.array_equal(bulk.terminal, one_by_one.terminal[place])
    assert np.allclose(bulk.initial, one_by_one.initial[place], atol=1e-15)


def test_eight_directions_go_across_free_corners_only():
    lab = Lab(["*****", "*P  *", "* * *", "*  G*", "*****"], directions=8, heading="southeast")
    (_, start), *_ = [one for one in lab.initial() if one[0]]
    assert lab.step(start, "forward")[0].state == start  # the wall stands in the way
    open_ = Lab(["P  ", "   ", " *G"], directions=8, heading="southeast")
    (_, start), *_ = [one for one in open_.initial() if one[0]]
    middle = open_.step(start, "forward")[0].state
    assert (middle.agent, middle.heading) == ((1, 1), "southeast")
    assert open_.step(middle, "forward")[0].state == middle  # one side of the corner is wall
    turned = middle
    for heading in ("south", "southwest", "west", "northwest", "north", "northeast", "east", "southeast"):
        turned = open_.step(turned, "turn_right")[0].state
        assert turned.heading == heading
    four, eight = (Lab("nav_maze_static_03", renew=True, directions=n).tables() for n in (4, 8))
    assert (four.num_states, eight.num_states) == (1040, 2080)


def test_apples_are_scattered_by_the_seed():
    boards = [Lab("nav_maze_random_goal_01", scatter=0.1, min_distance=4, seed=seed).level.rows for seed in (0, 0, 1)]
    assert boards[0] == boards[1] != boards[2]
    assert [sum(row.count("A") for row in board) for board in boards] == [5, 5, 5]  # a tenth of 50 cells
    many = Lab("nav_maze_random_goal_02", scatter=0.1)
    assert len(many.places) == 14
    assert "14 pickups" in many.large


def test_no_more_states_than_asked_for():
    with pytest.raises(ValueError, match="Lab: found 10,000 states, more than max_states=999"):
        compile_world(Lab("nav_maze_random_goal_01"), max_states=999)


def test_layers_are_read_as_deepmind_lab_reads_them():
    text = LabText.parse("***\n\n*P H.G*\n***", "***\n..BA", name="tiny")
    assert text.rows == ("*******", "*P H.G*", "*******")
    assert text.variations.tolist() == [[0] * 7, [0, 0, 2, 1, 0, 0, 0], [0] * 7]
    assert text.solid[0].all()
    assert text.places("PG") == ((1, 1), (1, 5))


def test_doors_are_crossed_one_way_only():
    lab = Lab("*****\n*   *\n*PH *\n*   *\n*****")  # to the door from the west: no; from the north: yes
    assert lab.go((2, 1), "east", "forward") == ((2, 1), "east")
    assert lab.go((1, 2), "south", "forward") == ((2, 2), "south")
    assert lab.go((2, 2), "east", "forward") == ((2, 2), "east")
    assert lab.go((2, 2), "south", "forward") == ((3, 2), "south")
    across = Lab("******\n*P I *\n******")
    assert across.go((1, 2), "east", "forward") == ((1, 3), "east")


def test_doors_look_open_from_next_to_them():
    lab = Lab("*****\n*P**\n*  *\n*H**\n*  *\n*  *\n****", pickups={})
    assert lab.scene().doors[0].orientation == "H"
    for agent, opened in (((1, 1), False), ((2, 1), True), ((3, 1), True), ((4, 1), True), ((5, 1), False)):
        assert lab.opened(LabState(agent, "north", 0, None)) == [opened]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"level": ""}, "no shipped level is called ''"),
        ({"level": "\n\n"}, "found an empty level"),
        ({"level": "***\n*P#\n***"}, r"found '#' in line 2, column 3; walls are '\*'"),
        ({"level": "\n***\n*P\t*"}, r"found '\\t' in line 3, column 3"),
        ({"level": "***\n***"}, "expected at least one free cell"),
        ({"level": "****\n*G *\n****"}, r"found no spawn; mark one with 'P', for example in line 2, column 2"),
        ({"level": "nav_maze_static_1"}, "did you mean 'nav_maze_static_01'"),
        ({"level": "****\n*P *\n****", "walls": "thin"}, "odd numbers of lines and columns.* line 1, column 4"),
        ({"level": "***\n*P*\n***\n***", "walls": "thin"}, "odd numbers .* found 4 and 3, up to line 4"),
        ({"level": "*****\n*PG *\n*****", "walls": "thin"}, "a thing in a wall, 'G', in line 2, column 3"),
        ({"level": "*****\n*PHP*\n*****", "walls": "thin"}, "a door, 'H', in line 2, column 3"),
        ({"level": "** **\n*P P*\n*****", "walls": "thin"}, "walls .* all around .* line 1, column 3"),
        ({"level": "P G", "variations": "ABCD"}, "at most 1 lines and 3 columns.* found more in line 1, column 4"),
        ({"level": "P G", "variations": "A\nB"}, "found more in line 2"),
        ({"variations": "A"}, "expected None for a level that has its own"),
        ({"walls": "paper"}, "walls: expected 'full' or 'thin', found 'paper'"),
        ({"actions": "gird"}, "actions: expected one of 'grid', 'impala9', 'allo'"),
        ({"actions": "allo", "strafe": True}, "strafe: expected False with actions='allo'"),
        ({"heading": "up"}, "heading: expected None or one of 'north'"),
        ({"heading": "northeast"}, "heading: expected None or one of 'north', 'east', 'south', 'west', found"),
        ({"directions": 6}, "directions: expected 4 or 8, found 6"),
        ({"directions": 8, "actions": "allo"}, "directions: expected 4 with actions='allo'"),
        ({"scatter": 1.5}, "scatter: expected a share of the floor from 0 to 1, found 1.5"),
        ({"scatter": 0.1, "pickups": {"G": "goal"}}, "scatter: expected pickups with the letter 'A', found G only"),
        ({"randomise": "apple"}, r"randomise: expected 'spawn', 'goal', both or \(\)"),
        ({"randomise": 3}, r"randomise: expected 'spawn', 'goal', both or \(\)"),
        ({"pickups": {"A": "aple_reward"}}, "did you mean 'apple_reward'"),
        ({"pickups": {"P": 1}}, "found 'P', which is a spawn"),
        ({"pickups": {"A": float("nan")}}, "expected a name or a reward for 'A'"),
        ({"num_pickups": 7}, "expected a whole number from 0 to 1, which corridors has, found 7"),
        ({"min_distance": 2}, "min_distance: expected 0 where the goal is not drawn anew"),
        ({"level": "small_maze", "min_distance": 99}, "no cell to start in more than 99 steps from a goal"),
        ({"level": "P" + "A" * 63}, "expected at most 62 pickups to remember, found 63"),
        ({"seed": -1}, "seed: expected a whole number"),
        ({"level": {"hight": 11}}, "no setting 'hight'; did you mean 'height'"),
    ],
)
def test_what_is_malformed_is_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Lab(**kwargs)


class TestGeneratedLevels:
    def test_without_the_generator_there_is_a_clear_error_and_what_is_shipped(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "labmaze", None)
        with pytest.raises(ImportError, match=r"takes labmaze: pip install .*labs.*explore_goal_locations_small"):
            Lab("explore_goal_locations_small", seed=1)
        assert Lab("explore_goal_locations_small").tables().num_states > 1000

    def test_settings_and_seed_reach_the_generator(self, monkeypatch):
        asked = []

        def maze(**settings):
            asked.append(settings)
            return types.SimpleNamespace(entity_layer="****\n*PG*\n****\n", variations_layer="....\n.AA.\n....\n")

        monkeypatch.setitem(sys.modules, "labmaze", types.SimpleNamespace(RandomMaze=maze))
        assert Lab({"height": 3, "has_doors": True}, seed=5).text.variations.sum() == 2
        assert Lab("explore_goal_locations_large", seed=7, randomise=()).region == ((1, 1), (1, 2))
        assert asked == [
            {"height": 3, "has_doors": True, "random_seed": 5},
            {**GENERATORS["explore_goal_locations_large"], "random_seed": 7},
        ]

    def test_shipped_samples_are_those_of_seed_0(self):
        """Where the generator is installed; it always holds that they have its sizes."""
        for name, settings in GENERATORS.items():
            rows = [row for row in LEVELS[name].text.split("\n") if row]
            assert (len(rows), len(rows[0])) == (settings["height"], settings["width"])
            if importlib.util.find_spec("labmaze"):
                made = generated(settings, 0)
                assert made.text.strip("\n") == LEVELS[name].text.strip("\n")
                assert made.variations.strip("\n") == LEVELS[name].variations.strip("\n")


def test_walls_of_scenes_stand_where_the_agent_stops():
    for name in ("nav_maze_static_01", "text_level_doc_example"):
        lab = Lab(name, renew=True)
        walls = lab.scene().walls > 0
        for row, column in lab.region:
            if str(lab.text.glyphs[row, column]) in "HI":
                continue  # a door is open on two sides, and has walls on the others in these levels
            for side, heading in enumerate(TURNED):
                stops = lab.go((row, column), heading, "forward")[0] == (row, column)
                assert walls[row, column, side] == stops


def test_cells_around_by_their_definition():
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = ["".join(rng.choice(["*", " ", " "], 5)) for _ in range(4)] + ["A****"]
        text = LabText.parse(rows, walls="full")

        def free(cell, rows=rows):
            return 0 <= cell[0] < 5 and 0 <= cell[1] < 5 and rows[cell[0]][cell[1]] != "*"

        around = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
        for i, (r, c) in enumerate(text.cells):
            there = [(r + dr, c + dc) for dr, dc in around]
            open_ = [free(cell) for cell in there]
            reached = [open_[k] and (k % 2 == 0 or (open_[k - 1] and open_[(k + 1) % 8])) for k in range(8)]
            assert text.neighbours_of_eight[i].tolist() == [
                text.number[cell] if ok else -1 for cell, ok in zip(there, reached, strict=True)
            ]
            assert text.neighbours[i].tolist() == text.neighbours_of_eight[i, ::2].tolist()


THIN = ["*******", "*A B* *", "* *** *", "*   *C*", "*******"]


def test_cells_of_thin_walls_are_found_in_the_text():
    text = LabText.parse(THIN, walls="thin")
    for glyph in "ABC":
        [cell] = text.places(glyph)
        line, column = text.on_text(cell)
        assert THIN[line][column] == glyph
        assert LabText.parse(THIN).on_text((line, column)) == (line, column)


@pytest.mark.parametrize("place", [(0, 2), (4, 3), (1, 0), (3, 6)])
def test_thin_walls_go_all_around(place):
    rows = [list(row) for row in THIN]
    rows[place[0]][place[1]] = " "
    with pytest.raises(ValueError, match=rf"all around .* found ' ' in line {place[0] + 1}, column {place[1] + 1}"):
        LabText.parse(["".join(row) for row in rows], walls="thin")


@pytest.mark.parametrize("place", [(1, 2), (2, 1), (2, 2)])
def test_no_things_in_thin_walls(place):
    rows = [list(row) for row in THIN]
    rows[place[0]][place[1]] = "D"
    with pytest.raises(ValueError, match=rf"found a thing in a wall, 'D', in line {place[0] + 1}"):
        LabText.parse(["".join(row) for row in rows], walls="thin")
