"""``powerenvs agency``: walks from files, from play and rollouts, by kind and by policy."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import power_metrics as pm
from power_metrics.cli import main as cli
from power_metrics.cli.play import Game
from powerenvs import tabular_model
from powerenvs.rollout import rollout
from powerenvs.worlds.power import PowerGrid
from powerenvs.worlds.side_effects import Vase

GRID = ("PowerGrid-v0", "--level", "S...\\n.##.\\n...G")
MDP = PowerGrid("S...\n.##.\n...G").tables()


def rows(out):
    """The numbers of each walk."""
    table = out.split("\n\n")[1].split("\n")
    return [line.rsplit(maxsplit=4)[1:] for line in table[1:] if line and not line.startswith("wrote")]


def test_a_kind_of_walk_by_three_priors(run):
    status, out, err = run("agency", *GRID, "--trajectory", "wall_follower", "--steps", 9, "--prior", 0.1, 0.5, 0.9)
    assert (status, err) == (0, "")
    found = pm.agency(MDP, "wall_follower", steps=9)
    line = next(line for line in out.split("\n") if line.startswith("wall_follower"))
    assert line.split()[1:] == [
        str(found.num_steps), f"{found.log_agents[-1]:.2f}", f"{found.log_devices[-1]:.2f}",
        *(f"{pm.agency(MDP, found.walk, prior=prior).probability[-1]:.4g}" for prior in (0.1, 0.5, 0.9)),
    ]  # fmt: skip
    assert "goals: " in out
    assert "devices: " in out


def test_policies_with_seeds_and_files(run):
    words = ("--policy", "optimal", "--seed", 0, 4, "--agents", "goals", "uniform", "--devices", "uniform", "tree(2)")
    status, out, _ = run("agency", *GRID, *words, "--json", "a.json", "--save", "walk.csv")
    assert status == 0
    policy = pm.optimal_policies(MDP, None, 0.9)[0].numpy()
    for row, seed in zip(rows(out), (0, 4), strict=True):
        walk = rollout(MDP, policy, None, 60, seed)
        found = pm.agency(MDP, walk, ["goals", "uniform"], ["uniform", "tree(2)"])
        assert row[-1] == f"{found.probability[-1]:.4g}"
        assert pm.load_trajectory(MDP, f"walk_{seed}.csv").states.tolist() == walk.states.tolist()
    found = json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert list(found["walks"]) == ["policy optimal, seed 0", "policy optimal, seed 4"]


@pytest.mark.slow
def test_pictures_and_films(run):
    status, out, _ = run("agency", *GRID, "--plot", "a.png", "--film", "a.gif")
    assert status == 0
    assert "wrote a.png\nwrote a.gif" in out
    with Image.open("a.gif") as film:
        assert film.n_frames == 6


def test_rollouts_can_be_weighed(run):
    assert run("rollout", *GRID, "--steps", 7, "--save", "walk.jsonl")[0] == 0
    walk = pm.load_trajectory(MDP, "walk.jsonl")
    status, out, _ = run("agency", *GRID, "--trajectory", "walk.jsonl")
    assert status == 0
    assert rows(out)[0][0] == str(walk.num_steps)
    assert run("rollout", "power_pair", "--save", "walk.csv")[2].startswith("powerenvs: --save: expected an animation")


def test_what_is_played_can_be_weighed(run):
    env = gym.make("powerenvs/Vase-v0", render_mode="ansi")
    mdp = tabular_model(env)
    played = Game(env, "", 0, mdp)
    played.press("up")
    played.press("r")  # a new episode
    for key in ("down", "down", "x", "right"):
        played.press(key)
    walk = played.walk()
    assert walk.action_labels() == ("down", "down", "right")
    pm.save_trajectory(walk, "walk.csv")
    status, out, _ = run("agency", "powerenvs/Vase-v0", "--trajectory", "walk.csv")
    assert status == 0
    expected = pm.agency(Vase(), walk.labels() and [*zip(walk.labels(), (*walk.action_labels(), None), strict=True)])
    assert rows(out)[0][-1] == f"{expected.probability[-1]:.4g}"
    lake = gym.make("FrozenLake-v1", is_slippery=False, render_mode="ansi")
    played = Game(lake, "", 0, tabular_model(lake))
    played.press("1")
    assert played.walk().states.tolist() == [0, 4]
    with pytest.raises(ValueError, match="mdp: expected the tables"):
        Game(lake, "").walk()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trajectory", "bounse"], "did you mean 'bounce'"),
        (["--trajectory", "bounce", "--policy", "random"], "--trajectory: expected without --policy"),
        (["--trajectory", "none.csv"], "none.csv"),
        (["--trajectory", "none.csv", "--seed", "1"], "--seed: expected none for a file"),
        (["--policy", "optimul"], "did you mean 'optimal'"),
        (["--seed", "1", "1"], "--seed: expected each once"),
        (["--seed", *"012345678", "--plot", "a.png"], "--seed: expected at most 8 for a picture"),
        (["--seed", "-1"], "--seed: expected a whole number"),
        (["--prior", "2"], "--prior: expected probabilities"),
        (["--steps", "0"], "--steps: expected a whole number"),
        (["--agents", "goalz"], "did you mean 'goals'"),
        (["--devices", "wals"], "did you mean 'walls'"),
        (["--save", "a.npz"], "--save: expected a file that ends in .csv or .jsonl"),
        (["--film", "a.png"], "--film"),
        (["--plot", "a.txt"], "--plot: expected a picture file"),
    ],
)
def test_one_line_for_bad_input(run, words, message):
    status, _, err = run("agency", *GRID, *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_play_refuses_files_for_other_things(capsys):
    assert cli.main(["play", "PowerGrid-v0", "--save", "walk.npz"]) == 2
    assert "--save: expected a file that ends in .csv or .jsonl" in capsys.readouterr().err


def test_malformed_files_are_refused_with_their_line(run):
    Path("walk.csv").write_text('state,action\n"(0, 0)",right\n"(2, 2)",up\n', encoding="utf-8")
    status, _, err = run("agency", *GRID, "--trajectory", "walk.csv")
    assert status == 2
    assert "walk.csv: line 3: expected what right in (0, 0) can lead to, found (2, 2)" in err
    assert np.array_equal(pm.agency(MDP, []).probability, [0.5])
