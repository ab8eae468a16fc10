"""Saved models: the same policy as the model itself, no pickle, and a command that compares it."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC

import power_metrics as pm
from power_metrics.agents.sb3_files import load_policy
from power_metrics.cli import main as cli

torch.set_num_threads(1)


def make(**kwargs):
    return gym.make("powerenvs:PowerGrid-v0", **{"level": "open_3x3", **kwargs})


def saved(model, path):
    model.save(path)
    return path


@pytest.mark.parametrize(
    ("algorithm", "kwargs"),
    [
        (PPO, {}),
        (A2C, {"policy_kwargs": {"net_arch": [16]}}),
        (PPO, {"policy_kwargs": {"net_arch": {"pi": [8, 8], "vf": [4]}, "activation_fn": torch.nn.ReLU}}),
        (MaskablePPO, {}),
        (DQN, {"buffer_size": 10, "policy_kwargs": {"net_arch": [12]}}),
        (QRDQN, {"buffer_size": 10, "policy_kwargs": {"n_quantiles": 7}}),
    ],
)
def test_same_table_as_the_model(algorithm, kwargs, tmp_path):
    env = make(observation="onehot")
    model = algorithm("MlpPolicy", env, device="cpu", seed=0, gamma=0.8, **kwargs)
    policy, settings = load_policy(saved(model, tmp_path / "model.zip"), env)
    assert np.array_equal(pm.policy_table(policy, env), pm.policy_table(model, env))
    assert settings["gamma"] == 0.8


def test_images(tmp_path):
    env = make(observation="rgb")
    model = PPO("CnnPolicy", env, device="cpu", seed=0, n_steps=8, batch_size=8)
    policy, _ = load_policy(saved(model, tmp_path / "model.zip"), env)
    assert np.array_equal(pm.policy_table(policy, env), pm.policy_table(model, env))


def test_nothing_is_unpickled(tmp_path):
    """Even a file whose every pickled part would run code."""

    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('unpickled')",))

    model = PPO("MlpPolicy", make(), device="cpu", policy_kwargs={"activation_fn": torch.nn.ReLU})
    path = saved(model, tmp_path / "model.zip")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(parts["data"])
    trap = pickle.dumps(Trap())
    for value in data.values():
        if isinstance(value, dict) and ":serialized:" in value:
            value[":serialized:"] = trap.hex()
    parts["data"] = json.dumps(data).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    load_policy(path, make())
    stream = io.BytesIO()
    torch.save(Trap(), stream)
    parts["policy.pth"] = stream.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="expected a model saved by Stable-Baselines3"):
        load_policy(path, make())


class Custom(torch.nn.ReLU):
    pass


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda path: path.write_bytes(b"not a zip"), "expected a model saved by Stable-Baselines3, found"),
        (
            lambda path: PPO("MlpPolicy", make(level="corridor"), device="cpu").save(path),
            "trained on other observations",
        ),
        (
            lambda path: PPO("MlpPolicy", make(), device="cpu", policy_kwargs={"activation_fn": Custom}).save(path),
            "policy_kwargs have activation_fn=.*in Python",
        ),
        (lambda path: RecurrentPPO("MlpLstmPolicy", make(), device="cpu").save(path), r"recurrent.*rollout_counts"),
        (
            lambda path: SAC("MlpPolicy", gym.make("Pendulum-v1"), device="cpu", buffer_size=10).save(path),
            "expected a model of PPO",
        ),
    ],
    ids=["no zip", "other level", "own layer", "recurrent", "continuous"],
)
def test_files_that_do_not_fit(save, message, tmp_path):
    path = tmp_path / "model.zip"
    save(path)
    with pytest.raises(ValueError, match=message):
        load_policy(path, make())


# The command


@pytest.fixture
def model_file(tmp_path):
    return str(saved(PPO("MlpPolicy", make(), device="cpu", seed=0, gamma=0.8), tmp_path / "model.zip"))


@pytest.mark.slow
def test_command(model_file, tmp_path, capsys):
    files = ["--plot", str(tmp_path / "c.png"), "--json", str(tmp_path / "c.json")]
    assert (
        cli.main(["compare", model_file, "--env", "PowerGrid-v0", "--level", "open_3x3", "--samples", "200", *files])
        == 0
    )
    printed = capsys.readouterr().out
    expected = pm.compare(PPO.load(model_file, device="cpu"), make(), 0.8, num_samples=200)
    assert str(expected) in printed
    assert "PowerGrid-v0 (level=open_3x3)" in printed
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((tmp_path / "c.json").read_text()) == json.loads(expected.to_json())


def test_command_options(model_file, capsys):
    base = ["compare", model_file, "--env", "PowerGrid-v0", "--level", "open_3x3", "--samples", "50", "--gamma", "0.5"]
    assert cli.main([*base, "--deterministic", "--epsilon", "0.25", "--seed", "3"]) == 0
    model = PPO.load(model_file, device="cpu")
    expected = pm.compare(model, make(), 0.5, num_samples=50, seed=3, deterministic=True, epsilon=0.25)
    assert str(expected) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--env", "PowerGrid-v0"], "trained on other observations"),
        (["--env", "PowerGird-v0"], "did you mean"),
        ([], "--env"),
        (["--env", "PowerGrid-v0", "--level", "open_3x3", "--gamma", "2"], "--gamma: expected a discount"),
        (["--env", "PowerGrid-v0", "--level", "open_3x3", "--samples", "0"], "--samples: expected a whole number"),
        (["--env", "PowerGrid-v0", "--level", "open_3x3", "--plot", "c.txt"], "--plot: expected a picture file"),
        (["--env", "PowerGrid-v0", "--level", "open_3x3", "--epsilon", "3"], "epsilon: expected a probability"),
    ],
)
def test_command_refuses_in_one_line(options, message, model_file, capsys):
    assert cli.main(["compare", model_file, *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_command_without_a_file(capsys, tmp_path):
    assert cli.main(["compare", str(tmp_path / "none.zip"), "--env", "PowerGrid-v0"]) == 2
    assert "found no file" in capsys.readouterr().err
    make().unwrapped.mdp.save(tmp_path / "m.npz")
    path = saved(PPO("MlpPolicy", make(), device="cpu"), tmp_path / "model.zip")
    assert cli.main(["compare", str(path), "--env", str(tmp_path / "m.npz")]) == 2
    assert "does not say what an agent sees" in capsys.readouterr().err
