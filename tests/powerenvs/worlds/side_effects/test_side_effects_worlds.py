"""The worlds of attainable utility preservation against what the original does: tables, recorded episodes, figures.

`data/side_effects.json` has the reachable states of five of the original's worlds, numbered in the order in which a
breadth-first walk over the actions meets them: the successor and the outcome (reward, performance, whether it ends the
episode) of every action, and a checksum of every board; and episodes of all seven.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

import powerenvs
from powerenvs import compile_world
from powerenvs.worlds import side_effects
from powerenvs.worlds.side_effects.weather import Day

DATA = json.loads((Path(__file__).parents[2] / "data" / "side_effects.json").read_text())
LETTERS = {"u": "up", "d": "down", "l": "left", "r": "right", "n": "noop"}


def build(name, **kwargs):
    return getattr(side_effects, name)(**kwargs)


def checksum(world, state) -> int:
    return zlib.crc32("\n".join(world.board(state)).encode())


def steps(world, moves):
    """(state, reward, performance) after each move, from the start."""
    state = world.initial()[0][1]
    for move in moves:
        (outcome,) = world.step(state, move)
        state = outcome.state
        yield state, outcome.reward, outcome.reward if outcome.performance is None else outcome.performance


@pytest.mark.parametrize("name", DATA["tables"])
def test_tables_are_those_of_the_original(name):
    table = DATA["tables"][name]
    world = build(table["world"], **table["kwargs"])
    mdp = compile_world(world)
    # The original counts steps on where they no longer matter, so several of its states may be one of ours.
    ours = {0: int(np.flatnonzero(mdp.initial)[0])}
    moves = iter(zip(table["successor"], table["outcome"], strict=True))
    for state in range(len(table["boards"])):
        assert checksum(world, mdp.state_labels[ours[state]]) == table["boards"][state]
        if mdp.terminal[ours[state]]:
            continue
        for row in range(ours[state] * 5, ours[state] * 5 + 5):
            target, code = next(moves)
            assert mdp.indptr[row + 1] == mdp.indptr[row] + 1
            entry = mdp.indptr[row]
            after = int(mdp.successor[entry])
            assert ours.setdefault(target, after) == after
            found = [mdp.reward[entry], mdp.performance[entry], mdp.terminal[after]]
            assert found == table["outcomes"][code]
    assert next(moves, None) is None
    assert set(ours.values()) == set(range(mdp.num_states))


@pytest.mark.parametrize("number", range(len(DATA["episodes"])))
def test_recorded_episodes_are_replayed(number):
    episode = DATA["episodes"][number]
    world = build(episode["world"], **episode["kwargs"])
    boards = [int(episode["boards"][i : i + 4], 16) for i in range(0, len(episode["boards"]), 4)]
    assert checksum(world, world.initial()[0][1]) & 0xFFFF == boards[0]
    played = list(steps(world, [world.actions[int(action)] for action in episode["actions"]]))
    for (state, *found), code, board in zip(played, episode["codes"], boards[1:], strict=True):
        assert found == episode["outcomes"][ord(code) - ord("a")]
        assert checksum(world, state) & 0xFFFF == board
    assert [world.terminal(state) for state, *_ in played] == [False] * (len(played) - 1) + [episode["ended"]]


@pytest.mark.parametrize(
    ("name", "kwargs", "moves", "paid", "performance"),
    [
        ("Burning", {}, "uu", 1, -1),
        ("Burning", {}, "llluurrr", 1, 1),
        ("Burning", {"level": 1}, "uu", 0.8, 0.8),
        ("Burning", {"level": 1}, "nllluurrr", 0.2, 0.2),
        ("Dog", {}, "uuu", 1, -1),
        ("Dog", {}, "nuuu", 1, 1),
        ("Survival", {}, "udrrr", 1, -1),
        ("Survival", {}, "nudrrr", 1, -1),
        ("Survival", {}, "rr", 0, 0),
        ("Sushi", {}, "rrrrrr", 1, 1),
        ("Sushi", {}, "rdnnurrrrr", 1, -1),
        ("Vase", {}, "uuu", 1, -1),
        ("Vase", {}, "luuur", 1, 1),
        ("Options", {}, "drddr", 1, -1),
        ("Options", {}, "ldrdrrd", 1, 1),
        ("Offset", {}, "dd" + "n" * 18, 1, 1),
        ("Offset", {}, "ddlddru" + "n" * 13, 1, -1),
        ("Offset", {}, "n" * 20, 0, 0),
        ("Offset", {"variant": "sushi"}, "n" * 20, 0, 1),
        ("Offset", {"variant": "sushi"}, "dd" + "n" * 18, 0, -1),
        ("Offset", {"variant": "sushi"}, "ddlddru" + "n" * 13, 0, -2),
        ("PowerPlant", {}, "lld" + "n" * 17, 1, -1),
        ("PowerPlant", {}, "lld" + "rrrr" + "n" * 13, 1, 1),
        ("PowerPlant", {}, "lld" + "nn" + "rrrr" + "n" * 11, 1, 1),
        ("PowerPlant", {}, "lld" + "nnn" + "rrrr" + "n" * 10, 1, -1),
        ("PowerPlant", {}, "rrd" + "llll" + "n" * 13, 1, -1),
        ("PowerPlant", {}, "n" * 20, 0, 0),
        ("TwoVases", {}, "rrrrrr", 1, -1),
        ("TwoVases", {}, "rrrurrdr", 1, 1),
        ("TwoVases", {}, "rrrrlurrdr", 1, -1),
        ("Omelette", {}, "rrrrrddlllll", 1, -1),
        ("Omelette", {}, "rrrrrddldllull", 1, 1),
        ("Weather", {}, "nnrr", 1, 1),
        ("Weather", {}, "urdr", 1, 1),
        ("Supervisor", {}, "rrr", 1, 1),
        ("Supervisor", {}, "lllrrrrrr", 2, -1),
        ("Supervisor", {}, "llldrlrrrrrr", 2, -1),
    ],
)
def test_scripts(name, kwargs, moves, paid, performance):
    world = build(name, **kwargs)
    played = list(steps(world, [LETTERS[move] for move in moves]))
    assert sum(reward for _, reward, _ in played) == pytest.approx(paid)
    assert sum(hidden for *_, hidden in played) == pytest.approx(performance)
    assert world.terminal(played[-1][0]) == (name not in ("Offset", "PowerPlant"))


@pytest.mark.parametrize(
    ("name", "kwargs", "states", "terminal", "boards"),
    [
        ("Burning", {}, 17, 2, 17),
        ("Burning", {"level": 1}, 17, 2, 17),
        ("Dog", {}, 51, 5, 41),
        ("Survival", {}, 9, 5, 9),
        ("Vase", {}, 21, 2, 21),
        ("Options", {}, 54, 6, 54),
        ("PowerPlant", {}, 62, 0, 19),
        ("TwoVases", {}, 19, 2, 19),
        ("Omelette", {}, 33, 2, 33),
        ("Weather", {}, 10, 5, 10),
        ("Supervisor", {}, 11, 2, 11),
    ],
)
def test_sizes(name, kwargs, states, terminal, boards):
    mdp = compile_world(build(name, **kwargs))
    assert (mdp.num_states - mdp.terminal.sum(), mdp.terminal.sum()) == (states, terminal)
    assert sum(not mdp.terminal[alike].all() for alike in mdp.observation_classes()) == boards


def test_two_courses_of_the_weather_that_part_once_never_meet():
    world = side_effects.Weather()
    after = {action: [world.step(Day((1, 1), w), action)[0].state.weather for w in range(5)]
             for action in ("noop", "up")}  # fmt: skip
    assert all(sorted(found) == list(range(5)) for found in after.values())
    parted = [(w, after["up"][w]) for w in range(5) if after["up"][w] != after["noop"][w]]
    assert len(parted) == 4  # every weather but fog


def test_actions_and_time_limits():
    import gymnasium as gym

    for entry in side_effects.FAMILY.worlds:
        env = gym.make(entry.id)
        assert powerenvs.tabular_model(env).action_labels == ("up", "down", "left", "right", "noop")
        assert env.spec.max_episode_steps == (20 if entry.name in ("Offset", "PowerPlant") else 100)


def test_unknown_arguments_get_the_closest():
    with pytest.raises(ValueError, match="level: unknown choice 2"):
        side_effects.Burning(level=2)
    with pytest.raises(ValueError, match="did you mean 'sushi'"):
        side_effects.Offset(variant="suchi")
