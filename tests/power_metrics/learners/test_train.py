"""`pm.train`: what is learned, that interrupted training ends as it would have, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C

import power_metrics as pm
from power_metrics.cli import main as cli
from power_metrics.learners.algorithms import ALGORITHMS
from power_metrics.learners.looks import Looks
from tests.models import CLIFF

SMALL = {
    "vector_ppo": {"num_envs": 4, "num_steps": 8},
    "vector_a2c": {"num_envs": 4, "num_steps": 4},
    **{
        name: {"num_envs": 4, "learning_starts": 20, "batch_size": 8, "buffer_size": 200}
        for name in ("rainbow", "vector_dqn", "vector_noisy_dqn")
    },
    "ppo": {"n_steps": 32, "batch_size": 16},
    "dqn": {"learning_starts": 20, "batch_size": 8, "buffer_size": 200},
    "noisy_dqn": {"learning_starts": 20, "batch_size": 8, "buffer_size": 200},
    "qr_dqn": {"learning_starts": 20, "batch_size": 8, "buffer_size": 200},
}


def make(**kwargs):
    return gym.make("PowerGrid-v0", **{"level": "S..G", "max_episode_steps": 20, **kwargs})


def small(algorithm, **kwargs):
    return pm.train(make(), algorithm, **{"steps": 96, "eval_every": 32, "gamma": 0.9, "progress": False, **kwargs})


@pytest.mark.parametrize("algorithm", ["q_learning", "sarsa"])
@pytest.mark.parametrize("world", [{}, {"level": "S..\n.#.\n..G", "noise": 0.1}])
def test_tables_learn_what_is_optimal(algorithm, world):
    found = pm.train(make(**world), algorithm, steps=8_000, gamma=0.9, progress=False, seed=1)
    assert found.score[0] == pytest.approx(0.0, abs=1e-9)
    assert found.score[-1] > 0.97
    assert found.returns[-1] <= found.optimal_return + 1e-9
    best = pm.solve_task(found.model, 0.9)
    assert found.optimal_return == pytest.approx(float(found.model.initial @ best.values[0]), abs=1e-12)
    uniform = np.full((found.model.num_states, 5), 0.2)
    assert found.random_return == pytest.approx(pm.expected_return(found.model, uniform, 0.9), abs=1e-12)


def test_sarsa_learns_the_value_of_what_it_does():
    """Beside a cliff with noise in its own actions SARSA keeps away, where Q-learning walks along the edge."""
    env = gym.make(CLIFF, max_episode_steps=100)
    settings = {"first_epsilon": 0.2, "last_epsilon": 0.2, "decay": 0.0, "learning_rate": 0.3}
    rows = {}
    for algorithm in ("q_learning", "sarsa"):
        found = pm.train(env, algorithm, steps=15_000, gamma=0.99, settings=settings, progress=False)
        visited = pm.occupancy(found.model, found.policies[-1], 0.99).reshape(4, 12)
        rows[algorithm] = visited[2, 1:11].sum()
    assert rows["q_learning"] > 0.05 > rows["sarsa"]


def test_torch_has_one_thread_in_training_and_as_many_as_before_afterwards(monkeypatch):
    """Threads that share the work of small networks wait for each other, longer than the work takes."""
    before, seen, look = torch.get_num_threads(), [], Looks.look

    def count(self, *rest):
        seen.append(torch.get_num_threads())
        if len(seen) == 3:
            raise KeyboardInterrupt
        look(self, *rest)

    monkeypatch.setattr(Looks, "look", count)
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyboardInterrupt):
            small("vector_a2c", settings=SMALL["vector_a2c"])
        assert (seen, torch.get_num_threads()) == ([1, 1, 1], 3)
    finally:
        torch.set_num_threads(before)


def stopped(monkeypatch, after):
    """Training ends by an error at the so manyeth look, before it is written down."""
    keep = Looks.keep

    def fail(self, step, *rest):
        if len(self.tracker.history) > after:
            raise KeyboardInterrupt
        keep(self, step, *rest)

    monkeypatch.setattr(Looks, "keep", fail)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if ALGORITHMS[name].extra != "rllib"])
def test_what_was_interrupted_ends_as_it_would_have(algorithm, tmp_path, monkeypatch):
    if algorithm == "qr_dqn":
        pytest.importorskip("sb3_contrib")
    settings = SMALL.get(algorithm)
    whole = small(algorithm, settings=settings)
    with monkeypatch.context() as patch:
        stopped(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            small(algorithm, settings=settings, out=tmp_path / "run")
    left = pm.Training.load(tmp_path / "run" / "training.npz")
    assert len(left.step) == 2
    again = small(algorithm, settings=settings, out=tmp_path / "run")
    assert np.array_equal(again.step, whole.step)
    close = 0.0 if algorithm in ("q_learning", "sarsa") else 1e-4  # torch may add in another order
    assert again.policies == pytest.approx(whole.policies, abs=close)
    assert small(algorithm, settings=settings, out=tmp_path / "run") == again
    names = sorted(path.name for path in (tmp_path / "run").iterdir() if path.name[0] != ".")
    assert [name for name in names if name.startswith("model-")] == [
        f"model-{int(whole.step[-1])}{Path(names[1]).suffix}"
    ]
    assert {"curve.csv", "training.json", "training.npz"} < set(names)


def test_its_checkpoint_is_a_model(tmp_path):
    found = small("a2c", out=tmp_path)
    model = A2C.load(next(tmp_path.glob("model-*.zip")))
    assert pm.policy_table(model, make()) == pytest.approx(found.policies[-1], abs=1e-5)
    assert json.loads((tmp_path / "training.json").read_text())["algorithm"] == "a2c"


def test_qr_dqn_learns():
    pytest.importorskip("sb3_contrib")
    settings = {**SMALL["qr_dqn"], "policy_kwargs": {"n_quantiles": 5, "net_arch": [8]}}
    found = small("qr_dqn", settings=settings)
    assert found.policies.shape == (4, 4, 5)
    assert json.loads(found.settings)["policy_kwargs"] == {"n_quantiles": 5, "net_arch": [8]}
    assert small("qr_dqn", settings=settings).settings == found.settings  # which the library writes into


def test_observations_that_are_dictionaries():
    class Both(gym.ObservationWrapper):
        def __init__(self, env):
            super().__init__(env)
            self.observation_space = gym.spaces.Dict({"state": env.observation_space})

        def observation(self, observation):
            return {"state": observation}

    found = pm.train(Both(make()), "a2c", steps=32, progress=False, power=np.arange(4.0))
    assert found.step[-1] == 32


def test_its_picture_and_its_table(tmp_path):
    found = small("q_learning")
    figure = found.plot(path=tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert figure.axes[0].get_ylabel() == "expected discounted return"
    assert list(found.to_frame()) == ["step", "return_exact", "performance_exact", "normalised", "entropy"]
    assert "q_learning, 96 steps: return" in repr(found)
    assert pm.plot_training({"table": [found, small("q_learning", seed=1)]}, "return_exact").axes


def test_where_all_policies_earn_the_same_there_is_no_score():
    found = pm.train(make(level="..."), "q_learning", steps=40, progress=False)
    assert np.isnan(found.score).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "alphago"}, "algorithm: expected one of q_learning, sarsa, vector_ppo"),
        ({"steps": 0}, "steps"),
        ({"steps": 10, "gamma": 1.0}, "gamma"),
        ({"env": "PowerGrid-v0"}, "env: expected a Gymnasium environment"),
        ({"env": gym.make("CartPole-v1")}, "env"),
        ({"settings": 3}, "settings: expected a mapping with names"),
        ({"settings": {"learning_rate": 2.0}}, "learning_rate: expected a number from 0 to 1, found 2.0"),
        ({"settings": {"initial_value": None}}, "initial_value: expected a number"),
        ({"settings": {"on_policy": "no"}}, "on_policy: expected True or False"),
    ],
)
def test_refused(arguments, message):
    given = {"env": make(), "algorithm": "q_learning", "steps": 10, "progress": False, **arguments}
    with pytest.raises(ValueError, match=message):
        pm.train(given.pop("env"), **given)


def test_unknown_settings_are_named():
    with pytest.raises(TypeError, match="speed"):
        small("q_learning", settings={"speed": 3})


def test_folders_of_other_things_are_left_alone(tmp_path):
    small("q_learning", out=tmp_path / "run")
    with pytest.raises(ValueError, match="has training with seed 0, found 1; use another folder"):
        small("q_learning", out=tmp_path / "run", seed=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="expected a new folder or one of this training, found other files"):
        small("q_learning", out=tmp_path / "other")


def test_the_command(capsys, tmp_path):
    words = ["train", "PowerGrid-v0", "--level", "S..G", "--max-episode-steps", "20", "--algorithm", "q_learning"]
    words += ["--steps", "200"]
    assert cli.main([*words, "--setting", "decay=0.5", "--json", str(tmp_path / "found.json")]) == 0
    assert "q_learning, 200 steps: return" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["algorithm"] == "q_learning"
    assert cli.main(["train", "PowerGrid-v0", "--algorithm", "list"]) == 0
    assert "noisy_dqn" in capsys.readouterr().out
    assert cli.main([*words, "--setting", "decay=fast"]) == 2
    assert "--setting: expected NAME=VALUE with a JSON value, found 'decay=fast'" in capsys.readouterr().err
