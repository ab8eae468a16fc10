"""``powerenvs rollout``: what it prints and writes, and how it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.cli import main as cli
from power_metrics.measures.run_policies import drawn_pairs, drawn_rewards, pair_policies
from powerenvs.rollout import rollout
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.power.pair import PowerPair
from powerenvs.worlds.resources import OneKey

MAZE = ("rollout", "PowerGrid-v0", "--level", "maze_7x7")


def output(capsys, *words):
    assert cli.main([str(word) for word in words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_one_agent(capsys, tmp_path):
    path = tmp_path / "walk.gif"
    words = ("--gamma", 0.8, "--sample", 7, "--seed", 3, "--start", "(0, 0)", "--steps", 12, "--walk-seed", 5)
    out = output(capsys, *MAZE, *words, "--save", path)
    mdp = PowerGrid("maze_7x7").tables()
    rewards = drawn_rewards(mdp, 7, seed=3)
    walk = rollout(mdp, pm.optimal_policies(mdp, rewards, 0.8)[0], (0, 0), 12, 5)
    assert walk.describe({"reward": rewards[0]}) in out
    assert out.startswith(
        "PowerGrid-v0 (level=maze_7x7): optimal for reward function 7 of Uniform(low=0.0, high=1.0), seed 3\n"
    )
    assert f"wrote {path}" in out
    with Image.open(path) as film:
        assert film.n_frames == 13
        wanted = next(walk.frames(columns={"reward": rewards[0]}))
        assert np.array_equal(np.array(film.convert("RGB")), wanted)


def test_two_agents(capsys):
    words = ("--gamma", 0.6, "--gamma-a", 0.4, "--correlation", -0.5, "--rounds", 2, "--sample", 3)
    out = output(capsys, "rollout", "power_pair", *words, "--reward-distribution", "uniform(-1, 1)")
    game = PowerPair().tables()
    pair = drawn_pairs(game, 3, -0.5, pm.Uniform(-1, 1))
    walk = rollout(game, pair_policies(game, pair, 0.6, 0.4, rounds=2))
    assert walk.describe({"reward of human": pair[0][0], "reward of ai": pair[1][0]}) in out
    assert "\ngamma 0.6, 0.4, correlation -0.5\n" in out


def test_pictures_are_those_of_the_world(capsys, tmp_path):
    output(capsys, "rollout", "one_key", "--steps", 3, "--save", tmp_path / "key.gif")
    world = OneKey()
    game = world.tables()
    pair = drawn_pairs(game, 0)
    walk = rollout(game, pair_policies(game, pair, 0.9), num_steps=3)
    columns = {"reward of human": pair[0][0], "reward of ai": pair[1][0]}
    assert game.state_labels[walk.states[-1]].key != "floor"  # so that the board has changed
    with Image.open(tmp_path / "key.gif") as film:
        film.seek(3)
        assert np.array_equal(np.array(film.convert("RGB")), list(walk.frames(world=world, columns=columns))[3])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--start", "(0, 77)"), "start: unknown state '(0, 77)'; expected one of 31"),
        (("--sample", -1), "--sample: expected a whole number of at least 0, found -1"),
        (("--steps", -1), "--steps: "),
        (("--gamma", 1), "gamma: expected a discount below 1"),
        (("--correlation", 0.5), "--correlation: goes with two agents only"),
        (("--reward-distribution", "unifrom(0, 1)"), "did you mean 'uniform'"),
        (("--save", "walk.png"), "--save: expected a name that ends in .gif or .mp4"),
    ],
)
def test_refusals(capsys, words, message):
    assert cli.main([str(word) for word in (*MAZE, *words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_several_correlations_are_refused(capsys):
    assert cli.main(["rollout", "power_pair", "--correlation", "0", "1"]) == 2
    assert "--correlation: expected one number, found 2" in capsys.readouterr().err
